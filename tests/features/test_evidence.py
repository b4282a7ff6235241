"""What is said of a window's observations, and how few are too few."""

from __future__ import annotations

import numpy as np
import pytest

from cropland.features.evidence import Evidence


def test_it_is_the_median_the_least_and_the_mean_share() -> None:
    found = Evidence.of(np.array([11, 5, 10, 12]), np.array([0.8, 0.9, 0.7, 0.8]))
    assert (found.observations_per_point, found.observations_least) == (10.5, 5)
    assert found.interpolated_share == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("counts", "least"),
    [
        ([12] * 50, 6),
        ([13] * 50, 7),  # half of 13, rounded up
        ([100] * 500, 50),
        ([5] * 2 + [11] * 98, 3),  # the lowest 1 % have 5
        ([1] + [11] * 399, 6),  # one of 400 is fewer than 1 %
        ([1] * 3 + [2] * 397, 2),
        ([1] * 4 + [2] * 396, 1),  # four are not
        ([3] * 50, 2),
        ([2] * 50, 2),
        ([1] * 50, 1),  # whoever learns from single observations may label by one
        ([1] * 2 + [2] * 48, 1),
    ],
)
def test_fewer_than_half_of_the_lowest_hundredth_are_too_few(counts: list[int], least: int) -> None:
    assert Evidence.of(np.array(counts), np.zeros(len(counts))).min_observations == least
