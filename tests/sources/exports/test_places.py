"""Places that exports give to IDs, beside those of the points files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cropland.config.countries import Country
from cropland.config.groups import Paths
from cropland.config.sources import Files
from cropland.errors import DataError
from cropland.sources.exports import source as files

SOURCE = Files("files", "COPERNICUS_S2_SR_HARMONIZED", "Train.csv", "Test.csv")
NAME = "COPERNICUS_S2_SR_HARMONIZED_Toyland_2019-03-01_2019-05-02.csv"
DAYS = ["2019-03-01", "2019-04-01", "2019-05-01"]
POINTS = pd.DataFrame(
    {
        "ID": ["a", "b", "c", "d"],
        "Lat": [10.123456, 10.223456, 10.323456, 10.123456],
        "Lon": [20.123456, 20.123456, 20.123456, 20.223456],
        "Target": [1, 0, 1, -1],
    }
)
STEP = 1 / 111_195
"""A metre to the north, in degrees."""


@pytest.fixture
def table() -> pd.DataFrame:
    rows = POINTS.drop(columns="Target").loc[np.repeat(np.arange(4), len(DAYS))]
    values = np.arange(100, 100 + len(rows))
    return rows.assign(Timestamp=DAYS * 4, B4=values, B8=values + 1000).reset_index(drop=True)


def read(
    folder: Path, country: Country, table: pd.DataFrame, points: pd.DataFrame = POINTS
) -> xr.Dataset:
    table.to_csv(folder / NAME, index=False)
    paths = Paths(str(folder), str(folder / "archive"), "runs")
    return files.observations_of(SOURCE, paths, country, points)


def moved(table: pd.DataFrame, ids: str, metres: float) -> pd.DataFrame:
    lat = table["Lat"] + np.where(table["ID"].isin(list(ids)), metres * STEP, 0)
    return table.assign(Lat=lat)


@pytest.mark.parametrize("metres", [0, 0.02, 25])
@pytest.mark.parametrize("names", [("Lat", "Lon"), ("LAT", "lon")])
def test_places_that_agree_say_nothing_and_are_not_kept(
    tmp_path: Path, toyland: Country, table: pd.DataFrame, metres: float, names: tuple[str, str]
) -> None:
    near = moved(table, "abcd", metres).rename(
        columns=dict(zip(("Lat", "Lon"), names, strict=True))
    )
    dataset = read(tmp_path, toyland, near)
    assert dataset.attrs["notes"] == []
    assert not {"lat", "lon", "LAT"} & set(dataset.variables)
    assert dataset["Lat"].to_numpy().tolist() == POINTS["Lat"].tolist()


def test_ids_of_other_places_are_an_error(
    tmp_path: Path, toyland: Country, table: pd.DataFrame
) -> None:
    """Two IDs exchanged: both lie at the place of the other, 11.1 km away."""
    other = table.assign(ID=table["ID"].replace({"a": "b", "b": "a"}))
    expected = (
        f"{NAME} has other places than the points files for 2 of 4 points: a is at Lat 10.2235, Lon 20.1235 "
        "there and at Lat 10.1235, Lon 20.1235 in the points file, 11.1 km apart"
    )
    with pytest.raises(DataError, match=re.escape(expected)):
        read(tmp_path, toyland, other)
    read(tmp_path, toyland, other.drop(columns=["Lat", "Lon"]))


@pytest.mark.parametrize("order", ["by point", "by time"])
def test_points_that_are_not_labelled_are_compared_too(
    tmp_path: Path, toyland: Country, table: pd.DataFrame, order: str
) -> None:
    far = moved(table, "d", 5000)
    far = far.sort_values("Timestamp") if order == "by time" else far
    with pytest.raises(DataError, match="for 1 of 4 points: d is at .* 5.0 km apart"):
        read(tmp_path, toyland, far)
    with pytest.raises(DataError, match="for 1 of 1 point: d is at"):
        read(tmp_path, toyland, far, POINTS.iloc[3:].reset_index(drop=True))
    # What is wrong of points that nobody asks for says nothing.
    assert read(tmp_path, toyland, far, POINTS.iloc[:3]).attrs["notes"] == []


def test_an_id_of_two_places_is_an_error(
    tmp_path: Path, toyland: Country, table: pd.DataFrame
) -> None:
    table.loc[[1, 4, 5], "Lat"] += 40 * STEP
    expected = (
        "has rows of two places for 2 IDs: a is at Lat 10.1235, Lon 20.1235 and at Lat 10.1238, Lon 20.1235, "
        "40 m"
    )
    with pytest.raises(DataError, match=f"{re.escape(expected)} apart; give each place an ID"):
        read(tmp_path, toyland, table)


def test_places_some_hundred_metres_away_are_said(
    tmp_path: Path, toyland: Country, table: pd.DataFrame
) -> None:
    near = moved(moved(table, "b", 300), "c", 800)
    assert read(tmp_path, toyland, near).attrs["notes"] == [
        f"{NAME} has other places than the points files for 2 of 4 points, up to 800 m apart, such as c"
    ]


@pytest.mark.parametrize(
    ("decimals", "metres", "error"),
    [(2, 0, False), (3, 0, False), (2, 3000, True), (3, 1200, True)],
)
def test_rounded_places_agree_within_their_rounding(
    tmp_path: Path,
    toyland: Country,
    table: pd.DataFrame,
    decimals: int,
    metres: float,
    error: bool,
) -> None:
    rounded = moved(table, "abcd", metres).round({"Lat": decimals, "Lon": decimals})
    if error:
        with pytest.raises(DataError, match="for 4 of 4 points"):
            read(tmp_path, toyland, rounded)
    else:
        assert read(tmp_path, toyland, rounded).attrs["notes"] == []


def test_geometries_of_earth_engine_are_places(
    tmp_path: Path, toyland: Country, table: pd.DataFrame
) -> None:
    def with_geometry(rows: pd.DataFrame) -> pd.DataFrame:
        places = zip(rows["Lon"], rows["Lat"], strict=True)
        geo = [f'{{"geodesic":false,"type":"Point","coordinates":[{x},{y}]}}' for x, y in places]
        return rows.drop(columns=["Lat", "Lon"]).assign(**{".geo": geo})

    dataset = read(tmp_path, toyland, with_geometry(table))
    assert dataset.attrs["notes"] == []
    with pytest.raises(DataError, match=r"for 1 of 4 points: a is at .* 5\.0 km apart"):
        read(tmp_path, toyland, with_geometry(moved(table, "a", 5000)))
    empty = with_geometry(table).assign(**{".geo": '{"type":"MultiPoint","coordinates":[]}'})
    assert read(tmp_path, toyland, empty).attrs["notes"] == []


def test_places_that_are_no_numbers_are_said(
    tmp_path: Path, toyland: Country, table: pd.DataFrame
) -> None:
    table["Lat"] = table["Lat"].astype(object)
    table.loc[:1, "Lat"] = "10°7'N"
    assert read(tmp_path, toyland, table).attrs["notes"] == [
        f"{NAME}: Lat and Lon of 2 rows are no decimal degrees, and not compared with the points files"
    ]


def test_copies_of_a_series_at_other_places_are_said(
    tmp_path: Path, toyland: Country, table: pd.DataFrame
) -> None:
    bare = table.drop(columns=["Lat", "Lon"])
    for name in ("B4", "B8"):
        bare[name] = 300 + np.r_[1:4, 1:4, 1:4, 7:10]
    bare.loc[8, "B8"] = 99  # the last row of c
    assert read(tmp_path, toyland, bare).attrs["notes"] == [
        "2 points have the same observations as another point at another place: a, b; copies raise a score"
    ]
    unlabelled = POINTS.assign(Target=-1)
    [note] = read(tmp_path, toyland, bare, unlabelled).attrs["notes"]
    assert note.endswith("at another place: a, b")
    together = POINTS.assign(Lat=10.123456, Lon=20.123456)  # on one pixel: named as sharing it
    assert read(tmp_path, toyland, bare, together).attrs["notes"] == []
    bare.loc[:2, "Timestamp"] = ["2019-03-01", "2019-04-01", "2019-05-02"]
    assert read(tmp_path, toyland, bare).attrs["notes"] == []
