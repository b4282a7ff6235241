from __future__ import annotations

import os
from pathlib import Path

import mlflow
import pytest

from cropland.tracking.mlflow_session import mlflow_at

HERE, ELSEWHERE = "sqlite:///here.db", "sqlite:///elsewhere.db"


@pytest.mark.parametrize("variable", [None, ELSEWHERE])
def test_runs_and_models_are_in_one_store_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    if variable is not None:
        monkeypatch.setenv("MLFLOW_REGISTRY_URI", variable)
    else:
        monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri(), dict(os.environ)
    with mlflow_at(HERE):
        assert (mlflow.get_tracking_uri(), mlflow.get_registry_uri()) == (HERE, HERE)
    assert (mlflow.get_tracking_uri(), mlflow.get_registry_uri(), dict(os.environ)) == before
