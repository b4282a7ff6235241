"""Recipes: all that turns raw observations into features, the same for training, points, REST and maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from cropland.config.countries import iso_date
from cropland.config.groups import Features, Series
from cropland.config.schema import Closed
from cropland.features import pixel_series, series
from cropland.features.harmonics import HARMONICS
from cropland.features.interpolation import rows_of
from cropland.features.matrix import is_observed, matrix, unobserved
from cropland.features.window import Window
from cropland.observations import point_blocks
from cropland.observations.bands import SCENE_CLASS, BandSet
from cropland.observations.points import COLUMNS

if TYPE_CHECKING:
    from cropland.observations.archive import Archive


@dataclass(frozen=True)
class Recipe(Closed):
    """What is made of observations, in days from the end of a reference season.

    Attributes
    ----------
    reference_end : str
        Last day of the reference season, ISO date: season day 0.
    span : int
        Length of the window, weeks.
    end_offset_days : int
        Last day of the window, counted from the end of the reference season.
    bands : tuple of str
        Bands, indices, ``SCL`` and static columns.
    series : Series
        How observations are aligned.
    features : Features
        What is made of the aligned series.
    classes : tuple of int
        Scene classes that get a column where ``SCL`` is a band.
    min_observations : int
        A point with fewer in the window gets no features, and so no label.
    max_gap_days : int, optional
        Nor does one of which a day of the window is more days than this from the nearest observation.
    """

    reference_end: str
    span: int
    end_offset_days: int
    bands: tuple[str, ...]
    series: Series
    features: Features
    classes: tuple[int, ...] = ()
    min_observations: int = 1
    max_gap_days: int | None = None

    @property
    def band_set(self) -> BandSet:
        """Its band set."""
        return BandSet.of(self.bands)

    def window(self, reference_end: date | None = None) -> Window:
        """Return the window in its own season, or in one that ends on another day."""
        end = reference_end or iso_date(self.reference_end, "reference_end")
        last = end + timedelta(days=self.end_offset_days)
        first = last - timedelta(days=7 * self.span)
        return Window(first, last, uses_future=self.end_offset_days > 0)

    def samples(self, archive: Archive, reference_end: date | None = None) -> Samples:
        """Make the features of an archive's points.

        Parameters
        ----------
        archive : Archive
            Where their observations are.
        reference_end : date, optional
            End of the season to look at; the recipe's own, where it is left out.

        Raises
        ------
        DataError
            The archive lacks a band.
        """
        end = reference_end or iso_date(self.reference_end, "reference_end")
        archive.require(self.band_set.measured(archive.stored))
        names = series.needed(archive, self.band_set, clear=self.series.clear)
        if point_blocks.fits_in_memory(archive, names, self.features_at_most):
            return self._samples(series.aligned, archive, end)
        parts = point_blocks.map_blocks(
            archive, names, lambda part: self._samples(series.aligned, part, end)
        )
        return Samples.together(parts, archive.dataset.sizes["point"])

    def interpolated_share(self, archive: Archive) -> NDArray[np.float64]:
        """Return what share of the grid's days has no observation within half a step, shape (point,)."""

        def share(part: Archive) -> NDArray[np.float64]:
            rows = rows_of(part, self.window(), self.series.step_days, self.series.clear)
            return rows.interpolated_share

        names = series.needed(archive, self.band_set, clear=self.series.clear)
        if point_blocks.fits_in_memory(archive, names, self.features_at_most):
            return share(archive)
        classes = [SCENE_CLASS] if self.series.clear else []
        return np.concatenate(
            [part for _, part in point_blocks.map_blocks(archive, classes, share)]
        )

    def samples_of_pixels(
        self, images: pixel_series.Images, reference_end: date | None = None
    ) -> Samples:
        """Make the features of pixels, as `samples` does for points that lie in their centres."""
        end = reference_end or iso_date(self.reference_end, "reference_end")
        return self._samples(pixel_series.aligned, images, end)

    def is_observed(self, samples: Samples) -> NDArray[np.bool_]:
        """Return which points are observed enough for a label, shape (point,)."""
        counts, gaps = samples.n_observations, samples.longest_gap
        return is_observed(counts, gaps, self.min_observations, self.max_gap_days)

    def reason(self, samples: Samples, point: int, window: str = "the window") -> str:
        """Return why a point that is not observed enough has no label; `window` names the window."""
        count, gap = samples.n_observations[point], samples.longest_gap[point]
        if count == 0:
            return f"not observed in all bands in {window}"
        if count < self.min_observations:
            return f"{count} of at least {self.min_observations} observations in {window}"
        return (
            f"a day of {window} is {gap} days from the nearest observation (at most "
            f"{self.max_gap_days})"
        )

    @property
    def features_at_most(self) -> int:
        """The most features that it can make of a point."""
        bands = len(self.band_set.dynamic) + len(self.classes)
        days = 1 + 7 * self.span // self.series.step_days if self.features.flat else 0
        over_time = len(self.features.statistics) + len(HARMONICS) * (self.features.harmonics > 0)
        return bands * (days + over_time) + len(self.band_set.static)

    def _samples(
        self, align: Callable[..., xr.Dataset], seen: Archive | pixel_series.Images, end: date
    ) -> Samples:
        """Make the features of points or pixels whose observations may be in memory."""
        aligned = align(
            seen,
            self.window(end),
            self.band_set,
            step_days=self.series.step_days,
            clear=self.series.clear,
            classes=self.classes,
        )
        least, longest = self.min_observations, self.max_gap_days
        return Samples(
            matrix=matrix(
                aligned,
                self.band_set,
                self.features,
                reference_end=end,
                min_observations=least,
                max_gap_days=longest,
            ),
            unobserved=unobserved(aligned, least, longest),
            n_observations=aligned["n_observations"].to_numpy(),
            longest_gap=aligned["longest_gap"].to_numpy(),
        )


@dataclass(frozen=True, eq=False)
class Samples:
    """Features of points.

    Attributes
    ----------
    matrix : xarray.DataArray
        See `cropland.features.matrix`; of the points with enough observations.
    unobserved : list of str
        IDs of the others.
    n_observations : ndarray of int, shape (point,)
        Days of the window on which each point of the archive was observed, by the band with the fewest
        values.
    longest_gap : ndarray of int, shape (point,)
        Most days from a day of the window to the nearest observation, by the band with the most.
    """

    matrix: xr.DataArray
    unobserved: list[str]
    n_observations: NDArray[np.int32]
    longest_gap: NDArray[np.int32]

    @classmethod
    def together(cls, parts: Iterable[tuple[slice, Samples]], n_points: int) -> Samples:
        """Return the samples of blocks of points together, in a matrix that is made but once: it is large."""
        matrix: NDArray[np.float32] | None = None
        coordinates: dict[str, list[NDArray[Any]]] = {name: [] for name in COLUMNS}
        unobserved: list[str] = []
        counts, gaps = np.empty(n_points, np.int32), np.empty(n_points, np.int32)
        row = 0
        for block, part in parts:
            names = part.matrix["feature"].to_numpy()
            matrix = np.empty((n_points, len(names)), np.float32) if matrix is None else matrix
            matrix[row : row + part.matrix.sizes["sample"]] = part.matrix
            row += part.matrix.sizes["sample"]
            for name, columns in coordinates.items():
                columns.append(part.matrix[name].to_numpy())
            unobserved += part.unobserved
            counts[block], gaps[block] = part.n_observations, part.longest_gap
        assert matrix is not None  # an archive has points
        along = {name: ("sample", np.concatenate(columns)) for name, columns in coordinates.items()}
        made = xr.DataArray(matrix[:row], {**along, "feature": names}, ("sample", "feature"))
        return cls(made, unobserved, counts, gaps)


def classes_of(archive: Archive, band_set: BandSet) -> tuple[int, ...]:
    """Return the scene classes of an archive, where a band set asks for them."""
    return archive.scene_classes if SCENE_CLASS in band_set.dynamic else ()
