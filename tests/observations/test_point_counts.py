from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cropland.config.countries import Box, Country
from cropland.errors import DataError
from cropland.observations import archive, point_counts, point_ids, point_notes, points
from cropland.observations.point_counts import PointCounts

# Two points of box, one of them twice with the other label, one outside, one with Lat and Lon exchanged.
LABELLED = """ID,Lat,Lon,Target
a,10.1,20.1,1
b,10.2,20.2,0
b2,10.2,20.2,1
c,11.1,20.1,1
d,20.3,10.3,0
,,,
"""
UNLABELLED = "ID,Lat,Lon\nA,10.1,20.3\n,,\n"


@pytest.fixture
def files(tmp_path: Path) -> points.PointsFiles:
    (tmp_path / "Train.csv").write_text(LABELLED)
    (tmp_path / "Test.csv").write_text(UNLABELLED)
    return points.read_files(tmp_path, "Train.csv", "Test.csv")


def observed(table: pd.DataFrame, sizes: list[int], **attributes: object) -> archive.Archive:
    """An archive of points with so many observations each."""
    dataset = xr.Dataset({name: ("point", table[name].to_numpy()) for name in points.COLUMNS})
    dataset["row_size"] = ("point", np.array(sizes, np.int32))
    return archive.Archive(dataset.assign_attrs(country="toyland", **attributes))


def test_what_becomes_of_each_point_is_counted(files: points.PointsFiles, toyland: Country) -> None:
    table, facts = point_counts.points_of_country(files, toyland)
    assert table["ID"].tolist() == ["a", "b", "b2", "A"]
    counted = point_counts.counts_of(observed(table, [0, 3, 2, 1], **facts))
    assert counted == PointCounts(
        given=5,
        outside=2,
        unobserved=1,
        shared_pixel=2,
        contradicting=2,
        swapped=1,
        empty_rows=2,
    )
    assert counted.used == 2
    assert counted.metrics() == {
        "n_points": 2,
        "n_outside": 2,
        "n_unobserved": 1,
        "n_shared_pixel": 2,
        "n_contradicting": 2,
    }


def test_what_is_not_counted_is_none() -> None:
    counted = PointCounts(7)
    assert astuple(counted) == (7, 0, 0, 0, 0, 0, 0)
    assert counted.used == counted.metrics()["n_points"] == 7
    assert counted.losses("toyland") == ""


def test_each_count_is_named(files: points.PointsFiles, toyland: Country) -> None:
    table, facts = point_counts.points_of_country(files, toyland)
    unknown = point_ids.compare(["a"], table["ID"], ["b", "b2", "A", " a"])
    assert point_notes.notes([observed(table, [0, 3, 2, 1], unknown_ids=unknown, **facts)]) == [
        "2 of 5 labelled points lie outside the box of toyland (conf/country/toyland.yaml): c, d",
        "toyland: 1 of 5 labelled points lie in its box with Lat and Lon exchanged only: d; exchange the two "
        "there",
        "toyland: 1 of 3 labelled points have no observation: 'a'; the exports have other IDs: "
        "' a'; in 1 only blanks differ ('a', ' a')",
        "toyland: 2 of 2 labelled points share a pixel with another one; these stay in one fold: b, b2",
        "toyland: 2 of 2 labelled points contradict another one on their pixel: b, b2",
        "2 empty rows of the points files passed over",
        "in 1 ID of Train.csv and Test.csv only upper and lower case differ ('a', 'A'): if they are one "
        "point, write its ID in one way",
    ]


def test_points_without_a_fault_need_no_note(toyland: Country) -> None:
    table = pd.DataFrame({"ID": ["a", "b"], "Lat": [10.1, 10.2], "Lon": 20.1, "Target": [0, 1]})
    known = observed(table, [1, 1])
    assert point_notes.notes([known]) == []
    assert point_counts.counts_of(known) == PointCounts(given=2)
    assert point_counts.counts_of(known).losses("toyland") == ""


def test_points_of_another_country_of_the_sweep_are_not_outside(
    files: points.PointsFiles, toyland: Country
) -> None:
    north = replace(toyland, name="north", box=Box(11.0, 11.4, 20.0, 20.4))
    archives = []
    for country in (toyland, north):
        table, facts = point_counts.points_of_country(files, country)
        known = observed(table, [1] * len(table), **facts)
        known.dataset.attrs["country"] = country.name
        archives.append(known)
    outside = [line for line in point_notes.notes(archives) if "outside" in line]
    assert outside == [
        "1 of 5 labelled points lie outside the boxes of toyland, north (conf/country)"
    ]


def test_a_file_whose_columns_are_exchanged_is_one_line(tmp_path: Path, toyland: Country) -> None:
    (tmp_path / "Train.csv").write_text(
        "ID,Lat,Lon,Target\na,20.1,10.1,1\nb,20.2,10.2,0\nc,10.3,20.3,0\n"
    )
    files = points.read_files(tmp_path, "Train.csv", "Test.csv")
    with pytest.raises(
        DataError,
        match=r"Train.csv seems to have Lat and Lon swapped: of its 3 points 1 lie in the box of toyland as "
        r"they are, 2 with the two exchanged, such as a \(Lat 20.1, Lon 10.1\)",
    ):
        point_counts.points_of_country(files, toyland)


@pytest.mark.parametrize(
    ("without", "others", "said"),
    [
        (["x "], ["x"], "in 1 only blanks differ ('x ', 'x')"),
        (["7", "8"], ["007", "008"], "in 2 only leading zeros differ ('7', '007')"),
        (["id_a"], ["ID_A"], "in 1 only upper and lower case differ ('id_a', 'ID_A')"),
        (["7"], ["7.0"], "in 1 only decimals differ ('7', '7.0')"),
    ],
)
def test_how_ids_differ_is_said(without: list[str], others: list[str], said: str) -> None:
    text = point_ids.compare(without, [*without, "same"], [*others, "same"])
    assert text.startswith("the exports have other IDs: '") and text.endswith(said)


def test_ids_that_are_strangers_or_all_there_are_not_explained() -> None:
    assert point_ids.compare(["x"], ["x"], ["y"]) == ("the exports have other IDs: 'y'")
    assert point_ids.compare([], ["x"], ["x", "y"]) == ""
    assert point_ids.compare(["x"], ["x", "y"], ["y"]) == ""
