"""Calibration: probabilities that agree with observed shares, and the classes that they leave possible.

Arrays in, numbers out. All is fitted on out-of-fold probabilities of cropland: those of samples that a
classifier was trained on are nearer to 0 and 1 than those of others. Platt scaling is fitted on the mean over
repeats; prediction sets are made of all of them, since a mean varies less than what a single model gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from cropland.config.schema import Closed

if TYPE_CHECKING:
    from cropland.config.groups import CalibrationKind

_LEAST = 0.01
"""Probabilities nearer to 0 or 1 than this count as this: a forest of 100 trees knows no finer steps."""
FLATTEST, STEEPEST = 1e-3, 1e3
"""Of slopes: in flatter ones every probability is nearly 0.5, in steeper ones 0 or 1."""


@dataclass(frozen=True)
class Platt(Closed):
    """Platt scaling without an intercept: a probability becomes logistic(slope x logit(probability)).

    Platt 1999, in Advances in Large Margin Classifiers, 61-74, of the logit instead of an SVM's output; Guo
    et al. 2017, On calibration of modern neural networks, ICML, call it temperature scaling. Without an
    intercept the more probable class stays the same; one that is fitted moves the border between classes,
    which costs accuracy on some hundred labels.
    """

    slope: float

    def apply(self, probability: ArrayLike) -> NDArray[np.float64]:
        """Return calibrated probabilities, of any shape; above 0.5 is cropland."""
        return np.asarray(expit(self.slope * _logits(probability)))


@dataclass(frozen=True)
class PredictionSets(Closed):
    """The classes that a probability leaves possible, by class-conditional conformal prediction.

    Vovk 2012, Conditional validity of inductive conformal predictors, PMLR 25, 475-490. Of each class, a
    share of at least `confidence` of new samples has its true class in its set. The most probable class is
    always in it.

    Attributes
    ----------
    confidence : float
        Share of each class that is covered.
    cropland, other : float
        The least calibrated probability of a class that puts it into the set.
    """

    confidence: float
    cropland: float
    other: float

    def contain(self, probability: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return whether the sets hold cropland, and whether they hold other, by calibrated probability."""
        p = np.asarray(probability, np.float64)
        return (p > 0.5) | (p >= self.cropland), (p <= 0.5) | (1 - p >= self.other)

    def cannot_tell(self, probability: ArrayLike) -> NDArray[np.bool_]:
        """Return whether both classes are possible, by calibrated probability; false where it is NaN."""
        cropland, other = self.contain(probability)
        return cropland & other


@dataclass(frozen=True)
class Coverage:
    """The shares of samples whose set holds their true class, by class, and of sets with both classes.

    NaN for a class without samples.
    """

    cropland: float
    other: float
    cannot_tell: float


@dataclass(frozen=True, eq=False)
class Calibration:
    """The calibration of a model, and what it does to its scores.

    Attributes
    ----------
    platt : Platt, optional
        None where probabilities stay as they are.
    probability : ndarray of float, shape (sample,) or (sample, repeat)
        As the model would give them out of fold: cross-fitted, or as they were.
    brier : tuple of float
        Brier score before, and after cross-fitted Platt scaling, also where it is not used.
    reason : str
        Why it is used or not, in words.
    """

    platt: Platt | None
    probability: NDArray[np.float64]
    brier: tuple[float, float]
    reason: str


def fit_platt(probability: ArrayLike, labels: ArrayLike) -> Platt:
    """Fit Platt scaling by maximum likelihood.

    Labels count as nearly 0 and 1, (n + 1) / (n + 2) of a class of n, as Platt has it: so classes that are
    separated completely have a finite slope. Without samples of both classes, or where the probabilities are
    no better than chance, it is the identity.

    Parameters
    ----------
    probability : array_like of float, shape (sample,) or (sample, repeat)
        Of cropland, out of fold.
    labels : array_like of int, shape (sample,)
        1 for cropland, 0 for other.
    """
    x, cropland = _logits(mean_of_repeats(probability)), np.asarray(labels) == 1
    n_cropland, n_other = int(cropland.sum()), int((~cropland).sum())
    target = np.where(cropland, (n_cropland + 1) / (n_cropland + 2), 1 / (n_other + 2))

    def gradient(slope: float) -> float:
        return float(x @ (expit(slope * x) - target))

    # It rises with the slope, as the loss is convex.
    if not (n_cropland and n_other) or gradient(FLATTEST) >= 0:
        return Platt(1.0)
    if gradient(STEEPEST) <= 0:
        return Platt(STEEPEST)
    return Platt(float(brentq(gradient, FLATTEST, STEEPEST)))


def cross_fitted(probability: ArrayLike, labels: ArrayLike, fold: ArrayLike) -> NDArray[np.float64]:
    """Compute calibrated probabilities of each fold by Platt scaling that is fitted on the other folds.

    Parameters
    ----------
    probability : array_like of float, shape (sample,) or (sample, repeat)
        Of cropland, out of fold.
    labels : array_like of int, shape (sample,)
        1 for cropland, 0 for other.
    fold : array_like of int, shape as `probability`
        Number of the fold of each sample in each repeat.

    Returns
    -------
    ndarray of float, shape as `probability`
        A fold without which one class only is left keeps its probabilities.
    """
    given, y = np.asarray(probability, np.float64), np.asarray(labels)
    columns, folds = (np.asarray(a).reshape(len(y), -1) for a in (given, fold))
    result = np.empty(columns.shape)
    for repeat, (column, numbers) in enumerate(zip(columns.T, folds.T, strict=True)):
        for number in np.unique(numbers):
            test = numbers == number
            result[test, repeat] = _fitted_without(test, column, y)
    return result.reshape(given.shape)


def calibrate(
    probability: ArrayLike, labels: ArrayLike, fold: ArrayLike, kind: CalibrationKind = "auto"
) -> Calibration:
    """Fit the calibration of a model where it is wanted, and measure what it does out of fold.

    Parameters
    ----------
    probability : array_like of float, shape (sample,) or (sample, repeat)
        Of cropland, out of fold, of what is to be registered.
    labels : array_like of int, shape (sample,)
        1 for cropland, 0 for other.
    fold : array_like of int, shape as `probability`
        Number of the fold of each sample in each repeat.
    kind : CalibrationKind
        ``sigmoid`` for Platt scaling, ``none``, or ``auto``: where it lowers the Brier score.

    Examples
    --------
    >>> out = scores.out_of_fold
    >>> calibration = cropland.calibrate(out["probability"], out["Target"], out["fold"])
    >>> calibration.probability.shape
    (60, 1)
    """
    before, y = np.asarray(probability, np.float64), np.asarray(labels)
    after = cross_fitted(before, y, fold)
    brier = brier_score(before, y), brier_score(after, y)
    change = f"the Brier score out of fold is {brier[0]:.4f} without and {brier[1]:.4f} with it"
    folds = np.asarray(fold).reshape(len(y), -1).T
    alone = sum(_is_one_class(y[f != number]) for f in folds for number in np.unique(f))
    if alone:
        change += f", {alone} of its folds as they are: one class is left to fit on"
    if _is_one_class(y):
        used, reason = False, "there are labels of one class only"
    elif kind == "auto":
        used, reason = brier[1] < brier[0], change
    else:
        used, reason = kind == "sigmoid", f"promotion.calibration={kind}; {change}"
    platt = fit_platt(before, y) if used else None
    return Calibration(platt, after if used else before, brier, reason)


def brier_score(probability: ArrayLike, labels: ArrayLike) -> float:
    """Compute the mean squared difference of probabilities and labels, shapes as in `fit_platt`."""
    return float(np.square(_columns(probability) - np.asarray(labels)[:, None]).mean())


def calibration_error(probability: ArrayLike, labels: ArrayLike, bins: int = 10) -> float:
    """Compute the expected calibration error: mean distance of probability and share, in bins of equal count.

    Naeini, Cooper & Hauskrecht 2015, Obtaining well calibrated probabilities using Bayesian binning, AAAI. Of
    equal probabilities each sample counts with their share, so that the order of samples does not matter.
    """
    p = mean_of_repeats(probability)
    values, at = np.unique(p, return_inverse=True)
    share = np.bincount(at, np.asarray(labels)) / np.bincount(at)
    difference = (values - share)[np.sort(at)]
    return float(sum(abs(part.sum()) for part in np.array_split(difference, bins)) / len(p))


def prediction_sets(probability: ArrayLike, labels: ArrayLike, confidence: float) -> PredictionSets:
    """Compute the thresholds of prediction sets.

    Of n samples of a class with its true label, the threshold is the k-th lowest probability of their own
    class, k the whole part of (n + 1)(1 - confidence); 0, so that the class is always possible, where they
    are too few for it. Of several repeats it is that of the same share of all their probabilities.

    Parameters
    ----------
    probability : array_like of float, shape (sample,) or (sample, repeat)
        Of cropland, out of fold, calibrated and cross-fitted where the model is calibrated.
    labels : array_like of int, shape (sample,)
        1 for cropland, 0 for other.
    confidence : float
        Share of each class that is to be covered, between 0 and 1.
    """
    p, y = _columns(probability), np.asarray(labels)
    return PredictionSets(
        confidence, _threshold(p[y == 1], confidence), _threshold(1 - p[y == 0], confidence)
    )


def coverage(sets: PredictionSets, probability: ArrayLike, labels: ArrayLike) -> Coverage:
    """Compute the share of each class whose set holds it, shapes as in `prediction_sets`."""
    p, y = _columns(probability), np.asarray(labels)
    return _coverage(*sets.contain(p), y)


def cross_fitted_coverage(
    probability: ArrayLike, labels: ArrayLike, fold: ArrayLike, confidence: float
) -> Coverage:
    """Compute the coverage of each fold's samples by sets that are made of the other folds.

    Shapes as in `cross_fitted`, of whose probabilities the sets are made.
    """
    columns, folds, y = _columns(probability), _columns(fold), np.asarray(labels)
    cropland, other = np.empty((2, *columns.shape), bool)
    for repeat, (column, numbers) in enumerate(zip(columns.T, folds.T, strict=True)):
        for number in np.unique(numbers):
            test = numbers == number
            sets = prediction_sets(column[~test], y[~test], confidence)
            cropland[test, repeat], other[test, repeat] = sets.contain(column[test])
    return _coverage(cropland, other, y)


def mean_of_repeats(values: ArrayLike) -> NDArray[np.float64]:
    """Return means over repeats, shape (sample,), of values of shape (sample,) or (sample, repeat)."""
    return np.asarray(_columns(values).mean(axis=1))


def _logits(probability: ArrayLike) -> NDArray[np.float64]:
    """Compute logits of probabilities, of which 0 and 1 are taken as nearly so."""
    return np.asarray(logit(np.clip(np.asarray(probability, np.float64), _LEAST, 1 - _LEAST)))


def _fitted_without(
    test: NDArray[np.bool_], column: NDArray[np.float64], y: NDArray[np.int8]
) -> NDArray[np.float64]:
    """Return probabilities of a fold, calibrated by the others where these have both classes."""
    if _is_one_class(y[~test]):
        return column[test]
    return fit_platt(column[~test], y[~test]).apply(column[test])


def _is_one_class(y: NDArray[np.int8]) -> bool:
    return len(np.unique(y)) < 2


def _threshold(own: NDArray[np.float64], confidence: float) -> float:
    """Return the least probability of its class, shape (sample, repeat), that puts a class into the set."""
    rank = int(np.floor((len(own) + 1) * (1 - confidence) + 1e-9))
    return float(np.sort(own, axis=None)[rank * own.shape[1] - 1]) if rank else 0.0


def _coverage(
    cropland: NDArray[np.bool_], other: NDArray[np.bool_], y: NDArray[np.int8]
) -> Coverage:
    """Return coverage where sets hold cropland and other, shape (sample, repeat)."""
    held = [sets[y == label] for sets, label in ((cropland, 1), (other, 0))]
    of_cropland, of_other = (float(part.mean()) if part.size else np.nan for part in held)
    return Coverage(of_cropland, of_other, float((cropland & other).mean()))


def _columns(values: ArrayLike) -> NDArray[np.float64]:
    """Return values as an array of shape (sample, repeat)."""
    array = np.asarray(values, np.float64)
    return array.reshape(len(array), -1)
