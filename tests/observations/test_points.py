from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cropland.config.countries import Box, Country
from cropland.errors import DataError
from cropland.observations import points


def written(folder: Path, text: str, name: str = "Train.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_points_file_is_read_whatever_the_order_of_its_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "Target,note,Lon,ID,Lat\n1,x,20.5,a,10\n0,,21,7,-3.25\n")
    table = points.read(path, labelled=True)
    assert table.to_dict("list") == {
        "ID": ["a", "7"],
        "Lat": [10.0, -3.25],
        "Lon": [20.5, 21.0],
        "Target": [1, 0],
    }
    assert (points.read(path, labelled=False)["Target"] == points.UNLABELLED).all()


@pytest.mark.parametrize(
    "text",
    [
        "ID, Lat, Lon, Target\na,10.5,20.5,1\nb,-3.25,21,0\n",
        "ID, Lat, Lon, Target\na, 10.5, 20.5, 1\nb, -3.25, 21, 0\n",
        "\ufeffID;Lat;Lon;Target\na;10,5;20,5;1\nb;-3,25;21;0\n",
        "ID\tLat\tLon\tTarget\na\t10.5\t20.5\t1\nb\t-3.25\t21\t0\n",
        'ID,Lat,Lon,Target\na,"10,5","20,5",1\nb,"-3,25",21,0\n',
        "ID,Lat,Lon,Target,,\na,10.5,20.5,1,,\nb,-3.25,21,0,,\n,,,,,\n,,,,,\n , \n",
        "id,LAT,lon,Target\na,10.5,20.5,1.0\nb,-3.25,21,0\n",
        "ID,Lat,Lon,Target\na,\u00a010.5,20.5\u00a0,1 \nb, -3.25,21,\t0\n",
    ],
    ids=[
        *("blanks", "all blanks", "semicolons", "tabs", "quoted commas", "empty rows", "cases"),
        "blanks of all kinds",
    ],
)
def test_a_points_file_is_read_however_it_was_typed(tmp_path: Path, text: str) -> None:
    assert points.read(written(tmp_path, text), labelled=True).to_dict("list") == {
        "ID": ["a", "b"],
        "Lat": [10.5, -3.25],
        "Lon": [20.5, 21.0],
        "Target": [1, 0],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ID,Lat,Target\na,1,1\n", "needs the columns ID, Lat, Lon, Target; .* add Lon"),
        ("ID,Lat,Lon,Target\na,1,1,1\na,1.05,1,0\n", "a duplicate ID: 'a' in line 3"),
        (
            "ID,Lat,Lon,Target\na,1,1,1\na,1.105,1,0\n",
            "an ID of several points: 'a' in lines 2 and 3",
        ),
        (
            "ID,Lat,Lon,Target\n7,1,1,1\n8,2,2,0\n7,1,1,0\n7,9,1,0\n8,9,2,1\n",
            "'7' in lines 2 and 5 stands for two places, lat 1, lon 1 and lat 9, lon 1, and 1 more ID does; "
            "give each point an ID of its own, in the exports too, as in iran-7 and sudan-7",
        ),
        ("ID,Lat,Lon,Target\n,1,1,1\n", "an empty ID"),
        (
            "ID,Lat,Lon,Target\na,91,1,1\nb,92,1,1\n",
            "a Lat outside -90…90: '91' in line 2 and 1 more",
        ),
        ("ID,Lat,Lon,Target\na,1,inf,1\n", "a Lon outside -180…180: 'inf'"),
        ("ID,Lat,Lon,Target\na,1,east,1\n", "a Lon outside -180…180: 'east'"),
        ("ID,Lat,Lon,Target\na,1,1,2\n", "a label other than 0 or 1: '2' in line 2"),
        ("ID,Lat,Lon,Target\na,1,1,\n", "a label other than 0 or 1"),
        ("", "cannot be read as CSV"),
    ],
)
def test_a_bad_points_file_is_answered_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        points.read(written(tmp_path, text), labelled=True)


def test_bytes_that_are_no_text_are_answered(tmp_path: Path) -> None:
    (tmp_path / "Train.csv").write_bytes(b"ID,Lat,Lon,Target\n\xff\xfe\x00,1,1,1\n")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        points.read(tmp_path / "Train.csv", labelled=True)


def test_no_points_file_says_where_it_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected a points file at .*Train.csv, there is none"):
        points.read(tmp_path / "Train.csv", labelled=True)


def test_an_id_in_two_files_is_refused(tmp_path: Path) -> None:
    train = written(tmp_path, "ID,Lat,Lon,Target\na,1,1,1\n")
    test = written(tmp_path, "ID,Lat,Lon\nb,1,1\na,1,1\n", "Test.csv")
    tables = [(train, points.read(train, labelled=True)), (test, points.read(test, labelled=False))]
    with pytest.raises(DataError, match=r"ID a is in Train.csv and Test.csv"):
        points.join_tables(tables)


def test_points_of_two_files_are_one_table_the_labelled_first(tmp_path: Path) -> None:
    (tmp_path / "Train.csv").write_text("ID,Lat,Lon,Target\nb,1,2,1\na,3,4,0\n")
    (tmp_path / "Test.csv").write_text("ID,Lat,Lon\nc,5,6\n")
    found = points.read_points(tmp_path)
    assert found.index.tolist() == [0, 1, 2]
    assert found.to_numpy().tolist() == [["b", 1, 2, 1], ["a", 3, 4, 0], ["c", 5, 6, -1]]


def test_a_box_includes_its_edges() -> None:
    table = pd.DataFrame({"ID": list("abc"), "Lat": [1.0, 2.0, 2.1], "Lon": [5.0, 6.0, 6.0]})
    assert list(points.inside(table, Box(1.0, 2.0, 5.0, 6.0))["ID"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([], "expected labelled points in the box of toyland .* found none"),
        ([1, 1, 1], "labels of one class only"),
        ([1, 1, 0, 0, 0], "2 cropland and 3 other points, fewer than the 3 folds"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(
    toyland: Country, targets: list[int], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        points.check_labels(np.array(targets), toyland, folds=3)


def test_a_column_under_two_names_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "ID,Lat,Lon,Target,target\na,10,20.5,1,0\n")
    with pytest.raises(DataError, match="has Target twice, as Target and as target; keep one"):
        points.read(path, labelled=True)
