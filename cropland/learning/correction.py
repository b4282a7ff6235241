"""Correction: the accuracy of what was chosen, corrected for its having been chosen.

Arrays in, numbers out: nothing here knows how candidates were tracked or what their samples are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.learning import choice
from cropland.learning.statistics import Estimate, Units, wilson

if TYPE_CHECKING:
    from cropland.config.groups import Rule

_BLOCK = 2_000_000
"""Bootstraps times candidates, or times predictions of one, worked on at once: 16 MB an array."""


def bbc_cv(
    probability: NDArray[np.float64],
    labels: NDArray[np.int8],
    rank: NDArray[np.int64],
    rule: Rule,
    *,
    members: int = choice.MEMBERS,
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
        As `choice.simplicity` returns it.
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
        The mean over bootstraps, with a 95 % interval of their percentiles, brought from the samples each
        leaves out to all of them. It is never narrower than Wilson's of as many independent trials as there
        are groups: bootstraps of samples that are all right do not differ, other samples would.

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
            chosen = choice.members_of_each(briers.means(drawn), rank, members)
        elif rule == "best":
            chosen = choice.best_of_each(accuracies.means(drawn), briers.means(drawn), rank)[
                :, None
            ]
        else:
            chosen = choice.simplest_of_each(*accuracies.scores(drawn), rank)[:, None]
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
