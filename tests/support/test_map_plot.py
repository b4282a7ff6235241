from __future__ import annotations

import numpy as np
from pyproj import Transformer

from cropland.support.map_plot import from_mercator, map_plot, mercator

LON, LAT = np.array([-179.5, 0.0, 48.3]), np.array([-68.9, 0.0, 32.2])


def test_places_are_those_of_web_mercator_and_come_back() -> None:
    x, y = mercator(LON, LAT)
    expected = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True).transform(LON, LAT)
    np.testing.assert_allclose((x, y), expected, atol=1e-6)
    np.testing.assert_allclose(from_mercator(x, y), (LON, LAT), atol=1e-12)


def test_what_lies_east_of_180_degrees_follows_what_lies_west_of_it() -> None:
    x, _ = mercator(np.array([179.9, 180.1]), np.zeros(2))
    assert 0 < x[1] - x[0] < 23_000


def test_the_page_finds_the_one_of_two_plots_whose_shape_it_keeps() -> None:
    """A name is what the script of the page goes by; both plots have the ranges of the first."""
    first = map_plot((0, 0, 100, 50))
    second = map_plot((0, 0, 100, 50), beside=first)
    assert (first.name, second.name) == ("plot", None)
    assert second.x_range is first.x_range and second.y_range is first.y_range
