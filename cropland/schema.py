"""Closed dataclasses: filled by pydantic, with errors in one line of the house's own words."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from cropland.errors import ConfigError, no_value, unknown_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CLOSED = ConfigDict(extra="forbid")
_IN_WORDS = {
    "bool_type": "true or false",
    "dataclass_type": "a group of keys",
    "dict_type": "a group of keys",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_type": "a whole number",
    "string_type": "a text",
    "tuple_type": "a list, as in [B4,B8]",
}
"""What pydantic's kinds of error say was expected."""


def require(condition: bool, message: str) -> None:
    """Raise a `ConfigError` with `message` unless `condition` holds."""
    if not condition:
        raise ConfigError(message)


def keys(schema: type[Any], prefix: str = "") -> Iterator[str]:
    """Give every dotted key of a schema, for saying which is nearest to a mistyped one."""
    hints = get_type_hints(schema)
    for entry in fields(schema):
        yield prefix + entry.name
        kind = hints[entry.name]
        if is_dataclass(kind) and isinstance(kind, type):
            yield from keys(kind, f"{prefix}{entry.name}.")


@cache
def _adapter(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def filled(schema: Any, values: Mapping[str, Any], prefix: str = "") -> Any:
    """Fill a closed dataclass; `prefix` is where its keys stand, for the error.

    Raises
    ------
    ConfigError
        Unknown key, missing key, value of the wrong type.
    """
    try:
        return _adapter(schema).validate_python(values)
    except ValidationError as error:
        raise ConfigError(_explain(error, schema, prefix)) from error


def _explain(error: ValidationError, schema: Any, prefix: str) -> str:
    """Say the first thing that is wrong with a configuration, in one line."""
    # A mistyped key is also a missing one; it is the slip itself that the user must see.
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
    expected = _IN_WORDS.get(first["type"])
    if expected is None:
        return f"{key}: {first['msg']}"
    return f"{key} must be {expected}, got {first['input']!r}"
