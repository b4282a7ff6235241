"""From what Hydra composed to jobs: the border that no `DictConfig` crosses."""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import ChoiceSweep, RangeSweep
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from yaml import YAMLError

from cropland.config import filling, yaml_checks
from cropland.config.countries import EVERY_COUNTRY, Choice, Country, choices, country
from cropland.config.filling import configuration
from cropland.config.job_templates import Templates
from cropland.config.schema import require
from cropland.errors import ConfigError, nearest, no_value, one_line, unknown_key

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

    from cropland.config.groups import Configuration


MOST_JOBS = 100_000
"""Of a sweep: each is checked before the first one starts."""
_VARIED = ("span", "period", "bands", "series", "features", "model")
"""What a nested validation can choose from."""


@dataclass(frozen=True)
class Job:
    """One configuration and the countries that it is run for.

    Attributes
    ----------
    configuration : Configuration
        The configuration.
    countries : tuple of Country
        Those that candidates are scored on.
    every_country : tuple of Country
        All that there are, for candidates that learn from others.
    windows : mapping of str to Choice
        Windows of single countries, in place of the configuration's own.
    alternatives : tuple of Configuration
        What a nested validation chooses from.
    """

    configuration: Configuration
    countries: tuple[Country, ...]
    every_country: tuple[Country, ...] = ()
    windows: Mapping[str, Choice] = field(default_factory=dict)
    alternatives: tuple[Configuration, ...] = ()

    def configured(self, name: str) -> Configuration:
        """Give the configuration for a country, with the country's own window where it has one."""
        own = self.windows.get(name)
        if own is None:
            return self.configuration
        return replace(self.configuration, span=own.span, period=own.period)

    def alternatives_of(self, name: str) -> tuple[Configuration, ...]:
        """Give what a country's nested validation chooses from: at its own window, unless it varies."""
        own, varied = self.windows.get(name), self.configuration.validation.candidates or {}
        if own is None:
            return self.alternatives
        window = {key: getattr(own, key) for key in ("span", "period") if key not in varied}
        return tuple(replace(each, **window) for each in self.alternatives)

    def teachers(self, name: str) -> tuple[Country, ...]:
        """Give the other countries that a country's candidate learns from."""
        if self.configuration.training == "own":
            return ()
        return tuple(other for other in self.every_country if other.name != name)


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
        See `cropland.commands.command`.
    """
    return _job(_of_countries(composed), list(hydra.overrides.task), _folders(hydra))


def command(
    schema: type[Any], composed: DictConfig, hydra: DictConfig
) -> tuple[Any, tuple[Country, ...]]:
    """Fill the schema of a command that is no sweep, and give the countries that it is for.

    Raises
    ------
    ConfigError
        See `cropland.commands.command`.
    """
    values = _of_countries(composed)
    countries = _countries(values.pop("country"), _folders(hydra))
    return filling.command(schema, values), countries


def prefer_given(composed: DictConfig) -> None:
    """Take what a study's file sweeps over back, where the command line gives the same key."""
    params = composed.hydra.sweeper.get("params")
    given = {word.partition("=")[0] for word in composed.hydra.overrides.task}
    with open_dict(composed):
        for key in given.intersection(params or ()):
            del params[key]


def as_words(values: Mapping[str, Any]) -> list[str]:
    """Write values as overrides that Hydra hands to every job; JSON's quotes are Hydra's too."""
    return [f"++{key}={_in_grammar(value)}" for key, value in values.items()]


def _in_grammar(value: Any) -> str:
    """Write a value in Hydra's grammar: the keys of its mappings bear no quotes, its texts do."""
    if not isinstance(value, dict):
        return json.dumps(value)
    return f"{{{','.join(f'{key}:{_in_grammar(inner)}' for key, inner in value.items())}}}"


def jobs(composed: DictConfig) -> list[Job]:
    """Make the jobs of a sweep beforehand, in the order in which they will run.

    Each distinct choice of groups is composed once, see `config.job_templates`, so that a sweep of hundreds
    of jobs is checked in a second or two.
    """
    try:
        return _composed(composed)
    except HydraException as error:
        raise ConfigError(in_words(error)) from error


def _composed(composed: DictConfig) -> list[Job]:
    templates = Templates.of(GlobalHydra.instance().config_loader(), composed)
    params = _mapping(
        OmegaConf.to_container(composed.hydra.sweeper.get("params") or DictConfig({}))
    )
    words = [*(f"{key}={value}" for key, value in params.items()), *composed.hydra.overrides.task]
    parsed = [*map(templates.parsed, words)]
    try:
        _check_length(parsed)
        batches = BasicSweeper.split_arguments(parsed, None)
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(f"a sweep of {' '.join(words)} cannot be made: {error}") from error
    if not batches[0]:
        raise ConfigError(f"a sweep of {' '.join(words)} has no job: a range in it is empty")
    folders = _folders(composed.hydra)
    return [
        _job(_of_countries(templates.composed(overrides)), overrides, folders)
        for overrides in batches[0]
    ]


def _check_length(overrides: Iterable[Override]) -> None:
    """Refuse a sweep of more jobs than anybody waits for, before they are written down one by one."""
    jobs = 1.0
    for override in overrides:
        value = override.value()
        if isinstance(value, RangeSweep) and value.step:
            jobs *= max(0.0, ((value.stop or 0) - (value.start or 0)) / value.step)
        elif isinstance(value, ChoiceSweep):
            jobs *= len(value.list)
    require(
        jobs <= MOST_JOBS,
        f"a sweep has at most {MOST_JOBS:,} jobs, this one {jobs:.3g}; give fewer values, or larger steps",
    )


def _of_countries(composed: DictConfig) -> dict[str, Any]:
    """Resolve a configuration that has a country, whose file must not refer to anything."""
    country = OmegaConf.to_container(OmegaConf.masked_copy(composed, ["country"]), resolve=False)
    require(country != {}, no_value("country"))
    # It may come from anybody, and goes into models and runs: nothing of this machine belongs there.
    require("${" not in str(country), "country: its file must hold plain values, got ${…}")
    return _resolved(composed)


def _resolved(composed: DictConfig) -> dict[str, Any]:
    """Turn a composed configuration into plain containers, without Hydra's own node.

    What refers to other values is filled in; every value must be there by then.
    """
    own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    try:
        return _mapping(OmegaConf.to_container(own, resolve=True, throw_on_missing=True))
    except MissingMandatoryValue as error:
        raise ConfigError(no_value(str(error.full_key))) from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key or 'configuration'}: {error.msg}") from error


def _mapping(container: object) -> dict[str, Any]:
    if not isinstance(container, dict):
        raise ConfigError(f"expected keys with values in the configuration, got {container!r}")
    return {str(key): value for key, value in container.items()}


def _job(chosen: dict[str, Any], overrides: Iterable[str], folders: Sequence[Path]) -> Job:
    countries = _countries(chosen.pop("country"), folders)
    windows = _windows(chosen.pop("windows", None) or {}, folders)
    if any(word.lstrip("+").startswith("bands.names=") for word in overrides):
        # An ad hoc band set must not bear the name of the file that it replaces.
        chosen["bands"] = {**chosen["bands"], "name": "+".join(map(str, chosen["bands"]["names"]))}
    made = configuration(chosen)
    alternatives = tuple(_alternatives(made, chosen, folders))
    every_country = _every_country(tuple(folders)) if made.training != "own" else ()
    _check_training(made, alternatives, {each.name for each in (*countries, *every_country)})
    return Job(made, countries, every_country, windows, alternatives)


def _windows(values: Mapping[str, Any], folders: Sequence[Path]) -> dict[str, Choice]:
    """Fill windows of single countries; a name that no country bears is a slip."""
    windows = choices(_mapping(values))
    known = {each.name for each in _every_country(tuple(folders))} if windows else set()
    for name in windows:
        require(
            name in known,
            f"windows: unknown country {name!r}; {nearest(name, known)}",
        )
    return windows


def _check_training(
    made: Configuration, alternatives: Iterable[Configuration], names: Collection[str]
) -> None:
    """Check that who learns from other countries has some, and is not chosen inside folds."""
    require(
        made.training == "own" or len(names) > 1,
        f"training={made.training} learns from other countries, and there is only "
        f"{', '.join(names)}; add a file to conf/country, or take training=own",
    )
    for each in alternatives:
        require(
            each.training == "own",
            f"validation={made.validation.name} chooses among candidates with training=own, got "
            f"training={each.training}; take another validation for it",
        )


def _alternatives(
    made: Configuration, values: Mapping[str, Any], folders: Sequence[Path]
) -> Iterator[Configuration]:
    """Compose every combination of what a nested validation chooses from."""
    if made.validation.candidates is None:
        return
    plain = {
        key: values["validation"][key]
        for key in ("folds", "block_km")
        if key in values["validation"]
    }
    inner = {**plain, "name": "inner", "folds": made.validation.inner}
    varied = made.validation.candidates
    _check_varied(varied, values, folders)
    for combination in itertools.product(*map(dict.fromkeys, varied.values())):
        alternative = copy.deepcopy({**values, "validation": inner})
        for key, value in zip(varied, combination, strict=True):
            if isinstance(values[key], dict):  # a group: the whole file takes its place
                alternative[key] = _group_file(key, str(value), folders)
            else:
                alternative[key] = value
        yield configuration(_resolved(OmegaConf.create(alternative)))


def _check_varied(
    varied: Mapping[str, list[Any]], values: Mapping[str, Any], folders: Sequence[Path]
) -> None:
    """Refuse what a nested validation cannot vary, and settings that would not reach what it varies."""
    for key, wanted in varied.items():
        where = f"validation.candidates.{key}"
        if key not in _VARIED:
            raise ConfigError(f"{where}: {unknown_key(key, _VARIED)}")
        if not wanted:
            raise ConfigError(
                f"{where} is empty; list its values, or give null for the configured one"
            )
        group = values[key]
        if isinstance(group, dict) and group != _group_file(key, str(group["name"]), folders):
            raise ConfigError(
                f"{where} takes whole files of conf/{key}/: settings such as {key}.…=… would not reach them; "
                f"leave these out, or put a file of your own there"
            )


def _group_file(group: str, name: str, folders: Sequence[Path]) -> dict[str, Any]:
    """Load one file of a group, from the first configuration folder that has it."""
    for folder in folders:
        path = folder / group / f"{name}.yaml"
        if path.is_file():
            return _loaded(path)
    known = {path.stem for folder in folders for path in folder.glob(f"{group}/*.yaml")}
    raise ConfigError(f"validation.candidates: unknown {group} {name!r}; {nearest(name, known)}")


def _countries(values: Mapping[str, Any], folders: Sequence[Path]) -> tuple[Country, ...]:
    """Fill one country, or every file of the group in any configuration folder."""
    if values == {"name": EVERY_COUNTRY}:
        return _every_country(tuple(folders))
    return (country(_mapping(values)),)


@cache
def _every_country(folders: tuple[Path, ...]) -> tuple[Country, ...]:
    found: dict[str, Country] = {}
    for path in sorted(path for folder in folders for path in folder.glob("country/*.yaml")):
        if path.stem != EVERY_COUNTRY and path.stem not in found:
            found[path.stem] = country(_loaded(path))
    if not found:
        raise ConfigError(f"country=all found no country file in {', '.join(map(str, folders))}")
    names = [each.name.lower() for each in found.values()]
    twice = sorted(stem for stem, each in found.items() if names.count(each.name.lower()) > 1)
    require(not twice, f"the files {', '.join(twice)} of conf/country name the same country")
    return tuple(found.values())


def _loaded(path: Path) -> dict[str, Any]:
    """Load a file of a configuration, values as they stand there."""
    yaml_checks.check(path)
    try:
        return _mapping(OmegaConf.to_container(OmegaConf.load(path)))
    except (YAMLError, OmegaConfBaseException) as error:
        raise ConfigError(f"{path} cannot be read: {error}; mend it") from error


def _folders(hydra: DictConfig) -> list[Path]:
    sources = hydra.runtime.config_sources
    return [Path(source.path) for source in sources if source.schema == "file"]


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
    return one_line(text)


def _siblings(error: Exception, key: str) -> list[str]:
    """Give the keys that stand where an unknown one was looked for."""
    parent = getattr(error.__cause__, "parent_node", None)
    outer = key.rpartition(".")[0]
    names = [str(name) for name in parent] if isinstance(parent, DictConfig) else []
    return [f"{outer}.{name}" if outer else name for name in names if name != "hydra"]
