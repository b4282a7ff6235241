from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from sklearn.naive_bayes import GaussianNB

from cropland.models import fitting


def test_samples_of_other_countries_widen_no_area_of_applicability() -> None:
    # Two samples at home 1 apart, one in each fold; elsewhere is 9 and 19 away.
    x = np.array([[0], [1], [10], [20]], np.float32)
    out_of_fold = xr.Dataset({"fold": (("sample", "repeat"), np.array([[0, 2], [1, 3]]))})
    scores: Any = SimpleNamespace(out_of_fold=out_of_fold)
    found = fitting._applicability(GaussianNB().fit(x, [0, 1, 0, 1]), x, scores)
    distance = found.threshold * found.mean_distance / found.scale[0]
    assert distance == pytest.approx(1, rel=1e-6)
    assert len(found.points) == 4
