from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cropland.config.countries import Box, Country, Reference
from cropland.errors import ConfigError, DataError
from cropland.maps import plan
from cropland.maps.extent import Extent

LAND = Country("land", "Land", Box(32, 33, 48, 49), Reference("2020-01-01", "2020-12-31"))


def test_an_area_whose_latitude_and_longitude_are_swapped_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        plan._check_order(Extent.of_box((32.2, 48.3, 32.21, 48.31), 100), LAND)
    said = str(caught.value)
    assert (
        said.startswith("the area lies at lat 48.2995…48.3104, lon 32.1989")
        and "outside land (lat 32" in said
    )
    assert "inside with both swapped; write longitude first: box=[west,south,east,north]" in said


@pytest.mark.parametrize("box", [(48.3, 32.2, 48.31, 32.21), (10.0, 50.0, 10.01, 50.01)])
def test_an_area_inside_or_far_from_the_country_is_taken_as_it_is(
    box: tuple[float, float, float, float],
) -> None:
    plan._check_order(Extent.of_box(box, 100), LAND)


@pytest.mark.parametrize(
    ("key", "name", "message"),
    [
        ("cube", "land", "overwrite .*land, one of its inputs; set output"),
        ("cube", "land/class.tif", "overwrite .*class.tif"),
        ("geometry", "land/map.json", "overwrite .*map.json"),
        ("geometry", "land/area.geojson", None),
        ("cube", "cube.nc", None),
    ],
)
def test_a_map_is_not_written_over_what_it_is_made_of(
    tmp_path: Path, key: str, name: str, message: str | None
) -> None:
    command: Any = SimpleNamespace(cube=None, geometry=None)
    setattr(command, key, str(tmp_path / "maps" / ".." / name))
    if message is None:
        plan._check_inputs(command, tmp_path / "land")
        return
    with pytest.raises(DataError, match=message):
        plan._check_inputs(command, tmp_path / "land")


def test_a_cube_of_more_pixels_than_may_be_mapped_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    extent = Extent.of_box((48.3, 32.2, 48.31, 32.21), 100)
    monkeypatch.setattr(plan.imagery, "open_cube", lambda _: extent)
    given = {"box": None, "geometry": None, "resolution": None, "tile_side": 500, "exact": False}
    given["source"] = SimpleNamespace(name="simulated")
    command: Any = SimpleNamespace(cube="cube.zarr", most_pixels=extent.n_pixels, **given)
    assert plan._extent(command, LAND) == extent
    command.most_pixels -= 1
    with pytest.raises(ConfigError, match=f"give most_pixels={extent.n_pixels} to map all of it"):
        plan._extent(command, LAND)
