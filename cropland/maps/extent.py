"""The extent of a map: a grid of square pixels, an outline that its pixels lie in, and the grid's tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyproj import Proj
from rasterio.features import geometry_mask

from cropland.errors import ConfigError, DataError
from cropland.maps.outline import read_polygons
from cropland.sources.grid import Bounds, box_of, grid_of, lonlat

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox
    from odc.geo.geom import Geometry

    from cropland.config.countries import Box, Country

_DEGREES = "EPSG:4326"
_WIDEST_DEGREES, _FARTHEST_DEGREES = 20, 84
_STEP_METRES = 1000
"""Between two points of an edge that is brought to another projection: it bends by a centimetre."""


@dataclass(frozen=True)
class Tile:
    """A part of a grid.

    Attributes
    ----------
    row, column : int
        Its first pixel.
    grid : GeoBox
        Its pixels.
    """

    row: int
    column: int
    grid: GeoBox

    @property
    def name(self) -> str:
        """A name that sorts, and says where it is."""
        return f"r{self.row:06d}c{self.column:06d}"


@dataclass(frozen=True)
class Extent:
    """What is mapped.

    Attributes
    ----------
    grid : GeoBox
        Square pixels of a projected CRS in metres.
    outline : Geometry, optional
        Pixels whose centres lie outside are left out, in the grid's CRS.
    """

    grid: GeoBox
    outline: Geometry | None = None

    @classmethod
    def of_box(cls, edges: tuple[float, float, float, float], metres: int) -> Extent:
        """Return the extent of a box.

        Parameters
        ----------
        edges : tuple of float
            West, south, east and north, degrees; west > east where it lies across the antimeridian.
        metres : int
            Side of a pixel.

        Raises
        ------
        ConfigError
            Its edges are not those of a box, or no UTM zone shows it.
        """
        box = Bounds(*edges)
        ordered = box.west < box.east or (box.west > box.east and box.width <= _WIDEST_DEGREES)
        in_degrees = (
            max(abs(box.west), abs(box.east)) <= 180 and -90 <= box.south <= box.north <= 90
        )
        if not (ordered and in_degrees and box.south < box.north):
            raise ConfigError(
                f"box must be [west, south, east, north] in degrees, south < north and west < east (west > "
                f"east across 180 degrees), got {list(edges)}"
            )
        _check_size(box)
        return cls(grid_of(box, metres))

    @classmethod
    def of_file(cls, path: Path, metres: int) -> Extent:
        """Return the extent of the polygons of a GeoJSON file.

        Raises
        ------
        DataError
            It is none, holds no polygon, or is in another CRS.
        """
        polygons = read_polygons(path)
        west, south, east, north = polygons.boundingbox
        east -= 360 if east > 180 else 0
        grid = cls.of_box((west, south, east, north), metres).grid
        return cls(grid, polygons.to_crs(str(grid.crs), resolution=0.01))

    def within(self, grid: GeoBox) -> Extent:
        """Return the extent of the pixels of another grid that this one covers.

        Raises
        ------
        DataError
            There is none.
        """
        outline = self.outline or self.grid.extent
        edges = outline.to_crs(str(grid.crs), resolution=self.grid.resolution.x).boundingbox
        columns, rows = grid.wld2pix(np.array(edges.range_x), np.array(edges.range_y[::-1]))
        left, right = columns.round().astype(int).clip(0, grid.shape[1])
        top, bottom = rows.round().astype(int).clip(0, grid.shape[0])
        if top >= bottom or left >= right:
            box = box_of(grid)
            raise DataError(
                f"the box or geometry lies outside the cube, which covers lat {box.south:.4f}…"
                f"{box.north:.4f}, lon {box.west:.4f}…{box.east:.4f} degrees; choose another"
            )
        part = grid[int(top) : int(bottom), int(left) : int(right)]
        return Extent(part, outline.to_crs(str(grid.crs), resolution=_STEP_METRES))

    @property
    def n_pixels(self) -> int:
        """Pixels of the grid, inside the outline or not."""
        return math.prod(self.grid.shape)

    def tiles(self, side: int) -> list[Tile]:
        """Cut the grid into tiles of at most so many pixels a side, those that have a pixel inside."""
        height, width = self.grid.shape
        parts = (
            Tile(
                row,
                column,
                self.grid[row : min(row + side, height), column : min(column + side, width)],
            )
            for row in range(0, height, side)
            for column in range(0, width, side)
        )
        return [
            tile
            for tile in parts
            if (self.outline is None or self.outline.intersects(tile.grid.extent))
            and self.mask(tile).any()
        ]

    def mask(self, tile: Tile) -> NDArray[np.bool_]:
        """Return which pixels of a tile lie inside, shape (row, column)."""
        if self.outline is None:
            return np.ones(tile.grid.shape, np.bool_)
        # A little more than the tile: what is cut off leaves an edge that no pixel's centre lies on.
        near = self.outline & tile.grid.extent.buffer(abs(tile.grid.resolution.x))
        if near.is_empty:
            return np.zeros(tile.grid.shape, np.bool_)
        where = (tile.grid.shape, tile.grid.transform)
        return np.asarray(geometry_mask([near.json], *where, invert=True))


def _check_size(box: Bounds) -> None:
    """Raise an error for an area too wide for a UTM zone."""
    if box.width > _WIDEST_DEGREES or max(abs(box.south), abs(box.north)) > _FARTHEST_DEGREES:
        raise ConfigError(
            f"an area can be {_WIDEST_DEGREES} degrees wide and reach to latitude ±{_FARTHEST_DEGREES}, as "
            f"a UTM grid can show; this one is {box}: cut it in parts"
        )


def meets(area: Bounds, box: Box) -> bool:
    """Return whether an area has a part in a country's box; one across 180 degrees, by latitude alone."""
    is_beside = area.west <= area.east and (area.east < box.west or box.east < area.west)
    return not (is_beside or area.north < box.south or box.north < area.south)


def notes_on_place(grid: GeoBox, country: Country) -> tuple[str, ...]:
    """Return a note where no pixel of a grid lies in the box of the country whose model maps it."""
    home, area = country.box, box_of(grid)
    if meets(area, home):
        return ()
    return (
        f"the area, lat {area.south:.2f}…{area.north:.2f}, lon {area.west:.2f}…{area.east:.2f}, lies outside "
        f"the box of {country.name} (conf/country/{country.name}.yaml), {home}, where its model was "
        "trained: is the CRS right?",
    )


def degrees(grid: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return longitude and latitude of the centres of a grid's pixels, each of shape (row, column)."""
    rows, columns = np.indices(grid.shape) + 0.5
    return lonlat(grid, rows, columns)


def hectares(grid: GeoBox) -> float:
    """Compute the area of a pixel on the ellipsoid, in hectares, in the middle of a grid.

    A UTM zone shows areas up to 0.2 % too large or too small.
    """
    middle = grid.extent.centroid.to_crs(_DEGREES)
    lon, lat = middle.points[0]
    scale = Proj(str(grid.crs)).get_factors(lon, lat).areal_scale
    return float(abs(grid.resolution.x * grid.resolution.y) / scale / 10_000)
