"""Image cubes as users have them on disk: small ones, written in every format."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.transform import Affine

from cropland.errors import CroplandError
from cropland.sources.cubes import cube as cubefiles

FIRST, LAST = date(2021, 4, 1), date(2021, 4, 30)
TIMES = np.array(
    ["2021-04-01T07:06:19", "2021-04-03T07:06:21", "2021-04-03T07:06:35", "2021-04-20T07:06:20"],
    "datetime64[s]",
)
NAMES = ("20210401T070619_T39SVB", "20210403T070621_T39SVB", "20210403T070635_T39SVA")
NAMES += ("20210420T070620_T39SVB",)
ROWS, COLUMNS = 6, 8
TRANSFORM = Affine(10, 0, 500_000, 0, -10, 4_000_000)
BANDS = ("B2", "B4", "SCL")
Write = Callable[[xr.Dataset, Path], Path]


def zarr(cube: xr.Dataset, path: Path, version: int = 2) -> Path:
    # Names of images are fixed-width texts, whose place in version 3 of Zarr is not settled.
    kept = cube if version == 2 else cube.drop_vars("granule", errors="ignore")
    kept.to_zarr(path, zarr_format=version, consolidated=version == 2)
    return path


def netcdf(cube: xr.Dataset, path: Path) -> Path:
    cube.to_netcdf(path.with_suffix(".nc"), engine="h5netcdf")
    return path.with_suffix(".nc")


def one_variable(cube: xr.Dataset, path: Path) -> Path:
    stacked = cube.to_dataarray("band", name="reflectance").transpose("y", "time", "x", "band")
    stacked = stacked.assign_coords(band=["B02", "B04", "SCL"])
    return zarr(stacked.to_dataset(), path)


def tiff(path: Path, layers: list[Any], **profile: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    values = np.stack(layers)
    told = {"crs": "EPSG:32639", "transform": TRANSFORM, "dtype": values.dtype} | profile
    names = told.pop("names", ())
    scale = told.pop("scale", None)
    count, height, width = values.shape
    with rasterio.open(path, "w", "GTiff", width, height, count, **told) as target:
        target.write(values)
        if names:
            target.descriptions = names
        if scale is not None:
            target.scales = [scale] * count
    return path


def an_image_a_file(cube: xr.Dataset, path: Path) -> Path:
    for at, name in enumerate(NAMES):
        layers = [cube[band].to_numpy()[at].astype(np.uint16) for band in BANDS]
        tiff(path / f"{name}.tif", layers, names=("B02", "b4", "SCL"))
    return path


def a_band_a_file(cube: xr.Dataset, path: Path) -> Path:
    for at, name in enumerate(NAMES):
        for band, said in (("B2", "B02_10m"), ("B4", "B04_10m"), ("SCL", "SCL_20m")):
            tiff(path / f"{name}_{said}.TIF", [cube[band].to_numpy()[at]])
    return path


FORMATS: dict[str, Write] = {
    "zarr2": zarr,
    "zarr3": lambda cube, path: zarr(cube, path, 3),
    "netcdf": netcdf,
    "one variable": one_variable,
    "an image a file": an_image_a_file,
    "a band a file": a_band_a_file,
}


def read(path: Path, *bands: str) -> xr.Dataset:
    opened = cubefiles.open_cube(path)
    return opened.part(opened.grid, FIRST, LAST, bands or BANDS)


def values_of(path: Path, band: str = "B2") -> Any:
    return read(path, band)[band].to_numpy()


def refused(path: Path, *said: str) -> None:
    with pytest.raises(CroplandError) as caught:
        cubefiles.open_cube(path)
    for part in said:
        assert part in str(caught.value)
    assert str(path) in str(caught.value)
