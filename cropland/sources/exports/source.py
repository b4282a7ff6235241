"""Exports on disk, in the layout of the original study, read once into an archive.

Several exports of a country are read as one (`file` reads each, `rows` joins them). The points
files beside them say where the points are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cropland.config.groups import Paths
from cropland.config.sources import Files
from cropland.errors import DataError
from cropland.observations import archive, point_counts, point_ids, points, ragged_array
from cropland.observations.baseline_offset import FIRST_DAY, MOST_POINTS
from cropland.sources.exports import file, places, rows
from cropland.sources.exports.file import SUFFIXES, Export, ExportRows
from cropland.support import reading
from cropland.support.words import command_line, some
from cropland.untrusted import documents

if TYPE_CHECKING:
    import xarray as xr

    from cropland.config.countries import Country
    from cropland.observations.archive import Archive


_DATES = re.compile("([0-9-]{10})_([0-9-]{10})")


def exports(source: Files, folder: Path, country: Country) -> list[Export]:
    """Find the exports of a country, by name.

    Raises
    ------
    DataError
        No folder, no export of the country, the same export in two formats, one that is no file, whose
        dates are none or whose name has more than these, as a browser's second copy.
    """
    layout = f"{source.prefix}_{country.title}_<start>_<end>.csv"
    if not folder.is_dir():
        raise DataError(
            f"expected a folder with exports at {folder}, there is none; set paths.data"
        )
    pattern = re.compile(
        rf"{re.escape(source.prefix)}_{re.escape(country.title)}_([\d-].*?)"
        rf"({'|'.join(map(re.escape, SUFFIXES))})",
        re.IGNORECASE,
    )
    by_stem: dict[str, Export] = {}
    for path in sorted(folder.iterdir()):
        match = pattern.fullmatch(path.name)
        if not match:
            continue
        dates = _DATES.fullmatch(match[1])
        if not dates:
            raise DataError(
                f"{path} looks like an export of {country.name}, but its name does not end in two dates; "
                f"expected {layout}: rename it, or move it elsewhere if it is a copy"
            )
        stem = path.name.removesuffix(match[2])
        if stem in by_stem:
            raise DataError(
                f"{folder} has both {by_stem[stem].path.name} and {path.name}; keep one"
            )
        by_stem[stem] = _export(path, dates[1], dates[2])
    if not by_stem:
        raise DataError(
            f"no archive of {country.name}: expected exports named {layout} in {folder}, found none; "
            f"put them there, set paths.data=FOLDER, or fetch the observations: "
            f"{command_line('download', 'source=stac', f'country={country.name}')}"
        )
    return list(by_stem.values())


def _export(path: Path, start: str, end: str) -> Export:
    _check_file(path, "put the export there, or rename it")
    try:
        export = Export(path, date.fromisoformat(start), date.fromisoformat(end))
    except ValueError as error:
        raise DataError(
            f"{path} is named by dates that are none ({error}); name it by the days that it covers"
        ) from error
    if export.last < export.first:
        raise DataError(f"{path} ends before it starts, by its name; name it by the days it covers")
    return export


def _check_file(path: Path, remedy: str) -> None:
    """Check what is known of a file before all of it is read for its hash."""
    reading.check_file(path, remedy)
    if path.suffix.lower() == ".csv":
        try:
            documents.check_lines(path)
        except (ValueError, OSError) as error:
            raise DataError(f"{path} cannot be read as CSV: {error}; {remedy}") from error


def inputs(source: Files, paths: Paths, country: Country) -> list[object]:
    """Return all that decides the archive: settings, files by name and content, and the country's box."""
    folder = Path(paths.data)
    tables = [folder / source.labelled, folder / source.unlabelled]
    files = [part for e in exports(source, folder, country) for part in (e.path.name, e.path)]
    points_files = [path for path in tables if reading.is_file(path)]
    for path in points_files:
        _check_file(path, "set paths.data")
    return [country.box, source.scale, source.remove_offset, *files, *points_files]


def fill(source: Files, paths: Paths, country: Country) -> xr.Dataset:
    """Read a country's exports and points into the ragged layout of `cropland.observations.archive`."""
    files = points.read_files(paths.data, source.labelled, source.unlabelled)
    table, facts = point_counts.points_of_country(files, country)
    return observations_of(source, paths, country, table).assign_attrs(facts)


def read_exports(
    folder: Path | str,
    country: Country,
    *,
    prefix: str = "COPERNICUS_S2_SR_HARMONIZED",
    labelled: str = "Train.csv",
    unlabelled: str = "Test.csv",
    scale: float = 1.0,
    remove_offset: bool = False,
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
    scale : float
        What makes digital numbers of the bands' values: 10,000 for reflectance.
    remove_offset : bool
        Take 1000 off the bands of rows from 2022-01-25 on, in files that carry the offset of processing
        baseline 04.00.

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
    source = Files("files", prefix, labelled, unlabelled, scale, remove_offset)
    paths = Paths(data=str(folder), archive="", runs="")  # only the first is read
    return archive.in_memory(fill(source, paths, country), source.name, country.name)


def observations_of(
    source: Files, paths: Paths, country: Country, table: pd.DataFrame
) -> xr.Dataset:
    """Read the observations of some points from a country's exports."""
    files = exports(source, Path(paths.data), country)
    parts = [file.read(export, source.scale) for export in files]
    wanted = [part.of_points(table["ID"]) for part in parts]
    observed = (name for part in parts for name in part.table["ID"].unique())
    if len(table) and not any(len(part.table) for part in wanted):
        unknown = point_ids.compare(table["ID"], table["ID"], observed)
        raise DataError(
            f"the exports of {country.name} have no observation of its {len(table)} points: the points are "
            f"{some(table['ID'], 3)}; {unknown or 'the exports have no row'}; the ID of a point must be the "
            f"same in both"
        )
    notes = places.check(wanted, table)
    joined = rows.join(wanted, remove_offset=source.remove_offset, sample=_offset_sample(parts))
    joined.notes += [*notes, *places.copies(joined.table, joined.measured, table)]
    columns = {str(name): column.to_numpy() for name, column in joined.table.items()}
    where, time = columns.pop("point"), columns.pop("time")
    columns = {name: ragged_array.packed(name, values) for name, values in columns.items()}
    dataset = ragged_array.from_rows(table, where, time, columns)
    without = table["ID"][dataset["row_size"].to_numpy() == 0]
    return dataset.assign_attrs(
        time_coverage_start=min(export.first for export in files).isoformat(),
        time_coverage_end=max(export.last for export in files).isoformat(),
        files=[export.path.name for export in files],
        unknown_ids=point_ids.compare(without, table["ID"], observed),
        **joined.attributes,
    )


def _offset_sample(parts: Sequence[ExportRows]) -> list[ExportRows] | None:
    """Return the rows of some points of all files, None where no file has days that may carry the offset."""
    if all(np.datetime64(part.export.last) < FIRST_DAY for part in parts):
        return None
    ids = np.unique(np.concatenate([part.table["ID"].unique() for part in parts]).astype(str))
    chosen = pd.Series(ids[:: 1 + len(ids) // MOST_POINTS])
    return [part.of_points(chosen) for part in parts]
