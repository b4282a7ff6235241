from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cropland.config.groups import RuleOfOne
from cropland.learning import choice

SE: RuleOfOne = "one_standard_error"


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of scores on 20 samples, so that there are many ties, and ranks of the candidates."""
    candidates, rows = draw(st.integers(1, 8)), draw(st.integers(1, 4))
    shape = st.lists(st.integers(0, 20), min_size=candidates * rows, max_size=candidates * rows)
    ranks = st.lists(st.integers(0, 3), min_size=candidates, max_size=candidates)
    accuracy = np.array(draw(shape)).reshape(rows, candidates) / 20
    return accuracy, np.array(draw(shape)).reshape(rows, candidates) / 200, np.array(draw(ranks))


def test_simple_is_few_features_then_a_short_span() -> None:
    ranks = choice.simplicity([30, 30, 20, 30], [4, 2, 96, 4])
    assert list(ranks) == [2, 1, 0, 2]


@pytest.mark.parametrize(
    ("accuracy", "rank", "best", "one_standard_error"),
    [
        ([0.90, 0.90], [1, 0], 1, 1),  # equals: the simpler
        ([0.90, 0.89], [1, 0], 0, 1),  # within one standard error: the simpler
        ([0.90, 0.88], [1, 0], 0, 1),  # just at one standard error
        ([0.90, 0.87], [1, 0], 0, 0),  # beyond
        ([0.90, 0.89], [0, 1], 0, 0),  # the best is the simpler
        ([0.88, 0.89, 0.90], [0, 0, 1], 2, 1),  # of equally simple ones the more accurate
        ([0.89, 0.89, 0.90], [0, 0, 1], 2, 0),  # then the first
        ([0.90, 0.90], [0, 0], 0, 0),
    ],
)
def test_a_choice(
    accuracy: list[float], rank: list[int], best: int, one_standard_error: int
) -> None:
    errors = [0.02] * len(rank)
    assert choice.choose(accuracy, errors, rank, "best") == best
    assert choice.choose(accuracy, errors, rank, SE) == one_standard_error


def test_of_equally_accurate_ones_the_lower_brier_score_is_the_best_then_the_simpler() -> None:
    equal = [0.9, 0.9, 0.9, 0.8], [0.01] * 4
    assert choice.choose(*equal, [0, 1, 2, 3], "best", brier=[0.12, 0.10, 0.11, 0.01]) == 1
    assert choice.choose(*equal, [2, 1, 0, 3], "best", brier=[0.1, 0.1, 0.1 + 1e-12, 0.01]) == 2
    # The simplest within one standard error knows no Brier score.
    assert choice.choose(*equal, [2, 1, 0, 3], SE, brier=[0.1, 0.1, 0.9, 0.01]) == 2


@pytest.mark.parametrize(
    ("brier", "rank", "number", "expected"),
    [
        ([0.3, 0.1, 0.2], [0, 0, 0], 2, [1, 2]),
        ([0.1, 0.1, 0.1], [2, 0, 1], 2, [1, 2]),  # equals: the simplest
        ([0.1 + 1e-12, 0.1, 0.2], [0, 1, 2], 1, [0]),  # equal but for rounding
        ([0.1, 0.1], [0, 0], 1, [0]),  # then the first
        ([0.2, 0.1], [0, 0], 5, [1, 0]),  # fewer than that
    ],
)
def test_members_of_an_average_have_the_lowest_brier_scores(
    brier: list[float], rank: list[int], number: int, expected: list[int]
) -> None:
    assert choice.members(brier, rank, number).tolist() == expected


def test_it_is_the_standard_error_of_the_best_that_counts() -> None:
    assert choice.choose([0.90, 0.85], [0.06, 0.0], [1, 0], SE) == 1
    assert choice.choose([0.90, 0.85], [0.01, 0.9], [1, 0], SE) == 0


def test_a_best_without_a_standard_error_yields_to_equals_only() -> None:
    assert choice.choose([0.9, 0.89], [np.nan, np.nan], [1, 0], SE) == 0
    assert choice.choose([0.9, 0.9], [np.nan, np.nan], [1, 0], SE) == 1


def test_sums_of_floats_in_another_order_are_still_equal() -> None:
    high, low = 0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1
    assert high > low
    assert choice.choose([high, low], [0, 0], [1, 0], "best") == 1
    assert choice.choose([low, high], [0, 0], [0, 0], "best") == 0


@given(scored())
def test_what_is_chosen_is_within_one_standard_error_and_nothing_simpler_is(
    given_scores: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    accuracies, errors, rank = given_scores
    for accuracy, error in zip(accuracies, errors, strict=True):
        best = choice.choose(accuracy, error, rank, "best")
        chosen = choice.choose(accuracy, error, rank, SE)
        assert accuracy[best] == accuracy.max()
        eligible = accuracy >= accuracy[best] - error[best] - 1e-9
        assert eligible[chosen]
        assert rank[chosen] == rank[eligible].min()
        assert accuracy[chosen] == accuracy[eligible & (rank == rank[chosen])].max()


@given(scored(), st.sampled_from([SE, "best"]))
def test_rows_are_chosen_from_as_each_alone(
    given_scores: tuple[np.ndarray, np.ndarray, np.ndarray], rule: RuleOfOne
) -> None:
    accuracy, error, rank = given_scores
    together = (
        choice.best_of_each(accuracy, np.zeros_like(error), rank)
        if rule == "best"
        else choice.simplest_of_each(accuracy, error, rank)
    )
    alone = [choice.choose(a, e, rank, rule) for a, e in zip(accuracy, error, strict=True)]
    assert list(together) == alone
