"""Small faults in source code: another comparison, a constant off by one, swapped arguments, a lost call."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

OPERATORS = {
    **{ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">")},
    **{ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not")},
    **{ast.IsNot: ("is not", "is"), ast.In: ("in", "not in"), ast.NotIn: ("not in", "in")},
    **{ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*")},
    **{ast.FloorDiv: ("//", "/"), ast.Mod: ("%", "//"), ast.Pow: ("**", "*")},
    **{
        ast.BitAnd: ("&", "|"),
        ast.BitOr: ("|", "&"),
        ast.And: ("and", "or"),
        ast.Or: ("or", "and"),
    },
    **{ast.Not: ("not", ""), ast.USub: ("-", ""), ast.Invert: ("~", "")},
}
"""Operators, as they are written, and what takes their place."""
_PAIRS = (
    *(
        ("min", "max"),
        ("minimum", "maximum"),
        ("argmin", "argmax"),
        ("any", "all"),
        ("sum", "mean"),
    ),
    *(
        ("floor", "ceil"),
        ("mean", "median"),
        ("zeros", "ones"),
        ("left", "right"),
        ("first", "last"),
    ),
)
NAMES = {name: other for pair in _PAIRS for name, other in (pair, pair[::-1])}
"""Functions, and words that choose what one does, with their opposites."""
CONVERSIONS = frozenset(("to_numpy", "tolist", "copy", "load", "items", "values"))
"""Methods whose loss breaks the code or changes no number."""
PLAIN_KEYWORDS = frozenset(("strict", "repr", "kind", "n_jobs"))
"""Keywords that decide no number."""
_SKIPPED = (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom, ast.withitem)
_SYMMETRIC = frozenset(("min", "max", "minimum", "maximum", "logical_and", "logical_or"))
_ANNOTATIONS = frozenset(("annotation", "returns", "decorator_list"))

Change = tuple[int, int, str]
"""First byte and end of what is replaced, and by what."""


@dataclass(frozen=True)
class Fault:
    """One fault in a module.

    Attributes
    ----------
    line : int
        Where it is, from 1.
    old, new : str
        The lines without it and with it, as one.
    text : str
        The whole module with it.
    """

    line: int
    old: str
    new: str
    text: str


@dataclass(frozen=True)
class Source:
    """A module, as text and as a tree."""

    text: str

    @cached_property
    def code(self) -> bytes:
        """The text; columns of the tree count its bytes."""
        return self.text.encode()

    @cached_property
    def lines(self) -> list[int]:
        """Byte at which each line starts, and the end."""
        return list(accumulate(map(len, self.code.splitlines(keepends=True)), initial=0))

    @cached_property
    def modules(self) -> frozenset[str]:
        """Names of imported modules, such as ``np``."""
        imports = (node for node in ast.walk(ast.parse(self.text)) if isinstance(node, ast.Import))
        return frozenset(alias.asname or alias.name for node in imports for alias in node.names)

    def start(self, node: ast.AST) -> int:
        """Return the first byte of a node."""
        return self.lines[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined,no-any-return]

    def end(self, node: ast.AST) -> int:
        """Return the byte behind a node."""
        return self.lines[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined,no-any-return]

    def part(self, node: ast.AST) -> str:
        """Return the text of a node."""
        return self.code[self.start(node) : self.end(node)].decode()

    def whole(self, node: ast.AST, text: str) -> Change:
        """Replace a node."""
        return self.start(node), self.end(node), text

    def between(self, start: int, end: int, operator: ast.AST) -> Change:
        """Replace the operator that stands between two bytes."""
        return start, end, self.code[start:end].decode().replace(*OPERATORS[type(operator)], 1)

    def fault(self, start: int, end: int, new: str) -> Fault | None:
        """Return the fault of a change, None where it changes nothing or is no Python."""
        changed = self.code[:start] + new.encode() + self.code[end:]
        try:
            compile(changed, "", "exec")
        except (SyntaxError, ValueError):
            return None
        first, last = bisect_right(self.lines, start) - 1, bisect_right(self.lines, end - 1)
        before, after = self.code[self.lines[first] : start], self.code[end : self.lines[last]]
        old, lines = (
            " ".join((before + part + after).decode().split())
            for part in (self.code[start:end], new.encode())
        )
        return Fault(first + 1, old, lines, changed.decode()) if old != lines else None


def faults(text: str) -> Iterator[Fault]:
    """Yield every module that differs from this one by one fault."""
    source = Source(text)
    for node in _nodes(ast.parse(text)):
        for change in (*_of_values(node, source), *_of_operators(node, source)):
            if fault := source.fault(*change):
                yield fault
        if isinstance(node, ast.Call):
            for change in _of_calls(node, source):
                if fault := source.fault(*change):
                    yield fault


def _nodes(parent: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that decide what is computed: no annotation, message, decorator or import."""
    for name, value in ast.iter_fields(parent):
        for node in value if isinstance(value, list) else [value]:
            if name in _ANNOTATIONS or not isinstance(node, ast.AST) or isinstance(node, _SKIPPED):
                continue
            if isinstance(node, ast.keyword) and node.arg in PLAIN_KEYWORDS:
                continue
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                continue
            if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("TypeVar("):
                continue
            yield node
            yield from _nodes(node)


def _of_operators(node: ast.AST, source: Source) -> Iterator[Change]:
    """Yield the faults of operators and conditions."""
    start, end = source.start, source.end
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            yield source.between(end(left), start(right), operator)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            yield source.between(end(left), start(right), operator)
        case ast.BoolOp(op=operator, values=[first, second, *_]):
            yield source.between(end(first), start(second), operator)
        case ast.UnaryOp(op=operator, operand=operand) if type(operator) in OPERATORS:
            yield source.between(start(node), start(operand), operator)
        case ast.AugAssign(target=target, op=operator, value=value) if type(operator) in OPERATORS:
            yield source.between(end(target), start(value), operator)
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            if not isinstance(test, (ast.Compare, ast.UnaryOp)):
                yield source.whole(test, f"(not ({source.part(test)}))")
        case ast.comprehension(ifs=[test, *_]):
            yield source.whole(test, "True")


def _of_values(node: ast.AST, source: Source) -> Iterator[Change]:
    """Yield the faults of constants, of names, and of what is put together."""
    match node:
        case ast.Constant(value=bool(value)):
            yield source.whole(node, str(not value))
        case ast.Constant(value=int(value)):
            yield from (source.whole(node, str(value + step)) for step in (1, -1))
        case ast.Constant(value=float(value)):
            yield source.whole(node, repr(1.1 * value or 1.0))
        case ast.Constant(value=str(value)) if value in NAMES:
            yield source.whole(node, repr(NAMES[value]))
        case ast.Name(id="min" | "max" | "any" | "all" as name):
            yield source.whole(node, NAMES[name])
        case ast.Attribute(attr=name) if name in NAMES:
            yield source.end(node) - len(name), source.end(node), NAMES[name]
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            if len(parts) > 2:
                yield from (source.whole(part, "*()") for part in parts)


def _of_calls(call: ast.Call, source: Source) -> Iterator[Change]:
    """Yield the faults of a call: two arguments swapped, one left out, or the call itself."""
    is_symmetric = ast.unparse(call.func).rpartition(".")[2] in _SYMMETRIC
    if len(call.args) > 2:
        yield from (source.whole(argument, "*()") for argument in call.args)
    match call.args:
        case [first, second, *_] if not isinstance(second, ast.Starred) and not is_symmetric:
            between = source.code[source.end(first) : source.start(second)].decode()
            swapped = f"{source.part(second)}{between}{source.part(first)}"
            yield source.start(first), source.end(second), swapped
    for keyword in call.keywords:
        if keyword.arg and keyword.arg not in PLAIN_KEYWORDS:
            yield source.whole(keyword, "**{}")
    match call.func:
        case ast.Attribute(value=ast.Name(id=name)) if name in source.modules:
            if call.args:
                yield source.whole(call, f"({source.part(call.args[0])})")
        case ast.Attribute(value=value, attr=name) if name not in CONVERSIONS:
            yield source.whole(call, f"({source.part(value)})")
        case ast.Name(id="abs" | "sorted" | "round"):
            yield source.whole(call, f"({source.part(call.args[0])})")
