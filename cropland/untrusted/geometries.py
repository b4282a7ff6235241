"""Geometries that others wrote: points in well-known binary, and polygons.

In: the binary of a geometry in a GeoPackage or Parquet file; the polygons of an outline. Out: a point, or
polygons whose repair and union end; or a `ValueError` of one line. No geometry crashes the library that reads
it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_POINT, _MULTIPOINT = 1, 4
_KINDS = (
    *("geometry", "Point", "LineString", "Polygon", "MultiPoint", "MultiLineString"),
    *("MultiPolygon", "GeometryCollection"),
)

_MOST_PLACES = 1_000_000
_MOST_PAIRS = 20_000_000
"""Edges whose boxes meet: each meets itself and its neighbours, so about four for a place."""
_MOST_CROSSINGS, _MOST_LOOPS = 200_000, 5_000
_MOST_TOUCHES = 10_000
"""Corners at which one ring meets itself; of more rings, the root of the sum of squares."""
_LONGEST_DEGREES = 50_000
"""Edges in all; they are brought to a projection in steps of a hundredth of a degree."""
_BLOCK = 20_000_000
"""Pairs of edges that are compared at once, at most."""


class TooMuchWork(ValueError):
    """Polygons that no program repairs or joins in reasonable time."""


def check_edges(polygons: Sequence[BaseGeometry]) -> None:
    """Check that the repair and the union of polygons in degrees end soon.

    GEOS cannot be interrupted, and both grow faster than the number of crossings.

    Raises
    ------
    TooMuchWork
        They have too many places, or too many edges that cross.
    """
    places = int(shapely.get_num_coordinates(list(polygons)).sum())
    if places > _MOST_PLACES:
        raise TooMuchWork(
            f"has {places:,} places, expected at most {_MOST_PLACES:,}: simplify its polygons"
        )
    edges, owner, ring = _edges(polygons)
    _check_touches(edges, ring)
    lines = shapely.linestrings(edges.reshape(-1, 2, 2))
    tree = shapely.STRtree(lines)
    pairs = crossings = loops = 0
    step = max(1, _BLOCK // max(1, len(edges)))
    for start in range(0, len(edges), step):
        first, second = tree.query(lines[start : start + step])
        pairs += len(first)
        one, other = (half[first + start < second] for half in (first + start, second))
        crossing = _cross(edges[one], edges[other])
        crossings += int(crossing.sum())
        loops += int((crossing & (owner[one] == owner[other])).sum())
        _check_counts(pairs, crossings, loops, edges[one[crossing]])


def check_length(polygons: Sequence[BaseGeometry]) -> None:
    """Check that edges of polygons in degrees can be brought to a projection in small steps.

    Raises
    ------
    TooMuchWork
        They are too long in all.
    """
    degrees = float(shapely.length(list(polygons)).sum())
    if degrees > _LONGEST_DEGREES:
        raise TooMuchWork(
            f"has edges of {degrees:,.0f} degrees in all, expected at most {_LONGEST_DEGREES:,}: cut it in "
            f"parts"
        )


def _check_touches(edges: NDArray[np.float64], ring: NDArray[np.int64]) -> None:
    """Check how often rings come back to a corner of theirs, which no valid ring does."""
    corners = np.column_stack([ring, edges[:, :2]])
    alone = np.unique(corners, axis=0)[:, 0].astype(np.int64)
    touches = np.bincount(ring) - np.bincount(alone) if len(ring) else np.zeros(1)
    if (touches.astype(np.float64) ** 2).sum() > _MOST_TOUCHES**2:
        raise TooMuchWork(
            f"has outlines that touch themselves in {touches.sum():,} corners; repair it (in QGIS: "
            f'"Fix geometries")'
        )


def _edges(
    polygons: Sequence[BaseGeometry],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the edges of polygons, shape (edge, 4): x and y of both ends; which polygon's, which ring's."""
    single = np.array(list(polygons), dtype=object)
    while (shapely.get_type_id(single) > 3).any():
        single = shapely.get_parts(single)
    rings, polygon = shapely.get_rings(single[shapely.get_type_id(single) == 3], return_index=True)
    corners, ring = shapely.get_coordinates(rings, return_index=True)
    edges = np.hstack([corners[:-1], corners[1:]])
    real = (ring[:-1] == ring[1:]) & (edges[:, :2] != edges[:, 2:]).any(axis=1)
    return edges[real], polygon[ring[:-1][real]], ring[:-1][real]


def _cross(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which edges cross, each inside of both."""

    def sides(edge: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
        along, away = edge[:, 2:] - edge[:, :2], at - edge[:, :2]
        return np.sign(along[:, 0] * away[:, 1] - along[:, 1] * away[:, 0])

    ends = [sides(a, b[:, :2]) * sides(a, b[:, 2:]) for a, b in ((one, other), (other, one))]
    return (ends[0] < 0) & (ends[1] < 0)


def _check_counts(pairs: int, crossings: int, loops: int, at: NDArray[np.float64]) -> None:
    near = f", such as near longitude {at[0, 0]:.5g}, latitude {at[0, 1]:.5g}" if len(at) else ""
    if loops > _MOST_LOOPS:
        raise TooMuchWork(
            f"has an outline that crosses itself in more than {_MOST_LOOPS:,} places{near}; repair it (in "
            f'QGIS: "Fix geometries")'
        )
    if crossings > _MOST_CROSSINGS or pairs > _MOST_PAIRS:
        raise TooMuchWork(
            f"has edges that cross or lie close together too often to join its polygons{near}; dissolve and "
            f"simplify them"
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
