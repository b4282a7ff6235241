"""Requests: raw observations that a user sends, checked before features are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations import band_values, bands
from cropland.support import columns

PIXEL_DEGREES = 1e-4
"""Of 10 m: rows of one place may differ by the rounding of an export, not by more."""
_ID = f"an ID of at most {columns.LONGEST_ID} signs, none of control"
PLACES = {"Lat": 90.0, "Lon": 180.0}
"""Columns of a place, with the largest value of each, degrees."""


def checked(
    observations: pd.DataFrame, measured: Sequence[str], static: Sequence[str], whose: str
) -> pd.DataFrame:
    """Check raw observations; return them as plain columns.

    Parameters
    ----------
    observations : DataFrame
        One row an observation: ``ID``, ``Timestamp``, and the columns of a model; other columns are ignored.
    measured, static : sequence of str
        The columns needed beside these two: bands and the like, and ``Lat`` or ``Lon``.
    whose : str
        The country of the model, for the error.

    Returns
    -------
    DataFrame
        ``ID`` (str), ``time`` (datetime64, UTC), what is measured (float64, NaN = no data), ``Lat`` and
        ``Lon`` (NaN where they are neither needed nor given).

    Raises
    ------
    DataError
        A missing column, no row, or the first value that is not what it should be, with its row.
    """
    needed = ("ID", "Timestamp", *measured, *static)
    present = list(observations.columns)
    missing = [name for name in needed if name not in present]
    if missing:
        raise DataError(
            f"the observations lack {', '.join(missing)}; the model of {whose} needs the columns "
            f"{', '.join(needed)}"
        )
    twice = [name for name in (*needed, *PLACES) if present.count(name) > 1]
    if twice:
        raise DataError(f"the observations have the column {twice[0]} more than once; keep one")
    if not len(observations):
        raise DataError("the table of observations is empty; give at least one row")
    rows = {"ID": _ids(observations["ID"]), "time": _times(observations["Timestamp"])}
    for name in (*measured, *PLACES):
        given = name in observations
        rows[name] = _numbers(observations[name]) if given else np.full(len(observations), np.nan)
    for name in static:
        _refuse(observations[name], np.isnan(rows[name]), "degrees in every row")
    return _of_one_place(pd.DataFrame(rows))


def _ids(column: pd.Series[Any]) -> NDArray[Any]:
    text = columns.as_text(column)
    blank = column.isna() | (text.str.strip() == "")
    _refuse(column, blank.to_numpy(dtype=bool), "the ID of a point")
    _refuse(column, columns.no_id(text), _ID)
    return text.to_numpy(dtype=str)


def _times(column: pd.Series[Any]) -> NDArray[Any]:
    times = columns.iso_times(column)
    _refuse(column, times.isna().to_numpy(), "a date like 2019-07-16 or 2019-07-16 08:05:11")
    return times.to_numpy()


def _numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    """Check a column of numbers, NaN where there is nothing."""
    name = str(column.name)
    numbers = band_values.numbers(column)
    no_number = np.isnan(numbers) & column.notna().to_numpy()
    _refuse(column, no_number | np.isinf(numbers), "a number or nothing")
    if name in PLACES:
        _refuse(column, np.abs(numbers) > PLACES[name], "decimal degrees (WGS 84)")
    numbers, _ = band_values.without_fill(name, numbers)
    possible, expected = band_values.possible(name, numbers)
    _refuse(column, ~possible, expected)
    if name in bands.STANDARD_NAMES and 0 < np.nanmax(numbers, initial=0) < 2:
        _refuse(column, numbers % 1 > 0, "digital numbers: multiply reflectance by 10000")
    return numbers


def _of_one_place(rows: pd.DataFrame) -> pd.DataFrame:
    """Check that no ID stands at two places."""
    point, ids = pd.factorize(rows["ID"])
    first = np.unique(point, return_index=True)[1]
    for name in PLACES:
        degrees = rows[name].to_numpy()
        apart = np.flatnonzero(np.abs(degrees - degrees[first][point]) > PIXEL_DEGREES)
        if len(apart):
            row = apart[0]
            raise DataError(
                f"ID {ids[point[row]]} has {name} {degrees[first[point[row]]]} and, in row {row + 1}, "
                f"{degrees[row]}; give each place an ID of its own"
            )
    return rows


def _refuse(column: pd.Series[Any], bad: NDArray[np.bool_], expected: str) -> None:
    """Raise a `DataError` that shows the first bad value, if there is one; rows count from 1."""
    if value := columns.first_bad(column, bad):
        raise DataError(
            f"{column.name} is {value.text} in row {value.row + 1}{value.more}; expected {expected}"
        )
