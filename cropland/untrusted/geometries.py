"""Points in well-known binary that others wrote.

In: the binary of a geometry in a GeoPackage or Parquet file. Out: a point, or a `ValueError` of one line. No
geometry crashes the library that reads it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import shapely

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_POINT, _MULTIPOINT = 1, 4
_KINDS = (
    *("geometry", "Point", "LineString", "Polygon", "MultiPoint", "MultiLineString"),
    *("MultiPolygon", "GeometryCollection"),
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
