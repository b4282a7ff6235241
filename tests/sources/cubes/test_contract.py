from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from rasterio.transform import Affine
from standins.cube_files import (
    BANDS,
    TRANSFORM,
    read,
    refused,
    tiff,
    values_of,
    zarr,
)

from cropland.errors import DataError
from cropland.sources.cubes import cube as cubefiles


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
    values = np.array([[missing, 1200], [0, 32_767]], np.float32)
    tiff(tmp_path / "cube" / "20210401_B4.tif", [values], nodata=missing)
    found = values_of(tmp_path / "cube", "B4")[0]
    assert found.dtype == np.uint16
    assert found.tolist() == [[0, 1200], [0, 32_767]]


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
        ("B2", np.inf, "to inf for B2"),
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


def test_reflectance_that_is_stored_as_digital_numbers_is_read_as_these(
    cube: xr.Dataset, tmp_path: Path
) -> None:
    cube["B2"].attrs["scale_factor"] = 1e-4
    np.testing.assert_array_equal(values_of(zarr(cube, tmp_path / "cube")), cube["B2"])
    tiff(tmp_path / "files" / "20210401_B2.tif", [cube["B2"].to_numpy()[0]], scale=1e-4)
    np.testing.assert_array_equal(values_of(tmp_path / "files")[0], cube["B2"][0])


@pytest.mark.parametrize(("name", "value"), [("scale_factor", 0.01), ("add_offset", -0.1)])
def test_other_scales_are_refused(
    cube: xr.Dataset, tmp_path: Path, name: str, value: float
) -> None:
    cube["B2"].attrs[name] = value
    with pytest.raises(DataError, match="B2 of the cube .*expected digital numbers"):
        cubefiles.open_cube(zarr(cube, tmp_path / "cube"))


def test_a_scaled_geotiff_is_refused(cube: xr.Dataset, tmp_path: Path) -> None:
    path = tiff(tmp_path / "20210401_B2.tif", [cube["B2"].to_numpy()[0]], scale=0.01)
    with pytest.raises(DataError, match=f"B2 of {path} is stored with the scale 0.01"):
        cubefiles.open_cube(tmp_path)


def test_what_is_no_band_is_left_alone(cube: xr.Dataset, tmp_path: Path) -> None:
    more = cube.assign(NDVI=cube["B2"], B10=cube["B4"], slope=(("y", "x"), np.ones((6, 8))))
    assert cubefiles.open_cube(zarr(more, tmp_path / "cube")).bands == BANDS
    layers = [cube[band].to_numpy()[0] for band in ("B2", "B2", "B4")]
    tiff(tmp_path / "files" / "2021-04-01.tif", layers, names=("NDVI", "B8A", "B10"))
    assert cubefiles.open_cube(tmp_path / "files").bands == ("B8A",)


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ({"crs": None}, "has no CRS"),
        ({"crs": "EPSG:4326"}, "expected a projected grid in metres"),
        ({"transform": TRANSFORM @ Affine.rotation(10)}, "has a rotated grid"),
        ({"transform": TRANSFORM @ Affine.scale(2, 1)}, "has pixels of 20 × 10 m"),
        ({"transform": TRANSFORM @ Affine.scale(1, -1)}, "has a mirrored grid"),
    ],
)
def test_a_geotiff_of_another_grid_than_square_metres_is_said(
    tmp_path: Path, profile: dict[str, Any], said: str
) -> None:
    tiff(tmp_path / "20210401_B02.tif", [np.ones((2, 2), np.uint16)], **profile)
    refused(tmp_path, "20210401_B02.tif", said)


@pytest.mark.parametrize(
    ("crs", "called"),
    [
        ("EPSG:32638", "in EPSG:32638 and"),
        ("ESRI:54009", "in World_Mollweide and"),
        (None, "no CRS"),
    ],
)
def test_a_crs_is_called_by_its_code_or_name(tmp_path: Path, crs: str | None, called: str) -> None:
    tiff(tmp_path / "20210401_B02.tif", [np.ones((2, 2), np.uint16)])
    tiff(tmp_path / "20210402_B02.tif", [np.ones((2, 2), np.uint16)], crs=crs)
    refused(tmp_path, called, "in EPSG:32639; warp it")
