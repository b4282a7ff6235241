"""Numbers that scikit-learn's compiled code follows without looking: nodes of trees, support vectors.

In: arrays of a file that somebody else may have written. Out: nothing, or an error: children come after their
node, features are those of the samples, and arrays are as long as each other, so that a prediction ends and
reads only what is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUPPORT = (
    *("kernel", "_sparse", "support_", "support_vectors_", "_n_support"),
    *("_dual_coef_", "_intercept_", "_probA", "_probB"),
)
"""What `check_support` needs of a support vector machine."""
_KERNELS = ("linear", "poly", "rbf", "sigmoid")


def check_tree(
    features: Any,
    classes: Any,
    outputs: Any,
    count: Any,
    nodes: NDArray[Any],
    values: NDArray[Any],
    *,
    n_features: int,
) -> None:
    """Check a tree of a forest: two classes, one output.

    Parameters
    ----------
    features, classes, outputs : int or list
        Number of features, numbers of classes, number of outputs.
    count : int
        Number of nodes.
    nodes : ndarray, shape (node,)
        With the fields of scikit-learn's trees.
    values : ndarray, shape (node, 1, 2)
        Shares of the classes.
    n_features : int
        How many features samples have.

    Raises
    ------
    ValueError
        It is no such tree.
    """
    is_one = type(count) is int and nodes.shape == (count,) and values.shape == (count, 1, 2)
    _require(features == n_features and outputs == 1 and np.shape(classes) == (1,), "a tree")
    _require(is_one and count > 0 and classes[0] == 2, "a tree of two classes")
    leaf = nodes["left_child"] == -1
    _require(bool((nodes["right_child"][leaf] == -1).all()), "leaves without children")
    inner = (nodes["left_child"], nodes["right_child"], nodes["feature"])
    _check_inner(~leaf, *inner, n_features)
    _require(_is_finite(nodes["threshold"], values), "finite numbers in a tree")


def check_predictor(nodes: NDArray[Any], n_features: int) -> None:
    """Check a tree of gradient boosting, without categories; nodes have the fields of scikit-learn's.

    Raises
    ------
    ValueError
        It is no such tree.
    """
    _require(nodes.ndim == 1 and len(nodes) > 0, "a tree")
    _require(not nodes["is_categorical"].any(), "a tree without categories")
    inner = (nodes["left"], nodes["right"], nodes["feature_idx"])
    _check_inner(nodes["is_leaf"] == 0, *inner, n_features)
    _require(_is_finite(nodes["value"]), "finite numbers in a tree")


def check_support(values: Mapping[str, Any], n_features: int) -> None:
    """Check a support vector machine of two classes; `values` are those of `SUPPORT`.

    Raises
    ------
    ValueError
        It is no such machine.
    """
    vectors, numbers = values["support_vectors_"], values["_n_support"]
    n_vectors = len(vectors)
    _require(
        values["kernel"] in _KERNELS and values["_sparse"] is False, "a kernel of dense samples"
    )
    shapes = {
        "support_vectors_": (n_vectors, n_features),
        "support_": (n_vectors,),
        "_n_support": (2,),
        "_dual_coef_": (1, n_vectors),
        "_intercept_": (1,),
    }
    _require(all(values[key].shape == shape for key, shape in shapes.items()), "support vectors")
    _require((numbers >= 0).all() and numbers.sum() == n_vectors, "numbers of support vectors")
    _require(values["_probA"].shape == values["_probB"].shape in ((0,), (1,)), "one probability")
    _require(_is_finite(vectors, values["_dual_coef_"], values["_intercept_"]), "finite numbers")


def _check_inner(
    inner: NDArray[np.bool_],
    left: NDArray[Any],
    right: NDArray[Any],
    feature: NDArray[Any],
    n_features: int,
) -> None:
    """Check that the children of inner nodes come after them, and their features are those of samples."""
    position = np.arange(len(inner))
    for child in (left, right):
        follows = (child > position) & (child < len(inner))
        _require(bool(follows[inner].all()), "children that come after their node")
    used = feature[inner]
    _require(bool(((used >= 0) & (used < n_features)).all()), f"trees of {n_features} features")


def _is_finite(*numbers: NDArray[Any]) -> bool:
    return all(bool(np.isfinite(array).all()) for array in numbers)


def _require(condition: Any, expected: str) -> None:
    if not condition:
        raise ValueError(f"expected {expected}, got other numbers")
