"""The windows that ``study=time_range`` has chosen: kept as tags, found again by later studies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from cropland.config.countries import Choice
from cropland.config.schema import filled
from cropland.errors import ConfigError, TrackingError, WindowError
from cropland.features.window import Window
from cropland.untrusted import documents

if TYPE_CHECKING:
    from cropland.config.countries import Country
    from cropland.config.groups import Configuration
    from cropland.observations.archive import Archive
    from cropland.tracking.store import Store

STUDY = "study"
_TAG = "chosen."


def tags(windows: Mapping[str, Choice], archives: Mapping[str, Archive]) -> dict[str, str]:
    """Write choices as tags of the run that made them, each with the archive that it holds for."""
    return {
        f"{_TAG}{name}": json.dumps(asdict(choice) | {"archive": archives[name].fingerprint})
        for name, choice in windows.items()
    }


def windows(
    archives: Mapping[str, Archive],
    countries: Mapping[str, Country],
    store: Store,
    otherwise: Configuration,
    say: Callable[[str], None],
) -> dict[str, Choice]:
    """Return the window of each country; `say` gets where each comes from.

    The last ``study=time_range`` on the same archive decides; without one, the country's file; and
    where that window is outside the archive, the configuration.
    """
    found = {}
    for name, archive in archives.items():
        country = countries[name]
        choice = _of_study(name, archive, store)
        origin = "chosen by study=time_range"
        if choice is None and country.chosen and _is_inside(country, country.chosen, archive):
            choice, origin = country.chosen, f"chosen in conf/country/{name}.yaml"
        if choice is None:
            choice = Choice(otherwise.span, otherwise.period)
            origin = "the configuration's; study=time_range chooses one"
        found[name] = choice
        say(f"window of {name}: span={choice.span} period={choice.period}, {origin}")
    return found


def _of_study(name: str, archive: Archive, store: Store) -> Choice | None:
    """Look for the last time-range study that finished on an archive.

    Raises
    ------
    TrackingError
        What it has kept is no window.
    """
    studies = f"tags.{STUDY} = 'time_range' and attributes.status = 'FINISHED'"
    for run in store.search(studies):
        try:
            window = documents.plain_json(run.tags.get(f"{_TAG}{name}", "{}"))
            if window.pop("archive", None) == archive.fingerprint:
                return filled(Choice, window)
        except (ValueError, TypeError, AttributeError, ConfigError) as error:
            raise TrackingError(
                f"the tag {_TAG}{name} of run {run.run_id} is not a window ({error}); delete the tag "
                "or the run"
            ) from error
    return None


def _is_inside(country: Country, choice: Choice, archive: Archive) -> bool:
    try:
        Window.of(country.reference, choice.span, choice.period).check_inside(archive)
    except WindowError:
        return False
    return True
