"""Interpolation of points: the rows of a window that count, and those before and after each day of a grid.

Rows are an archive's, sorted by point and day. Values are interpolated linearly in time and held constant
before a point's first row and after its last.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.observations.bands import SCENE_CLASS, UNCLEAR_CLASSES

if TYPE_CHECKING:
    from cropland.features.window import Window
    from cropland.observations.archive import Archive

_REMEMBERED, _REMEMBERED_BYTES = 16, 200_000_000
"""Windows whose rows an archive remembers at most, and what they may take; the newest is always kept."""


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
    longest_gap : ndarray of int, shape (point,)
        See `longest_gap`.
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    weight: NDArray[np.float64]
    counts: NDArray[np.int64]
    longest_gap: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Rows, present: NDArray[np.bool_] | None = None) -> _Brackets:
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
            nothing = np.full(counts.shape, _length(grid))
            return cls(before, after, np.zeros(before.shape), counts, nothing)
        gap = day[after] - day[before]
        weight = np.divide(grid - day[before], gap, where=gap > 0, out=np.zeros(gap.shape))
        longest = longest_gap(
            gap.max(axis=1), day[before[:, 0]], day[after[:, -1]], counts > 0, grid=grid
        )
        return cls(at[before], at[after], weight, counts, longest)


@dataclass(frozen=True, eq=False)
class Rows:
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

    @cached_property
    def interpolated_share(self) -> NDArray[np.float64]:
        """Share of the grid's days with no row within half a step, shape (point,): 1 without a row."""
        if not len(self.day):
            return np.ones(self.n_points)
        brackets = self.brackets
        before, after = self.grid - self.day[brackets.before], self.day[brackets.after] - self.grid
        far = 2 * np.minimum(np.abs(before), np.abs(after)) > self.step_days
        return np.where(brackets.counts == 0, 1.0, far.mean(axis=1))

    def interpolated(
        self, values: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
        """Compute one band on the grid, on how many days each point has a value of it, and its longest gap.

        The band is given for every row of the archive; shapes are (point, time), (point,) and (point,).
        """
        rows = values[self.index]
        missing = np.isnan(rows)
        brackets = _Brackets.of(self, ~missing) if missing.any() else self.brackets
        result = np.full(brackets.weight.shape, np.nan, dtype=np.float32)
        if brackets.counts.any():
            left = rows[brackets.before].astype(np.float64)
            right = rows[brackets.after]
            result[:] = left + (right - left) * brackets.weight
            result[brackets.counts == 0] = np.nan
        return result, brackets.counts, brackets.longest_gap


def rows_of(archive: Archive, window: Window, step_days: int, clear: bool) -> Rows:
    """Return the rows of a window, remembered: a sweep over band sets comes back to its windows."""
    key = (window, step_days, clear)
    if key not in archive.selections:
        rows = _select(archive, window, step_days, clear)
        kept = min(_REMEMBERED, _REMEMBERED_BYTES // max(rows.bytes, 1))
        while archive.selections and len(archive.selections) >= kept:
            del archive.selections[next(iter(archive.selections))]
        archive.selections[key] = rows
    remembered: Rows = archive.selections[key]
    return remembered


def _select(archive: Archive, window: Window, step_days: int, clear: bool) -> Rows:
    """Return the rows of a window; if `clear`, those whose scene class says that the ground is seen."""
    inside = (archive.days >= window.start_day) & (archive.days <= window.end_day)
    if clear:
        archive.require([SCENE_CLASS])
        classes = archive.values(SCENE_CLASS)
        inside &= ~(np.isnan(classes) | np.isin(classes, UNCLEAR_CLASSES))
    index = np.flatnonzero(inside)
    return Rows(
        index=index,
        point=np.searchsorted(archive.offsets, index, side="right") - 1,
        day=archive.days[index].astype(np.int64),
        grid=grid_of(window, step_days),
        step_days=step_days,
        n_points=len(archive.offsets) - 1,
    )


def longest_gap(
    between: NDArray[np.int64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    is_seen: NDArray[np.bool_],
    *,
    grid: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return how far the day furthest from any observation is from the nearest one, days.

    Of the days from the grid's first to its last. A stretch of 60 days between two observations is a gap of
    30; one before the first observation or after the last, where values are held constant, a gap of 60.

    Parameters
    ----------
    between : ndarray of int, shape (point,)
        Most days from the observation before a day of the grid to the one after it.
    first, last : ndarray of int, shape (point,)
        Days of the first observation and of the last up to the end of the grid, or of one after it.
    is_seen : ndarray of bool, shape (point,)
        Whether a point has an observation; the gap of one without is the whole of the grid.
    grid : ndarray of int, shape (time,)
        Day numbers of the grid.
    """
    longest = np.maximum(np.maximum(first - grid[0], grid[-1] - last), between // 2)
    return np.where(is_seen, longest, _length(grid))


def _length(grid: NDArray[np.int64]) -> int:
    return int(grid[-1] - grid[0]) + 1


def grid_of(window: Window, step_days: int) -> NDArray[np.int64]:
    """Return the day numbers of the grid, shape (time,)."""
    return np.arange(window.start_day, window.end_day + 1, step_days, dtype=np.int64)
