"""Coordinates in degrees: how far places are from each other, and to what they are rounded."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

SAME_METRES = 30.0
"""Places that are no farther apart are one: programs round the last digits."""
_DEGREE_METRES = 111_195.0
_STEP_METRES = 1.1 * _DEGREE_METRES
"""A step of a whole degree, a little enlarged: coordinates may be rounded or cut off."""


def metres(
    lat: ArrayLike, lon: ArrayLike, other_lat: ArrayLike, other_lon: ArrayLike
) -> NDArray[np.float64]:
    """Compute distances of places that are near each other (equirectangular projection).

    Parameters
    ----------
    lat, lon, other_lat, other_lon : array_like of float
        Degrees.

    Returns
    -------
    ndarray of float64
        Metres; NaN where a coordinate is.

    >>> metres([0, 60, 0], [0, 10, -179.9], [0.1, 60, 0], [0, 10.1, 179.9]).round().tolist()
    [11120.0, 5560.0, 22239.0]
    """
    lats, other_lats = np.asarray(lat, np.float64), np.asarray(other_lat, np.float64)
    east = np.asarray(lon, np.float64) - np.asarray(other_lon, np.float64)
    east = (east + 180) % 360 - 180
    width = np.cos(np.radians((lats + other_lats) / 2))
    return np.asarray(np.hypot(lats - other_lats, east * width) * _DEGREE_METRES)


def tolerance(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> float:
    """Compute how many metres the places of a file may be off, since it rounds all coordinates.

    >>> tolerance(np.array([32.24]), np.array([48.3])), tolerance(np.array([32.2404]), np.array([48.3]))
    (1223.1, 30.0)
    """
    numbers = np.concatenate([lat, lon])
    numbers = numbers[np.isfinite(numbers)]
    for decimals in (2, 3):
        steps = numbers * 10**decimals
        if len(steps) and np.abs(steps - np.round(steps)).max() < 0.005:  # numbers may be float32
            return round(_STEP_METRES / 10**decimals, 1)
    return SAME_METRES


def distance_text(distance: float) -> str:
    """Write a distance in metres, from 1 km on in kilometres.

    >>> distance_text(47.3), distance_text(5561)
    ('47 m', '5.6 km')
    """
    return f"{distance:.0f} m" if distance < 1000 else f"{distance / 1000:,.1f} km"
