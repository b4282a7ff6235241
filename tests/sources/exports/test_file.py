"""Columns and numbers of one export, in the forms that people have."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cropland.errors import DataError
from cropland.sources.exports import file
from cropland.sources.exports.file import Export, ExportRows

NAME = "S2_Toyland_2020-01-01_2020-03-31.csv"
ROWS = pd.DataFrame(
    {
        "ID": ["007", "007", "b", "b"],
        "Timestamp": ["2020-01-01", "2020-02-01 08:05:11", "2020-01-01", "2020-03-01"],
        "B4": [1000.0, 1100.5, 800.0, 900.0],
        "B8": [3000.0, 2900.0, 2400.0, 2700.0],
        "SCL": [4, 5, 4, 4],
    }
)


def written(table: pd.DataFrame, folder: Path, **how: str) -> Export:
    table.to_csv(folder / NAME, index=False, **how)  # type: ignore[call-overload]
    return Export(folder / NAME, date(2020, 1, 1), date(2020, 3, 31))


def read(table: pd.DataFrame, folder: Path, scale: float = 1.0, **how: str) -> ExportRows:
    return file.read(written(table, folder, **how), scale)


def refusal(table: pd.DataFrame, folder: Path, scale: float = 1.0) -> str:
    """Return the error without its file."""
    with pytest.raises(DataError) as caught:
        read(table, folder, scale)
    return str(caught.value).removeprefix(f"{folder / NAME} ")


def test_bands_are_read_by_any_of_their_names(tmp_path: Path) -> None:
    names = {"B4": "red", "B8": "B08_10m", "SCL": "scl", "ID": "id", "Timestamp": "timestamp"}
    table = read(ROWS.rename(columns=names), tmp_path).table
    assert set(table) == {"ID", "time", "B4", "B8", "SCL"}
    assert table["ID"].tolist() == ["007", "007", "b", "b"]
    assert table["B8"].tolist() == [3000, 2900, 2400, 2700]


@pytest.mark.parametrize("name", ["ID", "Id", "iD", " id"])
def test_an_id_keeps_its_zeros_however_its_column_is_written(tmp_path: Path, name: str) -> None:
    table = read(ROWS[:2].rename(columns={"ID": name}), tmp_path).table
    assert table["ID"].tolist() == ["007", "007"]


def test_a_band_under_two_names_is_refused(tmp_path: Path) -> None:
    assert refusal(ROWS.assign(B04=1), tmp_path) == "has B4 twice, as B4 and as B04; keep one"


def test_a_table_of_earth_engine_is_read(tmp_path: Path) -> None:
    moments = pd.to_datetime(ROWS["Timestamp"], format="ISO8601").astype("datetime64[ms]")
    table = ROWS.drop(columns="Timestamp").assign(
        **{"system:index": "20200101T073611_T38SQA", ".geo": '{"type": "Point"}'},
        **{"system:time_start": moments.astype(np.int64)},
    )
    rows = read(table, tmp_path).table
    assert rows["time"].astype(str).tolist()[:2] == ["2020-01-01 00:00:00", "2020-02-01 08:05:11"]
    assert "system:index" in rows and ".geo" not in rows


def test_a_spreadsheets_export_is_read(tmp_path: Path) -> None:
    rows = read(ROWS, tmp_path, sep=";", decimal=",").table
    assert rows["B4"].tolist() == [1000, 1100.5, 800, 900]
    assert rows["ID"].tolist() == ["007", "007", "b", "b"]


def test_fill_values_are_no_data_counted_and_said(tmp_path: Path) -> None:
    rows = read(ROWS.assign(B4=[-999, 1100, 65_535, 900], NDVI=[-9999, 0.45, 0.5, 0.5]), tmp_path)
    np.testing.assert_array_equal(rows.table["B4"], [np.nan, 1100, np.nan, 900])
    assert rows.n_fill_values == 3
    assert rows.notes[-1] == f"{NAME}: 3 values below 0 or above 32,766 are read as no data"


def test_a_column_without_any_value_is_none(tmp_path: Path) -> None:
    assert "B8" not in read(ROWS.assign(B8=np.nan), tmp_path).table
    assert "B8" not in read(ROWS.assign(B8=65_535), tmp_path).table


def test_missing_scene_classes_stay_missing(tmp_path: Path) -> None:
    rows = read(ROWS.assign(SCL=[4, np.nan, 0, 11]), tmp_path).table
    np.testing.assert_array_equal(rows["SCL"], [4, np.nan, 0, 11])


def test_reflectance_is_refused_with_its_range_and_two_remedies(tmp_path: Path) -> None:
    reflectance = ROWS.assign(B4=ROWS["B4"] / 10_000, B8=ROWS["B8"] / 10_000)
    assert refusal(reflectance, tmp_path) == (
        "has reflectance for B4, values from 0.08 to 0.11005; expected digital numbers, reflectance × "
        "10,000: multiply by 10000, or set source.scale=10000 if all exports are reflectance"
    )


def test_reflectance_of_one_point_is_seen_among_digital_numbers(tmp_path: Path) -> None:
    mixed = ROWS.assign(B4=[1000, 0.11, 800, 900], B8=[3000, 0.29, 2400, 2700])
    assert refusal(mixed, tmp_path) == (
        "(in 1 of 4 rows, of 1 point, first in line 3) has reflectance for B4, values from 0.11 to 0.11; "
        "expected digital numbers, reflectance × 10,000: multiply by 10000, in these rows, so that all have "
        "the same unit"
    )


def test_reflectance_beside_a_bright_cloud_is_reflectance(tmp_path: Path) -> None:
    bright = ROWS.assign(B4=[0.1, 0.11, 0.08, 2.2], B8=[0.3, 0.29, 0.24, 2.4])
    words = refusal(bright, tmp_path)
    assert words.startswith("(in 3 of 4 rows, of 2 points, first in line 2) has reflectance for B4")
    assert words.endswith("or set source.scale=10000 if all exports are reflectance")


def test_reflectance_is_scaled_where_the_source_says_so(tmp_path: Path) -> None:
    reflectance = ROWS.assign(B4=ROWS["B4"] / 10_000, B8=ROWS["B8"] / 10_000, NDVI=0.5)
    rows = read(reflectance, tmp_path, scale=10_000).table
    np.testing.assert_allclose(rows["B4"], ROWS["B4"])
    assert rows["NDVI"].tolist() == [0.5] * 4
    assert rows["SCL"].tolist() == [4, 5, 4, 4]


def test_digital_numbers_are_not_scaled_again(tmp_path: Path) -> None:
    assert refusal(ROWS, tmp_path, scale=10_000) == (
        "has values from 800 to 1100.5 for B4; times source.scale=10000 these are no digital numbers "
        "(reflectance × 10,000): set another source.scale, or write all files in the same unit"
    )


@pytest.mark.parametrize(
    ("ndvi", "fault"),
    [
        ([5000, 4500, 5000, 5000], "values from 4500 to 5000, expected -1 to 1"),
        (
            [0.5, 0.2, 0.2, 0.5],
            "other values than B4, B8 give in 2 of 4 rows, such as 0.2 in place of 0.45",
        ),
    ],
)
def test_an_index_that_its_bands_do_not_give_is_refused(
    tmp_path: Path, ndvi: list[float], fault: str
) -> None:
    with pytest.raises(DataError) as caught:
        read(ROWS.assign(NDVI=ndvi), tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / NAME}: NDVI has {fault}; correct the column, or leave it out: an index is computed "
        f"from its bands"
    )


@pytest.mark.parametrize(
    ("factor", "words"),
    [(0.05, "hardly a value above 255 in any band"), (9, "hardly a value below 5,000 in any band")],
)
def test_an_unusual_size_is_said(tmp_path: Path, factor: float, words: str) -> None:
    unusual = ROWS.assign(B4=(ROWS["B4"] * factor).round(), B8=(ROWS["B8"] * factor).round())
    if factor > 1:
        unusual["B4"] = unusual["B8"]
    (note,) = read(unusual, tmp_path).notes
    assert words in note


def test_a_band_that_lacks_in_many_rows_is_said(tmp_path: Path) -> None:
    lacking = ROWS.assign(B8=[3000, np.nan, 0, 2700], SCL=[4, 4, np.nan, 4])
    assert read(lacking, tmp_path).notes == (
        f"{NAME} has no B8 in 2 of 4 rows that have other bands",
        f"{NAME} has no SCL in 1 of 4 rows that have other bands",
    )
    # Rows without any band are another matter.
    assert read(ROWS.assign(B4=[1000, np.nan, 0, 900], B8=[900, 0, 0, 900]), tmp_path).notes == ()


def test_a_product_of_another_level_is_said(tmp_path: Path) -> None:
    (note,) = read(ROWS.assign(B10=12), tmp_path).notes
    assert note.startswith(f"{NAME} has a column B10, as only level 1C has")


def test_one_band_in_another_unit_is_seen(tmp_path: Path) -> None:
    assert refusal(ROWS.assign(B8=ROWS["B8"] / 10_000), tmp_path) == (
        "has reflectance for B8, values from 0.24 to 0.3; expected digital numbers, reflectance × 10,000: "
        "multiply by 10000, so that all bands have the same unit"
    )
    (note,) = read(ROWS.assign(B8=ROWS["B8"] / 100), tmp_path).notes
    assert note.startswith(f"{NAME} has unusually small values of B8, such as 24; digital numbers")


def test_points_that_set_off_thousands_are_said(tmp_path: Path) -> None:
    (note,) = read(ROWS.assign(B4=["1.000", "1.100", "800", "900"]), tmp_path, sep=";").notes
    assert note.startswith(f"{NAME} has unusually small values of B4, such as 1")


@pytest.mark.parametrize("names", [["B4", "B8"], ["SCL"], ["NDVI"]])
def test_an_export_may_have_few_columns(tmp_path: Path, names: list[str]) -> None:
    rows = read(ROWS.assign(NDVI=0.5)[["ID", "Timestamp", *names]], tmp_path)
    assert set(rows.table) == {"ID", "time", *names}
    assert rows.notes == ()


def test_reflectance_is_seen_where_the_first_band_is_missing(tmp_path: Path) -> None:
    words = refusal(ROWS.assign(B4=[np.nan, 1000, 900, 800], B8=[0.3, 3000, 2900, 2800]), tmp_path)
    assert "has reflectance for B8, values from 0.3 to 0.3" in words


def test_the_points_that_are_wanted_are_taken(tmp_path: Path) -> None:
    rows = read(ROWS, tmp_path)
    assert rows.of_points(pd.Series(["z", "b"])).table["B4"].tolist() == [800, 900]
    assert rows.of_points(pd.Series(["b", "007"])).table["point"].tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("last", "notes"),
    [
        ("2020-04-30", []),
        ("2020-05-01", ["has no row after 2020-03-01, and is named to 2020-05-01: "]),
    ],
)
def test_a_file_that_ends_long_before_its_name_says_so(
    tmp_path: Path, last: str, notes: list[str]
) -> None:
    export = replace(written(ROWS, tmp_path), last=date.fromisoformat(last))
    assert list(file.read(export).notes) == [
        f"{NAME} {note}these days are not observed" for note in notes
    ]


def test_a_file_that_begins_long_after_its_name_says_so(tmp_path: Path) -> None:
    export = replace(written(ROWS, tmp_path), first=date(2019, 1, 1))
    assert file.read(export).notes[0].startswith(f"{NAME} has no row before 2020-01-01, and is ")


def test_the_offset_in_products_of_before_2022_is_said(tmp_path: Path) -> None:
    rows = ROWS.assign(B2=600.0, B3=700.0)
    assert read(rows, tmp_path).notes == ()
    higher = rows.assign(**{name: rows[name] + 1000 for name in ("B2", "B3", "B4", "B8")})
    (note,) = read(higher, tmp_path).notes
    assert note.startswith(f"{NAME} has hardly a value of the visible bands below 1000 before 2022")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("b,2020-02-01,x,1", "for B4 in line 9"),
        ("b,2020-02-31,1,1", "'2020-02-31' in line 9"),
        ("b,2019-02-01,1,1", "the first 2019-02-01 in line 9"),
        ("b,2020-02-01,0.1,0.5", "first in line 9"),
    ],
)
def test_the_line_of_an_error_counts_blank_lines(tmp_path: Path, bad: str, message: str) -> None:
    path = tmp_path / NAME
    good = "a,2020-01-01,500,3000\n\n   \n"
    path.write_text(f"\nID,Timestamp,B4,B8\n{good}{good}{bad}\n,,,\n")
    with pytest.raises(DataError, match=message):
        file.read(Export(path, date(2020, 1, 1), date(2020, 12, 31)))
