from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from cropland.errors import DataError
from cropland.features import interpolation, series
from cropland.features.window import Window
from cropland.observations import archive, ragged_array
from cropland.observations.bands import UNCLEAR_CLASSES, BandSet

START = date(2020, 1, 1)


def window(days: int) -> Window:
    return Window(START, START + timedelta(days=days), uses_future=False)


def made(rows: list[tuple[int, float, float, int]], n_points: int = 3) -> archive.Archive:
    """An archive in memory of (point, day, B4, SCL) rows; 0 is no data."""
    table = pd.DataFrame(rows, columns=["point", "day", "B4", "SCL"])
    points = pd.DataFrame(
        {"ID": [f"P{n}" for n in range(n_points)], "Lat": 1.0, "Lon": 2.0, "Target": 1}
    )
    observations = pd.DataFrame(
        {
            "ID": "P" + table["point"].astype(str),
            "time": pd.Timestamp(START) + pd.to_timedelta(table["day"], unit="D"),
            "B4": table["B4"],
            "SCL": table["SCL"],
        }
    )
    attributes = {"source": "files", "country": "toyland", "fingerprint": "f00"}
    return archive.Archive(ragged_array.from_table(points, observations).assign_attrs(attributes))


def with_pandas(
    opened: archive.Archive, chosen: Window, names: tuple[str, ...], step: int, *, clear: bool
) -> np.ndarray:
    """The same by plain pandas: group, reindex to days, interpolate, keep every step-th day."""
    sizes = opened.dataset["row_size"].to_numpy()
    table = pd.DataFrame({name: opened.values(name).astype(float) for name in names})
    table["point"] = np.repeat(np.arange(len(sizes)), sizes)
    table["day"] = pd.to_datetime(opened.dataset["time"].to_numpy()).floor("D")
    if clear:
        table = table[~np.isin(opened.values("SCL"), UNCLEAR_CLASSES)]
    table = table[table["day"].between(pd.Timestamp(chosen.first), pd.Timestamp(chosen.last))]
    days = pd.date_range(chosen.first, chosen.last)
    result = np.full((len(sizes), len(days[::step]), len(names)), np.nan, dtype=np.float32)
    for point, group in table.groupby("point"):
        for number, name in enumerate(names):
            # The first row of a day that has a value counts.
            seen = group.dropna(subset=[name]).drop_duplicates("day").set_index("day")[name]
            if len(seen):
                daily = seen.reindex(days).interpolate(limit_direction="both")
                result[point, :, number] = daily.iloc[::step]
    return result


def aligned(
    opened: archive.Archive, chosen: Window, *names: str, step: int = 1, clear: bool = False
) -> xr.Dataset:
    return series.aligned(opened, chosen, BandSet.of(names), step_days=step, clear=clear)


def test_values_are_linear_between_observations_and_constant_outside() -> None:
    found = aligned(made([(0, 2, 100.0, 4), (0, 6, 300.0, 4)]), window(8), "B4")
    expected = [100, 100, 100, 150, 200, 250, 300, 300, 300]
    np.testing.assert_array_equal(found["values"][0, :, 0], expected)


def test_of_several_observations_on_a_day_the_first_counts() -> None:
    found = aligned(made([(0, 0, 100.0, 4), (0, 0, 900.0, 4), (0, 2, 200.0, 4)]), window(2), "B4")
    np.testing.assert_array_equal(found["values"][0, :, 0], [100, 150, 200])
    assert found["n_observations"][0] == 2


def test_points_do_not_look_at_each_other_nor_outside_the_window() -> None:
    rows = [(0, 0, 100.0, 4), (0, 40, 900.0, 4), (1, 3, 700.0, 4), (2, 50, 5.0, 4)]
    found = aligned(made(rows), window(10), "B4", step=5)
    np.testing.assert_array_equal(found["values"][:, :, 0], [[100] * 3, [700] * 3, [np.nan] * 3])
    np.testing.assert_array_equal(found["n_observations"], [1, 1, 0])


def test_clear_drops_what_does_not_see_the_ground() -> None:
    rows = [(0, 0, 100.0, 4), (0, 2, 9000.0, 9), (0, 4, 300.0, 5)]
    np.testing.assert_array_equal(
        aligned(made(rows), window(4), "B4", step=2)["values"][0, :, 0], [100, 9000, 300]
    )
    np.testing.assert_array_equal(
        aligned(made(rows), window(4), "B4", step=2, clear=True)["values"][0, :, 0], [100, 200, 300]
    )


@pytest.mark.parametrize("scene_class", range(12))
def test_clear_keeps_ground_water_and_snow_and_drops_all_else(scene_class: int) -> None:
    is_kept = scene_class in (2, 4, 5, 6, 7, 11)
    opened = made([(0, 0, 100.0, scene_class)], n_points=1)
    found = aligned(opened, window(0), "B4", clear=True)
    assert found["n_observations"].values.tolist() == [int(is_kept)]
    assert bool(found["values"].notnull().all()) is is_kept


def test_a_missing_value_is_passed_over() -> None:
    rows = [(0, 0, 100.0, 4), (0, 2, 0.0, 4), (0, 2, 250.0, 4), (0, 4, 0.0, 4)]
    found = aligned(made(rows), window(4), "B4", step=2)
    np.testing.assert_array_equal(found["values"][0, :, 0], [100, 250, 250])


def test_the_band_with_the_fewest_values_says_how_often_a_point_was_observed() -> None:
    rows = [(0, 0, 100.0, 4), (0, 2, 0.0, 4), (0, 4, 300.0, 4), (1, 1, 0.0, 4), (1, 3, 0.0, 4)]
    found = aligned(made(rows), window(4), "B4", "SCL")
    assert found["n_observations"].to_numpy().tolist() == [2, 0, 0]
    scenes = aligned(made(rows), window(4), "SCL")
    assert scenes["n_observations"].to_numpy().tolist() == [3, 2, 0]


@pytest.mark.parametrize(
    ("days", "step", "share"),
    [
        # The grid is 0, 5, 10, 15, 20: half a step is two and a half days.
        ([0, 5, 10, 15, 20], 5, 0.0),
        ([2, 7, 12, 17], 5, 0.2),  # 20 is three days from the last
        ([3], 5, 0.8),  # near 5 alone
        ([10], 5, 0.8),
        ([0, 20], 5, 0.6),
        # The grid is 0, 10, 20: a day in the middle is half a step from both.
        ([5], 10, 1 / 3),
        ([4, 16], 10, 1 / 3),
    ],
)
def test_a_day_of_the_grid_is_interpolated_where_no_observation_is_within_half_a_step(
    days: list[int], step: int, share: float
) -> None:
    opened = made([(0, day, 100.0, 4) for day in days])
    rows = interpolation.rows_of(opened, window(20), step, clear=False)
    np.testing.assert_allclose(rows.interpolated_share, [share, 1, 1])


def test_clouds_are_no_observation_of_a_clear_series() -> None:
    opened = made([(0, 0, 100.0, 4), (0, 5, 100.0, 9), (0, 40, 100.0, 4)])
    raw, clear = (
        interpolation.rows_of(opened, window(5), 5, clear=only).interpolated_share
        for only in (False, True)
    )
    assert raw.tolist() == [0, 1, 1] and clear.tolist() == [0.5, 1, 1]
    bare = interpolation.rows_of(made([(0, 40, 100.0, 4)]), window(5), 5, clear=False)
    assert bare.interpolated_share.tolist() == [1, 1, 1]


def test_scene_classes_become_shares_that_sum_to_one() -> None:
    found = aligned(made([(0, 0, 1.0, 4), (0, 4, 1.0, 9)], n_points=1), window(4), "SCL")
    assert list(found["band"].to_numpy()) == ["SCL_4", "SCL_9"]
    np.testing.assert_allclose(
        found["values"][0], [[1, 0], [0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0, 1]]
    )


def test_a_missing_scene_class_is_no_class_and_is_not_clear() -> None:
    opened = made([(0, 0, 100.0, 4), (0, 4, 900.0, np.nan), (0, 8, 300.0, 5)])
    clear = aligned(opened, window(8), "B4", "SCL", clear=True)
    assert clear["values"][0, 4, 0] == 200
    assert int(clear["n_observations"][0]) == 2
    shares = aligned(opened, window(8), "SCL")["values"].to_numpy()[0]
    np.testing.assert_allclose(shares[4], [0.5, 0.5])  # between class 4 and class 5


def test_static_columns_alone_make_an_empty_series() -> None:
    found = aligned(made([(0, 0, 1.0, 4)]), window(4), "Lon", "Lat")
    assert found["values"].shape == (3, 5, 0)


def test_without_scene_classes_there_is_no_clear_series() -> None:
    opened = made([(0, 0, 1.0, 4)])
    without = archive.Archive(opened.dataset.drop_vars("SCL"))
    with pytest.raises(
        DataError,
        match="has no SCL; it has B4.*: use series=raw and bands without SCL, or fetch SCL",
    ):
        aligned(without, window(4), "B4", clear=True)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(-5, 40),
            st.integers(0, 9000).map(float),
            st.sampled_from([0, 4, 5, 8, 9]),
        ),
        min_size=1,
        max_size=40,
    ),
    days=st.integers(0, 35),
    step=st.integers(1, 9),
    clear=st.booleans(),
)
def test_series_equal_those_of_pandas(
    rows: list[tuple[int, int, float, int]], days: int, step: int, clear: bool
) -> None:
    opened = made(rows)  # type: ignore[arg-type]
    found = aligned(opened, window(days), "B4", step=step, clear=clear)["values"].to_numpy()
    expected = with_pandas(opened, window(days), ("B4",), step, clear=clear)
    np.testing.assert_allclose(found, expected, rtol=2e-7)


def test_a_whole_archive_equals_pandas_on_every_band(toy_archive: archive.Archive) -> None:
    chosen = Window(date(2019, 3, 1), date(2020, 10, 7), uses_future=False)
    names = ("B2", "B8", "NDVI")
    found = aligned(toy_archive, chosen, *names, step=5)["values"].to_numpy()
    np.testing.assert_allclose(
        found, with_pandas(toy_archive, chosen, names, 5, clear=False), rtol=2e-6, atol=1e-6
    )


def test_windows_are_remembered_as_long_as_they_are_small(
    toy_archive: archive.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept() -> int:
        for days in range(20):
            aligned(
                toy_archive, Window(START, START + timedelta(days=days), uses_future=False), "B4"
            )
        return len(toy_archive.selections)

    assert kept() == interpolation._REMEMBERED
    monkeypatch.setattr(interpolation, "_REMEMBERED_BYTES", 0)
    assert kept() == 1  # the newest, for the next band set
