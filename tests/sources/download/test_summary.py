from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cropland.sources.download.chunks import Chunk, pack
from cropland.sources.download.summary import cost, plan_notes, plan_table


def test_the_cost_is_of_the_blocks_that_are_read() -> None:
    places = pack(np.linspace(48.1, 48.6, 500), np.full(500, 32.2))
    near = [Chunk(places[:9], date(2020, 1, 1), date(2020, 1, 25))]
    few = [Chunk(places[[0, 499]], date(2020, 1, 1), date(2020, 1, 25))]
    assert cost(near, 11) == pytest.approx((110, 0.165))
    assert cost(few, 11) == pytest.approx((110, 0.33))


def test_many_scattered_points_are_sent_elsewhere() -> None:
    random = np.random.default_rng(0)
    scattered = pack(random.uniform(48.1, 48.6, 500), random.uniform(32.0, 32.5, 500))
    year = [Chunk(scattered, date(2020, 1, 1), date(2020, 12, 31))]
    source: Any = SimpleNamespace(bands=("B4",) * 11, workers=4)
    plan: Any = SimpleNamespace(
        country=SimpleNamespace(name="iran"),
        table=range(500),
        days=(year[0].first, year[0].last),
        chunks=year,
    )
    assert list(plan_notes(source, [plan]))[-1].endswith("source=earthengine is faster")
    (row,) = plan_table(source, [plan]).rows
    assert list(row[:4]) == ["iran", "500", "2020-01-01 … 2020-12-31", "1"]
    plan.chunks = []
    assert list(plan_notes(source, [plan])) == ["all there, nothing to fetch"]
