"""Hydra's errors in one line, with the nearest valid names."""

from __future__ import annotations

import re
import traceback

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf

from cropland.config.hydra_internals import file_in_reading
from cropland.config.plain_values import mapping
from cropland.config.search_path import SHIPPED
from cropland.config.shell_words import quoted
from cropland.errors import nearest, no_value, one_line, unknown_key
from cropland.support.words import command_line, shell_word

_LISTS = ("allow", "bands.names", "box", "source.bands", "source.hosts", "source.leave_out")
"""Keys whose value is a list."""


def error_line(error: Exception) -> str:
    """Return the message of an error of Hydra as one line, with the nearest valid names."""
    text = " ".join((str(error) or str(error.__cause__)).split())
    if isinstance(error, MissingConfigException) and "/" in (error.missing_cfg_file or ""):
        return _unknown_file(error)
    if isinstance(error, OverrideParseException):
        return one_line(_unread(error))
    if "requires --multirun" in text:
        word = re.search(r"'(.*)'", text)
        return one_line(f"{word[1] if word else text} is a sweep; add -m")
    unknown = re.search(r"Could not override '([^']+)'", text)
    if unknown:
        return _unknown(error, unknown[1])
    if text.startswith("Error merging override"):
        text = f"{text}: {error.__cause__}"
    if "Ambiguous value for argument" in text:
        match = re.search(r"argument '([^']*)'", text)
        several = match[1] if match else text
        key, _, value = several.partition("=")
        remedy = (
            f"write {key}=[{value}]" if key.lstrip("+") in _LISTS else "add -m to sweep over them"
        )
        return f"{several} has several values; {remedy}"
    return one_line(text)


def _unknown_file(error: MissingConfigException) -> str:
    """Return the message that a group has no file of a name, and the nearest name."""
    file = str(error.missing_cfg_file)
    group, _, name = file.rpartition("/") if file.startswith("hydra/") else file.partition("/")
    if not name:
        return no_value(group)
    stem = name.rpartition("/")[2].removesuffix(".yaml")
    options = error.options or [path.stem for path in (SHIPPED / group).glob("*.yaml")]
    near = f"unknown {group} {name!r}; {nearest(stem, options, show=20)}"
    if group == "country":
        return f"{near}{'' if near.endswith('?') else '.'} To add a country, {_how_to_add(stem)}"
    if group == "bands" and not near.endswith("?"):
        return f"{near}; bands by name are bands.names=[B4,B8]"
    return near


def _files_with(group: str, key: str) -> list[str]:
    """Return the files of a group that have a key, as they are chosen."""
    paths = sorted((SHIPPED / group).glob("*.yaml")) if key else []
    return [
        f"{group}={path.stem}"
        for path in paths
        if re.search(rf"^{re.escape(key)}:", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]


def _how_to_add(name: str) -> str:
    """Return how to add a country."""
    name = re.sub(r"\W", "_", name.lower(), flags=re.ASCII)
    season = "season=2023-07-01/2024-06-30"
    return f"write its file: {command_line('new-country', name, 'points=FILE', season)}"


def _unread(error: OverrideParseException) -> str:
    """Return which word of a command line cannot be read, and how to quote it."""
    if not re.match(r"[+~]*[\w.@/-]+=", error.override, re.ASCII):
        return f"{error.override} is not a setting; write KEY=VALUE, as in span=24"
    reason = str(error).partition("See https:")[0].strip()
    why = f" ({reason})" if "evaluating" in reason or "type argument" in reason else ""
    key, _, value = error.override.partition("=")
    if value.strip(", ") != value:
        return (
            f"{error.override}: write commas between values only, as in {key}={value.strip(', ')}"
        )
    if value.startswith(("[", "(")):
        return (
            f"{error.override} cannot be read{why}; a list is written in brackets with commas, "
            f"texts with other characters in quotes: \"{key}=[4.5,abc,'a, b']\""
        )
    return (
        f"{error.override} cannot be read{why}; if its value is a text with other characters than "
        "letters, digits "
        f"and ._-/ quote it twice, for the shell and inside: {shell_word(quoted(error.override))}"
    )


def _unknown(error: Exception, key: str) -> str:
    """Return that a key is unknown, and the nearest: beside it, or of its name in a group."""
    if (SHIPPED / key).is_dir():
        return (
            f"{key} is a group of which this configuration chooses no file; leave it out, or set the values "
            f"that it holds, as in {key}.name=…"
        )
    parent = getattr(error.__cause__, "parent_node", None)
    if not isinstance(parent, DictConfig):
        return unknown_key(key, [])
    outer = str(getattr(error.__cause__, "full_key", key)).rpartition(".")[0]
    beside = mapping(OmegaConf.to_container(parent, resolve=False))
    prefix = f"{outer}." if outer else ""
    inside = [
        f"{prefix}{place}"
        for name, group in beside.items()
        if name != "hydra"
        for place in _places(group, key.removeprefix(prefix), f"{name}.")
    ]
    if inside:
        return f"unknown key {key!r}; did you mean {' or '.join(map(repr, inside))}?"
    group, _, inner = key.partition(".")
    if files := _files_with(group, inner):
        return (
            f"{key} is a key of {', '.join(files)}: add the one that you mean, or leave {key} out"
        )
    unknown = unknown_key(key, [f"{prefix}{name}" for name in beside if name != "hydra"])
    if not outer.startswith("model.estimator"):
        return unknown
    end = "" if unknown.endswith("?") else "."
    return f"{unknown}{end} A parameter of the class that its file lacks is added with a plus: +{key}=…"


def _places(group: object, name: str, prefix: str) -> list[str]:
    """Return where a key of a name stands in a group, however deep; nowhere in a value."""
    if not isinstance(group, dict):
        return []
    here = [f"{prefix}{name}"] if name in group else []
    return here + [
        place for key, inner in group.items() for place in _places(inner, name, f"{prefix}{key}.")
    ]


def is_of_libraries(error: BaseException) -> bool:
    """Return whether an error was raised before any code of the project was reached, but for its start."""
    frames = traceback.walk_tb(error.__traceback__)
    modules = {frame.f_globals.get("__name__", "") for frame, _ in frames}
    return not any(name.startswith("cropland.") for name in modules - {"cropland.cli"})


def unreadable(error: Exception) -> str:
    """Return the message of an error in the reading of a configuration, with its file where there is one."""
    path = file_in_reading(error)
    if path is None:
        return f"the configuration cannot be read: {error}"
    return f"{path} cannot be read as YAML: {error}; correct it"
