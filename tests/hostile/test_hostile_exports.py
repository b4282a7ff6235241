"""Exports that are none, and what their cells and columns may hold."""

from __future__ import annotations

import csv
import gzip
import os
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hostile.claims import BRIEFLY, TEXTS, answered, check_line, damaged, quickly, tree
from hypothesis import given
from hypothesis import strategies as st

from cropland.config.countries import Box, Country, Reference
from cropland.config.groups import Paths
from cropland.config.sources import Files
from cropland.errors import DataError
from cropland.observations import archive, band_values
from cropland.observations.bands import SCENE_CLASSES
from cropland.sources import opening
from cropland.sources.exports import source as exports

SOURCE = Files("files", "E", "Train.csv", "Test.csv")
TOY = Country("toy", "Toy", Box(0, 2, 0, 2), Reference("2020-01-01", "2020-12-31"))
NAME = "E_Toy_2019-01-01_2020-12-31"
HEAD = b"ID,Timestamp,B4,B8,SCL\n"
GOOD = HEAD + b"a,2020-01-01,100,2000,4\nb,2020-02-01 08:05:11,300,,5\n"


@pytest.fixture(scope="module")
def folder() -> Any:
    """A folder with two points, for exports."""
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "data").mkdir()
        (Path(made) / "data" / "Train.csv").write_text("ID,Lat,Lon,Target\na,1,1,1\nb,1,1,0\n")
        yield Path(made) / "data"


@pytest.fixture(autouse=True)
def empty(folder: Path) -> None:
    clear(folder)


def clear(folder: Path) -> None:
    for path in folder.glob("E_*"):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def paths(folder: Path) -> Paths:
    return Paths(str(folder), str(folder.parent / "archive"), "runs")


def filled(folder: Path) -> xr.Dataset:
    """What is read, by way of all that reads it before a fill."""
    exports.inputs(SOURCE, paths(folder), TOY)
    return exports.fill(SOURCE, paths(folder), TOY)


def put(folder: Path, content: bytes, suffix: str = ".csv") -> None:
    clear(folder)
    (folder / f"{NAME}{suffix}").write_bytes(content)


def put_table(folder: Path, **columns: Any) -> None:
    clear(folder)
    row = {"ID": ["a"], "Timestamp": ["2020-01-01"], "B4": [100], "SCL": [4]}
    pd.DataFrame(row | columns).to_parquet(folder / f"{NAME}.parquet")


def refused(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        filled(folder)
    check_line(str(caught.value))
    return str(caught.value)


def check_contract(dataset: xr.Dataset) -> None:
    """Check what every archive promises."""
    assert dataset["ID"].to_numpy().tolist() == ["a", "b"]
    assert dataset["row_size"].to_numpy().sum() == dataset.sizes["observation"]
    for name in ("B4", "B8"):
        if name in dataset:
            found = dataset[name].to_numpy().astype(float)
            assert ((found >= 0) & (found <= band_values.HIGHEST) | np.isnan(found)).all()
    if "SCL" in dataset:
        assert set(dataset["SCL"].to_numpy().tolist()) <= set(SCENE_CLASSES)


@BRIEFLY
@given(content=st.one_of(st.binary(max_size=80), damaged(GOOD)))
def test_whatever_the_bytes(folder: Path, content: bytes) -> None:
    put(folder, content)
    with answered():
        check_contract(filled(folder))


@BRIEFLY
@given(row=st.tuples(st.sampled_from(["a", "b", "z", ""]), TEXTS, TEXTS, TEXTS, TEXTS))
def test_whatever_the_cells(folder: Path, row: tuple[str, ...]) -> None:
    clear(folder)
    with (folder / f"{NAME}.csv").open("w", newline="", encoding="utf-8") as stream:
        stream.write(GOOD.decode())
        csv.writer(stream).writerow(row)
    with answered():
        check_contract(filled(folder))


@BRIEFLY
@given(names=st.lists(TEXTS, max_size=3, unique=True))
def test_a_column_whatever_its_name_stays_in_the_archive(folder: Path, names: list[str]) -> None:
    clear(folder)
    with (folder / f"{NAME}.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["ID", "Timestamp", "B4", *names])
        writer.writerow(["a", "2020-01-01", 100, *range(len(names))])
    before = tree(folder)
    with answered():
        made = opening.archive_of(SOURCE, paths(folder), TOY)
        check_contract(made.dataset)
        assert made.values("B4")[0] == 100
    assert tree(folder) == before
    assert {path.name for path in folder.parent.iterdir()} <= {"data", "archive"}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../../../x",
            "/etc/x",
            "a/b",
            ".zattrs",
            ".zgroup",
            "Target",
            "row_size",
            "time",
            "point",
        ),
        *("observation", "ID ", "", "x" * 300, "CON\n", "[red]", "=cmd()"),
    ],
)
def test_a_column_that_an_archive_cannot_hold_is_left_aside(folder: Path, name: str) -> None:
    table = pd.DataFrame({"ID": ["a"], "Timestamp": ["2020-01-01"], "B4": [7], name: [1]})
    table.to_csv(folder / f"{NAME}.csv", index=False)
    made = opening.archive_of(SOURCE, paths(folder), TOY)
    assert made.stored == ("B4",)
    assert made.points["Target"].to_numpy().tolist() == [1, 0]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("a,2020-01-01,1e400,1,4", "'inf' for B4 in line 2; expected a number"),
        ("a,2020-01-01," + "9" * 400 + ",1,4", "for B4 in line 2; expected a number"),
        ("a,2020-01-01,True,1,4", "'True' for B4"),
        ("a,2020-01-01,1,1,12", "'12' for SCL in line 2; expected a scene class, 0 to 11"),
        ("a,2020-01-01,1,1,300", "'300' for SCL"),
        ("a,2020-01-01,1,1,4242", "'4242' for SCL"),
        ("a,2020-01-01,1,1,-1", "'-1' for SCL"),
        ("a,2020-01-01,1,1,4.5", "'4.5' for SCL"),
        ("a,0001-01-01,1,1,4", "1 rows outside the dates of its name"),
        ("a,9999-12-31,1,1,4", "1 rows outside the dates of its name"),
        ("a,2018-12-31T20:00:00-03:00,1,1,4", "1 rows outside the dates of its name"),
        ("a,now,1,1,4", "unreadable dates: Timestamp 'now'"),
        ("a,2020,1,1,4", "unreadable dates: Timestamp '2020'"),
        ("a,1577836800,1,1,4", "unreadable dates"),
        ("a,1400000000000,1,1,4", "1 rows outside the dates of its name, the first 1400000000000"),
        ("a,2020-02-30,1,1,4", "unreadable dates"),
        ("x,a,2020-01-01,1,1,4", "cannot be read as CSV: Length of header"),
        ('"a,2020-01-01,1,1,4', "cannot be read as CSV"),
        ("z,2020-01-01,1,1,4", "no observation of its 2 points: .* have other IDs: 'z'"),
        ("", "no observation of its 2 points: .* the exports have no row"),
    ],
)
def test_a_row_that_cannot_be_is_said(folder: Path, cells: str, said: str) -> None:
    put(folder, HEAD + cells.encode() + b"\n")
    with pytest.raises(DataError, match=said):
        filled(folder)


def test_fill_values_are_no_data(folder: Path) -> None:
    put(folder, HEAD + b"a,2020-01-01,-5,65535,4\na,2020-01-02,7,32766,4\n")
    dataset = filled(folder)
    assert dataset["B4"].to_numpy().tolist() == [0, 7]
    assert dataset["B8"].to_numpy().tolist() == [0, 32_766]


def test_a_moment_is_that_of_greenwich(folder: Path) -> None:
    put(folder, HEAD + b"a,2020-06-01T02:00:00+05:00,1,1,4\na,2020-06-02T02:00:00Z,1,1,4\n")
    assert filled(folder)["time"].to_numpy().astype(str).tolist() == [
        "2020-05-31T21:00:00",
        "2020-06-02T02:00:00",
    ]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"ID": [1.5]}, "'1.5' for ID"),
        ({"ID": [b"a"]}, "for ID in line 2; expected a text or a whole number"),
        ({"ID": [["a"]]}, "for ID"),
        ({"B4": [[1]]}, "for B4"),
        ({"B4": [{"a": 1}]}, "for B4"),
        ({"B4": [b"\xff"]}, "for B4"),
        ({"Timestamp": [1577836800]}, "unreadable dates"),
        ({"Timestamp": [["2020-01-01"]]}, "unreadable dates"),
    ],
)
def test_parquet_of_other_types_is_said(folder: Path, columns: dict[str, Any], said: str) -> None:
    put_table(folder, **columns)
    assert said in refused(folder)


@pytest.mark.parametrize("written", ["100", 100.0, Decimal(100), np.uint8(100)])
def test_a_number_is_one_in_every_type(folder: Path, written: Any) -> None:
    put_table(folder, B4=[written], SCL=["4"])
    assert filled(folder)["B4"].to_numpy().tolist() == [100]


def test_ids_that_parquet_knows_as_numbers_are_found(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "Train.csv").write_text("ID,Lat,Lon,Target\n7,1,1,1\n")
    put_table(tmp_path, ID=[7])
    assert filled(tmp_path)["row_size"].to_numpy().tolist() == [1]


def test_a_long_text_does_not_fill_the_memory(folder: Path) -> None:
    rows = b"".join(b"a,2020-01-01,1,1,4,x\n" for _ in range(2_000))
    put(folder, HEAD[:-1] + b",note\na,2020-01-01,1,1,4," + b"x" * 100_000 + b"\n" + rows)
    assert "note" not in filled(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no gzip", "Not a gzipped file"),
        (gzip.compress(GOOD * 100)[:-20], "ended before the end-of-stream marker"),
    ],
    ids=["none", "cut"],
)
def test_what_is_no_gzip_of_a_table_is_said(folder: Path, content: bytes, said: str) -> None:
    put(folder, content, ".csv.gz")
    with quickly():
        assert said in refused(folder)


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        ("2019-13-01_2020-12-31", "named by dates that are none"),
        ("0000-01-01_2020-12-31", "named by dates that are none"),
        ("2020-12-31_2019-01-01", "ends before it starts"),
        ("２019-01-01_2020-12-31", "its name does not end in two dates"),
    ],
)
def test_dates_in_a_name_are_looked_at(folder: Path, dates: str, said: str) -> None:
    (folder / f"E_Toy_{dates}.csv").write_bytes(GOOD)
    assert said in refused(folder)


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "device", "unreadable"])
def test_what_is_no_file_ends_in_a_line(folder: Path, kind: str) -> None:
    path = folder / f"{NAME}.csv"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        target = {"loop": path, "device": "/dev/zero", "unreadable": "/proc/self/mem"}[kind]
        path.symlink_to(target)
    with quickly():
        assert path.name in refused(folder)


def test_an_archive_is_made_where_it_belongs(folder: Path) -> None:
    put(folder, GOOD)
    made = opening.archive_of(SOURCE, paths(folder), TOY)
    assert isinstance(made, archive.Archive)
    below = {Path(name).parts[:2] for name in tree(folder.parent)} - {("data",), ("archive",)}
    assert below == {("data", "Train.csv"), ("data", f"{NAME}.csv"), ("archive", "files")}
