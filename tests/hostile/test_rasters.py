"""Rasters that lead to other files, or are larger than they look: one line, whoever reads them."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hostile.claims import BRIEFLY, answered, damaged, refused
from hypothesis import given
from hypothesis import strategies as st
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

from cropland.maps import geotiff
from cropland.maps.landcover.raster import Raster
from cropland.sources.cubes.cube import open_cube
from cropland.sources.stac.cogs import Cogs
from cropland.sources.stac.transport import Span
from cropland.untrusted.rasters import open_raster

NAME = "20210401T070619_B04.tif"
PLACE = {"crs": "EPSG:32639", "transform": Affine(10, 0, 500_000, 0, -10, 4_000_000)}
SIDE = 64
VRT = (
    '<VRTDataset rasterXSize="{side}" rasterYSize="{side}"><SRS>EPSG:32639</SRS>'
    "<GeoTransform>500000, 10, 0, 4000000, 0, -10</GeoTransform>"
    '<VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
    '<SourceFilename relativeToVRT="0">{path}</SourceFilename><SourceBand>1</SourceBand>'
    "</SimpleSource></VRTRasterBand></VRTDataset>"
)
Read = Callable[[Path], object]


class FileHost:
    """Answers ranges of a file as a host does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.links = self

    def file(self, href: str) -> Path:
        return Path(href)

    def span(self, _href: str, first: int, end: int | None, _size: int | None) -> Span:
        content = self.path.read_bytes()
        return Span(first, content[first:end], len(content))


def by_network(path: Path) -> object:
    host: Any = FileHost(path)
    return Cogs(host).sample("https://catalogue.example/B04.tif")


def from_a_folder(path: Path) -> object:
    host: Any = FileHost(path)
    return Cogs(host).sample(str(path))


def as_cube(path: Path) -> object:
    cube = open_cube(path.parent)
    return cube.part(cube.grid, cube.first, cube.last, ["B4"])


def as_land_cover(path: Path) -> object:
    return Raster.of(str(path.parent / "*.tif"), None)


def as_layer(path: Path) -> object:
    return geotiff.read_reduced(path, 40)


ON_DISK: tuple[Read, ...] = (from_a_folder, as_cube, as_land_cover, as_layer)
EVERY: tuple[Read, ...] = (by_network, *ON_DISK)
AT_LOWER_RESOLUTION: tuple[Read, ...] = (by_network, from_a_folder, as_layer)


def tiff(path: Path, value: int = 1, side: int = SIDE, **how: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    with rasterio.open(path, "w", "GTiff", side, side, 1, dtype="uint16", **PLACE, **how) as target:
        target.write(np.full((side, side), value, np.uint16), 1)
    return path


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A raster that nobody named."""
    return tiff(tmp_path / "elsewhere" / "secret.tif", 99)


@pytest.mark.parametrize("read", EVERY)
def test_what_is_sent_is_read(read: Read, tmp_path: Path) -> None:
    assert read(tiff(tmp_path / "sent" / NAME)) is not None


@pytest.mark.parametrize("read", EVERY)
def test_a_virtual_raster_in_disguise(read: Read, tmp_path: Path, secret: Path) -> None:
    path = tmp_path / "sent" / NAME
    path.parent.mkdir()
    path.write_text(VRT.format(side=SIDE, path=secret))
    assert "neither GeoTIFF nor JPEG 2000" in refused(lambda: read(path))


@pytest.mark.parametrize("read", EVERY)
def test_a_tiff_that_names_its_overviews_in_a_tag(read: Read, tmp_path: Path, secret: Path) -> None:
    path = tiff(tmp_path / "sent" / NAME, side=4 * SIDE)
    with rasterio.open(path, "r+") as target:
        target.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(secret))
    assert "names another file as its overviews" in refused(lambda: read(path))


@pytest.mark.parametrize("read", ON_DISK)
def test_a_sidecar_that_names_overviews(read: Read, tmp_path: Path, secret: Path) -> None:
    path = tiff(tmp_path / "sent" / NAME, side=4 * SIDE)
    path.with_name(f"{NAME}.aux.xml").write_text(
        f'<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{secret}</MDI></Metadata>'
        "</PAMDataset>"
    )
    assert "names another file as its overviews" in refused(lambda: read(path))


@pytest.mark.parametrize("read", ON_DISK)
@pytest.mark.parametrize("ending", [".ovr", ".msk"])
def test_overviews_and_masks_that_are_virtual(
    read: Read, ending: str, tmp_path: Path, secret: Path
) -> None:
    path = tiff(tmp_path / "sent" / NAME, side=4 * SIDE)
    path.with_name(NAME + ending).write_text(VRT.format(side=SIDE, path=secret))
    assert "neither GeoTIFF nor JPEG 2000" in refused(lambda: read(path))


@pytest.mark.parametrize("name", ["{}.aux", "{}.AUX", "{}.tif.aux", "{}.tif.AUX"])
def test_a_raster_of_erdas_beside_an_image(name: str, tmp_path: Path) -> None:
    path = tiff(tmp_path / "sent" / NAME, side=4 * SIDE)
    beside = path.with_name(name.format(path.stem))
    with rasterio.open(beside, "w", "HFA", 4, 4, 1, dtype="uint16", **PLACE) as target:
        target.write(np.ones((1, 4, 4), np.uint16))
    message = refused(lambda: as_layer(path))
    assert f"{beside} cannot be read: it is neither GeoTIFF nor JPEG 2000; remove it" in message


def test_overviews_of_overviews(tmp_path: Path, secret: Path) -> None:
    path = tiff(tmp_path / "sent" / NAME, side=4 * SIDE)
    beside = tiff(path.with_name(f"{NAME}.ovr"))
    with rasterio.open(beside, "r+") as target:
        target.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(secret))
    assert f"{beside} names another file" in refused(lambda: as_layer(path))


@pytest.mark.parametrize("read", ON_DISK)
def test_a_sidecar_does_not_move_a_raster_that_says_where_it_lies(
    read: Read, tmp_path: Path
) -> None:
    path = tiff(tmp_path / "sent" / NAME)
    path.with_name(f"{NAME}.aux.xml").write_text(
        "<PAMDataset><SRS>EPSG:32638</SRS><GeoTransform>1, 2, 0, 3, 0, -2</GeoTransform></PAMDataset>"
    )
    assert read(path) is not None
    assert open_cube(path.parent).grid.crs == "EPSG:32639"
    assert open_cube(path.parent).grid.transform == PLACE["transform"]


BAND = '<PAMDataset><PAMRasterBand band="1">{}</PAMRasterBand></PAMDataset>'


@pytest.mark.parametrize("read", ON_DISK)
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (BAND.format("<NoDataValue>1400</NoDataValue>"), "no-data value"),
        (BAND.format("<NoDataValue>0</NoDataValue>"), "no-data value"),
        (
            '<PAMDataset><Metadata><MDI key="NODATA_VALUES">1400</MDI></Metadata></PAMDataset>',
            "no-data value",
        ),
        (BAND.format("<Scale>2</Scale>"), "scale"),
        (BAND.format("<Offset>-1000</Offset>"), "offset"),
        (BAND.format("<Description>B8</Description>"), "name"),
    ],
)
def test_a_sidecar_does_not_change_values(
    read: Read, content: str, what: str, tmp_path: Path
) -> None:
    path = tiff(tmp_path / "sent" / NAME, 1400)
    with rasterio.open(path, "r+") as target:
        target.set_band_description(1, "B4")
    sidecar = path.with_name(f"{NAME}.aux.xml")
    sidecar.write_text(content)
    said = f"{sidecar} gives band 1 another {what} than the raster itself has; remove it"
    assert said in refused(lambda: read(path))


@pytest.mark.parametrize("read", ON_DISK)
def test_a_sidecar_of_statistics_is_left_alone(read: Read, tmp_path: Path) -> None:
    path = tiff(tmp_path / "sent" / NAME, 1400, nodata=7)
    before = str(read(path))
    metadata = '<Metadata><MDI key="STATISTICS_MEAN">3</MDI></Metadata>'
    path.with_name(f"{NAME}.aux.xml").write_text(
        BAND.format(f"<NoDataValue>7</NoDataValue><Description>B4</Description>{metadata}")
    )
    assert str(read(path)).replace(".aux.xml", "") == before


def test_a_raster_that_takes_more_memory_than_there_is(tmp_path: Path) -> None:
    path = tiff(tmp_path / "sent" / NAME)
    line = refused(lambda: read_without_memory(path))
    assert f"{path} takes more memory than there is; write it again" in line


def read_without_memory(path: Path) -> None:
    with open_raster(path, "write it again"):
        raise MemoryError


@pytest.mark.parametrize(
    "crs",
    [
        "+proj=utm +zone=39 +ellps=GRS80 +nadgrids=/etc/hostname +units=m",
        "+proj=utm +zone=39 +ellps=GRS80 +geoidgrids=/etc/hostname +units=m",
    ],
)
def test_a_crs_that_names_a_file(crs: str, tmp_path: Path) -> None:
    path = tmp_path / "sent" / NAME
    path.parent.mkdir()
    with (
        pytest.warns(NotGeoreferencedWarning),
        rasterio.open(path, "w", "GTiff", 4, 4, 1, dtype="uint16") as target,
    ):
        target.write(np.ones((1, 4, 4), np.uint16))
    path.with_name(f"{NAME}.aux.xml").write_text(
        f"<PAMDataset><SRS>{crs}</SRS><GeoTransform>500000, 10, 0, 4000000, 0, -10</GeoTransform>"
        "</PAMDataset>"
    )
    for read in ON_DISK:
        assert "names files or is too long" in refused(lambda read=read: read(path))


@pytest.mark.parametrize("read", [as_cube, as_land_cover])
def test_a_link_out_of_the_folder(read: Read, tmp_path: Path, secret: Path) -> None:
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / NAME).symlink_to(secret)
    assert "is a link that leads out of" in refused(lambda: read(tmp_path / "sent" / NAME))


def test_a_file_that_its_user_names_may_be_a_link(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "mine.tif").symlink_to(secret)
    assert Raster.of(str(tmp_path / "mine.tif"), None).files == (tmp_path / "mine.tif",)


@pytest.mark.parametrize("read", [from_a_folder, as_cube, as_layer])
def test_a_pipe(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "sent" / NAME
    path.parent.mkdir()
    os.mkfifo(path)
    assert "is not a regular file" in refused(lambda: read(path))


def with_one_block(path: Path, side: int, *, of_overview: bool = False) -> Path:
    """Write a TIFF, or a second image in it, that says that it has one tile of so many rows and columns."""
    tiff(path, side=512, compress="deflate", tiled=True, blockxsize=256, blockysize=256)
    if of_overview:
        with rasterio.open(path, "r+") as target:
            target.build_overviews([2, 4])
    content = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", content, 4)
    for _ in range(int(of_overview)):
        (count,) = struct.unpack_from("<H", content, at)
        (at,) = struct.unpack_from("<I", content, at + 2 + 12 * count)
    (count,) = struct.unpack_from("<H", content, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from("<H", content, entry)
        if tag in (256, 257) and not of_overview:
            struct.pack_into("<HHII", content, entry, tag, 4, 1, side)
        if tag in (322, 323):
            struct.pack_into("<HHII", content, entry, tag, 4, 1, side)
        if tag in (324, 325):  # one tile
            (where,) = struct.unpack_from("<I", content, entry + 8)
            (number,) = struct.unpack_from("<I", content, entry + 4)
            (first,) = struct.unpack_from("<I", content, where if number > 1 else entry + 8)
            struct.pack_into("<HHII", content, entry, tag, 4, 1, first)
    path.write_bytes(bytes(content))
    return path


@pytest.mark.parametrize("read", EVERY)
def test_a_block_of_16_000_by_16_000(read: Read, tmp_path: Path) -> None:
    path = with_one_block(tmp_path / "sent" / NAME, 16_000)
    assert "has blocks of 16000 × 16000 pixels, 488 MB" in refused(lambda: read(path))


@pytest.mark.parametrize("read", AT_LOWER_RESOLUTION)
def test_such_a_block_of_an_overview(read: Read, tmp_path: Path) -> None:
    path = with_one_block(tmp_path / "sent" / NAME, 16_000, of_overview=True)
    assert "an overview of" in refused(lambda: read(path))


@BRIEFLY
@given(data=st.data())
@pytest.mark.parametrize("read", EVERY)
def test_whatever_the_bytes(read: Read, data: st.DataObject, tmp_path: Path) -> None:
    path, whole = tmp_path / "sent" / NAME, tmp_path / "whole.tif"
    if not whole.exists():
        path.parent.mkdir()
        tiff(whole, compress="deflate", tiled=True, blockxsize=16, blockysize=16)
    path.write_bytes(data.draw(damaged(whole.read_bytes())))
    with answered():
        read(path)
