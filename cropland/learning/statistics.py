"""Statistics of shares that are right: standard errors, intervals and paired tests.

Arrays in, numbers out: nothing here knows what the samples are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.96
"""Half the width of a normal 95 % interval in standard errors, as the good-practice papers write it."""
_EXACT_Z_95 = 1.959963984540054
"""The 97.5th percentile of the normal distribution, to all digits."""
LEAKAGE = "a perfect score: check for leakage"
"""What stands beside an accuracy of 1, whose standard error of 0 is no certainty."""


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


def standard_error(right: NDArray[np.float64], groups: NDArray[np.int64] | None = None) -> float:
    """Compute the standard error of one candidate's accuracy; `right` has shape (sample,), see below."""
    return float(standard_errors(np.asarray(right, np.float64)[:, None], groups)[0])


def standard_errors(
    right: NDArray[np.float64], groups: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Compute the standard errors of means over samples that depend on each other within groups.

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
    units = Units.of(right, groups)
    errors: NDArray[np.float64] = units.scores(np.ones((1, len(units.sizes))))[1][0]
    return errors


def wilson(successes: float, trials: int) -> Estimate:
    """Compute a share with its 95 % interval by Wilson's score.

    Wilson 1927, doi:10.1080/01621459.1927.10502953. Unlike the normal interval it stays within 0 and 1, and
    says something of a share of 0 or 1. `successes` may be a fraction, as the mean over repeats is.
    """
    if not trials:
        return Estimate(np.nan, np.nan, np.nan)
    share, weight = successes / trials, _EXACT_Z_95**2 / trials
    centre = (share + weight / 2) / (1 + weight)
    half = np.sqrt(weight * (share * (1 - share) + weight / 4)) / (1 + weight)
    # Rounding may neither leave 0 … 1 nor put a share of 0 or 1 outside of its own interval.
    low, high = max(0.0, float(centre - half)), min(1.0, float(centre + half))
    return Estimate(share, min(share, low), max(share, high))


def compare(
    first_right: NDArray[np.float64],
    second_right: NDArray[np.float64],
    groups: NDArray[np.int64] | None = None,
) -> Comparison:
    """Compute the paired difference of two candidates on the same samples.

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
    first, second = (np.asarray(right, np.float64) for right in (first_right, second_right))
    only_first = int(np.sum((first > 0.5) & (second < 0.5)))
    only_second = int(np.sum((first < 0.5) & (second > 0.5)))
    return Comparison(
        difference=float(np.mean(first - second)),
        standard_error=standard_error(first - second, groups),
        only_first=only_first,
        only_second=only_second,
        p_value=mcnemar(only_first, only_second),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Compute the two-sided p-value of McNemar's exact test, of samples that only one of two had right.

    McNemar 1947, doi:10.1007/BF02295996; exact by the binomial distribution.
    """
    from scipy.stats import binomtest

    differing = only_first + only_second
    return float(binomtest(only_first, differing).pvalue) if differing else 1.0


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values corrected for their number by Holm's step-down method; NaN are left out.

    Holm 1979, Scandinavian Journal of Statistics 6, 65-70: the chance that any difference is called real
    though none is, is at most the level, however they depend on each other.
    """
    corrected = np.array(p_values, dtype=np.float64)
    at = np.flatnonzero(~np.isnan(corrected))
    at = at[np.argsort(corrected[at], kind="stable")]
    factors = np.arange(len(at), 0, -1)
    corrected[at] = np.minimum(np.maximum.accumulate(corrected[at] * factors), 1)
    return corrected


@dataclass(frozen=True, eq=False)
class Units:
    """Independent units (samples, or groups of them): their sizes and how right each candidate was.

    As deviations from each candidate's mean, so that sums of squares do not lose their digits.
    """

    sizes: NDArray[np.float64]  # (unit,)
    mean: NDArray[np.float64]  # (candidate,)
    deviations: NDArray[np.float64]  # (unit, candidate), summed over a unit's samples

    @classmethod
    def of(cls, right: NDArray[np.float64], groups: NDArray[np.int64] | None) -> Units:
        """Sum the samples, shape (sample, candidate), of each group."""
        mean = right.mean(axis=0)
        if groups is None:
            return cls(np.ones(len(right)), mean, right - mean)
        order = np.argsort(groups, kind="stable")
        _, starts, sizes = np.unique(
            np.asarray(groups)[order], return_index=True, return_counts=True
        )
        return cls(sizes.astype(np.float64), mean, np.add.reduceat(right[order] - mean, starts))

    def scores(self, drawn: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Compute accuracy and standard error, shape (row, candidate); `drawn` (row, unit) counts units.

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

    def means(self, drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute means, shape (row, candidate), as `scores` does, without their standard errors."""
        return np.asarray(self.mean + drawn @ self.deviations / (drawn @ self.sizes)[:, None])
