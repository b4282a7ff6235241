"""The numbers of one export, checked by the rules of `observations.band_values`, as a file and row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations import band_values, bands, baseline_offset
from cropland.support import columns
from cropland.support.reading import line_of
from cropland.support.words import count

_MANY = 0.05
"""Share of rows without a band from which on it is said."""


def measured(
    column: pd.Series[Any], name: str, path: Path, scale: float
) -> tuple[NDArray[np.float64], int]:
    """Return a column of numbers, NaN where there is nothing or a fill value, and how many fill values."""
    numbers = band_values.numbers(column)
    if not pd.api.types.is_float_dtype(column.dtype):
        no_number = np.isnan(numbers) & column.notna().to_numpy()
        refuse(column, no_number, path, "a number or nothing")
    if scale != 1 and name in bands.STANDARD_NAMES:
        numbers = _scaled(numbers, scale, column, path)
    numbers, n_fill = band_values.without_fill(name, numbers)
    possible, expected = band_values.possible(name, numbers)
    refuse(column, ~possible, path, expected)
    return numbers, n_fill


def _scaled(
    numbers: NDArray[np.float64], scale: float, column: pd.Series[Any], path: Path
) -> NDArray[np.float64]:
    scaled = numbers * scale
    data = scaled[np.isfinite(scaled) & (scaled > 0)]
    if len(data) and np.median(data) > band_values.HIGHEST:
        raise DataError(
            f"{path} has values from {np.nanmin(numbers):g} to {np.nanmax(numbers):g} for {column.name}; "
            f"times source.scale={scale:g} these are no digital numbers (reflectance × 10,000): set another "
            f"source.scale, or write all files in the same unit"
        )
    return scaled


def check_unit(
    measured: Mapping[str, NDArray[np.float64]], ids: pd.Series[str], path: Path
) -> None:
    """Check that no row and no band holds reflectance."""
    by_band = {name: column for name, column in measured.items() if name in bands.STANDARD_NAMES}
    whole_file = "or set source.scale=10000 if all exports are reflectance"
    rows = np.flatnonzero(band_values.reflectance_rows(by_band))
    if len(rows):
        name = next(name for name, values in by_band.items() if (values[rows] > 0).any())
        where, n_data = str(path), np.count_nonzero(_with_data(by_band))
        if len(rows) < n_data:
            line = line_of(path, ids.index[rows[0]])
            of_points = count(ids.iloc[rows].nunique(), "point")
            where += f" (in {len(rows):,} of {n_data:,} rows, of {of_points}, first in line {line})"
        remedy = (
            "in these rows, so that all have the same unit"
            if len(rows) < n_data / 2
            else whole_file
        )
        raise band_values.wrong_unit(where, name, by_band[name][rows], remedy)
    for name, values in by_band.items():
        if band_values.reflectance_images(band_values.sample(values)[np.newaxis])[0]:
            remedy = "so that all bands have the same unit"
            raise band_values.wrong_unit(str(path), name, values, remedy)


def _with_data(by_band: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Return which rows have data in any band."""
    with_data: NDArray[np.bool_] = np.logical_or.reduce([values > 0 for values in by_band.values()])
    return with_data


def doubts(
    measured: Mapping[str, NDArray[np.float64]], table: pd.DataFrame, before: NDArray[np.bool_]
) -> Iterator[str]:
    """Yield what cannot be told of a file's numbers, as ends of a sentence.

    Parameters
    ----------
    before : ndarray of bool, shape (row,)
        Rows of before 2022-01-25, which should not carry the offset.
    """
    earlier = {name: values[before] for name, values in measured.items()}
    where = f"before {baseline_offset.FIRST_DAY}"
    if doubt := band_values.unusual_unit(measured) or baseline_offset.doubt(earlier, where):
        yield doubt
    if any(str(name).strip().upper() == "B10" for name in table):
        yield (
            "has a column B10, as only level 1C has: its values are of the top of the atmosphere, and not "
            "comparable with surface reflectance (level 2A)"
        )
    by_band = {name: column for name, column in measured.items() if name in bands.STANDARD_NAMES}
    if not by_band:
        return
    rows = _with_data(by_band)
    n_rows = np.count_nonzero(rows)
    has = {name: np.count_nonzero(values > 0) for name, values in by_band.items()}
    if bands.SCENE_CLASS in measured:
        has[bands.SCENE_CLASS] = np.count_nonzero(~np.isnan(measured[bands.SCENE_CLASS]) & rows)
    for name, number in has.items():
        if n_rows - number > _MANY * n_rows:
            yield f"has no {name} in {n_rows - number:,} of {n_rows:,} rows that have other bands"


def check_indices(measured: Mapping[str, NDArray[np.float64]], path: Path) -> None:
    """Check indices against their bands, or their range."""
    for name, values in measured.items():
        if bands.is_index(name) and (fault := band_values.index_fault(name, values, measured)):
            raise DataError(
                f"{path}: {name} has {fault}; correct the column, or leave it out: an index is computed from "
                f"its bands"
            )


def refuse(column: pd.Series[Any], bad: NDArray[np.bool_], path: Path, expected: str) -> None:
    """Raise a `DataError` that shows the first bad value, if there is one."""
    if value := columns.first_bad(column, bad):
        line = line_of(path, column.index[value.row])
        raise DataError(
            f"{path} has {value.text} for {column.name} in line {line}{value.more}; expected {expected}"
        )
