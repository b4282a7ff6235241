"""Values of bands as users give them: what is a number, and which numbers a band can have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.observations import bands
from cropland.support import columns

LOWEST, HIGHEST = -1_000, 65_535
"""Digital numbers: uint16, and what is left where the offset of 1,000 (since January 2022) was taken off."""


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


def possible(name: str, values: NDArray[np.float64]) -> tuple[NDArray[np.bool_], str]:
    """Return which values a band, an index or a scene class can have, and in words what was expected.

    Parameters
    ----------
    name : str
        Its name.
    values : ndarray of float64, shape (row,)
        NaN = nothing, which is always possible.
    """
    missing = np.isnan(values)
    if name == bands.SCENE_CLASS:
        known = list(bands.SCENE_CLASSES)
        return missing | np.isin(values, known), f"a scene class, {known[0]} to {known[-1]}"
    if name in bands.STANDARD_NAMES:
        within = (values >= LOWEST) & (values <= HIGHEST)
        return missing | within, f"a digital number from {LOWEST} to {HIGHEST}, or nothing"
    return missing | (np.abs(values) <= np.finfo(np.float32).max), "a number or nothing"
