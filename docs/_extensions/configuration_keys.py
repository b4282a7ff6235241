"""Keys of the configuration with what they take, their defaults and their comments.

A comment is the one behind the key in a file of ``conf/``; without one, the key's line in the docstring of
the dataclass that it fills.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml
from pydantic import TypeAdapter

from cropland.config.conf_folders import SHIPPED as CONF
from cropland.config.conf_folders import comments
from cropland.config.countries import Choice
from cropland.config.mode import Mode
from cropland.config.model import Model
from cropland.config.schema import FilePath

LONGEST_DEFAULT = 60
_KEYS_OF_MODEL = {
    "scale": "scale",
    "target": "estimator._target_",
    "parameters": "estimator.PARAMETER",
}
"""Where a file of ``conf/model/`` has what the schema has."""
_KINDS = {
    "integer": "whole number",
    "number": "number",
    "boolean": "`true`, `false`",
    "null": "`null`",
    "string": "text",
    "object": "keys",
}
_LIMITS = {
    "minimum": "{} or more",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
}


class UndocumentedError(Exception):
    """A key without a comment, in its file of ``conf/`` and in its schema."""


@dataclass(frozen=True)
class Key:
    """A row of the reference."""

    name: str
    values: str
    default: str
    comment: str

    def __post_init__(self) -> None:
        if not self.comment:
            raise UndocumentedError(f"{self.name} has no comment, in conf/ or in its dataclass")

    @property
    def row(self) -> str:
        """The row of a Markdown table."""
        return f"| `{self.name}` | {self.values} | {self.default} | {cell(self.comment)} |"


def attributes(schema: type) -> dict[str, str]:
    """Return what the docstrings of a dataclass and its parents say of its fields."""
    found: dict[str, str] = {}
    for kind in reversed(schema.__mro__):
        text = inspect.cleandoc(kind.__doc__ or "").partition("\nAttributes\n----------\n")[2]
        for entry in re.split(r"\n(?=\S)", text):
            head, _, body = entry.partition("\n")
            names = re.fullmatch(r"(\w+(?:, \w+)*)(?: : .*)?", head)
            if names and body:
                found |= dict.fromkeys(names[1].split(", "), " ".join(body.split()))
    return found


def of_file(schema: type, file: Path, prefix: str = "") -> list[Key]:
    """Return the keys of a file of ``conf/`` with what its schema takes.

    Raises
    ------
    UndocumentedError
        A key has no comment.
    """
    values = read(file)
    others = sorted(file.parent.glob("*.yaml")) if file.parent != CONF else []
    said = attributes(Mode) | attributes(schema)
    for path in reversed([file, *others]):  # those of the file itself count most
        said |= comments(path)
    if schema is not Model:
        return list(_keys(schema, values, said, prefix, ""))
    estimator = dict(values.pop("estimator"))
    values |= {"target": estimator.pop("_target_"), "parameters": estimator}
    keys = [key for key in _keys(schema, values, said, "", "") if key.name in _KEYS_OF_MODEL]
    return [
        Key(prefix + _KEYS_OF_MODEL[key.name], key.values, key.default, key.comment) for key in keys
    ]


def without_file(schema: type, prefix: str) -> list[Key]:
    """Return the keys of a dataclass that no file of ``conf/`` fills.

    Raises
    ------
    UndocumentedError
        The docstring does not list a key.
    """
    said = attributes(schema)
    return [
        Key(
            prefix + entry.name,
            str(entry.type).replace("None", "`null`").replace(" |", " or"),
            _default(entry.default),
            said.get(entry.name, ""),
        )
        for entry in fields(schema)
        if entry.name != "defaults" and not entry.name.startswith("_")
    ]


def _keys(
    schema: type, values: Mapping[str, Any], said: Mapping[str, str], prefix: str, inside: str
) -> Iterator[Key]:
    """Yield the keys of a schema, without its groups, which have files of their own."""
    allowed = TypeAdapter(schema).json_schema()
    hints = get_type_hints(schema, include_extras=True)
    for name in (entry.name for entry in fields(schema)):
        full, hint = inside + name, hints[name]
        if (prefix and full == "name") or (CONF / full).is_dir():
            continue
        kinds = (hint, *get_args(hint))
        value = values.get(name, getattr(schema, name, MISSING))
        comment = said.get(full, "")
        nested = next((kind for kind in kinds if is_dataclass(kind) and kind is not Choice), None)
        if isinstance(nested, type):
            own = {f"{full}.{key}": text for key, text in attributes(nested).items()}
            usual = {f"{full}.{key}": comment for key in get_type_hints(nested)}
            inner = value if isinstance(value, dict) else {}
            yield from _keys(nested, inner, usual | own | said, prefix, f"{full}.")
        else:
            is_path = FilePath in kinds
            kind = "path" if is_path else _kind(allowed["properties"][name], allowed)
            yield Key(prefix + full, kind, _default(value), comment)


def _kind(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    """Return in words what a JSON schema takes."""
    if "anyOf" in schema:
        kinds = [_kind(each, whole) for each in schema["anyOf"]]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in schema:
        return _kind(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        inner = _kind(schema["items"], whole) if "items" in schema else ""
        return f"list of {inner}" if inner else "list"
    limits = [text.format(f"{schema[key]:,g}") for key, text in _LIMITS.items() if key in schema]
    return ", ".join([_KINDS.get(schema.get("type", ""), "any"), *limits])


def _default(value: object) -> str:
    """Return a default as it is typed, or nothing where there is none."""
    if value in (MISSING, "???"):
        return "needed"
    text = typed(value)
    if isinstance(value, dict) and len(text) > LONGEST_DEFAULT:
        return ", ".join(f"`{key}`" for key in value)
    return f"`{cell(text)}`" if text else ""


def typed(value: object) -> str:
    """Return a value as a command line takes it."""
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {typed(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(typed, value)) + "]"
    return str(value)


def cell(text: str) -> str:
    """Return a text that can stand in a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("``", "`")


def read(path: Path) -> dict[str, Any]:
    """Read a file of ``conf/``."""
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    return values if isinstance(values, dict) else {}
