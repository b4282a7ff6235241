from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from standins import maps

from cropland.errors import DataError
from cropland.maps.finished_map import FinishedMap


@pytest.fixture
def made(tmp_path: Path) -> FinishedMap:
    return maps.write(tmp_path, maps.HALF, source="stac")


def test_a_layer_of_another_map_is_refused(tmp_path: Path) -> None:
    here, there = np.array([0]), np.array([0])
    made = maps.write(tmp_path, maps.HALF, uncertainty=maps.HALF)
    maps.write(tmp_path / "third", maps.HALF, key="third", uncertainty=maps.HALF)
    assert made.values("uncertainty", here, there) == 1
    (tmp_path / "third" / "uncertainty.tif").replace(tmp_path / "uncertainty.tif")
    with pytest.raises(DataError, match=r"uncertainty.tif is a layer of another map \(key third\)"):
        made.values("uncertainty", here, there)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "expected map.json in .*, found none: no map was finished there"),
        ("[", "map.json does not hold what it should .Expecting value"),
        ('{"key": "a", "tags": {}}', "see pixels: Field required"),
        (
            '{"key": "a", "tags": {}, "hectares": {"other": 1}, "pixels": {"other": 1}, '
            '"mean_observations": 1, "cross_validated": {}}',
            "lacks tags.COUNTRY, .*, hectares.crop.*, pixels.crop",
        ),
    ],
)
def test_a_folder_that_holds_no_finished_map_is_refused(
    made: FinishedMap, text: str | None, said: str
) -> None:
    (made.path / "map.json").unlink()
    if text is not None:
        (made.path / "map.json").write_text(text)
    with pytest.raises(DataError, match=said):
        FinishedMap.open(made.path)


def test_a_broken_or_missing_raster_is_refused(made: FinishedMap) -> None:
    (made.path / "class.tif").write_bytes(b"no raster")
    with pytest.raises(DataError, match=r"class.tif cannot be read: .*; map it again"):
        FinishedMap.open(made.path)
    (made.path / "class.tif").unlink()
    with pytest.raises(DataError, match=r"expected the layer .*class.tif, found none"):
        FinishedMap.open(made.path)
    with pytest.raises(DataError, match=r"expected the folder of a map at .*nowhere"):
        FinishedMap.open(made.path / "nowhere")
