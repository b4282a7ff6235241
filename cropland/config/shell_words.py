"""Words of a command line, as people type them, made into words that Hydra reads.

Options may stand anywhere, a path is taken as it is written, and a file of a group is found in whatever case
its name is written. What is no setting is answered with the words that would be one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from cropland.config.hydra_internals import parsed_arguments
from cropland.config.mode import KEYS
from cropland.config.model import full_key
from cropland.config.search_path import SHIPPED
from cropland.errors import ConfigError, nearest, no_value
from cropland.support.words import shell_word

PATHS = frozenset(
    (
        *(
            "against",
            "cube",
            "design",
            "folder",
            "geometry",
            "labels",
            "map",
            "output",
            "page",
            "points",
            "raster",
        ),
        *("paths.archive", "paths.data", "paths.downloads", "paths.runs"),
        *("source.catalog", "source.labelled", "source.unlabelled"),
        *("tracking.artifacts", "tracking.uri", "hydra.sweeper.storage"),
    )
)
"""Keys whose value is a path or an address, in any command."""
_SIMPLE = re.compile(r"[A-Za-z_./@%*?|:$+-][\w./@%*?|:$+-]*", re.ASCII)
_WORDS_OF_HYDRA = re.compile(r"true|false|[+-]?(inf|nan)", re.IGNORECASE)
_AS_HYDRA_READS = re.compile(r"null|'.*'|\".*\"|\[.*\]|.*\$\{.*|.*\\[\s()\[\]{}:=,].*", re.DOTALL)
"""No value, a quoted one, a list, one that refers to another, one that is escaped."""
_NO_FILE = re.compile(r"[+-]?[\d._]+|null|true|false", re.IGNORECASE)
_GROUP = re.compile(r"[a-z_]{1,50}")
_LIST = re.compile(r"\[([^][]*)\]")
_NAMES = re.compile(r"[\w\s.,+-]+")
_DASHES = "\u2012\u2013\u2014\u2212"
_QUOTES = "\u2018\u2019\u201a\u201c\u201d\u201e"
"""What word processors and web pages make of dashes and quotes."""


def hydra_words(words: Sequence[str], command: str) -> list[str]:
    """Return the words of a command line as Hydra reads them, its options first.

    Raises
    ------
    ConfigError
        An option that Hydra does not have, or a word that is no setting.
    """
    words, known = [_plain(word) for word in words], _keys_of(command)
    _check_dashes(words, known)
    arguments, unknown = parsed_arguments(words)
    if unknown:
        raise ConfigError(
            f"unknown option {unknown[0]}; -m makes a sweep, --help lists the settings, which have no dashes"
        )
    if command == "new_country":
        words = _with_name(words, arguments.overrides)
        arguments, _ = parsed_arguments(words)
    settings = arguments.overrides
    for at, word in enumerate(settings):
        if "=" not in word.lstrip("=") and not word.startswith("~"):
            raise ConfigError(_correction(settings, at, known))
    if command == "predict" and arguments.multirun:
        _check_outputs(settings)
    folders = [Path(folder) for folder in (arguments.config_dir, "conf", SHIPPED) if folder]
    in_defaults = [] if arguments.config_name else known
    sweeps = arguments.multirun or any(
        word.startswith(("study=", "hparams_search=")) for word in settings
    )
    return [
        *_without(words, settings),
        *(
            part
            for word in settings
            for part in _shown(_setting(word, folders, in_defaults, sweeps=sweeps), arguments.cfg)
        ),
    ]


def _with_name(words: Sequence[str], settings: Sequence[str]) -> list[str]:
    """Return the words of ``new-country NAME …`` with the name as a setting."""
    names = [word for word in settings if "=" not in word]
    if len(names) > 1:
        raise ConfigError(
            f"new-country takes one name, got {' '.join(names)}; write {'_'.join(names)}"
        )
    return [quoted(f"name={word}") if word in names else word for word in words]


def _shown(word: str, cfg: str | None) -> list[str]:
    """Return a setting as ``--cfg`` shows it: a list of countries by its names, which Hydra would merge."""
    countries = _LIST.fullmatch(word.removeprefix("country=")) if cfg else None
    if countries is None or "," not in countries[1]:
        return [word]
    return ["country=all", f"country.name={countries[1].replace(',', '+')}"]


def _check_dashes(words: Sequence[str], known: Iterable[str]) -> None:
    """Raise an error for settings that are written as options are, and long options with one dash."""
    for at, word in enumerate(words):
        if re.fullmatch(r"-[a-z]{3,}", word) and not _is_setting(word[1:], known):
            raise ConfigError(f"unknown option {word}; long options have two dashes: -{word}")
        if word.startswith("-") and _is_setting(word.lstrip("-"), known):
            value = [] if "=" in word else words[at + 1 : at + 2]
            meant = "=".join([word.lstrip("-"), *value])
            raise ConfigError(f"{word}: settings have no dashes; write {meant}")


def _check_outputs(settings: Sequence[str]) -> None:
    """Raise an error for a sweep of predictions whose tables, or pages, go to one file."""
    tables, pages = (
        [word for word in settings if word.startswith(f"{key}=")] for key in ("output", "page")
    )
    if not tables or not all("${" in word for word in tables):
        raise ConfigError(
            "each job of -m would overwrite the predictions of the previous one; leave out -m (country=all "
            "predicts every country), or name a file for each: -m 'output=${country.name}.csv'"
        )
    if not all("${" in word for word in pages):
        raise ConfigError(
            "each job of -m would replace the page of the one before; leave out -m (country=all shows "
            "every country), or name a file for each: -m 'page=${country.name}.html'"
        )


def _without(words: Sequence[str], settings: Sequence[str]) -> list[str]:
    """Return the words that are no settings, which stand among them in the same order."""
    left = list(settings)
    return [word for word in words if not (left and left[0] == word and left.pop(0))]


def quoted(word: str) -> str:
    """Return a setting whose value is one text for Hydra, whatever is in it."""
    from hydra.core.override_parser.types import Quote, QuotedString

    key, _, value = word.partition("=")
    return f"{key}={QuotedString(value, Quote.single).with_quotes()}"


def _plain(word: str) -> str:
    """Return a word without what was pasted with it, or what another shell has left of its quotes."""
    word = word.strip().strip(_QUOTES)
    if "=" in word and word[0] == word[-1] and word[0] in "'\"":
        word = word[1:-1]
    if word.startswith(tuple(_DASHES)):
        name = word.lstrip(_DASHES + "-")
        return f"{'-' if len(name) == 1 else '--'}{name}"
    key, equals, value = word.partition("=")
    return f"{key}{equals}{value.strip(_QUOTES)}"


def _setting(
    word: str, folders: Sequence[Path], in_defaults: Collection[str], *, sweeps: bool
) -> str:
    """Return a setting with its full key, a path quoted where it must be, and names of files as they are.

    The file of a group that stands in the command's list of defaults needs no plus.
    """
    word = full_key(word)
    key, _, value = word.partition("=")
    name = key.lstrip("+")
    if name in KEYS:
        return f"++{name}={value}"  # also where a configuration of the user's own lacks it
    if name in PATHS:
        simple = _SIMPLE.fullmatch(value) and not _WORDS_OF_HYDRA.fullmatch(value)
        if simple or not value or _AS_HYDRA_READS.fullmatch(value):
            return word
        return word if sweeps and _is_sweep(word) and not _is_there(value) else quoted(word)
    listed = _LIST.fullmatch(value)
    value = listed[1] if listed else value
    if not _GROUP.fullmatch(name) or not _NAMES.fullmatch(value):
        return word
    files = {path.stem for folder in folders for path in folder.glob(f"{name}/*.yaml")}
    if not files:
        return word
    if value not in files and _NO_FILE.fullmatch(value):
        raise ConfigError(f"unknown {name} {value!r}; {nearest(value, files)}")
    names = [file_of(part.strip(), files) for part in value.split(",")]
    chosen = ",".join(names)
    key = name if name in in_defaults else key
    if listed and name != "country":
        check_one_file(name, names, files)
    return f"{key}=[{chosen}]" if listed else f"{key}={chosen}"


def check_one_file(group: str, names: Sequence[str], files: Collection[str]) -> None:
    """Raise an error for a list of a group's files, which Hydra would merge into one."""
    if len(names) > 1 and all(name in files for name in names):
        chosen = ",".join(names)
        raise ConfigError(
            f"{group} takes one file, got [{chosen}]; sweep over them: -m {group}={chosen}"
        )


def file_of(name: str, files: Iterable[str]) -> str:
    """Return the one file that has a name when case does not count; else the name."""
    folded = name.casefold().removesuffix(".yaml")
    like = [file for file in files if file.casefold() == folded]
    return like[0] if len(like) == 1 and name not in files else name


def _is_sweep(word: str) -> bool:
    """Return whether Hydra reads several values in a word, which it can only where these are simple."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return bool(OverridesParser.create().parse_override(word).is_sweep_override())
    except HydraException:
        return False


def _is_there(path: str) -> bool:
    """Return whether a path with a comma is one that there is, or will be in a folder of such a name."""
    whole = Path(path.removeprefix("sqlite:///")).expanduser()
    with suppress(OSError):  # a name that none can have
        return any("," in str(part) and part.exists() for part in (whole, *whole.parents))
    return False


def _keys_of(command: str) -> dict[str, str]:
    """Return the keys at the top of a command's file, and the values that they have there."""
    text = (SHIPPED / f"{command}.yaml").read_text(encoding="utf-8")
    pairs = re.findall(r"^(?:  - )?(\w+): *(\w*)", text, re.MULTILINE)
    return {key: value for key, value in pairs if key != "defaults"}


def _is_setting(word: str, known: Iterable[str]) -> bool:
    return re.split("[.=:@/]", word, maxsplit=1)[0] in known


def _correction(words: Sequence[str], at: int, known: Mapping[str, str]) -> str:
    """Return what was probably meant by a word that is not a setting."""
    word, before, after = words[at], words[at - 1] if at else "", list(words[at + 1 : at + 3])
    key, _, value = before.partition("=")
    more = [word, *_until_setting(words[at + 1 :])]
    if after and after[0].startswith("="):
        return f"{word}: write {''.join([word, *after[: 1 + (after[0] == '=')]])}, without blanks around ="
    if _is_setting(word, known):
        name, _, rest = word.partition(":")
        values = [rest] if rest else _until_setting(after)[:1]
        if not values and known.get(name) in ("true", "false"):
            values = ["true"]
        return f"{word}: write {name}={values[0]}" if values else no_value(name)
    if before and not value:
        return f"{word}: write {before}{word}, without blanks around ="
    if key in PATHS or value.startswith(("[", "{")) or value.endswith(","):
        joint = "" if value.endswith(",") else " "
        whole = shell_word(f"{before}{joint}{joint.join(more)}")
        return f"{word}: a blank ends a word in a shell; write {whole}"
    if value:
        return f"{word}: several values are separated by commas: -m {','.join([before, *more])}"
    if word in ("help", "version"):
        return f"{word}: write --{word}"
    group = next((name for name in known if _is_file(name, word)), "")
    advice = f"did you mean {group}={word}?" if group else nearest(word, known, show=20)
    return f"expected settings, KEY=VALUE, got {word!r}; {advice}"


def _is_file(group: str, name: str) -> bool:
    """Return whether a group has a file of a name, among those that ship or in ``conf/``."""
    folders = (Path("conf"), SHIPPED)
    return any(path.stem == name for folder in folders for path in folder.glob(f"{group}/*.yaml"))


def _until_setting(words: Sequence[str]) -> list[str]:
    """Return the words before the next setting."""
    ends = [at for at, word in enumerate(words) if "=" in word]
    return list(words[: ends[0]] if ends else words)
