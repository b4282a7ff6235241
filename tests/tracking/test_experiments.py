from __future__ import annotations

from pathlib import Path

import pytest

from cropland.config.groups import Tracking
from cropland.tracking.experiments import experiment_of, folder_of, is_simulated


@pytest.mark.parametrize(("name", "real"), [(None, "cropland"), ("team/wheat", "team/wheat")])
def test_real_and_simulated_never_mix(name: str | None, real: str) -> None:
    tracking = Tracking("local", "sqlite:///m.db", "artifacts", experiment=name)
    assert {experiment_of(tracking, source) for source in ("files", "stac")} == {real}
    simulated = experiment_of(tracking, "simulated")
    assert simulated == f"{real}-simulated"
    assert is_simulated(simulated) and not is_simulated(real)
    folders = {folder_of(tracking, experiment) for experiment in (real, simulated)}
    assert {folder and folder.parent for folder in folders} == {Path("artifacts").resolve()}


def test_a_server_needs_no_folder_of_artifacts() -> None:
    assert folder_of(Tracking("local", "http://host:5000", "artifacts"), "cropland") is None
