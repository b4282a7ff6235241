"""Evidence: how much of the series of a window was observed, and how little is enough for a label."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_GAP_DAYS = 60
"""A gap that is never too long: of monthly values one that lacks is a stretch of as many days."""


@dataclass(frozen=True)
class Evidence:
    """Observations of labelled points in a window.

    Attributes
    ----------
    observations_per_point : float
        Days on which a point was observed, the median over points.
    observations_least : int
        The same of the point with the fewest.
    interpolated_share : float
        Share of the grid's days without an observation within half a step, the mean over points.
    min_observations : int
        A point with fewer gets no label of a model that learnt from these: half of what the lowest 1 % of
        them had, and at least 2 unless they had fewer. Points of which only so many were kept had 1.4 to 3
        times the errors of whole ones, those with a quarter 2 to 7 times (docs/models.md).
    max_gap_days : int
        Nor does a point of which a day of the window is more days than this from the nearest observation: the
        most of 99.9 % of the points, and at least 60.
    """

    observations_per_point: float
    observations_least: int
    interpolated_share: float
    min_observations: int
    max_gap_days: int

    @classmethod
    def of(
        cls,
        n_observations: NDArray[np.integer[Any]],
        interpolated_share: NDArray[np.float64],
        longest_gap: NDArray[np.integer[Any]],
    ) -> Evidence:
        """Compute it of points that were observed, three arrays of shape (point,)."""
        lowest = int(np.percentile(n_observations, 1, method="lower"))
        return cls(
            observations_per_point=float(np.median(n_observations)),
            observations_least=int(n_observations.min()),
            interpolated_share=float(interpolated_share.mean()),
            min_observations=math.ceil(min(lowest, max(2, lowest / 2))),
            max_gap_days=max(_GAP_DAYS, int(np.percentile(longest_gap, 99.9, method="higher"))),
        )
