"""Cross-validation: samples, a classifier and folds become `Scores`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from cropland.config.groups import Validation
from cropland.errors import DataError
from cropland.learning.folds import firsts, independent_units, splits
from cropland.learning.probability import cropland_probability
from cropland.learning.statistics import standard_error

if TYPE_CHECKING:
    from cropland.learning.classifiers import Classifier
    from cropland.learning.folds import Fold

_FIVE_FOLDS = Validation("kfold", folds=5)


@dataclass(frozen=True)
class Scores:
    """The scores of a cross-validated candidate.

    Attributes
    ----------
    accuracy : float
        Share of out-of-fold predictions that are right.
    accuracy_se : float
        Its standard error, over pixels (points, but for those that share one), or over spatial blocks where
        these were left out whole.
    accuracy_cropland, accuracy_other : float
        Share of each class's points that are right (recall).
    f1, roc_auc, brier : float
        Of the class cropland, from out-of-fold predictions; the mean over repeats.
    accuracy_fold : tuple of float
        Accuracy of each fold, in their order.
    fit_seconds : float
        Time to fit and predict one fold, the mean.
    out_of_fold : xarray.Dataset
        ``probability`` of cropland, ``label`` and ``fold`` by (sample, repeat), with the samples'
        ``ID`` and ``Target``.
    """

    accuracy: float
    accuracy_se: float
    accuracy_cropland: float
    accuracy_other: float
    f1: float
    roc_auc: float
    brier: float
    accuracy_fold: tuple[float, ...]
    fit_seconds: float
    out_of_fold: xr.Dataset


def cross_validate(
    classifier: Classifier,
    features: xr.DataArray,
    validation: Validation = _FIVE_FOLDS,
    *,
    seed: int = 2023,
    n_jobs: int = 1,
    other_samples: xr.DataArray | None = None,
    only_others: bool = False,
) -> Scores:
    """Compute the scores of a classifier by cross-validation.

    Parameters
    ----------
    classifier : Classifier
        Unfitted; each fold fits a clone of its own.
    features : xarray.DataArray
        Labelled samples, dims ``sample`` and ``feature``: ``features[features["Target"] >= 0]`` of those that
        `cropland.make_features` returns.
    validation : Validation
        How they are split; five shuffled, stratified folds, where it is left out. Samples on one pixel
        share a fold.
    seed : int
        Decides the folds.
    n_jobs : int
        Folds fitted at once, in threads; the numbers do not depend on it.
    other_samples : xarray.DataArray, optional
        Labelled samples of other countries with the same features, which every fold is trained on too.
    only_others : bool
        Train on `other_samples` only: nothing is left out then, and one fit predicts every sample.

    Raises
    ------
    DataError
        Samples without a label, fewer of a class, or fewer spatial blocks, than folds, or a fold that leaves
        one class only.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> labelled = features[features["Target"] >= 0]
    >>> scores = cropland.cross_validate(DecisionTreeClassifier(random_state=0), labelled)
    >>> round(scores.accuracy, 3), len(scores.accuracy_fold)
    (0.983, 5)
    >>> blocks = cropland.Validation("blocks", folds=3, block_km=10.0)
    >>> cropland.cross_validate(DecisionTreeClassifier(random_state=0), labelled, blocks).accuracy > 0.9
    True
    """
    x, y = features.to_numpy(), features["Target"].to_numpy()
    groups = independent_units(features, validation)
    if not only_others:
        _check_targets(y, groups, validation)
    everything = np.arange(len(y))
    folds = (
        [(everything[:0], everything)] * validation.repeats
        if only_others
        else list(splits(y, groups, validation, seed))
    )
    fitted = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(fit_fold)(clone(classifier), x, y, train, test, other_samples)
        for train, test in folds
    )
    predicted = [probability for probability, _ in fitted]
    out_of_fold = gather(features, folds, predicted, validation.repeats)
    return summarise(
        out_of_fold, groups, fit_seconds=float(np.mean([seconds for _, seconds in fitted]))
    )


def _check_targets(y: NDArray[np.int8], groups: NDArray[np.int64], validation: Validation) -> None:
    unlabelled = int((y < 0).sum())
    if unlabelled:
        raise DataError(
            f"expected labelled samples, {unlabelled} of {len(y)} have no label; choose the others, as in "
            'features[features["Target"] >= 0]'
        )
    counted = y if validation.block_km is not None else y[firsts(groups)]
    other, cropland = (int((counted == target).sum()) for target in (0, 1))
    if min(other, cropland) < validation.folds:
        pixel = " on pixels of their own" if len(counted) < len(y) else ""
        raise DataError(
            f"{cropland} cropland and {other} other samples{pixel} are fewer than the "
            f"{validation.folds} folds of a class; add points or take fewer folds"
        )


def gather(
    features: xr.DataArray,
    folds: Sequence[Fold],
    predicted: Sequence[NDArray[np.float64]],
    repeats: int,
) -> xr.Dataset:
    """Return the predictions of all folds together, as `Scores.out_of_fold` holds them."""
    probability = np.empty((features.sizes["sample"], repeats), dtype=np.float64)
    fold = np.empty(probability.shape, dtype=np.int16)
    for number, ((_, test), values) in enumerate(zip(folds, predicted, strict=True)):
        repeat = number * repeats // len(folds)
        probability[test, repeat], fold[test, repeat] = values, number
    by = ("sample", "repeat")
    return xr.Dataset(
        {
            "probability": (by, probability),
            "label": (by, (probability > 0.5).astype(np.int8)),
            "fold": (by, fold),
        },
        coords={name: ("sample", features[name].to_numpy()) for name in ("ID", "Target")},
    )


def summarise(out_of_fold: xr.Dataset, groups: NDArray[np.int64], *, fit_seconds: float) -> Scores:
    """Turn out-of-fold predictions into scores; `groups` are the units that are independent."""
    y = out_of_fold["Target"].to_numpy()
    labels = out_of_fold["label"].to_numpy().T == 1
    probabilities = out_of_fold["probability"].to_numpy().T
    fold = out_of_fold["fold"].to_numpy().T
    cropland = y == 1
    right = labels == cropland
    # Counted here: scikit-learn's functions look at their input for milliseconds each, at every candidate.
    true_positives = (labels & cropland).sum(axis=1)
    return Scores(
        accuracy=float(right.mean()),
        accuracy_se=standard_error(right.mean(axis=0), groups),
        accuracy_cropland=float(right[:, cropland].mean()),
        accuracy_other=float(right[:, ~cropland].mean()),
        f1=float(np.mean(2 * true_positives / (labels.sum(axis=1) + cropland.sum()))),
        roc_auc=float(np.mean([roc_auc_score(y, p) for p in probabilities])),
        brier=float(np.square(probabilities - y).mean()),
        accuracy_fold=tuple(float(right[fold == number].mean()) for number in np.unique(fold)),
        fit_seconds=fit_seconds,
        out_of_fold=out_of_fold,
    )


def fit_fold(
    classifier: Classifier,
    x: NDArray[np.float32],
    y: NDArray[np.int8],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    other_samples: xr.DataArray | None,
) -> tuple[NDArray[np.float64], float]:
    """Fit one fold; return the probability of cropland of its test samples, and the seconds it took."""
    started = time.perf_counter()
    classifier.fit(*with_other_samples(x[train], y[train], other_samples))
    return cropland_probability(classifier, x[test]), time.perf_counter() - started


def with_other_samples(
    x: NDArray[np.float32], y: NDArray[np.int8], other_samples: xr.DataArray | None
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Return samples and their labels, those of other countries behind them."""
    if other_samples is None:
        return x, y
    return np.concatenate([x, other_samples.to_numpy()]), np.concatenate(
        [y, other_samples["Target"].to_numpy()]
    )
