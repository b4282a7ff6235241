"""Learning curves: accuracy against the number of labels, on the same left-out samples."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone

from cropland.learning.cross_validation import fit_fold
from cropland.learning.folds import independent_units, splits
from cropland.learning.statistics import standard_error

if TYPE_CHECKING:
    import xarray as xr
    from numpy.random import Generator

    from cropland.config.groups import Validation
    from cropland.learning.classifiers import Classifier

FEWEST_LABELS = 20
"""Where a learning curve starts."""
_FIRST = 3


def learning_curve(
    classifier: Classifier,
    features: xr.DataArray,
    validation: Validation,
    *,
    seed: int,
    n_jobs: int = 1,
    other_samples: xr.DataArray | None = None,
) -> pd.DataFrame:
    """Compute the accuracy of a classifier with fewer labels, on the same left-out samples.

    Parameters
    ----------
    classifier, features, validation, n_jobs, other_samples
        As of `cross_validation.cross_validate`; `other_samples` are always among those of training.
    seed : int
        Decides the folds, and which labels come first. Subsets are stratified and nested.

    Returns
    -------
    pandas.DataFrame
        ``n_labels``, about doubling from 20 to all, ``accuracy`` and ``accuracy_se`` (over points, or spatial
        blocks). With all labels in the training folds these are the cross-validated ones.
    """
    units = independent_units(features, validation)
    folds = splits(features["Target"].to_numpy(), units, validation, seed)
    sizes = _doubling(max(len(train) for train, _ in folds))
    right = right_by_size(
        classifier,
        features,
        validation,
        sizes,
        seed=seed,
        n_jobs=n_jobs,
        other_samples=other_samples,
    )
    return pd.DataFrame(
        [(size, shares.mean(), standard_error(shares, units)) for size, shares in right.items()],
        columns=["n_labels", "accuracy", "accuracy_se"],
    )


def right_by_size(
    classifier: Classifier,
    features: xr.DataArray,
    validation: Validation,
    sizes: Sequence[int],
    *,
    seed: int,
    n_jobs: int = 1,
    other_samples: xr.DataArray | None = None,
) -> dict[int, NDArray[np.float64]]:
    """Compute in what share of the repeats each sample was right, with so many labels of each fold.

    Parameters are those of `learning_curve`, and the numbers of labels to learn from.

    Returns
    -------
    dict of int to ndarray of float, shape (sample,)
        By number of labels, in the order of `sizes`.
    """
    x, y = features.to_numpy(), features["Target"].to_numpy()
    folds = list(splits(y, independent_units(features, validation), validation, seed))
    orders = [
        _nested(y[train], np.random.default_rng([seed, number]))
        for number, (train, _) in enumerate(folds)
    ]
    # Rows keep their order, so that with all of them the fit is that of cross-validation.
    tasks = [
        (size, train[np.sort(order[:size])], test)
        for size, ((train, test), order) in product(sizes, zip(folds, orders, strict=True))
    ]
    results = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(fit_fold)(clone(classifier), x, y, train, test, other_samples)
        for _, train, test in tasks
    )
    right = {size: np.zeros(len(y)) for size in sizes}
    for (size, _, test), (probability, _) in zip(tasks, results, strict=True):
        right[size][test] += ((probability > 0.5) == y[test]) / validation.repeats
    return right


def _doubling(most: int) -> list[int]:
    """Return sizes that about double up to `most`."""
    steps = max(0, round(np.log2(most / FEWEST_LABELS)))
    return [round(size) for size in most / 2.0 ** np.arange(steps, -1, -1)] if steps else [most]


def _nested(y: NDArray[np.int8], random: Generator) -> NDArray[np.int64]:
    """Return an order of samples in which the first n are a stratified choice of them, for every n.

    The first three of each class lead, for classifiers that split their training samples once more.
    """
    order = random.permutation(len(y))
    share = np.zeros(len(y))
    for label in np.unique(y):
        of_class = order[y[order] == label]
        rank = np.arange(_FIRST, len(of_class)) + 0.5
        share[of_class[_FIRST:]] = rank / len(of_class)
    return order[np.argsort(share[order], kind="stable")]
