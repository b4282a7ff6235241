"""Chunks: places × days, cut as a service wants them; what is missing of what is wanted.

A place is where a point is: its coordinates to 1e-7 degrees (a centimetre), packed into one int64. Points may
change names or files, a place that was fetched stays fetched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

_UNITS_PER_DEGREE = 1e7
_SHIFT, _OFFSET = 32, 1 << 31
_CELL_DEGREES = 1.0
"""The places of a chunk lie in one cell of such a grid."""
_ROW_DEGREES = 0.1
"""Height of the rows in which places are walked, so that those of a chunk lie near each other."""
_DAYS_PER_MONTH = 30.5
Days = tuple[date, date]
"""First and last day, both included."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Places and days that are fetched at once.

    Attributes
    ----------
    places : ndarray of int64, shape (place,)
        Packed coordinates, see `pack`.
    first, last : date
        Days, both included.
    """

    places: NDArray[np.int64]
    first: date
    last: date

    @property
    def lonlat(self) -> NDArray[np.float64]:
        """Longitude and latitude in degrees, shape ``(place, 2)``."""
        return unpack(self.places)


def pack(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pack into places the coordinates in degrees, shape ``(point,)``."""
    east, north = (
        np.rint(np.asarray(each) * _UNITS_PER_DEGREE).astype(np.int64) for each in (lon, lat)
    )
    return (east << _SHIFT) + (north + _OFFSET)


def unpack(places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the coordinates of places, shape ``(place, 2)``: longitude and latitude in degrees."""
    east = places >> _SHIFT
    north = (places & ((1 << _SHIFT) - 1)) - _OFFSET
    return np.stack([east, north], axis=1) / _UNITS_PER_DEGREE


def places_of(points: pd.DataFrame) -> NDArray[np.int64]:
    """Return the place of each point of a table, shape ``(point,)``."""
    return pack(points["Lon"].to_numpy(), points["Lat"].to_numpy())


def missing(
    places: NDArray[np.int64],
    days: Days,
    fetched: Iterable[tuple[NDArray[np.int64], Days]],
) -> Iterator[tuple[NDArray[np.int64], Days]]:
    """Return what is not fetched yet: places that miss the same days, and these days.

    Parameters
    ----------
    places : ndarray of int64, shape (place,)
        What is wanted; places that stand there twice count once.
    days : tuple of date
        First and last day that are wanted.
    fetched : iterable of (ndarray of int64, tuple of date)
        What is there: places, and their first and last day.
    """
    days_of: dict[int, set[Days]] = defaultdict(set)
    for some, their_days in fetched:
        for place in some.tolist():
            days_of[place].add(their_days)
    alike: dict[frozenset[Days], list[int]] = defaultdict(list)
    for place in np.unique(places).tolist():
        alike[frozenset(days_of.get(place, ()))].append(place)
    for covered, same in alike.items():
        for gap in _gaps(days, covered):
            yield np.array(same, dtype=np.int64), gap


@cache
def _gaps(days: Days, covered: frozenset[Days]) -> tuple[Days, ...]:
    """Return the days of a range that no other range covers."""
    begin, end = days
    gaps: list[Days] = []
    for first, last in sorted(covered):
        if last < begin or begin > end:
            continue
        if first > begin:
            gaps.append((begin, min(first - timedelta(days=1), end)))
        begin = max(begin, last + timedelta(days=1))
    if begin <= end:
        gaps.append((begin, end))
    return tuple(gaps)


def cut(places: NDArray[np.int64], days: Days, most: int, months: int) -> Iterator[Chunk]:
    """Split places × days into chunks of neighbours, of about equal length and size.

    Parameters
    ----------
    places : ndarray of int64, shape (place,)
        Packed coordinates, see `pack`.
    days : tuple of date
        First and last day.
    most : int
        Most places of a chunk.
    months : int
        About how many months a chunk may cover; for 12 at most 366 days.
    """
    pieces = _pieces(days, months)
    for group in _neighbours(places, most):
        for first, last in pieces:
            yield Chunk(group, first, last)


def _pieces(days: Days, months: int) -> list[Days]:
    """Split a range of days into the fewest pieces of equal length that are no longer than some months."""
    first, last = days
    total = (last - first).days + 1
    count = -(-total // int(_DAYS_PER_MONTH * months + 0.5))
    edges = [first + timedelta(days=total * number // count) for number in range(count + 1)]
    return [(a, b - timedelta(days=1)) for a, b in pairwise(edges)]


def _neighbours(places: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    """Split places into groups that lie in one cell each."""
    lon, lat = unpack(places).T
    east, north = (np.floor(each / _CELL_DEGREES).astype(np.int64) for each in (lon, lat))
    order = np.lexsort((lon, np.floor(lat / _ROW_DEGREES), east, north))
    cells = np.stack([north, east])[:, order]
    borders = np.flatnonzero((np.diff(cells) != 0).any(axis=0)) + 1
    for cell in np.split(places[order], borders):
        yield from np.array_split(cell, -(-len(cell) // most))
