from __future__ import annotations

import numpy as np
import pytest

from cropland.learning import statistics


def coin_flips(count: int, candidates: int, chance: float | np.ndarray, seed: int) -> np.ndarray:
    """Candidates that are right by chance, each sample on its own."""
    return (np.random.default_rng(seed).random((count, candidates)) < chance).astype(float)


def test_a_standard_error_by_hand() -> None:
    right = np.array([1.0, 0, 1, 1, 0, 1, 1, 1])
    assert statistics.standard_error(right) == pytest.approx(right.std(ddof=1) / np.sqrt(8))
    # Sums of deviations from 1/2 are +1/2 and -1/2: sqrt(2/1 × (1/4 + 1/4)) / 4.
    right, groups = np.array([1.0, 0, 1, 0]), np.array([7, 7, 7, 3])
    assert statistics.standard_error(right, groups) == pytest.approx(0.25)
    assert np.isnan(statistics.standard_error(right, np.zeros(4, dtype=int)))
    assert statistics.standard_error(np.ones(4), groups) == 0


@pytest.mark.parametrize("groups", [None, np.repeat(np.arange(10), 6)])
def test_standard_errors_of_many_are_those_of_each(groups: np.ndarray | None) -> None:
    right = coin_flips(60, 7, np.linspace(0.3, 0.9, 7), 3)
    found = statistics.standard_errors(right, groups)
    alone = [statistics.standard_error(column, groups) for column in right.T]
    np.testing.assert_allclose(found, alone, rtol=1e-12)


@pytest.mark.parametrize(
    ("successes", "trials"), [(0, 10), (10, 10), (5, 10), (8, 10), (2.5, 10), (594, 594)]
)
def test_a_share_is_1_96_standard_errors_of_each_end_away(successes: float, trials: int) -> None:
    # The definition of Wilson's interval: the standard error is that of the end, not of the share.
    found = statistics.wilson(successes, trials)
    assert found.value == successes / trials
    assert 0 <= found.low <= found.value <= found.high <= 1
    for end in (found.low, found.high):
        distance = 1.959964 * np.sqrt(end * (1 - end) / trials)
        assert abs(found.value - end) == pytest.approx(distance, abs=1e-6)
    assert (found.low < found.value) is (successes > 0)
    assert (found.value < found.high) is (successes < trials)


def test_of_no_trials_there_is_no_share() -> None:
    found = statistics.wilson(0, 0)
    assert np.isnan([found.value, found.low, found.high]).all()


def test_mcnemar_by_hand() -> None:
    # One sample only the first has right, nine only the second: 2 × (1 + 10) / 2**10.
    first, second = (
        np.repeat([1.0, 0, 1, 0], [1, 9, 50, 5]),
        np.repeat([0, 1.0, 1, 0], [1, 9, 50, 5]),
    )
    found = statistics.compare(first, second)
    assert (found.only_first, found.only_second) == (1, 9)
    assert found.p_value == pytest.approx(0.021484375)
    assert found.difference == pytest.approx(-8 / 65)
    assert found.standard_error == pytest.approx((first - second).std(ddof=1) / np.sqrt(65))
    swapped = statistics.compare(second, first)
    assert swapped.p_value == pytest.approx(found.p_value)
    assert swapped.difference == -found.difference


def test_what_is_the_same_does_not_differ() -> None:
    right = coin_flips(30, 1, 0.7, 2)[:, 0]
    assert statistics.compare(right, right) == statistics.Comparison(0, 0, 0, 0, 1)


def test_a_sample_counts_by_most_of_its_repeats() -> None:
    first, second = np.array([0.75, 0.5, 0.5, 1.0, 0.25]), np.array([0.25, 0, 1, 0.75, 0.75])
    found = statistics.compare(first, second)
    assert (found.only_first, found.only_second) == (1, 1)
    assert found.difference == pytest.approx((0.5 + 0.5 - 0.5 + 0.25 - 0.5) / 5)


@pytest.mark.parametrize(("first", "second"), [(0.75, 0.5), (0.5, 0.25), (0.6, 0.9), (0.2, 0.4)])
def test_who_is_right_in_half_of_the_repeats_or_on_the_same_side_counts_for_neither(
    first: float, second: float
) -> None:
    for one, other in ((first, second), (second, first)):
        found = statistics.compare(np.array([one, 1.0]), np.array([other, 1.0]))
        assert (found.only_first, found.only_second, found.p_value) == (0, 0, 1)


def test_a_difference_in_clusters_is_less_sure() -> None:
    first, second = (np.repeat(coin_flips(20, 1, 0.7, seed)[:, 0], 10) for seed in (1, 2))
    groups = np.repeat(np.arange(20), 10)
    alone, together = (statistics.compare(first, second, of) for of in (None, groups))
    assert together.difference == alone.difference
    assert together.standard_error > 2 * alone.standard_error


def test_holm_multiplies_the_smallest_by_their_number_and_keeps_the_order() -> None:
    corrected = statistics.holm(np.array([0.01, 0.04, np.nan, 0.03]))
    np.testing.assert_allclose(
        corrected, [0.03, 0.06, np.nan, 0.06]
    )  # 3 x .01, 2 x .03, then no less
    assert statistics.holm(np.array([0.5, 0.9])).tolist() == [1.0, 1.0]
