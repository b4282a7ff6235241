"""What is checked of a whole sweep before its first job starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cropland import estimator, sources
from cropland.errors import ConfigError, WindowError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from cropland.archive import Archive
    from cropland.candidate import Candidate
    from cropland.config import Configuration
    from cropland.countries import Country


def open_archives(
    chosen: Configuration, countries: Iterable[Country], console: Console
) -> dict[str, Archive]:
    """Open the archives of countries, by name, and say so where one must be made first."""
    return {
        country.name: sources.archive_of(
            chosen.source,
            chosen.paths,
            country,
            before_filling=lambda country=country: console.print(  # type: ignore[misc]
                f"making the archive of {country.name} (source={chosen.source.name}) …"
            ),
        )
        for country in countries
    }


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
                estimator.build(choice.configuration.model, choice.configuration.seed)
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
