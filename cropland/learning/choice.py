"""Choice: which of many candidates to select or average, and the score corrected for the choice.

Arrays in, numbers out: nothing here knows how candidates were tracked or what their samples are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cropland.errors import DataError
from cropland.learning.statistics import Estimate, Units, wilson

if TYPE_CHECKING:
    from cropland.config.groups import Rule, RuleOfOne

TOLERANCE = 1e-9
"""Scores nearer than this are equal: they are means, found by sums of floats in any order."""
MEMBERS = 5
"""How many candidates an average has where nobody says another number."""

_BLOCK = 2_000_000
"""Bootstraps times candidates, or times predictions of one, worked on at once: 16 MB an array."""


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


def bbc_cv(
    probability: NDArray[np.float64],
    labels: NDArray[np.int8],
    rank: NDArray[np.int64],
    rule: Rule,
    *,
    members: int = MEMBERS,
    groups: NDArray[np.int64] | None = None,
    bootstraps: int = 1000,
    seed: int = 2023,
) -> Estimate:
    """Compute the accuracy of what a rule chooses, corrected for its having been chosen.

    Bootstrap bias-corrected cross-validation, Tsamardinos, Greasidou & Borboudakis 2018,
    doi:10.1007/s10994-018-5714-4: the choice is made again on each bootstrap of the samples, and scored on
    the samples that the bootstrap left out. Calibration does not change which class is the more probable.

    Parameters
    ----------
    probability : ndarray of float, shape (sample, candidate, repeat)
        Out-of-fold probabilities of cropland.
    labels : ndarray of int, shape (sample,)
        1 for cropland, 0 for other.
    rank : ndarray of int, shape (candidate,)
        As `simplicity` returns it.
    rule : Rule
        How to choose.
    members : int
        How many candidates an average has.
    groups : ndarray of int, shape (sample,), optional
        The group of each sample, where whole groups are independent and not single samples.
    bootstraps : int
        How many; those that leave nothing out are drawn again.
    seed : int
        Decides the bootstraps.

    Returns
    -------
    Estimate
        The mean over bootstraps, with the interval of `_interval`, as wide as Wilson's of as many independent
        trials as there are groups, or wider: bootstraps of samples that are all right do not differ, other
        samples would.

    Raises
    ------
    DataError
        Fewer than two groups: every bootstrap would hold all of them.
    """
    by_candidate = np.ascontiguousarray(probability.transpose(1, 0, 2))
    cropland = np.asarray(labels) == 1
    right = ((by_candidate > 0.5) == cropland[:, None]).mean(axis=2).T
    squares = np.square(by_candidate - cropland[:, None]).mean(axis=2).T
    accuracies, briers = Units.of(right, groups), Units.of(squares, groups)
    number = len(accuracies.sizes)
    if number < 2:
        raise DataError(
            f"expected at least 2 independent groups of samples to correct a score for having been "
            f"chosen, got {number}; take a smaller validation.block_km or more points"
        )
    unit = np.unique(np.arange(len(cropland)) if groups is None else groups, return_inverse=True)[1]
    scores, shares = [], []
    for drawn in _bootstraps(number, bootstraps, seed, max(len(rank), probability[:, 0].size)):
        if rule == "average":
            chosen = members_of_each(briers.means(drawn), rank, members)
        elif rule == "best":
            chosen = best_of_each(accuracies.means(drawn), briers.means(drawn), rank)[:, None]
        else:
            chosen = simplest_of_each(*accuracies.scores(drawn), rank)[:, None]
        mean = sum(by_candidate[column] for column in chosen.T) / chosen.shape[1]
        scores.append(_left_out(mean, cropland, drawn[:, unit]))
        shares.append((drawn == 0).mean(axis=1))
    return _interval(np.concatenate(scores), float(np.concatenate(shares).mean()), number)


def _bootstraps(number: int, count: int, seed: int, width: int) -> Iterator[NDArray[np.float64]]:
    """Yield how often each unit is drawn, in blocks of rows (bootstrap, unit) that leave something out."""
    random = np.random.default_rng(seed)
    drawn = random.multinomial(number, np.full(number, 1 / number), size=count)
    while (full := (drawn > 0).all(axis=1)).any():
        drawn[full] = random.multinomial(number, np.full(number, 1 / number), size=int(full.sum()))
    rows = max(1, _BLOCK // width)
    for start in range(0, count, rows):
        yield drawn[start : start + rows].astype(np.float64)


def _left_out(
    probability: NDArray[np.float64], cropland: NDArray[np.bool_], drawn: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute each row's accuracy on the samples that it has not drawn.

    Parameters
    ----------
    probability : ndarray of float, shape (row, sample, repeat)
        Of what each row has chosen.
    cropland : ndarray of bool, shape (sample,)
        The truth.
    drawn : ndarray of float, shape (row, sample)
        How often each sample is drawn.
    """
    right = ((probability > 0.5) == cropland[:, None]).mean(axis=2)
    out = drawn == 0
    return np.asarray(np.einsum("rs,rs->r", out, right) / out.sum(axis=1))


def _interval(scores: NDArray[np.float64], share: float, trials: int) -> Estimate:
    """Return the mean of bootstraps with their interval, at least as wide as Wilson's of so many trials.

    Scores of the third of the samples that is left out vary more than one of all would. Their deviations are
    multiplied by sqrt(share / (1 - share)) of the `share` left out, as in the delete-d jackknife: Shao & Wu
    1989, A general theory for jackknife variance estimation, Annals of Statistics 17, 1176-1197.
    """
    value = float(scores.mean())
    deviations = np.percentile(scores, [2.5, 97.5]) - value
    low, high = value + deviations * np.sqrt(share / (1 - share))
    least = wilson(value * trials, trials)
    return Estimate(value, min(float(low), least.low), max(float(high), least.high))


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
