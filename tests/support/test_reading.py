"""CSV as spreadsheets, programs and people write it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from cropland.errors import DataError
from cropland.support import reading
from cropland.support.reading import Dialect

ROWS = [["ID", "Lat", "Lon"], ["a", "1.5", "2"], ["b", "-1", "2.25"]]


@pytest.mark.parametrize(
    ("content", "dialect", "rows"),
    [
        (b"ID,Lat,Lon\na,1.5,2\nb,-1,2.25\n", Dialect(), ROWS),
        (b"ID;Lat;Lon\na;1.5;2\nb;-1;2.25\n", Dialect(separator=";"), ROWS),
        (b"ID\tLat\tLon\r\na\t1.5\t2\r\nb\t-1\t2.25\r\n", Dialect(separator="\t"), ROWS),
        (
            b"\xef\xbb\xbfID;Lat;Lon\na;1,5;2\nb;-1;2,25\n",
            Dialect(separator=";", decimal=","),
            [["ID", "Lat", "Lon"], ["a", "1,5", "2"], ["b", "-1", "2,25"]],
        ),
        (b"ID, Lat, Lon\na, 1.5, 2\nb,-1,2.25\n", Dialect(padded=True), ROWS),
        (b" ID ,Lat ,Lon \na,1.5,2\nb,-1,2.25\n", Dialect(), ROWS),
        ("ID\tLat\tLon\na\t1.5\t2\nb\t-1\t2.25\n".encode("utf-16"), Dialect("utf-16", "\t"), ROWS),
        (
            b'ID,Lat,Lon\na,"1,5",2\n',
            Dialect(),
            [["ID", "Lat", "Lon"], ["a", "1,5", "2"]],
        ),
        # A note with semicolons leaves the commas of the header what they are.
        (b"ID,Lat,a;b\na,1.5,2\n", Dialect(), [["ID", "Lat", "a;b"], ["a", "1.5", "2"]]),
        (b"\n\nID,Lat,Lon\na,1.5,2\n\n", Dialect(), ROWS[:2]),
    ],
)
def test_a_csv_is_read_as_it_is_written(
    tmp_path: Path, content: bytes, dialect: Dialect, rows: list[list[str]]
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    assert reading.dialect_of(path) == dialect
    assert [cells for _, cells in reading.rows_of(path, "")] == rows
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(content))
    assert reading.dialect_of(tmp_path / "table.csv.gz") == dialect


def test_rows_of_blank_cells_keep_their_place_and_have_the_width_of_the_header(
    tmp_path: Path,
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("ID,Lat,Lon,,\na,1,2,,\n,,,,\n ,\n")
    assert list(reading.rows_of(path, "")) == [
        (1, ["ID", "Lat", "Lon", "", ""]),
        (2, ["a", "1", "2", "", ""]),
        (3, [""] * 5),
        (4, [""] * 5),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "ID,Timestamp,B4,NDVI\n007,2020-01-01,1500,0.25\n08,2020-01-02,,0.5\n",
        "ID;Timestamp;B4;NDVI\n007;2020-01-01;1500;0,25\n08;2020-01-02;;0,5\n",
        "ID\tTimestamp\tB4\tNDVI\n007\t2020-01-01\t1500\t0.25\n08\t2020-01-02\t\t0.5\n\t\t\t\n",
        "ID, Timestamp, B4, NDVI\n007, 2020-01-01, 1500, 0.25\n08, 2020-01-02, , 0.5\n",
        " ID ,Timestamp , B4,NDVI \n007,2020-01-01,1500,0.25\n08,2020-01-02,,0.5\n,,,\n",
        "ID;Timestamp;note;B4;NDVI\n007;2020-01-01;3,4;1500;0.25\n08;2020-01-02;5;;0.5\n",
        "ID,Timestamp,B4,NDVI,\n007,2020-01-01,1500,0.25,\n08,2020-01-02,,0.5,\n",
    ],
    ids=[
        "usual",
        "semicolons",
        "tabs",
        "padded",
        "blanks in the header",
        "a note with a comma",
        "a comma too many",
    ],
)
def test_a_large_csv_gives_the_same_numbers_however_it_is_written(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "export.csv"
    path.write_text(text)
    table = reading.read_csv(path, "", text=("id", "timestamp"))
    expected = {
        "ID": ["007", "08"],
        "Timestamp": ["2020-01-01", "2020-01-02"],
        "B4": [1500.0, None],
        "NDVI": [0.25, 0.5],
    }
    pd.testing.assert_frame_equal(
        table[list(expected)].astype({"ID": object, "Timestamp": object}),
        pd.DataFrame(expected).astype({"ID": object, "Timestamp": object}),
    )


def test_a_column_that_is_there_twice_but_for_blanks_is_named(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("ID,B4, B4\na,1,2\n")
    with pytest.raises(DataError, match="the column B4 more than once"):
        reading.read_csv(path, "")


def test_latin_1_is_answered_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes("ID;Ort\na;Köln\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"export.csv cannot be read as CSV: 'utf-8' .*; save it"):
        list(reading.rows_of(path, "save it as UTF-8 CSV"))
