"""One export on disk: its columns by their names, its numbers checked, file by file and row by row.

An export is ``<prefix>_<Country>_<start>_<end>.csv`` (or ``.csv.gz``, ``.parquet``): one row an
observation, ``ID``, ``Timestamp`` and a column a band, in any order; ``start`` and ``end`` are dates, both
included. Bands have any name that `observations.bands.band_of` knows; moments are ISO 8601, or milliseconds
since 1970 as Earth Engine's tables have them (``system:time_start``). Coordinates are ignored, since exports
round them.

Columns that are no band are kept where an archive can hold them: plain names, numbers or short texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations import band_values, bands
from cropland.support import columns, reading
from cropland.support.words import count, some

SUFFIXES = (".csv", ".csv.gz", ".parquet")
_REMEDY = "export it again"
_POINT, _MOMENT = ("id",), ("timestamp", "system:time_start", "datetime", "date", "time")
"""Names of the columns of a row's point and moment, the first that is there, in any case."""
_AS_TEXT = {form(name): str for name in (*_POINT, *_MOMENT) for form in (str, str.upper, str.title)}
"""How pandas reads these, so that an ID keeps its zeros."""
_OF_POINTS = frozenset(
    ("Lat", "Lon", "Target", "row_size", "time", "point", "observation", "image", "file")
)
"""What an archive has from its points, or calls its own."""
_PLAIN = re.compile(r"[A-Za-z][\w:.-]{0,99}", re.ASCII)
"""A column becomes a folder of the archive: nothing in its name may lead out of that."""
_LONGEST_TEXT = 200
_MANY = 0.05
"""Share of rows without a band from which on it is said."""
_MILLISECONDS = r"-?\d{12,14}(?:\.0*)?"
"""Moments from 1973 on; days written without a sign have eight digits."""


@dataclass(frozen=True)
class Export:
    """One export file of a country: where it is and the days that it covers, both included."""

    path: Path
    first: date
    last: date


@dataclass(frozen=True, eq=False)
class ExportRows:
    """The rows of an export.

    Attributes
    ----------
    export : Export
        Where they are from.
    table : DataFrame
        ``ID``, ``time`` and the other columns: bands, indices and ``SCL`` by their own names, without fill
        values; a column in which no row has a value is left out.
    n_fill_values : int
        How many values of bands and indices were fill values.
    notes : tuple of str
        What cannot be told of the file's numbers.
    """

    export: Export
    table: pd.DataFrame
    n_fill_values: int
    notes: tuple[str, ...]

    def of_points(self, ids: pd.Series[str]) -> ExportRows:
        """Return the rows of some points, with ``point``, the position among these, in place of ``ID``."""
        codes, different = pd.factorize(self.table["ID"])  # a point has many rows
        point = pd.Index(ids).get_indexer(pd.Index(different))[codes]
        table = self.table.drop(columns="ID").assign(point=point)
        return replace(self, table=table if (point >= 0).all() else table[point >= 0])


def read(export: Export, scale: float = 1.0) -> ExportRows:
    """Read an export, and check its numbers by the rules of `observations.band_values`.

    Parameters
    ----------
    export : Export
        Which one.
    scale : float
        What makes digital numbers of the bands' values: 10,000 for reflectance.

    Raises
    ------
    DataError
        It cannot be read, lacks a column, or has a value that cannot be; reflectance in any row; an index
        that is scaled.
    """
    path = export.path
    given = (
        reading.read_parquet(path, _REMEDY)
        if path.suffix.lower() == ".parquet"
        else reading.read_csv(path, _REMEDY, dtype=_AS_TEXT)
    )
    point, moment, names = _columns_of(given, path)
    rows: dict[str, Any] = {
        "ID": _ids(given[point], path),
        "time": _times(given[moment], export),
    }
    measured: dict[str, NDArray[np.float64]] = {}
    n_fill = 0
    for column in given.columns.difference([point, moment], sort=False):
        if name := names.get(column):
            values, n_fill_here = _measured(given[column], name, path, scale)
            n_fill += n_fill_here
            if not len(values) or not np.isnan(values).all():
                measured[name] = rows[name] = values
        elif (kept := _kept(given[column])) is not None:
            rows[str(column)] = kept
    _check_unit(measured, rows["ID"], path)
    _check_indices(measured, path)
    notes = [f"{path.name} {doubt}" for doubt in _doubts(measured, given)]
    if n_fill:
        notes.append(f"{path.name}: {n_fill:,} values below 0 or above 32,767 are read as no data")
    return ExportRows(export, pd.DataFrame(rows), n_fill, tuple(notes))


def _columns_of(table: pd.DataFrame, path: Path) -> tuple[str, str, dict[str, str]]:
    """Return the columns of point and moment, and the band or index that each other column holds."""
    by_name = {str(name).strip().lower(): str(name) for name in reversed(table.columns)}
    by_name |= {name.lower(): name for name in ("ID", "Timestamp") if name in table}
    point, moment = (
        next((by_name[name] for name in names if name in by_name), None)
        for names in (_POINT, _MOMENT)
    )
    if point is None or moment is None:
        missing = [name for name, at in (("ID", point), ("Timestamp", moment)) if at is None]
        raise DataError(
            f"{path} needs the columns ID, Timestamp and bands; it has {some(table.columns)}: "
            f"add {', '.join(missing)}"
        )
    bands_of: dict[str, str] = {}
    for column in map(str, table.columns):
        band = bands.band_of(column)
        if band in bands_of.values():
            first = next(other for other, one in bands_of.items() if one == band)
            raise DataError(f"{path} has {band} twice, as {first} and as {column}; keep one")
        if band is not None and column not in (point, moment):
            bands_of[column] = band
    return point, moment, bands_of


def _ids(column: pd.Series[Any], path: Path) -> pd.Series[str]:
    """Read IDs as the text that points files have, also where Parquet knows them as whole numbers."""
    if isinstance(column.dtype, pd.StringDtype):
        return column
    plain = [isinstance(value, (str, int, np.integer)) for value in column]
    _refuse(column, ~np.array(plain, dtype=bool), path, "a text or a whole number")
    return columns.as_text(column)


def _times(column: pd.Series[Any], export: Export) -> NDArray[np.datetime64]:
    """Read moments, each different one once: those of many points are the same."""
    hashable = columns.as_text(column) if column.dtype == object else column
    codes, different = pd.factorize(hashable, use_na_sentinel=False)
    moments = _moments(pd.Series(different, name=column.name))
    times = moments.to_numpy()[codes]
    if value := columns.first_bad(column, np.isnat(times)):
        raise DataError(
            f"{export.path} has unreadable dates: {column.name} {value.text} in line {value.row + 2}"
            f"{value.more}; write them like 2019-07-16 or 2019-07-16 08:05:11"
        )
    within = moments.dt.date.between(export.first, export.last).to_numpy()
    if not within.all():
        outside = np.flatnonzero(~within[codes])
        raise DataError(
            f"{export.path} has {len(outside)} rows outside the dates of its name, the first "
            f"{column.iloc[outside[0]]} in line {outside[0] + 2}; name the file by the dates that it covers"
        )
    return times


def _moments(column: pd.Series[Any]) -> pd.Series[pd.Timestamp]:
    """Read ISO 8601 and milliseconds since 1970, UTC; NaT where it is neither."""
    times = columns.iso_times(column)
    if not times.isna().any():
        return times
    text = columns.as_text(column)
    milliseconds = pd.to_numeric(text.where(text.str.fullmatch(_MILLISECONDS)), errors="coerce")
    return times.fillna(pd.to_datetime(milliseconds, unit="ms", errors="coerce"))


def _kept(column: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return a column that is no band, None where an archive cannot hold it."""
    name = str(column.name)
    if name in _OF_POINTS or not _PLAIN.fullmatch(name):
        return None
    if pd.api.types.is_numeric_dtype(column):
        return column
    text = columns.as_text(column)
    return text if not len(text) or text.str.len().max() <= _LONGEST_TEXT else None


def _measured(
    column: pd.Series[Any], name: str, path: Path, scale: float
) -> tuple[NDArray[np.float64], int]:
    """Return a column of numbers, NaN where there is nothing or a fill value, and how many fill values."""
    numbers = band_values.numbers(column)
    if not pd.api.types.is_float_dtype(column.dtype):
        no_number = np.isnan(numbers) & column.notna().to_numpy()
        _refuse(column, no_number, path, "a number or nothing")
    if scale != 1 and name in bands.STANDARD_NAMES:
        numbers = _scaled(numbers, scale, column, path)
    numbers, n_fill = band_values.without_fill(name, numbers)
    possible, expected = band_values.possible(name, numbers)
    _refuse(column, ~possible, path, expected)
    return numbers, n_fill


def _scaled(
    numbers: NDArray[np.float64], scale: float, column: pd.Series[Any], path: Path
) -> NDArray[np.float64]:
    scaled = numbers * scale
    data = scaled[np.isfinite(scaled) & (scaled > 0)]
    if len(data) and np.median(data) > band_values.HIGHEST:
        raise DataError(
            f"{path} has values from {numbers.min():g} to {numbers.max():g} for {column.name}; times "
            f"source.scale={scale:g} these are no digital numbers (reflectance × 10,000): set another "
            f"source.scale, or write all files in the same unit"
        )
    return scaled


def _check_unit(
    measured: Mapping[str, NDArray[np.float64]], ids: pd.Series[str], path: Path
) -> None:
    """Check that no row holds reflectance."""
    reflectance = band_values.reflectance_rows(measured)
    if not reflectance.any():
        return
    name = next(name for name in measured if name in bands.STANDARD_NAMES)
    where, remedy = str(path), "or set source.scale=10000"
    rows, n_data = np.flatnonzero(reflectance), np.count_nonzero(_with_data(measured))
    if len(rows) < n_data:
        of_points = count(ids.iloc[rows].nunique(), "point")
        where += (
            f" (in {len(rows):,} of {n_data:,} rows, of {of_points}, first in line {rows[0] + 2})"
        )
    if len(rows) < n_data / 2:
        remedy = "in these rows, so that all have the same unit"
    raise band_values.wrong_unit(where, name, measured[name][rows], remedy)


def _with_data(measured: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Return which rows have data in any band."""
    by_band = [values > 0 for name, values in measured.items() if name in bands.STANDARD_NAMES]
    return np.logical_or.reduce(by_band) if by_band else np.zeros(0, np.bool_)


def _doubts(measured: Mapping[str, NDArray[np.float64]], table: pd.DataFrame) -> Iterator[str]:
    """Yield what cannot be told of a file's numbers, as ends of a sentence."""
    if doubt := band_values.unusual_unit(measured):
        yield doubt
    if any(str(name).strip().upper() == "B10" for name in table):
        yield (
            "has a column B10, as only level 1C has: its values are of the top of the atmosphere, and not "
            "comparable with surface reflectance (level 2A)"
        )
    rows = _with_data(measured)
    n_rows = np.count_nonzero(rows)
    for name, values in measured.items():
        has = ~np.isnan(values) if name == bands.SCENE_CLASS else values > 0
        n_missing = n_rows - np.count_nonzero(has & rows)
        if name in (*bands.STANDARD_NAMES, bands.SCENE_CLASS) and n_missing > _MANY * n_rows:
            yield f"has no {name} in {n_missing:,} of {n_rows:,} rows that have other bands"


def _check_indices(measured: Mapping[str, NDArray[np.float64]], path: Path) -> None:
    """Check indices against their bands, or their range."""
    for name, values in measured.items():
        if bands.is_index(name) and (fault := band_values.index_fault(name, values, measured)):
            raise DataError(
                f"{path} has for {name} {fault}; correct the column, or leave it out: an index is computed "
                f"from its bands"
            )


def _refuse(column: pd.Series[Any], bad: NDArray[np.bool_], path: Path, expected: str) -> None:
    """Raise a `DataError` that shows the first bad value, if there is one."""
    if value := columns.first_bad(column, bad):
        raise DataError(
            f"{path} has {value.text} for {column.name} in line {value.row + 2}{value.more}; expected "
            f"{expected}"
        )
