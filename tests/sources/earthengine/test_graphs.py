from __future__ import annotations

import re

import ee
import pytest

from cropland.errors import DataError
from cropland.sources.earthengine import graphs
from cropland.sources.earthengine.service import EarthEngineService


def test_rows_that_come_twice_are_kept_once_and_must_be_the_same() -> None:
    row = {"p": 0, "t": 1_600_000_000_000, "i": "A", "B8": 3000, "SCL": 4}
    other = row | {"t": 1_500_000_000_000, "i": "B"}
    assert graphs.distinct_rows(iter([row, other, dict(row)])) == [row, other]
    with pytest.raises(DataError, match="different values of image A"):
        graphs.distinct_rows(iter([row, row | {"B8": 3001}]))


def test_the_scene_class_of_zero_stays_zero(service: EarthEngineService) -> None:
    # Class 1 is a defective pixel. The stand-in has no class 0 that is seen, the graph tells.
    asked = graphs.unmasked(ee.Image("A"), ("B4", "SCL", "B8")).serialize(for_cloud_api=True)
    assert re.search(r"\[\s*1,\s*0,\s*1\s*\]", asked)


ROW = {"p": 0, "t": 1_600_000_000_000, "i": "A", "B4": 700, "B8": 3000, "SCL": 4}


def test_numbers_out_of_range_are_no_data_and_counted() -> None:
    rows = [ROW, ROW | {"B8": 32_768}, ROW | {"B8": 65_535, "B4": 32_766}]
    seen = graphs.rows_as_seen(rows, ["B4", "B8", "SCL"], {}, ("before",))
    assert seen.values["B8"].tolist() == [3000, 0, 0]
    assert seen.values["B4"].tolist() == [700, 700, 32_766]
    assert list(seen.gaps.sentences()) == ["2 values of B8 below 0 or above 32,766: no data there"]


def test_reflectance_is_refused_and_dark_water_is_not() -> None:
    rows = [ROW | {"B4": 1, "B8": 1.2}, *[ROW | {"B4": 1, "B8": 1}] * 9]
    with pytest.raises(DataError, match="values up to 1.2 for all of B4, B8, as reflectance"):
        graphs.rows_as_seen(rows, ["B4", "B8", "SCL"], {}, ())
    # A single dark shadow may have no reflectance left in any band.
    for dark in ([ROW | {"B4": 1}] * 20, [ROW | {"B4": 1, "B8": 1}] * 3):
        seen = graphs.rows_as_seen(dark, ["B4", "B8", "SCL"], {}, ())
        assert set(seen.values["B4"]) == {1}


def test_scene_classes_that_there_are_not_are_an_error() -> None:
    with pytest.raises(DataError, match="values from 4 to 12 for SCL; expected a scene class"):
        graphs.rows_as_seen([ROW, ROW | {"SCL": 12}], ["B4", "B8", "SCL"], {}, ())
