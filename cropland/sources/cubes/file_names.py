"""What names say: of a GeoTIFF its time and band, of images which are of one overpass, and which is newer."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations.bands import OTHER_NAMES, sensor_band_of
from cropland.support.words import count

_BAND = re.compile(r"(?:^|[_. -])(B\d{1,2}A?|SCL)(?:[_-]\d\dm)?(?=[_. -]|$)", re.IGNORECASE)
"""A band in a file's name, with the resolution that ESA adds to it."""
_DATE = re.compile(
    r"(?<!\d)(\d{4})(-?)(\d\d)\2(\d\d)(?:T(\d\d)[:-]?(\d\d)[:-]?(\d\d))?(?!\d)", re.IGNORECASE
)
_PROCESSED = re.compile(r"(\d{8}T\d{6}_N\d{4}_R\d{3}_T\w{5})_\d{8}T\d{6}")
"""ESA's name of a product: sensed, baseline, orbit, tile, and when it was processed."""
_PRODUCT = re.compile(r"(?<!\d)(\d{8}T\d{6})_N(\d{4})_R\d{3}_T\w{5}(?:_(\d{8}T\d{6}))?")
_TILE = re.compile(r"(?<![0-9A-Z])T?(\d{2}[C-X][A-Z]{2})(?![0-9A-Z])")
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


def newest_images(
    names: Sequence[str], times: NDArray[np.datetime64]
) -> tuple[list[int], tuple[str, ...]]:
    """Return which images count where an overpass is there more than once.

    Of ESA's products of one overpass and tile those of the latest processing baseline count, the newest
    first: products of one baseline may be two parts of an image. Whatever else has one time and tile stays.

    Parameters
    ----------
    names : sequence of str
        Names of the images.
    times : ndarray of datetime64, shape (image,)
        Their moments.

    Returns
    -------
    list of int
        Their positions, ascending by time. Of images of one day the first that shows a pixel counts
        (`features.pixel_series`).
    tuple of str
        What is to be said of those that are left out, and of those that may be there twice.
    """
    overpasses: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for image in np.argsort(times, kind="stable").tolist():
        overpasses[_overpass(names[image], times[image])].append(image)
    positions: list[int] = []
    replaced: list[tuple[str, str]] = []
    several: list[list[str]] = []
    for images in overpasses.values():
        counting = _counting(images, names)
        replaced += [(names[at], names[counting[0]]) for at in images if at not in counting]
        if len(counting) > 1:
            several.append([names[at] for at in counting])
        positions += counting
    return sorted(positions, key=times.__getitem__), tuple(_notes(replaced, several, len(names)))


def _counting(images: Sequence[int], names: Sequence[str]) -> Sequence[int]:
    """Return which images of one overpass count, the newest first; all where a name says no processing."""
    processed = {at: _processed(names[at]) for at in images}
    if not all(processed.values()):
        return images
    newest = max(processed.values())
    ordered = sorted(images, key=processed.__getitem__, reverse=True)
    return [at for at in ordered if processed[at][:1] == newest[:1]]


def _notes(
    replaced: Sequence[tuple[str, str]], several: Sequence[Sequence[str]], images: int
) -> Iterator[str]:
    """Yield what is to be said of images that are left out, and of several images of one time."""
    if replaced:
        yield (
            f"{len(replaced)} of {count(images, 'image')} left out, since a newer processing of the same "
            f"overpass is there: {replaced[0][0]}, for {replaced[0][1]}"
        )
    if several:
        first, second = several[0][:2]
        yield (
            f"{count(len(several), 'time')} with more than one image, whose names do not say that one "
            f"replaces the other, as {first} and {second}: where both show a pixel, the first counts; "
            "remove one if they are the same image"
        )


def _overpass(name: str, time: np.datetime64) -> tuple[str, str | None]:
    """Return the moment and the tile of an image, None where its name has no tile."""
    product, tile = _PRODUCT.search(name), _TILE.search(name)
    sensed = product[1] if product else f"{time.astype('datetime64[s]').item():%Y%m%dT%H%M%S}"
    return sensed, tile[1] if tile else None


def _processed(name: str) -> tuple[str, str] | tuple[()]:
    """Return the baseline and the time of processing of a product, nothing where a name does not say it."""
    product = _PRODUCT.search(name)
    return (product[2], product[3] or "") if product else ()


def _time(match: re.Match[str]) -> datetime | None:
    """Return the time that digits are, None where they are none, as those of an orbit or a tile."""
    year, month, day, hour, minute, second = (
        int(part or 0) for part in match.group(1, 3, 4, 5, 6, 7)
    )
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
