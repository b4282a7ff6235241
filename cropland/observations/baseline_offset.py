"""The offset of processing baseline 04.00: whether numbers from 2022-01-25 on are 1000 too large.

Since that day Sentinel-2's products carry 1000 more in every band (``BOA_ADD_OFFSET``: ESA, "Sentinel-2
Products Specification Document", 14.9); harmonised collections have it subtracted. Exports, cubes and
services come with it and without it, and do not always say so.

The rule for points: the median of the 60 days from that day on, less the median of the 60 days before it, is
from 500 to 1500 in every band, and no value after it is below 900. Seasons, snow and clouds change bands by
different amounts: of 27,000 series of Iran, Sudan and Afghanistan around other days 0.2 % look like that, of
140 with the offset 94 %. The rule for values without any from before: fewer than 2 % of the visible ones
are below 1000.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.observations.bands import NO_DATA, STANDARD_NAMES

OFFSET = 1000
FIRST_DAY = np.datetime64("2022-01-25")
"""The day from which on products carry it."""
VISIBLE = ("B2", "B3", "B4")
"""Bands in which nearly every image has something dark."""
MOST_DARK = 0.02
"""Share of visible samples below `OFFSET` from which on they cannot carry it."""
CHANCE = 0.05
"""Share of points that may have a step of 1000 by chance."""
_AROUND = np.timedelta64(60, "D")
_LEAST_STEP, _MOST_STEP = 500, 1500
_DARKEST = 900
MOST_POINTS = 500
"""Points looked at, evenly chosen: the share of these is that of all."""


def carries_offset(samples: Iterable[NDArray[Any]]) -> bool:
    """Return whether samples may carry the offset; 0 and NaN are no data, and no data is no objection.

    Bright sand and clouds look alike with it and without.

    Parameters
    ----------
    samples : iterable of ndarray
        Numbers of the visible bands, any shape.
    """
    seen = dark = 0
    for values in samples:
        seen += int(np.count_nonzero(values > 0))
        dark += int(np.count_nonzero((values > 0) & (values < OFFSET)))
    return dark < MOST_DARK * seen or seen == 0


def doubt(values: Mapping[str, NDArray[Any]], where: str) -> str:
    """Return that products of before 2022-01-25 may carry the offset, nothing where they do not.

    Parameters
    ----------
    values : mapping of str to ndarray
        Numbers by band, any shape; without data in a visible band nothing is to be said.
    where : str
        Whose numbers these are, as in ``before 2022-01-25``.

    Returns
    -------
    str
        End of a sentence that begins with what the numbers are of.
    """
    if not may_carry_offset(values):
        return ""
    return (
        f"has hardly a value of the visible bands below 1000 {where}: the land is bright, or products were "
        f"processed again and carry the offset of baseline 04.00, 1000 too much; compare with the harmonised "
        f"collection, and subtract 1000 if so"
    )


def may_carry_offset(values: Mapping[str, NDArray[Any]]) -> bool:
    """Return whether there are visible values and hardly one is below 1000; arrays by band, any shape."""
    visible = [values[name] for name in VISIBLE if name in values]
    return any((numbers > 0).any() for numbers in visible) and carries_offset(visible)


def without_offset(values: NDArray[Any], time: NDArray[np.datetime64]) -> NDArray[Any]:
    """Return a band without the offset from `FIRST_DAY` on: data stay at least 1, no data stay as they are.

    Parameters
    ----------
    values : ndarray, shape (image, …)
        Digital numbers.
    time : ndarray of datetime64, shape (image,)
        Moments of the images.
    """
    result = values.copy()
    result[time >= FIRST_DAY] = subtracted(values[time >= FIRST_DAY])
    return result


def subtracted(values: NDArray[Any]) -> NDArray[Any]:
    """Return digital numbers of any shape less the offset: data stay at least 1, 0 and NaN as they are."""
    return np.where(values > OFFSET, values - OFFSET, np.minimum(values, 1))


def steps_of_points(
    point: NDArray[np.integer[Any]],
    time: NDArray[np.datetime64],
    values: Mapping[str, NDArray[Any]],
    compared: NDArray[np.bool_] | bool = True,
) -> NDArray[np.bool_]:
    """Return which points have a step of about 1000 in every band at 2022-01-25.

    Parameters
    ----------
    point : ndarray of int, shape (row,)
        Whose the observations are: points, or pixels of a cube.
    time : ndarray of datetime64, shape (row,)
        Their moments.
    values : mapping of str to ndarray, shape (row,)
        Digital numbers by band, 0 and NaN = no data; what is no Sentinel-2 band is passed over.
    compared : ndarray of bool, shape (row,)
        Rows that are compared; all, where it is left out.

    Returns
    -------
    ndarray of bool, shape (compared,)
        One for each point, of at most 500, that was observed within 60 days before and after in two bands
        or more: a season changes a single one by as much.
    """
    names = [name for name in values if name in STANDARD_NAMES]
    near = np.flatnonzero((time >= FIRST_DAY - _AROUND) & (time < FIRST_DAY + _AROUND) & compared)
    known = np.unique(point[near])
    if len(names) < 2 or not len(known):
        return np.zeros(0, np.bool_)
    chosen = known[:: -(-len(known) // MOST_POINTS)]
    near = near[np.isin(point[near], chosen)]
    rows = pd.DataFrame({name: values[name][near] for name in names}, dtype=np.float64)
    rows = rows.mask(rows == NO_DATA)
    after, whose = time[near] >= FIRST_DAY, point[near]
    later = rows[after].groupby(whose[after])
    step = later.median() - rows[~after].groupby(whose[~after]).median()
    least, darkest = step.min(axis=1), later.min().min(axis=1)
    seen = (step.notna().sum(axis=1) >= 2).to_numpy()
    bright = darkest.reindex(least.index).to_numpy() >= _DARKEST
    return np.asarray((least.between(_LEAST_STEP, _MOST_STEP).to_numpy() & bright)[seen])
