from __future__ import annotations

import numpy as np
import pytest
from maps.landscapes import HEIGHT, WIDTH, grid

from cropland.maps.pictures import metres, north
from cropland.sources.grid import lonlat


def test_the_ground_is_measured_in_metres_whatever_the_crs() -> None:
    assert metres(grid(HEIGHT, WIDTH)) == pytest.approx((10, 10), rel=0.0005)
    across, down = metres(grid(HEIGHT, WIDTH, "EPSG:4326", 0.001))
    assert down == pytest.approx(110.9, rel=0.001)
    assert across / down == pytest.approx(np.cos(np.radians(32.57)), rel=0.01)


def test_north_turns_with_the_meridians_of_a_zone() -> None:
    # East of a zone's central meridian the grid's up points east of north: sin(latitude) degrees a degree.
    right, up = north(grid(HEIGHT, WIDTH))
    [lon], [lat] = lonlat(grid(HEIGHT, WIDTH), [HEIGHT / 2], [WIDTH / 2])
    convergence = (lon - 51) * np.sin(np.radians(lat))
    assert np.degrees(np.arctan2(right, up)) == pytest.approx(-convergence, abs=0.02)
    assert north(grid(HEIGHT, WIDTH, "EPSG:4326", 0.001)) == pytest.approx((0, 1))
