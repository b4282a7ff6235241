from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer
from standins.granules import Granules
from standins.stac import Fault, StacStandin
from standins.stac_calls import (
    AREA,
    BANDS,
    INNER,
    clear,
    service_of,
)

from cropland.errors import DataError
from cropland.sources.grid import grid_of
from cropland.sources.retries import GivenUp
from cropland.sources.stac import ranges


def pixels_of(cube: Any, granules: Granules) -> dict[str, np.ndarray[Any, Any]]:
    """Give what the granules show at the centres of a cube's pixels, shape (time, y, x)."""
    x, y = np.meshgrid(cube["x"], cube["y"])
    crs = int(cube["spatial_ref"])
    lon, lat = Transformer.from_crs(crs, 4326, always_xy=True).transform(x.ravel(), y.ravel())
    numbers = {granule.name: granule.number for granule in granules.granules}
    at = granules.at(
        np.stack([lon, lat], 1), [numbers[str(name)] for name in cube["granule"].values]
    )
    return {band: at[band].T.reshape(-1, *x.shape) for band in BANDS}


def test_a_cube_shows_the_pixels_of_each_granule(standin: StacStandin, granules: Granules) -> None:
    service = service_of(standin.url)
    before = len(standin.asked(".tif"))
    cube = service.cube(grid_of(INNER), date(2022, 1, 20), date(2022, 2, 5), BANDS)
    assert len(standin.asked(".tif")) == before
    assert {name: cube[name].dtype for name in BANDS} == {
        name: np.dtype("uint8" if name == "SCL" else "uint16") for name in BANDS
    }
    assert cube["B2"].dims == ("time", "y", "x")
    assert cube["time"].dtype == "datetime64[s]"
    order = list(zip(cube["time"].values, cube["granule"].values, strict=True))
    assert order == sorted(order)
    assert len(order) > 4
    loaded, expected = cube.compute(), pixels_of(cube, granules)
    zones = {granule.name: granule.epsg for granule in granules.granules}
    assert {zones[str(name)] for name in cube["granule"].values} == {32634, 32635}
    for band in BANDS:
        np.testing.assert_array_equal(loaded[band], expected[band], err_msg=band)


def test_a_cubes_failures_are_asked_again_or_raised(
    standin: StacStandin, truth: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "LEAST_BYTES", 500)
    granule = clear(truth)
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    cube = service_of(standin.url).cube(grid_of(INNER), day, day, BANDS)
    whole = cube.compute()
    standin.faults += [
        Fault(f"{granule}/B4", 503),
        Fault(f"{granule}/B2", "truncate", skip=1),
        Fault(f"{granule}/B8A", "reset", skip=1),
    ]
    assert cube.compute().identical(whole)
    assert [fault.times for fault in standin.faults] == [0, 0, 0]
    standin.faults.append(Fault(f"{granule}/B8A", 503, times=None))
    with pytest.raises(GivenUp, match="B8A.tif failed"):
        cube.compute()


def test_a_band_that_is_missing_is_no_data_in_a_cube(
    granules: Granules, cogs: Path, truth: pd.DataFrame
) -> None:
    granule = clear(truth)
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    with StacStandin(granules, AREA, cogs, BANDS, lacking={granule: ["B4"]}) as standin:
        standin.faults.append(Fault(f"{granule}/B8A", 404, times=None))
        cube = service_of(standin.url).cube(grid_of(INNER), day, day, BANDS)
        image = cube.isel(time=(cube["granule"] == granule).to_numpy()).compute()
    assert (image["B4"] == 0).all()
    assert (image["B8A"] == 0).all()
    assert (image["B2"] > 0).all()


def test_a_cube_without_images_says_what_there_is(standin: StacStandin) -> None:
    with pytest.raises(DataError, match=r"no image of lat .* which has .*2015-06-27 … today"):
        service_of(standin.url).cube(grid_of(INNER), date(2021, 5, 1), date(2021, 5, 31), BANDS)
