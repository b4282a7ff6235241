"""Points files that are none, and points with odd names."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hostile.claims import BRIEFLY, TEXTS, answered, check_line, damaged
from hypothesis import given
from hypothesis import strategies as st

from cropland.errors import DataError
from cropland.observations import points
from cropland.support import columns

HEAD = b"ID,Lat,Lon,Target\n"
GOOD = HEAD + b"a,1.5,2,1\nb,-1,2.25,0\n"


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        points.read(path, labelled=True)
    check_line(str(caught.value))
    return str(caught.value)


def check_contract(table: pd.DataFrame) -> None:
    assert list(table.columns) == list(points.COLUMNS)
    assert not table["ID"].duplicated().any()
    assert all(text.strip() and len(text) <= columns.LONGEST_ID for text in table["ID"])
    assert table["Lat"].between(-90, 90).all() and table["Lon"].between(-180, 180).all()
    assert table["Target"].isin([0, 1]).all()


@BRIEFLY
@given(content=st.one_of(st.binary(max_size=60), damaged(GOOD)))
def test_whatever_the_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "Train.csv"
    path.write_bytes(content)
    with answered():
        check_contract(points.read(path, labelled=True))


@BRIEFLY
@given(cells=st.lists(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), max_size=4))
def test_whatever_the_cells(tmp_path: Path, cells: list[tuple[str, ...]]) -> None:
    path = tmp_path / "Train.csv"
    with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as stream:
        csv.writer(stream).writerows([points.COLUMNS, ("good", "1", "2", "1"), *cells])
    with answered():
        table = points.read(path, labelled=True)
        check_contract(table)
        kept = [row[0] for row in cells if "".join(row).strip()]
        assert table["ID"].tolist() == ["good", *kept]


def names() -> st.SearchStrategy[str]:
    """Names that a point can bear: all of Unicode but control characters."""
    signs = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
    return st.text(signs, min_size=1, max_size=30).filter(str.strip)


@BRIEFLY
@given(ids=st.lists(names(), min_size=1, max_size=5, unique=True))
def test_an_id_is_kept_to_the_letter(tmp_path: Path, ids: list[str]) -> None:
    path = tmp_path / "Train.csv"
    pd.DataFrame({"ID": ids, "Lat": 1.0, "Lon": 2.0, "Target": 1}).to_csv(path, index=False)
    assert points.read(path, labelled=True)["ID"].tolist() == ids


@pytest.mark.parametrize(
    "name", ["=cmd()", "../../x", "/etc/passwd", "[red]", "CON", "007", "NA", "🌾"]
)
def test_an_id_is_text_whatever_it_looks_like(tmp_path: Path, name: str) -> None:
    path = tmp_path / "Train.csv"
    path.write_text(f"ID,Lat,Lon,Target\n{name},1,2,1\n")
    assert points.read(path, labelled=True)["ID"].tolist() == [name]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GOOD.decode().encode("utf-16")[2:], "needs the columns ID"),
        (HEAD + "é,1,1,1\n".encode("latin-1"), "'utf-8' codec can't decode"),
        (HEAD + b"a\0,1,1,1\n", "an ID that is none"),
        (HEAD + b'"a,1,1,1\n', "unexpected end of data"),
        (HEAD + b"a,1,1,1\nb,1,1,1,5\n", "line 3 has 5 cells, the header 4"),
        (HEAD + b"x,a,1,1,1\ny,b,1,1,0\n", "line 2 has 5 cells, the header 4"),
        (HEAD + b"a,1\n", "line 2 has 2 cells, the header 4"),
        (b"ID,Lat,Lat,Lon,Target\na,1,2,1,1\n", "the column Lat more than once"),
        (HEAD + b"a,1,1," + b"9" * 400 + b"\n", "a label other than 0 or 1"),
        (HEAD + b"a,True,1,1\n", "a Lat outside"),
        (HEAD + b"\n\nb,1e400,1,1\n", "'1e400' in line 4"),
        (HEAD + b'"a\nb",1,1,1\n', "an ID that is none"),
        (HEAD + b"a\x1b[31m,1,1,1\n", "an ID that is none"),
        (HEAD + b"a" * 201 + b",1,1,1\n", "an ID that is none"),
        (HEAD + b"a" * 1_000_000 + b",1,1,1\n", "field larger than field limit"),
        (b"\n\n", "it is empty"),
        (b"PK\x03\x04" + bytes(50), "needs the columns ID"),
    ],
)
def test_what_is_no_points_file_is_said(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "Train.csv").write_bytes(content)
    assert said in refused(tmp_path / "Train.csv")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace(b"\n", b"\r"),
        GOOD + b"\n",
    ],
    ids=["mark", "windows", "old mac", "blank line"],
)
def test_what_other_programs_write_is_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "Train.csv").write_bytes(content)
    assert points.read(tmp_path / "Train.csv", labelled=True)["Lat"].tolist() == [1.5, -1.0]


def test_a_hundred_thousand_columns_are_none_too_many_and_named_in_short(tmp_path: Path) -> None:
    path = tmp_path / "Train.csv"
    names = ",".join(f"c{number}" for number in range(100_000))
    path.write_text(f"{names}\n")
    assert "c6, c7, … (100000 in all): add ID" in refused(path)
    path.write_text(f"ID,Lat,Lon,Target,{names}\na,1,1,1{',0' * 100_000}\n")
    assert points.read(path, labelled=True)["ID"].tolist() == ["a"]


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "folder").mkdir()
    for path in (*tmp_path.iterdir(), Path("/dev/zero"), Path("x" * 5_000), Path("a\0b")):
        with answered():
            is_there = path.name in ("pipe", "folder", "zero")
            assert ("is no regular file" if is_there else "there is none") in refused(path)


def test_a_file_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_args: object, **_how: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "Train.csv").write_bytes(GOOD)
    monkeypatch.setattr(Path, "open", forbidden)
    assert "Train.csv cannot be read as CSV: Permission denied" in refused(tmp_path / "Train.csv")


def test_a_pipe_in_place_of_the_unlabelled_points_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "Train.csv").write_bytes(GOOD)
    os.mkfifo(tmp_path / "Test.csv")
    with pytest.raises(DataError, match=r"expected a points file at .*Test.csv"):
        points.read_points(tmp_path, "Train.csv", "Test.csv")


def test_numbers_come_back_as_they_were(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    table = pd.DataFrame(
        {"ID": [f"p{n}" for n in range(200)], "Target": random.integers(0, 2, 200)}
    )
    table["Lat"], table["Lon"] = random.uniform(-90, 90, 200), random.uniform(-180, 180, 200)
    table.to_csv(tmp_path / "Train.csv", index=False)
    found = points.read(tmp_path / "Train.csv", labelled=True)
    np.testing.assert_array_equal(found["Lat"], table["Lat"])
    np.testing.assert_array_equal(found["Lon"], table["Lon"])
