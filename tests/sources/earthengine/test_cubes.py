from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import xarray as xr
from pyproj import Transformer
from standins.earthengine import (
    EarthEngineStandin,
    Refusal,
    Truncation,
)
from standins.earthengine_calls import (
    BANDS,
    FIRST,
    darkened,
)

from cropland.config.countries import Box
from cropland.errors import DataError
from cropland.sources.earthengine import cubes
from cropland.sources.earthengine.service import EarthEngineService
from cropland.sources.grid import grid_of

SMALL = Box(10.0490, 10.0515, 24.1035, 24.1065)


def test_reflectance_of_zero_is_no_lack_of_data_in_a_cube_either(
    service: EarthEngineService, standin: EarthEngineStandin
) -> None:
    edge = Box(10.0490, 10.0515, 24.0585, 24.0625)  # of a tile
    # In any order, without the scene class too.
    for bands in (("B4", "SCL", "B8"), ("B8",), ("SCL",)):
        cube = service.cube(grid_of(edge), FIRST, date(2022, 1, 20), bands)
        standin.catalogue.darker = 0
        bright = cube.compute()
        standin.catalogue.darker = darker = 3000
        dark = cube.compute()
        for band in bands:
            values = bright[band].values
            expected = values if band == "SCL" else darkened(values, darker)
            np.testing.assert_array_equal(dark[band], expected, err_msg=band)
            assert dark[band].dtype == bright[band].dtype
        if bands[0] != "SCL":
            assert (bright[bands[0]] == 0).any() and (dark[bands[0]] == 1).any()


def test_reflectance_in_a_tile_is_refused_and_sea_without_any_is_not(
    service: EarthEngineService, standin: EarthEngineStandin
) -> None:
    standin.catalogue.darker = 40_000  # every valid pixel comes as 1, as of reflectance
    blue = service.cube(grid_of(SMALL), FIRST, date(2022, 1, 20), ("B2", "B8"))
    with pytest.raises(DataError, match="values up to 1 for all of B2, B8, as reflectance"):
        blue.compute(scheduler="synchronous")
    infrared = service.cube(grid_of(SMALL), FIRST, date(2022, 1, 20), ("B8", "B11"))
    assert int(infrared.compute()["B8"].max()) == 1


@pytest.fixture
def cube(service: EarthEngineService) -> xr.Dataset:
    return service.cube(grid_of(SMALL), FIRST, date(2022, 1, 20), BANDS)


def test_a_cube_shows_at_its_pixels_what_points_there_show(
    service: EarthEngineService, cube: xr.Dataset
) -> None:
    assert cube.sizes["time"] > 3
    assert {band: cube[band].dtype.name for band in ("B8", "B11", "SCL")} == {
        "B8": "uint16",
        "B11": "uint16",
        "SCL": "uint8",
    }
    assert cube.odc.geobox == grid_of(SMALL)
    order = np.lexsort((cube["granule"], cube["time"]))
    np.testing.assert_array_equal(order, np.arange(cube.sizes["time"]))
    where = [(2, 3), (11, 7), (20, 25)]
    to_degrees = Transformer.from_crs(str(cube.odc.geobox.crs), 4326, always_xy=True)
    centres = np.array([to_degrees.transform(cube["x"][x], cube["y"][y]) for y, x in where])
    seen = service.points(centres, FIRST, date(2022, 1, 20), BANDS)
    loaded = cube.compute()
    assert len(seen) == sum(int((loaded["SCL"][:, y, x] > 0).sum()) for y, x in where)
    steps = {name: step for step, name in enumerate(loaded["granule"].values)}
    for band, values in seen.values.items():
        pixels = [
            loaded[band].values[steps[name], *where[place]]
            for name, place in zip(seen.granule, seen.place, strict=True)
        ]
        np.testing.assert_array_equal(pixels, values, err_msg=band)


def test_a_tile_of_a_granule_is_one_request_and_none_before_it_is_computed(
    standin: EarthEngineStandin, service: EarthEngineService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cubes, "TILE_PIXELS", 20)
    cube = service.cube(grid_of(SMALL), FIRST, date(2022, 1, 10), BANDS)
    tiles = np.prod([-(-cube.sizes[axis] // 20) for axis in ("y", "x")]) * cube.sizes["time"]
    assert standin.posts("computePixels") == []
    whole = cube.compute()
    assert len(standin.posts("computePixels")) == tiles > cube.sizes["time"]
    index = (cube["B8"].astype(float) - cube["B4"]) / (cube["B8"] + cube["B4"] + 1)
    index.mean("time").compute()
    assert len(standin.posts("computePixels")) == 2 * tiles
    monkeypatch.undo()
    assert service.cube(grid_of(SMALL), FIRST, date(2022, 1, 10), BANDS).compute().identical(whole)


def test_a_tile_that_is_too_large_or_fails_is_asked_for_in_halves_or_again(
    standin: EarthEngineStandin, cube: xr.Dataset
) -> None:
    whole = cube.isel(time=[0]).compute()
    large = {"path": "computePixels", "status": 400, "message": "User memory limit exceeded."}
    standin.faults += [Refusal(**large), Truncation(path="computePixels", nth=2)]
    before = len(standin.posts("computePixels"))
    assert cube.isel(time=[0]).compute().identical(whole)
    # The whole, a half that comes broken, the same again, and the other half.
    assert len(standin.posts("computePixels")) - before == 4
    standin.faults.append(Refusal(times=99, **large))
    with pytest.raises(DataError, match="even a small tile: User memory limit exceeded"):
        cube.isel(time=[0]).compute()


def test_a_box_without_images_has_no_cube(service: EarthEngineService) -> None:
    with pytest.raises(DataError, match="has no image of lat .* ask for other days"):
        service.cube(grid_of(SMALL), date(2021, 1, 1), date(2021, 1, 31), BANDS)
