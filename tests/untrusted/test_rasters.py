"""Rasters and the texts of their CRS: what passes, and what is said of the rest."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.errors import RasterioError
from rasterio.transform import Affine

from cropland.errors import DataError
from cropland.untrusted import rasters
from cropland.untrusted.projections import LONGEST_CRS, check_crs
from cropland.untrusted.rasters import open_raster, open_stream

PLACE = {"crs": "EPSG:32639", "transform": Affine(10, 0, 500_000, 0, -10, 4_000_000)}


def written(path: Path, driver: str = "GTiff", bands: int = 1, side: int = 256) -> Path:
    values = np.arange(bands * side * side, dtype=np.uint16).reshape(bands, side, side)
    with rasterio.open(path, "w", driver, side, side, bands, dtype="uint16", **PLACE) as target:
        target.write(values)
    return path


@pytest.mark.parametrize(("driver", "ending"), [("GTiff", "tif"), ("JP2OpenJPEG", "jp2")])
def test_on_disk_and_in_a_stream(tmp_path: Path, driver: str, ending: str) -> None:
    path = written(tmp_path / f"image.{ending}", driver)
    with open_raster(path, "", in_folder=True, overviews=True) as source:
        values = source.read(1)
        assert source.driver == driver
    stream = io.BytesIO(path.read_bytes())
    stream.close = lambda: None  # type: ignore[method-assign]  # it may be opened again
    with open_stream(stream, "image", "", overviews=True) as source:
        np.testing.assert_array_equal(source.read(1), values)


def test_overviews_beside_an_image_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "image.tif")
    with rasterio.Env(TIFF_USE_OVR="YES"), rasterio.open(path, "r+") as source:
        source.build_overviews([2])
    assert path.with_name("image.tif.ovr").is_file()
    with open_raster(path, "", overviews=True) as source:
        assert source.overviews(1) == [2]


def test_blocks_of_all_bands_count_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "image.tif", bands=3)
    monkeypatch.setattr(rasters, "BLOCK_BYTES", 5_000)
    with (
        pytest.raises(DataError, match="write it, with tiles of 512 × 512$"),
        open_raster(path, "write it"),
    ):
        pass


def test_bands_and_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "image.tif", bands=2)
    monkeypatch.setattr(rasters, "MOST_BANDS", 1)
    said = "image.tif has 2 bands of 256 × 256 pixels, expected at most 1 and sides of 5000000; x$"
    with pytest.raises(DataError, match=said), open_raster(path, "x"):
        pass


def test_more_overviews_than_an_image_can_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "image.tif")
    with rasterio.open(path, "r+") as target:
        target.build_overviews([2, 4])
    monkeypatch.setattr(rasters, "MOST_OVERVIEWS", 1)
    with (
        pytest.raises(DataError, match="has more than 1 overviews"),
        open_raster(path, "x", overviews=True),
    ):
        pass


def test_a_raster_that_is_cut_off_is_gdals_to_refuse(tmp_path: Path) -> None:
    path = written(tmp_path / "image.tif")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(RasterioError), open_raster(path, ""):
        pass


@pytest.mark.parametrize("name", ["missing.tif", "folder.tif"])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.tif").mkdir()
    with (
        pytest.raises(DataError, match=f"{name} is not a regular file; x$"),
        open_raster(tmp_path / name, "x"),
    ):
        pass


@pytest.mark.parametrize(
    "text",
    [
        "EPSG:32639",
        "+init=epsg:32639",
        "+proj=utm +zone=39 +datum=WGS84 +units=m",
        "+proj=merc +a=6378137 +b=6378137 +nadgrids=@null +wktext",
        rasterio.CRS.from_epsg(3857).to_wkt(),
        rasterio.CRS.from_epsg(27700).to_wkt(),
        rasterio.CRS.from_epsg(32639).to_wkt(version="WKT2_2019"),
    ],
)
def test_texts_of_a_crs(text: str) -> None:
    check_crs(text, "cube", "")


@pytest.mark.parametrize(
    "text",
    [
        "+init=/tmp/file:1",
        "+proj=utm +zone=39 +nadgrids=/tmp/grid",
        "+proj=utm +zone=39 +nadgrids=@null,/tmp/grid",
        "+proj=hgridshift +GRIDS = grid.gsb",
        "+proj=tinshift +file=/tmp/shift.json",
        'PROJCS["x",GEOGCS["x",DATUM["x",SPHEROID["x",6,2],EXTENSION["PROJ4_GRIDS","/tmp/grid"]]]]',
        'BOUNDCRS[ABRIDGEDTRANSFORMATION["x",PARAMETERFILE["x","/tmp/grid"]]]',
        '{"type": "BoundCRS"}',
        "x" * (LONGEST_CRS + 1),
    ],
)
def test_a_crs_that_names_a_file(text: str) -> None:
    with pytest.raises(DataError, match="names files or is too long .* write it again$"):
        check_crs(text, "cube", "write it again")
