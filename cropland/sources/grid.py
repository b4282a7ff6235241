"""The grid of image cubes: in the UTM zone of a box's centre, aligned with Sentinel-2's own."""

from __future__ import annotations

import math

from odc.geo.geobox import GeoBox
from odc.geo.geom import box as outline_of

from cropland.config.countries import Box

PIXEL_METRES = 10
_ALIGNED_METRES = 20
"""Edges are multiples of it, so that pixels of 10 and of 20 m fall into place."""


def utm_zone(lon: float, lat: float) -> int:
    """Give the EPSG code of the UTM zone of a place, without the exceptions of Norway and Svalbard.

    >>> utm_zone(48.3, 32.2), utm_zone(17.0, -22.5)
    (32639, 32733)
    """
    zone = min(int((lon + 180) // 6) + 1, 60)
    return (32600 if lat >= 0 else 32700) + zone


def grid_of(box: Box, metres: int = PIXEL_METRES) -> GeoBox:
    """Give the grid that covers a box, of square pixels whose sides are so many metres."""
    epsg = utm_zone((box.west + box.east) / 2, (box.south + box.north) / 2)
    outline = outline_of(box.west, box.south, box.east, box.north, "EPSG:4326").to_crs(
        f"EPSG:{epsg}", resolution=0.01
    )
    edges = outline.boundingbox
    step = math.lcm(_ALIGNED_METRES, metres)
    left, bottom = (int(edge // step) * step for edge in edges[:2])
    right, top = (-int(-edge // step) * step for edge in edges[2:4])
    return GeoBox.from_bbox(
        (left, bottom, right, top), f"EPSG:{epsg}", resolution=metres, tight=True
    )


def box_of(grid: GeoBox) -> Box:
    """Give the box of longitude and latitude that a grid lies in."""
    edges = grid.extent.to_crs("EPSG:4326", resolution=grid.resolution.x).boundingbox
    return Box(south=edges.bottom, north=edges.top, west=edges.left, east=edges.right)
