"""Outlines: the polygons of a GeoJSON file as one geometry."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odc.geo.geom import Geometry
from shapely import force_2d, make_valid, total_bounds, union_all
from shapely.affinity import translate
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.validation import explain_validity

from cropland.errors import DataError
from cropland.support import reading
from cropland.untrusted import documents, geometries
from cropland.untrusted.projections import LINKED_CRS

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_DEGREES = "EPSG:4326"
_DEGREES_IN_OLD_GEOJSON = re.compile(r"CRS84|\b4326\b")
_MOST_BYTES = 100_000_000
_LOOPS = 0.01
"""Share of a polygon's area that loops of its outline may have."""
_REMEDY = "give a GeoJSON of polygons in longitude and latitude"


def read_polygons(path: Path) -> Geometry:
    """Read the polygons of a GeoJSON file.

    Returns
    -------
    Geometry
        In degrees. Polygons on both sides of the antimeridian, which GeoJSON cuts there, are joined: the
        eastern ones have longitudes above 180.

    Raises
    ------
    DataError
        The file is no GeoJSON, holds no polygon, or is in another CRS.
    """
    reading.check_file(path, _REMEDY)
    try:
        content = documents.plain_json(documents.read_bytes(path, _MOST_BYTES))
    except ValueError as error:
        raise DataError(f"{path} is not a GeoJSON of an area ({error}); {_REMEDY}") from error
    _check_crs(content, path)
    try:
        parts = [shape(each) for each in _geometries(content)]
        # KML and GPS bring heights.
        level = list(dict.fromkeys(force_2d(part) for part in parts))
        _check(geometries.check_edges, level, path)
        flat = [each for part in level for each in _flat(part)]
    except (ShapelyError, TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise DataError(f"{path} holds an invalid geometry ({error}); {_REMEDY}") from error
    if not flat:
        kinds = ", ".join(sorted({each.geom_type for each in parts})) or "nothing"
        raise DataError(f"{path} holds no polygon with an area, but {kinds}; {_REMEDY}")
    west, south, east, north = total_bounds(flat)
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        if max(abs(west), abs(east)) <= 90 and max(abs(south), abs(north)) <= 180:
            raise DataError(
                f"{path} reaches to latitude {north:.6g}: its coordinates are swapped; GeoJSON has [lon,lat]"
            )
        raise DataError(
            f"{path} reaches from {west:.6g}, {south:.6g} to {east:.6g}, {north:.6g}, which are not degrees; "
            f"convert it to longitude and latitude (ogr2ogr -t_srs EPSG:4326)"
        )
    _check(geometries.check_length, flat, path)
    return Geometry(union_all(_across_180(flat, east - west)), _DEGREES)


def _check(
    rule: Callable[[list[BaseGeometry]], None], polygons: list[BaseGeometry], path: Path
) -> None:
    try:
        rule(polygons)
    except geometries.TooMuchWork as error:
        raise DataError(f"{path} {error}") from error


def _across_180(polygons: list[BaseGeometry], width: float) -> list[BaseGeometry]:
    """Move polygons west of 0 to the east of 180, where all together reach round more than half the Earth."""
    if width <= 180:
        return polygons
    return [translate(each, 360) if each.bounds[2] <= 0 else each for each in polygons]


def _flat(geometry: BaseGeometry) -> Iterator[BaseGeometry]:
    """Yield the polygons of a geometry.

    Raises
    ------
    ValueError
        The edges of one cross, so that its corners do not tell what is inside.
    """
    if geometry.geom_type != "Polygon":
        for each in getattr(geometry, "geoms", ()):
            yield from _flat(each)
    elif geometry.is_valid:
        if geometry.area > 0:
            yield geometry
    else:
        valid = make_valid(geometry)
        # Of a small loop, as drawing by hand leaves them, both areas are the same; of a bow-tie they are not.
        if abs(geometry.area - valid.area) > _LOOPS * valid.area:
            raise ValueError(f"{explain_validity(geometry)}: put the corners in order around it")
        yield from _flat(valid)


def _geometries(content: Any) -> list[dict[str, Any]]:
    kind = content.get("type") if isinstance(content, dict) else None
    if kind == "FeatureCollection":
        return [each["geometry"] for each in content["features"] if each and each.get("geometry")]
    if kind == "Feature":
        return [content["geometry"]] if content.get("geometry") else []
    if not isinstance(content, dict):
        raise ValueError("it is not an object")
    return [content]


def _check_crs(content: Any, path: Path) -> None:
    """Raise an error for a CRS of old GeoJSON that is not longitude and latitude."""
    named = content.get("crs") if isinstance(content, dict) else None
    if isinstance(named, dict) and named.get("type") == "link":
        raise DataError(f"{path} cannot be read: {LINKED_CRS}")
    if named is not None and not _DEGREES_IN_OLD_GEOJSON.search(json.dumps(named)):
        raise DataError(
            f"{path} is in {json.dumps(named)[:100]}, expected longitude and latitude (WGS 84); "
            "convert it (ogr2ogr -t_srs EPSG:4326)"
        )
