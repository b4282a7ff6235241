"""Tables of diagnostics: accuracy against the number of labels, and the year of each class."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone

from cropland.errors import DataError
from cropland.features.matrix import labelled
from cropland.learning.cross_validation import fit_fold
from cropland.learning.folds import independent_units, splits
from cropland.learning.statistics import standard_error
from cropland.training.out_of_fold import CLASSES

if TYPE_CHECKING:
    import xarray as xr
    from numpy.random import Generator

    from cropland.config.groups import Validation
    from cropland.learning.classifiers import Classifier

QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
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
        blocks). With all labels of the training folds these are the cross-validated ones.
    """
    x, y = features.to_numpy(), features["Target"].to_numpy()
    units = independent_units(features, validation)
    folds = list(splits(y, units, validation, seed))
    orders = [
        _nested(y[train], np.random.default_rng([seed, number]))
        for number, (train, _) in enumerate(folds)
    ]
    sizes = _doubling(max(len(train) for train, _ in folds))
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
    return pd.DataFrame(
        [(size, shares.mean(), standard_error(shares, units)) for size, shares in right.items()],
        columns=["n_labels", "accuracy", "accuracy_se"],
    )


def profiles(series: xr.Dataset, band: str) -> pd.DataFrame:
    """Compute median and quantiles of a band over the year, for the labelled points of each class.

    Parameters
    ----------
    series : xarray.Dataset
        As `cropland.features.series.aligned` returns it.
    band : str
        One of its bands.

    Returns
    -------
    pandas.DataFrame
        A row for each class and date: ``class``, ``time``, ``n`` (points), ``q05``, ``q25``, ``median``,
        ``q75``, ``q95``.

    Raises
    ------
    DataError
        No labelled point was observed.
    """
    points = labelled(series)
    values = points["values"].sel(band=band).transpose("point", "time").to_numpy()
    seen, target = ~np.isnan(values).any(axis=1), points["Target"].to_numpy()
    if not seen.any():
        raise DataError(
            f"no labelled point has a value of {band}; choose a window with observations"
        )
    tables = []
    for label, name in CLASSES.items():
        of_class = values[seen & (target == label)].astype(np.float64)
        if len(of_class):
            quantiles = np.quantile(of_class, list(QUANTILES.values()), axis=0)
            columns = {"class": name, "time": series["time"].to_numpy(), "n": len(of_class)}
            tables.append(pd.DataFrame(columns | dict(zip(QUANTILES, quantiles, strict=True))))
    return pd.concat(tables, ignore_index=True)


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
