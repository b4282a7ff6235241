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
