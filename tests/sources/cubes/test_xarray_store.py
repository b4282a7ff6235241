from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from standins.cube_files import (
    BANDS,
    COLUMNS,
    FIRST,
    FORMATS,
    LAST,
    NAMES,
    ROWS,
    TIMES,
    an_image_a_file,
    netcdf,
    read,
    refused,
    values_of,
    zarr,
)

from cropland.errors import DataError
from cropland.sources.cubes import cube as cubefiles


@pytest.mark.parametrize("form", ["zarr2", "netcdf"])
@pytest.mark.parametrize("order", [[3, 1, 2, 0], [2, 1, 3, 0]])
def test_images_are_put_into_the_order_of_time(
    cube: xr.Dataset, tmp_path: Path, form: str, order: list[int]
) -> None:
    path = FORMATS[form](cube.isel(time=order), tmp_path / "cube")
    np.testing.assert_array_equal(values_of(path), cube["B2"])
    opened = cubefiles.open_cube(path)
    part = opened.part(opened.grid, date(2021, 4, 2), LAST, ["B2"])
    np.testing.assert_array_equal(part["B2"], cube["B2"][1:])
    assert tuple(part["granule"].to_numpy()) == NAMES[1:]


@pytest.mark.parametrize("form", ["zarr2", "netcdf", "one variable"])
def test_images_of_one_moment_keep_their_order(cube: xr.Dataset, tmp_path: Path, form: str) -> None:
    path = FORMATS[form](cube.assign_coords(time=TIMES[[3, 1, 1, 0]]), tmp_path / "cube")
    np.testing.assert_array_equal(values_of(path), cube["B2"][[3, 1, 2, 0]])


def test_of_a_store_that_has_an_overpass_twice_the_newer_counts(
    cube: xr.Dataset, tmp_path: Path
) -> None:
    one = "S2A_MSIL2A_20210403T070621_N{}_R106_T39SVB_{}T101010"
    names = [NAMES[0], one.format("0500", "20230101"), one.format("0300", "20210403"), NAMES[3]]
    stored = cube.assign_coords(granule=("time", names), time=TIMES[[3, 1, 1, 0]])
    opened = cubefiles.open_cube(zarr(stored, tmp_path / "cube"))
    np.testing.assert_array_equal(values_of(opened.path), cube["B2"][[3, 1, 0]])
    assert opened.reader.notes[0].startswith("1 of 4 images left out, since a newer processing")
    assert opened.reader.notes[0].endswith(f"{names[2]}, for {names[1]}")


def test_without_names_images_are_named_by_their_moment(cube: xr.Dataset, tmp_path: Path) -> None:
    found = read(zarr(cube, tmp_path / "cube", 3))
    assert found["granule"].to_numpy()[0] == "2021-04-01T07:06:19"


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("version", [2, 3])
def test_times_may_have_any_unit(cube: xr.Dataset, tmp_path: Path, unit: str, version: int) -> None:
    timed = cube.assign_coords(time=TIMES.astype(f"datetime64[{unit}]"))
    np.testing.assert_array_equal(read(zarr(timed, tmp_path / "cube", version))["time"], TIMES)


@pytest.mark.parametrize("version", [2, 3])
def test_south_up_is_turned_north_up(cube: xr.Dataset, tmp_path: Path, version: int) -> None:
    path = zarr(cube.isel(y=slice(None, None, -1)), tmp_path / "cube", version)
    opened = cubefiles.open_cube(path)
    assert opened.grid == cube.odc.geobox
    found = opened.part(opened.grid[1:3, 0:4], FIRST, LAST, ["B2"])
    np.testing.assert_array_equal(found["B2"], cube["B2"][:, 1:3, :4])


def test_a_block_is_the_pixels_of_a_chunk(cube: xr.Dataset, tmp_path: Path) -> None:
    cube["B2"].encoding["chunks"] = cube["B4"].encoding["chunks"] = (4, 3, 5)
    cube["SCL"].encoding["chunks"] = (4, 3, 5)
    assert cubefiles.open_cube(zarr(cube, tmp_path / "cube")).block == (3, 5)
    assert cubefiles.open_cube(an_image_a_file(cube, tmp_path / "files")).block == (ROWS, COLUMNS)
    assert cubefiles.open_cube(netcdf(cube, tmp_path / "cube")).block == (1, 1)  # contiguous


def changed(cube: xr.Dataset, change: str) -> xr.Dataset:
    """Give a cube whose grid, times or bands are not what they should be."""
    match change:
        case "no CRS":
            return cube.drop_vars("spatial_ref")
        case "degrees":
            there = cube.assign_coords(y=35 - 1e-4 * np.arange(6), x=51 + 1e-4 * np.arange(8))
            return there.odc.assign_crs("EPSG:4326")
        case "feet":
            return cube.odc.assign_crs("EPSG:2263")
        case "not square":
            return cube.assign_coords(y=cube["y"] * 2)
        case "mirrored":
            return cube.isel(x=slice(None, None, -1))
        case "uneven":
            return cube.isel(x=[0, 1, 2, 4, 5, 6, 7])
        case "no band":
            return cube.drop_vars(BANDS).assign(NDVI=cube["B2"])
        case "twice":
            return cube.assign(B02=cube["B4"])
        case "text":
            return cube.assign(B2=cube["B2"].astype(str))
        case "no dates":
            return cube.assign_coords(time=np.arange(4))
        case "a hole":
            return cube.assign_coords(time=np.where(np.arange(4) == 1, np.datetime64("NaT"), TIMES))
        case "no time":
            return cube.isel(time=0)
        case "other names":
            return cube.rename(y="lat", x="lon")
        case "empty":
            return cube.isel(time=slice(0, 0))
    raise AssertionError(change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("no CRS", "has no CRS; write it, as with ds.odc.assign_crs"),
        ("degrees", "expected a projected grid in metres, such as UTM: warp it"),
        ("feet", "expected a projected grid in metres"),
        ("not square", "has pixels of 10 × 20 m; expected square ones"),
        ("mirrored", "has a mirrored grid"),
        ("uneven", "has no regular grid"),
        ("no band", "has no Sentinel-2 band"),
        ("twice", "has B2 twice, in B02 and B2; keep one"),
        ("text", "is stored as"),
        ("no dates", "has times that are no dates (int64: 0, 1"),
        ("a hole", "has times that are no dates"),
        ("no time", "it has no time among y, x"),
        ("other names", "it has no y and no x among time, lat, lon"),
        ("empty", "has no image"),
    ],
)
def test_a_store_that_breaks_the_contract_says_how(
    cube: xr.Dataset, tmp_path: Path, change: str, said: str
) -> None:
    refused(zarr(changed(cube, change), tmp_path / "cube"), said)


def test_bands_without_names_are_no_bands(cube: xr.Dataset, tmp_path: Path) -> None:
    unnamed = cube[list(BANDS)].to_dataarray("band", name="values").drop_vars("band")
    refused(zarr(unnamed.to_dataset(), tmp_path / "cube"), "has no Sentinel-2 band", "0, 1, 2")


@pytest.mark.parametrize("version", [2, 3])
def test_a_broken_chunk_is_said(cube: xr.Dataset, tmp_path: Path, version: int) -> None:
    path = zarr(cube, tmp_path / "cube", version)
    chunk = path / ("B4/0.0.0" if version == 2 else "B4/c/0/0/0")
    chunk.write_bytes(chunk.read_bytes()[:20])
    opened = cubefiles.open_cube(path)
    with pytest.raises(DataError, match="cannot be read in rows 1 to 3, columns 0 to 8"):
        opened.part(opened.grid[1:3, :], FIRST, LAST, ["B4"])


@pytest.mark.parametrize("content", [b"", b"no NetCDF", b"CDF\x01", b"\x89HDF\r\n\x1a\n cut off"])
def test_a_broken_netcdf_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cube.nc"
    path.write_bytes(content)
    refused(path, "cannot be read", "write it again")


@pytest.mark.parametrize("name", [".zgroup", ".zarray", "zarr.json"])
def test_a_broken_zarr_is_said(cube: xr.Dataset, tmp_path: Path, name: str) -> None:
    path = zarr(cube, tmp_path / "cube", 3 if name == "zarr.json" else 2)
    (path / "B2" / name if name == ".zarray" else path / name).write_text("{")
    refused(path, "cannot be read", "write it again")


def test_an_array_of_zarr_is_no_cube(cube: xr.Dataset, tmp_path: Path) -> None:
    refused(zarr(cube, tmp_path / "cube") / "B2", "cannot be read")


def test_zarr_without_consolidated_metadata_is_read(cube: xr.Dataset, tmp_path: Path) -> None:
    path = zarr(cube, tmp_path / "cube")
    (path / ".zmetadata").unlink()
    np.testing.assert_array_equal(values_of(path), cube["B2"])


@pytest.mark.parametrize(
    ("units", "calendar", "said"),
    [
        ("days since nowhere", "standard", "cannot be read"),
        ("days since 2021-02-30", "360_day", "cannot be read"),
        ("days", "standard", "times that are no dates"),
    ],
)
def test_times_that_cannot_be_decoded_are_said(
    cube: xr.Dataset, tmp_path: Path, units: str, calendar: str, said: str
) -> None:
    path = zarr(cube, tmp_path / "cube")
    attributes = path / "time" / ".zattrs"
    told = json.loads(attributes.read_text()) | {"units": units, "calendar": calendar}
    attributes.write_text(json.dumps(told))
    refused(path, said)


def test_a_crs_in_degrees_is_called_by_its_code(cube: xr.Dataset, tmp_path: Path) -> None:
    refused(zarr(changed(cube, "degrees"), tmp_path / "cube"), "(EPSG:4326); expected")
