"""Agreement with labels: accuracy, recalls and F1 with 95 % intervals.

Points count as independent: where they stand close together, the intervals are too narrow. Arrays in, numbers
out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cropland.learning.statistics import Estimate, wilson

HEAD = ("points", "accuracy (95 %)", "recall cropland", "recall other", "F1")
"""Of `Agreement.cells`; between accuracy and F1 stand the recalls."""
BOOTSTRAPS = 2_000
_SEED = 2023


@dataclass(frozen=True)
class Agreement:
    """Agreement of a classification with the labels of points.

    Attributes
    ----------
    n_points : int
        How many there are.
    accuracy : Estimate
        Share of them that is right.
    accuracy_cropland, accuracy_other : Estimate
        Share of each class's points that is right (recall).
    f1 : Estimate
        Of the class cropland.

    Notes
    -----
    Where there are no points, values are NaN.
    """

    n_points: int
    accuracy: Estimate
    accuracy_cropland: Estimate
    accuracy_other: Estimate
    f1: Estimate

    @classmethod
    def of(cls, right: NDArray[np.float64], cropland: NDArray[np.bool_]) -> Agreement:
        """Score points.

        Parameters
        ----------
        right : ndarray of float, shape (point,)
            In what share of the repeats each point was right: 0 or 1 where there are no repeats.
        cropland : ndarray of bool, shape (point,)
            Whether each point is labelled as cropland.
        """
        return cls(
            len(right),
            wilson(float(right.sum()), len(right)),
            wilson(float(right[cropland].sum()), int(cropland.sum())),
            wilson(float(right[~cropland].sum()), int((~cropland).sum())),
            _f1_with_interval(right, cropland),
        )

    def scores(self) -> Iterator[tuple[str, Estimate]]:
        """Yield each score by its name."""
        for name in ("accuracy", "accuracy_cropland", "accuracy_other", "f1"):
            yield name, getattr(self, name)

    def cells(self) -> tuple[str, ...]:
        """Write the scores for a table, as `HEAD` has them; a dash where there is none."""
        return (str(self.n_points), *(_with_interval(estimate) for _, estimate in self.scores()))


def _f1_with_interval(right: NDArray[np.float64], cropland: NDArray[np.bool_]) -> Estimate:
    """Estimate F1 with the 2.5th and 97.5th percentiles of bootstraps of the points.

    Points of the same label that were right alike are drawn by their number: few kinds, whatever the points.
    """
    kinds, counts = np.unique(np.stack([right, cropland], axis=1), axis=0, return_counts=True)
    value = float(_f1(kinds, counts[None])[0])
    if np.isnan(value):
        return Estimate(value, value, value)
    random = np.random.default_rng(_SEED)
    drawn = random.multinomial(len(right), counts / len(right), size=BOOTSTRAPS)
    low, high = np.nanpercentile(_f1(kinds, drawn), [2.5, 97.5])
    return Estimate(value, float(low), float(high))


def _f1(kinds: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute F1 of each row of counts of kinds; NaN where neither labels nor map have cropland."""
    right, cropland = kinds.T
    hits = counts @ (right * cropland)
    misses, alarms = counts @ ((1 - right) * cropland), counts @ ((1 - right) * (1 - cropland))
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * hits / (2 * hits + misses + alarms), dtype=np.float64)


def _with_interval(estimate: Estimate) -> str:
    if np.isnan(estimate.value):
        return "–"
    return f"{estimate.value:.3f} ({estimate.low:.3f}…{estimate.high:.3f})"
