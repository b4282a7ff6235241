"""Columns of tables that users wrote: text, IDs, times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST_ID = 200
_DAY = r"\d{4}-?\d\d-?\d\d"
_CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"


def iso_times(column: pd.Series[Any]) -> pd.Series[pd.Timestamp]:
    """Read moments written as ISO 8601, with at least a day: UTC, NaT where it is none.

    As text, since pandas would take a bare number for nanoseconds since 1970; and ``now`` for a date.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.to_datetime(column, utc=True).dt.tz_localize(None)
    text = column if isinstance(column.dtype, pd.StringDtype) else as_text(column)
    times = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None)
    return times.where(text.str.match(_DAY).fillna(False).to_numpy(dtype=bool))


def as_text(column: pd.Series[Any]) -> pd.Series[str]:
    """Write every value as text, ``nan`` where there is none."""
    told = [_encodable(value) for value in column]
    text: pd.Series[str] = pd.Series(told, index=column.index, name=column.name, dtype="str")
    return text


def no_id(text: pd.Series[str]) -> NDArray[np.bool_]:
    """Tell which texts cannot be the ID of a point: blank, very long, or with control characters."""
    blank = text.str.strip() == ""
    control = text.str.contains(_CONTROL)
    bad: NDArray[np.bool_] = (blank | control | (text.str.len() > LONGEST_ID)).to_numpy(dtype=bool)
    return bad


def _encodable(value: object) -> str:
    """Give a value as text, a control character in place of what has none in UTF-8."""
    try:
        text = str(value)
        text.encode()
    except (
        ValueError
    ):  # half of a surrogate pair, which JSON can bring, or a number of 4,300 digits
        return "\0"
    return text
