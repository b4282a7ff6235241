"""From what Hydra composed to jobs: the border that no `DictConfig` crosses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import chdir, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, RangeSweep
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from cropland.config import filling, search_path
from cropland.config.countries import EVERY_COUNTRY, Country
from cropland.config.country_list import keep_names, listed_names
from cropland.config.groups import Configuration
from cropland.config.hydra_internals import split_sweep, splits_as_basic
from cropland.config.hydra_words import error_line
from cropland.config.job_templates import Templates, folders_of, hydra_config, set_output_folder
from cropland.config.jobs import Job, check_data, countries_of, countries_with_data, make_job
from cropland.config.mode import KEYS, Mode, without_mode
from cropland.config.model import full_key
from cropland.config.plain_values import overrides_of, resolved, sweep_words
from cropland.config.schema import require, text_keys
from cropland.errors import ConfigError, CroplandError, nearest, no_value

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

EVERY_FILE = ("country", EVERY_COUNTRY)
"""The file that stands for the others of its group, so that no ``glob()`` means it too."""
MOST_JOBS = 100_000
"""Of a sweep: each is checked before the first one starts."""


def job(composed: DictConfig, hydra: DictConfig) -> Job:
    """Make the job of a composed configuration, as Hydra hands it to the task function.

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
        _of_countries(composed, hydra, Configuration), overrides_of(hydra), folders_of(hydra)
    )


def single_job(composed: DictConfig) -> Job:
    """Make the job of a run that is no sweep, before Hydra runs it.

    Raises
    ------
    ConfigError
        As `job` does.
    """
    with hydra_config(composed):
        set_output_folder(composed, composed.hydra.run.dir)
        return job(composed, composed.hydra)


def mode(composed: DictConfig) -> Mode:
    """Return how much a command prints, and whether it only plans.

    Raises
    ------
    ConfigError
        See `cropland.config.mode.Mode`.
    """
    return Mode.of({key: composed[key] for key in KEYS if key in composed})


def given_words(hydra: DictConfig) -> list[str]:
    """Return the overrides of a command that decide results, and its further folders of configuration."""
    return [*without_mode(overrides_of(hydra)), *search_path.words(hydra.searchpath)]


def run_folder(hydra: DictConfig) -> Path:
    """Return the folder of a run or sweep, which all its jobs share wherever their own folders are."""
    folder = hydra.sweep.dir if hydra.mode == RunMode.MULTIRUN else hydra.run.dir
    return Path(hydra.runtime.cwd, str(folder))


@contextmanager
def started_folder(hydra: DictConfig) -> Iterator[None]:
    """Work where the command was given, whose paths are relative to it, also with ``hydra.job.chdir``."""
    with chdir(hydra.runtime.cwd) if hydra.job.chdir else nullcontext():
        yield


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
    words, folders = overrides_of(hydra), folders_of(hydra)
    if not schema.HAS_COUNTRY:
        filled = filling.command(schema, resolved(composed, text_keys(schema)))  # type: ignore[arg-type]
        filled.check_given(words)
        return filled, (), ()
    values = _of_countries(composed, hydra, schema)
    country = values.pop("country")
    filled = filling.command(schema, values)
    filled.check_given(words)
    if not hasattr(filled, "paths"):  # it reads no observations
        return filled, countries_of(country, folders), ()
    check_data(filled.source, filled.paths, words)
    countries, left_out = countries_with_data(country, filled.source, folders)
    return filled, countries, left_out


def prepare_sweep(composed: DictConfig) -> None:
    """Replace what a sweep is over by plain values, before its sweeper reads it.

    What the command line gives replaces what a study's file sweeps over, whose keys become full ones. A
    ``glob()`` becomes the names of its files, also those of ``hydra.searchpath``.

    Raises
    ------
    ConfigError
        A ``glob()`` that matches nothing.
    """
    templates = _templates(composed)
    params = composed.hydra.sweeper.get("params")
    words = overrides_of(composed.hydra)
    given = {word.partition("=")[0] for word in words}
    with open_dict(composed), _in_one_line():
        _keep_countries(composed, composed.hydra)
        composed.hydra.overrides.task = [_enumerated(word, templates) for word in words]
        for key in list(params or ()):
            word = f"{full_key(key)}={params.pop(key)}"
            if full_key(key) not in given:
                name, _, value = _enumerated(word, templates).partition("=")
                params[name] = value
    for word in sweep_words(composed.hydra):
        override = templates.parsed(word)
        require(
            override.key_or_group not in KEYS or not override.is_sweep_override(),
            f"{override.key_or_group} cannot be swept; give it one value",
        )


def _enumerated(word: str, templates: Templates) -> str:
    """Return an override with the files that its ``glob()`` matches, or as it is."""
    override = templates.parsed(word)
    pattern, group = override.value(), override.key_or_group
    if not isinstance(pattern, Glob):
        return word
    options = [name for name in templates.options(group) if (group, name) != EVERY_FILE]
    files = pattern.filter(options)
    known = nearest("", options, show=20) if options else f"{group} is not a group of files"
    require(bool(files), f"{word} matches no file of {group}; {known}")
    return f"{override.get_key_element()}={','.join(files)}"


def is_enumerated(composed: DictConfig) -> bool:
    """Return whether a sweep's jobs are known beforehand: its sweeper splits words as the basic one does."""
    return splits_as_basic(_sweeper(composed))


def _sweeper(composed: DictConfig) -> Any:
    """Return the class of a sweep's sweeper; None of one that is no plugin."""
    target = str(composed.hydra.sweeper.get("_target_"))
    return Plugins.instance().class_name_to_class.get(target)


def jobs(composed: DictConfig) -> list[Job]:
    """Make the jobs of a sweep beforehand, in the order in which they will run.

    Each distinct choice of groups is composed once, see `config.job_templates`, so that a sweep of hundreds
    of jobs is checked in a second or two.

    Raises
    ------
    ConfigError
        A sweep that has no job, too many, or one that cannot be run.
    """
    with _in_one_line():
        templates = _templates(composed)
        words = sweep_words(composed.hydra)
        parsed = list(map(templates.parsed, words))
        try:
            _check_length(parsed)
            batch = split_sweep(parsed)
        except (ValueError, ZeroDivisionError) as error:
            raise ConfigError(f"a sweep of {' '.join(words)} cannot be made: {error}") from error
        if not batch:
            raise ConfigError(f"a sweep of {' '.join(words)} has no job: a range in it is empty")
        return [_job(templates, overrides, number) for number, overrides in enumerate(batch)]


def search_jobs(composed: DictConfig) -> list[Job]:
    """Make some jobs of a search, to be checked before its first trial.

    A sweeper that does not enumerate finds the words of its jobs as it goes. One that has `samples` names
    some points beforehand, so that each value is in one of them; else it is a job of what does not vary.

    Raises
    ------
    ConfigError
        See `cropland.config.jobs.make_job`.
    """
    with _in_one_line():
        templates = _templates(composed)
        words = sweep_words(composed.hydra)
        fixed = [word for word in words if not templates.parsed(word).is_sweep_override()]
        sweeper = _sweeper(composed)
        points = sweeper.samples(templates) if hasattr(sweeper, "samples") else [fixed]
        return [_job(templates, overrides, number) for number, overrides in enumerate(points)]


def stored_jobs(composed: DictConfig) -> list[Job]:
    """Make the jobs whose results a search keeps from before; words that make no job are left out.

    Raises
    ------
    ConfigError
        What is kept is of another search.
    """
    with _in_one_line():
        templates = _templates(composed)
        stored = getattr(_sweeper(composed), "stored", None)
        points = stored(templates) if stored else []
    jobs = []
    for number, overrides in enumerate(points):
        with suppress(CroplandError, HydraException):
            jobs.append(_job(templates, overrides, number))
    return jobs


def _job(templates: Templates, overrides: list[str], number: int) -> Job:
    """Make a job of a sweep as it will be made when it runs."""
    folder = templates.folder
    composed = templates.composed(overrides, number)
    with hydra_config(composed):
        job_folder = composed.hydra.sweep.dir
        require(
            job_folder == folder,
            f"hydra.sweep.dir is one folder for all jobs, got {folder} and {job_folder}; what differs "
            f"between jobs belongs in hydra.sweep.subdir",
        )
        set_output_folder(composed, folder, composed.hydra.sweep.subdir)
        return job(composed, composed.hydra)


def _templates(composed: DictConfig) -> Templates:
    return Templates.of(GlobalHydra.instance().config_loader(), composed)


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Raise Hydra's errors as those of the configuration, in one line."""
    try:
        yield
    except HydraException as error:
        raise ConfigError(error_line(error)) from error


def _check_length(overrides: Iterable[Override]) -> None:
    """Raise an error for a sweep of too many jobs, before they are listed one by one.

    One over an interval has no end of them.
    """
    jobs = 1.0
    for override in overrides:
        value = override.value()
        require(
            not isinstance(value, IntervalSweep),
            f"{override.input_line}: interval() needs a search: add hydra/sweeper=optuna",
        )
        if isinstance(value, RangeSweep) and value.step:
            jobs *= max(0.0, ((value.stop or 0) - (value.start or 0)) / value.step)
        elif isinstance(value, ChoiceSweep):
            jobs *= len(value.list)
    require(
        jobs <= MOST_JOBS,
        f"a sweep has at most {MOST_JOBS:,} jobs, this one {jobs:.3g}; give fewer values, or larger steps",
    )


def _of_countries(composed: DictConfig, hydra: DictConfig, schema: type[Any]) -> dict[str, Any]:
    """Return the plain values of a configuration whose country's file refers to nothing."""
    country = OmegaConf.to_container(OmegaConf.masked_copy(composed, ["country"]), resolve=False)
    require(country != {}, no_value("country"))
    # It may come from anybody, and goes into models and runs: nothing of this machine belongs there.
    require("${" not in str(country), "country: its file must hold plain values, got ${…}")
    _keep_countries(composed, hydra)
    return resolved(composed, text_keys(schema))  # type: ignore[arg-type]


def _keep_countries(composed: DictConfig, hydra: DictConfig) -> None:
    """Keep the names of a list of countries, see `country_list`."""
    keep_names(composed, listed_names(composed, hydra), folders_of(hydra))
