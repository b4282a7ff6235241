"""What is said of a window's observations, and how few are too few."""

from __future__ import annotations

import numpy as np
import pytest

from cropland.features.evidence import Evidence


def test_it_is_the_median_the_least_and_the_mean_share() -> None:
    share, gaps = np.array([0.8, 0.9, 0.7, 0.8]), np.array([31, 30, 33, 20])
    found = Evidence.of(np.array([11, 5, 10, 12]), share, gaps)
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
    nothing = np.zeros(len(counts))
    evidence = Evidence.of(np.array(counts), nothing, nothing.astype(int))
    assert evidence.min_observations == least


@pytest.mark.parametrize(
    ("gaps", "longest"),
    [
        ([20] * 50, 60),  # 60 days are never too long
        ([20] * 49 + [106], 106),
        ([20] * 1000 + [106], 106),
        ([20] * 5000 + [70] * 5 + [300], 70),  # one of thousands
    ],
)
def test_a_gap_longer_than_that_of_any_point_is_too_long(gaps: list[int], longest: int) -> None:
    nothing = np.zeros(len(gaps))
    assert Evidence.of(nothing.astype(int) + 9, nothing, np.array(gaps)).max_gap_days == longest
