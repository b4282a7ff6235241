from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from standins import maps

from cropland.commands import assess
from cropland.errors import ConfigError, DataError
from cropland.maps.finished_map import FinishedMap
from cropland.maps.layers import NO_DATA

# A map of 40 x 40 pixels: the left half cropland, the right half other, the lowest row without a class
CLASSES = np.where(np.arange(40)[None, :] < 20, 1, 0) * np.ones((40, 1), int)


CLASSES[-1] = NO_DATA


TRUE = np.where(np.arange(40)[None, :] < 16, 1, 0) * np.ones((40, 1), int)


@pytest.fixture
def made(tmp_path: Path) -> FinishedMap:
    return maps.write(tmp_path, CLASSES, source="stac")


def draw(made: FinishedMap) -> None:
    assess.run(maps.assess_command(map=str(made.path)), [maps.IRAN])


@pytest.mark.parametrize(
    ("cropland", "said"),
    [
        (1, "no pixel of cropland or at least 2 in .*, got 1, .*; map more land"),
        (0, None),
        (2, None),
    ],
)
def test_a_class_of_one_pixel_is_said_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cropland: int, said: str | None
) -> None:
    classes = np.zeros((40, 40), int)
    classes[3, :cropland] = 1
    made = maps.write(tmp_path, classes)
    before = sorted(tmp_path.iterdir())
    if said is None:
        draw(made)
        assert len(list(tmp_path.iterdir())) == len(before) + 3
        return
    monkeypatch.setattr(FinishedMap, "classes", lambda *_: pytest.fail("the map was read"))
    with pytest.raises(DataError, match=said):
        draw(made)
    assert sorted(tmp_path.iterdir()) == before


def test_no_sample_is_drawn_of_classes_that_were_changed_since_they_were_counted(
    made: FinishedMap,
) -> None:
    facts = (made.path / "map.json").read_text()
    maps.write(made.path, TRUE, source="stac")
    (made.path / "map.json").write_text(facts)
    with pytest.raises(DataError, match=r"expected 780 pixels of cropland .*, got 640: .* changed"):
        draw(made)


def test_only_a_simulated_map_is_asked_for_its_landscape_whether_or_not_there_is_a_sample(
    tmp_path: Path,
) -> None:
    made = maps.write(tmp_path, CLASSES, source="files")
    said = r"labels=landscape is for simulated maps, .* is of source=files, which has no landscape"
    with pytest.raises(ConfigError, match=said):
        assess.run(maps.assess_command(map=str(made.path), labels="landscape"), [maps.IRAN])
