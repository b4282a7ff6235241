"""What the name of a GeoTIFF says: the time of an image, and the band where there is a file a band."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from cropland.errors import DataError
from cropland.observations.bands import OTHER_NAMES, sensor_band_of

_BAND = re.compile(r"(?:^|[_. -])(B\d{1,2}A?|SCL)(?:[_-]\d\dm)?(?=[_. -]|$)", re.IGNORECASE)
"""A band in a file's name, with the resolution that ESA adds to it."""
_DATE = re.compile(
    r"(?<!\d)(\d{4})(-?)(\d\d)\2(\d\d)(?:T(\d\d)[:-]?(\d\d)[:-]?(\d\d))?(?!\d)", re.IGNORECASE
)
_PROCESSED = re.compile(r"(\d{8}T\d{6}_N\d{4}_R\d{3}_T\w{5})_\d{8}T\d{6}")
"""ESA's name of a product: sensed, baseline, orbit, tile, and when it was processed."""
_COLOURS = sorted((name for names in OTHER_NAMES.values() for name in names), key=len, reverse=True)
_COLOUR = re.compile(
    rf"(?:^|[_. -])({'|'.join(_COLOURS).replace('_', '[_-]')})(?:[_-]\d\dm)?(?=[_. -]|$)",
    re.IGNORECASE,
)
"""A band in a file's name by its colour, as in ``20210401_red.tif``."""


def image_and_band(stem: str, *, by_colour: bool) -> tuple[str, str | None]:
    """Return the image that a file is of, by its name, and its band, None where it names none or several.

    Parameters
    ----------
    stem : str
        The name of the file, without its ending.
    by_colour : bool
        Take names of colours for bands where the name has no other.

    Examples
    --------
    >>> image_and_band("T39SVB_20210401_B04_10m", by_colour=False)
    ('T39SVB_20210401', 'B4')
    >>> image_and_band("red_20210401", by_colour=True), image_and_band("red_20210401", by_colour=False)
    (('20210401', 'B4'), ('red_20210401', None))
    """
    pattern = _BAND if _BAND.search(stem) or not by_colour else _COLOUR
    named = [band for match in pattern.finditer(stem) if (band := sensor_band_of(match[1]))]
    return pattern.sub("", stem).strip("_. -"), named[0] if len(named) == 1 else None


def moment(path: Path) -> datetime:
    """Read the time of an image off the name of its file; a day alone is its midnight.

    Raises
    ------
    DataError
        There is none, or there are two days.
    """
    named = _PROCESSED.sub(r"\1", path.stem)
    times = [time for match in _DATE.finditer(named) if (time := _time(match))]
    if not times:
        raise DataError(
            f"{path} has no time in its name; expected one like 20210401, 2021-04-01 or 20210401T070619"
        )
    other = [time for time in times if time.date() != times[0].date()]
    if other:
        raise DataError(
            f"{path} has two dates in its name, {times[0].date()} and {other[0].date()}; leave that of "
            f"the overpass"
        )
    return next((time for time in times if time.time() != datetime.min.time()), times[0])


def _time(match: re.Match[str]) -> datetime | None:
    """Return the time that digits are, None where they are none, as those of an orbit or a tile."""
    year, month, day, hour, minute, second = (
        int(part or 0) for part in match.group(1, 3, 4, 5, 6, 7)
    )
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
