"""Requests: what is doubtful about their numbers."""

from __future__ import annotations

import numpy as np

from cropland.models import request


def test_single_points_of_another_unit_are_seen_among_others() -> None:
    point = np.tile([0, 1, 2, 3], 25)
    unit = np.array([1, 100, 1, 0.1])[point]
    bands = {"B4": 1111.0 / unit, "B8": np.where(point == 2, 99.0, 3333 / unit)}
    doubts = request.unusual_points(bands | {"NDVI": np.full(100, 0.5)}, point)
    assert list(doubts) == [1, 2, 3]
    assert doubts[1].startswith("has hardly a value above 255 in any band")
    assert doubts[2].startswith("has unusually small values of B8, such as 99")
    assert doubts[3].startswith("has hardly a value below 5,000 in any band")
    assert request.unusual_points({"NDVI": np.full(100, 0.5)}, point) == {}
