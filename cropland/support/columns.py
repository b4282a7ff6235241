"""Columns of tables that users wrote: text, IDs, times, and their first bad value."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

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


class BadValue(NamedTuple):
    """The first bad value of a column.

    Attributes
    ----------
    text : str
        The value in quotes, or ``empty``.
    row : int
        Its row, from 0.
    more : str
        How many follow, as in `` and 3 more``; nothing where it is the only one.
    """

    text: str
    row: int
    more: str


def first_bad(column: pd.Series[Any], bad: ArrayLike) -> BadValue | None:
    """Return the first bad value of a column, None where all are good.

    Parameters
    ----------
    column : Series, shape (row,)
        The values.
    bad : array_like of bool, shape (row,)
        Which of them are bad.
    """
    rows = np.flatnonzero(np.asarray(bad))
    if not len(rows):
        return None
    value = column.iloc[[rows[0]]]
    text = "empty" if value.isna().any() else repr(as_text(value).iloc[0])
    return BadValue(text, int(rows[0]), f" and {len(rows) - 1} more" if len(rows) > 1 else "")


def as_text(column: pd.Series[Any]) -> pd.Series[str]:
    """Write every value as text, ``nan`` where there is none."""
    if isinstance(column.dtype, pd.StringDtype):
        return column.fillna("nan")
    texts = [_encodable(value) for value in column]
    text: pd.Series[str] = pd.Series(texts, index=column.index, name=column.name, dtype="str")
    return text


def no_id(text: pd.Series[str]) -> NDArray[np.bool_]:
    """Return which texts cannot be the ID of a point: blank, very long, or with control characters."""
    blank = text.str.strip() == ""
    control = text.str.contains(_CONTROL)
    bad: NDArray[np.bool_] = (blank | control | (text.str.len() > LONGEST_ID)).to_numpy(dtype=bool)
    return bad


def _encodable(value: object) -> str:
    """Write a value as text, a control character in place of what has none in UTF-8."""
    try:
        text = str(value)
        text.encode()
    except (
        ValueError
    ):  # half of a surrogate pair, which JSON can bring, or a number of 4,300 digits
        return "\0"
    return text
