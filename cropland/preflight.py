"""What is checked of a whole sweep before its first job starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cropland import estimator, sources
from cropland.errors import ConfigError, WindowError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from cropland.archive import Archive
    from cropland.candidate import Candidate
    from cropland.config import Configuration, Country


def check(candidates: Sequence[Candidate], console: Console) -> None:
    """Check what can be known before any work; archives that are not there are made for it.

    Raises
    ------
    CroplandError
        A sweep over what a sweep has one of, a model that cannot be made, data that does not suffice,
        or no window at all inside its archive.
    """
    _check_alike(candidates)
    archives = {
        country.name: _archive(candidates[0].configuration, country, console)
        for country in dict.fromkeys(candidate.country for candidate in candidates)
    }
    checked: set[str] = set()
    outside: list[WindowError] = []
    for candidate in candidates:
        chosen, name = candidate.configuration, candidate.country.name
        key = repr((chosen.bands, chosen.series, chosen.validation, chosen.model, name))
        if key not in checked:
            checked.add(key)
            candidate.check(archives[name])
            estimator.build(chosen.model, chosen.seed)
        try:
            candidate.window.check_inside(archives[name])
        except WindowError as error:
            outside.append(error)
    if len(outside) == len(candidates):
        raise outside[0]


def _archive(chosen: Configuration, country: Country, console: Console) -> Archive:
    """Open an archive, and say so where it must be made first."""
    return sources.archive_of(
        chosen.source,
        chosen.paths,
        country,
        before_filling=lambda: console.print(
            f"making the archive of {country.name} (source={chosen.source.name}) …"
        ),
    )


def _check_alike(candidates: Sequence[Candidate]) -> None:
    """Refuse to sweep over what a whole sweep has one of."""
    for group in ("source", "tracking", "paths"):
        if len({repr(getattr(candidate.configuration, group)) for candidate in candidates}) > 1:
            raise ConfigError(f"{group} cannot be swept; give one command for each")
