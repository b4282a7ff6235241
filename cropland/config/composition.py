"""From what Hydra composed to jobs: the border that no `DictConfig` crosses."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import ChoiceSweep, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict

from cropland.config import filling
from cropland.config.countries import Country
from cropland.config.groups import Configuration
from cropland.config.hydra_internals import split_sweep
from cropland.config.hydra_words import error_line
from cropland.config.job_templates import Templates
from cropland.config.jobs import Job, check_data, countries_of, countries_with_data, make_job
from cropland.config.model import full_key
from cropland.config.plain_values import mapping, resolved
from cropland.config.schema import require, text_keys
from cropland.errors import ConfigError, no_value

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

MOST_JOBS = 100_000
"""Of a sweep: each is checked before the first one starts."""


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
        See `cropland.config.jobs.make_job`.
    """
    return make_job(
        _of_countries(composed, Configuration), list(hydra.overrides.task), _folders(hydra)
    )


def command(
    schema: type[Any], composed: DictConfig, hydra: DictConfig
) -> tuple[Any, tuple[Country, ...], tuple[str, ...]]:
    """Fill the schema of a command that is no sweep.

    Returns
    -------
    command : object
        The filled schema.
    countries : tuple of Country
        Those that it is for.
    left_out : tuple of str
        Countries of ``country=all`` that the simulation has no profile of.

    Raises
    ------
    ConfigError
        See `cropland.config.filling.command`; an override that the command has no use for.
    """
    values, words, folders = (
        _of_countries(composed, schema),
        list(hydra.overrides.task),
        _folders(hydra),
    )
    country = values.pop("country")
    filled = filling.command(schema, values)
    filled.check_given(words)
    if not hasattr(filled, "paths"):  # it reads no observations
        return filled, countries_of(country, folders), ()
    check_data(filled.source, filled.paths, words)
    countries, left_out = countries_with_data(country, filled.source, folders)
    return filled, countries, left_out


def prefer_overrides(composed: DictConfig) -> None:
    """Write what a study's file sweeps over by full keys, without those that the command line gives too."""
    params = composed.hydra.sweeper.get("params") or {}
    given = {word.partition("=")[0] for word in composed.hydra.overrides.task}
    with open_dict(composed):
        for key in list(params):
            value = params.pop(key)
            if full_key(key) not in given:
                params[full_key(key)] = value


def jobs(composed: DictConfig) -> list[Job]:
    """Make the jobs of a sweep beforehand, in the order in which they will run.

    Each distinct choice of groups is composed once, see `config.job_templates`, so that a sweep of hundreds
    of jobs is checked in a second or two.

    Raises
    ------
    ConfigError
        A sweep that has no job, too many, or one that cannot be run.
    """
    try:
        return _jobs(composed)
    except HydraException as error:
        raise ConfigError(error_line(error)) from error


def _jobs(composed: DictConfig) -> list[Job]:
    templates = Templates.of(GlobalHydra.instance().config_loader(), composed)
    params = mapping(OmegaConf.to_container(composed.hydra.sweeper.get("params") or DictConfig({})))
    words = [*(f"{key}={value}" for key, value in params.items()), *composed.hydra.overrides.task]
    parsed = [*map(templates.parsed, words)]
    try:
        _check_length(parsed)
        batch = split_sweep(parsed)
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(f"a sweep of {' '.join(words)} cannot be made: {error}") from error
    if not batch:
        raise ConfigError(f"a sweep of {' '.join(words)} has no job: a range in it is empty")
    folders = _folders(composed.hydra)
    return [
        make_job(_of_countries(templates.composed(overrides), Configuration), overrides, folders)
        for overrides in batch
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


def _of_countries(composed: DictConfig, schema: type[Any]) -> dict[str, Any]:
    """Return the plain values of a configuration whose country's file refers to nothing."""
    country = OmegaConf.to_container(OmegaConf.masked_copy(composed, ["country"]), resolve=False)
    require(country != {}, no_value("country"))
    # It may come from anybody, and goes into models and runs: nothing of this machine belongs there.
    require("${" not in str(country), "country: its file must hold plain values, got ${…}")
    return resolved(composed, text_keys(schema))  # type: ignore[arg-type]


def _folders(hydra: DictConfig) -> list[Path]:
    """Return the configuration folders, in the order in which Hydra looks into them."""
    sources = hydra.runtime.config_sources
    return [Path(source.path) for source in sources if source.schema == "file"]
