"""Recipes: all that turns raw observations into features, the same for training, points, REST and maps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from cropland import features, series
from cropland.bands import SCENE_CLASS, BandSet
from cropland.config import Features, Series
from cropland.countries import iso_date
from cropland.schema import CLOSED
from cropland.window import Window

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from cropland.archive import Archive


@dataclass(frozen=True)
class Recipe:
    """What is made of observations, told by days from the end of a reference season.

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
    """

    __pydantic_config__ = CLOSED

    reference_end: str
    span: int
    end_offset_days: int
    bands: tuple[str, ...]
    series: Series
    features: Features
    classes: tuple[int, ...] = ()

    @property
    def band_set(self) -> BandSet:
        """Its band set."""
        return BandSet.of(self.bands)

    def window(self, reference_end: date | None = None) -> Window:
        """Give the window in its own season, or in one that ends on another day."""
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
        aligned = series.aligned(
            archive,
            self.window(end),
            self.band_set,
            step_days=self.series.step_days,
            clear=self.series.clear,
            classes=self.classes,
        )
        return Samples(
            matrix=features.matrix(aligned, self.band_set, self.features, reference_end=end),
            unobserved=features.unobserved(aligned),
            n_observations=aligned["n_observations"].to_numpy(),
        )


@dataclass(frozen=True, eq=False)
class Samples:
    """Features of points.

    Attributes
    ----------
    matrix : xarray.DataArray
        See `cropland.features`; without the points that have no observation.
    unobserved : list of str
        IDs of those.
    n_observations : ndarray of int, shape (point,)
        Days of the window on which each point of the archive was observed.
    """

    matrix: xr.DataArray
    unobserved: list[str]
    n_observations: NDArray[np.int32]


def classes_of(archive: Archive, band_set: BandSet) -> tuple[int, ...]:
    """Give the scene classes of an archive, where a band set asks for them."""
    return tuple(series.scene_classes(archive)) if SCENE_CLASS in band_set.dynamic else ()
