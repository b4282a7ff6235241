"""The class of a raster at points: known pixels, tiles, projections, and what is no map."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import yaml
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine, from_origin
from rasterio.warp import transform

from cropland.config.commands.compare import Compare, LandCover
from cropland.config.schema import filled
from cropland.errors import ConfigError, DataError
from cropland.maps.landcover.raster import CROPLAND, NO_CLASS, OTHER, Raster, classify

CONF = Path(__file__).parents[3] / "conf" / "landcover"
WORLDCOVER = LandCover("worldcover", (40,), (10, 30), (0,))
CLASSES = np.array([[10, 40, 40], [30, 40, 255]], np.uint8)
"""Pixels of a degree from 20° E, 12° N."""


def written(path: Path, values: Any = CLASSES, **changes: Any) -> Path:
    """Write a raster; its upper left corner is at 20° E, 12° N unless said otherwise."""
    values = (
        np.atleast_3d(np.moveaxis(np.atleast_3d(values), -1, 0)) if values.ndim == 2 else values
    )
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "count": len(values),
        "height": values.shape[1],
        "width": values.shape[2],
        "dtype": values.dtype,
        "crs": "EPSG:4326",
        "transform": from_origin(20, 12, 1, 1),
        "nodata": 255 if values.dtype == np.uint8 else None,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile | changes) as file:
            file.write(values)
    return path


def at(raster: Raster, *places: tuple[float, float]) -> tuple[list[int], list[bool], list[bool]]:
    """Classes, inside and known of places by longitude and latitude."""
    found = raster.at(*np.array(places, np.float64).T, missing=())
    return found.classes.tolist(), found.inside.tolist(), found.known.tolist()


def test_a_point_has_the_class_of_the_pixel_that_it_falls_in(tmp_path: Path) -> None:
    raster = Raster.of(str(written(tmp_path / "map.tif")), None)
    classes, inside, known = at(raster, (20.1, 11.9), (20.9, 10.1), (21.5, 11.5), (22.99, 11.01))
    assert classes == [10, 30, 40, 40]
    assert all(inside) and all(known)


def test_no_data_and_outside_are_told_apart(tmp_path: Path) -> None:
    raster = Raster.of(str(written(tmp_path / "map.tif")), None)
    places = [(22.5, 10.5), (19.99, 11), (23.01, 11), (21, 9.99), (20.5, 11.5)]
    classes, inside, known = at(raster, *places)
    assert classes == [0, 0, 0, 0, 10]
    assert inside == [True, False, False, False, True]
    assert known == [False, False, False, False, True]


def test_the_order_of_points_is_kept_whatever_the_order_of_blocks(tmp_path: Path) -> None:
    values = np.arange(64 * 64, dtype=np.int16).reshape(64, 64)
    tiled = {"tiled": True, "blockxsize": 16, "blockysize": 16}
    path = written(tmp_path / "map.tif", values, transform=from_origin(20, 12, 0.01, 0.01), **tiled)
    random = np.random.default_rng(2)
    row, column = random.integers(0, 64, (2, 300))
    lon, lat = 20 + (column + random.random(300)) / 100, 12 - (row + random.random(300)) / 100
    found = Raster.of(str(path), None).at(lon, lat, ())
    assert found.classes.tolist() == values[row, column].tolist()


@pytest.mark.parametrize("crs", ["EPSG:32634", "EPSG:3857", "EPSG:6933", "ESRI:54009"])
def test_points_are_found_in_any_projection(tmp_path: Path, crs: str) -> None:
    (x,), (y,) = transform("EPSG:4326", crs, [20.2], [10.2])
    path = written(tmp_path / "map.tif", crs=crs, transform=from_origin(x, y, 1000, 1000))
    lon, lat = transform(crs, "EPSG:4326", [x + 1500, x + 500, x + 9000], [y - 500, y - 1500, y])
    classes, inside, _ = at(Raster.of(str(path), None), *zip(lon, lat, strict=True))
    assert classes == [40, 30, 0]
    assert inside == [True, True, False]


def test_a_place_that_a_projection_does_not_know_is_outside(tmp_path: Path) -> None:
    # The other side of the Earth, in an orthographic projection.
    path = written(tmp_path / "map.tif", crs="+proj=ortho +lat_0=11 +lon_0=21 +type=crs")
    assert at(Raster.of(str(path), None), (-159, -11)) == ([0], [False], [False])


def test_a_raster_may_be_turned(tmp_path: Path) -> None:
    path = written(tmp_path / "map.tif", transform=Affine(0, -1, 20, -1, 0, 12))
    # A column leads south, a row west: the second column of the first row lies between 11 and 10 north.
    assert at(Raster.of(str(path), None), (19.5, 10.5))[0] == [40]


def test_a_folder_or_a_pattern_of_tiles_is_one_map(tmp_path: Path) -> None:
    tiles = tmp_path / "tiles"
    tiles.mkdir()
    written(tiles / "a_Map.tif")
    written(tiles / "b_Map.TIF", transform=from_origin(23, 12, 1, 1))
    (tiles / "readme.txt").write_text("no tile")
    (tiles / "._a_Map.tif").write_text("what macOS knows of a tile")
    places = [(20.5, 11.5), (23.5, 10.5), (30, 11)]
    for given in (str(tiles), f"{tiles}/*_Map.*", f"{tmp_path}/**/?_Map.*"):
        raster = Raster.of(given, None)
        assert len(raster.files) == 2
        assert at(raster, *places)[:2] == ([10, 30, 0], [True, True, False])


def test_where_tiles_overlap_the_first_that_has_a_class_is_believed(tmp_path: Path) -> None:
    written(tmp_path / "a.tif")
    written(tmp_path / "b.tif", np.full((2, 3), 7, np.uint8))
    classes, inside, known = at(Raster.of(str(tmp_path), None), (20.5, 11.5), (22.5, 10.5))
    assert classes == [10, 7]  # no data in the first file
    assert all(inside) and all(known)


def test_where_tiles_overlap_and_disagree_both_are_named(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a.tif"), written(tmp_path / "b.tif", CLASSES[:, ::-1])
    third = written(tmp_path / "c.tif", np.full((2, 3), 255, np.uint8))
    raster = Raster((str(tmp_path)), (first, second, third), 1)
    # 10 and 40, 40 in both, no data in the first file.
    found = raster.at(np.array([20.5, 21.5, 22.5]), np.array([11.5, 11.5, 10.5]), ())
    assert found.classes.tolist() == [10, 40, 30]
    assert found.contradictions == {0: f"10 in {first}, 40 in {second}"}


def test_what_a_product_calls_missing_in_one_tile_is_looked_up_in_the_next(tmp_path: Path) -> None:
    values = np.array([[0, 255, 255]], np.uint8)
    written(
        tmp_path / "a.tif", values, nodata=None
    )  # outside of its zone 255, which it does not declare
    written(tmp_path / "b.tif", np.array([[100, 100, 255]], np.uint8), nodata=None)
    landcover = LandCover("worldcereal", (100,), (0,), (255,))
    lon = np.array([20.5, 21.5, 22.5])
    found = Raster.of(str(tmp_path), None).at(lon, np.full(3, 11.5), landcover.missing)
    assert found.classes.tolist() == [0, 100, 0]
    assert found.inside.all()
    assert classify(found, landcover).tolist() == [OTHER, CROPLAND, NO_CLASS]


def test_of_a_virtual_raster_the_tiles_are_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "map.tif")
    rasterio.shutil.copy(path, tmp_path / "map.vrt", driver="VRT")
    said = r"map\.vrt cannot be read: it is neither .* of a virtual raster \(\.vrt\) its tiles$"
    with pytest.raises(DataError, match=said):
        Raster.of(str(tmp_path / "map.vrt"), None)


def test_a_band_is_chosen_where_there_are_several(tmp_path: Path) -> None:
    path = written(tmp_path / "map.tif", np.stack([CLASSES, CLASSES + 1]))
    with pytest.raises(DataError, match=r"has 2 bands \(1, 2\); say which one .* band=1"):
        Raster.of(str(path), None)
    with pytest.raises(DataError, match="has no band 3, it has 2; correct band"):
        Raster.of(str(path), 3)
    assert at(Raster.of(str(path), 2), (21.5, 11.5))[0] == [41]


def test_classes_may_be_floats_but_not_fractions(tmp_path: Path) -> None:
    values = np.array([[40.0, np.nan, 0.37]], np.float32)
    raster = Raster.of(str(written(tmp_path / "map.tif", values)), None)
    assert at(raster, (20.5, 11.5), (21.5, 11.5)) == ([40, 0], [True, True], [True, False])
    said = r"holds 0\.37.* expected classes, which are whole numbers; give a raster of classes"
    with pytest.raises(DataError, match=said):
        at(raster, (22.5, 11.5))


def test_of_several_bands_that_of_classes_is_asked_for(tmp_path: Path) -> None:
    values = np.full((2, 2, 3), 0.5, np.float32)
    raster = Raster.of(str(written(tmp_path / "map.tif", values)), 2)
    with pytest.raises(DataError, match="whole numbers; name the band of classes, as in band=1"):
        at(raster, (20.5, 11.5))


@pytest.mark.parametrize("kind", ["complex64", "complex_int16"])
def test_complex_numbers_are_no_classes(tmp_path: Path, kind: str) -> None:
    values = np.ones((1, 2, 3), np.complex64)
    path = written(tmp_path / "map.tif", values, dtype=kind)
    with pytest.raises(DataError, match="holds complex numbers, .*; give a raster of classes"):
        Raster.of(str(path), None)


def test_what_is_no_map_is_said_without_reading_it(tmp_path: Path) -> None:
    def refused(given: Path) -> str:
        with pytest.raises(DataError) as caught:
            Raster.of(str(given), None)
        return str(caught.value)

    assert "expected a land-cover raster at" in refused(tmp_path / "none.tif")
    assert "expected a land-cover raster at" in refused(tmp_path / "*.nothing")
    assert "there is none (.tif, .tiff, .jp2) in this folder" in refused(tmp_path)
    (tmp_path / "text.tif").write_text("no raster")
    assert "text.tif cannot be read: it is neither GeoTIFF nor" in refused(tmp_path / "text.tif")
    lost = refused(written(tmp_path / "lost.tif", crs=None, transform=Affine.identity()))
    assert "has no coordinate reference system" in lost
    adrift = written(tmp_path / "adrift.tif", transform=Affine.identity())
    assert "has no place on the Earth" in refused(adrift)


def test_an_unreadable_pixel_is_one_line(tmp_path: Path) -> None:
    path = written(tmp_path / "map.tif", np.zeros((512, 512), np.uint8), compress="deflate")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"cannot be read as a raster: .*map\.tif, band 1"):
        at(Raster.of(str(path), None), (20.5, 11.5), (400, -499.5), (30, -499.5))


def test_a_class_is_cropland_other_or_nothing(tmp_path: Path) -> None:
    values = np.array([[10, 40, 0, 30]], np.uint8)
    raster = Raster.of(str(written(tmp_path / "map.tif", values)), None)
    lon = np.array([20.5, 21.5, 22.5, 23.5, 40.0])
    said = classify(raster.at(lon, np.full(5, 11.5), WORLDCOVER.missing), WORLDCOVER)
    assert said.tolist() == [OTHER, CROPLAND, NO_CLASS, OTHER, NO_CLASS]


def test_a_class_that_nobody_has_explained_is_refused_with_its_count(tmp_path: Path) -> None:
    values = np.array([[10, 90, 90, 11]], np.uint8)
    raster = Raster.of(str(written(tmp_path / "map.tif", values)), None)
    found = raster.at(np.array([20.5, 21.5, 22.5, 23.5]), np.full(4, 11.5), WORLDCOVER.missing)
    wanted = (
        "classes at labelled points are cropland: 11 (1 ×), 90 (2 ×); use the preset of the product, or put "
        "each into landcover.cropland=[40,…] or landcover.other=[10,30,…]"
    )
    with pytest.raises(DataError, match=re.escape(wanted)):
        classify(found, WORLDCOVER)


@pytest.mark.parametrize(
    ("name", "cropland"),
    [("worldcover", 40), ("dynamic_world", 4), ("glad", 1), ("worldcereal", 100)],
)
def test_a_preset_knows_the_one_class_of_its_product(name: str, cropland: int) -> None:
    made: LandCover = filled(LandCover, yaml.safe_load((CONF / f"{name}.yaml").read_text()))
    assert made.name == name
    assert made.cropland == (cropland,)
    assert len(made.other) == {"worldcover": 10, "dynamic_world": 8}.get(name, 1)


def test_a_class_cannot_mean_two_things() -> None:
    with pytest.raises(ConfigError, match="landcover has 40 twice"):
        LandCover("mine", (40,), (10, 40), ())
    empty = LandCover("mine", (), (10,), ())
    unused = dict.fromkeys(("source", "tracking", "paths", "band", "alias"))
    with pytest.raises(ConfigError, match=r"landcover\.cropland is empty"):
        Compare(landcover=empty, raster=("x.tif",), **unused)  # type: ignore[arg-type]
