"""Fits of forests: the trees of scikit-learn's own method, to the bit, and its own method in any doubt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from cropland.learning import forest_fit

RANDOM = np.random.default_rng(11)
X = np.round(RANDOM.normal(2000, 500, (200, 12)), 1).astype(np.float32)
Y = (X[:, :3].mean(axis=1) + RANDOM.normal(0, 150, 200) > 2000).astype(np.int8)


def both(forest: Any, x: np.ndarray = X, y: np.ndarray = Y) -> tuple[Any, Any]:
    own = clone(forest).fit(x, y)
    fitted = forest_fit.fit(clone(forest), x, y)
    assert type(fitted) is type(own)
    assert fitted.estimator == forest.estimator or vars(fitted.estimator) == vars(forest.estimator)
    for ours, theirs in zip(fitted.estimators_, own.estimators_, strict=True):
        got, expected = ours.tree_.__getstate__(), theirs.tree_.__getstate__()
        assert got["max_depth"] == expected["max_depth"]
        np.testing.assert_array_equal(got["values"], expected["values"])
        assert got["nodes"].tobytes() == expected["nodes"].tobytes()
        assert ours.max_features_ == theirs.max_features_
        assert ours.classes_.tolist() == theirs.classes_.tolist()
    np.testing.assert_array_equal(fitted.predict_proba(x), own.predict_proba(x))
    np.testing.assert_array_equal(fitted.feature_importances_, own.feature_importances_)
    return fitted, own


@pytest.mark.parametrize(
    "forest",
    [
        RandomForestClassifier(10, max_depth=4, random_state=1),
        RandomForestClassifier(5, class_weight="balanced_subsample", random_state=2),
        RandomForestClassifier(5, criterion="entropy", max_features="log2", random_state=3),
        RandomForestClassifier(5, max_features=0.4, min_samples_leaf=4, random_state=4),
        RandomForestClassifier(5, max_features=None, min_samples_split=9, random_state=5),
        RandomForestClassifier(5, max_features=2, max_samples=0.5, random_state=6, n_jobs=2),
        RandomForestClassifier(5, oob_score=True, bootstrap=True, random_state=7),
        ExtraTreesClassifier(10, random_state=8),
        ExtraTreesClassifier(5, class_weight="balanced", bootstrap=True, random_state=9),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores")
def test_trees_are_those_of_the_forests_own_method(
    forest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted, _ = both(forest)
    holes = X.copy()
    holes[::7, 3] = np.nan
    both(forest, holes)
    # None of these was grown by scikit-learn's own trees.
    own_fit = DecisionTreeClassifier._fit
    monkeypatch.setattr(DecisionTreeClassifier, "_fit", None)
    forest_fit.fit(clone(forest), X, Y)
    monkeypatch.setattr(DecisionTreeClassifier, "_fit", own_fit)
    assert type(fitted.estimators_[0]) not in (DecisionTreeClassifier, ExtraTreeClassifier)


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_leaf_nodes": 5},
        {"ccp_alpha": 0.01},
        {"min_impurity_decrease": 0.01},
        {"min_weight_fraction_leaf": 0.1},
        {"min_samples_leaf": 0.05},
        {"min_samples_split": 0.2},
        {"monotonic_cst": [1] + [0] * 11},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
def test_trees_of_other_parameters_grow_by_their_own_method(
    kind: Any, parameters: dict[str, Any]
) -> None:
    both(kind(4, random_state=1, **parameters))


def test_labels_of_one_class_and_of_other_numbers() -> None:
    both(RandomForestClassifier(3, random_state=1), X, np.ones_like(Y))
    both(RandomForestClassifier(3, random_state=1), X, Y * 3 + 2)


class Subclass(RandomForestClassifier):
    """It may mean something else by its trees."""


def test_anything_else_and_forests_of_another_scikit_learn_fit_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subclass = forest_fit.fit(Subclass(2, random_state=1), X, Y)
    assert {type(tree) for tree in subclass.estimators_} == {DecisionTreeClassifier}
    linear = LogisticRegression(max_iter=10_000)
    expected = clone(linear).fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(forest_fit.fit(linear, X, Y).predict_proba(X), expected)
    monkeypatch.setattr("sklearn.__version__", "1.10.0")
    forest = forest_fit.fit(RandomForestClassifier(2, random_state=1), X, Y)
    assert {type(tree) for tree in forest.estimators_} == {DecisionTreeClassifier}
