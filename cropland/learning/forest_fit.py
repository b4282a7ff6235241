"""Fits of forests in two thirds of the time that their own method takes, with the same trees to the bit.

On some hundred samples scikit-learn's forests grow trees for less than half of the time: for the rest they
check labels, weights and parameters at every tree, once more. Here trees take them as they are, and threads
wait less for Python's lock. Models that are registered are fitted by their own method.
"""

from __future__ import annotations

import numbers
from copy import copy
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cropland.learning.classifiers import Classifier

_SERIES = "1.9."
"""The scikit-learn whose trees are known; of any other, forests are fitted by their own method."""
_PLAIN = {
    "class_weight": None,
    "max_leaf_nodes": None,
    "monotonic_cst": None,
    "ccp_alpha": 0.0,
    "min_impurity_decrease": 0.0,
    "min_weight_fraction_leaf": 0.0,
}
"""Parameters of trees with any other value: the tree is grown by its own method."""
_COUNTS = ("min_samples_split", "min_samples_leaf")


def fit(classifier: Classifier, x: NDArray[np.float32], y: NDArray[np.int8]) -> Classifier:
    """Fit a classifier: as its own method does, to the bit.

    Parameters
    ----------
    classifier : Classifier
        Unfitted. A forest of scikit-learn's grows trees that repeat no check; anything else fits itself.
    x : ndarray of float32, shape (sample, feature)
    y : ndarray of int, shape (sample,)

    Returns
    -------
    Classifier
        The same, fitted, to predict by: its trees are not of scikit-learn's own class, so that it is not one
        to store.
    """
    own = _tree_of(classifier)
    if own is None:
        return classifier.fit(x, y)
    forest: Any = classifier
    its_own, forest.estimator = forest.estimator, _tree_class()(splitter=own)
    try:
        forest.fit(x, y)
    finally:
        forest.estimator = its_own
    return classifier


def _tree_of(classifier: Any) -> str | None:
    """Return how a forest of scikit-learn's splits its trees; None of anything else."""
    import sklearn
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

    if not sklearn.__version__.startswith(_SERIES):
        return None
    # No subclass: it may mean something else by its trees.
    return {RandomForestClassifier: "best", ExtraTreesClassifier: "random"}.get(type(classifier))


@cache
def _tree_class() -> type:
    """Return the class of trees; it is made when scikit-learn is needed."""
    from sklearn.tree import DecisionTreeClassifier

    names = tuple(DecisionTreeClassifier().get_params())

    class GrownTree(DecisionTreeClassifier):  # type: ignore[misc]
        """A decision tree that takes what its forest has checked."""

        def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002
            return {name: getattr(self, name) for name in names}

        def set_params(self, **params: Any) -> GrownTree:
            for name, value in params.items():
                setattr(self, name, value)
            return self

        def __sklearn_clone__(self) -> GrownTree:
            return copy(self)

        def _fit(self, X: Any, y: Any, **words: Any) -> None:
            if _is_plain(self, y):
                _grow(self, X, y, **words)
            else:
                super()._fit(X, y, **words)

    return GrownTree


def _grow(
    tree: Any,
    x: NDArray[np.float32],
    y: NDArray[np.float64],
    *,
    sample_weight: NDArray[Any] | None,
    check_input: Literal[False],  # noqa: ARG001 - the forest has checked
    missing_values_in_feature_mask: NDArray[np.bool_] | None,
) -> None:
    """Grow a tree on samples, labels and weights as its forest passes them."""
    from sklearn.tree import _classes

    if sample_weight is not None:
        sample_weight = np.ascontiguousarray(sample_weight, np.float64)
    n_features, n_classes = x.shape[1], int(y.max()) + 1  # the forest has numbered the classes
    tree.n_features_in_, tree.n_outputs_, tree.n_classes_ = n_features, 1, n_classes
    tree.classes_ = np.arange(n_classes, dtype=np.float64)
    tree.max_features_ = _number_of_features(tree.max_features, n_features)
    leaf = tree.min_samples_leaf
    split = max(tree.min_samples_split, 2 * leaf)
    depth = np.iinfo(np.int32).max if tree.max_depth is None else tree.max_depth
    sizes = np.array([n_classes], np.intp)
    criterion = _classes.CRITERIA_CLF[tree.criterion](1, sizes)
    random = np.random.RandomState(tree.random_state)
    splitter = _classes.DENSE_SPLITTERS[tree.splitter](
        criterion, tree.max_features_, leaf, 0.0, random, None
    )
    tree.tree_ = _classes.Tree(n_features, sizes, 1)
    builder = _classes.DepthFirstTreeBuilder(splitter, split, leaf, 0.0, depth, 0.0)
    builder.build(tree.tree_, x, y, sample_weight, missing_values_in_feature_mask)


def _is_plain(tree: Any, y: NDArray[np.float64]) -> bool:
    """Return whether a tree has common parameters only, and its labels are of one column."""
    return (
        y.shape[1:] == (1,)
        and all(getattr(tree, name) == value for name, value in _PLAIN.items())
        and all(isinstance(getattr(tree, name), numbers.Integral) for name in _COUNTS)
    )


def _number_of_features(wanted: Any, n_features: int) -> int:
    """Return how many features are tried for a split."""
    if wanted is None:
        return n_features
    if isinstance(wanted, numbers.Integral):
        return int(wanted)
    share = {"sqrt": np.sqrt, "log2": np.log2}.get(wanted, lambda n: wanted * n)
    return max(1, int(share(n_features)))
