"""Observations of places by granules, many at once: put together from parts, given to points.

An observation is known by its place, its moment and its granule: one that stands in several parts counts
once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations import band_values

if TYPE_CHECKING:
    from cropland.sources.download.chunks import Days


@dataclass(frozen=True, eq=False)
class FetchedRows:
    """Observations: arrays of shape ``(row,)``.

    Attributes
    ----------
    places : ndarray of int64
        Where, packed (`cropland.sources.download.chunks`).
    time : ndarray of datetime64[s]
        When, UTC.
    granule : ndarray of int32
        In which image: positions in `granules`.
    granules : ndarray of str, shape (image,)
        Names of images.
    values : mapping of str to ndarray
        By band: digital numbers or scene classes, 0 = no data.
    """

    places: NDArray[np.int64]
    time: NDArray[np.datetime64]
    granule: NDArray[np.int32]
    granules: NDArray[np.str_]
    values: Mapping[str, NDArray[Any]]

    def within(self, places: NDArray[np.int64], days: Days) -> FetchedRows:
        """Return those of some places and days, both days included."""
        first, last = (np.datetime64(day, "D") for day in days)
        day = self.time.astype("datetime64[D]")
        return self.take(np.isin(self.places, places) & (first <= day) & (day <= last))

    def take(self, which: NDArray[Any]) -> FetchedRows:
        """Return rows by position or by mask."""
        values = {name: column[which] for name, column in self.values.items()}
        return FetchedRows(
            self.places[which], self.time[which], self.granule[which], self.granules, values
        )

    def without_fill(self) -> tuple[FetchedRows, Counter[str]]:
        """Return them with no data in place of what can be no digital number, and how often by band."""
        values, fills = {}, Counter[str]()
        for band, stored in self.values.items():
            values[band], fills[band] = band_values.without_fill(band, stored)
        return replace(self, values=values), fills


def join_rows(parts: Iterable[FetchedRows], bands: Sequence[str]) -> FetchedRows:
    """Join rows, sorted by place, time and name of the granule, each observation once.

    Parameters
    ----------
    parts : iterable of FetchedRows
        Any number of them.
    bands : sequence of str
        Bands to keep.

    Raises
    ------
    DataError
        One of them lacks a band.
    """
    listed = [_nothing(bands), *parts]
    lacking = [band for band in bands if any(band not in part.values for part in listed)]
    if lacking:
        raise DataError(
            f"a part of what was downloaded lacks {', '.join(lacking)}, though its folder is that of "
            f"{', '.join(bands)}; delete the folder, and download again"
        )
    granules = np.unique(np.concatenate([part.granules for part in listed]))
    joined = FetchedRows(
        places=np.concatenate([part.places for part in listed]),
        time=np.concatenate([part.time for part in listed]),
        granule=np.concatenate(
            [np.searchsorted(granules, part.granules)[part.granule] for part in listed]
        ).astype(np.int32),
        granules=granules,
        values={band: np.concatenate([part.values[band] for part in listed]) for band in bands},
    )
    order = np.lexsort((joined.granule, joined.time, joined.places))
    key = np.stack([joined.places, joined.time.astype(np.int64), joined.granule])[:, order]
    first = np.r_[True, (np.diff(key) != 0).any(axis=0)][: len(order)]
    return joined.take(order[first])


def rows_of_points(
    rows: FetchedRows, places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.datetime64], dict[str, NDArray[Any]]]:
    """Return the rows of each of some places; a place that stands there twice gets them twice.

    Parameters
    ----------
    rows : FetchedRows
        Sorted by place, as `join_rows` gives them.
    places : ndarray of int64, shape (point,)
        The place of each point.

    Returns
    -------
    where : ndarray of int64, shape (row,)
        Position of each row's point.
    time : ndarray of datetime64, shape (row,)
        Its moment.
    columns : dict of str to ndarray of shape (row,)
        Its bands, and ``granule``.
    """
    begin = np.searchsorted(rows.places, places, side="left")
    size = np.searchsorted(rows.places, places, side="right") - begin
    where = np.repeat(np.arange(len(places)), size)
    within = np.arange(len(where)) - np.repeat(np.cumsum(size) - size, size)
    taken = rows.take(np.repeat(begin, size) + within)
    return where, taken.time, {**taken.values, "granule": taken.granule}


def _nothing(bands: Sequence[str]) -> FetchedRows:
    """Return rows without any, so that types hold where there are none."""
    return FetchedRows(
        places=np.empty(0, np.int64),
        time=np.empty(0, "datetime64[s]"),
        granule=np.empty(0, np.int32),
        granules=np.empty(0, "U1"),
        values={band: np.empty(0, band_values.dtype_of(band)) for band in bands},
    )
