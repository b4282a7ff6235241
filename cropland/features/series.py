"""Series: the observations of a window, aligned on a regular grid of days.

Contract: a dataset with dims ``point``, ``time``, ``band`` and

- ``values`` (point, time, band) float32: digital numbers, index values, or for ``SCL_<class>`` the
  share of that scene class; NaN for points without an observation in the window;
- ``n_observations`` (point) int32: on how many days of the window a point was observed, by the band with
  the fewest values; 0 where it has no value of a band;
- ``longest_gap`` (point) int32: days from the day of the window furthest from any observation to the nearest
  one, by the band with the most; the length of the grid where it has no value of a band;
- coordinates ``ID``, ``Lat``, ``Lon``, ``Target`` (point), ``time`` (datetime64: every `step_days`-th
  day from the window's first) and ``band``.

Values are interpolated linearly between a point's own observations in the window and held constant
before its first and after its last. Of several observations on one day the first counts (the rule of the
original study). A band's missing values are passed over, as if that band had not been observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from cropland.features.interpolation import grid_of, rows_of
from cropland.observations import point_blocks
from cropland.observations.bands import SCENE_CLASS, BandSet

if TYPE_CHECKING:
    from cropland.features.window import Window
    from cropland.observations.archive import Archive


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
        of the window on which it was observed, by the band with the fewest values. ``longest_gap`` (point):
        most days from a day of the window to the nearest observation, by the band with the most.

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
    rows = rows_of(archive, window, step_days, clear)
    layers: list[NDArray[np.float32]] = []
    fewest, longest = rows.brackets.counts, rows.brackets.longest_gap
    for values in _bands(archive, band_set, classes):
        layer, counts, gaps = rows.interpolated(values)
        layers.append(layer)
        fewest, longest = np.minimum(fewest, counts), np.maximum(longest, gaps)
    shape = (len(archive.points["ID"]), len(rows.grid), 0)
    return dataset(
        np.stack(layers, axis=-1) if layers else np.empty(shape, np.float32),
        fewest.astype(np.int32),
        longest.astype(np.int32),
        {str(name): archive.points[name].to_numpy() for name in archive.points},
        grid=rows.grid,
        names=band_names(band_set, classes),
    )


def _bands(
    archive: Archive, band_set: BandSet, classes: Sequence[int]
) -> Iterator[NDArray[np.float32]]:
    """Yield what is aligned, in the order of `band_names`, for every row of the archive."""
    for name in band_set.dynamic:
        values = archive.values(name)
        if name == SCENE_CLASS:
            missing = np.isnan(values)
            for number in classes:
                yield np.where(missing, np.nan, values == number).astype(np.float32)
        else:
            yield values


def dataset(
    values: NDArray[np.float32],
    counts: NDArray[np.int32],
    longest_gap: NDArray[np.int32],
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
    longest_gap : ndarray of int32, shape (point,)
        Most days from a day of the window to its nearest observation.
    points : mapping of str to ndarray, shape (point,)
        Coordinates of the points.
    grid : ndarray of int, shape (time,)
        Day numbers.
    names : sequence of str
        Names of the bands.
    """
    return xr.Dataset(
        {
            "values": (("point", "time", "band"), values),
            "n_observations": ("point", counts),
            "longest_gap": ("point", longest_gap),
        },
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
