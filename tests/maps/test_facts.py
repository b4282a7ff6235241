from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from rasterio.transform import Affine

from cropland.errors import DataError
from cropland.maps.assemble import PixelCounts
from cropland.maps.facts import FACTS, MapFacts

TAGS = {
    "KEY": "k",
    "MODEL": "cropland-simulated-iran version 3",
    "COUNTRY": "Iran",
    "WINDOW": "2019-07-30 to 2020-06-30",
    "SEASON_END": "2020-06-30",
    "SOURCE": "simulated",
    "RESOLUTION": "10 m",
}
COUNTS = PixelCounts(
    pixels={0: 30, 1: 60, 2: 4, 255: 6},
    hectares={0: 0.3, 1: 0.6, 2: 0.04, 255: 0.06},
    dissimilar=9,
    observations=4_000,
    truth=np.array([[28, 4], [2, 56]]),
)
RECALLS = {"cropland": 0.95, "other": 0.9}


@pytest.fixture
def facts() -> MapFacts:
    return MapFacts.of(COUNTS, TAGS, RECALLS, threshold=0.4)


@pytest.mark.parametrize("whole", [True, False], ids=["all", "what a real map has"])
def test_what_is_written_is_read(facts: MapFacts, tmp_path: Path, whole: bool) -> None:
    if not whole:
        facts = replace(facts, truth=None, outside_applicability=None)
    (tmp_path / FACTS).write_text(facts.as_json())
    again = MapFacts.read(tmp_path)
    assert again.as_json() == facts.as_json()
    assert ("truth" in json.loads(facts.as_json())) is whole
    assert list(again.lines()) == list(facts.lines())
    assert again.metrics() == facts.metrics()


@dataclass(frozen=True)
class _Later(MapFacts):
    """The facts of a version that knows more."""

    another: int = 0


def test_a_checksum_holds_in_later_versions_and_notices_changes(
    facts: MapFacts, tmp_path: Path
) -> None:
    text = facts.with_files(tmp_path, ()).as_json()
    (tmp_path / FACTS).write_text(text)
    checksum = MapFacts.read(tmp_path).checksum
    assert _Later(**asdict(facts)).with_files(tmp_path, ()).checksum == checksum
    (tmp_path / FACTS).write_text(text.replace('"cropland": 60', '"cropland": 61'))
    with pytest.raises(DataError, match="is damaged: it is not as it was written"):
        MapFacts.read(tmp_path)


def test_numbers_are_those_of_the_pixels(facts: MapFacts) -> None:
    metrics = facts.metrics()
    assert facts.pixels == {"cropland": 60, "other": 30, "no data": 10}
    assert facts.hectares == pytest.approx({"cropland": 0.6, "other": 0.3, "no data": 0.1})
    assert metrics["n_pixels"] == 100 and metrics["n_missing"] == 10
    assert metrics["n_too_few_observations"] == 4
    assert metrics["mean_observations"] == 40 and metrics["outside_applicability"] == 0.1
    assert metrics["truth_accuracy"] == pytest.approx(84 / 90)
    assert metrics["truth_cropland"] == pytest.approx(56 / 58)
    assert metrics["truth_other"] == pytest.approx(28 / 32)
    assert metrics["truth_true_cropland"] == pytest.approx(58 / 90)
    true = facts.true_hectares
    assert true == pytest.approx({"cropland": 0.9 * 58 / 90, "other": 0.9 * 32 / 90})


def test_fill_values_of_the_images_are_named(facts: MapFacts) -> None:
    assert "n_fill_values" not in facts.metrics() and "fill values" not in dict(facts.lines())
    counts = PixelCounts()
    tile = SimpleNamespace(grid=GeoBox((1, 1), Affine(10, 0, 5e5, 0, -10, 4e6), "EPSG:32639"))
    arrays = {"class": np.zeros((1, 1), np.uint8), "observations": np.ones((1, 1), np.int32)}
    for number in (1_200, 34):
        counts.add(tile, arrays | {"n_fill_values": np.array(number)}, None)  # type: ignore[arg-type]
    counted = MapFacts.of(counts, TAGS, RECALLS, threshold=None)
    assert counted.metrics()["n_fill_values"] == 1_234
    assert dict(counted.lines())["fill values"].startswith("1,234 values of the images are below 0")


def test_pixels_of_which_neither_class_can_be_excluded_are_counted(facts: MapFacts) -> None:
    # A model without prediction sets does not know.
    assert "cannot_tell" not in facts.metrics() and "cannot tell" not in dict(facts.lines())
    counts = PixelCounts()
    tile = SimpleNamespace(grid=GeoBox((1, 4), Affine(10, 0, 5e5, 0, -10, 4e6), "EPSG:32639"))
    label = np.array([[0, 1, 1, 2]], np.uint8)
    arrays = {"class": label, "observations": np.ones((1, 4), np.int32)}
    for number in (2, 0):
        counts.add(tile, arrays | {"n_cannot_tell": np.array(number)}, None)  # type: ignore[arg-type]
    counted = MapFacts.of(counts, TAGS, RECALLS, threshold=None)
    assert counted.metrics()["cannot_tell"] == pytest.approx(2 / 6)
    assert dict(counted.lines())["cannot tell"].startswith("33.3% of the pixels with a class")


def test_the_lines_name_what_a_reader_must_know(facts: MapFacts) -> None:
    lines = dict(facts.lines())
    assert "counted pixels, which is biased" in lines["cropland"]
    assert lines["mean observations per pixel"] == "40 days of the window"
    assert lines["outside the area of applicability"].startswith("10.0%")
    assert "of cropland 96.6% (cross-validated 95.0%)" in lines["against the simulated truth"]
    assert lines["no data"].endswith("; 40% of it on too few days for a class")


def counted(known: int, unknown: int, dissimilar: int) -> MapFacts:
    pixels = {0: 0, 1: known, 2: unknown, 255: 0}
    counts = PixelCounts(pixels=pixels, hectares=dict.fromkeys(pixels, 0.0), dissimilar=dissimilar)
    return MapFacts.of(counts, TAGS, RECALLS, threshold=0.4)


def test_a_map_of_no_use_ends_with_a_warning_and_one_of_half_use_does_not() -> None:
    assert counted(50, 50, 25).warnings == ()
    (outside,) = counted(50, 50, 26).warnings
    assert outside.startswith(
        "52% of the pixels with a label are outside the area of applicability"
    )
    (unknown,) = counted(49, 51, 0).warnings
    assert unknown.startswith("51% of the pixels have no label")
    assert len(counted(1, 99, 1).warnings) == 2
    assert counted(0, 9, 0).warnings[0].startswith("100% of the pixels have no label")
    assert json.loads(counted(49, 51, 0).as_json())["warnings"] == [unknown]
