from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from mlflow import MlflowClient

from cropland.config.groups import Paths
from cropland.config.sources import Files
from cropland.errors import DataError
from cropland.models.champion import promote_command, registered


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
    with pytest.raises(DataError, match="no other model has it; promote one"):
        registered("cropland-iran", uri, "champion")


def test_the_command_that_makes_a_champion_reads_the_numbers_as_this_one_does() -> None:
    command = SimpleNamespace(
        source=Files("files", "S2", "Train.csv", "Test.csv", scale=10000.0, remove_offset=True),
        paths=Paths("data", "archive", "runs"),
    )
    made = promote_command(cast(Any, command), "iran")
    assert made == (
        "cropland promote source=files paths.data=data source.scale=10000 source.remove_offset=true "
        "country=iran"
    )
