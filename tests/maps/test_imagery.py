"""Images of a cube on disk, as a map takes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import odc.geo.xr  # noqa: F401  (gives datasets their .odc)
import pytest
import xarray as xr
from standins.cube_files import TRANSFORM, zarr
from standins.toyland import SOURCE, TOYLAND

from cropland.config.groups import Paths
from cropland.errors import DataError
from cropland.maps.imagery import Imagery, open_cube

DAYS = np.arange("2021-12-01", "2022-03-20", 10, dtype="datetime64[D]")
LATER = np.datetime64("2022-01-25") <= DAYS


def imagery(path: Path, values: dict[str, Any], **changed: Any) -> Imagery:
    """Images of a cube of 4 × 5 pixels, each band with one number or one for each image."""
    shape = (len(DAYS), 4, 5)
    bands = {
        band: (
            ("time", "y", "x"),
            np.broadcast_to(np.reshape(number, (-1, 1, 1)), shape).astype(np.int32),
        )
        for band, number in values.items()
    }
    coordinates = {
        "time": DAYS.astype("datetime64[s]"),
        "y": TRANSFORM.f - 5.0 - 10 * np.arange(4),
        "x": TRANSFORM.c + 5.0 + 10 * np.arange(5),
    }
    cube = xr.Dataset(bands, coordinates).odc.assign_crs("EPSG:32639")
    return Imagery(
        source=replace(SOURCE, **changed),
        paths=Paths("", "", ""),
        country=TOYLAND,
        file=str(zarr(cube, path)),
        first=DAYS[0].item(),
        last=DAYS[-1].item(),
        bands=("B4", "B8"),
    )


@pytest.fixture(autouse=True)
def closed() -> None:
    """A cube is kept open once a process."""
    open_cube.cache_clear()


def test_an_offset_is_noted_and_taken_off_where_the_source_says_so(tmp_path: Path) -> None:
    carrying = {"B4": 700 + 1000 * LATER, "B8": 2500 + 1000 * LATER}
    seen = imagery(tmp_path / "cube", carrying)
    grid = seen.cube.grid
    (note,) = seen.check([grid])
    assert "from 2022-01-25 on every band is about 1000 higher in 100% of the pixels" in note
    removed = replace(seen, source=replace(seen.source, remove_offset=True))
    images = removed.of(grid, np.ones(grid.shape, bool))
    assert images is not None
    assert (images.values["B4"] == 700).all() and (images.values["B8"] == 2500).all()
    assert removed.mark != seen.mark


def test_a_scale_of_the_source_holds_for_a_cube(tmp_path: Path) -> None:
    percent = imagery(tmp_path / "cube", {"B4": 7, "B8": 25}, scale=100)
    grid = percent.cube.grid
    assert percent.check([grid]) == ()
    images = percent.of(grid, np.ones(grid.shape, bool))
    assert images is not None and (images.values["B8"] == 2500).all()
    assert percent.mark != replace(percent, source=SOURCE).mark
    (note,) = replace(percent, source=SOURCE).check([grid])
    assert "hardly a value above 255" in note


def test_fill_values_are_counted(tmp_path: Path) -> None:
    fills = np.where(np.arange(len(DAYS)) < 2, -9999, 2500)
    seen = imagery(tmp_path / "cube", {"B4": 700, "B8": fills})
    images = seen.of(seen.cube.grid, np.ones(seen.cube.grid.shape, bool))
    assert images is not None and images.n_fill_values == 2 * 4 * 5
    assert (images.values["B8"][:2] == 0).all() and (images.values["B8"][2:] == 2500).all()


def test_scene_classes_that_a_model_needs_are_asked_for(tmp_path: Path) -> None:
    seen = imagery(tmp_path / "cube", {"B4": 700, "B8": 2500})
    clear = replace(seen, bands=(*seen.bands, "SCL"))
    with pytest.raises(DataError, match=r"no SCL; it has B4, B8: .* a model of series=raw"):
        clear.check([seen.cube.grid])
