"""Requests: raw observations that a user sends, checked before features are made of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import infer_dtype

from cropland.errors import DataError
from cropland.observations import band_values, bands
from cropland.support import columns

PIXEL_DEGREES = 1e-4
"""Of 10 m: rows of one place may differ by the rounding of an export, not by more."""
_ID = f"an ID of at most {columns.LONGEST_ID} signs, none of control"
PLACES = {"Lat": 90.0, "Lon": 180.0}
"""Columns of a place, with the largest value of each, degrees."""


def renamed(observations: pd.DataFrame, accepted: Collection[str]) -> pd.DataFrame:
    """Return the columns that a model can use, bands and indices as `observations.bands` names them.

    Parameters
    ----------
    observations : DataFrame
        A request, with bands in any spelling: ``B2``, ``B02``, ``blue``.
    accepted : collection of str
        Bands, ``SCL`` and indices that the model can use.

    Raises
    ------
    DataError
        One of them is there twice.
    """
    kept: dict[str, int] = {}
    plain = ("ID", "Timestamp", *PLACES)
    for position, column in enumerate(observations.columns):
        name = column if column in plain or not isinstance(column, str) else bands.band_of(column)
        if name is None or name not in (*plain, *accepted):
            continue
        if name in kept:
            both = dict.fromkeys((observations.columns[kept[name]], column))
            names = f", as {' and '.join(both)}" if len(both) > 1 else ""
            raise DataError(
                f"the observations have the column {name} more than once{names}; keep one"
            )
        kept[name] = position
    return observations.iloc[:, list(kept.values())].set_axis(list(kept), axis="columns")


def checked(
    observations: pd.DataFrame, measured: Sequence[str], static: Sequence[str], whose: str
) -> pd.DataFrame:
    """Check raw observations; return them as plain columns.

    Parameters
    ----------
    observations : DataFrame
        One row an observation, as `renamed` returns it.
    measured, static : sequence of str
        The columns needed beside ``ID`` and ``Timestamp``: bands and the like, and ``Lat`` or ``Lon``.
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
        A missing column, no row, the first value that is not what it should be, with its row; reflectance
        in place of digital numbers; an index that its bands do not give.
    """
    needed = ("ID", "Timestamp", *measured, *static)
    missing = [name for name in needed if name not in observations]
    if missing:
        raise DataError(
            f"the observations lack {', '.join(missing)}; the model of {whose} needs the columns "
            f"{', '.join(needed)}"
        )
    if not len(observations):
        raise DataError("the table of observations is empty; give at least one row")
    rows = {"ID": _ids(observations["ID"]), "time": _times(observations["Timestamp"])}
    for name in (*measured, *PLACES):
        given = name in observations
        rows[name] = _numbers(observations[name]) if given else np.full(len(observations), np.nan)
    for name in static:
        _refuse(observations[name], np.isnan(rows[name]), "degrees in every row")
    _check_units({name: rows[name] for name in measured})
    return _of_one_place(pd.DataFrame(rows))


def doubts_of(rows: pd.DataFrame, measured: Sequence[str]) -> pd.Series[str]:
    """Return what is unusual about the numbers of each point, by its ID; empty where nothing is.

    Numbers may be of another unit in the whole request, or at single points.

    Parameters
    ----------
    rows : DataFrame
        As `checked` returns them.
    measured : sequence of str
        The columns of bands and the like.
    """
    point, ids = pd.factorize(rows["ID"])
    values = {name: rows[name].to_numpy() for name in measured}
    every = band_values.unusual_unit(values)
    doubts = pd.Series("" if every is None else f"doubtful: the request {every}", ids, "str")
    for number, doubt in unusual_points(values, point).items():
        doubts.iloc[number] = f"doubtful: the point {doubt}"
    return doubts


def unusual_points(
    values: Mapping[str, NDArray[Any]], point: NDArray[np.integer[Any]]
) -> dict[int, str]:
    """Return what is unusual about the digital numbers of single points, see `band_values.unusual_unit`.

    Parameters
    ----------
    values : mapping of str to ndarray, shape (row,)
        By name, without fill values; what is no Sentinel-2 band is passed over.
    point : ndarray of int, shape (row,)
        The number of each row's point, from 0.
    """
    measured = pd.DataFrame({n: v for n, v in values.items() if n in bands.STANDARD_NAMES})
    if measured.empty:
        return {}
    data = measured.where(measured > 0)
    # Whatever holds for 99 of 100 values holds for their median: only few points are left to look at.
    middle = data.groupby(point).median()
    fractions = ((data < band_values.THOUSANDS) & (data != np.floor(data)) & data.notna()).any(
        axis=1
    )
    suspect = (middle.min(axis=1) <= band_values.DARK) | (middle.min(axis=1) > band_values.BRIGHT)
    suspect |= fractions.groupby(point).any()
    doubts = {}
    for number in np.flatnonzero(suspect):
        rows = point == number
        if doubt := band_values.unusual_unit(
            {name: column[rows] for name, column in values.items()}
        ):
            doubts[int(number)] = doubt
    return doubts


def check_scene_classes(rows: pd.DataFrame, whose: str) -> None:
    """Check that some row has a scene class, for a model that takes clear observations only.

    Raises
    ------
    DataError
        None has: no row could be used.
    """
    if rows[bands.SCENE_CLASS].isna().all():
        raise DataError(
            f"{bands.SCENE_CLASS} is empty in every row; the model of {whose} uses clear observations only "
            f"(series=clear): send the scene class, 0 to 11, or use a model of series=raw"
        )


def _ids(column: pd.Series[Any]) -> NDArray[Any]:
    text = columns.as_text(column)
    blank = column.isna() | (text.str.strip() == "")
    _refuse(column, blank.to_numpy(dtype=bool), "the ID of a point")
    _refuse(column, _of_other_types(column), "a text or a whole number")
    _refuse(column, columns.no_id(text), _ID)
    return text.to_numpy(dtype=str)


def _of_other_types(column: pd.Series[Any]) -> NDArray[np.bool_]:
    """Return which IDs are neither texts nor whole numbers; in floats large whole numbers become one."""
    if infer_dtype(column) in ("string", "integer"):
        return np.zeros(len(column), np.bool_)
    if column.dtype.kind == "f":  # a fraction among whole numbers is what made all of them floats
        fractions = (column % 1 != 0).to_numpy(dtype=bool)
        return fractions if fractions.any() else ~fractions
    return np.array(
        [isinstance(name, bool) or not isinstance(name, str | int | np.integer) for name in column],
        np.bool_,
    )


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
    return numbers


def _check_units(values: Mapping[str, NDArray[np.float64]]) -> None:
    """Check that bands are digital numbers, by row and by column, and indices what their bands give."""
    rows = band_values.reflectance_rows(values)
    for name, column in values.items():
        if name in bands.STANDARD_NAMES:
            in_column = band_values.reflectance_images(column[np.newaxis])[0]
            wrong = np.flatnonzero((rows | in_column) & (np.nan_to_num(column) != bands.NO_DATA))
            if len(wrong):
                more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
                where = f"the request (row {wrong[0] + 1}{more})"
                raise band_values.wrong_unit(where, name, column[wrong], "and send it again")
        elif bands.is_index(name) and (fault := band_values.index_fault(name, column, values)):
            raise DataError(
                f"the request has {name} that its bands do not give: {fault}; leave it out, and send bands"
            )


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
