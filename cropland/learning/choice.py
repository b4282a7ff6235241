"""Choice: which of many candidates to select or average.

Arrays in, numbers out: nothing here knows how candidates were tracked or what their samples are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from cropland.config.groups import RuleOfOne

TOLERANCE = 1e-9
"""Scores nearer than this are equal: they are means, found by sums of floats in any order."""
MEMBERS = 5
"""How many candidates an average has where nobody says another number."""


def simplicity(n_features: ArrayLike, span: ArrayLike) -> NDArray[np.int64]:
    """Rank candidates by how simple they are: fewest features, then shortest span.

    Returns an ndarray of shape (candidate,), as both arguments have: 0 for the simplest; equally simple
    ones share a rank.
    """
    both = np.stack([np.asarray(n_features), np.asarray(span)], axis=1)
    return np.unique(both, axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def choose(
    accuracy: ArrayLike,
    standard_error: ArrayLike,
    rank: ArrayLike,
    rule: RuleOfOne,
    *,
    brier: ArrayLike | None = None,
) -> int:
    """Return the position of the candidate that a rule chooses, see `best_of_each` and `simplest_of_each`.

    Without Brier scores all are equal in them.
    """
    shape = np.shape(accuracy)
    accuracies, errors, briers = (
        np.atleast_2d(np.asarray(scores, float))
        for scores in (accuracy, standard_error, np.zeros(shape) if brier is None else brier)
    )
    ranks = np.asarray(rank, np.int64)
    if rule == "best":
        return int(best_of_each(accuracies, briers, ranks)[0])
    return int(simplest_of_each(accuracies, errors, ranks)[0])


def best_of_each(
    accuracy: NDArray[np.float64], brier: NDArray[np.float64], rank: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the position of the most accurate candidate of each row.

    Of equally accurate ones that with the lowest Brier score, then the simplest, then the first.

    Parameters
    ----------
    accuracy, brier : ndarray of float, shape (row, candidate)
        Scores of each candidate.
    rank : ndarray of int, shape (candidate,)
        As `simplicity` returns it.
    """
    equals = accuracy >= accuracy.max(axis=1, keepdims=True) - TOLERANCE
    return _lowest(np.where(equals, brier, np.inf), rank)


def simplest_of_each(
    accuracy: NDArray[np.float64], standard_error: NDArray[np.float64], rank: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the position of the simplest candidate within one standard error of the best of each row.

    Breiman et al. 1984, Classification and Regression Trees. The standard error is that of the best; of
    equally simple ones the most accurate, then the first.

    Parameters
    ----------
    accuracy, standard_error : ndarray of float, shape (row, candidate)
        Scores of each candidate. A best without a standard error (NaN) has only its equals beside it.
    rank : ndarray of int, shape (candidate,)
        As `simplicity` returns it.
    """
    highest = accuracy.max(axis=1, keepdims=True)
    best = _simplest(accuracy, accuracy >= highest - TOLERANCE, rank)
    error = np.take_along_axis(standard_error, best[:, None], axis=1)
    return _simplest(accuracy, accuracy >= border(highest, error), rank)


def border(best: Any, standard_error: Any) -> Any:
    """Return the lowest accuracy within one standard error of the best: of numbers, or of arrays of them."""
    return best - np.nan_to_num(standard_error) - TOLERANCE


def members(brier: ArrayLike, rank: ArrayLike, number: int = MEMBERS) -> NDArray[np.int64]:
    """Return the positions of the candidates of an average: those with the lowest Brier scores, in order.

    Of equal scores the simplest comes first. Of fewer candidates than `number` it is all.
    """
    row = np.asarray(brier, np.float64)[None]
    chosen: NDArray[np.int64] = members_of_each(row, np.asarray(rank, np.int64), number)[0]
    return chosen


def members_of_each(
    brier: NDArray[np.float64], rank: NDArray[np.int64], number: int
) -> NDArray[np.int64]:
    """Return the members, shape (row, member), of each row of Brier scores, shape (row, candidate)."""
    left, rows = brier.copy(), np.arange(len(brier))
    chosen = np.empty((len(brier), min(number, brier.shape[1])), np.int64)
    for place in range(chosen.shape[1]):
        chosen[:, place] = _lowest(left, rank)
        left[rows, chosen[:, place]] = np.inf
    return chosen


def _lowest(score: NDArray[np.float64], rank: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each row's candidate with the lowest score; of equals the simplest, then the first."""
    equals = score <= score.min(axis=1, keepdims=True) + TOLERANCE
    return np.asarray(np.argmin(np.where(equals, rank, rank.max() + 1), axis=1), dtype=np.int64)


def _simplest(
    accuracy: NDArray[np.float64], eligible: NDArray[np.bool_], rank: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return each row's simplest eligible candidate; of equals the most accurate, then the first."""
    lowest = np.where(eligible, rank, rank.max() + 1).min(axis=1, keepdims=True)
    equals = np.where(eligible & (rank == lowest), accuracy, -np.inf)
    highest = equals.max(axis=1, keepdims=True)
    return np.asarray(np.argmax(equals >= highest - TOLERANCE, axis=1), dtype=np.int64)
