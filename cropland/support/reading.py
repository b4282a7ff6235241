"""Reading: files that users wrote, looked at before a parser takes them into memory.

What is no file is not opened (a pipe would never end), what is no text, or explodes when it is unpacked, is
refused after the first block that shows it.
"""

from __future__ import annotations

import csv
import gzip
import io
import stat
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import pandas as pd
from pydantic import ValidationError

from cropland.errors import DataError
from cropland.support.words import some

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

MOST_COLUMNS = 1_000
"""Columns of an export: bands, indices and whatever else; each becomes an array of its own."""
LONGEST_LINE = 1 << 24
"""Bytes; 10⁵ columns with their names take a megabyte."""
_BLOCK = 1 << 20
_MOST_FOLD = 200
"""How much smaller than its content a compressed table can be: exports shrink by 5 to 20."""
_MOST_ROWS_A_BYTE = 20
"""Of Parquet: a row of one band takes some bytes, even of a few places and days."""
_SMALL_BYTES, _SMALL_ROWS = 1 << 26, 1_000_000
"""What may be compressed as far as it goes: it does no harm."""


def is_file(path: Path) -> bool:
    """Tell whether a file is there; a name that none can have is none, and neither is a pipe."""
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
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{path} is a folder, a pipe or a device; {remedy}")
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
    """Give the rows of a small CSV file, the header first: number of the line, and cells as text.

    Raises
    ------
    DataError
        It is no UTF-8 text or no CSV, or a row has more or fewer cells than the header.
    """
    check_text(path, remedy)
    width = 0
    try:
        with io.TextIOWrapper(_unpacked(path), encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, strict=True)
            for cells in filter(None, reader):  # blank lines are none
                width = width or len(cells)
                if len(cells) < width or any(cells[width:]):
                    raise DataError(
                        f"{path} cannot be read as CSV: line {reader.line_num} has {len(cells)} cells, the "
                        f"header {width}; {remedy}"
                    )
                yield reader.line_num, cells[:width]
    except (csv.Error, *_UNREADABLE) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}; {remedy}") from error


def read_csv(path: Path, remedy: str, **how: Any) -> pd.DataFrame:
    """Read a large CSV file by pandas.

    Raises
    ------
    DataError
        As `rows_of`; and a column that is there twice, or more than `MOST_COLUMNS`.
    """
    header: list[str] = next((cells for _, cells in rows_of(path, remedy)), [])
    check_columns(header, path)
    kind: Any = "gzip" if _is_packed(path) else None
    try:
        with warnings.catch_warnings():
            # Rows that are longer than the header: pandas would warn, and cut them off.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            table: pd.DataFrame = pd.read_csv(path, index_col=False, compression=kind, **how)
    except (pd.errors.ParserWarning, OverflowError, *_UNREADABLE) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}; {remedy}") from error
    return table


def read_parquet(path: Path, remedy: str) -> pd.DataFrame:
    """Read a Parquet file by pandas.

    Raises
    ------
    DataError
        It is none, or has more columns, or more rows for its size, than an honest one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        told = pq.read_metadata(path)
        if told.num_rows > max(_SMALL_ROWS, _MOST_ROWS_A_BYTE * path.stat().st_size):
            raise DataError(f"{path} says it has {told.num_rows} rows, more than its size holds")
        check_columns([str(name) for name in told.schema.to_arrow_schema().names], path)
        return pd.read_parquet(path)
    except (pa.ArrowException, MemoryError, *_UNREADABLE) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}; {remedy}") from error


def check_columns(names: list[str], path: Path) -> None:
    """Check that each column is there once, and that there are not more than anybody needs.

    Raises
    ------
    DataError
        It is not so.
    """
    if len(names) > MOST_COLUMNS:
        raise DataError(
            f"{path} has {len(names)} columns, more than {MOST_COLUMNS}; leave out what is no band"
        )
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise DataError(f"{path} has the column {some(twice)} more than once; keep one")


def check_text(path: Path, remedy: str) -> None:
    """Look through a file, and stop where it is no text: holes, a line without end, a bomb.

    Raises
    ------
    DataError
        What it is instead.
    """
    check_file(path, remedy)
    why = ""
    try:
        with _unpacked(path) as stream:
            why = _no_text(stream, path.stat().st_size if _is_packed(path) else None)
    except _UNREADABLE as error:
        why = str(error)
    if why:
        raise DataError(f"{path} cannot be read as CSV: {why}; {remedy}")


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _unpacked(path: Path) -> BinaryIO:
    opened: Any = gzip.GzipFile(path) if _is_packed(path) else path.open("rb")
    stream: BinaryIO = opened
    return stream


def _no_text(stream: BinaryIO, packed: int | None) -> str:
    """Say why a stream is no text; nothing where it is. `packed` is its size before it was unpacked."""
    read = line = 0
    while block := stream.read(_BLOCK):
        read += len(block)
        if b"\0" in block:
            return "it has NUL bytes, so it is no UTF-8 text, or was not written to its end"
        end = max(block.rfind(b"\n"), block.rfind(b"\r"))
        line = line + len(block) if end < 0 else len(block) - 1 - end
        if line > LONGEST_LINE:
            return f"it has a line of more than {LONGEST_LINE} bytes"
        if packed is not None and read > max(_SMALL_BYTES, _MOST_FOLD * packed):
            return f"it is more than {_MOST_FOLD} times as large when it is unpacked"
    return ""


_UNREADABLE = (ValueError, OSError, EOFError, zlib.error)
"""What reading raises for content that is not what its name says."""
