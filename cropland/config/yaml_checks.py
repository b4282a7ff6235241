"""YAML files, looked at before they are composed: some would explode, some are none of plain values."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import yaml
from yaml import events

from cropland.errors import ConfigError

MOST_NODES = 10_000
"""Values of a file, those that aliases repeat counted each time."""
DEEPEST = 50
_FILES = ("*.yaml", "*/*.yaml", "*/*/*.yaml")
"""As deep as groups of ``conf/`` lie."""
_PLAIN_TAGS = "tag:yaml.org,2002:"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where libyaml is there


def check(path: Path) -> None:
    """Check a file of a configuration.

    Raises
    ------
    ConfigError
        It is no file, no UTF-8, no YAML, nested too deeply, larger than anybody writes when its aliases are
        filled in, or asks with a tag for an object that is more than a plain value.
    """
    if not path.is_file():
        raise ConfigError(f"{path} is no file; remove it, or put a YAML file in its place")
    try:
        _count(yaml.parse(path.read_text(encoding="utf-8-sig"), Loader=_LOADER))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {error}; mend it") from error


def check_aliases(folders: Iterable[Path]) -> None:
    """Check those files in some folders that repeat themselves: only these can explode.

    Raises
    ------
    ConfigError
        As `check` does.
    """
    for path in _in(folders):
        if b"&" in path.read_bytes():
            check(path)


def check_all(folders: Iterable[Path]) -> None:
    """Check every file in some folders, to find the one that stopped a command."""
    for path in _in(folders):
        check(path)


def given(words: Sequence[str]) -> Iterator[str]:
    """Give the folders of configurations that a command line names."""
    options = ("--config-dir", "-cd", "--config-path", "-cp")
    for word, following in itertools.zip_longest(words, words[1:], fillvalue=""):
        name, is_joined, folder = word.partition("=")
        if name in options:
            yield folder if is_joined else following


def is_of_libraries(error: BaseException) -> bool:
    """Tell whether an error came up before any code of the project was reached, but for its start."""
    frames = traceback.walk_tb(error.__traceback__)
    modules = {frame.f_globals.get("__name__", "") for frame, _ in frames}
    return not any(name.startswith("cropland.") for name in modules - {"cropland.cli"})


def _in(folders: Iterable[Path]) -> Iterator[Path]:
    for folder, pattern in itertools.product(folders, _FILES):
        yield from (path for path in sorted(folder.glob(pattern)) if path.is_file())


def _count(found: Iterable[events.Event]) -> None:
    """Walk through a file without making anything of it."""
    sizes: dict[str, int] = {}
    """How many nodes each anchor stands for, once it is closed."""
    within: list[tuple[str | None, int]] = []
    nodes = 0
    for event in found:
        if isinstance(event, events.AliasEvent):
            if event.anchor not in sizes:
                raise ValueError(f"*{event.anchor} stands inside of what it repeats, or before it")
            nodes += sizes[event.anchor]
        elif isinstance(event, events.NodeEvent):
            _check_tag(event)
            nodes += 1
            within.append((event.anchor, nodes - 1))
        if isinstance(event, (events.ScalarEvent, events.CollectionEndEvent)):
            anchor, before = within.pop()
            if anchor is not None:
                sizes[anchor] = nodes - before
        if nodes > MOST_NODES or len(within) > DEEPEST:
            raise ValueError(f"more than {MOST_NODES} values or {DEEPEST} levels")


def _check_tag(event: events.NodeEvent) -> None:
    tag = getattr(event, "tag", None) or ""
    if tag not in ("", "!") and (not tag.startswith(_PLAIN_TAGS) or "python" in tag):
        raise ValueError(f"the tag {tag!r}; write plain values")
