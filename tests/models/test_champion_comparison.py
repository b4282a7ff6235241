from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from cropland.config.groups import Validation
from cropland.errors import DataError
from cropland.learning.statistics import Comparison
from cropland.models import champion_comparison, stored_runs
from cropland.observations.archive import Archive
from cropland.tracking.records import TrackedRun
from cropland.training import candidates

BLOCKS = Validation("blocks", 2, block_km=10.0)
POINTS = xr.Dataset(
    {
        "ID": ("point", ["a", "b", "c", "d"]),
        "Lat": ("point", [10.0, 10.01, 11.0, 11.01]),
        "Lon": ("point", [20.0, 20.0, 20.0, 20.0]),
        "Target": ("point", np.ones(4, np.int8)),
    }
)
"""Two points in each of two blocks."""


def out_of_fold(*labels: int) -> Any:
    """Scores of the four points, which are cropland."""
    column = (("sample", "repeat"), np.array(labels)[:, None])
    predicted = xr.Dataset(
        {"label": column, "probability": column, "fold": column},
        coords={"ID": ("sample", POINTS["ID"].to_numpy()), "Target": ("sample", np.ones(4))},
    )
    return SimpleNamespace(out_of_fold=predicted)


@pytest.mark.parametrize(
    ("validation", "standard_error"),
    # Differences are 1, 1, 0, 0. Over blocks: sqrt(2/1 x (1 + 1)) / 4; over points: sqrt(1/3) / 2.
    [(BLOCKS, 0.5), (Validation("kfold", 2), 0.288675)],
    ids=["blocks", "points"],
)
def test_the_champion_is_compared_over_the_units_that_were_left_out(
    monkeypatch: pytest.MonkeyPatch, validation: Validation, standard_error: float
) -> None:
    champion = SimpleNamespace(scores=lambda _: out_of_fold(0, 0, 1, 0))
    monkeypatch.setattr(stored_runs, "rebuilt", lambda *_: champion)
    candidate = SimpleNamespace(country=None)
    selected: Any = SimpleNamespace(
        scores=out_of_fold(1, 1, 1, 0),
        validation=validation,
        material=SimpleNamespace(archive=Archive(POINTS), candidate=candidate),
    )
    command: Any = SimpleNamespace(validation=validation)
    run = SimpleNamespace(tags={}, params={})
    store: Any = SimpleNamespace(run=lambda _: run, read=lambda *_: "")
    version: Any = SimpleNamespace(run_id="1")
    found = champion_comparison.compare_with(version, selected, command, store)
    assert isinstance(found, Comparison)
    assert found.difference == 0.5
    assert (found.only_first, found.only_second) == (2, 0)
    assert found.standard_error == pytest.approx(standard_error, abs=1e-6)


def test_configurations_of_a_promotion_are_one_or_numbered_and_their_number_is_checked() -> None:
    files = {
        "config.yaml": "a",
        "config_1.yaml": "b",
        "config_2.yaml": "c",
        "config_extra_2.yaml": "d",
    }
    store: Any = SimpleNamespace(read=lambda _, name: files[name])
    tags = {f"checksum.{name}": "" for name in files}

    def texts(**params: str) -> list[str]:
        return candidates.texts_of(store, TrackedRun("1", "promotion", params, tags, {}, ""))

    assert texts() == texts(members="1") == ["a"]  # those of earlier versions have no such param
    assert texts(members="2") == ["b", "cd"]
    for number in ("0", "21", "many"):
        with pytest.raises(DataError, match=f"says members='{number}'"):
            texts(members=number)
