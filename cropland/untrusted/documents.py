"""JSON, GeoJSON and YAML that others wrote.

In: bytes or text of a file that was sent, of an answer, of a registry. Out: plain values, nested at most
`MOST_LEVELS` deep, with numbers of at most `MOST_DIGITS` digits (finite ones in JSON), text that UTF-8 can
write and no key twice; or a `ValueError` whose text says in one line what is wrong, without the name of the
file, which the caller knows. How many bytes there may be says the caller, who reads them.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

MOST_LEVELS = 64
LONGEST_LINE = 10_000_000
MOST_DIGITS = 300
MOST_YAML_BYTES = 1_000_000
_TOO_DEEP = f"it is nested deeper than {MOST_LEVELS} levels"
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_NUMBER = re.compile(r"[-+.\d][-+.\d_:xXoabcdefABCDEF]*")
_YamlLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_bytes(path: Path, most_bytes: int) -> bytes:
    """Read a file of at most so many bytes.

    Raises
    ------
    ValueError
        It has more, or is no file, such as a pipe.
    OSError
        It cannot be read.
    """
    if path.exists() and not path.is_file():
        raise ValueError("expected a file, got something else")
    if (n_bytes := path.stat().st_size) > most_bytes:
        raise ValueError(f"expected at most {most_bytes:,} bytes, got {n_bytes:,}")
    return path.read_bytes()


def check_lines(path: Path) -> None:
    """Check a text file of any size for lines without end, by a few bytes of every `LONGEST_LINE`.

    Raises
    ------
    ValueError
        So many bytes after one of these places have no end of a line.
    OSError
        It cannot be read.
    """
    with path.open("rb") as stream:
        for start in range(0, path.stat().st_size - LONGEST_LINE + 1, LONGEST_LINE):
            stream.seek(start)
            if not _ends_line(stream.read(65_536)) and not _ends_line(
                stream.read(LONGEST_LINE - 65_536)
            ):
                raise ValueError(f"it has a line of more than {LONGEST_LINE:,} characters")


def _ends_line(text: bytes) -> bool:
    return b"\n" in text or b"\r" in text


def plain_json(content: bytes | str) -> Any:
    """Return the values of a JSON text.

    Raises
    ------
    ValueError
        It is no JSON in UTF-8, is nested too deep, has a number that is too long or too large or is none,
        a key twice, or half a character.
    """
    encoded = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    try:
        values = json.loads(
            _decoded(encoded),
            parse_int=_whole_number,
            parse_float=_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _check_levels(values)
    if _ESCAPED_SURROGATE.search(encoded):
        _check_characters(json.dumps(values, ensure_ascii=False))
    return values


def plain_yaml(content: bytes | str) -> Any:
    """Return the values of a YAML text of at most `MOST_YAML_BYTES`, which has no tag and no alias.

    Raises
    ------
    ValueError
        It is no YAML in UTF-8, is longer or nested too deep, asks with a tag for more than plain values,
        repeats itself by aliases, has a number that is too long or a key twice.
    """
    if len(content) > MOST_YAML_BYTES:
        raise ValueError(f"it has more than {MOST_YAML_BYTES / 1e6:,.0f} MB")
    text = _decoded(content) if isinstance(content, bytes) else content
    _check_characters(text)
    try:
        _check_events(text)
        return yaml.load(text, _PlainLoader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _check_levels(values: Any) -> None:
    """Check how deep lists and dictionaries are nested, level by level: no recursion ends early."""
    level = [values] if isinstance(values, dict | list) else []
    for _ in range(MOST_LEVELS):
        level = [
            part
            for whole in level
            for part in (whole.values() if isinstance(whole, dict) else whole)
            if isinstance(part, dict | list)
        ]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 text, see byte {error.start + 1:,}") from error


def _check_characters(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("it has half a character (a lone surrogate)") from error


def _whole_number(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"it has a number of {len(text):,} digits")
    return int(text)


def _number(text: str) -> float:
    value = float(text) if len(text) <= MOST_DIGITS else math.inf
    if not math.isfinite(value):
        raise ValueError(f"it has the number {text[:30]}, which is too long or too large")
    return value


def _refuse_constant(text: str) -> None:
    raise ValueError(f"it has {text} where JSON has a number or null")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = next(key for key, number in Counter(key for key, _ in pairs).items() if number > 1)
        raise ValueError(f"it has the key {twice[:60]!r} twice in one object")
    return values


class _PlainLoader(_YamlLoader):  # type: ignore[misc]
    """Reads mappings whose keys are each there once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Make a dictionary of a mapping."""
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        values: dict[Hashable, Any] = super().construct_mapping(node, deep)
        if len(values) < len(names):
            raise ValueError("it has a key twice in one mapping")
        return values


def _check_events(text: str) -> None:
    """Check how a YAML text is built, before anything is made of it."""
    level = 0
    for event in yaml.parse(text, _YamlLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("expected plain values, got an alias (*name)")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise ValueError(f"expected plain values, got the tag {tag[:60]}")
        if isinstance(event, yaml.ScalarEvent):
            _check_scalar(event)
        level += isinstance(event, yaml.CollectionStartEvent)
        level -= isinstance(event, yaml.CollectionEndEvent)
        if level > MOST_LEVELS:
            raise ValueError(_TOO_DEEP)


def _check_scalar(event: yaml.ScalarEvent) -> None:
    _check_characters(event.value)
    if len(event.value) > MOST_DIGITS and _NUMBER.fullmatch(event.value):
        raise ValueError(f"it has a number of {len(event.value):,} digits")
