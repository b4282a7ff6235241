from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cropland.errors import DataError
from cropland.observations import archive, ragged_array
from cropland.observations.archive_writing import Blocks

ATTRIBUTES = {
    "source": "files",
    "country": "toyland",
    "fingerprint": "f00",
    "time_coverage_start": "2020-01-01",
    "time_coverage_end": "2020-12-31",
}


@pytest.fixture
def two_points() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Points b and a, three rows, in no order."""
    table = pd.DataFrame(
        {
            "ID": ["b", "a", "c"],
            "Lat": [1.0, 2.0, 3.0],
            "Lon": [4.0, 5.0, 6.0],
            "Target": [1, 0, -1],
        }
    )
    rows = pd.DataFrame(
        {
            "ID": ["a", "b", "a", "b"],
            "time": pd.to_datetime(["2020-03-01", "2020-02-01", "2020-01-01", "2020-02-01"]),
            "B4": [1.0, 2.0, 3.0, np.nan],
            "B8": [1.5, 2.0, 3.0, np.nan],
            "SCL": [4, 5, np.nan, 9],
            "granule": ["g1", "g2", "g3", "g4"],
        }
    )
    return table, rows


def test_observations_stand_by_point_and_time_and_ties_keep_their_order(
    two_points: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    dataset = ragged_array.from_table(*two_points)
    assert list(dataset["row_size"].to_numpy()) == [2, 2, 0]
    assert list(dataset["granule"].to_numpy()) == ["g2", "g4", "g3", "g1"]


def test_whole_digital_numbers_are_stored_small_and_fractions_as_they_are(
    two_points: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    dataset = ragged_array.from_table(*two_points)
    assert dataset["B4"].dtype == np.uint16
    assert dataset["B8"].dtype == np.float32
    assert dataset["SCL"].dtype == np.uint8


def test_an_archive_comes_back_as_it_was_written(
    tmp_path: Path, two_points: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    dataset = ragged_array.from_table(*two_points)
    archive.write(dataset, tmp_path / "a.zarr", ATTRIBUTES)
    opened = archive.open_archive(tmp_path / "a.zarr")
    for name in dataset:
        np.testing.assert_array_equal(opened.dataset[name], dataset[name])
    assert opened.dataset.attrs["featureType"] == "timeSeries"
    assert opened.dataset["row_size"].attrs["sample_dimension"] == "observation"
    assert opened.stored == ("B4", "B8", "SCL")
    assert (opened.first.isoformat(), opened.last.isoformat()) == ("2020-01-01", "2020-12-31")
    assert list(opened.offsets) == [0, 2, 4, 4]


def test_no_data_is_nan_and_an_index_is_computed_of_its_bands(
    tmp_path: Path, two_points: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    archive.write(ragged_array.from_table(*two_points), tmp_path / "a.zarr", ATTRIBUTES)
    opened = archive.open_archive(tmp_path / "a.zarr")
    np.testing.assert_array_equal(opened.values("B4"), np.array([2, np.nan, 3, 1], np.float32))
    np.testing.assert_allclose(opened.values("NDVI"), [0, np.nan, 0, 0.2], atol=1e-7)


def test_zero_is_no_data_in_a_band_of_fractions_too() -> None:
    points = pd.DataFrame({"ID": ["a"], "Lat": [1.0], "Lon": [2.0], "Target": [1]})
    rows = pd.DataFrame(
        {
            "ID": "a",
            "time": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03"]),
            "B4": [0.0, 1.5, np.nan],
            "cloudiness": [0.0, 1.5, np.nan],
        }
    )
    opened = archive.Archive(ragged_array.from_table(points, rows))
    assert opened.dataset["B4"].dtype == np.float32
    np.testing.assert_array_equal(opened.values("B4"), [np.nan, 1.5, np.nan])
    # Nothing is known of other columns: their zeros are zeros.
    np.testing.assert_array_equal(opened.values("cloudiness"), [0, 1.5, np.nan])


def test_a_missing_band_is_answered_with_what_is_there(toy_archive: archive.Archive) -> None:
    with pytest.raises(
        DataError,
        match="has no B11, B12; it has B2, B3, B4, B8, SCL: choose other bands, or fetch B11 and B12",
    ):
        toy_archive.require(["B4", "B11", "B12"])


def test_the_first_of_two_writers_wins_and_nothing_is_left_over(
    tmp_path: Path, two_points: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    path = tmp_path / "a.zarr"
    archive.write(ragged_array.from_table(*two_points), path, ATTRIBUTES | {"country": "first"})
    archive.write(ragged_array.from_table(*two_points), path, ATTRIBUTES | {"country": "second"})
    assert archive.open_archive(path).country == "first"
    assert [item.name for item in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ID": ("point", np.array(["a", "a", "c"]))}, "IDs must be unique"),
        ({"row_size": ("point", np.array([2, 1, 0], np.int32))}, "row sizes sum to 3, it has 4"),
        ({"row_size": ("point", np.array([4, 0, 0], np.int32))}, "sorted by time"),
    ],
)
def test_what_breaks_the_contract_is_not_written(
    tmp_path: Path,
    two_points: tuple[pd.DataFrame, pd.DataFrame],
    change: dict[str, tuple[str, np.ndarray]],
    message: str,
) -> None:
    broken = ragged_array.from_table(*two_points).assign(change)
    with pytest.raises(DataError, match=message):
        archive.write(broken, tmp_path / "a.zarr", ATTRIBUTES)
    assert not (tmp_path / "a.zarr").exists()


def in_blocks(table: pd.DataFrame, rows: pd.DataFrame, size: int) -> Iterator[xr.Dataset]:
    """The same observations, a few points after others."""
    for first in range(0, len(table), size):
        some = table.iloc[first : first + size]
        yield ragged_array.from_table(some, rows[rows["ID"].isin(some["ID"])])


@pytest.mark.parametrize("size", [30, 79, 80])
def test_an_archive_written_in_blocks_is_the_one_written_whole(
    tmp_path: Path, toy_points: pd.DataFrame, toy_rows: pd.DataFrame, size: int
) -> None:
    archive.write(
        ragged_array.from_table(toy_points, toy_rows), tmp_path / "whole.zarr", ATTRIBUTES
    )
    blocks = Blocks(len(toy_points), in_blocks(toy_points, toy_rows, size))
    archive.write(blocks, tmp_path / "blocks.zarr", ATTRIBUTES)
    whole, made = (archive.open_archive(tmp_path / f"{name}.zarr") for name in ("whole", "blocks"))
    xr.testing.assert_identical(made.dataset.load(), whole.dataset.load())
    assert made.stored == whole.stored


def test_a_writer_that_fails_between_blocks_leaves_nothing(
    tmp_path: Path, toy_points: pd.DataFrame, toy_rows: pd.DataFrame
) -> None:
    def failing() -> Iterator[xr.Dataset]:
        yield next(in_blocks(toy_points, toy_rows, 10))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.write(Blocks(80, failing()), tmp_path / "a.zarr", ATTRIBUTES)
    assert not list(tmp_path.iterdir())


def test_an_id_may_not_come_in_two_blocks(
    tmp_path: Path, toy_points: pd.DataFrame, toy_rows: pd.DataFrame
) -> None:
    block = next(in_blocks(toy_points, toy_rows, 10))
    with pytest.raises(DataError, match="IDs must be unique"):
        archive.write(Blocks(20, [block, block]), tmp_path / "a.zarr", ATTRIBUTES)
    assert not list(tmp_path.iterdir())


def test_a_part_has_the_rows_of_its_points(toy_archive: archive.Archive) -> None:
    part = toy_archive.part(10, 13)
    np.testing.assert_array_equal(part.points["ID"], ["P010", "P011", "P012"])
    first, end = toy_archive.offsets[[10, 13]]
    np.testing.assert_array_equal(part.times, toy_archive.times[first:end])
    np.testing.assert_array_equal(part.values("NDVI"), toy_archive.values("NDVI")[first:end])
    assert part.offsets.tolist() == (toy_archive.offsets[10:14] - first).tolist()
    assert toy_archive.part(5, 5).dataset.sizes == {"point": 0, "observation": 0}


def test_scene_classes_are_those_of_all_rows(
    toy_archive: archive.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_ROWS_AT_ONCE", 3)
    assert toy_archive.part(0, 2).scene_classes == (4, 5, 9)
    without = archive.Archive(toy_archive.dataset.drop_vars("SCL"))
    with pytest.raises(DataError, match="has no SCL"):
        _ = without.scene_classes


def test_a_broken_archive_says_to_delete_it(tmp_path: Path) -> None:
    xr.Dataset({"x": ("y", [1])}).to_zarr(tmp_path / "a.zarr", zarr_format=2)
    with pytest.raises(DataError, match="delete it, it is made again"):
        archive.open_archive(tmp_path / "a.zarr")


def test_a_missing_scene_class_is_stored_as_255_and_read_as_nothing(
    two_points: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    opened = archive.Archive(ragged_array.from_table(*two_points))
    assert opened.raw("SCL").tolist() == [5, 9, 255, 4]
    np.testing.assert_array_equal(opened.values("SCL"), [5, 9, np.nan, 4])
    assert opened.scene_classes == (4, 5, 9)
