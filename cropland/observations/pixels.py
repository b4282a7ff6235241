"""Pixels: which points see the same ground, and so are no independent samples.

Points share a pixel where they lie in one pixel of 10 m of the UTM grid of their zone, which is that of
Sentinel-2, or less than half a pixel apart, so that a copy with rounded coordinates stays with its original.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from pyproj import Transformer

PIXEL_METRES = 10.0
NEAR_METRES = PIXEL_METRES / 2
_EARTH_METRES = 6_371_008.8
"""Mean radius."""
_COLUMNS, _ROWS = 1 << 20, 1 << 21
"""Pixels of a zone are fewer than these, so that one whole number can name each."""


def pixels(lat: ArrayLike, lon: ArrayLike) -> NDArray[np.int64]:
    """Compute the number of each point's pixel.

    Parameters
    ----------
    lat, lon : array_like of float, shape (point,)
        Degrees, WGS 84.

    Returns
    -------
    ndarray of int64, shape (point,)
        Equal for points that share a pixel, counted in the order in which they come: 0, 1, 2, … where no two
        do. Not to be written to.
    """
    lats, lons = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
    return _numbers(lats.tobytes(), lons.tobytes())


@lru_cache(maxsize=8)
def _numbers(lat: bytes, lon: bytes) -> NDArray[np.int64]:
    """Compute the numbers of pixels; all candidates of a sweep ask for those of the same points."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    lats, lons = np.frombuffer(lat), np.frombuffer(lon)
    first, same = np.unique(_cells(lats, lons), return_index=True, return_inverse=True)[1:]
    pairs = np.concatenate(
        [np.stack([np.arange(len(lats)), first[same]], axis=1), _near(lats, lons)]
    )
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(lats),) * 2)
    groups = connected_components(links, directed=False)[1]
    firsts, number = np.unique(groups, return_index=True, return_inverse=True)[1:]
    numbers = np.argsort(np.argsort(firsts))[number].astype(np.int64)
    numbers.flags.writeable = False
    return np.asarray(numbers)


def _cells(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return a number for the pixel of the UTM grid that each point lies in."""
    zone = np.minimum((lon + 180) // 6, 59).astype(np.int64)
    cells = np.empty(len(lat), np.int64)
    for number in np.unique(zone):
        of_zone = zone == number
        east, north = _to_utm(int(number)).transform(lon[of_zone], lat[of_zone])
        column, row = (np.floor(metres / PIXEL_METRES).astype(np.int64) for metres in (east, north))
        cells[of_zone] = (number * _ROWS + row) * _COLUMNS + column  # rows from -1,000,000 on
    return cells


@lru_cache
def _to_utm(zone: int) -> Transformer:
    from pyproj import Transformer

    # Also in the south, whose northing has 10,000 km more: whole pixels.
    return Transformer.from_crs(4326, 32601 + zone, always_xy=True)


def _near(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the pairs of points that are near each other, shape (pair, 2)."""
    from scipy.spatial import KDTree

    phi, theta = np.radians(lat), np.radians(lon)
    place = np.stack(
        [np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)], axis=1
    )
    pairs = KDTree(_EARTH_METRES * place).query_pairs(NEAR_METRES, output_type="ndarray")
    return np.asarray(pairs, dtype=np.int64)
