from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import odc.geo.xr  # noqa: F401  (gives datasets their .odc)
import pytest
import xarray as xr
from standins.cube_files import TRANSFORM, zarr

from cropland.errors import DataError
from cropland.sources.cubes import cube as cubefiles
from cropland.sources.cubes import sample
from cropland.sources.cubes.cube import Cube

SIDE = 40
DAYS = np.arange("2021-12-01", "2022-03-20", 10, dtype="datetime64[D]")
REFLECTANCE = {"B2": 400, "B4": 800, "B8": 2200}


def made(path: Path, later: float = 0, first: str = "2021-12-01", **changed: Any) -> Cube:
    """A cube over 2022-01-25, `later` added to the numbers from then on."""
    days = DAYS[np.datetime64(first) <= DAYS]
    shape = (len(days), SIDE, SIDE)
    random = np.random.default_rng(1)
    added = np.where(days >= np.datetime64("2022-01-25"), later, 0)[:, None, None]
    bands = {
        band: value + random.integers(-90, 90, shape) + added for band, value in REFLECTANCE.items()
    }
    variables = {band: (("time", "y", "x"), each.astype(np.int16)) for band, each in bands.items()}
    coordinates = {
        "time": days.astype("datetime64[s]"),
        "y": TRANSFORM.f - 5.0 - 10 * np.arange(SIDE),
        "x": TRANSFORM.c + 5.0 + 10 * np.arange(SIDE),
    }
    cube = xr.Dataset(variables, coordinates).odc.assign_crs("EPSG:32639")
    return replace(cubefiles.open_cube(zarr(cube, path / "cube")), **changed)


def notes(cube: Cube) -> tuple[str, ...]:
    return sample.check(cube, [cube.grid], cube.first, cube.last, cube.bands)


def test_a_step_of_1000_at_the_new_baseline_is_said(tmp_path: Path) -> None:
    (note,) = notes(made(tmp_path, later=1000))
    assert "from 2022-01-25 on every band is about 1000 higher in 100% of the pixels" in note
    assert "set source.remove_offset=true" in note


def test_a_cube_without_a_step_is_not_remarked_on(tmp_path: Path) -> None:
    assert notes(made(tmp_path)) == ()


def test_of_scene_classes_alone_nothing_is_unusual(tmp_path: Path) -> None:
    cube = changed(tmp_path, SCL=lambda values: values * 0 + 4)
    assert sample.check(cube, [cube.grid], cube.first, cube.last, ["SCL"]) == ()


def test_images_of_the_new_baseline_alone_may_carry_the_offset(tmp_path: Path) -> None:
    (note,) = notes(made(tmp_path, later=1000, first="2022-02-01"))
    assert "hardly a value" in note and "none from before to compare" in note


def test_dark_values_of_the_new_baseline_alone_are_proof_that_it_was_subtracted(
    tmp_path: Path,
) -> None:
    assert notes(made(tmp_path, first="2022-02-01")) == ()


def test_an_offset_that_is_removed_is_said_and_one_that_is_not_there_refused(
    tmp_path: Path,
) -> None:
    (note,) = notes(made(tmp_path, later=1000, remove_offset=True))
    assert note == "1000 is taken off the images from 2022-01-25 on (source.remove_offset=true)"
    with pytest.raises(DataError, match="carry no offset of 1000: many of their values are below"):
        notes(made(tmp_path / "other", remove_offset=True))
    early = made(tmp_path / "early", remove_offset=True)
    (note,) = sample.check(early, [early.grid], early.first, early.first, early.bands)
    assert "has no image from 2022-01-25 on" in note


def test_reflectance_in_one_image_is_seen_before_any_work(tmp_path: Path) -> None:
    path = made(tmp_path).path
    cube = xr.open_zarr(path, consolidated=False).load().astype(np.float32)
    cube["B4"][3] /= 10_000
    other = cubefiles.open_cube(zarr(cube, tmp_path / "other"))
    with pytest.raises(
        DataError, match=r"in the image 2021-12-31T00:00:00 of 11\) has reflectance"
    ):
        notes(other)


@pytest.mark.parametrize(("n_grids", "chosen"), [(1, [0]), (7, [3]), (20, [3, 9, 15])])
def test_parts_are_taken_from_the_whole_area(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_grids: int, chosen: list[int]
) -> None:
    opened, read, part = made(tmp_path), [], Cube.part

    def remembered(cube: Cube, grid: Any, *given: Any) -> xr.Dataset:
        read.append(round(opened.grid.transform.f - grid.transform.f) // 80)
        return part(cube, opened.grid[:4, :4], *given)

    monkeypatch.setattr(Cube, "part", remembered)
    grids = [opened.grid.translate_pix(0, 8 * number)[:8, :8] for number in range(n_grids)]
    assert sample.check(opened, grids, opened.first, opened.last, ["B2"]) == ()
    assert read == chosen


def changed(path: Path, **bands: Any) -> Cube:
    """The cube with other numbers in some bands, as functions of the old ones make them."""
    cube = xr.open_zarr(made(path).path, consolidated=False).load()
    for band, change in bands.items():
        old = cube[band if band in cube else "B4"].to_numpy()
        cube[band] = ("time", "y", "x"), change(old).astype(np.uint8 if band == "SCL" else np.int16)
    return cubefiles.open_cube(zarr(cube, path / "changed"))


def from_image(number: int, change: Any) -> Any:
    def of(values: np.ndarray) -> np.ndarray:
        values = values.copy()
        values[number:] = change(values[number:])
        return values

    return of


def test_reflectance_times_1000_is_remarked_on(tmp_path: Path) -> None:
    (note,) = notes(changed(tmp_path, **dict.fromkeys(REFLECTANCE, lambda values: values // 4)))
    assert "hardly a value above 1,000 in any band" in note and "reflectance × 1,000" in note


def test_images_in_another_unit_are_named(tmp_path: Path) -> None:
    smaller = from_image(8, lambda values: values // 1_000 + 1)
    (note,) = notes(changed(tmp_path, **dict.fromkeys(REFLECTANCE, smaller)))
    assert (
        "no value above 255 in any band of the image 2022-02-19T00:00:00 and 2 more of 11" in note
    )


def test_reflectance_that_was_written_as_whole_numbers_is_nothing_where_classes_say_clear(
    tmp_path: Path,
) -> None:
    lost = dict.fromkeys(REFLECTANCE, from_image(9, lambda values: values // 10_000))
    (note,) = notes(changed(tmp_path, SCL=lambda values: values * 0 + 4, **lost))
    assert "no data in any band in the image 2022-03-01T00:00:00 and 1 more of 11" in note
    clouds = dict.fromkeys(REFLECTANCE, from_image(9, lambda values: values * 0))
    masked = from_image(0, lambda values: values * 0 + 9)
    assert notes(changed(tmp_path / "masked", SCL=masked, **clouds)) == ()


def test_an_offset_in_early_images_may_be_one_of_a_later_processing(tmp_path: Path) -> None:
    seen = changed(tmp_path, **dict.fromkeys(REFLECTANCE, lambda values: values + 1_000))
    day = date(2022, 1, 10)
    (note,) = sample.check(seen, [seen.grid], seen.first, day, seen.bands)
    expected = f"{seen.path} has hardly a value of the visible bands below 1000 in all images: "
    assert (
        note.startswith(expected) and "products were processed again and carry the offset" in note
    )


def test_an_offset_in_all_images_is_taken_off_none_or_all(tmp_path: Path) -> None:
    seen = changed(tmp_path, **dict.fromkeys(REFLECTANCE, lambda values: values + 1_000))
    (note,) = notes(seen)
    assert "below 1000 in all images: " in note and "remove_offset" not in note
    with pytest.raises(DataError, match="carry no offset of 1000: they are no higher than those"):
        notes(replace(seen, remove_offset=True))


def test_an_offset_in_all_images_is_seen_where_no_day_is_near_enough_to_compare(
    tmp_path: Path,
) -> None:
    path = changed(tmp_path, **dict.fromkeys(REFLECTANCE, lambda values: values + 1_000)).path
    cube = xr.open_zarr(path, consolidated=False).load()
    far = cube.isel(time=[0, 8, 9]).assign_coords(
        time=np.array(["2021-06-01", "2022-06-01", "2022-06-02"], "datetime64[s]")
    )
    (note,) = notes(cubefiles.open_cube(zarr(far, tmp_path / "far")))
    assert "below 1000 in all images: " in note and "remove_offset" not in note


def test_an_offset_in_early_images_alone_is_said_of_these(tmp_path: Path) -> None:
    def higher(values: np.ndarray) -> np.ndarray:
        later = np.arange(len(values))[:, None, None] >= np.sum(np.datetime64("2022-01-25") > DAYS)
        return values + np.where(later, 0, 1_000)

    (note,) = notes(changed(tmp_path, **dict.fromkeys(REFLECTANCE, higher)))
    assert "hardly a value of the visible bands below 1000 before 2022-01-25: " in note


def test_images_that_are_there_twice_are_said_first(tmp_path: Path) -> None:
    path = made(tmp_path).path
    cube = xr.open_zarr(path, consolidated=False).load()
    twice = cube.isel(time=[*range(len(DAYS)), 3])
    opened = cubefiles.open_cube(zarr(twice, tmp_path / "twice"))
    (note,) = notes(opened)
    assert note.startswith(f"{opened.path}: 1 time with more than one image")
    assert "as 2021-12-31T00:00:00 and 2021-12-31T00:00:00" in note


def test_colours_of_8_bits_are_remarked_on(tmp_path: Path) -> None:
    path = made(tmp_path).path
    cube = (xr.open_zarr(path, consolidated=False).load() // 16).astype(np.uint8)
    (note,) = notes(cubefiles.open_cube(zarr(cube, tmp_path / "other")))
    assert "hardly a value above 255 in any band" in note
