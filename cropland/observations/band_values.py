"""Rules for the numbers of bands, wherever they enter: exports, services, cubes and requests.

A band holds digital numbers, reflectance × 10,000. From 1 to 32,766 they are data; 0 is no data, and so is
what lies below 0 or above 32,766: fill values such as −999, −9999 and 65535, and the few negative numbers
that subtracting an offset leaves. ``SCL`` holds scene classes, 0 to 11. An index is one of reflectance.

Call, in this order: `numbers` (columns of tables only), `without_fill`, `possible`; then `reflectance_rows`
for the columns of a table or a request, or `reflectance_images` for a block of images, and `wrong_unit` for
the error; `index_fault` for an index that is given. All but `numbers` and `possible` take any type of number.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations import bands
from cropland.support import columns

HIGHEST = 32_766
"""Highest digital number, 3.3 times what a white surface reflects; 32,767, the end of int16, is a fill."""
MISSING_SCENE_CLASS = 255
"""What an archive holds where ``SCL`` is missing: class 0 says that the sensor had no data."""
_FILLS_OF_INDICES = (-32_768, -9_999, -999, 32_767, 65_535)
"""Values that stand for no data in an index too, whatever its range."""
_REFLECTANCE = 2.0
"""Fractions below are reflectance: as digital numbers they would all be darker than the darkest water."""
DARK, _DARKEST, BRIGHT = 255, 100, 5_000
"""Numbers that hardly all values are below (the largest of 8 bits; per cent), or above (Landsat's scale)."""
THOUSANDS, _MANY_FRACTIONS = 33.0, 0.05
"""Fractions below are rare; 32.767 is the largest digital number with a point that sets off thousands."""
_SAMPLE = 10_000
"""Rows that are looked at for what is usual."""
_TIMES = 10.0
"""An index this many times larger than it can be is scaled; some sensors' are a little larger."""
_TOLERANCE = 0.05
"""Absolute and relative: an index of monthly means is not the mean of monthly indices."""
_RARE, _MOST_OTHERWISE = 0.01, 0.25
"""Shares of values that may be out of range, and that may be another number than the bands give."""


def dtype_of(band: str) -> np.dtype[np.unsignedinteger[Any]]:
    """Return the type of a band's stored numbers: uint8 for ``SCL``, uint16 for digital numbers."""
    return np.dtype(np.uint8 if band == bands.SCENE_CLASS else np.uint16)


def numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    """Return a column as numbers, NaN where there is nothing or no number; true and false are none.

    Parameters
    ----------
    column : Series, shape (row,)
        Of any type.
    """
    kind = column.dtype
    plain = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
    if not plain or pd.api.types.is_complex_dtype(kind):
        column = pd.to_numeric(columns.as_text(column), errors="coerce")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def without_fill(name: str, values: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Return values with no data in place of fill values, and how many there were.

    Parameters
    ----------
    name : str
        A band, an index or ``SCL``, which has no fill values.
    values : ndarray of any shape
        Floats get NaN, integers 0 in place of a fill value; the type stays. Infinite values are no fill.

    Returns
    -------
    ndarray
        `values` itself where there is no fill value, else a copy.
    int
        How many values became no data; those that were 0 or NaN are not counted.
    """
    if name == bands.SCENE_CLASS or not values.size:
        return values, 0
    if name in bands.STANDARD_NAMES:
        # The range first: it is read at half the cost of a mask, and most data have no fill value.
        if np.fmin.reduce(values, axis=None) >= 0 and np.fmax.reduce(values, axis=None) <= HIGHEST:
            return values, 0
        fill = (values < 0) | (values > HIGHEST)
    else:
        fill = np.isin(values, _FILLS_OF_INDICES)
    if values.dtype.kind == "f":
        fill &= np.isfinite(values)
    if not fill.any():
        return values, 0
    filled = values.copy()
    filled[fill] = np.nan if values.dtype.kind == "f" else bands.NO_DATA
    return filled, int(np.count_nonzero(fill))


def as_data(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return digital numbers as float32, NaN where there is no data."""
    as_float = values.astype(np.float32)
    as_float[values == bands.NO_DATA] = np.nan
    return as_float


def possible(name: str, values: NDArray[Any]) -> tuple[NDArray[np.bool_], str]:
    """Return which values a band, an index or a scene class can have, and in words what was expected.

    Parameters
    ----------
    name : str
        Its name.
    values : ndarray of any shape
        Without fill values; NaN = nothing, which is always possible.
    """
    last = max(bands.SCENE_CLASSES)
    if name == bands.SCENE_CLASS:
        whole = (values >= 0) & (values <= last) & (values == np.floor(values))
        return whole | np.isnan(values), f"a scene class, 0 to {last}"
    largest, expected = np.finfo(np.float32).max, "a number or nothing"
    if (
        not values.size
        or values.dtype.kind in "iu"
        or max(-np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)) <= largest
    ):
        return np.ones(values.shape, np.bool_), expected  # as nearly always: no mask to compute
    return np.isnan(values) | (np.abs(values) <= largest), expected


def reflectance_rows(values: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Return which rows of a table hold reflectance, 0…1, in place of digital numbers.

    A row does where all its bands are below 2 and one of them at least is a fraction, so that single rows
    among others are seen. Rows of no data do not.

    Parameters
    ----------
    values : mapping of str to ndarray, shape (row,)
        By name; what is no Sentinel-2 band is passed over.
    """
    measured = [column for name, column in values.items() if name in bands.STANDARD_NAMES]
    if not measured:
        return np.zeros(len(next(iter(values.values()), ())), np.bool_)
    # Most rows end at their first band: so the others are looked at in the few that are left.
    rows = np.flatnonzero(~(np.abs(measured[0]) >= _REFLECTANCE))
    for column in measured[1:]:
        rows = rows[~(np.abs(column[rows]) >= _REFLECTANCE)]
    fraction = np.zeros(len(rows), np.bool_)
    for column in measured:
        part = column[rows]
        fraction |= (part != np.floor(part)) & ~np.isnan(part)
    answer = np.zeros(len(measured[0]), np.bool_)
    answer[rows[fraction]] = True
    return answer


def reflectance_images(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which images of a band hold reflectance, 0…1, in place of digital numbers.

    An image does where it has fractions and half its values are at most 2: single pixels may be brighter.

    Parameters
    ----------
    values : ndarray, shape (image, …)
        One band; 0 and NaN are no data.
    """
    answer = np.zeros(len(values), np.bool_)
    if values.dtype.kind != "f":
        return answer
    for number, image in enumerate(values):
        data = image[(image != bands.NO_DATA) & np.isfinite(image)]
        fractions = bool((data != np.floor(data)).any())
        answer[number] = fractions and np.median(np.abs(data)) <= _REFLECTANCE
    return answer


def wrong_unit(where: str, name: str, values: NDArray[Any], remedy: str) -> DataError:
    """Return the error for a band that holds reflectance.

    Parameters
    ----------
    where : str
        The file, cube or image, or "the request", with more words where only a part of it is meant.
    name : str
        The band.
    values : ndarray of any shape
        Its values that are reflectance.
    remedy : str
        What scales them: a key, or words.
    """
    data = values[(values != bands.NO_DATA) & np.isfinite(values)]
    low, high = data.min(), data.max()
    return DataError(
        f"{where} has reflectance for {name}, values from {low:g} to {high:g}; expected digital numbers, "
        f"reflectance × 10,000: multiply by 10000, {remedy}"
    )


def sample(values: NDArray[Any]) -> NDArray[Any]:
    """Return values evenly chosen along the first axis, some ten thousand."""
    return values[:: 1 + len(values) // _SAMPLE]


def unusual_unit(values: Mapping[str, NDArray[Any]]) -> str | None:
    """Return what is unusual about the size of digital numbers, None where nothing is.

    Parameters
    ----------
    values : mapping of str to ndarray, shape (row,)
        By name, without fill values; what is no Sentinel-2 band is passed over.

    Returns
    -------
    str, optional
        The end of a sentence that begins with their file.
    """
    samples = {name: sample(values[name]) for name in values if name in bands.STANDARD_NAMES}
    data = {name: rows[rows > 0] for name, rows in samples.items() if (rows > 0).any()}
    if not data:
        return None
    expected = "digital numbers are reflectance × 10,000"
    high = {name: float(np.quantile(column, 0.99)) for name, column in data.items()}
    if max(high.values()) <= DARK:
        return (
            f"has hardly a value above {DARK} in any band; {expected}: check that these are no per cent and "
            f"no colours of 8 bits"
        )
    if min(float(np.quantile(column, 0.01)) for column in data.values()) > BRIGHT:
        return f"has hardly a value below {BRIGHT:,} in any band; {expected}: check their scale and offset"
    small = [name for name in data if high[name] <= _DARKEST or _has_fractions(data[name])]
    if not small:
        return None
    return (
        f"has unusually small values of {', '.join(small)}, such as {data[small[0]].min():g}; {expected}: "
        f"check that these are no per cent, and that points do not set off thousands"
    )


def _has_fractions(data: NDArray[Any]) -> bool:
    """Return whether many numbers are small fractions, which are rare in digital numbers."""
    fractions = (data < THOUSANDS) & (data != np.floor(data))
    return bool(np.count_nonzero(fractions) > _MANY_FRACTIONS * len(data))


def index_fault(
    name: str, values: NDArray[Any], measured: Mapping[str, NDArray[Any]]
) -> str | None:
    """Return why values cannot be those of a spectral index, None where they can.

    Where its bands are given, values are compared with the index that they give; else with the largest value
    that its formula has for reflectance from 0.001 to 1. A quarter of the values may differ from their bands,
    and one per cent may be out of range.

    Parameters
    ----------
    name : str
        Its name in spyndex.
    values : ndarray of any shape
        Without fill values; NaN = nothing.
    measured : mapping of str to ndarray of the same shape
        Digital numbers by band, 0 and NaN = no data.

    Returns
    -------
    str, optional
        As in "values from 822 to 7410, expected -1 to 1".
    """
    parts = bands.parts_of(name)
    low, high = _range_of_index(name)
    n_values = np.count_nonzero(~np.isnan(values))
    n_beyond = np.count_nonzero(np.abs(values) > _TIMES * max(abs(low), abs(high)))
    if n_beyond > _RARE * n_values:
        return f"values from {np.nanmin(values):g} to {np.nanmax(values):g}, expected {low:.2g} to {high:.2g}"
    if not all(part in measured for part in parts):
        return None
    computed = bands.index(name, {part: as_data(measured[part]) for part in parts})
    differs = np.flatnonzero(np.abs(values - computed) > _TOLERANCE * (1 + np.abs(computed)))
    if len(differs) <= _MOST_OTHERWISE * n_values:
        return None
    given, expected = values.flat[differs[0]], computed.flat[differs[0]]
    return (
        f"other values than {', '.join(parts)} give in {len(differs):,} of {n_values:,} rows, such as "
        f"{given:.3g} in place of {expected:.3g}"
    )


@cache
def _range_of_index(name: str) -> tuple[float, float]:
    """Return the lowest and the highest value of an index for reflectance from 0.001 to 1."""
    random = np.random.default_rng(0)
    parts = bands.parts_of(name)
    sample = {part: (10 ** random.uniform(1, 4, 10_000)).astype(np.float32) for part in parts}
    values = bands.index(name, sample)
    return float(np.nanmin(values)), float(np.nanmax(values))
