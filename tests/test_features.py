from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from cropland import archive, features, series
from cropland.bands import BandSet
from cropland.window import Window

END = date(2020, 12, 31)
WINDOW = Window(END - timedelta(days=10), END, uses_future=False)


def flat(opened: archive.Archive, *names: str, window: Window = WINDOW) -> features.Labelled:
    band_set = BandSet.of(names)
    aligned = series.aligned(opened, window, band_set, step_days=5, clear=False)
    return features.flat(aligned, band_set, reference_end=END)


def test_features_are_named_day_by_day_with_static_columns_once(
    toy_archive: archive.Archive,
) -> None:
    matrix = flat(toy_archive, "B4", "Lon", "NDVI", "Lat")
    assert list(matrix["feature"].to_numpy()) == [
        *("B4_d-10", "NDVI_d-10", "B4_d-5", "NDVI_d-5", "B4_d+0", "NDVI_d+0"),
        *("Lon", "Lat"),
    ]
    np.testing.assert_array_equal(matrix.sel(feature="Lon"), matrix["Lon"].astype(np.float32))


def test_a_row_holds_the_series_of_its_point(toy_archive: archive.Archive) -> None:
    band_set = BandSet.of(["B4", "B8"])
    aligned = series.aligned(toy_archive, WINDOW, band_set, step_days=5, clear=False)
    matrix = features.flat(aligned, band_set, reference_end=END)
    row = matrix.isel(sample=3)
    point = int(np.flatnonzero(aligned["ID"] == row["ID"])[0])
    assert float(row.sel(feature="B8_d-5")) == float(aligned["values"][point, 1, 1])


def test_points_without_an_observation_are_left_out_and_named(
    toy_archive: archive.Archive,
) -> None:
    day = Window(END, END, uses_future=False)
    aligned = series.aligned(toy_archive, day, BandSet.of(["B4"]), step_days=5, clear=False)
    missing = features.unobserved(aligned)
    matrix = flat(toy_archive, "B4", window=day)
    assert 0 < len(missing) < 80
    assert set(missing) | set(matrix["ID"].to_numpy()) == {f"P{n:03d}" for n in range(80)}
    assert not set(missing) & set(matrix["ID"].to_numpy())
    assert not matrix.isnull().any()


def test_labelled_chooses_samples_with_a_label(toy_archive: archive.Archive) -> None:
    whole = Window(date(2019, 1, 1), END, uses_future=False)
    matrix = flat(toy_archive, "B4", window=whole)
    assert matrix.sizes["sample"] == 80
    assert features.labelled(matrix).sizes["sample"] == 60
    assert features.labelled(toy_archive.points).sizes["point"] == 60
