"""Files that users wrote: CSV, Parquet and JSON, read once; what cannot be read is answered in one line."""

from __future__ import annotations

import csv
import gzip
import io
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
from pydantic import ValidationError

from cropland.errors import DataError
from cropland.support.words import some

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")
_UNREADABLE = (ValueError, OverflowError, OSError, EOFError, zlib.error, csv.Error)
"""What reading raises for content that is not what its name says."""


def is_file(path: Path) -> bool:
    """Return whether there is a file; a name that none can have is none, and neither is a pipe."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def check_file(path: Path, remedy: str) -> None:
    """Check that a path is a file, and can be read.

    Raises
    ------
    DataError
        It is a folder, a pipe, a device, a link to itself, or somebody else's.
    """
    if not is_file(path):
        raise DataError(f"{path} is no file; {remedy}")
    try:
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}; {remedy}") from error


def validated(path: Path, adapter: TypeAdapter[T], remedy: str) -> T:
    """Read a JSON file of ours, and check that it holds what it should.

    Raises
    ------
    DataError
        It cannot be read, is no JSON, or lacks something.
    """
    check_file(path, remedy)
    try:
        return adapter.validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its text"
        raise DataError(
            f"{path} does not hold what it should, see {where}: {first['msg']}; {remedy}"
        ) from error


def rows_of(path: Path, remedy: str) -> Iterator[tuple[int, list[str]]]:
    """Read the rows of a small CSV file, the header first: number of the line, and cells as text.

    Raises
    ------
    DataError
        It is no UTF-8 text or no CSV, or a row has more or fewer cells than the header.
    """
    width = 0
    try:
        packed = path.suffix.lower() == ".gz"
        with (
            gzip.open(path) if packed else path.open("rb") as stream,
            io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text,
        ):
            reader = csv.reader(text, strict=True)
            for cells in filter(None, reader):  # blank lines are none
                width = width or len(cells)
                if len(cells) < width or any(cells[width:]):
                    raise DataError(
                        f"{path} cannot be read as CSV: line {reader.line_num} has {len(cells)} cells, the "
                        f"header {width}; {remedy}"
                    )
                yield reader.line_num, cells[:width]
    except _UNREADABLE as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read as CSV: {why}; {remedy}") from error


def read_csv(path: Path, remedy: str, **how: Any) -> pd.DataFrame:
    """Read a large CSV file by pandas.

    Raises
    ------
    DataError
        It is no UTF-8 text or no CSV, a row has more cells than the header, or a column is there twice.
    """
    check_columns(next((cells for _, cells in rows_of(path, remedy)), []), path)
    try:
        with warnings.catch_warnings():
            # Rows that are longer than the header: pandas would warn, and cut them off.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            table: pd.DataFrame = pd.read_csv(path, index_col=False, **how)
    except (pd.errors.ParserWarning, *_UNREADABLE) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}; {remedy}") from error
    return table


def read_parquet(path: Path, remedy: str) -> pd.DataFrame:
    """Read a Parquet file by pandas.

    Raises
    ------
    DataError
        It is none, or a column is there twice.
    """
    import pyarrow as pa

    try:
        table = pd.read_parquet(path)
    except (pa.ArrowException, *_UNREADABLE) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}; {remedy}") from error
    check_columns(map(str, table.columns), path)
    return table


def check_columns(names: Iterable[str], path: Path) -> None:
    """Check that each column is there once.

    Raises
    ------
    DataError
        One is there more than once.
    """
    twice = sorted(name for name, count in Counter(names).items() if name and count > 1)
    if twice:
        raise DataError(f"{path} has the column {some(twice)} more than once; keep one")
