from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from standins.cube_files import FIRST, LAST, read, tiff, values_of, zarr

from cropland.errors import DataError
from cropland.sources.cubes import cube as cubefiles
from cropland.sources.cubes.cube import Cube
from cropland.sources.cubes.numbers import digital_numbers


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("kind", ["uint8", "int16", "int32", "int64", "float32", "float64"])
def test_whole_numbers_of_any_type_become_uint16_and_what_is_declared_no_data_0(
    tmp_path: Path, cube: xr.Dataset, kind: str, version: int
) -> None:
    values = cube["B2"].to_numpy().astype(kind)
    expected = values.astype(np.uint16)
    values[0, 0, 0], expected[0, 0, 0] = 199, 0
    cube["B2"] = ("time", "y", "x"), values
    cube["B2"].attrs["_FillValue"] = values.dtype.type(199)
    found = values_of(zarr(cube, tmp_path / "cube", version))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, expected)


def test_no_data_of_an_integer_is_seen_in_geotiffs_too(cube: xr.Dataset, tmp_path: Path) -> None:
    values = cube["B2"].to_numpy()[0].astype(np.int16)
    values[2, 2] = -9999
    tiff(tmp_path / "cube" / "20210401_B2.tif", [values], nodata=-9999)
    found = values_of(tmp_path / "cube")[0]
    assert found.dtype == np.uint16
    assert found[2, 2] == 0
    assert found[2, 3] == values[2, 3]


@pytest.mark.parametrize("missing", [np.nan, -9999.0])
def test_no_data_of_whole_floats_is_0(tmp_path: Path, missing: float) -> None:
    values = np.array([[missing, 1200], [0, 32_766]], np.float32)
    tiff(tmp_path / "cube" / "20210401_B4.tif", [values], nodata=missing)
    found = values_of(tmp_path / "cube", "B4")[0]
    assert found.dtype == np.uint16
    assert found.tolist() == [[0, 1200], [0, 32_766]]


def test_fractions_are_kept_as_float32(tmp_path: Path) -> None:
    fractions = np.array([[np.nan, 1200.5], [0, 3]])
    tiff(tmp_path / "cube" / "20210401_B2.tif", [fractions])
    found = read(tmp_path / "cube", "B2")
    assert found["B2"].dtype == np.float32
    np.testing.assert_array_equal(found["B2"][0], fractions)


@pytest.mark.parametrize(
    ("fill", "kind"), [(-9999, np.int16), (65_535, np.uint16), (-999, np.float32)]
)
def test_a_fill_value_that_is_not_declared_is_no_data(
    tmp_path: Path, fill: int, kind: type
) -> None:
    tiff(tmp_path / "cube" / "20210401_B4.tif", [np.array([[fill, 1200], [0, 3]], kind)])
    found = read(tmp_path / "cube", "B4")["B4"].to_numpy()[0]
    assert np.nan_to_num(found).tolist() == [[0, 1200], [0, 3]]


@pytest.mark.parametrize(
    ("band", "value", "said"),
    [
        ("B2", 0.25, "for B2, values from 0.25 to 0.25; expected digital numbers"),
        ("B2", np.inf, "infinite values for B2; expected digital numbers"),
        ("SCL", 12, "to 12 for SCL; expected scene classes from 0 to 11"),
        ("SCL", 4.5, "to 4.5 for SCL"),
    ],
)
def test_values_that_a_band_cannot_have_are_refused(
    tmp_path: Path, band: str, value: float, said: str
) -> None:
    tiff(tmp_path / "cube" / f"20210401_{band}.tif", [np.array([[0, value]], np.float64)])
    with pytest.raises(DataError, match=said):
        read(tmp_path / "cube", band)


def test_reflectance_is_seen_where_one_pixel_is_bright(tmp_path: Path) -> None:
    values = np.linspace(0, 0.4, 16, dtype=np.float32).reshape(4, 4)
    values[2, 2] = 2.5
    tiff(tmp_path / "20210401_B2.tif", [values])
    with pytest.raises(DataError, match=r"for B2, values from 0\.02\d* to 2\.5; expected digital"):
        read(tmp_path, "B2")


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_reflectance_in_one_image_is_seen_beside_digital_numbers_in_another(
    tmp_path: Path, kind: type
) -> None:
    tiff(tmp_path / "20210401_B2.tif", [np.full((2, 2), 1200, np.uint16)])
    tiff(tmp_path / "20210402_B2.tif", [np.array([[0.1, 0.3], [0, np.nan]], kind)])
    with pytest.raises(DataError, match=r"for B2, values from 0\.1 to 0\.3; expected digital"):
        read(tmp_path, "B2")


def test_an_image_of_digital_numbers_with_fractions_may_be_dark_or_empty(tmp_path: Path) -> None:
    images = [[0.5, 3.5, 9], [0, np.nan, 0], [np.nan, 1, 0], [1, 2, 0]]
    for day, image in enumerate(images, 1):
        tiff(tmp_path / f"2021040{day}_B2.tif", [np.array([image])])
    found = read(tmp_path, "B2")["B2"].to_numpy()[:, 0]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, images)


def scaled(path: Path, factor: float) -> Cube:
    return replace(cubefiles.open_cube(path), scale=factor)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_scale_makes_digital_numbers_of_reflectance(
    cube: xr.Dataset, tmp_path: Path, kind: type
) -> None:
    reflectance = cube.assign(B4=(cube["B4"] / 10_000).astype(kind))
    opened = scaled(zarr(reflectance[["B4", "SCL"]], tmp_path / "cube"), 10_000)
    found = opened.part(opened.grid, FIRST, LAST, ["B4", "SCL"])
    assert found["B4"].dtype == np.uint16
    np.testing.assert_array_equal(found["B4"], cube["B4"])
    np.testing.assert_array_equal(found["SCL"], cube["SCL"])


def test_a_scale_that_makes_one_image_too_bright_is_said(tmp_path: Path) -> None:
    tiff(tmp_path / "20210401_B2.tif", [np.full((2, 2), 0.12, np.float32)])
    tiff(tmp_path / "20210402_B2.tif", [np.full((2, 2), 1200, np.uint16)])
    opened = scaled(tmp_path, 10_000)
    with pytest.raises(
        DataError,
        match=r"from 1200 to 1200 for B2 in the image 20210402; times source.scale=10000 these are no",
    ):
        opened.part(opened.grid, FIRST, LAST, ["B2"])


def test_the_image_of_reflectance_among_others_is_named(tmp_path: Path) -> None:
    for day in ("01", "03"):
        tiff(tmp_path / f"202104{day}_B2.tif", [np.full((2, 2), 1200, np.uint16)])
    tiff(tmp_path / "20210402_B2.tif", [np.full((2, 2), 0.12, np.float32)])
    with pytest.raises(
        DataError, match=r"\(in the image 20210402 of 3\) has reflectance for B2.*in these images"
    ):
        read(tmp_path, "B2")
    for day in ("01", "03"):
        tiff(tmp_path / f"202104{day}_B2.tif", [np.full((2, 2), 0.2, np.float32)])
    with pytest.raises(DataError, match=r"cube \S+ has reflectance .* or set source.scale=10000"):
        read(tmp_path, "B2")


KINDS = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")


@pytest.mark.filterwarnings("error")
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS).flatmap(lambda kind: arrays(kind, (2, 2, 3))), st.booleans())
def test_whatever_is_stored_becomes_digital_numbers_or_one_line(
    stored: Any, is_class: bool
) -> None:
    band = "SCL" if is_class else "B4"
    try:
        numbers, n_fill = digital_numbers(band, stored, "the cube", ["a", "b"])
    except DataError as error:
        assert str(error).startswith("the cube") and "\n" not in str(error)
        return
    if is_class:
        assert np.isin(numbers, [*range(12), 255]).all()
        return
    data = numbers[~np.isnan(numbers) & (numbers != 0)]
    assert ((data > 0) & (data <= 32_766)).all()
    whole = stored.astype(np.float64)
    inside = (whole > 0) & (whole <= 32_766)
    np.testing.assert_array_equal(numbers[inside], stored[inside].astype(np.float32))
    assert n_fill == np.count_nonzero(~np.isnan(whole) & ((whole < 0) | (whole > 32_766)))


def test_fill_values_are_counted_and_those_that_are_declared_are_not(tmp_path: Path) -> None:
    values = np.array([[-9999, 65, 40_000], [1200, 0, 32_766]], np.int32)
    tiff(tmp_path / "20210401_B2.tif", [values])
    tiff(tmp_path / "20210401_B4.tif", [values], nodata=-9999)
    found = read(tmp_path, "B2", "B4")
    assert found.attrs["n_fill_values"] == 2 + 1
    for band in ("B2", "B4"):
        assert found[band].to_numpy()[0].tolist() == [[0, 65, 0], [1200, 0, 32_766]]


@pytest.mark.parametrize(
    ("missing", "kind"),
    [(255, np.uint8), (-1, np.int8), (-9999, np.int16), (np.nan, np.float32), (255, np.float64)],
)
def test_a_scene_class_that_is_missing_is_not_class_0(
    tmp_path: Path, missing: float, kind: type
) -> None:
    classes = np.array([[missing, 4, 0]], kind)
    tiff(tmp_path / "20210401_SCL.tif", [classes], nodata=missing)
    found = values_of(tmp_path, "SCL")[0]
    assert found.dtype == np.uint8
    assert found.tolist() == [[255, 4, 0]]


def test_the_offset_is_taken_off_later_images_and_data_stay_data(tmp_path: Path) -> None:
    values = np.array([[0, 400, 1000, 1700]], np.uint16)
    for day in ("20220120", "20220125", "20220130"):
        tiff(tmp_path / f"{day}_B2.tif", [values])
        tiff(tmp_path / f"{day}_SCL.tif", [np.full((1, 4), 4, np.uint8)])
    opened = replace(cubefiles.open_cube(tmp_path), remove_offset=True)
    found = opened.part(opened.grid, opened.first, opened.last, ["B2", "SCL"])
    without = [[0, 1, 1, 700]]
    assert found["B2"].to_numpy().tolist() == [values.tolist(), without, without]
    assert (found["SCL"] == 4).all()
