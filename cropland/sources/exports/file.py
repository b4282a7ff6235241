"""One export on disk: its columns by their names, its numbers checked, file by file and row by row.

An export is ``<prefix>_<Country>_<start>_<end>.csv`` (or ``.csv.gz``, ``.parquet``): one row an
observation, ``ID``, ``Timestamp`` and a column a band, in any order; ``start`` and ``end`` are dates, both
included. Bands have any name that `observations.bands.band_of` knows; moments are ISO 8601, or milliseconds
since 1970 as Earth Engine's tables have them (``system:time_start``). Coordinates are compared with
those of the points files (`places`), and not kept.

Columns that are no band are kept where an archive can hold them: plain names, numbers or short texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations import bands
from cropland.observations.baseline_offset import FIRST_DAY
from cropland.sources.exports import numbers, places
from cropland.support import columns, reading
from cropland.support.words import some

SUFFIXES = (".csv", ".csv.gz", ".parquet")
_REMEDY = "export it again"
_POINT, _MOMENT = ("id",), ("timestamp", "system:time_start", "datetime", "date", "time")
"""Names of the columns of a row's point and moment, the first that is there, in any case."""
_OF_POINTS = frozenset(("Target", "row_size", "time", "point", "observation", "image"))
"""What an archive has from its points, or calls its own."""
_PLAIN = re.compile(r"[A-Za-z][\w:.-]{0,99}", re.ASCII)
"""A column becomes a folder of the archive: nothing in its name may lead out of that."""
_LONGEST_TEXT = 200
_MANY_DAYS = 60
"""Without any row at an end of a file; monthly means leave out half a month there."""
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
    coordinates : tuple of ndarray of float64, shape (row,), optional
        Where the rows are: latitude and longitude in degrees, where the file says so.
    """

    export: Export
    table: pd.DataFrame
    n_fill_values: int
    notes: tuple[str, ...]
    coordinates: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    def of_points(self, ids: pd.Series[str]) -> ExportRows:
        """Return the rows of some points, with ``point``, the position among these, in place of ``ID``."""
        codes, different = pd.factorize(self.table["ID"])  # a point has many rows
        point = pd.Index(ids).get_indexer(pd.Index(different))[codes]
        table = self.table.drop(columns="ID").assign(point=point)
        wanted = point >= 0
        if wanted.all():
            return replace(self, table=table)
        places = self.coordinates and (self.coordinates[0][wanted], self.coordinates[1][wanted])
        return replace(self, table=table[wanted], coordinates=places)


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
        else reading.read_csv(path, _REMEDY, text=(*_POINT, *_MOMENT))  # an ID keeps its zeros
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
            values, n_fill_here = numbers.measured(given[column], name, path, scale)
            n_fill += n_fill_here
            if not len(values) or not np.isnan(values).all():
                measured[name] = rows[name] = values
        elif (kept := _kept(given[column])) is not None:
            rows[str(column)] = kept
    numbers.check_unit(measured, rows["ID"], path)
    numbers.check_indices(measured, path)
    before = rows["time"] < FIRST_DAY
    doubts = [*numbers.doubts(measured, given, before), *_days_without_rows(rows["time"], export)]
    notes = [f"{path.name} {doubt}" for doubt in doubts]
    if n_fill:
        notes.append(f"{path.name}: {n_fill:,} values below 0 or above 32,766 are read as no data")
    return ExportRows(export, pd.DataFrame(rows), n_fill, tuple(notes), places.coordinates(given))


def _days_without_rows(times: NDArray[np.datetime64], export: Export) -> Iterator[str]:
    """Yield where a file has no rows for long at its beginning or end, by the dates of its name."""
    if not len(times):
        return
    first, last = (moment.astype("datetime64[D]").item() for moment in (times.min(), times.max()))
    if (export.last - last).days > _MANY_DAYS:
        yield f"has no row after {last}, and is named to {export.last}: these days are not observed"
    if (first - export.first).days > _MANY_DAYS:
        yield f"has no row before {first}, and is named from {export.first}: these days are not observed"


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
    numbers.refuse(column, ~np.array(plain, dtype=bool), path, "a text or a whole number")
    return columns.as_text(column)


def _times(column: pd.Series[Any], export: Export) -> NDArray[np.datetime64]:
    """Read moments, each different one once: those of many points are the same."""
    hashable = columns.as_text(column) if column.dtype == object else column
    codes, different = pd.factorize(hashable, use_na_sentinel=False)
    moments = _moments(pd.Series(different, name=column.name))
    times = moments.to_numpy()[codes]
    if value := columns.first_bad(column, np.isnat(times)):
        line = reading.line_of(export.path, column.index[value.row])
        raise DataError(
            f"{export.path} has unreadable dates: {column.name} {value.text} in line {line}{value.more}; "
            f"write them like 2019-07-16 or 2019-07-16 08:05:11"
        )
    within = moments.dt.date.between(export.first, export.last).to_numpy()
    if not within.all():
        outside = np.flatnonzero(~within[codes])
        line = reading.line_of(export.path, column.index[outside[0]])
        raise DataError(
            f"{export.path} has {len(outside)} rows outside the dates of its name, the first "
            f"{column.iloc[outside[0]]} in line {line}; name the file by the dates that it covers"
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
    if name in _OF_POINTS or name.lower() in places.COLUMNS or not _PLAIN.fullmatch(name):
        return None
    if pd.api.types.is_numeric_dtype(column):
        return column
    text = columns.as_text(column)
    return text if not len(text) or text.str.len().max() <= _LONGEST_TEXT else None
