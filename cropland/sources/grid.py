"""Grids of square pixels in UTM, and the way between pixels and longitude and latitude."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import box as outline_of
from pyproj import Transformer
from shapely import get_coordinates

if TYPE_CHECKING:
    from odc.geo.crs import CRS

    from cropland.config.countries import Box

PIXEL_METRES = 10
_DEGREES = "EPSG:4326"
_ALIGNED_METRES = 20
"""Edges are multiples of it, so that pixels of 10 and of 20 m fall into place."""


def utm_zone(lon: float, lat: float) -> int:
    """Return the EPSG code of the UTM zone of a place, without the exceptions of Norway and Svalbard.

    >>> utm_zone(48.3, 32.2), utm_zone(17.0, -22.5)
    (32639, 32733)
    """
    zone = min(int((lon + 180) // 6) + 1, 60)
    return (32600 if lat >= 0 else 32700) + zone


@dataclass(frozen=True)
class Bounds:
    """A rectangle of longitude and latitude, degrees; west > east where it lies across the antimeridian."""

    west: float
    south: float
    east: float
    north: float

    @property
    def width(self) -> float:
        """Degrees from west to east."""
        return self.east - self.west + (360 if self.west > self.east else 0)

    def __str__(self) -> str:
        return f"lat {self.south}…{self.north}, lon {self.west}…{self.east}"


def grid_of(box: Box | Bounds, metres: int = PIXEL_METRES) -> GeoBox:
    """Return the grid that covers a box, of square pixels whose sides are so many metres."""
    east = box.east + (360 if box.west > box.east else 0)
    middle = (box.west + east) / 2
    epsg = utm_zone(middle - (360 if middle >= 180 else 0), (box.south + box.north) / 2)
    outline = outline_of(box.west, box.south, east, box.north, _DEGREES).to_crs(
        f"EPSG:{epsg}", resolution=0.01
    )
    edges = outline.boundingbox
    step = math.lcm(_ALIGNED_METRES, metres)
    left, bottom = (int(edge // step) * step for edge in edges[:2])
    right, top = (-int(-edge // step) * step for edge in edges[2:4])
    return GeoBox.from_bbox(
        (left, bottom, right, top), f"EPSG:{epsg}", resolution=metres, tight=True
    )


def box_of(grid: GeoBox) -> Bounds:
    """Return the box of longitude and latitude that a grid lies in."""
    outline = grid.extent.to_crs(_DEGREES, resolution=grid.resolution.x)
    edges = outline.boundingbox
    west, east = edges.left, edges.right
    if east - west > 180:  # its eastern part has negative longitudes
        lon = get_coordinates(outline.geom)[:, 0] % 360
        west, east = float(lon.min()), float(lon.max()) - 360
    return Bounds(west, edges.bottom, east, edges.top)


def lonlat(
    grid: GeoBox, rows: ArrayLike, columns: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return longitude and latitude, in degrees, of places in a grid.

    Row 0, column 0 is the grid's upper left corner; row 0.5, column 0.5 the centre of its first pixel.
    """
    x, y = grid.pix2wld(np.asarray(columns, float), np.asarray(rows, float))  # type: ignore[no-untyped-call]
    lon, lat = _from_degrees(grid.crs).transform(x, y, direction="INVERSE")
    return lon, lat


def pixels(
    grid: GeoBox, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return rows and columns of places in degrees, and which are in the grid; 0, 0 of those that are not."""
    x, y = _from_degrees(grid.crs).transform(lon, lat)
    with np.errstate(invalid="ignore"):  # a place that the CRS does not have is not finite
        columns, rows = grid.wld2pix(x, y)  # type: ignore[no-untyped-call]
        inside = (rows >= 0) & (rows < grid.shape[0]) & (columns >= 0) & (columns < grid.shape[1])
    row, column = (np.where(inside, at, 0).astype(np.int64) for at in (rows, columns))
    return row, column, inside


def read_pixels(
    source: Any,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    *,
    band: int = 1,
    masked: bool = False,
) -> NDArray[Any]:
    """Read pixels of an open raster, each block of the file once.

    Parameters
    ----------
    source : rasterio.DatasetReader
        The raster.
    rows, columns : ndarray of int, shape (pixel,)
        Inside of it.
    band : int
        Which band, from 1.
    masked : bool
        Whether to return a masked array, masked where the file has no data.

    Returns
    -------
    ndarray, shape (pixel,)
        In the type of the file.
    """
    height, width = source.block_shapes[band - 1]
    found = (np.ma.zeros if masked else np.zeros)(len(rows), source.dtypes[band - 1])
    if not len(rows):
        return found
    blocks = np.stack([rows // height, columns // width])
    order = np.lexsort(blocks[::-1])
    starts = np.flatnonzero(np.any(np.diff(blocks[:, order]), axis=0)) + 1
    for at in np.split(order, starts):
        top, left = (
            int(first) * side for first, side in zip(blocks[:, at[0]], (height, width), strict=True)
        )
        ends = min(top + height, source.height), min(left + width, source.width)
        window = ((top, ends[0]), (left, ends[1]))
        block = source.read(band, window=window, masked=masked)
        found[at] = block[rows[at] - top, columns[at] - left]
    return found


@cache
def _from_degrees(crs: CRS | None) -> Transformer:
    assert crs is not None  # no grid is without one
    return Transformer.from_crs(_DEGREES, crs.to_wkt(), always_xy=True)
