from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
import xarray as xr

from cropland.config.groups import Features
from cropland.errors import ConfigError
from cropland.features import matrix as features
from cropland.features import series
from cropland.features.window import Window
from cropland.observations import archive
from cropland.observations.bands import BandSet

END = date(2020, 12, 31)
WINDOW = Window(END - timedelta(days=10), END, uses_future=False)


FLAT = Features("flat", True, ())
STATISTICS = ("min", "max", "median", "std", "amplitude")


def flat(opened: archive.Archive, *names: str, window: Window = WINDOW) -> features.Labelled:
    band_set = BandSet.of(names)
    aligned = series.aligned(opened, window, band_set, step_days=5, clear=False)
    return features.matrix(aligned, band_set, FLAT, reference_end=END)


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
    matrix = features.matrix(aligned, band_set, FLAT, reference_end=END)
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


@pytest.fixture
def by_hand() -> xr.Dataset:
    """Two points on three days, B4 and NDVI written down by hand; the second is not labelled."""
    values = [[[100, 0.2], [200, 0.8], [300, 0.5]], [[50, 0.1], [50, 0.1], [50, 0.1]]]
    return xr.Dataset(
        {
            "values": (("point", "time", "band"), np.array(values, dtype=np.float32)),
            "n_observations": ("point", np.array([3, 1])),
        },
        coords={
            "ID": ("point", ["a", "b"]),
            "Lat": ("point", [10.0, 11.0]),
            "Lon": ("point", [20.0, 21.0]),
            "Target": ("point", np.array([1, -1], dtype=np.int8)),
            "time": np.datetime64(END) - np.array([10, 5, 0], "timedelta64[D]"),
            "band": ["B4", "NDVI"],
        },
    )


def test_statistics_are_those_of_their_definition(by_hand: xr.Dataset) -> None:
    kind = Features("statistics", False, STATISTICS)
    found = features.matrix(by_hand, BandSet.of(["B4", "NDVI"]), kind, reference_end=END)
    names = ["min", "max", "median", "std", "amplitude"]
    assert list(found["feature"].to_numpy()) == [f"{b}_{n}" for n in names for b in ("B4", "NDVI")]
    # Deviations from the mean are -100, 0, 100 and -0.3, 0.3, 0 (divided by n, not by n - 1).
    b4 = [100, 300, 200, np.sqrt(20_000 / 3), 200]
    ndvi = [0.2, 0.8, 0.5, np.sqrt(0.18 / 3), 0.6]
    expected = [value for both in zip(b4, ndvi, strict=True) for value in both]
    np.testing.assert_allclose(found.isel(sample=0), expected, rtol=1e-6)
    # Nothing varies at the second point.
    np.testing.assert_allclose(
        found.isel(sample=1), [50, 0.1, 50, 0.1, 50, 0.1, 0, 0, 0, 0], atol=1e-7
    )


@pytest.mark.parametrize(
    ("values", "median"), [([100, 900, 200], 200), ([900, 100, 400, 200], 300)], ids=["odd", "even"]
)
def test_a_median_is_the_value_in_the_middle_or_between_the_two_there(
    values: list[float], median: float
) -> None:
    # The mean of both is 400.
    found = features.STATISTICS["median"](np.array(values, np.float32).reshape(1, -1, 1))
    assert found.tolist() == [[median]]


def test_flat_comes_first_then_statistics_in_their_order_then_static(by_hand: xr.Dataset) -> None:
    kind = Features("both", True, ("amplitude", "min"))
    found = features.matrix(by_hand, BandSet.of(["Lat", "B4", "NDVI"]), kind, reference_end=END)
    assert list(found["feature"].to_numpy()) == [
        *("B4_d-10", "NDVI_d-10", "B4_d-5", "NDVI_d-5", "B4_d+0", "NDVI_d+0"),
        *("B4_amplitude", "NDVI_amplitude", "B4_min", "NDVI_min", "Lat"),
    ]
    np.testing.assert_allclose(
        found.isel(sample=0), [100, 0.2, 200, 0.8, 300, 0.5, 200, 0.6, 100, 0.2, 10], rtol=1e-6
    )
    assert found.dtype == np.float32


def test_static_columns_alone_have_no_statistics(by_hand: xr.Dataset) -> None:
    kind = Features("statistics", False, STATISTICS)
    without = by_hand.isel(band=slice(0, 0))
    found = features.matrix(without, BandSet.of(["Lon", "Lat"]), kind, reference_end=END)
    assert list(found["feature"].to_numpy()) == ["Lon", "Lat"]
    np.testing.assert_array_equal(found, [[20, 10], [21, 11]])


def test_of_static_columns_too_a_point_without_an_observation_is_left_out(
    by_hand: xr.Dataset,
) -> None:
    by_hand["n_observations"][:] = [0, 1]
    without = by_hand.isel(band=slice(0, 0))
    found = features.matrix(without, BandSet.of(["Lon", "Lat"]), FLAT, reference_end=END)
    assert found["ID"].values.tolist() == ["b"]
    assert features.unobserved(without) == ["a"]


def test_an_unknown_statistic_or_static_column_is_one_line(by_hand: xr.Dataset) -> None:
    with pytest.raises(ConfigError, match=r"^features\.statistics"):
        features.make_features(by_hand, reference_end=END, statistics=["mode"])
    with pytest.raises(ConfigError, match="static: expected Lon or Lat, got B4, NDVI"):
        features.make_features(by_hand, reference_end=END, static=["NDVI", "B4", "Lat"])


def test_features_are_made_of_what_is_asked_for(by_hand: xr.Dataset) -> None:
    flat = features.make_features(by_hand, reference_end=END)
    assert flat.shape == (2, 6)
    other = features.make_features(
        by_hand, reference_end=END, flat=False, statistics=["max"], static=["Lat"]
    )
    assert other["feature"].values.tolist() == ["B4_max", "NDVI_max", "Lat"]
    np.testing.assert_allclose(other, [[300, 0.8, 10], [50, 0.1, 11]], rtol=1e-6)


def test_five_statistics_of_an_archive_are_five_columns_a_band(
    toy_archive: archive.Archive,
) -> None:
    band_set = BandSet.of(["B2", "B8", "NDVI"])
    whole = Window(date(2019, 1, 1), END, uses_future=False)
    aligned = series.aligned(toy_archive, whole, band_set, step_days=5, clear=False)
    kind = Features("statistics", False, STATISTICS)
    found = features.matrix(aligned, band_set, kind, reference_end=END)
    assert found.shape == (80, 5 * 3)
    np.testing.assert_array_equal(
        found.sel(feature="NDVI_max"), aligned["values"].sel(band="NDVI").max("time")
    )
