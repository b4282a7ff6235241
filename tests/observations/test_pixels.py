from __future__ import annotations

import numpy as np
import pytest
from pyproj import Transformer

from cropland.observations.pixels import pixels


def placed(offsets: list[tuple[float, float]], lon: float = 48.3, lat: float = 32.0) -> np.ndarray:
    """Numbers of points so many metres east and north of the south-western corner of a pixel near a place."""
    zone = 32600 + int((lon + 180) // 6) + 1 + (100 if lat < 0 else 0)
    east, north = Transformer.from_crs(4326, zone, always_xy=True).transform(lon, lat)
    corner = np.floor(np.array([east, north]) / 10) * 10
    back = Transformer.from_crs(zone, 4326, always_xy=True)
    lons, lats = back.transform(*(corner[:, None] + np.array(offsets).T))
    return pixels(lats, lons)


@pytest.mark.parametrize(("lon", "lat"), [(48.3, 32.0), (-70.0, -33.0), (17.0, 60.0), (179.9, 1.0)])
def test_points_of_one_pixel_of_10_m_share_it(lon: float, lat: float) -> None:
    # Its corners, 12.7 m apart; then points in the next pixels to the east and north.
    offsets = [(0.5, 0.5), (9.5, 9.5), (16.0, 5.0), (4.0, 15.5)]
    assert placed(offsets, lon, lat).tolist() == [0, 0, 1, 2]


def test_points_less_than_5_m_apart_share_a_pixel_whatever_edge_is_between() -> None:
    assert placed([(9.9, 5.0), (10.1, 5.0), (9.5, 25.0), (15.0, 25.0)]).tolist() == [0, 0, 1, 2]


def test_points_in_a_row_of_pixels_stay_apart() -> None:
    offsets = [(5.0 + 10 * number, 5.0) for number in range(20)]
    assert placed(offsets).tolist() == list(range(20))


def test_numbers_count_in_the_order_in_which_pixels_come() -> None:
    lat, lon = np.array([32.2, 32.1, 32.2, 10.0, 32.1]), np.array([48.0, 48.0, 48.0, -5.0, 48.0])
    assert pixels(lat, lon).tolist() == [0, 1, 0, 2, 1]
    assert pixels(np.array([]), np.array([])).tolist() == []


def test_the_antimeridian_and_the_poles_are_places_like_others() -> None:
    # 1e-5 degrees are 1.1 m at the equator: on both sides of the antimeridian.
    assert pixels([0.1, 0.1], [180.0 - 5e-6, -180.0 + 5e-6]).tolist() == [0, 0]
    assert pixels([90.0, 90.0, -90.0], [0.0, 120.0, 0.0]).tolist() == [0, 0, 1]
