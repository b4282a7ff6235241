"""Series of pixels: what `features.series` makes of points, of the images of a cube, to the same bits.

All pixels of an image have its day, so that what is sorted and counted for points is known here: only
which images saw a pixel differs. Where pixels were seen by the same images, one set of weights serves all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.features.interpolation import grid_of, longest_gap
from cropland.features.series import band_names, dataset
from cropland.observations.band_values import MISSING_SCENE_CLASS, as_data
from cropland.observations.bands import (
    NO_DATA,
    SCENE_CLASS,
    STANDARD_NAMES,
    UNCLEAR_CLASSES,
    BandSet,
    index,
    parts_of,
)
from cropland.observations.points import UNLABELLED

if TYPE_CHECKING:
    import xarray as xr

    from cropland.features.window import Window


@dataclass(frozen=True, eq=False)
class Images:
    """What images show of some pixels, in memory.

    Attributes
    ----------
    times : ndarray of datetime64, shape (image,)
        Moments of the images, ascending.
    values : mapping of str to ndarray, shape (image, pixel)
        Digital numbers by band, 0 = no data, and ``SCL``, 255 where it is missing.
    lat, lon : ndarray of float64, shape (pixel,)
        Centres of the pixels, degrees.
    n_fill_values : int
        How many values became no data, as no band can have them.
    """

    times: NDArray[np.datetime64]
    values: Mapping[str, NDArray[Any]]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    n_fill_values: int = 0

    def part(self, pixels: slice) -> Images:
        """Return some of the pixels."""
        values = {name: np.ascontiguousarray(each[:, pixels]) for name, each in self.values.items()}
        return Images(self.times, values, self.lat[pixels], self.lon[pixels])

    def of_days(self, first: int, last: int) -> Images:
        """Return the images from a day number to another, both included; where none is, one beside them."""
        days = self.times.astype("datetime64[D]").astype(np.int64)
        start = min(int(np.searchsorted(days, first)), len(days) - 1)
        images = slice(start, max(int(np.searchsorted(days, last, "right")), start + 1))
        values = {name: each[images] for name, each in self.values.items()}
        return Images(self.times[images], values, self.lat, self.lon)

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """Which image saw which pixel: where ``SCL`` has data, or any band where there is no ``SCL``."""
        classes = self.values.get(SCENE_CLASS)
        if classes is None:
            return self._any_band
        missing = classes == MISSING_SCENE_CLASS
        if not missing.any():
            return np.asarray(classes != NO_DATA)
        return np.where(missing, self._any_band, classes != NO_DATA)

    @property
    def _any_band(self) -> NDArray[np.bool_]:
        seen = np.zeros((len(self.times), len(self.lat)), np.bool_)
        for name, values in self.values.items():
            if name != SCENE_CLASS:
                seen |= (values != NO_DATA) & ~_is_nan(values)
        return seen

    def band(self, name: str) -> NDArray[np.float32]:
        """Return a band or an index of every pixel, NaN where there is no data."""
        if name in self.values:
            values = self.values[name]
            return as_data(values) if name in STANDARD_NAMES else values.astype(np.float32)
        parts = parts_of(name)
        return index(name, {part: self.band(part) for part in parts})


def aligned(
    images: Images,
    window: Window,
    band_set: BandSet,
    *,
    step_days: int,
    clear: bool,
    classes: Sequence[int],
) -> xr.Dataset:
    """Align what the images of a window show; parameters and result are those of `series.aligned`.

    The ID of a pixel is its number.
    """
    images = images.of_days(window.start_day, window.end_day)
    days = images.times.astype("datetime64[D]").astype(np.int64)
    inside = (days >= window.start_day) & (days <= window.end_day)
    seen = images.present & inside[:, None]
    if clear:
        seen &= ~np.isin(images.values[SCENE_CLASS], (*UNCLEAR_CLASSES, MISSING_SCENE_CLASS))
    grid = grid_of(window, step_days)
    daily = _Daily(days, seen, grid)
    names = band_names(band_set, classes)
    values = np.empty((len(images.lat), len(grid), len(names)), np.float32)
    for number, band in enumerate(_bands(images, band_set, classes)):
        values[:, :, number] = daily.interpolated(band).T
    ids = np.arange(len(images.lat)).astype(str)
    labels = np.full(len(images.lat), UNLABELLED, np.int8)
    points = {"ID": ids, "Lat": images.lat, "Lon": images.lon, "Target": labels}
    return dataset(values, daily.counts, daily.longest_gap, points, grid=grid, names=names)


def _bands(
    images: Images, band_set: BandSet, classes: Sequence[int]
) -> Iterator[NDArray[np.float32]]:
    """Yield what is aligned, in the order of `band_names`, each with shape (image, pixel)."""
    for name in band_set.dynamic:
        if name == SCENE_CLASS:
            stored = images.values[name]
            missing = stored == MISSING_SCENE_CLASS
            for number in classes:
                yield np.where(missing, np.nan, stored == number).astype(np.float32)
        else:
            yield images.band(name)


@dataclass(frozen=True, eq=False)
class _PixelBrackets:
    """For each day of the grid and each pixel, the days before and after it on which it was seen.

    Attributes
    ----------
    before, after : ndarray of int, shape (time, pixel), or (time,) where it is the same for all pixels
        Positions among the days; the same one outside a pixel's observations.
    weight : ndarray of float64, shape (time, pixel) or (time, 1)
        Share of the day after.
    longest_gap : ndarray of int, shape (pixel,) or (1,)
        See `interpolation.longest_gap`.
    """

    before: NDArray[np.intp]
    after: NDArray[np.intp]
    weight: NDArray[np.float64]
    longest_gap: NDArray[np.int64]

    @classmethod
    def of(
        cls, seen: NDArray[np.bool_], days: NDArray[np.int64], grid: NDArray[np.int64]
    ) -> _PixelBrackets:
        """Compute them from the days on which a pixel was `seen`, shape (day, pixel)."""
        is_alike = bool((seen == seen[:, :1]).all())
        if is_alike:
            seen = seen[:, :1]
        number, none = np.arange(len(days), dtype=np.int32)[:, None], len(days)
        past = np.maximum.accumulate(np.where(seen, number, -1), axis=0)
        next_one = np.minimum.accumulate(np.where(seen, number, none)[::-1], axis=0)[::-1]
        passed = np.searchsorted(days, grid, side="right")  # days up to each day of the grid
        edge = np.full((1, seen.shape[1]), -1, np.int32)
        before = np.concatenate([edge, past])[passed]
        after = np.concatenate([next_one, edge + 1 + none])[passed]
        before, after = (
            np.where(before < 0, after, before),
            np.where(after == none, before, after),
        )
        # A pixel that was never seen has no value on any day: any will do.
        before, after = (np.where(each == none, 0, each).clip(0) for each in (before, after))
        gap = days[after] - days[before]
        is_seen = np.any(seen, axis=0)
        longest = longest_gap(gap.max(axis=0), days[before[0]], days[after[-1]], is_seen, grid=grid)
        ahead = grid[:, None] - days[before]
        weight = np.divide(ahead, gap, where=gap > 0, out=np.zeros(gap.shape))
        if is_alike:
            before, after = before[:, 0], after[:, 0]
        return cls(before.astype(np.intp), after.astype(np.intp), weight, longest)

    def between(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute daily values, shape (day, pixel), on the grid, shape (time, pixel)."""
        if self.before.ndim == 1:
            left, right = values[self.before].astype(np.float64), values[self.after]
        else:
            left = np.take_along_axis(values, self.before, axis=0).astype(np.float64)
            right = np.take_along_axis(values, self.after, axis=0)
        difference = np.subtract(right, left)
        difference *= self.weight
        left += difference
        return left.astype(np.float32)


class _Daily:
    """Images of one day as one: of several the first that saw a pixel counts.

    Parameters
    ----------
    days : ndarray of int, shape (image,)
        Day of each image, ascending.
    seen : ndarray of bool, shape (image, pixel)
        Which image counts for which pixel.
    grid : ndarray of int, shape (time,)
        Days to interpolate to.
    """

    def __init__(
        self, days: NDArray[np.int64], seen: NDArray[np.bool_], grid: NDArray[np.int64]
    ) -> None:
        self._seen, self._grid = seen, grid
        self._days, self._first = np.unique(days, return_index=True)
        self._ends = np.append(self._first[1:], len(days))
        is_daily = len(self._days) == len(days)
        self._usual = seen if is_daily else np.logical_or.reduceat(seen, self._first, axis=0)
        self.counts = self._usual.sum(axis=0, dtype=np.int32)
        """Days on which each pixel was seen, by the band with the fewest values so far, shape (pixel,)."""
        self._longest = np.zeros(seen.shape[1], np.int64)

    def interpolated(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute a band, shape (image, pixel), on the grid; NaN where a pixel was not seen."""
        values[~self._seen] = np.nan
        daily = self._of_days(values)
        present = ~np.isnan(daily)
        if np.array_equal(present, self._usual):
            return self._usual_brackets.between(daily)
        np.minimum(self.counts, present.sum(axis=0, dtype=np.int32), out=self.counts)
        brackets = self._brackets(present)
        self._longest = np.maximum(self._longest, brackets.longest_gap)
        return brackets.between(daily)

    @property
    def longest_gap(self) -> NDArray[np.int32]:
        """Days of each pixel's longest gap, by the band with the longest so far, shape (pixel,)."""
        usual = self._usual_brackets.longest_gap
        return np.maximum(self._longest, usual).astype(np.int32)

    @cached_property
    def _usual_brackets(self) -> _PixelBrackets:
        """Brackets of a band that misses no value."""
        return self._brackets(self._usual)

    def _brackets(self, seen: NDArray[np.bool_]) -> _PixelBrackets:
        return _PixelBrackets.of(seen, self._days, self._grid)

    def _of_days(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(self._days) == len(values):
            return values
        daily = values[self._first]
        for day in np.flatnonzero(self._ends - self._first > 1):
            for image in range(self._first[day] + 1, self._ends[day]):
                np.copyto(daily[day], values[image], where=np.isnan(daily[day]))
        return daily


def _is_nan(values: NDArray[Any]) -> NDArray[np.bool_]:
    if np.issubdtype(values.dtype, np.floating):
        return np.asarray(np.isnan(values))
    return np.zeros(values.shape, np.bool_)
