"""Points and coordinate systems in files that others wrote.

In: well-known binary of a GeoPackage or Parquet file; a name, WKT or PROJJSON of a coordinate system. Out:
points; or a `ValueError` of one line. No geometry crashes the library that reads it, and no coordinate system
opens a file.
"""

from __future__ import annotations

import json
import re
import struct
from typing import TYPE_CHECKING

import shapely

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_FILE_IN_CRS = re.compile(
    r"grids\s*=(?!\s*@null)|\binit\s*=|parameterfile|\bfile\b|pipeline", re.IGNORECASE
)
_REGISTRY_OF_CRS = re.compile(r"https?://www\.opengis\.net/")
_LONGEST_CRS = 100_000
_POINT, _MULTIPOINT = 1, 4
_KINDS = (
    *("geometry", "Point", "LineString", "Polygon", "MultiPoint", "MultiLineString"),
    *("MultiPolygon", "GeometryCollection"),
)


def check_crs(crs: object) -> None:
    """Check that the description of a coordinate system names no file that would be opened for it.

    Raises
    ------
    ValueError
        It names a grid, a parameter file or a chain of steps, or is very long.
    """
    text = json.dumps(crs) if isinstance(crs, dict) else str(crs)
    first = re.split(r'[\[{" ]', text, maxsplit=1)[0]  # a WKT's and a JSON's names have slashes
    path = "/" in first and not _REGISTRY_OF_CRS.match(first)
    if path or len(text) > _LONGEST_CRS or _FILE_IN_CRS.search(text):
        raise ValueError(
            f"its coordinate system {text[:60]!r} names a file or is not plain: give an EPSG code"
        )


def point_of_wkb(content: bytes) -> BaseGeometry:
    """Read a point of well-known binary, alone or as the only one of a MultiPoint.

    Other geometries are not read: collections in collections have no bound, and the library that reads
    them crashes.

    Raises
    ------
    ValueError
        It is another geometry, or none.
    """
    try:
        kind, order = _kind_of(content, 0)
        if kind == _MULTIPOINT:
            (parts,) = struct.unpack_from(f"{order}I", content, 5)
            alone = parts == 1 and _kind_of(content, 9)[0] == _POINT
            kind = _POINT if alone else kind
    except (struct.error, TypeError, IndexError) as error:
        raise ValueError("a geometry of it is none") from error
    if kind != _POINT:
        name = _KINDS[kind] if kind < len(_KINDS) else f"geometry of kind {kind}"
        raise ValueError(f"it has a {name}; expected a point in each feature: take centroids first")
    return shapely.from_wkb(content)


def _kind_of(content: bytes, at: int) -> tuple[int, str]:
    """Return the kind of a geometry of well-known binary, by its header, and the order of its bytes."""
    order = "<" if content[at] else ">"
    (code,) = struct.unpack_from(f"{order}I", content, at + 1)
    return (code & 0x0FFF_FFFF) % 1000, order
