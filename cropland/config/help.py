"""What ``cropland COMMAND --help`` prints, from the comments of the command's file in ``conf/``."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cropland.config import conf_folders
from cropland.errors import ConfigError, unknown_key, visible
from cropland.support.words import command_line, option

_COLUMNS = 80
_WIDEST = 27
"""Of the column of words."""
_LINE = re.compile(r"(?P<group>  - )?(?P<key>\w+): *(?P<value>.*?) *(?:# .*)?")
_OPTIONS = (("--config-dir", "-cd"), ("--config-name", "-cn"), ("--config-path", "-cp"))
_MODE = ("verbose", "quiet")
_DRY = ("dry_run", *_MODE)


@dataclass(frozen=True)
class _Help:
    """What the help of a command shows beside the comments of its file.

    Attributes
    ----------
    keys : tuple of str
        Its words that most people need; ``paths.data`` stands in a file of its group.
    examples : tuple of str
        The words of commands that run.
    page : str
        Where to read on.
    """

    keys: tuple[str, ...]
    examples: tuple[str, ...]
    page: str


HELP = {
    "new-country": _Help(
        ("points", "season", "title", "folder", "force", *_MODE),
        (
            "kenya points=points.csv season=2023-07-01/2024-06-30",
            "kenya points=kenya.gpkg season=2023-07-01/2024-06-30",
            "kenya points=kenya.csv season=2024-01-01/2024-12-31",
        ),
        "docs/own_country.md",
    ),
    "train": _Help(
        (
            *("country", "span", "period", "bands", "features", "model", "validation", "source"),
            *("paths.data", "study", "promote", "force", *_DRY),
        ),
        (
            "country=iran span=96",
            "-m country=all 'span=range(24,97,24)'",
            "study=bands source=files paths.data=FOLDER",
        ),
        "docs/studies.md",
    ),
    "ui": _Help(
        ("tracking", "port", "open", *_MODE),
        ("", "port=5010 open=false", "tracking=server tracking.uri=http://HOST:5000"),
        "docs/operations.md",
    ),
    "promote": _Help(
        ("country", "source", "paths.data", "validation", "promotion.rule", "force", *_DRY),
        ("", "country=iran promotion.rule=average", "source=files paths.data=FOLDER"),
        "docs/models.md",
    ),
    "predict": _Help(
        (
            *("country", "source", "paths.data", "points", "output", "columns", "page"),
            *("missing", "reference_end", "alias", "force", *_DRY),
        ),
        (
            "country=iran",
            "country=iran points=points.csv output=iran.csv page=iran.html",
            "source=files paths.data=FOLDER output=points.gpkg force=true",
        ),
        "docs/models.md",
    ),
    "download": _Help(
        ("country", "source", "paths.data", "points", "dry_run", "doctor", *_MODE),
        (
            "source=stac country=iran",
            "source=stac country=iran points=points.csv",
            "source=earthengine source.project=NAME doctor=true",
        ),
        "docs/data.md",
    ),
    "map": _Help(
        (
            *("country", "source", "box", "geometry", "cube", "resolution", "output"),
            *("reference_end", "alias", "force", *_DRY),
        ),
        (
            "country=iran 'box=[48.300,32.200,48.403,32.288]'",
            "country=iran geometry=area.geojson resolution=20",
            "country=iran source=files cube=cube.zarr",
        ),
        "docs/maps.md",
    ),
    "assess": _Help(
        (
            *("map", "labels", "next", "sample_size", "standard_error", "design", "seed", "force"),
            *_MODE,
        ),
        ("map=maps/iran", "map=maps/iran labels=maps/iran/sample.csv", "map=maps/iran next=100"),
        "docs/maps.md",
    ),
    "compare": _Help(
        (
            *("country", "landcover", "raster", "source", "paths.data", "band", "alias"),
            *("map", "against", *_MODE),
        ),
        (
            "country=iran landcover=worldcover 'raster=tiles/*_Map.tif'",
            "landcover=glad raster=glad.tif source=files paths.data=FOLDER",
            "map=maps/iran against=maps_2021/iran",
        ),
        "docs/compare.md",
    ),
}


class _Word(NamedTuple):
    """A line of a file of ``conf/``: a key or a group, its default, and its comment."""

    key: str
    value: str
    comment: str
    is_group: bool


def text(command: str, words: Sequence[str]) -> str:
    """Return the help of a command, or of the group or key that a word beside ``--help`` names.

    Raises
    ------
    ConfigError
        No such group or key.
    """
    folders, command = conf_folders.folders(), command.replace("_", "-")
    every = {word.key: word for word in _mine(_words(folders, _file(command)))}
    options = {option(*names) for names in _OPTIONS}
    topics = [word for word in words if re.fullmatch(r"[a-z_]+", word) and word not in options]
    if command == "new-country":  # its first word is a name
        topics = [word for word in topics if word in every]
    if not topics:
        return "\n".join(_lines(command, every, folders))
    topic = topics[0]
    files = conf_folders.files_of(folders, topic)
    if topic not in every or (every[topic].is_group and not files):
        raise ConfigError(unknown_key(topic, every))
    if not every[topic].is_group:
        return "\n".join(_row(every[topic], len(_setting(every[topic])) + 2))
    head = f"{topic}=NAME: {every[topic].comment}; each is a file, {topic}/NAME.yaml in conf/"
    width = max(map(len, files)) + 2
    rows = [_cut(f"  {name:{width}}{_content(path)}") for name, path in files.items()]
    return "\n".join([*textwrap.wrap(head, _COLUMNS), *rows])


def _cut(line: str) -> str:
    """Return a line that fits a terminal."""
    return line if len(line) <= _COLUMNS else f"{line[: _COLUMNS - 1]}…"


def _lines(command: str, every: dict[str, _Word], folders: Sequence[Path]) -> Iterator[str]:
    """Yield the lines of the help of a command."""
    path = conf_folders.path_in(folders, _file(command))
    shown = [word for key in HELP[command].keys for word in _word(key, every, folders)]
    width = min(_WIDEST, max((len(_setting(word)) for word in shown), default=0) + 2)
    before = {"train": " [-m]", "new-country": " NAME"}.get(command, "")
    yield f"usage: {command_line(command)}{before} [KEY=VALUE …]"
    yield ""
    yield from textwrap.wrap(visible(conf_folders.purpose(path)), _COLUMNS)
    yield ""
    for word in shown:
        yield from _row(word, width)
    yield ""
    yield "examples:"
    for example in HELP[command].examples:
        yield f"  {command_line(command)} {example}".rstrip()
    groups = [
        word.key
        for word in every.values()
        if word.is_group and conf_folders.files_of(folders, word.key)
    ]
    yield ""
    listed = f"--help KEY lists the choices of a key: {', '.join(groups)}. " if groups else ""
    yield from textwrap.wrap(
        f"{listed}--cfg job prints all settings. Read on: {HELP[command].page}", _COLUMNS
    )


def _file(command: str) -> str:
    """Return the name of a command's file in ``conf/``."""
    return f"{command.replace('-', '_')}.yaml"


def _row(word: _Word, width: int) -> Iterator[str]:
    """Yield the lines of a word: what is typed, and its comment beside it."""
    typed = f"  {_setting(word)}"
    if len(typed) > width:
        yield typed
        typed = ""
    first, *others = textwrap.wrap(word.comment, _COLUMNS - width - 2) or [""]
    yield f"{typed:{width + 2}}{first}".rstrip()
    yield from (f"{'':{width + 2}}{other}" for other in others)


def _setting(word: _Word) -> str:
    """Return a word with its default, as it is typed."""
    if word.value == "???":
        return f"{word.key}=… (needed)"
    return f"{word.key}={'…' if word.value == 'null' else word.value}"


def _word(key: str, every: dict[str, _Word], folders: Sequence[Path]) -> Iterator[_Word]:
    """Yield a word of a command, or of the file that one of its groups has by default, if it is there."""
    group, _, inner = key.partition(".")
    if group not in every:  # in a file of the user's own
        return
    if not inner:
        yield every[key]
        return
    file = f"{group}/{every[group].value}.yaml"
    if any((folder / file).is_file() for folder in folders):
        found = (word for word in _words(folders, file) if word.key == inner)
        yield from _mine(word._replace(key=key) for word in found)


def _words(folders: Sequence[Path], name: str) -> Iterator[_Word]:
    """Yield the keys and groups of a file of ``conf/``, with the comments behind them."""
    path = conf_folders.path_in(folders, name)
    comments = conf_folders.comments(path)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match = _LINE.fullmatch(line)
        if match and match["key"] not in ("defaults", "hydra"):
            value = match["value"].strip("'\"")
            is_group = match["group"] is not None
            yield _Word(match["key"], value, visible(comments.get(match["key"], "")), is_group)


def _mine(words: Iterable[_Word]) -> Iterator[_Word]:
    """Yield words with the user's own defaults, where these are one value."""
    own = conf_folders.local()
    for word in words:
        value = own.get(word.key)
        has_value = value is not None and not isinstance(value, dict | list)
        yield word._replace(value=_text(value)) if has_value else word


def _content(path: Path) -> str:
    """Return what a file of a group says: the comment at its top, its title, or its values."""
    values = conf_folders.values_of(path)
    study = values.get("study")
    title = study.get("title") if isinstance(study, dict) else values.get("title")
    if text := conf_folders.purpose(path) or title:
        return visible(str(text))
    inner = {key: value for key, value in values.items() if key not in ("name", "defaults")}
    leaves = dict(_leaves(inner))
    leaves = {k: leaves[k] for k in sorted(leaves, key=lambda key: key != "_target_")}
    if len(leaves) == 1:
        return " ".join(leaves.values())
    return visible(" ".join(v if k == "_target_" else f"{k}={v}" for k, v in leaves.items()))


def _leaves(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the inner keys of a file and their values as text, those of groups last."""
    for key, value in sorted(values.items(), key=lambda item: isinstance(item[1], dict)):
        if isinstance(value, dict):
            yield from _leaves(value)
        elif isinstance(value, list):
            yield key, " ".join(map(str, value))
        else:
            yield key, _text(value).rpartition(".")[2] if key == "_target_" else _text(value)


def _text(value: Any) -> str:
    """Return one value as YAML has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
