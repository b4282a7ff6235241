"""Logistic regression on one variable, for many sets of weights of the same samples at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

_STEPS, _HALVINGS, _CONVERGED = 30, 8, 1e-10
_RIDGE = 1e-9
"""Keeps the equations solvable where the variable is constant."""


def fit_rows(
    x: NDArray[np.float64], labels: NDArray[np.int8], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit Platt scaling of many weighted samples at once, by Newton's method.

    Slopes are 0 or above: a forecast that is worse than chance out of fold is not turned round.

    Parameters
    ----------
    x : ndarray of float, shape (row, sample)
        Logits of probabilities.
    labels : ndarray of int, shape (sample,)
        1 for cropland, 0 for other.
    weights : ndarray of float, shape (row, sample)
        How often each sample counts.

    Returns
    -------
    slope, intercept : ndarray of float, shape (row,)
        1 and 0, the identity, in a row of one class only.
    """
    positive = weights @ (labels == 1).astype(np.float64)
    negative = weights.sum(axis=1) - positive
    target = np.where(
        labels == 1, ((positive + 1) / (positive + 2))[:, None], 1 / (negative + 2)[:, None]
    )
    both = (positive > 0) & (negative > 0)
    slope, intercept = np.ones(len(x)), np.zeros(len(x))
    loss, least = _loss(x, target, weights, slope, intercept), _CONVERGED * len(labels)
    for _ in range(_STEPS):
        change = _newton_step(x, target, weights, slope, intercept)
        size = np.where(both, 1.0, 0.0)
        for _ in range(_HALVINGS):
            trial = slope + size * change[0], intercept + size * change[1]
            new = _loss(x, target, weights, *trial)
            if not (worse := new > loss + least).any():
                break
            size[worse] /= 2
        gain = np.where(worse, 0, loss - new)
        slope, intercept = np.where(worse, slope, trial[0]), np.where(worse, intercept, trial[1])
        loss = loss - gain
        if gain.max() <= least:
            break
    rising = slope >= 0
    share = np.einsum("rs,rs->r", weights, target) / weights.sum(axis=1)
    return np.where(rising, slope, 0.0), np.where(rising, intercept, logit(share))


def _newton_step(
    x: NDArray[np.float64],
    target: NDArray[np.float64],
    weights: NDArray[np.float64],
    slope: NDArray[np.float64],
    intercept: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the change of slope and intercept of each row."""
    p = expit(slope[:, None] * x + intercept[:, None])
    error, curve = weights * (target - p), weights * p * (1 - p)
    first, second = np.einsum("rs,rs->r", error, x), error.sum(axis=1)
    a = np.einsum("rs,rs,rs->r", curve, x, x) + _RIDGE
    b, c = np.einsum("rs,rs->r", curve, x), curve.sum(axis=1) + _RIDGE
    determinant = a * c - b * b
    of_slope = np.asarray((c * first - b * second) / determinant)
    return of_slope, np.asarray((a * second - b * first) / determinant)


def _loss(
    x: NDArray[np.float64],
    target: NDArray[np.float64],
    weights: NDArray[np.float64],
    slope: NDArray[np.float64],
    intercept: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Compute the log loss of each row."""
    z = slope[:, None] * x + intercept[:, None]
    return np.asarray(np.einsum("rs,rs->r", weights, np.logaddexp(0, z) - target * z))
