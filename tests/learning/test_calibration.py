from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from cropland.learning import calibration
from cropland.learning.calibration import Platt, PredictionSets, cross_fitted, fit_platt


def forecast(count: int, seed: int = 1, slope: float = 1.0) -> tuple[np.ndarray, ...]:
    """Probabilities, labels drawn by Platt scaling of them with this slope, and five folds."""
    random = np.random.default_rng(seed)
    z = 1.5 * random.normal(size=count)
    labels = (random.random(count) < expit(slope * z)).astype(np.int8)
    return expit(z), labels, np.arange(count) % 5


def test_platt_scaling_by_hand() -> None:
    # The logit of 0.8 is ln 4, and the logistic of 2 ln 4 is 16 / 17; 0 counts as 0.01.
    calibrated = Platt(2.0).apply([[0.8, 0.5], [0.0, 1.0]])
    assert calibrated.ravel() == pytest.approx([16 / 17, 0.5, 1 / (1 + 99**2), 1 - 1 / (1 + 99**2)])
    assert np.isnan(Platt(2.0).apply([np.nan])).all()


def test_the_fit_is_that_of_logistic_regression_without_an_intercept() -> None:
    """Of as many samples, that labels count as nearly 0 and 1 does not matter."""
    p, y, _ = forecast(20_000, slope=2.0)
    x = np.log(p / (1 - p)).clip(-np.log(99), np.log(99))[:, None]
    expected = LogisticRegression(C=np.inf, fit_intercept=False).fit(x, y)
    assert fit_platt(p, y).slope == pytest.approx(float(expected.coef_[0, 0]), abs=0.01)


def test_an_underconfident_forecast_gets_better_and_a_calibrated_one_stays() -> None:
    p, y, fold = forecast(2_000, slope=2.0)
    found = calibration.calibrate(p, y, fold, "auto")
    assert found.platt is not None and found.platt.slope == pytest.approx(2.0, abs=0.25)
    assert found.brier[1] < found.brier[0] - 0.005
    assert calibration.calibration_error(found.probability, y) < 0.03
    assert calibration.calibration_error(p, y) > 0.08
    assert fit_platt(*forecast(2_000)[:2]).slope == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("kind", ["none", "auto", "sigmoid"])
def test_a_calibration_that_does_not_lower_the_brier_score_is_used_on_demand_only(
    kind: calibration.CalibrationKind,
) -> None:
    p, y, fold = forecast(100, seed=7)
    found = calibration.calibrate(p, y, fold, kind)
    assert found.brier[1] > found.brier[0]
    assert (found.platt is None) == (kind != "sigmoid")
    np.testing.assert_array_equal(
        found.probability, cross_fitted(p, y, fold) if kind == "sigmoid" else p
    )


def test_each_fold_is_calibrated_by_the_others_in_its_own_repeat() -> None:
    p, y, fold = forecast(60)
    both = np.stack([p, np.sqrt(p)], axis=1)
    folds = np.stack([fold, 5 + fold[::-1]], axis=1)
    found = cross_fitted(both, y, folds)
    test = folds[:, 1] == 7
    expected = fit_platt(both[~test, 1], y[~test]).apply(both[test, 1])
    np.testing.assert_array_equal(found[test, 1], expected)
    np.testing.assert_array_equal(found[:, 0], cross_fitted(p, y, fold))


def test_one_class_leaves_probabilities_as_they_are() -> None:
    # Without fold 0 all are of class 1: its probabilities stay, those of the others change.
    p, y = np.array([0.2, 0.4, 0.7, 0.9]), np.array([0, 1, 1, 1])
    found = cross_fitted(p, y, np.array([0, 0, 1, 2]))
    assert found[:2].tolist() == [0.2, 0.4]
    assert (found[2:] != p[2:]).all()
    assert fit_platt(p, np.ones(4)) == Platt(1.0)
    reason = calibration.calibrate(p, y, np.array([0, 0, 1, 2]), "auto").reason
    assert reason.endswith("with it, 1 of its folds as they are: one class is left to fit on")
    single = calibration.calibrate(p, np.ones(4), np.arange(4), "sigmoid")
    assert single.platt is None and single.reason == "there are labels of one class only"


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ([0, 0, 1, 1], [0.25, 0.25, 0.75, 0.75]),  # separated: (2 + 1) / (2 + 2) of a class of two
        ([0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]),
        (
            [0.8, 0.8, 0.2, 0.2],
            [0.8, 0.8, 0.2, 0.2],
        ),  # worse than chance: as it is, not turned round
    ],
)
def test_separated_equal_and_reversed_probabilities(p: list[float], expected: list[float]) -> None:
    assert fit_platt(p, [0, 0, 1, 1]).apply(p) == pytest.approx(expected)


@given(st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_no_class_changes_and_the_order_of_probabilities_stays(p: list[float]) -> None:
    calibrated = fit_platt(p, [0, 1, 0, 1, 1, 0]).apply(np.sort(p))
    assert ((calibrated >= 0) & (calibrated <= 1)).all() and (np.diff(calibrated) >= 0).all()
    clear = np.abs(np.sort(p) - 0.5) > 1e-9
    assert ((calibrated > 0.5) == (np.sort(p) > 0.5))[clear].all()


@given(st.permutations(range(40)), st.integers(0, 3))
def test_the_order_of_samples_does_not_matter(order: list[int], seed: int) -> None:
    p, y, fold = forecast(40, seed)
    np.testing.assert_allclose(
        cross_fitted(p[order], y[order], fold[order]), cross_fitted(p, y, fold)[order], atol=1e-9
    )
    sets = calibration.prediction_sets(p, y, 0.8)
    assert calibration.prediction_sets(p[order], y[order], 0.8) == sets


def test_the_order_of_equal_probabilities_does_not_matter_to_their_error() -> None:
    # 90 of 100 are cropland, as said; a class after the other they were 0.18 off.
    p, y = np.full(100, 0.9), np.arange(100) >= 10
    assert calibration.calibration_error(p, y) == pytest.approx(0, abs=1e-12)
    assert calibration.calibration_error([0.2, 0.2, 0.8, 0.6], [0, 1, 1, 0]) == pytest.approx(0.35)


def test_thresholds_by_hand() -> None:
    # Of 9 of a class, (9 + 1) x 0.2 = 2: the second lowest; of 3, (3 + 1) x 0.2 < 1: none.
    cropland, other = np.arange(1, 10) / 10, np.array([0.1, 0.3, 0.6])
    sets = calibration.prediction_sets(np.append(cropland, other), [1] * 9 + [0] * 3, 0.8)
    assert sets == PredictionSets(0.8, 0.2, 0.0)
    # As 0.15 is below the threshold of cropland, it is other and nothing else.
    assert sets.cannot_tell([0.15, 0.2, 0.9]).tolist() == [False, True, True]


def test_the_more_probable_class_is_always_possible() -> None:
    sets = PredictionSets(0.5, 0.9, 0.8)
    assert [held.tolist() for held in sets.contain([0.05, 0.5, 0.6, np.nan])] == [
        [False, False, True, False],
        [True, True, False, False],
    ]
    assert not sets.cannot_tell([0.05, 0.5, 0.6, np.nan]).any()


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_sets_cover_new_samples_of_each_class_as_often_as_they_promise(confidence: float) -> None:
    """Of 40 forecasts of 200 points: what is promised is the mean over forecasts."""
    covered, within = [], []
    new, truth, _ = forecast(20_000, seed=99)
    for seed in range(40):
        p, y, fold = forecast(200, seed)
        found = calibration.coverage(calibration.prediction_sets(p, y, confidence), new, truth)
        folds = calibration.cross_fitted_coverage(p, y, fold, confidence)
        covered.append((found.cropland, found.other))
        within.append((folds.cropland, folds.other))
        assert 0 < found.cannot_tell < 1
    # (n + 1)(1 - confidence) is rounded down, of some 100 of a class: at most one point in a hundred more.
    for shares in (covered, within):
        assert (np.abs(np.mean(shares, axis=0) - confidence - 0.005) < 0.015).all()


def test_sets_of_repeats_cover_what_a_single_model_gives_and_not_their_mean_only() -> None:
    """A model's probabilities vary by how its training samples were drawn; the mean of five varies less."""
    covered = []
    random = np.random.default_rng(3)
    for seed in range(40):
        p, y, _ = forecast(200, seed, slope=2.0)
        repeats = expit(np.log(p / (1 - p))[:, None] + random.normal(size=(200, 5)))
        new, truth, _ = forecast(5_000, 100 + seed, slope=2.0)
        single = expit(np.log(new / (1 - new)) + random.normal(size=5_000))
        found = calibration.coverage(calibration.prediction_sets(repeats, y, 0.9), single, truth)
        covered.append((found.cropland, found.other))
    assert (np.abs(np.mean(covered, axis=0) - 0.905) < 0.015).all()


def test_coverage_of_a_class_without_samples_is_unknown() -> None:
    found = calibration.coverage(PredictionSets(0.9, 0.3, 0.3), [0.9, 0.4], [1, 1])
    assert (found.cropland, found.cannot_tell) == (1.0, 0.5) and np.isnan(found.other)
