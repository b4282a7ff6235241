from __future__ import annotations

import numpy as np
import pytest

from cropland.observations import band_values


@pytest.mark.parametrize("fill", [-9999, -999, -1, 32_767, 32_768, 65_535])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int32])
def test_a_fill_value_is_no_data_and_counted(fill: int, kind: type[np.generic]) -> None:
    values = np.array([[fill, 1200], [0, 32_766]], kind)
    filled, count = band_values.without_fill("B4", values)
    nothing = np.nan if np.issubdtype(kind, np.floating) else 0
    np.testing.assert_array_equal(filled, [[nothing, 1200], [0, 32_766]])
    assert count == 1
    assert filled.dtype == kind
    assert values[0, 0] == fill  # the block that was given stays


def test_values_without_a_fill_value_are_not_copied() -> None:
    values = np.array([np.nan, 0.0, 1.0, 32_766.0])
    assert band_values.without_fill("B4", values) == (values, 0)
    classes = np.array([255, 4], np.uint8)
    assert band_values.without_fill("SCL", classes)[0] is classes


def test_a_fill_value_of_an_index_is_no_data() -> None:
    values = np.array([-0.2, -9999, 0.8, 65_535, -32_768, -999, 32_767, -9998, 0, np.nan])
    filled, count = band_values.without_fill("NDVI", values)
    nothing = np.nan
    expected = [-0.2, nothing, 0.8, nothing, nothing, nothing, nothing, -9998, 0, nothing]
    np.testing.assert_array_equal(filled, expected)
    assert count == 5


def test_an_infinite_value_is_no_fill_value_and_not_possible() -> None:
    values = np.array([np.inf, 5.0, -np.inf])
    filled, count = band_values.without_fill("B4", values)
    assert count == 0
    assert band_values.possible("B4", filled)[0].tolist() == [False, True, False]


def test_a_scene_class_is_one_of_twelve() -> None:
    possible, expected = band_values.possible("SCL", np.array([0.0, 11.0, np.nan, 12.0, 4.5, -1.0]))
    assert possible.tolist() == [True, True, True, False, False, False]
    assert expected == "a scene class, 0 to 11"


def test_rows_of_reflectance_are_seen_among_digital_numbers() -> None:
    table = {
        "B4": np.array([0.12, 1200.0, 0.0, np.nan, 1.0, 0.3, 1.3]),
        "B8": np.array([0.31, 3100.0, 0.0, 0.25, 1.0, 900.0, np.nan]),
        "NDVI": np.full(7, 0.4),
    }
    rows = band_values.reflectance_rows(table)
    # No data, whole numbers and a dark band beside a bright one are none.
    assert rows.tolist() == [True, False, False, True, False, False, True]


def test_a_table_without_bands_has_no_reflectance() -> None:
    assert band_values.reflectance_rows({"NDVI": np.array([0.4, 0.5])}).tolist() == [False, False]


def test_an_image_of_reflectance_is_seen_among_others() -> None:
    images = np.array([[1200.5, 0, 900], [0.12, np.nan, 2.7], [1, 2, 1], [0, 0, 0]], np.float32)
    assert band_values.reflectance_images(images).tolist() == [False, True, False, False]
    assert not band_values.reflectance_images(np.nan_to_num(images).astype(np.uint16)).any()


def test_the_error_for_reflectance_has_the_range_and_the_remedy() -> None:
    error = band_values.wrong_unit("a.csv", "B4", np.array([0.02, np.nan, 0.7]), "or scale it")
    assert str(error) == (
        "a.csv has reflectance for B4, values from 0.02 to 0.7; expected digital numbers, reflectance × "
        "10,000: multiply by 10000, or scale it"
    )


BANDS = {"B4": np.array([1000.0, 500.0, 800.0]), "B8": np.array([3000.0, 3500.0, 800.0])}
NDVI = np.array([0.5, 0.75, 0.0])


def test_an_index_of_its_bands_has_no_fault() -> None:
    assert band_values.index_fault("NDVI", NDVI + 0.01, BANDS) is None
    assert band_values.index_fault("NDVI", NDVI, {}) is None
    assert band_values.index_fault("NDVI", np.full(3, np.nan), BANDS) is None


@pytest.mark.parametrize("measured", [{}, BANDS])
def test_an_index_times_10000_is_a_fault(measured: dict[str, np.ndarray]) -> None:
    fault = band_values.index_fault("NDVI", 10_000 * NDVI, measured)
    assert fault == "values from 0 to 7500, expected -1 to 1"


def test_another_index_than_its_bands_give_is_a_fault() -> None:
    fault = band_values.index_fault("NDVI", -NDVI, BANDS)
    assert fault == "other values than B4, B8 give in 2 of 3 rows, such as -0.5 in place of 0.5"


@pytest.mark.parametrize(
    ("rows", "wrong", "is_fault"), [(100, 1, False), (100, 2, True), (95, 1, True)]
)
def test_more_than_one_per_cent_of_an_index_out_of_range_are_a_fault(
    rows: int, wrong: int, is_fault: bool
) -> None:
    values = np.r_[np.full(rows - wrong, 0.4), np.full(wrong, 4000.0)]
    assert (band_values.index_fault("NDVI", values, {}) is not None) is is_fault


@pytest.mark.parametrize(("value", "is_fault"), [(-50.0, False), (-75.0, True), (75.0, True)])
def test_the_range_of_an_index_is_that_of_its_formula(value: float, is_fault: bool) -> None:
    # 4 (G - S1) - (0.25 N + 2.75 S2) is from -7 to 4; ten times as far is another scale.
    fault = band_values.index_fault("AWEInsh", np.full(10, value), {})
    assert (fault is not None) is is_fault


@pytest.mark.parametrize(("otherwise", "is_fault"), [(1, False), (2, True)])
def test_an_index_other_than_its_bands_in_many_rows_is_a_fault(
    otherwise: int, is_fault: bool
) -> None:
    measured = {"B4": np.full(4, 1000.0), "B8": np.full(4, 3000.0)}
    values = np.r_[np.full(otherwise, -0.5), np.full(4 - otherwise, 0.5)]
    assert (band_values.index_fault("NDVI", values, measured) is not None) is is_fault


def test_some_rows_of_an_index_times_10000_are_a_fault() -> None:
    values = np.r_[np.full(95, 0.4), np.full(5, 4000.0)]
    assert (
        band_values.index_fault("NDVI", values, {}) == "values from 0.4 to 4000, expected -1 to 1"
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.uint8])
def test_whole_numbers_of_any_size_are_possible(kind: type[np.integer]) -> None:
    assert band_values.possible("B4", np.array([1, 0, np.iinfo(kind).max], kind))[0].all()


def test_values_of_images_are_possible_as_those_of_rows_are() -> None:
    images = np.array([[[1.0, np.nan], [3.0, 4.0]], [[5.0, 6.0], [7.0, np.inf]]])
    for name in ("B4", "SCL"):
        possible = band_values.possible(name, images)[0]
        assert possible.shape == images.shape
        assert np.flatnonzero(~possible).tolist() == [7]
    assert band_values.possible("B4", images[0])[0].all()


@pytest.mark.parametrize(("value", "is_reflectance"), [(1.99, True), (2.0, False), (2.5, False)])
def test_reflectance_is_below_2(value: float, is_reflectance: bool) -> None:
    table = {"B4": np.array([0.5]), "B8": np.array([value])}
    assert band_values.reflectance_rows(table).tolist() == [is_reflectance]


@pytest.mark.parametrize(
    ("visible", "infrared", "words"),
    [
        (255, 255, "has hardly a value above 255 in any band"),
        (255, 256, None),
        (100, 3000, "has unusually small values of B4, such as 100"),
        (101, 3000, None),
        (5000, 9000, None),
        (5001, 9000, "has hardly a value below 5,000 in any band"),
        (0, 3000, None),
    ],
)
def test_an_unusual_size_of_digital_numbers_is_seen(
    visible: float, infrared: float, words: str | None
) -> None:
    doubt = band_values.unusual_unit({"B4": np.full(50, visible), "B8": np.full(50, infrared)})
    assert doubt is None if words is None else str(doubt).startswith(words)


@pytest.mark.parametrize(("fractions", "is_unusual"), [(5, False), (6, True)])
def test_more_than_a_twentieth_of_small_fractions_are_unusual(
    fractions: int, is_unusual: bool
) -> None:
    values = np.r_[np.full(fractions, 1.234), np.full(100 - fractions, 900.5)]
    assert (band_values.unusual_unit({"B4": values}) is not None) is is_unusual
    dark = np.r_[np.full(fractions, 20.0), np.full(100 - fractions, 900.0)]
    assert band_values.unusual_unit({"B4": dark}) is None


def test_a_sample_is_some_ten_thousand() -> None:
    assert len(band_values.sample(np.zeros(9_999))) == 9_999
    assert band_values.sample(np.arange(20_000))[:3].tolist() == [0, 3, 6]
    assert band_values.unusual_unit({}) is None
