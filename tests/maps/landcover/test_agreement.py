"""Scores of what is said of points, against numbers known from elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score, recall_score

from cropland.learning.statistics import wilson
from cropland.maps.landcover.agreement import Agreement


@pytest.mark.parametrize(
    ("successes", "trials"), [(0, 10), (10, 10), (81, 263), (1, 1), (499, 500)]
)
def test_the_interval_of_a_share_is_that_of_scipy(successes: int, trials: int) -> None:
    found = wilson(successes, trials)
    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert found.value == successes / trials
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-9)


def test_a_share_lies_within_its_own_interval() -> None:
    for trials in range(1, 60):
        for successes in (0, trials):
            found = wilson(successes, trials)
            assert 0 <= found.low <= found.value <= found.high <= 1


def test_of_no_points_nothing_is_said() -> None:
    assert np.isnan(wilson(0, 0).value)
    nothing = Agreement.of(np.array([]), np.array([], bool))
    assert all(np.isnan(estimate.value) for _, estimate in nothing.scores())


def test_scores_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(5)
    truth = random.random(200) < 0.3
    said = truth ^ (random.random(200) < 0.2)
    found = Agreement.of((said == truth).astype(float), truth)
    assert found.n_points == 200
    assert found.accuracy.value == pytest.approx(accuracy_score(truth, said))
    assert found.accuracy_cropland.value == pytest.approx(recall_score(truth, said))
    assert found.accuracy_other.value == pytest.approx(recall_score(~truth, ~said))
    assert found.f1.value == pytest.approx(f1_score(truth, said))


def test_repeats_count_by_their_share() -> None:
    # Cropland right in 1 and in 0.5 of the repeats, other right in 0.75.
    found = Agreement.of(np.array([1, 0.5, 0.75]), np.array([True, True, False]))
    assert found.accuracy.value == 0.75
    assert found.accuracy_cropland.value == 0.75
    assert found.f1.value == pytest.approx(2 * 1.5 / (2 * 1.5 + 0.5 + 0.25))


def test_the_interval_of_f1_is_that_of_bootstraps_point_by_point() -> None:
    random = np.random.default_rng(8)
    truth = random.random(150) < 0.5
    said = truth ^ (random.random(150) < 0.15)
    drawn = random.integers(0, 150, (4000, 150))
    hits, either = (truth & said)[drawn].sum(axis=1), (truth.astype(int) + said)[drawn].sum(axis=1)
    scores = 2 * hits / either
    found = Agreement.of((said == truth).astype(float), truth).f1
    assert (found.low, found.high) == pytest.approx(np.percentile(scores, [2.5, 97.5]), abs=0.01)


def test_f1_without_any_cropland_is_nothing_and_with_only_misses_is_zero() -> None:
    assert np.isnan(Agreement.of(np.ones(4), np.zeros(4, bool)).f1.value)
    assert Agreement.of(np.zeros(4), np.ones(4, bool)).f1.value == 0
