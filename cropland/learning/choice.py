"""Selection: which of many candidates to take, and what its score is worth after having been chosen.

Arrays in, numbers out: nothing here knows how candidates were tracked or what their samples are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cropland.errors import DataError

if TYPE_CHECKING:
    from cropland.config.groups import Rule

TOLERANCE = 1e-9
"""Accuracies nearer than this are equal: they are ratios of counts, found by sums of floats."""

_BLOCK = 2_000_000
"""Bootstraps times candidates worked on at once: 16 MB an array."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Two candidates on the same samples.

    Attributes
    ----------
    difference : float
        Accuracy of the first minus that of the second.
    standard_error : float
        Of the difference, over what is independent.
    only_first, only_second : int
        Samples that, in most repeats, only the first or only the second had right.
    p_value : float
        McNemar's exact test of these two counts being alike, two-sided.
    """

    difference: float
    standard_error: float
    only_first: int
    only_second: int
    p_value: float


def simplicity(n_features: ArrayLike, span: ArrayLike) -> NDArray[np.int64]:
    """Rank candidates by how simple they are: fewest features, then shortest span.

    Gives an ndarray of shape (candidate,), as both arguments have: 0 for the simplest; equally simple
    ones share a rank.
    """
    both = np.stack([np.asarray(n_features), np.asarray(span)], axis=1)
    return np.unique(both, axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def choose(accuracy: ArrayLike, standard_error: ArrayLike, rank: ArrayLike, rule: Rule) -> int:
    """Give the position of the candidate that `choose_each` chooses where there is but one row."""
    accuracies, errors = (np.atleast_2d(np.asarray(a, float)) for a in (accuracy, standard_error))
    return int(choose_each(accuracies, errors, np.asarray(rank, np.int64), rule)[0])


def choose_each(
    accuracy: NDArray[np.float64],
    standard_error: NDArray[np.float64],
    rank: NDArray[np.int64],
    rule: Rule,
) -> NDArray[np.int64]:
    """Choose one of the candidates in each row.

    ``best`` takes the most accurate candidate; of equally accurate ones the simplest, then the first.
    ``one_standard_error`` (Breiman et al. 1984, Classification and Regression Trees) takes the
    simplest of those that are at most the best's standard error below the best; of equally simple ones
    the most accurate, then the first.

    Parameters
    ----------
    accuracy, standard_error : ndarray of float, shape (row, candidate)
        Scores of each candidate. A best without a standard error (NaN) has only its equals beside it.
    rank : ndarray of int, shape (candidate,)
        As `simplicity` gives it.
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
    """Give the lowest accuracy within one standard error of the best: of numbers, or of arrays of them."""
    return best - np.nan_to_num(standard_error) - TOLERANCE


def standard_error(right: NDArray[np.float64], groups: NDArray[np.int64] | None = None) -> float:
    """Give the standard error of one candidate's accuracy; `right` has shape (sample,), see below."""
    return float(standard_errors(np.asarray(right, np.float64)[:, None], groups)[0])


def standard_errors(
    right: NDArray[np.float64], groups: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Give the standard errors of means over samples that depend on each other within groups.

    The linearised (ratio) estimator of a cluster sample, Cochran 1977, Sampling Techniques, eq. 11.30;
    with groups of one sample it is the usual standard error of a mean.

    Parameters
    ----------
    right : ndarray of float, shape (sample, candidate)
        Share of the repeats in which each sample was right.
    groups : ndarray of int, shape (sample,), optional
        The group of each sample; without, each sample is one of its own.

    Returns
    -------
    ndarray of float, shape (candidate,)
        The standard errors; NaN where all samples are of one group.
    """
    units = _Units.of(right, groups)
    errors: NDArray[np.float64] = units.scores(np.ones((1, len(units.sizes))))[1][0]
    return errors


def bbc_cv(
    right: NDArray[np.float64],
    rank: NDArray[np.int64],
    rule: Rule,
    *,
    groups: NDArray[np.int64] | None = None,
    bootstraps: int = 1000,
    seed: int = 2023,
) -> Estimate:
    """Estimate the accuracy of the candidate that a rule chooses, corrected for its having been chosen.

    Bootstrap bias-corrected cross-validation, Tsamardinos, Greasidou & Borboudakis 2018,
    doi:10.1007/s10994-018-5714-4: the choice is made again on each bootstrap of the samples, and scored on
    the samples that the bootstrap left out.

    Parameters
    ----------
    right : ndarray of float, shape (sample, candidate)
        Share of the repeats in which the out-of-fold prediction was right.
    rank : ndarray of int, shape (candidate,)
        As `simplicity` gives it.
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
    units = _Units.of(np.asarray(right, dtype=np.float64), groups)
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


def compare(
    first_right: NDArray[np.float64],
    second_right: NDArray[np.float64],
    groups: NDArray[np.int64] | None = None,
) -> Comparison:
    """Compare two candidates on the same samples.

    Parameters
    ----------
    first_right, second_right : ndarray of float, shape (sample,)
        Share of the repeats in which each sample was right.
    groups : ndarray of int, shape (sample,), optional
        The group of each sample, where whole groups are independent and not single samples. It widens the
        standard error; McNemar's test counts single samples and is too sure of itself then.

    Returns
    -------
    Comparison
        The difference and its test. A sample that is right in just half of the repeats counts for neither.
    """
    from scipy.stats import binomtest

    first, second = (np.asarray(right, np.float64) for right in (first_right, second_right))
    only_first = int(np.sum((first > 0.5) & (second < 0.5)))
    only_second = int(np.sum((first < 0.5) & (second > 0.5)))
    differing = only_first + only_second
    return Comparison(
        difference=float(np.mean(first - second)),
        standard_error=standard_error(first - second, groups),
        only_first=only_first,
        only_second=only_second,
        p_value=float(binomtest(only_first, differing).pvalue) if differing else 1.0,
    )


@dataclass(frozen=True, eq=False)
class _Units:
    """Independent units (samples, or groups of them): their sizes and how right each candidate was.

    As deviations from each candidate's mean, so that sums of squares do not lose their digits.
    """

    sizes: NDArray[np.float64]  # (unit,)
    mean: NDArray[np.float64]  # (candidate,)
    deviations: NDArray[np.float64]  # (unit, candidate), summed over a unit's samples

    @classmethod
    def of(cls, right: NDArray[np.float64], groups: NDArray[np.int64] | None) -> _Units:
        """Gather the samples, shape (sample, candidate), of each group."""
        mean = right.mean(axis=0)
        if groups is None:
            return cls(np.ones(len(right)), mean, right - mean)
        order = np.argsort(groups, kind="stable")
        _, starts, sizes = np.unique(
            np.asarray(groups)[order], return_index=True, return_counts=True
        )
        return cls(sizes.astype(np.float64), mean, np.add.reduceat(right[order] - mean, starts))

    def scores(self, drawn: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give accuracy and standard error, shape (row, candidate), where `drawn` (row, unit) counts units.

        The sum of squared residuals of the ratio estimator, written out so that each of its terms is a
        product of matrices.
        """
        samples, draws = (drawn @ self.sizes)[:, None], drawn.sum(axis=1, keepdims=True)
        shift = drawn @ self.deviations / samples
        squares = drawn @ self.deviations**2
        squares -= 2 * shift * (drawn @ (self.deviations * self.sizes[:, None]))
        squares += shift**2 * (drawn @ self.sizes**2)[:, None]
        correction = draws / np.where(draws > 1, draws - 1, np.nan)
        return self.mean + shift, np.sqrt(correction * np.maximum(squares, 0)) / samples

    def left_out(
        self, drawn: NDArray[np.float64], chosen: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Give the accuracy of each row's chosen candidate on the samples that the row has not drawn."""
        out = drawn == 0
        deviation = np.einsum("bu,ub->b", out, self.deviations[:, chosen])
        return np.asarray(self.mean[chosen] + deviation / (out @ self.sizes))


def _bootstraps(units: _Units, count: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Give how often each unit is drawn, in blocks of rows (bootstrap, unit) that leave something out."""
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
    """Give each row's simplest eligible candidate; of equals the most accurate, then the first."""
    lowest = np.where(eligible, rank, rank.max() + 1).min(axis=1, keepdims=True)
    equals = np.where(eligible & (rank == lowest), accuracy, -np.inf)
    highest = equals.max(axis=1, keepdims=True)
    return np.asarray(np.argmax(equals >= highest - TOLERANCE, axis=1), dtype=np.int64)
