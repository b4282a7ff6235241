from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp
from rio_cogeo.cogeo import cog_validate

from cropland.errors import DataError
from cropland.maps import geotiff, layers
from cropland.maps.layers import Layer

TAGS = {"model": "toyland-cropland/3", "window": "2021-07-01/2022-06-30"}


def grid(height: int, width: int) -> GeoBox:
    edges = (500_000, 3_600_000 - 10 * height, 500_000 + 10 * width, 3_600_000)
    return GeoBox.from_bbox(edges, "EPSG:32639", resolution=10, tight=True)


def values(layer: Layer, height: int, width: int) -> np.ndarray:
    """Numbers that fit the layer, in parcels of 7 x 7 pixels, with a corner of no data."""
    random = np.random.default_rng(1)
    parcels = random.integers(0, 2 if layer.classes else 101, (height // 7 + 1, width // 7 + 1))
    drawn = np.kron(parcels, np.ones((7, 7)))[:height, :width].astype(layer.dtype)
    drawn[: height // 5, : width // 5] = layer.nodata
    return drawn


def blocks(whole: np.ndarray, side: int) -> list[geotiff.Block]:
    rows, columns = (range(0, size, side) for size in whole.shape)
    return [(y, x, whole[y : y + side, x : x + side]) for y in rows for x in columns]


def written(path: Path, layer: Layer, whole: np.ndarray, side: int = 300) -> Path:
    geotiff.write(path, layer, grid(*whole.shape), blocks(whole, side), TAGS)
    return path


@pytest.mark.parametrize("layer", layers.LAYERS.values(), ids=list(layers.LAYERS))
@pytest.mark.parametrize("shape", [(30, 40), (513, 700)], ids=["tiny", "with overviews"])
def test_a_layer_is_a_valid_cog_that_says_what_it_holds(
    tmp_path: Path, layer: Layer, shape: tuple[int, int]
) -> None:
    whole = values(layer, *shape)
    path = written(tmp_path / "map" / f"{layer.name}.tif", layer, whole)
    assert cog_validate(path, strict=True, quiet=True) == (True, [], [])
    with rasterio.open(path) as source:
        np.testing.assert_array_equal(source.read(1), whole)
        np.testing.assert_equal(source.nodata, layer.nodata)
        assert source.dtypes == (layer.dtype,)
        assert source.crs.to_epsg() == 32639
        assert source.transform == grid(*shape).affine
        assert source.tags().items() >= TAGS.items()
        assert source.descriptions == (layer.description,)
        assert source.units == (layer.unit or None,)
        assert source.block_shapes == [(512, 512)]
        assert source.overviews(1) == ([2] if shape[1] > 512 else [])
        assert source.compression.value == "DEFLATE"
        assert source.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] in "23"


@pytest.mark.parametrize(
    "layer", [layers.CLASS, layers.PROBABILITY, layers.APPLICABILITY, layers.UNCERTAINTY]
)
def test_a_file_of_bytes_has_its_colour_table_and_no_data_is_transparent(
    tmp_path: Path, layer: Layer
) -> None:
    path = written(tmp_path / "layer.tif", layer, values(layer, 30, 40))
    assert layer.colours is not None
    with rasterio.open(path) as source:
        assert source.colorinterp == (ColorInterp.palette,)
        assert {value: source.colormap(1)[value] for value in layer.colours} == layer.colours
        assert source.colormap(1)[255] == (255, 255, 255, 0)


def test_overviews_average_numbers_not_colours_and_leave_out_no_data(tmp_path: Path) -> None:
    whole = np.zeros((600, 600), np.uint8)
    whole[::2] = 100  # half of each 2 x 2 pixels
    whole[:10, :10] = 255
    whole[0, 0] = 60
    path = written(tmp_path / "layer.tif", layers.PROBABILITY, whole)
    with rasterio.open(path, overview_level=0) as source:
        overview = source.read(1)
    assert (overview[5:, 5:] == 50).all()
    assert overview[0, 0] == 60
    assert overview[0, 1] == 255


def test_overviews_of_classes_hold_the_most_frequent_one(tmp_path: Path) -> None:
    whole = np.zeros((600, 600), np.uint8)
    whole[::2, ::2] = 1  # one of each 2 x 2 pixels
    whole[:300] = 1 - whole[:300]
    path = written(tmp_path / "layer.tif", layers.CLASS, whole)
    with rasterio.open(path, overview_level=0) as source:
        overview = source.read(1)
    assert (overview[:150] == 1).all()
    assert (overview[150:] == 0).all()


@pytest.mark.parametrize("layer", [layers.CLASS, layers.DISSIMILARITY], ids=lambda each: each.name)
def test_bytes_follow_from_pixels_and_tags_only(
    tmp_path: Path, layer: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = values(layer, 700, 900)
    first = written(tmp_path / "first.tif", layer, whole, side=300)
    later = tmp_path / "elsewhere" / "later.tif"
    monkeypatch.setenv("TZ", "Asia/Kabul")
    turned = dict(reversed(TAGS.items()))
    geotiff.write(later, layer, grid(700, 900), reversed(blocks(whole, 170)), turned)
    assert first.read_bytes() == later.read_bytes()
    with rasterio.open(first) as source:
        assert set(source.tags()) == {*TAGS, "AREA_OR_POINT"}
    other = tmp_path / "other.tif"
    geotiff.write(other, layer, grid(700, 900), blocks(whole, 300), TAGS | {"window": "another"})
    assert other.read_bytes() != first.read_bytes()


@pytest.mark.parametrize("layer", layers.LAYERS.values(), ids=list(layers.LAYERS))
def test_pixels_of_no_block_have_no_data(tmp_path: Path, layer: Layer) -> None:
    part = np.ones((20, 20), layer.dtype)
    geotiff.write(tmp_path / "layer.tif", layer, grid(600, 40), [(500, 5, part)], {})
    with rasterio.open(tmp_path / "layer.tif") as source:
        known = source.read_masks(1) > 0
        assert known[500:520, 5:25].all()
        assert known.sum() == part.size
        rest = source.read(1)[~known]
    np.testing.assert_array_equal(rest, np.full(rest.shape, layer.nodata, layer.dtype))


def test_a_block_that_fails_leaves_the_file_that_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = written(tmp_path / "layer.tif", layers.CLASS, values(layers.CLASS, 30, 40))
    before = path.read_bytes()

    def failing():
        yield 0, 0, np.ones((10, 10), np.uint8)
        raise OSError("the imagery went away")

    with pytest.raises(OSError, match="^the imagery went away$"):
        geotiff.write(path, layers.CLASS, grid(30, 40), failing(), TAGS)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "row, column, block",
    [
        (25, 0, np.ones((10, 10), np.uint8)),
        (0, 35, np.ones((10, 10), np.uint8)),
        (-1, 0, np.ones((10, 10), np.uint8)),
        (0, 0, np.ones(10, np.uint8)),
        (0, 0, np.full((10, 10), 0.7)),
    ],
    ids=["below", "to the right", "above", "of one dimension", "of another type"],
)
def test_a_block_that_does_not_fit_is_not_written(
    tmp_path: Path, row: int, column: int, block: np.ndarray
) -> None:
    with pytest.raises(DataError, match="expected blocks of uint8 inside of 30 x 40 pixels"):
        geotiff.write(tmp_path / "a.tif", layers.CLASS, grid(30, 40), [(row, column, block)], {})
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write .*class\.tif: .*; choose a folder"):
        written(tmp_path / "file" / "class.tif", layers.CLASS, values(layers.CLASS, 30, 40))


def test_a_copy_that_lost_pixels_does_not_take_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = rasterio.shutil.copy

    def losing(source: Path, target: Path, **options: object) -> None:
        with rasterio.open(source, "r+") as plain:
            kept = plain.read(1)
            plain.write(np.where(kept == 1, 0, kept).astype(np.uint8), 1)
        copy(source, target, **options)
        with rasterio.open(source, "r+") as plain:
            plain.write(kept, 1)

    monkeypatch.setattr(rasterio.shutil, "copy", losing)
    with pytest.raises(DataError, match="pixels were lost"):
        written(tmp_path / "class.tif", layers.CLASS, values(layers.CLASS, 30, 40))
    assert list(tmp_path.iterdir()) == []


def test_a_layer_of_four_million_pixels_is_read_through_its_overviews(tmp_path: Path) -> None:
    whole = values(layers.PROBABILITY, 2000, 2000)
    path = written(tmp_path / "layer.tif", layers.PROBABILITY, whole, side=512)
    assert cog_validate(path, strict=True, quiet=True) == (True, [], [])
    reduced, box = geotiff.read_reduced(path, 600)
    with rasterio.open(path, overview_level=1) as source:  # every fourth pixel
        np.testing.assert_array_equal(reduced, source.read(1, masked=True))
    assert reduced.shape == box.shape == (500, 500)
    assert box.boundingbox == grid(2000, 2000).boundingbox
    assert box.resolution.x == 40
    assert reduced.mask[:100, :100].all()
    assert not reduced.mask[100:, 100:].any()


def test_what_is_small_is_read_as_it_is_and_odd_sides_keep_their_edges(tmp_path: Path) -> None:
    whole = values(layers.DISSIMILARITY, 31, 41)
    path = written(tmp_path / "layer.tif", layers.DISSIMILARITY, whole)
    reduced, box = geotiff.read_reduced(path, 41)
    np.testing.assert_array_equal(reduced.filled(math.nan), whole)
    assert box == grid(31, 41)
    reduced, box = geotiff.read_reduced(path, 40)
    assert reduced.shape == box.shape == (16, 21)
    assert box.boundingbox == grid(31, 41).boundingbox


@pytest.mark.parametrize("harm", ["missing", "no raster", "cut off", "nowhere"])
def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "layer.tif"
    if harm == "no raster":
        path.write_text("nothing of the kind")
    if harm == "cut off":
        whole = written(path, layers.PROBABILITY, values(layers.PROBABILITY, 600, 600))
        path.write_bytes(whole.read_bytes()[:-3000])
    if harm == "nowhere":
        shape = {"height": 4, "width": 4, "count": 1, "dtype": "uint8"}
        place = grid(4, 4).affine
        with rasterio.open(path, "w", driver="GTiff", transform=place, **shape) as target:
            target.write(np.ones((1, 4, 4), np.uint8))
    with pytest.raises(DataError, match=r"layer\.tif.*write it again$"):
        geotiff.read_reduced(path, 1000)
