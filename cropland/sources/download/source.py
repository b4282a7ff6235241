"""What the command ``download`` fetched from a service, read into an archive.

The parts of a country lie in a folder that is named by what decides their content: service, collection or
catalogue, bands, and for STAC the rule of harmonisation. So an archive of one source is never extended by
another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.config.groups import DATA
from cropland.config.sources import EarthEngine, Stac
from cropland.errors import DataError
from cropland.observations import point_counts, points, ragged_array
from cropland.sources.download import chunks, rows
from cropland.sources.download.parts import Parts
from cropland.sources.service import Gaps, join_gaps
from cropland.support.fingerprint import fingerprint
from cropland.support.words import command_line, count

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from cropland.config.countries import Country
    from cropland.config.groups import Paths
    from cropland.sources.download.chunks import Days
    from cropland.sources.download.part_file import Part
    from cropland.sources.retries import Attempts
    from cropland.sources.service import Finding, Service

Source = EarthEngine | Stac
_MOST_NOTES = 5
"""Notes of downloads that an archive keeps."""
PUBLISHED_AFTER_DAYS = 5
"""How long after an overpass its image can be expected: L2A usually comes within a day or two."""


def connect(source: Source, attempts: Attempts) -> Service:
    """Connect to the service of a source.

    Raises
    ------
    CroplandError
        It cannot be reached, or does not let us in.
    """
    connected: Service = _service(source).connect(source, attempts)
    return connected


def examine(
    source: Source, attempts: Attempts, lon: float, lat: float, days: Days
) -> Iterator[Finding]:
    """Check step by step what stands between a user and the data of a service."""
    findings: Iterator[Finding] = _service(source)(source, attempts).examine(lon, lat, *days)
    return findings


def _service(source: Source) -> Any:
    """Return the class that speaks with a source's service; heavy libraries wait until here."""
    if isinstance(source, EarthEngine):
        from cropland.sources.earthengine.service import EarthEngineService

        return EarthEngineService
    from cropland.sources.stac.service import StacService

    return StacService


def chunk_limits(source: Source) -> tuple[int, int]:
    """Return how many points and months a chunk may have: a few × a year, or all of a tile × a month.

    Earth Engine bills and bounds a request by points × images; from a catalogue each image must be opened,
    for one point or for thousands.
    """
    if isinstance(source, EarthEngine):
        return source.points_per_request, 12
    return 5_000, 1


def provenance(source: Source) -> dict[str, str]:
    """Return what decides the content of what is fetched, as an archive's attributes keep it."""
    facts = {"source": source.name, "bands": " ".join(sorted(source.bands))}
    if isinstance(source, EarthEngine):
        return facts | {"collection": source.collection, "harmonisation": "of the collection"}
    from cropland.sources.stac.harmonisation import RULE

    catalog = source.chosen
    facts |= {"catalog": catalog.url, "collection": catalog.collection}
    return facts | {"harmonisation": RULE}


def parts_of(source: Source, paths: Paths, country: Country) -> Parts:
    """Return the parts of a country, in their folder."""
    mark = fingerprint(sorted(provenance(source).items()))
    return Parts(Path(paths.downloads) / source.name / f"{country.name}-{mark[:8]}")


def days_of(source: Source, country: Country) -> Days:
    """Return the days that are wanted of a country: its reference season and the margin around it."""
    margin = timedelta(days=source.margin_days)
    return country.reference.first - margin, country.reference.last + margin


def published_days(source: Source, country: Country) -> Days:
    """Return the days that are wanted and whose images can be expected to be there.

    What is asked for too early would be taken for empty ever after.

    Raises
    ------
    DataError
        All of them are still to come.
    """
    first, last = days_of(source, country)
    newest = today() - timedelta(days=PUBLISHED_AFTER_DAYS)
    if newest < first:
        raise DataError(
            f"images of {country.name} are wanted of {first} … {last}, the newest are of {newest}; wait, or "
            f"change the reference in conf/country/{country.name}.yaml"
        )
    return first, min(last, newest)


def today() -> date:
    """Return the day it is in Greenwich."""
    return datetime.now(UTC).date()


def points_of(
    source: Source, paths: Paths, country: Country
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read the points of a country from the points files, and what its archive keeps of the others."""
    files = points.read_files(paths.data, source.labelled, source.unlabelled)
    return point_counts.points_of_country(files, country)


def inputs(source: Source, paths: Paths, country: Country) -> list[object]:
    """Return all that decides the archive: points, days, and the parts that hold them, by their checksums."""
    table, facts = points_of(source, paths, country)
    used, days = _used(source, paths, country, table)
    return [table.to_csv(index=False), repr(facts), days, *(part.path.name for part in used)]


def fill(source: Source, paths: Paths, country: Country) -> xr.Dataset:
    """Read what was fetched of a country's points into the ragged layout of `observations.archive`."""
    table, facts = points_of(source, paths, country)
    return observations_of(source, paths, country, table).assign_attrs(facts)


def observations_of(
    source: Source, paths: Paths, country: Country, table: pd.DataFrame
) -> xr.Dataset:
    """Read what was fetched of some points.

    Raises
    ------
    DataError
        Not all of it was; the message gives the command that fetches it.
    """
    used, days = _used(source, paths, country, table)
    parts, places = parts_of(source, paths, country), chunks.places_of(table)
    seen = rows.join_rows((parts.rows(part).within(places, days) for part in used), source.bands)
    seen, fills = seen.without_fill()  # of parts that were fetched before there was this rule
    gaps = join_gaps([*(part.gaps for part in used), Gaps(fills=fills)])
    dataset = ragged_array.from_rows(table, *rows.rows_of_points(seen, places))
    first, last = days
    return dataset.assign(granule_id=("image", seen.granules)).assign_attrs(
        time_coverage_start=first.isoformat(),
        time_coverage_end=last.isoformat(),
        client=sorted({part.client for part in used}),
        counts=gaps.counts,
        notes=[*gaps.sentences(), *_notes_of(used)],
        **{key: value for key, value in provenance(source).items() if key != "source"},
    )


def _notes_of(parts: Sequence[Part]) -> list[str]:
    """Return what else was said while parts were fetched, the first of many."""
    notes = list(dict.fromkeys(note for part in parts for note in part.notes))
    more = len(notes) - _MOST_NOTES
    return (
        notes if more <= 0 else [*notes[:_MOST_NOTES], f"{count(more, 'more note')} of downloads"]
    )


def _used(
    source: Source, paths: Paths, country: Country, table: pd.DataFrame
) -> tuple[list[Part], Days]:
    """Return the parts that hold some points in the days that are wanted, and these days.

    Of a season that is still going on they end where the last download ended.
    """
    first, last = days_of(source, country)
    places = chunks.places_of(table)
    parts = list(parts_of(source, paths, country))
    used = [part for part in parts if part.has(places, (first, last))]
    if used and last > today() - timedelta(days=PUBLISHED_AFTER_DAYS):
        last = min(last, max(part.days[1] for part in used))
    fetched = ((part.places, part.days) for part in used)
    lacking = list(chunks.missing(places, (first, last), fetched))
    if lacking:
        wanted = len(np.unique(places))
        raise DataError(_incomplete(source, paths, country, wanted, lacking, bool(parts)))
    return used, (first, last)


def _incomplete(
    source: Source,
    paths: Paths,
    country: Country,
    wanted: int,
    lacking: Sequence[tuple[NDArray[np.int64], Days]],
    any_there: bool,
) -> str:
    """Return a message of what was not fetched, and the command that fetches it."""
    first, last = days_of(source, country)
    words = [f"source={source.name}", f"country={country.name}"]
    words += ["source.project=NAME"] if isinstance(source, EarthEngine) else []
    words += [f"source.catalog={source.catalog}"] if isinstance(source, Stac) else []
    words += [f"paths.data={paths.data}"] if paths.data != DATA else []
    words += [f"source.labelled={source.labelled}"] if source.labelled != "Train.csv" else []
    words.append(f"source.margin_days={source.margin_days}")
    command = command_line("download", *words)
    command += " (with this command's bands and points, where it was given any)"
    if not any_there:
        return (
            f"no archive of {country.name}: nothing was downloaded by source={source.name} for "
            f"{first} … {last}; fetch it: {command}"
        )
    places = np.unique(np.concatenate([some for some, _ in lacking]))
    since = min(days[0] for _, days in lacking)
    until = max(days[1] for _, days in lacking)
    return (
        f"the download of {country.name} is not complete: {len(places)} of {wanted} places lack days within "
        f"{since} … {until}, where source.margin_days={source.margin_days} wants {first} … {last}; "
        f"fetch the rest: {command}, or give the source.margin_days and points that were downloaded"
    )
