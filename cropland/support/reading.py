"""Files that users wrote: CSV, Parquet and JSON, read once; what cannot be read is answered in one line."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import pandas as pd
from pydantic import ValidationError

from cropland.errors import DataError
from cropland.support.words import some
from cropland.untrusted import documents
from cropland.untrusted.documents import LONGEST_LINE

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")
_UNREADABLE = (ValueError, OverflowError, OSError, EOFError, zlib.error, csv.Error)
"""What reading raises for content that is not what its name says."""
BUILT_OTHERWISE = (TypeError, KeyError, AttributeError, IndexError, RecursionError)
"""The same, of content that is built otherwise than its reader expects; their words are those of Python."""
_SEPARATORS = ",;\t"
"""Of equals the first counts."""
_SAMPLE_BYTES = 65_536
_MOST_ROWS, _MOST_CELLS = 30_000_000, 500_000_000
"""Of a Parquet file, which says of itself how many it has: equal ones take no place on the disk."""
_MOST_JSON_BYTES = 500_000_000
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DECIMAL_COMMA = re.compile(r"(?:^|[;\t])[ \"]*[+-]?\d+,\d+[ \"]*(?:$|[;\t])", re.MULTILINE)
_DECIMAL_POINT = re.compile(r"(?:^|[;\t])[ \"]*[+-]?\d+\.\d+[ \"]*(?:$|[;\t])", re.MULTILINE)


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Attributes
    ----------
    encoding : str
        ``utf-16`` where the file begins with its mark, as spreadsheets' "Unicode text" does; else UTF-8.
    separator : str
        What stands between cells: a comma, a semicolon or a tab.
    decimal : str
        The decimal mark: a comma where numbers have one and cells are not apart by commas.
    padded : bool
        Whether the header has blanks after separators, as in ``ID, Lat, Lon``: those of its rows are dropped
        too.
    """

    encoding: str = "utf-8-sig"
    separator: str = ","
    decimal: str = "."
    padded: bool = False


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
        content = documents.read_bytes(path, _MOST_JSON_BYTES)
        return adapter.validate_python(documents.plain_json(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its values"
        raise DataError(
            f"{path} does not hold what it should, see {where}: {first['msg']}; {remedy}"
        ) from error
    except ValueError as error:
        raise DataError(f"{path} does not hold what it should ({error}); {remedy}") from error


def dialect_of(path: Path) -> Dialect:
    """Return how a CSV file is written, by its first lines: those that it has in 64 kB."""
    with _bytes_of(path) as stream:
        start = stream.read(_SAMPLE_BYTES)
    encoding = "utf-16" if start.startswith(_UTF16) else "utf-8-sig"
    text = start.decode(encoding, errors="replace").lstrip("\r\n")
    lines = text.splitlines()
    header = lines[0] if lines else ""
    separator = max(_SEPARATORS, key=lambda mark: len(_cells(header, mark)))
    rows = "\n".join(lines[1:])
    commas = separator != "," and _DECIMAL_COMMA.search(rows) and not _DECIMAL_POINT.search(rows)
    padded = any(cell.startswith(" ") for cell in _cells(header, separator)[1:])
    return Dialect(encoding, separator, "," if commas else ".", padded)


def _bytes_of(path: Path) -> BinaryIO:
    packed = path.suffix.lower() == ".gz"
    return gzip.open(path) if packed else path.open("rb")  # type: ignore[return-value]


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def rows_of(path: Path, remedy: str) -> Iterator[tuple[int, list[str]]]:
    """Read the rows of a small CSV file, the header first: number of the line, and cells as text.

    Cells may be apart by commas, semicolons or tabs. Names in the header come without blanks around them.
    Rows of blank cells come as blank cells; lines without any do not come.

    Raises
    ------
    DataError
        It is no UTF-8 text or no CSV, or a row has more or fewer cells than the header.
    """
    width = 0
    try:
        for line, cells in _records(path):
            if not width:
                width = len(cells)
                yield line, [name.strip() for name in cells]
            elif not "".join(cells).strip():
                yield line, [""] * width
            elif len(cells) < width or any(cells[width:]):
                raise DataError(
                    f"{path} cannot be read as CSV: line {line} has {len(cells)} cells, the header {width}; "
                    f"{remedy}"
                )
            else:
                yield line, cells[:width]
    except _UNREADABLE as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read as CSV: {why}; {remedy}") from error


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file: number of the line, and cells as text; blank lines are none."""
    dialect = dialect_of(path)
    with (
        _bytes_of(path) as stream,
        io.TextIOWrapper(stream, encoding=dialect.encoding, newline="") as text,
    ):
        reader = csv.reader(
            _lines(text),
            delimiter=dialect.separator,
            skipinitialspace=dialect.padded,
            strict=True,
        )
        for cells in filter(None, reader):
            yield reader.line_num, cells


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Yield the lines of a text; one without an end would fill the memory."""
    while line := text.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise ValueError(f"it has a line of more than {LONGEST_LINE:,} characters")
        yield line


def line_of(path: Path, row: int) -> int:
    """Return the line of a row, from 0, that `read_csv` read; where a file has no lines, as if it were CSV.

    It reads the file again up to there, as an error may: blank lines are in no table.
    """
    if path.suffix.lower() == ".parquet":
        return row + 2
    lines = (line for line, cells in _records(path) if len(cells) > 1 or cells[0].strip())
    return next(itertools.islice(lines, row + 1, None))


def read_csv(path: Path, remedy: str, text: Collection[str] = (), **how: Any) -> pd.DataFrame:
    """Read a large CSV file by pandas; its dialect and its names are taken as `rows_of` takes them.

    Rows of blank cells at its end are left out.

    Parameters
    ----------
    path : Path
        The file.
    remedy : str
        What to do where it cannot be read.
    text : collection of str
        Columns that are text, in small letters; the file may have them in any case.
    **how
        As `pandas.read_csv` takes it.

    Raises
    ------
    DataError
        It is no UTF-8 text or no CSV, a row has more cells than the header, or a column is there twice.
    """
    header = next((cells for _, cells in rows_of(path, remedy)), [])
    check_columns(header, path)
    try:
        with warnings.catch_warnings():
            # Rows that are longer than the header: pandas would warn, and cut them off.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            written = _words_of_pandas(dialect_of(path), header)
            types = {name: str for name in header if name.lower() in text}
            table: pd.DataFrame = pd.read_csv(path, index_col=False, dtype=types, **written, **how)
    except (pd.errors.ParserWarning, *_UNREADABLE) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}; {remedy}") from error
    ends_blank = len(table) > 0 and bool(table.iloc[-1].isna().all())
    return table.dropna(how="all") if ends_blank else table


def _words_of_pandas(dialect: Dialect, header: Sequence[str]) -> dict[str, Any]:
    """Return the arguments by which pandas reads a file as it is written."""
    words: dict[str, Any] = {
        "sep": dialect.separator,
        "decimal": dialect.decimal,
        "skipinitialspace": dialect.padded,
        "header": 0,
        "names": [name or f"Unnamed: {number}" for number, name in enumerate(header)],
    }
    return words | ({"encoding": dialect.encoding} if dialect.encoding == "utf-16" else {})


def read_parquet(path: Path, remedy: str) -> pd.DataFrame:
    """Read a Parquet file by pandas.

    Raises
    ------
    DataError
        It is none, or a column is there twice.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        size = pq.read_metadata(path)
        if size.num_rows > _MOST_ROWS or size.num_rows * size.num_columns > _MOST_CELLS:
            raise ValueError(
                f"it has {size.num_rows:,} rows of {size.num_columns:,} columns, expected at most "
                f"{_MOST_ROWS:,} rows and {_MOST_CELLS:,} values: split it"
            )
        table = pd.read_parquet(path)
    except (pa.ArrowException, *_UNREADABLE) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}; {remedy}") from error
    except BUILT_OTHERWISE as error:
        raise DataError(
            f"{path} cannot be read as Parquet: its metadata are not those of a table; {remedy}"
        ) from error
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
