"""Series: the observations of a window, aligned on a regular grid of days.

Contract: a dataset with dims ``point``, ``time``, ``band`` and

- ``values`` (point, time, band) float32: digital numbers, index values, or for ``SCL_<class>`` the
  share of that scene class; NaN for points without an observation in the window;
- ``n_observations`` (point) int32: on how many days of the window a point was observed;
- coordinates ``ID``, ``Lat``, ``Lon``, ``Target`` (point), ``time`` (datetime64: every `step_days`-th
  day from the window's first) and ``band``.

Values are interpolated linearly between a point's own observations in the window and held constant
before its first and after its last. Of several observations on one day the first counts (the rule of the
original study). A band's missing values are passed over, as if that band had not been observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from cropland.observations import point_blocks
from cropland.observations.bands import SCENE_CLASS, UNCLEAR_CLASSES, BandSet

if TYPE_CHECKING:
    from cropland.features.window import Window
    from cropland.observations.archive import Archive


_REMEMBERED, _REMEMBERED_BYTES = 16, 200_000_000
"""Windows whose rows an archive remembers at most, and what they may take; the newest is always kept."""


def aligned(
    archive: Archive,
    window: Window,
    band_set: BandSet,
    *,
    step_days: int,
    clear: bool,
    classes: Sequence[int] | None = None,
) -> xr.Dataset:
    """Align the observations of a window, as `make_series` does, whether or not the archive covers it.

    Parameters
    ----------
    classes : sequence of int, optional
        The scene classes that get a band; all that the archive has, where it is left out.

    Raises
    ------
    DataError
        The archive has no such band, or no ``SCL`` to tell what is clear.
    """
    archive.require(band_set.measured(archive.stored))
    if SCENE_CLASS in band_set.dynamic and classes is None:
        classes = archive.scene_classes

    def align(part: Archive) -> xr.Dataset:
        return _aligned(part, window, band_set, step_days, clear, classes or ())

    names = needed(archive, band_set, clear=clear)
    bands = len(band_set.dynamic) + len(classes or ())
    # Twice: the series of blocks, and what they become together.
    if point_blocks.fits_in_memory(archive, names, 2 * bands * len(grid_of(window, step_days))):
        return align(archive)
    parts = [part for _, part in point_blocks.map_blocks(archive, names, align)]
    return xr.concat(parts, "point", coords="minimal", compat="override", join="override")


def make_series(
    archive: Archive,
    window: Window,
    names: Iterable[str],
    *,
    step_days: int = 5,
    clear: bool = False,
) -> xr.Dataset:
    """Make series of the observations of a window: interpolated linearly on a regular grid of days.

    Parameters
    ----------
    archive : Archive
        Where they are.
    window : Window
        Which of them.
    names : iterable of str
        Sentinel-2 bands, ``SCL`` (which becomes one band for each scene class) and spyndex indices.
    step_days : int
        Distance of the grid's days.
    clear : bool
        Drop observations of cloud, cirrus, shadow, defective and no data first (by ``SCL``).

    Returns
    -------
    xarray.Dataset
        ``values`` (point, time, band) float32: digital numbers (reflectance × 10,000), index values, or
        shares of scene classes; NaN for a point without an observation. ``n_observations`` (point): the days
        of the window on which it was observed.

    Raises
    ------
    WindowError
        The archive does not cover the window.
    ConfigError
        A name that is neither a band, ``SCL`` nor an index.
    DataError
        The archive has no such band.

    Examples
    --------
    >>> series = cropland.make_series(archive, window, ["B4", "B8", "NDVI"], step_days=10)
    >>> dict(series["values"].sizes)
    {'point': 80, 'time': 34, 'band': 3}
    """
    window.check_inside(archive)
    return aligned(archive, window, BandSet.of(names), step_days=step_days, clear=clear)


def needed(archive: Archive, band_set: BandSet, *, clear: bool) -> set[str]:
    """Return the columns of an archive that a series is made of, and the indices."""
    of_clouds = {SCENE_CLASS} if clear else set()
    return {*band_set.measured(archive.stored), *band_set.dynamic, *of_clouds}


def _aligned(
    archive: Archive,
    window: Window,
    band_set: BandSet,
    step_days: int,
    clear: bool,
    classes: Sequence[int],
) -> xr.Dataset:
    """Align what may be in memory as a whole."""
    rows = _selected(archive, window, step_days, clear)
    layers: list[NDArray[np.float32]] = []
    for name in band_set.dynamic:
        values = archive.values(name)
        if name == SCENE_CLASS:
            shares = ((values == number).astype(np.float32) for number in classes)
            layers += [rows.interpolated(share) for share in shares]
        else:
            layers.append(rows.interpolated(values))
    shape = (len(archive.points["ID"]), len(rows.grid), 0)
    return dataset(
        np.stack(layers, axis=-1) if layers else np.empty(shape, np.float32),
        rows.brackets.counts.astype(np.int32),
        {str(name): archive.points[name].to_numpy() for name in archive.points},
        grid=rows.grid,
        names=band_names(band_set, classes),
    )


def dataset(
    values: NDArray[np.float32],
    counts: NDArray[np.int32],
    points: Mapping[str, NDArray[Any]],
    *,
    grid: NDArray[np.int64],
    names: Sequence[str],
) -> xr.Dataset:
    """Return a series as the contract at the top of this module has it.

    Parameters
    ----------
    values : ndarray of float32, shape (point, time, band)
        Aligned values.
    counts : ndarray of int32, shape (point,)
        Days of the window on which each point was observed.
    points : mapping of str to ndarray, shape (point,)
        Coordinates of the points.
    grid : ndarray of int, shape (time,)
        Day numbers.
    names : sequence of str
        Names of the bands.
    """
    return xr.Dataset(
        {"values": (("point", "time", "band"), values), "n_observations": ("point", counts)},
        coords={
            **{name: ("point", column) for name, column in points.items()},
            "time": grid.astype("datetime64[D]").astype("datetime64[s]"),  # xarray has no [D]
            "band": np.array(names, dtype=str),
        },
    )


def band_names(band_set: BandSet, classes: Sequence[int]) -> list[str]:
    """Return the names of what is aligned; ``SCL`` has one for each scene class."""
    names: list[str] = []
    for name in band_set.dynamic:
        names += (
            [f"{SCENE_CLASS}_{number}" for number in classes] if name == SCENE_CLASS else [name]
        )
    return names


@dataclass(frozen=True, eq=False)
class _Brackets:
    """For each point and day of the grid, the observations before and after it.

    Attributes
    ----------
    before, after : ndarray of int, shape (point, time)
        Rows to interpolate between; the same one outside a point's observations.
    weight : ndarray of float64, shape (point, time)
        Share of the row after.
    counts : ndarray of int, shape (point,)
        Days on which a point was observed.
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    weight: NDArray[np.float64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, rows: _Rows, present: NDArray[np.bool_] | None = None) -> _Brackets:
        """Compute them for the rows that are `present`; the first row of a day counts."""
        at = np.arange(len(rows.day)) if present is None else np.flatnonzero(present)
        new_point = np.diff(rows.point[at], prepend=-1) != 0
        at = at[new_point | (np.diff(rows.day[at], prepend=-1) != 0)]
        point, day, grid = rows.point[at], rows.day[at], rows.grid
        counts = np.bincount(point, minlength=rows.n_points)
        # The first slot of the grid that has a row behind it; one past the end for the last few days.
        slots = len(grid) + 1
        slot = -((grid[0] - day) // rows.step_days)
        seen = np.bincount(point * slots + slot, minlength=rows.n_points * slots)
        seen = seen.reshape(rows.n_points, slots)[:, :-1].cumsum(axis=1)
        last = np.cumsum(counts)[:, None] - 1
        first = last - counts[:, None] + 1
        after = np.minimum(first + seen, last)
        before = np.maximum(first + seen - 1, first)
        # A point without rows has first > last: any row will do, its values are blanked later.
        after, before = (np.clip(rank, 0, max(len(at) - 1, 0)) for rank in (after, before))
        if not len(at):
            return cls(before, after, np.zeros(before.shape), counts)
        gap = day[after] - day[before]
        weight = np.divide(grid - day[before], gap, where=gap > 0, out=np.zeros(gap.shape))
        return cls(at[before], at[after], weight, counts)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The observations of a window that count.

    Attributes
    ----------
    index : ndarray of int, shape (row,)
        Rows of the archive, in its order.
    point : ndarray of int, shape (row,)
        Position of each row's point.
    day : ndarray of int, shape (row,)
        Day number of each row.
    grid : ndarray of int, shape (time,)
        Day numbers of the grid.
    step_days : int
        Distance of the grid's days.
    n_points : int
        How many points there are.
    """

    index: NDArray[np.int64]
    point: NDArray[np.int64]
    day: NDArray[np.int64]
    grid: NDArray[np.int64]
    step_days: int
    n_points: int

    @property
    def bytes(self) -> int:
        """What they take in memory with their brackets."""
        return 3 * self.index.nbytes + 24 * self.n_points * len(self.grid)

    @cached_property
    def brackets(self) -> _Brackets:
        """Brackets of a band that misses no value."""
        return _Brackets.of(self)

    def interpolated(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute one band, given for every row of the archive, on the grid: shape (point, time)."""
        rows = values[self.index]
        missing = np.isnan(rows)
        brackets = _Brackets.of(self, ~missing) if missing.any() else self.brackets
        result = np.full(brackets.weight.shape, np.nan, dtype=np.float32)
        if brackets.counts.any():
            left = rows[brackets.before].astype(np.float64)
            right = rows[brackets.after]
            result[:] = left + (right - left) * brackets.weight
            result[brackets.counts == 0] = np.nan
        return result


def _selected(archive: Archive, window: Window, step_days: int, clear: bool) -> _Rows:
    """Return the rows of a window, remembered: a sweep over band sets comes back to its windows."""
    key = (window, step_days, clear)
    if key not in archive.selections:
        rows = _select(archive, window, step_days, clear)
        kept = min(_REMEMBERED, _REMEMBERED_BYTES // max(rows.bytes, 1))
        while archive.selections and len(archive.selections) >= kept:
            del archive.selections[next(iter(archive.selections))]
        archive.selections[key] = rows
    remembered: _Rows = archive.selections[key]
    return remembered


def _select(archive: Archive, window: Window, step_days: int, clear: bool) -> _Rows:
    """Return the rows of a window, without those in which the ground is not seen if `clear`."""
    inside = (archive.days >= window.start_day) & (archive.days <= window.end_day)
    if clear:
        archive.require([SCENE_CLASS])
        inside &= ~np.isin(archive.values(SCENE_CLASS), UNCLEAR_CLASSES)
    index = np.flatnonzero(inside)
    return _Rows(
        index=index,
        point=np.searchsorted(archive.offsets, index, side="right") - 1,
        day=archive.days[index].astype(np.int64),
        grid=grid_of(window, step_days),
        step_days=step_days,
        n_points=len(archive.offsets) - 1,
    )


def grid_of(window: Window, step_days: int) -> NDArray[np.int64]:
    """Return the day numbers of the grid, shape (time,)."""
    return np.arange(window.start_day, window.end_day + 1, step_days, dtype=np.int64)
