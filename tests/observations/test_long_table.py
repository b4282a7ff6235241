from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cropland.observations import archive, long_table, ragged_array

COLUMNS = ("ID", "Timestamp", "Lat", "Lon", "B4", "SCL")


@pytest.fixture(scope="module")
def opened() -> archive.Archive:
    """Point b with two observations, n with none, a with one, c with three."""
    points = pd.DataFrame(
        {"ID": list("bnac"), "Lat": [1.0, 2.0, 3.0, 4.0], "Lon": 5.0, "Target": [1, 0, -1, 1]}
    )
    rows = pd.DataFrame(
        {
            "ID": list("bbaccc"),
            "time": np.array(
                [
                    *("2020-01-01T07:30:05", "2020-01-06", "2020-02-01"),
                    *("2020-03-01", "2020-03-06", "2020-03-11"),
                ],
                dtype="datetime64[s]",
            ),
            "B4": [1.0, 0.0, 3.0, 4.0, 5.0, 6.0],
            "SCL": [4, 5, 9, 4, 4, 4],
        }
    )
    return archive.Archive(ragged_array.from_table(points, rows))


def test_a_row_is_an_observation_as_it_is_stored(opened: archive.Archive) -> None:
    found = long_table.of_points(opened, np.array([0]), COLUMNS)
    assert list(found.columns) == list(COLUMNS)
    assert found.to_dict("list") == {
        "ID": ["b", "b"],
        "Timestamp": ["2020-01-01T07:30:05", "2020-01-06T00:00:00"],
        "Lat": [1.0, 1.0],
        "Lon": [5.0, 5.0],
        "B4": [1, 0],  # no data stays 0 and does not become NaN
        "SCL": [4, 5],
    }


@pytest.mark.parametrize("at", [[3, 0], [0, 1, 2, 3], [2, 1, 3], [1, 3, 1, 2], [3, 2, 1, 0]])
def test_any_points_in_any_order_are_those_of_each_alone(
    opened: archive.Archive, at: list[int]
) -> None:
    together = long_table.of_points(opened, np.array(at), COLUMNS)
    alone = [long_table.of_points(opened, np.array([one]), COLUMNS) for one in at]
    expected = pd.concat(alone, ignore_index=True)
    assert together.to_dict("list") == expected.to_dict("list")
    counts = {"b": 2, "n": 0, "a": 1, "c": 3}
    assert len(together) == sum(counts["bnac"[one]] for one in at)


@pytest.mark.parametrize("at", [[1], []])
def test_points_without_observations_give_no_row(opened: archive.Archive, at: list[int]) -> None:
    found = long_table.of_points(opened, np.array(at, dtype=np.int64), COLUMNS)
    assert found.empty
    assert list(found.columns) == list(COLUMNS)


def test_a_missing_scene_class_is_empty() -> None:
    points = pd.DataFrame({"ID": ["a"], "Lat": 1.0, "Lon": 2.0, "Target": 1})
    days = pd.to_datetime(["2020-01-01", "2020-01-02"])
    rows = pd.DataFrame({"ID": "a", "time": days, "SCL": [4, np.nan]})
    opened = archive.Archive(ragged_array.from_table(points, rows))
    table = long_table.of_points(opened, np.array([0]), ["ID", "SCL"])
    np.testing.assert_array_equal(table["SCL"], [4, np.nan])


def test_an_export_has_every_observation_and_what_is_computed_of_its_bands(
    opened: archive.Archive,
) -> None:
    dataset = opened.dataset.assign(B8=("observation", np.uint16([3, 0, 9, 4, 15, 18])))
    found = long_table.as_export(archive.Archive(dataset), ["B4", "NDVI", "Lat"])
    assert list(found.columns) == ["ID", "Timestamp", "B4", "Lat", "NDVI"]
    assert found["ID"].tolist() == list("bbaccc")
    assert found["Timestamp"][0] == "2020-01-01 07:30:05"
    assert found["B4"].tolist() == [1, 0, 3, 4, 5, 6]
    np.testing.assert_allclose(found["NDVI"], [0.5, np.nan, 0.5, 0, 0.5, 0.5], rtol=1e-6)
    assert found["Lat"].tolist() == [1, 1, 3, 4, 4, 4]
