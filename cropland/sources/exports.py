"""Exports on disk, in the layout of the original study, read once into an archive.

An export is ``<prefix>_<Country>_<start>_<end>.csv`` (or ``.csv.gz``, ``.parquet``): one row an
observation, ``ID``, ``Timestamp`` and a column a band, in any order; ``start`` and ``end`` are dates, both
included. Several exports of a country are read as one. The points files beside them say where the points
are: coordinates in an export are ignored, since exports round them.

Columns that are no band are kept where an archive can hold them: plain names, numbers or short texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.config.groups import Paths
from cropland.config.sources import Files
from cropland.errors import DataError
from cropland.observations import archive, band_values, bands, points, ragged_array
from cropland.support import columns, reading
from cropland.support.words import some

if TYPE_CHECKING:
    import xarray as xr

    from cropland.config.countries import Country
    from cropland.observations.archive import Archive

SUFFIXES = (".csv", ".csv.gz", ".parquet")
_REMEDY = "export it again"
_NEEDED = ("ID", "Timestamp")
_OF_POINTS = frozenset(
    ("Lat", "Lon", "Target", "row_size", "time", "point", "observation", "image")
)
"""What an archive has from its points, or calls its own."""
_PLAIN = re.compile(r"[A-Za-z][\w:.-]{0,99}", re.ASCII)
"""A column becomes a folder of the archive: nothing in its name may lead out of that."""
_LONGEST_TEXT = 200


@dataclass(frozen=True)
class Export:
    """One export file of a country: where it is and the days that it covers, both included."""

    path: Path
    first: date
    last: date


def exports(source: Files, folder: Path, country: Country) -> list[Export]:
    """Find the exports of a country, by name.

    Raises
    ------
    DataError
        No folder, no export of the country, the same export in two formats, one that is no file, or whose
        dates are none.
    """
    layout = f"{source.prefix}_{country.title}_<start>_<end>.csv"
    if not folder.is_dir():
        raise DataError(
            f"expected a folder with exports at {folder}, there is none; set paths.data"
        )
    pattern = re.compile(
        rf"{re.escape(source.prefix)}_{re.escape(country.title)}_([0-9-]{{10}})_([0-9-]{{10}})"
        rf"({'|'.join(map(re.escape, SUFFIXES))})",
        re.IGNORECASE,
    )
    by_stem: dict[str, Export] = {}
    for path in sorted(folder.iterdir()):
        match = pattern.fullmatch(path.name)
        if not match:
            continue
        stem = path.name.removesuffix(match[3])
        if stem in by_stem:
            raise DataError(
                f"{folder} has both {by_stem[stem].path.name} and {path.name}; keep one"
            )
        by_stem[stem] = _export(path, match[1], match[2])
    if not by_stem:
        raise DataError(
            f"no archive of {country.name}: expected exports named {layout} in {folder}, found none; "
            f"set paths.data=FOLDER, or try source=simulated, which needs no data"
        )
    return list(by_stem.values())


def _export(path: Path, start: str, end: str) -> Export:
    reading.check_file(path, "put the export there, or rename it")
    try:
        export = Export(path, date.fromisoformat(start), date.fromisoformat(end))
    except ValueError as error:
        raise DataError(
            f"{path} is named by dates that are none ({error}); name it by the days that it covers"
        ) from error
    if export.last < export.first:
        raise DataError(f"{path} ends before it starts, by its name; name it by the days it covers")
    return export


def inputs(source: Files, paths: Paths, country: Country) -> list[object]:
    """Return all that decides the archive: the files by content, and the country's box."""
    folder = Path(paths.data)
    tables = [folder / source.labelled, folder / source.unlabelled]
    files = [export.path for export in exports(source, folder, country)]
    points_files = [path for path in tables if reading.is_file(path)]
    for path in points_files:
        reading.check_file(path, "set paths.data")
    return [country.box, *files, *points_files]


def fill(source: Files, paths: Paths, country: Country) -> xr.Dataset:
    """Read a country's exports and points into the ragged layout of `cropland.observations.archive`."""
    everywhere = points.read_points(paths.data, source.labelled, source.unlabelled)
    return observations_of(source, paths, country, points.inside(everywhere, country.box))


def read_exports(
    folder: Path | str,
    country: Country,
    *,
    prefix: str = "COPERNICUS_S2_SR_HARMONIZED",
    labelled: str = "Train.csv",
    unlabelled: str = "Test.csv",
) -> Archive:
    """Read a country's exports and points into an archive in memory; nothing is written.

    Parameters
    ----------
    folder : Path or str
        Where the exports are, ``<prefix>_<Country>_<start>_<end>.csv``, with the points files beside them.
    country : Country
        Its title is the one in the names of the exports; points outside its box are left out.
    prefix : str
        What the names of the exports begin with.
    labelled, unlabelled : str
        Names of the points files; the second may be missing.

    Returns
    -------
    Archive
        All observations of the points.

    Raises
    ------
    DataError
        No export of the country, or a file that is not what it should be.

    Examples
    --------
    >>> archive = cropland.read_exports("exports", toyland)
    >>> archive.first, archive.last, archive.points.sizes["point"]
    (datetime.date(2019, 1, 1), datetime.date(2020, 12, 31), 80)
    """
    source = Files("files", prefix, labelled, unlabelled)
    paths = Paths(data=str(folder), archive="", runs="")  # only the first is read
    return archive.in_memory(fill(source, paths, country), source.name, country.name)


def observations_of(
    source: Files, paths: Paths, country: Country, table: pd.DataFrame
) -> xr.Dataset:
    """Read the observations of some points from a country's exports."""
    files = exports(source, Path(paths.data), country)
    every = pd.concat([_rows(export) for export in files], ignore_index=True)
    rows = every[every["ID"].isin(table["ID"])]
    if len(table) and not len(rows):
        has = f"rows of {some(every['ID'].unique(), 3)}" if len(every) else "no row"
        raise DataError(
            f"the exports of {country.name} have no observation of its {len(table)} points: the points are "
            f"{some(table['ID'], 3)}, the exports have {has}; the ID of a point must be the same in both"
        )
    dataset = ragged_array.from_table(table, rows)
    return dataset.assign_attrs(
        time_coverage_start=min(export.first for export in files).isoformat(),
        time_coverage_end=max(export.last for export in files).isoformat(),
        files=[export.path.name for export in files],
    )


def _rows(export: Export) -> pd.DataFrame:
    """Read one export: ``ID``, ``time`` and its other columns but the coordinates."""
    path = export.path
    table = (
        reading.read_parquet(path, _REMEDY)
        if path.suffix.lower() == ".parquet"
        else reading.read_csv(path, _REMEDY, dtype={"ID": str, "Timestamp": str})
    )
    missing = [name for name in _NEEDED if name not in table]
    if missing:
        raise DataError(
            f"{path} needs the columns ID, Timestamp and bands; it has {some(table.columns)}: "
            f"add {', '.join(missing)}"
        )
    rows = {"ID": _ids(table["ID"], path), "time": _times(table["Timestamp"], export)}
    for name in table.columns.difference(["Timestamp", *rows], sort=False):
        kept = _kept(table[name], path)
        if kept is not None:
            rows[str(name)] = kept
    return pd.DataFrame(rows)


def _ids(column: pd.Series[Any], path: Path) -> pd.Series[str]:
    """Read IDs as the text that points files have, also where Parquet knows them as whole numbers."""
    if isinstance(column.dtype, pd.StringDtype):
        return column
    plain = [isinstance(value, (str, int, np.integer)) for value in column]
    _refuse(column, ~np.array(plain, dtype=bool), path, "a text or a whole number")
    return columns.as_text(column)


def _times(column: pd.Series[Any], export: Export) -> pd.Series[pd.Timestamp]:
    times = columns.iso_times(column)
    if value := columns.first_bad(column, times.isna()):
        raise DataError(
            f"{export.path} has unreadable dates: Timestamp {value.text} in line {value.row + 2}"
            f"{value.more}; write them like 2019-07-16 or 2019-07-16 08:05:11"
        )
    outside = ~times.dt.date.between(export.first, export.last).to_numpy()
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise DataError(
            f"{export.path} has {int(outside.sum())} rows outside the dates of its name, the first "
            f"{column.iloc[row]} in line {row + 2}; name the file by the dates that it covers"
        )
    return times


def _kept(column: pd.Series[Any], path: Path) -> pd.Series[Any] | None:
    """Check a column, None where an archive cannot hold it; a band is always checked."""
    name = str(column.name)
    if name in bands.STANDARD_NAMES or name == bands.SCENE_CLASS or bands.is_index(name):
        return _measured(column, path)
    if name in _OF_POINTS or not _PLAIN.fullmatch(name):
        return None
    if pd.api.types.is_numeric_dtype(column):
        return column
    text = columns.as_text(column)
    return text if not len(text) or text.str.len().max() <= _LONGEST_TEXT else None


def _measured(column: pd.Series[Any], path: Path) -> pd.Series[Any]:
    """Return a band, index or scene class as numbers, NaN where there is nothing; check each value."""
    numbers = band_values.numbers(column)
    no_number = np.isnan(numbers) & column.notna().to_numpy()
    _refuse(column, no_number | np.isinf(numbers), path, "a number or nothing")
    numbers, _ = band_values.without_fill(str(column.name), numbers)
    possible, expected = band_values.possible(str(column.name), numbers)
    _refuse(column, ~possible, path, expected)
    return pd.Series(numbers, column.index)


def _refuse(column: pd.Series[Any], bad: NDArray[np.bool_], path: Path, expected: str) -> None:
    """Raise a `DataError` that shows the first bad value, if there is one."""
    if value := columns.first_bad(column, bad):
        raise DataError(
            f"{path} has {value.text} for {column.name} in line {value.row + 2}{value.more}; expected "
            f"{expected}"
        )
