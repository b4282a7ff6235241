from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from maps.landscapes import HEIGHT, WIDTH, grid, written

from cropland.maps.pictures import metres, north, pictures
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


def test_too_few_observations_are_in_the_legend_where_a_pixel_is_drawn_so(tmp_path: Path) -> None:
    classes = np.array([[1, 0], [0, 255]], np.uint8)
    known = written(tmp_path, grid(2, 2), {"class": classes})
    (picture,) = pictures(known, 10)
    assert [name for name, _ in picture.classes.values()] == ["cropland", "other"]
    classes[0, 0] = 2
    (picture,) = pictures(written(tmp_path, grid(2, 2), {"class": classes}), 10)
    assert [name for name, _ in picture.classes.values()][2:] == ["too few observations"]
    assert picture.codes.tolist() == [[2, 0], [0, 255]]
    assert picture.colours[2].tolist() == [0x99, 0x99, 0x99, 255]
