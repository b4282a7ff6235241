"""``conf/local.yaml``, a user's own defaults: choices of groups and values, written as on a command line.

``source: files`` chooses a file of a group and ``source.project: NAME`` sets a value of it; so does
``source: {name: earthengine, project: NAME}``. What the command has no group for is ignored, since the
file serves all commands. A group that the command line chooses otherwise is left to it, values included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from cropland.config import search_path
from cropland.config.hydra_internals import parsed_arguments
from cropland.config.model import full_key, with_estimator
from cropland.config.plain_values import read_file
from cropland.config.schema import require
from cropland.config.search_path import SHIPPED
from cropland.config.shell_words import check_one_file, file_of
from cropland.support.words import SEARCH_PATH

GROUP, NAME = "local", "yaml"
"""What the files of commands in ``conf/`` call it in their defaults."""
FILE = "local.yaml"
_WHOLE = ("experiment", "debug")
"""Groups whose files stand behind the user's own defaults, and choose files of other groups."""
_KNOWN_FROM_ITS_MAP = {"assess": {"country", "source"}}
"""Groups of a command that finds them out by itself."""


def store(command: str, words: Sequence[str], shipped: Path = SHIPPED) -> list[str]:
    """Store ``local.yaml`` where Hydra finds it when it composes a command.

    The first one counts of ``conf/`` in the working folder, the project's own, and ``--config-dir``.

    Parameters
    ----------
    command : str
        Name of the command.
    words : sequence of str
        The command line, as Hydra reads it.
    shipped : Path
        The project's own configuration.

    Returns
    -------
    list of str
        Overrides to add: ``hydra.searchpath``, which Hydra reads in a command's own file and on the command
        line only.

    Raises
    ------
    ConfigError
        The file cannot be read.
    """
    node: dict[str, Any] = {}
    searched: list[str] = []
    arguments, _ = parsed_arguments(words)
    folders = [Path(folder) for folder in ("conf", shipped, arguments.config_dir) if folder]
    path = next((folder / FILE for folder in folders if (folder / FILE).exists()), None)
    if path is not None:
        own = next(folder for folder in folders if (folder / f"{command}.yaml").is_file())
        primary = read_file(own / f"{command}.yaml")
        groups = {
            str(key)
            for entry in primary.get("defaults", [])
            if isinstance(entry, dict)
            for key in entry
        }
        groups -= _KNOWN_FROM_ITS_MAP.get(command, set())
        by_hand = dict(_split(word) for word in arguments.overrides)
        chosen = {**_chosen_by(by_hand, folders), **by_hand}
        node = _Translation(groups, folders, chosen).node(path)
        searched = _search_path(node)
        searched += _search_path(primary) if searched else []
    if path is None:  # then help and completion show no such group
        ConfigStore.instance().repo.pop(GROUP, None)
    else:
        ConfigStore.instance().store(NAME, OmegaConf.create(node), group=GROUP)
    given = any(word.startswith(SEARCH_PATH) for word in arguments.overrides)
    return [] if given else search_path.words(searched)


def _chosen_by(given: Mapping[str, str], folders: Sequence[Path]) -> dict[str, str]:
    """Return the files of groups that an experiment of the command line chooses: as if they were given."""
    chosen: dict[str, str] = {}
    for group in _WHOLE:
        file = f"{group}/{given.get(group)}.yaml"
        path = next((folder / file for folder in folders if (folder / file).is_file()), None)
        for entry in read_file(path).get("defaults", []) if path else ():
            for key, name in entry.items() if isinstance(entry, dict) else ():
                chosen[str(key).removeprefix("override ").lstrip("/")] = str(name)
    return chosen


def _search_path(values: dict[str, Any]) -> list[str]:
    """Remove ``hydra.searchpath`` from the values of a file, and return it."""
    hydra = values.get("hydra")
    folders = hydra.pop("searchpath", None) if isinstance(hydra, dict) else None
    require(
        folders is None or (isinstance(folders, list) and all(isinstance(f, str) for f in folders)),
        f"{FILE}: hydra.searchpath must be a list of folders, got {folders!r}",
    )
    return folders or []


@dataclass(frozen=True)
class _Translation:
    """How the file is read for one command: its groups, the folders of all, and what was given by hand."""

    groups: set[str]
    folders: Sequence[Path]
    given: Mapping[str, str]

    def node(self, path: Path) -> dict[str, Any]:
        """Return the file as Hydra takes it: a list of defaults with choices, and values."""
        content = read_file(path)
        listed = content.pop("defaults", [])
        require(isinstance(listed, list), f"{path}: defaults must be a list, got {listed!r}")
        defaults = [entry for entry in listed if self._concerns(entry)]
        choices: dict[str, str | list[str]] = {}
        values: dict[str, Any] = {}
        for key, value in content.items():
            name, others = self._choice(key, value)
            if name is not None:
                choices[key] = name
            if key == "model" and isinstance(others, dict):
                others = with_estimator(others)
            _set(values, full_key(key), others, path)
        for group, name in choices.items():
            if group in self.groups and self.given.get(group, name) == name:
                defaults.append({f"override /{group}": name})
            else:
                values.pop(group, None)
        if self.given.get("source") == "simulated" and isinstance(values.get("paths"), dict):
            values["paths"].pop("data", None)  # it is for the source of the file
        given = {key: value for key, value in values.items() if value != {}}
        return {"defaults": defaults, **given}

    def _concerns(self, entry: object) -> bool:
        """Return whether an entry of Hydra's own list of defaults is of a group that the command has."""
        pairs = entry.items() if isinstance(entry, dict) else ()
        chosen = {str(key): name for key, name in pairs if "override" in str(key)}
        groups = [key.rpartition(" ")[2].lstrip("/") for key in chosen]
        for group, name in zip(groups, chosen.values(), strict=True):
            if isinstance(name, list):
                self._choice(group, name)
        return all(group in self.groups or group.startswith("hydra/") for group in groups)

    def _choice(self, key: str, value: object) -> tuple[str | list[str] | None, object]:
        """Return the file of a group that a value chooses, if any, and what else it says."""
        if key == "country" and isinstance(value, list):
            return [str(self._choice(key, name)[0]) for name in value], {}
        folders = [folder / key for folder in self.folders if (folder / key).is_dir()]
        names = {file.stem for folder in folders for file in folder.glob("*.yaml")}
        if folders and isinstance(value, list):
            check_one_file(key, [*map(str, value)], names)
        if folders and isinstance(value, str):
            chosen = file_of(value, names)
            _check_no_path(key, chosen, names)
            return chosen, {}
        name = value.get("name") if isinstance(value, dict) else None
        if isinstance(value, dict) and any(
            (folder / f"{name}.yaml").is_file() for folder in folders
        ):
            return str(name), {key: other for key, other in value.items() if key != "name"}
        return None, value


def _check_no_path(group: str, name: str, names: set[str]) -> None:
    """Raise an error for a path, or an address, where the name of one of a group's files stands."""
    is_path = name not in names and (group == "paths" or bool(set(name) & set("/\\~")))
    place = (
        "an address is tracking.uri" if group == "tracking" else "a folder of data is paths.data"
    )
    require(not is_path, f"{FILE}: {group} is a group; {place}: {name}")


def _split(word: str) -> tuple[str, str]:
    key, _, value = word.lstrip("+").partition("=")
    return key, value


def _set(values: dict[str, Any], key: str, value: object, path: Path) -> None:
    """Set a value by its dotted key, beside what its group has already."""
    *outer, last = key.split(".")
    for name in outer:
        values = values.setdefault(name, {})
        require(isinstance(values, dict), f"{path}: {name} has a value, and cannot have {key} too")
    if isinstance(value, dict) and isinstance(values.get(last), dict):
        values[last] = {**values[last], **value}
    else:
        values[last] = value
