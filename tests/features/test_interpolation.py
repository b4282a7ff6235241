from __future__ import annotations

import numpy as np

from cropland.features.interpolation import longest_gap


def test_a_gap_between_observations_counts_half_and_one_at_an_end_whole() -> None:
    grid = np.arange(100, 161, 5)
    first, last = np.array([100, 110, 100, 0]), np.array([160, 160, 120, 0])
    between, is_seen = np.array([50, 24, 10, 0]), np.array([True, True, True, False])
    gaps = longest_gap(between, first, last, is_seen, grid=grid)
    assert gaps.tolist() == [25, 12, 40, 61]
