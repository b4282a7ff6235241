"""Exports on disk, in the layout of the original study, read once into an archive.

An export is ``<prefix>_<Country>_<start>_<end>.csv`` (or ``.csv.gz``, ``.parquet``): one row an
observation, ``ID``, ``Timestamp`` and a column a band, in any order; ``start`` and ``end`` are dates, both
included. Several exports of a country are read as one. The points files beside them say where the points
are: coordinates in an export are ignored, since exports round them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cropland import archive, points
from cropland.bands import SCENE_CLASS, STANDARD_NAMES, is_index
from cropland.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

    from cropland.config import Files, Paths
    from cropland.countries import Country

SUFFIXES = (".csv", ".csv.gz", ".parquet")


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
        No folder, no export of the country, or the same export in two formats.
    """
    layout = f"{source.prefix}_{country.title}_<start>_<end>.csv"
    if not folder.is_dir():
        raise DataError(
            f"expected a folder with exports at {folder}, there is none; set paths.data"
        )
    pattern = re.compile(
        rf"{re.escape(source.prefix)}_{re.escape(country.title)}_(\d{{4}}-\d\d-\d\d)_(\d{{4}}-\d\d-\d\d)"
        rf"({'|'.join(map(re.escape, SUFFIXES))})",
        re.IGNORECASE,
    )
    found: dict[str, Export] = {}
    for path in sorted(folder.iterdir()):
        match = pattern.fullmatch(path.name)
        if not match:
            continue
        stem = path.name.removesuffix(match[3])
        if stem in found:
            raise DataError(f"{folder} has both {found[stem].path.name} and {path.name}; keep one")
        found[stem] = Export(path, date.fromisoformat(match[1]), date.fromisoformat(match[2]))
    if not found:
        raise DataError(
            f"no archive of {country.name}: expected exports named {layout} in {folder}, found none; "
            f"set paths.data=FOLDER, or try source=simulated, which needs no data"
        )
    return list(found.values())


def inputs(source: Files, paths: Paths, country: Country) -> list[object]:
    """Give all that decides the archive: the files by content, and the country's box."""
    folder = Path(paths.data)
    tables = [folder / source.labelled, folder / source.unlabelled]
    found = [export.path for export in exports(source, folder, country)]
    return [country.box, *found, *(path for path in tables if path.is_file())]


def fill(source: Files, paths: Paths, country: Country) -> xr.Dataset:
    """Read a country's exports and points into the ragged layout of `cropland.archive`."""
    everywhere = points.of_folder(Path(paths.data), source.labelled, source.unlabelled)
    table = points.inside(everywhere, country.box)
    return observations_of(source, paths, country, table)


def unlabelled(source: Files, paths: Paths) -> pd.DataFrame:
    """Read the unlabelled points of every country, in the order of their file."""
    return points.read(Path(paths.data) / source.unlabelled, labelled=False)


def observations_of(
    source: Files, paths: Paths, country: Country, table: pd.DataFrame
) -> xr.Dataset:
    """Read the observations of some points from a country's exports."""
    found = exports(source, Path(paths.data), country)
    rows = pd.concat([_rows(export) for export in found], ignore_index=True)
    dataset = archive.ragged(table, rows[rows["ID"].isin(table["ID"])])
    return dataset.assign_attrs(
        time_coverage_start=min(export.first for export in found).isoformat(),
        time_coverage_end=max(export.last for export in found).isoformat(),
        files=[export.path.name for export in found],
    )


def _rows(export: Export) -> pd.DataFrame:
    """Read one export: ``ID``, ``time`` and its other columns but the coordinates."""
    path = export.path
    try:
        rows = (
            pd.read_parquet(path)
            if path.suffix == ".parquet"
            else pd.read_csv(path, dtype={"ID": str})
        )
    except (ValueError, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}; export it again") from error
    missing = [name for name in ("ID", "Timestamp") if name not in rows]
    if missing:
        raise DataError(
            f"{path} needs the columns ID, Timestamp and bands; it has "
            f"{', '.join(map(str, rows.columns))}: add {', '.join(missing)}"
        )
    rows["time"] = _times(rows["Timestamp"], export)
    rows = rows.drop(columns=["Timestamp", "Lat", "Lon"], errors="ignore")
    for name in rows.columns.difference(["ID", "time"]):
        _check_values(rows[name], path)
    return rows


def _times(column: pd.Series[str], export: Export) -> pd.Series[pd.Timestamp]:
    if pd.api.types.is_numeric_dtype(column):
        column = column.astype(
            str
        )  # a bare number is no date, and pandas would make it one of 1970
    times = pd.to_datetime(column, format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None)
    bad = times.isna().to_numpy()
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{export.path} has unreadable dates: Timestamp {str(column.iloc[row])!r} in line {row + 2} and "
            f"{int(bad.sum()) - 1} more; write them like 2019-07-16 or 2019-07-16 08:05:11"
        )
    outside = ~times.dt.date.between(export.first, export.last).to_numpy()
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise DataError(
            f"{export.path} has {int(outside.sum())} rows outside the dates of its name, the first "
            f"{column.iloc[row]} in line {row + 2}; name the file by the dates that it covers"
        )
    return times


def _check_values(column: pd.Series[float], path: Path) -> None:
    """Refuse what is no number in a band; other columns are kept as they are."""
    name = str(column.name)
    if not (name in STANDARD_NAMES or name == SCENE_CLASS or is_index(name)):
        return
    numbers = pd.to_numeric(column, errors="coerce")
    bad = (numbers.isna() & column.notna()) | np.isinf(numbers)
    if bad.any():
        row = int(np.flatnonzero(bad.to_numpy())[0])
        raise DataError(
            f"{path} has {str(column.iloc[row])!r} for {name} in line {row + 2}; expected a number or nothing"
        )
