"""What is checked of a whole sweep before its first job starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from cropland.config.commands.promote import Promote
from cropland.errors import ConfigError, WindowError, unknown_key
from cropland.learning import classifiers, fast_forest
from cropland.observations import point_notes
from cropland.sources import opening
from cropland.support import terminal

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from cropland.config.countries import Country
    from cropland.config.groups import Configuration, Study
    from cropland.config.jobs import Job
    from cropland.observations.archive import Archive
    from cropland.training.candidate import Candidate


def open_archives(
    configuration: Configuration,
    countries: Iterable[Country],
    console: Console,
    scratch: Path | None = None,
) -> dict[str, Archive]:
    """Open the archives of countries, by name; the console names each that must be made first.

    With `scratch`, what is made goes to this folder.
    """
    return {
        country.name: opening.archive_of(
            configuration.source,
            configuration.paths,
            country,
            before_filling=lambda country=country: console.print(  # type: ignore[misc]
                f"making the archive of {country.name} (source={configuration.source.name}) …"
            ),
            scratch=scratch,
        )
        for country in countries
    }


def show_notes(archives: Mapping[str, Archive], console: Console) -> None:
    """Print what is to be known of the numbers of archives and of their labelled points."""
    for archive in archives.values():
        opening.print_notes(archive, console)
    for line in point_notes.notes(list(archives.values())):
        terminal.print_note(console, line)


def check_fast(jobs: Sequence[Job], console: Console) -> bool:
    """Return whether classes of scikit-learn-intelex can be used, where any job asks for one.

    The console says once which ones scikit-learn's own take the place of.
    """
    models = [one.model for job in jobs for one in (job.configuration, *job.alternatives)]
    fast = {model.name: fast_forest.plain_model(model).name for model in models if model.fast}
    if not fast or fast_forest.has_fast():
        return True
    instead = ", ".join(
        f"{name} is run as scikit-learn's own {plain}" for name, plain in fast.items()
    )
    console.print(
        f"scikit-learn-intelex cannot be used here ({fast_forest.REMEDY}; x86-64): {instead}",
        markup=False,
    )
    return False


def check_models(jobs: Iterable[Job]) -> None:
    """Check that the model of each job can be made.

    Raises
    ------
    ConfigError
        A class or a parameter that there is not, or a value that the class does not take.
    """
    every = [one for job in jobs for one in (job.configuration, *job.alternatives)]
    for configuration in {repr(one.model): one for one in every}.values():
        classifiers.build(configuration.model, configuration.seed)


def check(candidates: Sequence[Candidate], archives: Mapping[str, Archive]) -> None:
    """Check what can be known before any work.

    Raises
    ------
    CroplandError
        Data that does not suffice, or no window at all inside its archive.
    """
    checked: set[str] = set()
    outside: list[WindowError] = []
    for candidate in candidates:
        configuration, name = candidate.configuration, candidate.country.name
        groups = (configuration.bands, configuration.series, configuration.validation)
        key = repr((*groups, name))
        if key not in checked:
            checked.add(key)
            candidate.check(archives[name])
        try:
            candidate.within(archives[name])
        except WindowError as error:
            outside.append(error)
    if len(outside) == len(candidates):
        raise outside[0]


def check_study(study: Study, candidates: Iterable[Candidate]) -> None:
    """Check that candidates have the settings by which a study compares them, before anything is opened.

    Raises
    ------
    ConfigError
        A word of ``study.by`` is none of them.
    """
    known = {key for candidate in candidates for key in candidate.settings()}
    for key in study.by:
        if key not in known | {"window_end"}:
            raise ConfigError(f"study.by: {unknown_key(key, known)}")


def check_alike(configurations: Sequence[Configuration]) -> None:
    """Check what the configurations of a sweep say together, before anything is opened.

    Raises
    ------
    ConfigError
        A sweep over what a sweep has one of, or a promotion of what cannot be promoted.
    """
    if len({repr(configuration.tracking.tags) for configuration in configurations}) > 1:
        raise ConfigError(
            "tracking.tags differ between jobs; a tag is the same for every run of a sweep"
        )
    for group in ("source", "tracking", "paths", "study", "promotion", "promote", "output"):
        if len({repr(getattr(configuration, group)) for configuration in configurations}) > 1:
            raise ConfigError(f"{group} cannot be swept; run one command for each")
    first = configurations[0]
    if first.output and not (first.study and first.study.figure == "submission"):
        raise ConfigError(
            "output is for study=submission; the command predict writes predictions of a model"
        )
    if first.promote:
        Promote.of(configurations)
