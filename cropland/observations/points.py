"""Points files: read, validated, and parted by country.

Contract of the table that every function here returns: one row a point, columns ``ID`` (str, unique),
``Lat`` and ``Lon`` (float64, degrees, WGS 84), ``Target`` (int8: 1 cropland, 0 not, -1 unlabelled).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cropland.errors import DataError
from cropland.observations import point_ids
from cropland.support import columns
from cropland.support.reading import check_columns, is_file, rows_of
from cropland.support.words import some

if TYPE_CHECKING:
    from cropland.config.countries import Box, Country

UNLABELLED = -1
COLUMNS = ("ID", "Lat", "Lon", "Target")
_RELABEL = "write 1 for cropland and 0 for anything else"
_REMEDY = "save it as UTF-8 CSV"
_VECTORS = (".geojson", ".json", ".gpkg", ".parquet", ".geoparquet")
_NO_POINTS_FILES = (".shp", ".zip", ".kml", ".kmz", ".gpx", ".xlsx", ".xls", ".ods")


def read(path: Path, *, labelled: bool) -> pd.DataFrame:
    """Read and validate a points file.

    Parameters
    ----------
    path : Path
        A table with columns ``ID, Lat, Lon`` and, where `labelled`, ``Target``; others are ignored. A name
        may be in another case (``id``) where only one column has it. CSV with commas, semicolons or tabs
        between cells, and with decimal points or commas; or GeoJSON, GeoPackage or Parquet, with points in
        any CRS. IDs are kept as they are written. Rows of blank cells are passed over.
    labelled : bool
        Whether the file must bring labels; without, every ``Target`` is -1.

    Raises
    ------
    DataError
        No such file, none that is a table, a missing column, an ID that is empty, there twice, very long or
        has control characters, coordinates that are not numbers or out of range, labels other than 0 and 1.
    """
    return _read(path, labelled=labelled)[0]


def _read(path: Path, *, labelled: bool) -> tuple[pd.DataFrame, int]:
    """Read a points file; return its points, and how many rows of blank cells it has."""
    _check_there(path, "paths.data to its folder")
    given = _table(path, COLUMNS if labelled else COLUMNS[:3])
    blank = (given == "").all(axis=1).to_numpy()
    table = given[~blank].copy()
    for name in table.columns.drop("ID"):
        table[name] = table[name].str.strip()
    if not labelled:
        table["Target"] = UNLABELLED
    labels = (0, 1) if labelled else (UNLABELLED,)
    return _validated(table, path, labels=labels), int(blank.sum())


def _check_there(path: Path, remedy: str) -> None:
    if not is_file(path):
        is_there = os.path.exists(path)  # noqa: PTH110 - that of a path fails for very long names
        what = "what is there is no regular file" if is_there else "there is none"
        raise DataError(f"expected a points file at {path}, {what}; set {remedy}")
    if path.suffix.lower() in _NO_POINTS_FILES:
        raise DataError(
            f"{path} is no points file that can be read; save it as CSV, GeoJSON, GeoPackage or Parquet"
        )


def _table(path: Path, wanted: Sequence[str]) -> pd.DataFrame:
    """Read some columns of a points file as text; the index is the line, or the feature, of each row."""
    if path.suffix.lower() in _VECTORS:
        from cropland.support import vector_files  # heavy: PROJ and GEOS

        table = vector_files.read(path, "export it again, or save it as CSV")
        names = _names([str(name) for name in table.columns], wanted, path)
        text = {name: vector_files.text_of(table[given]) for name, given in names.items()}
        return pd.DataFrame(text, table.index, dtype="str")
    rows = rows_of(path, _REMEDY)
    header = next(rows, (1, []))[1]
    if not header:
        raise DataError(f"{path} cannot be read as CSV: it is empty; {_REMEDY}")
    names = _names(header, wanted, path)
    at = [header.index(given) for given in names.values()]
    numbered = [(line, [cells[position] for position in at]) for line, cells in rows]
    lines = pd.Index([line for line, _ in numbered], dtype=np.int64, name="line")
    return pd.DataFrame([cells for _, cells in numbered], lines, list(names), dtype="str")


def _names(header: Sequence[str], wanted: Sequence[str], path: Path) -> dict[str, str]:
    """Return a file's own name of each column that is wanted, in any case."""
    alike = {name: [given for given in header if given.lower() == name.lower()] for name in wanted}
    for name, given in alike.items():
        if len(set(given)) > 1:
            raise DataError(f"{path} has {name} twice, as {' and as '.join(given)}; keep one")
    names = {name: given[0] for name, given in alike.items() if given}
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DataError(
            f"{path} needs the columns {', '.join(wanted)}; it has {some(header)}: add {', '.join(missing)}"
        )
    check_columns([name for name in header if name in names.values()], path)
    return names


def read_given(path: Path) -> pd.DataFrame:
    """Read the points of a file that a command was given.

    Raises
    ------
    DataError
        There is no such file, or no point in it; and as `read` does.
    """
    _check_there(path, "points to a file of points")
    table = read(path, labelled=False)
    if table.empty:
        raise DataError(f"{path} has no points; add a line of ID,Lat,Lon for each")
    return table


def read_points(
    folder: Path | str, labelled: str = "Train.csv", unlabelled: str = "Test.csv"
) -> pd.DataFrame:
    """Read the points files of a folder: the labelled one, and the unlabelled one where there is one.

    Parameters
    ----------
    folder : Path or str
        Where they are.
    labelled, unlabelled : str
        Their names: CSV, GeoJSON, GeoPackage or Parquet with ``ID, Lat, Lon`` and, for the first, ``Target``.

    Returns
    -------
    DataFrame
        One row a point: ``ID`` str, unique; ``Lat`` and ``Lon`` float64, degrees (WGS 84); ``Target`` int8,
        1 cropland, 0 not, -1 unlabelled.

    Raises
    ------
    DataError
        As `read` does, and where an ID is in both files.

    Examples
    --------
    >>> points = cropland.read_points("exports")
    >>> points["Target"].value_counts().sort_index().to_dict()
    {-1: 20, 0: 30, 1: 30}
    """
    return read_files(folder, labelled, unlabelled).table


@dataclass(frozen=True, eq=False)
class PointsFiles:
    """The points files of a folder.

    Attributes
    ----------
    paths : tuple of Path
        The labelled one, and the unlabelled one where there is one.
    table : DataFrame
        Their points, by the contract above.
    empty_rows : int
        Rows of blank cells, which are passed over.
    """

    paths: tuple[Path, ...]
    table: pd.DataFrame
    empty_rows: int


def read_files(folder: Path | str, labelled: str, unlabelled: str) -> PointsFiles:
    """Read the points files of a folder, as `read_points` does."""
    first, second = Path(folder) / labelled, Path(folder) / unlabelled
    read = [(first, *_read(first, labelled=True))]
    if os.path.lexists(second):  # a pipe of that name is an error
        read.append((second, *_read(second, labelled=False)))
    table = join_tables((path, table) for path, table, _ in read)
    return PointsFiles(tuple(path for path, *_ in read), table, sum(empty for *_, empty in read))


def join_tables(tables: Iterable[tuple[Path, pd.DataFrame]]) -> pd.DataFrame:
    """Join points files into one table; an ID may stand in one file only."""
    named = list(tables)
    table = pd.concat([t.assign(file=path.name) for path, t in named], ignore_index=True)
    twice = table[table["ID"].duplicated(keep=False)]
    if len(twice):
        first = twice.iloc[0]["ID"]
        files = " and ".join(twice.loc[twice["ID"] == first, "file"])
        raise DataError(f"ID {first} is in {files}; keep each point in one file")
    return table.drop(columns="file")


def inside(table: pd.DataFrame, box: Box) -> pd.DataFrame:
    """Return the points within a box, edges included, in their order."""
    lat, lon = table["Lat"], table["Lon"]
    return table[_in_box(lat, lon, box)].reset_index(drop=True)


def _in_box(lat: pd.Series[float], lon: pd.Series[float], box: Box) -> pd.Series[bool]:
    within: pd.Series[bool] = lat.between(box.south, box.north) & lon.between(box.west, box.east)
    return within


def check_labels(targets: np.ndarray, country: Country, folds: int, *, why: str = "") -> None:
    """Check that a country's labels can be learnt and validated.

    Parameters
    ----------
    targets : ndarray of int, shape (point,)
        Labels of the points that can be used; of those on one pixel, one.
    country : Country
        Whose they are.
    folds : int
        How many points of each class there must be.
    why : str
        What became of the other labelled points, in words.

    Raises
    ------
    DataError
        No labelled point, one class only, or a class with fewer points than folds.
    """
    counts = [int((targets == label).sum()) for label in (0, 1)]
    cause = f" ({why})" if why else ""
    if not sum(counts) and why:
        raise DataError(
            f"no labelled point of {country.name} can be used: {why}; correct the points file, the exports, "
            f"or the box in conf/country/{country.name}.yaml"
        )
    if not sum(counts):
        raise DataError(
            f"expected labelled points in the box of {country.name} ({country.box}), found none; "
            f"check conf/country/{country.name}.yaml and the points file"
        )
    if not all(counts):
        raise DataError(
            f"{country.name} has labels of one class only ({max(counts)} × {int(counts[1] > 0)}); "
            f"add points of the other class{cause}"
        )
    if min(counts) < folds:
        raise DataError(
            f"{country.name} has {counts[1]} cropland and {counts[0]} other points, fewer than the {folds} "
            f"folds of a class; add points or set validation.folds={max(2, min(counts))}{cause}"
        )


def _validated(table: pd.DataFrame, path: Path, labels: tuple[int, ...]) -> pd.DataFrame:
    ids = table["ID"]
    _refuse(ids, ids.str.strip() == "", path, "an empty ID", "give each point its own ID")
    remedy = f"use at most {columns.LONGEST_ID} signs, and none of control"
    _refuse(ids, pd.Series(columns.no_id(ids), ids.index), path, "an ID that is none", remedy)
    point_ids.check_places(table, path)
    _refuse(ids, ids.duplicated(), path, "a duplicate ID", "keep each ID once")
    for name, limit in (("Lat", 90), ("Lon", 180)):
        # Neither can have thousands: a comma is a decimal one.
        numbers = pd.to_numeric(table[name].str.replace(",", "."), errors="coerce")
        what, remedy = f"a {name} outside -{limit}…{limit}", "write decimal degrees (WGS 84)"
        _refuse(table[name], ~numbers.between(-limit, limit), path, what, remedy)
        table[name] = numbers.astype(np.float64)
    targets = pd.to_numeric(table["Target"], errors="coerce")
    _refuse(table["Target"], ~targets.isin(labels), path, "a label other than 0 or 1", _RELABEL)
    table["Target"] = targets.astype(np.int8)
    return table[list(COLUMNS)].reset_index(drop=True)


def _refuse(
    column: pd.Series[Any], bad: pd.Series[bool], path: Path, what: str, remedy: str
) -> None:
    """Raise a `DataError` that shows the first bad value, if there is one, with its line or feature."""
    if value := columns.first_bad(column, bad):
        where = f"{column.index.name} {column.index[value.row]}"
        raise DataError(f"{path} has {what}: {value.text} in {where}{value.more}; {remedy}")
