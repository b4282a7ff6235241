"""Inference: the bits of the classifier, sooner where it is a forest, and its own answer in any doubt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cropland.learning import probability

RANDOM = np.random.default_rng(11)
X = np.round(RANDOM.normal(2000, 500, (300, 12)), 1).astype(np.float32)
Y = (X[:, :3].mean(axis=1) + RANDOM.normal(0, 150, 300) > 2000).astype(np.int8)
UNSEEN = np.round(RANDOM.normal(2000, 500, (300, 12)), 1).astype(np.float32)
FORESTS = [
    RandomForestClassifier(30, max_depth=6, random_state=1).fit(X, Y),
    RandomForestClassifier(10, class_weight="balanced", random_state=2).fit(X, Y),
    ExtraTreesClassifier(30, random_state=1).fit(X, Y),
]
FOREST = FORESTS[0]
every_forest = pytest.mark.parametrize("forest", FORESTS, ids=["forest", "balanced", "extra"])


def own(classifier: Any, x: np.ndarray) -> np.ndarray:
    return classifier.predict_proba(x)[:, 1]


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Forbid classifiers of a class to answer for themselves."""

    def forbid(kind: type) -> None:
        def answer(*_: object) -> None:
            raise AssertionError("the classifier was asked itself")

        monkeypatch.setattr(kind, "predict_proba", answer)

    return forbid


@every_forest
@pytest.mark.parametrize("rows", [1, 7, 100, 299, 300, 1000])
def test_a_forest_gives_the_same_bits_whatever_the_blocks(
    forest: Any, rows: int, monkeypatch: pytest.MonkeyPatch, silent: Callable[[Any], None]
) -> None:
    expected = own(forest, UNSEEN)
    assert len(np.unique(expected)) > 10
    silent(type(forest))
    monkeypatch.setattr(probability, "ROWS", rows)
    np.testing.assert_array_equal(probability.cropland_probability(forest, UNSEEN), expected)


@every_forest
@given(st.data())
def test_values_beside_a_threshold_go_the_same_way(forest: Any, data: st.DataObject) -> None:
    tree = data.draw(st.sampled_from(forest.estimators_)).tree_
    node = data.draw(st.sampled_from(np.flatnonzero(tree.children_left >= 0).tolist()))
    near = np.float32(tree.threshold[node])
    beside = [np.nextafter(near, np.float32(side)) for side in (-np.inf, np.inf)]
    rows = X[data.draw(st.lists(st.integers(0, 299), min_size=3, max_size=3))].copy()
    rows[:, tree.feature[node]] = [beside[0], near, beside[1]]
    np.testing.assert_array_equal(probability.cropland_probability(forest, rows), own(forest, rows))


def test_columns_in_another_layout_are_read_rightly(silent: Callable[[Any], None]) -> None:
    expected = own(FOREST, X[::3])
    silent(RandomForestClassifier)
    for rows in (X[::3], np.asfortranarray(X[::3])):
        np.testing.assert_array_equal(probability.cropland_probability(FOREST, rows), expected)


def test_missing_values_are_the_classifiers_own_business() -> None:
    holes = np.where(RANDOM.random(X.shape) < 0.1, np.float32(np.nan), X)
    for forest in (FOREST, RandomForestClassifier(10, random_state=1).fit(holes, Y)):
        np.testing.assert_array_equal(
            probability.cropland_probability(forest, holes), own(forest, holes)
        )


def test_values_that_are_not_finite_are_refused_in_whatever_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probability, "ROWS", 50)
    for bad in ([np.inf], [np.inf, -np.inf]):
        rows = X.copy()
        rows[120, : len(bad)] = bad
        with pytest.raises(ValueError, match="infinity"):
            probability.cropland_probability(FOREST, rows)


@pytest.mark.filterwarnings("error")
def test_numbers_too_large_to_add_up_are_still_numbers() -> None:
    rows = X.copy()
    rows[5:9] = np.finfo(np.float32).max
    np.testing.assert_array_equal(probability.cropland_probability(FOREST, rows), own(FOREST, rows))


def test_numbers_of_another_type_are_the_same_numbers() -> None:
    np.testing.assert_array_equal(
        probability.cropland_probability(FOREST, X.astype(float)), own(FOREST, X)
    )


@pytest.mark.parametrize("columns", [11, 13])
def test_features_too_few_or_too_many_are_refused(columns: int) -> None:
    with pytest.raises(ValueError, match="expecting 12 features"):
        probability.cropland_probability(FOREST, np.resize(X, (10, columns)))


def test_no_row_is_refused_as_scikit_learn_does() -> None:
    with pytest.raises(ValueError, match="0 sample"):
        probability.cropland_probability(FOREST, X[:0])


def test_classes_are_found_by_their_labels() -> None:
    three = RandomForestClassifier(10, random_state=1).fit(X, np.arange(300) % 3)
    signed = ExtraTreesClassifier(10, random_state=1).fit(X, np.where(Y == 1, 1, 2))
    np.testing.assert_array_equal(
        probability.cropland_probability(three, X), three.predict_proba(X)[:, 1]
    )
    np.testing.assert_array_equal(
        probability.cropland_probability(signed, X), signed.predict_proba(X)[:, 0]
    )
    alone = RandomForestClassifier(10, random_state=1).fit(X, np.ones(300, np.int8))
    assert (probability.cropland_probability(alone, X) == 1).all()


class Doubtful(RandomForestClassifier):
    """A forest whose probability is not its trees' alone."""

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return super().predict_proba(x) / 2


@pytest.mark.parametrize(
    "classifier",
    [
        Doubtful(10, random_state=1),
        HistGradientBoostingClassifier(max_iter=10, random_state=1),
        make_pipeline(StandardScaler(), RandomForestClassifier(10, random_state=1)),
    ],
    ids=["subclass", "boosting", "scaled"],
)
def test_other_classifiers_are_asked_themselves(classifier: Any) -> None:
    classifier.fit(X, Y)
    np.testing.assert_array_equal(
        probability.cropland_probability(classifier, X), own(classifier, X)
    )


def test_a_forest_that_was_told_to_take_several_cores_does(
    silent: Callable[[Any], None],
) -> None:
    forest = RandomForestClassifier(5, n_jobs=2, random_state=1).fit(X, Y)
    silent(RandomForestClassifier)
    with pytest.raises(AssertionError, match="asked itself"):
        probability.cropland_probability(forest, X)


def test_a_forest_that_learns_again_is_another() -> None:
    forest = RandomForestClassifier(10, random_state=1).fit(X, Y)
    before = probability.cropland_probability(forest, X)
    after = probability.cropland_probability(forest.fit(X, 1 - Y), X)
    assert (before != after).any()
    np.testing.assert_array_equal(after, own(forest, X))
