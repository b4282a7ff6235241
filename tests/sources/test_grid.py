"""Pixels, places and the reading of single pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from cropland.sources.grid import lonlat, pixels, read_pixels

GRID = GeoBox.from_bbox((250_000, 3_560_000, 251_000, 3_562_000), "EPSG:32639", resolution=10)
TURNED = GeoBox((200, 100), rasterio.Affine(8, -6, 250_000, -6, -8, 3_562_000), "EPSG:32639")


@pytest.mark.parametrize("grid", [GRID, TURNED], ids=["north up", "turned"])
def test_a_place_is_that_of_the_corner_moved_by_rows_and_columns(grid: GeoBox) -> None:
    to_grid = Transformer.from_crs("EPSG:4326", "EPSG:32639", always_xy=True)
    a, b, left, d, e, top = tuple(grid.affine)[:6]
    lon, lat = lonlat(grid, [0, 3.5], [0, 40.25])
    x, y = to_grid.transform(lon, lat)
    np.testing.assert_allclose(x, [left, left + 40.25 * a + 3.5 * b], atol=1e-5)
    np.testing.assert_allclose(y, [top, top + 40.25 * d + 3.5 * e], atol=1e-5)


@pytest.mark.parametrize("grid", [GRID, TURNED], ids=["north up", "turned"])
def test_the_centre_of_a_pixel_lies_in_it_and_other_land_in_none(grid: GeoBox) -> None:
    rows, columns = np.array([0, 7, 199]), np.array([0, 99, 50])
    lon, lat = lonlat(grid, rows + 0.5, columns + 0.5)
    lon, lat = np.append(lon, [10, 140.0]), np.append(lat, [50, -91.0])
    row, column, inside = pixels(grid, lon, lat)
    assert inside.tolist() == [True] * 3 + [False] * 2
    assert row.tolist() == [*rows, 0, 0] and column.tolist() == [*columns, 0, 0]


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    values = np.arange(2 * 100 * 90, dtype=np.int32).reshape(2, 100, 90)
    values[1, 5, 5] = -1
    place = {"crs": "EPSG:32639", "transform": rasterio.Affine(10, 0, 0, 0, -10, 0), "nodata": -1}
    form = {"tiled": True, "blockxsize": 16, "blockysize": 32, "dtype": "int32", "count": 2}
    with rasterio.open(tmp_path / "a.tif", "w", height=100, width=90, **form, **place) as target:
        target.write(values)
    return tmp_path / "a.tif"


def test_pixels_are_read_in_the_order_that_is_asked_for_and_each_block_once(raster: Path) -> None:
    random = np.random.default_rng(1)
    rows, columns = random.integers(0, 100, 500), random.integers(0, 90, 500)
    windows = []

    class Watched:
        def __init__(self, source: Any) -> None:
            self._source = source

        def __getattr__(self, name: str) -> Any:
            return getattr(self._source, name)

        def read(self, band: int, *, window: Any, masked: bool) -> Any:
            windows.append(window)
            return self._source.read(band, window=window, masked=masked)

    with rasterio.open(raster) as source:
        found = read_pixels(Watched(source), rows, columns, band=2)
        expected = source.read(2)[rows, columns]
    assert found.dtype == np.int32 and found.tolist() == expected.tolist()
    assert (
        len(windows) == len(set(windows)) == len(set(zip(rows // 32, columns // 16, strict=True)))
    )


def test_no_data_is_masked_where_it_is_asked_for(raster: Path) -> None:
    with rasterio.open(raster) as source:
        found = read_pixels(source, np.array([5, 5]), np.array([5, 6]), band=2, masked=True)
        nothing = read_pixels(source, np.array([], int), np.array([], int))
    assert np.ma.getmaskarray(found).tolist() == [True, False]
    assert found[1] == 9000 + 5 * 90 + 6
    assert nothing.shape == (0,) and nothing.dtype == np.int32
