from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from cropland.errors import DataError
from cropland.models.champion import registered


@pytest.fixture
def uri(tmp_path: Path, empty_store: Path) -> str:
    shutil.copy(empty_store, tmp_path / "m.db")
    return f"sqlite:///{tmp_path}/m.db"


def test_a_model_is_named_with_those_that_there_are(tmp_path: Path, uri: str) -> None:
    client = MlflowClient(uri, uri)
    for name in ("cropland-iran", "cropland-sudan"):
        client.create_registered_model(name)
        client.create_model_version(name, str(tmp_path))
    client.set_registered_model_alias("cropland-iran", "champion", "1")
    assert registered("cropland-iran", uri, "champion").name == "cropland-iran"
    with pytest.raises(DataError, match=r"no model spam .* in sqlite.*; there are: cropland-iran$"):
        registered("spam", uri, "champion")
    with pytest.raises(DataError, match="did you mean 'cropland-iran'"):
        registered("cropland-irn", uri, "champion")


def test_without_any_model_one_is_to_be_promoted(uri: str) -> None:
    with pytest.raises(DataError, match="no other has it; promote one"):
        registered("cropland-iran", uri, "champion")
