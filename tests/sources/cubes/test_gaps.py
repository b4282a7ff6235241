from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from standins.cube_files import (
    BANDS,
    FIRST,
    LAST,
    netcdf,
    read,
    zarr,
)

from cropland.errors import DataError
from cropland.sources.cubes import cube as cubefiles


def chunked(cube: xr.Dataset, path: Path, version: int = 2, **filled: Any) -> Path:
    """Write chunks of 3 × 4 pixels and all images; none is empty unless filled so."""
    values = {band: np.maximum(cube[band].to_numpy(), 1) for band in BANDS}
    for band, (index, value) in filled.items():
        values[band][:, *index] = value
    made = cube.assign({band: (("time", "y", "x"), each) for band, each in values.items()})
    for band in BANDS:
        made[band].encoding["chunks"] = (4, 3, 4)
    return zarr(made, path, version)


SECOND = (slice(0, 3), slice(4, 8))
"""The pixels of the chunk 0.0.1."""


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("band", BANDS)
def test_a_chunk_of_one_band_that_is_missing_is_said(
    cube: xr.Dataset, tmp_path: Path, version: int, band: str
) -> None:
    path = chunked(cube, tmp_path / "cube", version)
    (path / band / ("0.0.1" if version == 2 else "c/0/0/1")).unlink()
    opened = cubefiles.open_cube(path)
    said = f"no data for {band} in rows 1 to 3, columns 4 to 7, where other bands have; a chunk of it is"
    with pytest.raises(DataError, match=said):
        opened.part(opened.grid[1:5, 2:7], FIRST, LAST, BANDS)
    assert opened.part(opened.grid[:, :4], FIRST, LAST, BANDS)[band].to_numpy().all()


def test_a_chunk_of_scene_classes_is_missing_where_255_stands_for_none(
    cube: xr.Dataset, tmp_path: Path
) -> None:
    cube["SCL"].attrs["_FillValue"] = np.uint8(255)
    path = chunked(cube, tmp_path / "cube", SCL=(SECOND, 255))
    with pytest.raises(DataError, match=r"no data for SCL in rows 0 to 3, columns 4 to 8"):
        read(path)


def test_where_all_bands_are_empty_nothing_is_missing(cube: xr.Dataset, tmp_path: Path) -> None:
    path = chunked(cube, tmp_path / "cube", **dict.fromkeys(BANDS, (SECOND, 0)))
    assert not read(path)["B2"].to_numpy()[:, *SECOND].any()


def test_where_only_scene_classes_are_left_all_is_masked_and_nothing_missing(
    cube: xr.Dataset, tmp_path: Path
) -> None:
    path = chunked(cube, tmp_path / "cube", B2=(SECOND, 0), B4=(SECOND, 0))
    assert read(path)["SCL"].to_numpy()[:, *SECOND].all()


def test_pixels_too_dark_for_a_band_are_no_missing_chunk(cube: xr.Dataset, tmp_path: Path) -> None:
    dark = slice(0, 3), slice(4, 7)
    path = chunked(cube, tmp_path / "cube", B4=(dark, 0))
    assert not read(path)["B4"].to_numpy()[:, *dark].any()


def test_a_chunk_at_the_edge_of_the_swath_is_not_missing(cube: xr.Dataset, tmp_path: Path) -> None:
    edge = slice(0, 3), slice(5, 8)
    path = chunked(cube, tmp_path / "cube", B2=(edge, 0), B4=(SECOND, 0))
    assert read(path)["B2"].to_numpy()[:, :3, 4].all()


def test_a_band_of_nan_alone_is_missing_without_chunks_too(
    cube: xr.Dataset, tmp_path: Path
) -> None:
    empty = cube.assign(B4=cube["B4"].astype(np.float32) * np.nan)
    path = netcdf(empty, tmp_path / "cube")
    with pytest.raises(DataError, match="no data for B4 in rows 0 to 6, columns 0 to 8"):
        read(path)
