from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import odc.geo.geobox
import odc.geo.xr
import pytest
import xarray as xr
from standins.cube_files import (
    BANDS,
    FIRST,
    FORMATS,
    LAST,
    NAMES,
    TIMES,
    refused,
    zarr,
)

from cropland.errors import DataError
from cropland.sources.cubes import cube as cubefiles
from cropland.sources.service import NoImage


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_cube(cube: xr.Dataset, tmp_path: Path, form: str) -> None:
    opened = cubefiles.open_cube(FORMATS[form](cube, tmp_path / "cube"))
    found = opened.part(opened.grid, FIRST, LAST, BANDS)
    for band in BANDS:
        assert found[band].dims == ("time", "y", "x")
        assert found[band].dtype == cube[band].dtype
        np.testing.assert_array_equal(found[band], cube[band])
    assert opened.bands == BANDS
    assert opened.grid == cube.odc.geobox == found.odc.geobox
    assert found["time"].dtype == "datetime64[s]"
    np.testing.assert_array_equal(found["time"], TIMES)
    if form != "zarr3":
        assert tuple(found["granule"].to_numpy()) == NAMES


@pytest.mark.parametrize("form", FORMATS)
def test_a_part_is_that_part_of_the_whole(cube: xr.Dataset, tmp_path: Path, form: str) -> None:
    opened = cubefiles.open_cube(FORMATS[form](cube, tmp_path / "cube"))
    days = date(2021, 4, 2), date(2021, 4, 3)
    found = opened.part(opened.grid[2:5, 3:8], *days, ["SCL", "B4"])
    expected = cube[["SCL", "B4"]].isel(time=slice(1, 3), y=slice(2, 5), x=slice(3, 8))
    assert list(found.data_vars) == ["SCL", "B4"]
    for band in ("SCL", "B4"):
        np.testing.assert_array_equal(found[band], expected[band])
    for name in ("time", "y", "x"):
        np.testing.assert_array_equal(found[name], expected[name])
    assert found.odc.geobox == opened.grid[2:5, 3:8]


@pytest.mark.parametrize("form", FORMATS)
def test_a_pickled_cube_reads_the_same(cube: xr.Dataset, tmp_path: Path, form: str) -> None:
    opened = cubefiles.open_cube(FORMATS[form](cube, tmp_path / "cube"))
    again = pickle.loads(pickle.dumps(opened))
    part = opened.grid[0:2, 0:2], FIRST, LAST, ["B2"]
    xr.testing.assert_identical(again.part(*part), opened.part(*part))


@pytest.mark.parametrize("form", FORMATS)
def test_a_mark_stays_where_a_cube_is_moved_and_changes_where_it_is_written_again(
    cube: xr.Dataset, tmp_path: Path, form: str
) -> None:
    path = FORMATS[form](cube, tmp_path / "cube")
    mark = cubefiles.open_cube(path).mark
    moved = path.rename(path.with_name(f"moved{path.suffix}"))
    assert cubefiles.open_cube(moved).mark == mark
    files = [moved] if moved.is_file() else [each for each in moved.rglob("*") if each.is_file()]
    for file in files:
        os.utime(file, ns=(0, 0))
    assert cubefiles.open_cube(moved).mark != mark


def test_a_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    refused(tmp_path / "none.zarr", "there is no cube at")


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_no_cube_is_said(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "cube.csv"
    path.mkdir() if kind == "folder" else path.write_text("ID,B2\n")
    refused(path, "is not a cube: expected a Zarr store", "NetCDF", "GeoTIFFs")


def test_a_band_that_is_asked_for_and_not_there_is_said(cube: xr.Dataset, tmp_path: Path) -> None:
    opened = cubefiles.open_cube(zarr(cube, tmp_path / "cube"))
    with pytest.raises(DataError, match=r"has no B8, B11; it has B2, B4, SCL: add the missing"):
        opened.require(["B2", "B8", "B11"])
    with pytest.raises(DataError, match="has no B8; it has"):
        opened.part(opened.grid, FIRST, LAST, ["B8"])


def test_days_without_an_image_are_said(cube: xr.Dataset, tmp_path: Path) -> None:
    opened = cubefiles.open_cube(zarr(cube, tmp_path / "cube"))
    said = "no image from 2021-04-04 to 2021-04-19; its images are from 2021-04-01 to 2021-04-20"
    assert opened.days(date(2021, 4, 4), date(2021, 4, 19)) == ()
    with pytest.raises(NoImage, match=said):
        opened.part(opened.grid, date(2021, 4, 4), date(2021, 4, 19), ["B2"])


def test_both_days_are_included(cube: xr.Dataset, tmp_path: Path) -> None:
    opened = cubefiles.open_cube(zarr(cube, tmp_path / "cube"))
    early, middle, late = date(2021, 4, 1), date(2021, 4, 3), date(2021, 4, 20)
    assert (opened.first, opened.last) == (early, late)
    assert opened.days(early, middle) == (early, middle)
    assert opened.days(middle, late) == (middle, late)
    assert opened.part(opened.grid, middle, late, ["B2"]).sizes["time"] == 3


@pytest.mark.parametrize(
    "other",
    [
        lambda grid: grid.pad(1),
        lambda grid: grid[:, 4:].pad(1),
        lambda grid: grid.translate_pix(0.5, 0),
        lambda grid: grid.zoom_out(2),
        lambda grid: odc.geo.geobox.GeoBox(grid.shape, grid.transform, "EPSG:32638"),
    ],
    ids=["around", "beyond the edge", "between pixels", "coarser", "zone"],
)
def test_pixels_that_the_cube_has_not_are_refused(
    cube: xr.Dataset, tmp_path: Path, other: Callable[[Any], Any]
) -> None:
    opened = cubefiles.open_cube(zarr(cube, tmp_path / "cube"))
    with pytest.raises(DataError, match="expected a part of the grid of the cube"):
        opened.part(other(opened.grid), FIRST, LAST, ["B2"])
