"""Exports as the original program reads them: rows in file order, moments as texts, every cell checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cropland.errors import DataError
from cropland.support import reading
from cropland.support.columns import first_bad

COLUMNS = ("B2", "B3", "B4", "B8", "Lon", "Lat", "NDVI", "SCL")
_STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?)?"
"""A date, with a time or without; Earth Engine's times are in milliseconds, and exports may show them."""


def read_exports(
    paths: Mapping[str, Path | Sequence[Path]], *, columns: Sequence[str] = COLUMNS
) -> dict[str, pd.DataFrame]:
    """Read the CSV exports of each country; several are put one after the other, as given.

    Returns
    -------
    dict of str to DataFrame
        For each country ``ID`` and ``Timestamp`` as text and `columns`, rows in file order.

    Raises
    ------
    DataError
        No such file, no CSV, a missing column or ID, a Timestamp of another shape, a value that is no number.
    """
    tables = {}
    for country, given in paths.items():
        files = [given] if isinstance(given, Path) else given
        if not files:
            raise DataError(f"expected an export of {country}, got none; name its files")
        tables[country] = pd.concat([_read(path, columns) for path in files], ignore_index=True)
    return tables


def _read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    wanted = ("ID", "Timestamp", *columns)
    if path.suffix == ".parquet":
        table = reading.read_parquet(path, "export it again")
        table = table[[name for name in table if name in wanted]]
    else:
        table = reading.read_csv(
            path, "export it again", ("id", "timestamp"), usecols=lambda name: name in wanted
        )
    check_export(table, str(path), columns)
    return table


def check_export(table: pd.DataFrame, where: str, columns: Sequence[str]) -> None:
    """Check that an export has every column, and no cell that cannot be used.

    Raises
    ------
    DataError
        It does not; the message begins with `where`.
    """
    missing = [name for name in ("ID", "Timestamp", *columns) if name not in table]
    if missing:
        raise DataError(
            f"{where} needs ID, Timestamp, {', '.join(columns)} and lacks {', '.join(missing)}; "
            f"export it again, or name fewer in bands.names"
        )
    refuse(table["ID"], table["ID"].isna(), where, "give every row the ID of its point")
    stamps = table["Timestamp"]
    texts = stamps
    if not isinstance(stamps.dtype, pd.StringDtype):
        texts = stamps.map(lambda stamp: stamp if isinstance(stamp, str) else "").astype(str)
    days = pd.to_datetime(texts.str[:10], format="%Y-%m-%d", errors="coerce")
    bad = ~texts.str.fullmatch(_STAMP) | days.isna()
    refuse(stamps, bad, where, "write texts like 2019-07-16 08:05:11 or 2019-07-16")
    for name in columns:
        numbers = pd.to_numeric(table[name], errors="coerce")
        bad = (numbers.isna() & table[name].notna()) | np.isinf(numbers)
        refuse(table[name], bad, where, "write a number or nothing")


def refuse(column: pd.Series[Any], bad: pd.Series[bool], where: str, remedy: str) -> None:
    """Raise a `DataError` that shows the first bad cell, if there is one."""
    if value := first_bad(column, bad):
        raise DataError(
            f"{where} has {column.name} {column.iloc[value.row]!r} in line {value.row + 2}{value.more}; "
            f"{remedy}"
        )
