from __future__ import annotations

import struct
from typing import Any

import pytest
import shapely

from cropland.untrusted.geometries import point_of_wkb


def collections(kind: int, levels: int) -> bytes:
    """Collections in collections, down to a point."""
    return struct.pack("<BII", 1, kind, 1) * levels + shapely.to_wkb(shapely.Point(1, 2))


def test_points_of_wkb_are_read() -> None:
    point, alone = shapely.Point(1, 2), shapely.MultiPoint([(1, 2)])
    for geometry in (point, shapely.Point(1, 2, 3), alone):
        for order in (0, 1):
            for flavor in ("iso", "extended"):
                content = shapely.to_wkb(geometry, byte_order=order, flavor=flavor)
                assert point_of_wkb(content) == geometry
    assert point_of_wkb(shapely.to_wkb(shapely.set_srid(point, 4326), include_srid=True)) == point


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (collections(7, 200_000), "it has a GeometryCollection; expected a point in each feature"),
        (collections(4, 200_000), "it has a MultiPoint"),
        (shapely.to_wkb(shapely.box(0, 0, 1, 1)), "it has a Polygon"),
        (shapely.to_wkb(shapely.MultiPoint([(0, 0), (1, 1)])), "it has a MultiPoint"),
        (b"", "a geometry of it is none"),
        (b"\1\1", "a geometry of it is none"),
        ("text", "a geometry of it is none"),
        (7, "a geometry of it is none"),
    ],
)
def test_what_is_no_point_is_not_read(content: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        point_of_wkb(content)
