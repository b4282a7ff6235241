"""From what Hydra composed to jobs: the border that no `DictConfig` crosses."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from cropland.config import EVERY_COUNTRY, Configuration, Country, configuration, country
from cropland.errors import ConfigError, nearest, no_value, unknown_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Job:
    """One configuration and the countries that it is run for."""

    configuration: Configuration
    countries: tuple[Country, ...]


def job(composed: DictConfig, hydra: DictConfig) -> Job:
    """Make the job of a composed configuration.

    Parameters
    ----------
    composed : DictConfig
        What Hydra composed, with or without its own node.
    hydra : DictConfig
        Hydra's own node: overrides and configuration folders.

    Raises
    ------
    ConfigError
        See `cropland.config.configuration`.
    """
    return _job(_unresolved(composed), list(hydra.overrides.task), _folders(hydra))


def jobs(config: DictConfig) -> list[Job]:
    """Make the jobs of a sweep beforehand, in the order in which they will run.

    Each distinct choice of groups is composed once by Hydra; plain values are put into copies of that, so
    that a sweep of hundreds of jobs is checked in a second or two.
    """
    try:
        return _composed(config)
    except HydraException as error:
        raise ConfigError(in_words(error)) from error


def _composed(config: DictConfig) -> list[Job]:
    loader = GlobalHydra.instance().config_loader()
    parser = OverridesParser.create(config_loader=loader)
    params = _mapping(OmegaConf.to_container(config.hydra.sweeper.get("params") or DictConfig({})))
    words = [*(f"{key}={value}" for key, value in params.items()), *config.hydra.overrides.task]
    try:
        batches = BasicSweeper.split_arguments(parser.parse_overrides(words), None)
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(f"a sweep of {' '.join(words)} cannot be made: {error}") from error
    if not batches[0]:
        raise ConfigError(f"a sweep of {' '.join(words)} has no job: a range in it is empty")
    group_names = loader.list_groups("")
    plain = {
        word: parser.parse_override(word)
        for word in {word for overrides in batches[0] for word in overrides}
        if _is_plain(word, group_names)
    }
    templates: dict[tuple[str, ...], dict[str, Any]] = {}
    made = []
    for overrides in batches[0]:
        groups = tuple(word for word in overrides if word not in plain)
        if groups not in templates:
            templates[groups] = _unresolved(loader.load_sweep_config(config, list(groups)))
        values = copy.deepcopy(templates[groups])
        for word in overrides:
            if word in plain:
                _put(values, plain[word].key_or_group, plain[word].value())
        made.append(_job(values, overrides, _folders(config.hydra)))
    return made


def _unresolved(composed: DictConfig) -> dict[str, Any]:
    """Turn a composed configuration into plain containers, without Hydra's own node."""
    own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    return _mapping(OmegaConf.to_container(own, resolve=False))


def _resolved(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what refers to other values; every value must be there by then."""
    try:
        container = OmegaConf.create(dict(values))
        return _mapping(OmegaConf.to_container(container, resolve=True, throw_on_missing=True))
    except MissingMandatoryValue as error:
        raise ConfigError(no_value(str(error.full_key))) from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key or 'configuration'}: {error.msg}") from error


def _mapping(container: object) -> dict[str, Any]:
    if not isinstance(container, dict):
        raise ConfigError(f"expected keys with values in the configuration, got {container!r}")
    return {str(key): value for key, value in container.items()}


def _job(values: Mapping[str, Any], overrides: Iterable[str], folders: Sequence[Path]) -> Job:
    chosen = _resolved(values)
    countries = _countries(chosen.pop("country"), folders)
    if any(word.lstrip("+").startswith("bands.names=") for word in overrides):
        # An ad hoc band set must not bear the name of the file that it replaces.
        chosen["bands"] = {**chosen["bands"], "name": "+".join(map(str, chosen["bands"]["names"]))}
    return Job(configuration(chosen), countries)


def _countries(values: Mapping[str, Any], folders: Sequence[Path]) -> tuple[Country, ...]:
    """Fill one country, or every file of the group in any configuration folder."""
    if dict(values) == {"name": EVERY_COUNTRY}:
        return _every_country(tuple(folders))
    return (country(values),)


@cache
def _every_country(folders: tuple[Path, ...]) -> tuple[Country, ...]:
    found: dict[str, Country] = {}
    for path in sorted(path for folder in folders for path in folder.glob("country/*.yaml")):
        if path.stem != EVERY_COUNTRY and path.stem not in found:
            found[path.stem] = country(_mapping(OmegaConf.to_container(OmegaConf.load(path))))
    if not found:
        raise ConfigError(f"country=all found no country file in {', '.join(map(str, folders))}")
    return tuple(found.values())


def _folders(hydra: DictConfig) -> list[Path]:
    sources = hydra.runtime.config_sources
    return [Path(source.path) for source in sources if source.schema == "file"]


def _is_plain(word: str, groups: Sequence[str]) -> bool:
    """Tell whether an override sets a value, as against choosing a group or adding a key."""
    key = word.partition("=")[0]
    return key[0] not in "+~" and "@" not in key and key not in groups


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key that is there already."""
    *outer, last = key.split(".")
    inner: Any = values
    for name in outer:
        inner = inner.get(name) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or last not in inner:
        there = [".".join([*outer, name]) for name in inner] if isinstance(inner, dict) else values
        raise ConfigError(unknown_key(key, there))
    inner[last] = value


def in_words(error: Exception) -> str:
    """Word an error of Hydra in one line, with the nearest valid names."""
    text = " ".join((str(error) or str(error.__cause__)).split())
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"unknown {group} {name!r}; {nearest(name, error.options)}"
    unknown = re.search(r"Could not override '([^']+)'", text)
    if unknown:
        return unknown_key(unknown[1], _siblings(error, unknown[1]))
    if "Ambiguous value for argument" in text:
        word = re.search(r"argument '([^']*)'", text)
        return f"{word[1] if word else text} has several values; add -m to sweep over them"
    return text


def _siblings(error: Exception, key: str) -> list[str]:
    """Give the keys that stand where an unknown one was looked for."""
    parent = getattr(error.__cause__, "parent_node", None)
    outer = key.rpartition(".")[0]
    names = [str(name) for name in parent] if isinstance(parent, DictConfig) else []
    return [f"{outer}.{name}" if outer else name for name in names if name != "hydra"]
