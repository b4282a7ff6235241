from __future__ import annotations

from datetime import date

import numpy as np

from cropland.sources.download.chunks import Chunk, pack
from cropland.sources.download.summary import cost


def test_the_cost_is_told_and_many_points_are_sent_elsewhere() -> None:
    places = pack(np.linspace(48.1, 48.6, 500), np.full(500, 32.2))
    near = [Chunk(places[:9], date(2020, 1, 1), date(2020, 1, 25))]
    few = [Chunk(places[[0, 499]], date(2020, 1, 1), date(2020, 1, 25))]
    assert "about 110 COGs to open and 0.2 GB to read, 16 s at 10 MB/s" in cost(near, 11)
    assert "about 110 COGs to open and 0.3 GB to read" in cost(few, 11)
    assert "source=earthengine" not in cost(few, 11)
    random = np.random.default_rng(0)
    scattered = pack(random.uniform(48.1, 48.6, 500), random.uniform(32.0, 32.5, 500))
    assert "source=earthengine is faster" in cost(
        [Chunk(scattered, date(2020, 1, 1), date(2020, 12, 31))], 11
    )
