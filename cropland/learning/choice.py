"""Choice: which of many candidates to select, and its score corrected for having been selected.

Arrays in, numbers out: nothing here knows how candidates were tracked or what their samples are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cropland.errors import DataError
from cropland.learning.statistics import Estimate, Units

if TYPE_CHECKING:
    from cropland.config.groups import Rule

TOLERANCE = 1e-9
"""Accuracies nearer than this are equal: they are ratios of counts, found by sums of floats."""

_BLOCK = 2_000_000
"""Bootstraps times candidates worked on at once: 16 MB an array."""


def simplicity(n_features: ArrayLike, span: ArrayLike) -> NDArray[np.int64]:
    """Rank candidates by how simple they are: fewest features, then shortest span.

    Returns an ndarray of shape (candidate,), as both arguments have: 0 for the simplest; equally simple
    ones share a rank.
    """
    both = np.stack([np.asarray(n_features), np.asarray(span)], axis=1)
    return np.unique(both, axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def choose(accuracy: ArrayLike, standard_error: ArrayLike, rank: ArrayLike, rule: Rule) -> int:
    """Return the position of the candidate that `choose_each` chooses where there is one row only."""
    accuracies, errors = (np.atleast_2d(np.asarray(a, float)) for a in (accuracy, standard_error))
    return int(choose_each(accuracies, errors, np.asarray(rank, np.int64), rule)[0])


def choose_each(
    accuracy: NDArray[np.float64],
    standard_error: NDArray[np.float64],
    rank: NDArray[np.int64],
    rule: Rule,
) -> NDArray[np.int64]:
    """Return the position of the candidate that a rule chooses in each row.

    ``best`` takes the most accurate candidate; of equally accurate ones the simplest, then the first.
    ``one_standard_error`` (Breiman et al. 1984, Classification and Regression Trees) takes the
    simplest of those that are at most the best's standard error below the best; of equally simple ones
    the most accurate, then the first.

    Parameters
    ----------
    accuracy, standard_error : ndarray of float, shape (row, candidate)
        Scores of each candidate. A best without a standard error (NaN) has only its equals beside it.
    rank : ndarray of int, shape (candidate,)
        As `simplicity` returns it.
    rule : Rule
        How to choose.

    Returns
    -------
    ndarray of int, shape (row,)
        The position of each row's chosen candidate.
    """
    highest = accuracy.max(axis=1, keepdims=True)
    best = _simplest(accuracy, accuracy >= highest - TOLERANCE, rank)
    if rule == "best":
        return best
    error = np.take_along_axis(standard_error, best[:, None], axis=1)
    return _simplest(accuracy, accuracy >= border(highest, error), rank)


def border(best: Any, standard_error: Any) -> Any:
    """Return the lowest accuracy within one standard error of the best: of numbers, or of arrays of them."""
    return best - np.nan_to_num(standard_error) - TOLERANCE


def bbc_cv(
    right: NDArray[np.float64],
    rank: NDArray[np.int64],
    rule: Rule,
    *,
    groups: NDArray[np.int64] | None = None,
    bootstraps: int = 1000,
    seed: int = 2023,
) -> Estimate:
    """Compute the accuracy of the candidate that a rule chooses, corrected for its having been chosen.

    Bootstrap bias-corrected cross-validation, Tsamardinos, Greasidou & Borboudakis 2018,
    doi:10.1007/s10994-018-5714-4: the choice is made again on each bootstrap of the samples, and scored on
    the samples that the bootstrap left out.

    Parameters
    ----------
    right : ndarray of float, shape (sample, candidate)
        Share of the repeats in which the out-of-fold prediction was right.
    rank : ndarray of int, shape (candidate,)
        As `simplicity` returns it.
    rule : Rule
        How to choose.
    groups : ndarray of int, shape (sample,), optional
        The group of each sample, where whole groups are independent and not single samples.
    bootstraps : int
        How many; those that leave nothing out are drawn again.
    seed : int
        Decides the bootstraps.

    Returns
    -------
    Estimate
        The mean over bootstraps, with their 2.5th and 97.5th percentiles.

    Raises
    ------
    DataError
        Fewer than two groups: every bootstrap would hold all of them.
    """
    units = Units.of(np.asarray(right, dtype=np.float64), groups)
    if len(units.sizes) < 2:
        raise DataError(
            f"expected at least 2 independent groups of samples to correct a score for having been "
            f"chosen, got {len(units.sizes)}; take a smaller validation.block_km or more points"
        )
    scores = np.concatenate(
        [
            units.left_out(drawn, choose_each(*units.scores(drawn), rank, rule))
            for drawn in _bootstraps(units, bootstraps, seed)
        ]
    )
    low, high = np.percentile(scores, [2.5, 97.5])
    return Estimate(float(scores.mean()), float(low), float(high))


def _bootstraps(units: Units, count: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield how often each unit is drawn, in blocks of rows (bootstrap, unit) that leave something out."""
    random = np.random.default_rng(seed)
    number = len(units.sizes)
    drawn = random.multinomial(number, np.full(number, 1 / number), size=count)
    while (full := (drawn > 0).all(axis=1)).any():
        drawn[full] = random.multinomial(number, np.full(number, 1 / number), size=int(full.sum()))
    rows = max(1, _BLOCK // len(units.mean))
    for start in range(0, count, rows):
        yield drawn[start : start + rows].astype(np.float64)


def _simplest(
    accuracy: NDArray[np.float64], eligible: NDArray[np.bool_], rank: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return each row's simplest eligible candidate; of equals the most accurate, then the first."""
    lowest = np.where(eligible, rank, rank.max() + 1).min(axis=1, keepdims=True)
    equals = np.where(eligible & (rank == lowest), accuracy, -np.inf)
    highest = equals.max(axis=1, keepdims=True)
    return np.asarray(np.argmax(equals >= highest - TOLERANCE, axis=1), dtype=np.int64)
