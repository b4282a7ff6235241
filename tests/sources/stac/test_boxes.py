from __future__ import annotations

import numpy as np
import pytest

from cropland.sources.stac.boxes import bounds_around, in_box, overlap


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([179.5, -17, -179.5, -16], [True, True, False, False]),
        ([179.5, -17, 0, -179.5, -16, 900], [True, True, False, False]),
        ([-1, -17, 1, -16], [False, False, True, False]),
        (None, [True] * 4),
    ],
)
def test_boxes_may_lie_across_the_antimeridian(
    box: list[float] | None, expected: list[bool]
) -> None:
    lonlat = np.array([[179.9, -16.5], [-179.9, -16.5], [0, -16.5], [179.9, 40]])
    assert in_box(box, lonlat).tolist() == expected
    assert [overlap(box, bounds_around(place[None])) for place in lonlat] == expected


def test_no_search_goes_beyond_the_earth() -> None:
    assert bounds_around(np.array([[180.0, 90.0], [179.0, 89.0]])) == (178.999, 88.999, 180.0, 90.0)
    assert bounds_around(np.array([[-180.0, -90.0]])) == (-180.0, -90.0, -179.999, -89.999)
