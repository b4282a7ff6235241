"""Harmonics: the yearly and half-yearly course of each band, fitted to its aligned series.

The model of a band's values is, with ω = 2π / 365.25 days and t the season day,
``constant + cos1 · cos ωt + sin1 · sin ωt + cos2 · cos 2ωt + sin2 · sin 2ωt``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cropland.errors import WindowError

HARMONICS = ("constant", "cos1", "sin1", "cos2", "sin2", "amplitude1", "amplitude2", "residual")
"""The coefficients, the amplitudes of both waves, and the standard deviation of the residuals."""
LEAST_WEEKS = 39
"""Shorter windows, under nine months, do not determine a yearly course."""

_DAYS_OF_A_YEAR = 365.25
_PENALTIES = np.array([0, 0.05, 0.05, 0.2, 0.2])
"""Of each coefficient in the normal matrix, for twelve days of the grid; they grow with their number."""
_HUBER = 1.345 * 1.4826
"""Residuals above this times their median absolute value weigh less: 95 % efficient for normal errors."""
_ROWS, _COLUMNS = np.triu_indices(5)
_CHUNK_VALUES = 100_000
"""Values that are worked on at once, so that they stay in the processor's cache."""


def fit_harmonics(
    values: NDArray[np.float32], season_days: NDArray[np.integer[Any]]
) -> NDArray[np.float32]:
    """Fit harmonics by ridge regression, then once more with Huber's weights.

    A cloudy scene between clear ones is far from the first curve and weighs little in the second (Huber 1964,
    doi:10.1214/aoms/1177703732). A series that does not vary has amplitudes and residual 0.

    Parameters
    ----------
    values : ndarray of float32, shape (point, time, band)
        Aligned series, without NaN.
    season_days : ndarray of int, shape (time,)
        Their days, from the end of the reference season.

    Returns
    -------
    ndarray of float32, shape (point, 8, band)
        In the order of `HARMONICS`, in the unit of the values. Points do not influence each other.
    """
    n_points, n_days, n_bands = values.shape
    design = _design(season_days)
    penalty = np.diag(_PENALTIES * n_days / 12)
    features = np.empty((n_points, len(HARMONICS), n_bands), np.float32)
    step = max(1, _CHUNK_VALUES // max(1, n_days * n_bands))
    for start in range(0, n_points, step):
        part = slice(start, start + step)
        series = np.ascontiguousarray(values[part].transpose(0, 2, 1), dtype=np.float64)
        features[part] = _fit(series, design, penalty).transpose(0, 2, 1)
    return features


def check_weeks(weeks: int) -> None:
    """Check that a window is long enough for harmonics.

    Raises
    ------
    WindowError
        It has fewer than `LEAST_WEEKS` weeks.
    """
    if weeks < LEAST_WEEKS:
        raise WindowError(
            f"harmonics need a window of {LEAST_WEEKS} weeks or more, got span={weeks}; choose a longer one, "
            f"or features=statistics"
        )


def _design(season_days: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return the terms of the model on each day, shape (time, 5)."""
    angle = 2 * np.pi / _DAYS_OF_A_YEAR * season_days
    waves = [np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)]
    return np.stack([np.ones_like(angle), *waves], axis=1)


def _fit(
    series: NDArray[np.float64], design: NDArray[np.float64], penalty: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the features of series, shape (point, band, time), as (point, band, 8)."""
    first = series[..., 0].copy()
    series -= first[..., None]  # so that the fit of a constant series is exact
    # One matrix product a point, not one for all: its bits do not depend on how many points there are.
    coefficients = series @ np.linalg.solve(design.T @ design + penalty, design.T).T
    weights = _huber_weights(np.abs(series - coefficients @ design.T))
    pairs = weights @ (design[:, _ROWS] * design[:, _COLUMNS])
    normal = np.empty((*first.shape, 5, 5))
    normal[..., _ROWS, _COLUMNS] = normal[..., _COLUMNS, _ROWS] = pairs
    right = (weights * series) @ design
    coefficients = np.linalg.solve(normal + penalty, right[..., None])[..., 0]
    residual = (series - coefficients @ design.T).std(axis=-1)
    coefficients[..., 0] += first
    _, cos1, sin1, cos2, sin2 = np.moveaxis(coefficients, -1, 0)
    others = [np.hypot(cos1, sin1), np.hypot(cos2, sin2), residual]
    return np.concatenate([coefficients, np.stack(others, axis=-1)], axis=-1)


def _huber_weights(residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weight of each day by its absolute residual, shape (point, band, time), at most 1."""
    ordered, n_days = np.sort(residuals, axis=-1), residuals.shape[-1]  # faster than np.median
    median = (ordered[..., (n_days - 1) // 2] + ordered[..., n_days // 2]) / 2
    limit = np.broadcast_to(_HUBER * median[..., None], residuals.shape)
    is_far = (residuals > limit) & (limit > 0)
    return np.divide(limit, residuals, out=np.ones(residuals.shape), where=is_far)
