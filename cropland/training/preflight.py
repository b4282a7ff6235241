"""What is checked of a whole sweep before its first job starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cropland.errors import ConfigError, WindowError
from cropland.learning import classifiers
from cropland.sources import opening

if TYPE_CHECKING:
    from rich.console import Console

    from cropland.config.countries import Country
    from cropland.config.groups import Configuration
    from cropland.config.jobs import Job
    from cropland.observations.archive import Archive
    from cropland.training.candidate import Candidate


def open_archives(
    chosen: Configuration, countries: Iterable[Country], console: Console
) -> dict[str, Archive]:
    """Open the archives of countries, by name, and say so where one must be made first."""
    return {
        country.name: opening.archive_of(
            chosen.source,
            chosen.paths,
            country,
            before_filling=lambda country=country: console.print(  # type: ignore[misc]
                f"making the archive of {country.name} (source={chosen.source.name}) …"
            ),
        )
        for country in countries
    }


def runnable(jobs: Sequence[Job], console: Console) -> tuple[list[Job], dict[str, Any]]:
    """Put scikit-learn's own classes in the place of faster ones where these cannot be used.

    It is decided here, for all jobs of a sweep: workers are told, and never decide for themselves.

    Parameters
    ----------
    jobs : sequence of Job
        All of the sweep.
    console : Console
        Where it is said, once, that a faster one was asked for and cannot be used.

    Returns
    -------
    list of Job
        The jobs as they can be run.
    dict
        What each job must be told: ``fast`` is false where classes were replaced.
    """
    models = [each.model for job in jobs for each in (job.configuration, *job.alternatives)]
    fast = {model.name: model.plain.name for model in models if model.fast}
    if not fast or classifiers.has_fast():
        return list(jobs), {}
    instead = ", ".join(f"{name} is run as scikit-learn's own {own}" for name, own in fast.items())
    console.print(
        f"scikit-learn-intelex cannot be used here (pip install '.[fast]', x86-64): {instead}",
        markup=False,
    )
    return [_plain(job) for job in jobs], {"fast": False}


def _plain(job: Job) -> Job:
    made, *alternatives = (
        replace(each, model=each.model.plain) for each in (job.configuration, *job.alternatives)
    )
    return replace(job, configuration=made, alternatives=tuple(alternatives))


def check(candidates: Sequence[Candidate], archives: Mapping[str, Archive]) -> None:
    """Check what can be known before any work.

    Raises
    ------
    CroplandError
        A sweep over what a sweep has one of, a model that cannot be made, data that does not suffice,
        or no window at all inside its archive.
    """
    checked: set[str] = set()
    outside: list[WindowError] = []
    for candidate in candidates:
        chosen, name = candidate.configuration, candidate.country.name
        key = repr((chosen.bands, chosen.series, chosen.validation, chosen.model, name))
        if key not in checked:
            checked.add(key)
            candidate.check(archives[name])
            for choice in candidate.choices:
                classifiers.build(choice.configuration.model, choice.configuration.seed)
        try:
            candidate.within(archives[name])
        except WindowError as error:
            outside.append(error)
    if len(outside) == len(candidates):
        raise outside[0]


def check_alike(configurations: Sequence[Configuration]) -> None:
    """Refuse to sweep over what a whole sweep has one of."""
    for group in ("source", "tracking", "paths", "study", "promotion", "promote", "output"):
        if len({repr(getattr(configuration, group)) for configuration in configurations}) > 1:
            raise ConfigError(f"{group} cannot be swept; give one command for each")
    first = configurations[0]
    if first.output and not (first.study and first.study.figure == "submission"):
        raise ConfigError(
            "output is for study=submission; scripts/predict.py writes predictions of a model"
        )
