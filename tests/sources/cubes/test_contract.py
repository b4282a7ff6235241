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
    refused,
    tiff,
    values_of,
    zarr,
)

from cropland.errors import DataError
from cropland.sources.cubes import cube as cubefiles


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
