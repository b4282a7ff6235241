"""The extent of a map: a grid of square pixels, an outline that its pixels lie in, and the grid's tiles."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geom import Geometry
from pyproj import Proj, Transformer
from rasterio.features import geometry_mask
from shapely import force_2d, make_valid, union_all
from shapely.errors import ShapelyError
from shapely.geometry import shape

from cropland.config.countries import Box
from cropland.errors import ConfigError, CroplandError, DataError
from cropland.sources.grid import grid_of
from cropland.support import reading

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox
    from shapely.geometry.base import BaseGeometry

_DEGREES = "EPSG:4326"
_MEANING_DEGREES = re.compile(r"CRS84|\b4326\b")
_WIDEST_DEGREES, _FARTHEST_DEGREES = 20, 84
_STEP_METRES = 1000
"""Between two points of an edge that is brought to another projection: it bends by a centimetre."""
_MOST_BYTES = 100_000_000
_REMEDY = "give a GeoJSON of polygons in longitude and latitude"


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
        """Cover a box.

        Parameters
        ----------
        edges : tuple of float
            West, south, east and north, degrees.
        metres : int
            Side of a pixel.

        Raises
        ------
        ConfigError
            It is none.
        """
        west, south, east, north = edges
        try:
            there = Box(south=south, north=north, west=west, east=east)
        except CroplandError as error:
            raise ConfigError(
                f"box must be [west, south, east, north] in degrees, west < east and south < north, got "
                f"[{west}, {south}, {east}, {north}]"
            ) from error
        _check_size(there)
        return cls(grid_of(there, metres))

    @classmethod
    def of_file(cls, path: Path, metres: int) -> Extent:
        """Cover the polygons of a GeoJSON file.

        Raises
        ------
        DataError
            It is none, holds no polygon, or is in another CRS.
        """
        polygons = _polygons(path)
        west, south, east, north = polygons.boundingbox
        grid = cls.of_box((west, south, east, north), metres).grid
        return cls(grid, polygons.to_crs(str(grid.crs), resolution=0.01))

    def within(self, grid: GeoBox) -> Extent:
        """Take the pixels of another grid instead, those that this extent covers.

        Raises
        ------
        DataError
            There is none.
        """
        asked = self.outline or self.grid.extent
        edges = asked.to_crs(str(grid.crs), resolution=self.grid.resolution.x).boundingbox
        left, bottom, right, top = (
            round(edge)
            for edge in _pixels(grid, (edges.left, edges.bottom, edges.right, edges.top))
        )
        rows = slice(max(top, 0), min(bottom, grid.shape[0]))
        columns = slice(max(left, 0), min(right, grid.shape[1]))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            raise DataError(
                f"the box or geometry lies outside the cube, which covers {_words(grid)}; choose another"
            )
        return Extent(grid[rows, columns], asked.to_crs(str(grid.crs), resolution=_STEP_METRES))

    @property
    def n_pixels(self) -> int:
        """Pixels of the grid, inside the outline or not."""
        return math.prod(self.grid.shape)

    def tiles(self, side: int) -> list[Tile]:
        """Cut the grid into tiles of at most so many pixels a side, those that have a pixel inside."""
        return [tile for tile in self._squares(side) if self.mask(tile).any()]

    def mask(self, tile: Tile) -> NDArray[np.bool_]:
        """Tell which pixels of a tile lie inside, shape (row, column)."""
        if self.outline is None:
            return np.ones(tile.grid.shape, np.bool_)
        # A little more than the tile: what is cut off leaves an edge that no pixel's centre lies on.
        near = self.outline & tile.grid.extent.buffer(abs(tile.grid.resolution.x))
        if near.is_empty:
            return np.zeros(tile.grid.shape, np.bool_)
        where = (tile.grid.shape, tile.grid.transform)
        return np.asarray(geometry_mask([near.json], *where, invert=True))

    def _squares(self, side: int) -> Iterator[Tile]:
        height, width = self.grid.shape
        for row in range(0, height, side):
            for column in range(0, width, side):
                part = self.grid[row : min(row + side, height), column : min(column + side, width)]
                if self._touches(part):
                    yield Tile(row, column, part)

    def _touches(self, part: GeoBox) -> bool:
        """Tell whether a part can have a pixel inside, before all its pixels are looked at."""
        return self.outline is None or bool(self.outline.intersects(part.extent))


def _check_size(box: Box) -> None:
    """Refuse what no UTM zone shows without tearing it."""
    if (
        box.east - box.west > _WIDEST_DEGREES
        or max(abs(box.south), abs(box.north)) > _FARTHEST_DEGREES
    ):
        raise ConfigError(
            f"an area may be {_WIDEST_DEGREES} degrees wide and reach to latitude ±{_FARTHEST_DEGREES}, as "
            f"a UTM grid can show; this one is {box}: cut it in parts, at 180 degrees too"
        )


def degrees(grid: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give longitude and latitude of the centres of a grid's pixels, each of shape (row, column)."""
    x, y = np.meshgrid(grid.coords["x"].values, grid.coords["y"].values)
    lon, lat = _to_degrees(str(grid.crs)).transform(x, y)
    return lon, lat


def hectares(grid: GeoBox) -> float:
    """Give the area of a pixel on the ellipsoid, in the middle of a grid.

    A UTM zone shows areas up to 0.2 % too large or too small.
    """
    middle = grid.extent.centroid.to_crs(_DEGREES)
    lon, lat = middle.points[0]
    scale = Proj(str(grid.crs)).get_factors(lon, lat).areal_scale
    return float(abs(grid.resolution.x * grid.resolution.y) / scale / 10_000)


def _to_degrees(crs: str) -> Transformer:
    return Transformer.from_crs(crs, _DEGREES, always_xy=True)


def _pixels(grid: GeoBox, edges: tuple[float, float, float, float]) -> tuple[float, ...]:
    """Give edges as columns and rows of a grid: left, bottom, right, top."""
    inverse = ~grid.transform
    left, top = inverse * (edges[0], edges[3])
    right, bottom = inverse * (edges[2], edges[1])
    return left, bottom, right, top


def _words(grid: GeoBox) -> str:
    edges = grid.extent.to_crs(_DEGREES, resolution=abs(grid.resolution.x)).boundingbox
    return f"lat {edges.bottom:.4f}…{edges.top:.4f}, lon {edges.left:.4f}…{edges.right:.4f} degrees"


def _polygons(path: Path) -> Geometry:
    """Read the polygons of a GeoJSON file, as one geometry in degrees."""
    reading.check_file(path, _REMEDY)
    if path.stat().st_size > _MOST_BYTES:
        raise DataError(f"{path} has more than {_MOST_BYTES // 1_000_000} MB; simplify its outline")
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{path} is no GeoJSON ({error}); {_REMEDY}") from error
    _check_crs(found, path)
    try:
        parts = [shape(each) for each in _geometries(found)]
        # KML and GPS bring heights, and drawing by hand edges that cross.
        flat = [each for part in parts for each in _flat(make_valid(force_2d(part)))]
    except (ShapelyError, TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise DataError(f"{path} holds a geometry that is none ({error}); {_REMEDY}") from error
    if not flat:
        kinds = ", ".join(sorted({each.geom_type for each in parts})) or "nothing"
        raise DataError(f"{path} holds no polygon with an area, but {kinds}; {_REMEDY}")
    joined = union_all(flat)
    west, south, east, north = joined.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise DataError(
            f"{path} reaches from {west:.6g}, {south:.6g} to {east:.6g}, {north:.6g}, which are no degrees; "
            f"bring it to longitude and latitude (ogr2ogr -t_srs EPSG:4326)"
        )
    return Geometry(joined, _DEGREES)


def _flat(geometry: BaseGeometry) -> Iterator[BaseGeometry]:
    """Give the polygons of a geometry."""
    if geometry.geom_type == "Polygon":
        if geometry.area > 0:
            yield geometry
        return
    for each in getattr(geometry, "geoms", ()):
        yield from _flat(each)


def _geometries(found: Any) -> list[dict[str, Any]]:
    kind = found.get("type") if isinstance(found, dict) else None
    if kind == "FeatureCollection":
        return [each["geometry"] for each in found["features"] if each and each.get("geometry")]
    if kind == "Feature":
        return [found["geometry"]] if found.get("geometry") else []
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return [found]


def _check_crs(found: Any, path: Path) -> None:
    """Refuse a CRS of old GeoJSON that is not longitude and latitude."""
    named = found.get("crs") if isinstance(found, dict) else None
    if named is not None and not _MEANING_DEGREES.search(json.dumps(named)):
        raise DataError(
            f"{path} is in {json.dumps(named)[:100]}, expected longitude and latitude (WGS 84); bring it "
            f"there (ogr2ogr -t_srs EPSG:4326)"
        )
