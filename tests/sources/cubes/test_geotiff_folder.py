from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from odc.geo.crs import CRS
from rasterio.transform import Affine
from standins.cube_files import (
    FIRST,
    LAST,
    NAMES,
    TRANSFORM,
    a_band_a_file,
    an_image_a_file,
    read,
    refused,
    tiff,
    values_of,
)

from cropland.errors import DataError
from cropland.sources.cubes import cube as cubefiles


def test_images_of_one_day_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    for number, name in enumerate(("c_2021-04-03", "a_20210403", "b_20210402"), 1):
        tiff(tmp_path / "cube" / f"{name}_B02.tif", [np.full((2, 2), number, np.uint16)])
    found = read(tmp_path / "cube", "B2")
    assert found["granule"].to_numpy().tolist() == ["b_20210402", "a_20210403", "c_2021-04-03"]
    assert found["B2"].to_numpy()[:, 0, 0].tolist() == [3, 2, 1]


def test_what_lies_beside_geotiffs_is_left_alone(cube: xr.Dataset, tmp_path: Path) -> None:
    path = an_image_a_file(cube, tmp_path / "cube")
    for name in ("readme.txt", "20210401.tif.aux.xml", "._20210401.tif"):
        (path / name).write_text("no image")
    np.testing.assert_array_equal(values_of(path), cube["B2"])


SIDECAR = """<PAMDataset><SRS>{wkt}</SRS><GeoTransform>{transform}</GeoTransform></PAMDataset>"""


@pytest.mark.parametrize("hidden", [False, True])
def test_a_georeference_in_a_sidecar_counts_also_where_the_environment_hides_sidecars(
    cube: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: bool
) -> None:
    if hidden:
        monkeypatch.setenv("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
    path = tiff(tmp_path / "20210401_B2.tif", [cube["B2"].to_numpy()[0]], crs=None, transform=None)
    refused(tmp_path, "20210401_B2.tif has no CRS; write it")
    transform = ", ".join(map(str, TRANSFORM.to_gdal()))
    sidecar = path.with_name(f"{path.name}.aux.xml")
    sidecar.write_text(SIDECAR.format(wkt=CRS("EPSG:32639").to_wkt(), transform=transform))
    opened = cubefiles.open_cube(tmp_path)
    assert opened.grid == cube.odc.geobox
    np.testing.assert_array_equal(values_of(tmp_path), cube["B2"][:1])
    os.utime(sidecar, ns=(0, 0))
    assert cubefiles.open_cube(tmp_path).mark != opened.mark


OLDER = "S2A_MSIL2A_20210401T070619_N0213_R106_T39SVB_20210401T093000"
NEWER = "S2A_MSIL2A_20210401T070619_N0500_R106_T39SVB_20230211T123456"


def folder_of(path: Path, *names: str) -> Path:
    """A GeoTIFF for each name, whose only value is its number from 1 on."""
    for number, name in enumerate(names, 1):
        tiff(path / f"{name}_B02_10m.tif", [np.full((2, 2), number, np.uint16)])
    return path


@pytest.mark.parametrize("names", [(OLDER, NEWER), (NEWER, OLDER)])
def test_of_an_overpass_that_was_processed_again_the_newer_counts(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    folder_of(tmp_path, *names, NEWER.replace("20210401T", "20210411T"))
    reader = cubefiles.open_cube(tmp_path).reader
    assert values_of(tmp_path)[:, 0, 0].tolist() == [names.index(NEWER) + 1, 3]
    assert reader.granules[0] == NEWER
    assert reader.notes == (
        "1 of 3 images left out, since a newer processing of the same overpass is there: "
        f"{OLDER}, for {NEWER}",
    )
    assert len(reader.files) == 3  # a map is made again where the other is taken out


def test_bands_of_an_image_that_is_left_out_are_not_missed(tmp_path: Path) -> None:
    folder_of(tmp_path, NEWER, OLDER)
    tiff(tmp_path / f"{NEWER}_B04_10m.tif", [np.full((2, 2), 9, np.uint16)])
    assert values_of(tmp_path, "B4").tolist() == [[[9, 9], [9, 9]]]


@pytest.mark.parametrize(
    "names",
    [
        (NEWER, NEWER.replace("T39SVB", "T39SVA")),  # the tile beside it
        (NEWER, NEWER.replace("20210401T07", "20210411T07")),
        ("20210401_T39SVB", "20210401_T39SVA"),
    ],
)
def test_other_tiles_and_days_are_other_images(tmp_path: Path, names: tuple[str, str]) -> None:
    reader = cubefiles.open_cube(folder_of(tmp_path, *names)).reader
    assert sorted(reader.granules) == sorted(names)
    assert reader.notes == ()


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (("b_20210401", "a_20210401"), "a_20210401"),
        ((NEWER, "T39SVB_20210401T070619"), NEWER),
        # Parts of an image, or processed twice by one baseline.
        ((NEWER, NEWER.replace("T123456", "T235959")), NEWER.replace("T123456", "T235959")),
    ],
)
def test_images_of_one_time_stay_and_are_said_with_the_first_that_counts(
    tmp_path: Path, names: tuple[str, str], first: str
) -> None:
    reader = cubefiles.open_cube(folder_of(tmp_path, *names)).reader
    other = next(name for name in names if name != first)
    assert reader.granules.tolist() == [first, other]
    (note,) = reader.notes
    assert (
        note.startswith("1 time with more than one image") and f"as {first} and {other}: " in note
    )


@pytest.mark.parametrize("crs", ["EPSG:4978", 'LOCAL_CS["site", UNIT["metre", 1]]'])
def test_a_crs_that_is_no_map_projection_is_said(tmp_path: Path, crs: str) -> None:
    tiff(tmp_path / "20210401_B02.tif", [np.ones((2, 2), np.uint16)], crs=crs)
    refused(tmp_path, "20210401_B02.tif", "expected a projected grid in metres, such")


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("20210401", "2021-04-01T00:00:00"),
        ("2021-04-01", "2021-04-01T00:00:00"),
        ("S2A_39SVB_20210401_0_L2A", "2021-04-01T00:00:00"),
        ("T39SVB_20210401T070619", "2021-04-01T07:06:19"),
        ("x_2021-04-01T07:06:19Z", "2021-04-01T07:06:19"),
        ("id12345678_20210401", "2021-04-01T00:00:00"),
        ("20210401_20210401T070619", "2021-04-01T07:06:19"),
        ("20210401T070619_20210401T071502_T39SVB", "2021-04-01T07:06:19"),
        (
            "S2A_MSIL2A_20210401T070619_N0500_R106_T39SVB_20230211T123456",
            "2021-04-01T07:06:19",
        ),
    ],
)
def test_the_moment_is_in_the_name(tmp_path: Path, name: str, moment: str) -> None:
    tiff(tmp_path / f"{name}_B02.tif", [np.ones((2, 2), np.uint16)])
    assert cubefiles.open_cube(tmp_path).times.tolist() == [np.datetime64(moment).item()]


@pytest.mark.parametrize("name", ["scene", "202104", "20211301", "T39SVB_99990231"])
def test_a_name_without_a_time_is_said(tmp_path: Path, name: str) -> None:
    path = tiff(tmp_path / f"{name}_B02.tif", [np.ones((2, 2), np.uint16)])
    refused(tmp_path, f"{path.name} has no time in its name", "20210401")


def test_two_dates_that_disagree_are_said(tmp_path: Path) -> None:
    path = tiff(tmp_path / "20210401_2021-04-11_B02.tif", [np.ones((2, 2), np.uint16)])
    refused(tmp_path, f"{path.name} has two dates in its name, 2021-04-01 and 2021-04-11")


@pytest.mark.parametrize(
    "profile",
    [{"crs": "EPSG:32638"}, {"transform": TRANSFORM @ Affine.translation(0.5, 0)}, {}],
    ids=["zone", "half a pixel", "size"],
)
def test_the_first_file_on_another_grid_is_named(tmp_path: Path, profile: dict[str, Any]) -> None:
    for day in ("20210401", "20210402"):
        tiff(tmp_path / f"{day}_B02.tif", [np.ones((2, 2), np.uint16)])
    other = np.ones((2, 2) if profile else (2, 3), np.uint16)
    for day in ("20210404", "20210403"):
        tiff(tmp_path / f"{day}_B02.tif", [other], **profile)
    refused(tmp_path, "20210403_B02.tif is on another grid than 20210401_B02.tif")


def test_a_geotiff_that_names_no_band_is_said(tmp_path: Path) -> None:
    tiff(tmp_path / "20210401.tif", [np.ones((2, 2), np.uint16)])
    refused(tmp_path, "does not say which Sentinel-2 band it is")


def test_files_of_a_band_may_be_named_by_its_colour(cube: xr.Dataset, tmp_path: Path) -> None:
    for at, name in enumerate(NAMES):
        for band, colour in (("B2", "Blue"), ("B4", "red_10m"), ("SCL", "scl")):
            tiff(tmp_path / f"{name}_{colour}.tif", [cube[band].to_numpy()[at]])
    np.testing.assert_array_equal(values_of(tmp_path, "B4"), cube["B4"])
    assert tuple(read(tmp_path)["granule"].to_numpy()) == NAMES


def test_a_colour_in_the_name_of_a_place_names_no_band(cube: xr.Dataset, tmp_path: Path) -> None:
    for place in ("red_sea", "blue_nile"):
        tiff(tmp_path / f"{place}_20210401.tif", [cube["B2"].to_numpy()[0]], names=("B2",))
    assert read(tmp_path, "B2").sizes["time"] == 2
    tiff(tmp_path / "two" / "red_sea_20210401_B02.tif", [cube["B2"].to_numpy()[0]])
    assert cubefiles.open_cube(tmp_path / "two").bands == ("B2",)


@pytest.mark.parametrize("kind", ["complex_int16", "complex64"])
def test_a_geotiff_of_no_real_numbers_is_said(tmp_path: Path, kind: str) -> None:
    tiff(tmp_path / "20210401_B02.tif", [np.ones((2, 2), np.uint16)], dtype=kind)
    refused(tmp_path, f"is stored as {kind}; expected numbers")


def test_a_geotiff_without_a_place_is_said(tmp_path: Path) -> None:
    tiff(tmp_path / "20210401_B02.tif", [np.ones((2, 2), np.uint16)], transform=None)
    refused(tmp_path, "20210401_B02.tif has no georeference, only rows and columns")


def test_several_bands_are_not_named_by_the_name_of_their_file(tmp_path: Path) -> None:
    tiff(tmp_path / "20210401_B02.tif", [np.ones((2, 2), np.uint16)] * 2)
    refused(tmp_path, "expected descriptions of its 2 bands")


def test_a_description_that_differs_from_the_name_is_said(tmp_path: Path) -> None:
    tiff(tmp_path / "20210401_B02.tif", [np.ones((2, 2), np.uint16)], names=("B8",))
    refused(tmp_path, "is B8 by its description and B2 by its name")


def test_a_band_in_two_files_of_an_image_is_said(tmp_path: Path) -> None:
    for name in ("20210401_B02.tif", "20210401_B2.tif"):
        tiff(tmp_path / name, [np.ones((2, 2), np.uint16)])
    refused(tmp_path, "20210401_B2.tif gives B2 of an image that has it from 20210401_B02.tif")


def test_an_image_that_lacks_a_band_of_others_is_said(cube: xr.Dataset, tmp_path: Path) -> None:
    path = a_band_a_file(cube, tmp_path / "cube")
    (path / f"{NAMES[1]}_B04_10m.TIF").unlink()
    refused(path, f"the image {NAMES[1]} in", "has no B4, which others have")


def test_a_broken_geotiff_is_said(cube: xr.Dataset, tmp_path: Path) -> None:
    path = an_image_a_file(cube, tmp_path / "cube")
    (path / f"{NAMES[2]}.tif").write_bytes(b"II*\0 no image")
    refused(path, f"{NAMES[2]}.tif cannot be read")


def test_a_geotiff_that_is_cut_off_is_said(tmp_path: Path) -> None:
    for day in ("20210401", "20210402"):
        path = tiff(tmp_path / f"{day}_B2.tif", [np.ones((256, 256), np.uint16)])
    path.write_bytes(path.read_bytes()[:50_000])
    opened = cubefiles.open_cube(tmp_path)
    assert opened.part(opened.grid[:9, :9], FIRST, LAST, ["B2"])["B2"].to_numpy().all()
    with pytest.raises(DataError, match=rf"rows 200 to 256, columns 0 to 256 \(.*{path.name}"):
        opened.part(opened.grid[200:, :], FIRST, LAST, ["B2"])
