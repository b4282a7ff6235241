"""Closed dataclasses: filled by pydantic, with errors in one line of plain words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from cropland.errors import ConfigError, no_value, unknown_key

T = TypeVar("T")
_LONGEST_PATH, _LONGEST_PART = 1_000, 200
"""Bytes: systems take 4,096 and 255, and what is made there has longer names."""
_IN_WORDS = {
    "bool_type": "true or false",
    "cores": "-1 (all cores) or 1 to 1,024",
    "dataclass_type": "a group of keys",
    "dict_type": "a group of keys",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_type": "a whole number",
    "path": f"a path of printable characters, at most {_LONGEST_PATH} and {_LONGEST_PART} a part",
    "string_pattern_mismatch": "a name of letters, digits and any of ._+- (at most 500)",
    "string_type": "a text",
    "tuple_type": "a list, as in [B4,B8]",
}
"""What pydantic's kinds of error say was expected."""
_LIMITS = {
    "greater_than": ("gt", "above {}"),
    "greater_than_equal": ("ge", "{} or more"),
    "less_than": ("lt", "below {}"),
    "less_than_equal": ("le", "at most {}"),
}
"""The same of numbers outside a range: where the limit stands, and how it is worded."""


class Closed:
    """A schema that takes no key but its own."""

    __pydantic_config__ = ConfigDict(extra="forbid")


def _path(text: str) -> str:
    """Check that a text can be a path on every system; return it with the home folder for a ``~``."""
    if text.startswith("~"):
        with suppress(RuntimeError):  # ~$x and ~nobody are names
            text = str(Path(text).expanduser())
    parts = text.encode("utf-8", "replace").replace(b"\\", b"/").split(b"/")
    possible = text.isprintable() and sum(map(len, parts)) <= _LONGEST_PATH
    if not possible or max(map(len, parts)) > _LONGEST_PART:
        raise PydanticCustomError("path", "a path")
    return text


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,499}$")]
"""A name of a configuration's part: it becomes a run's name, a label, a cell of a table."""
FilePath = Annotated[str, AfterValidator(_path)]
"""A file or folder, as it is written, but for a ``~`` at its beginning."""


def _address(text: str) -> str:
    """Return an address of a store, a file's with the home folder for a ``~``."""
    file = "sqlite:///"
    return file + _path(text.removeprefix(file)) if text.startswith(f"{file}~") else text


StoreAddress = Annotated[str, AfterValidator(_address)]
"""Where a tracking store is."""


def _cores(number: int) -> int:
    """Check a number of cores, of which -1 means all."""
    if number != -1 and not 1 <= number <= 1_024:
        raise PydanticCustomError("cores", "a number of cores")
    return number


def _text(value: object) -> object:
    """Return a number or a truth value as text, as MLflow writes them in tags; others as they are."""
    return str(value) if isinstance(value, (bool, int, float)) else value


Text = Annotated[str, BeforeValidator(_text)]
"""A text, also one that looks like a number."""
Positive = Annotated[StrictInt, Field(ge=1)]
"""A whole number, 1 or more."""
Share = Annotated[float, Field(gt=0, lt=1)]
"""A share that is neither nothing nor all."""
Seed = Annotated[StrictInt, Field(ge=0, lt=2**32)]
"""What random numbers are made of."""
Cores = Annotated[StrictInt, AfterValidator(_cores)]
"""How many cores are used; -1 means all."""


def given_keys(overrides: Iterable[str]) -> list[str]:
    """Return the keys that the words of a command line set."""
    return [override.lstrip("+~").partition("=")[0] for override in overrides]


def require(condition: bool, message: str) -> None:
    """Raise a `ConfigError` with `message` unless `condition` holds."""
    if not condition:
        raise ConfigError(message)


def keys(schema: type[Any], prefix: str = "") -> Iterator[str]:
    """Yield every dotted key of a schema, nested ones behind their group."""
    hints = get_type_hints(schema)
    for entry in fields(schema):
        yield prefix + entry.name
        kind = hints[entry.name]
        if is_dataclass(kind) and isinstance(kind, type):
            yield from keys(kind, f"{prefix}{entry.name}.")


@cache
def text_keys(schema: type[Any], prefix: str = "") -> frozenset[str]:
    """Return the dotted keys of a schema whose values are texts: one, or texts by name."""
    texts: set[str] = set()
    for name, hint in get_type_hints(schema).items():
        union = get_origin(hint) in (Union, UnionType)
        kinds = [kind for kind in get_args(hint) if kind is not NoneType] if union else [hint]
        if all(kind is str or kind == dict[str, str] for kind in kinds):
            texts.add(prefix + name)
        for kind in filter(is_dataclass, kinds):
            texts |= text_keys(kind, f"{prefix}{name}.")  # type: ignore[arg-type]
    return frozenset(texts)


@cache
def _adapter(schema: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def filled(schema: type[T], values: Mapping[str, Any], prefix: str = "") -> T:
    """Fill a closed dataclass; `prefix` is where its keys stand, for the error.

    Raises
    ------
    ConfigError
        Unknown key, missing key, value of the wrong type.
    """
    try:
        made: T = _adapter(schema).validate_python(values)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError(_explain(error, schema, prefix)) from error
    return made


def _explain(error: ValidationError, schema: type[Any], prefix: str) -> str:
    """Return the first thing that is wrong with a configuration, in one line."""
    # A mistyped key is also a missing one; report the typing error itself.
    unknown = "unexpected_keyword_argument"
    first = min(error.errors(), key=lambda each: each["type"] != unknown)
    # A union adds the name of each member to the place of its error: the key alone is the user's.
    parts = [str(part) for part in first["loc"] if str(part) not in ("int", "str", "float", "bool")]
    key = prefix + ".".join(parts)
    match first["type"]:
        case "unexpected_keyword_argument":
            return unknown_key(key, keys(schema, prefix))
        case "missing" | "missing_argument":
            return no_value(key)
    if key == "period":
        return f"period must be a whole number of months or a date like 2020-06-30, got {first['input']!r}"
    expected, value = _expected(first), first["input"]
    if expected is None:
        return f"{key}: {first['msg']}"
    if isinstance(value, list) and value:
        choices = ",".join(map(str, value))
        return f"{key} must be {expected}, got {value!r}; for a run with each, -m {key}={choices}"
    quotes = f"; write it in quotes: {key}=\"'{value}'\"" if isinstance(value, (int, float)) else ""
    return (
        f"{key} must be {expected}, got {value!r}{quotes if first['type'] == 'string_type' else ''}"
    )


def _expected(error: ErrorDetails) -> str | None:
    """Return what a kind of error says was expected."""
    if error["type"] == "literal_error":
        return str(error["ctx"]["expected"])
    if error["type"] not in _LIMITS:
        return _IN_WORDS.get(error["type"])
    name, words = _LIMITS[error["type"]]
    limit = error["ctx"][name]
    return words.format(f"{limit:,}" if isinstance(limit, int) else f"{limit:,g}")
