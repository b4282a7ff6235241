"""Cubes of the simulated landscape: pixels and points see the same land."""

from __future__ import annotations

from datetime import date

import dask
import numpy as np
import pytest
import xarray as xr
from pyproj import Transformer

from cropland.config.countries import Box, Country, Reference
from cropland.config.groups import Paths
from cropland.config.sources import Simulated
from cropland.errors import DataError
from cropland.sources.grid import grid_of
from cropland.sources.simulation import images, source
from cropland.sources.simulation.landscape import Landscape
from cropland.sources.simulation.overpasses import overpasses
from cropland.sources.simulation.profile import Profile
from cropland.sources.simulation.source import observe

HERE = Country("here", "Here", Box(32.0, 32.5, 48.1, 48.6), Reference("2019-07-01", "2020-06-30"))
SMALL = Box(32.2, 32.205, 48.3, 48.308)
SOURCE = Simulated("simulated", margin_days=30, points=20, profiles={})
PATHS = Paths("data", "archive", "runs")
BANDS = ("B3", "B8A", "SCL")
FIRST, LAST = date(2020, 3, 1), date(2020, 4, 15)


def cube(box: Box, first: date = FIRST, last: date = LAST) -> xr.Dataset:
    return source.cube(SOURCE, PATHS, HERE, grid_of(box), first, last, BANDS)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "BLOCK_PIXELS", 32)


def test_a_pixel_is_the_point_at_its_centre(small_blocks: None) -> None:
    seen = cube(SMALL).compute(scheduler="synchronous")
    x, y = np.meshgrid(seen["x"], seen["y"])
    lon, lat = Transformer.from_crs(32639, 4326, always_xy=True).transform(x.ravel(), y.ravel())
    land = Landscape.of(HERE, Profile(), source.SEED)
    days = np.array([FIRST, LAST], "datetime64[D]").astype(int)
    rows = observe(land, overpasses(land, *land.metres(lon, lat), *days.tolist()), lon, lat)

    stacked = seen.stack(pixel=("y", "x")).transpose("pixel", "time")
    there = stacked["SCL"].values > 0
    np.testing.assert_array_equal(there.sum(axis=1), rows["row_size"])
    times = np.broadcast_to(seen["time"].values, there.shape)[there]
    np.testing.assert_array_equal(times, rows["time"])
    for band in BANDS:
        np.testing.assert_array_equal(stacked[band].values[there], rows[band])
        assert (stacked[band].values[~there] == 0).all()


def test_the_contract_of_cubes_holds() -> None:
    seen = cube(SMALL)
    grid = grid_of(SMALL)
    assert seen["B3"].dims == ("time", "y", "x") and seen["B3"].shape[1:] == grid.shape
    assert [str(seen[band].dtype) for band in BANDS] == ["uint16", "uint16", "uint8"]
    assert seen["B3"].chunks[0] == (1,) * seen.sizes["time"]
    assert int(seen["spatial_ref"]) == 32639
    assert seen["SCL"].attrs == {"grid_mapping": "spatial_ref", "nodata": 0}
    np.testing.assert_array_equal(seen["x"], grid.coords["x"].values)
    assert (
        seen["time"].dtype == "datetime64[s]" and (np.diff(seen["time"]) > np.timedelta64(0)).all()
    )
    assert len(set(seen["granule"].values)) == seen.sizes["time"]
    assert seen["time"].values.min() >= np.datetime64("2020-03-01")
    assert seen["time"].values.max() < np.datetime64("2020-04-16")


def test_a_country_is_planned_without_being_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "values_seen", None)
    seen = cube(HERE.box, date(2019, 1, 1), date(2019, 12, 31))
    assert seen.nbytes > 10e9
    assert max(seen["B3"].chunks[1]) == images.BLOCK_PIXELS


def test_bands_of_a_block_are_evaluated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, calls, shown = cube(SMALL), [], images.values_seen
    monkeypatch.setattr(images, "values_seen", lambda *given: calls.append(1) or shown(*given))
    dask.compute(seen, scheduler="synchronous")
    assert 0 < len(calls) <= seen.sizes["time"]


def test_granules_are_those_that_see_any_of_the_box() -> None:
    # Orbits overlap in the middle of the country, so that its corner has fewer images.
    west = cube(Box(32.2, 32.201, 48.1, 48.101)).compute(scheduler="synchronous")
    assert (west["SCL"].max(("y", "x")) > 0).all()
    assert west.sizes["time"] < cube(HERE.box).sizes["time"]


def test_what_is_not_simulated_is_an_error() -> None:
    with pytest.raises(DataError, match="no B1; it has B2"):
        source.cube(SOURCE, PATHS, HERE, grid_of(SMALL), FIRST, LAST, ["B1", "B2"])
    with pytest.raises(DataError, match="more days"):
        cube(Box(32.2, 32.201, 48.1, 48.101), date(2020, 3, 2), date(2020, 3, 1))
