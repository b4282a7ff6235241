"""Boxes of longitude and latitude as STAC has them: west > east where one lies across the antimeridian."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.sources.grid import box_of

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

Bounds = tuple[float, float, float, float]
"""West, south, east, north, degrees."""
MARGIN_DEGREES = 0.001
"""Added around places and to the boxes of items, which may be rounded."""


def bounds_around(lonlat: NDArray[np.float64]) -> Bounds:
    """Return the bounds of places, shape ``(place, 2)``, with a margin, but not beyond the Earth's."""
    limit = np.array([180.0, 90.0])
    west, south = np.maximum(lonlat.min(axis=0) - MARGIN_DEGREES, -limit).tolist()
    east, north = np.minimum(lonlat.max(axis=0) + MARGIN_DEGREES, limit).tolist()
    return west, south, east, north


def bounds_of(grid: GeoBox) -> Bounds:
    """Return the bounds of a grid, with a margin."""
    box = box_of(grid)
    return bounds_around(np.array([[box.west, box.south], [box.east, box.north]]))


def overlap(box: Sequence[float] | None, bounds: Bounds) -> bool:
    """Return whether an item's box, of 4 or 6 numbers, and bounds have a place in common; no box has all."""
    if box is None:
        return True
    west, south, east, north = without_heights(box)
    if south > bounds[3] or north < bounds[1]:
        return False
    return any(
        one[0] <= other[1] and one[1] >= other[0]
        for one in _spans(west, east)
        for other in _spans(bounds[0], bounds[2])
    )


def in_box(box: Sequence[float] | None, lonlat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which places, shape ``(place, 2)``, lie in an item's box or its margin; no box has all."""
    if box is None:
        return np.ones(len(lonlat), np.bool_)
    west, south, east, north = without_heights(box)
    lon, lat = lonlat.T
    along = np.zeros(len(lonlat), np.bool_)
    for low, high in _spans(west, east):
        along |= (lon >= low - MARGIN_DEGREES) & (lon <= high + MARGIN_DEGREES)
    return np.asarray(along & (lat >= south - MARGIN_DEGREES) & (lat <= north + MARGIN_DEGREES))


def without_heights(box: Sequence[float]) -> Bounds:
    """Return a box without its heights.

    >>> without_heights([1, 2, 0, 3, 4, 100])
    (1, 2, 3, 4)
    """
    half = len(box) // 2
    return box[0], box[1], box[half], box[half + 1]


def _spans(west: float, east: float) -> list[tuple[float, float]]:
    return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
