"""Versions and aliases in a registry of their own; the models behind them are empty folders."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from cropland.models import registry
from cropland.tracking.records import IDENTITY

NAME = "cropland-toyland"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one experiment, made once: MLflow takes seconds for its tables."""
    folder = tmp_path_factory.mktemp("registry")
    MlflowClient(f"sqlite:///{folder}/empty.db").create_experiment("cropland", str(folder / "runs"))
    return folder / "empty.db"


@pytest.fixture
def client(empty: Path, tmp_path: Path) -> MlflowClient:
    shutil.copy(empty, tmp_path / "mlflow.db")
    return MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")


def made(client: MlflowClient, identity: str, card: str = "A card.") -> ModelVersion:
    """Register a version of a candidate."""
    run_id = client.create_run("1").info.run_id
    model = client.create_logged_model("1", name="model", source_run_id=run_id)
    files(model.artifact_location).mkdir(parents=True)
    uri = f"models:/{model.model_id}"
    return registry.register(client, NAME, uri, run_id, card, {IDENTITY: identity})


def files(location: str) -> Path:
    """The folder of a model."""
    return Path(location.removeprefix("file://"))


def aliases(client: MlflowClient) -> dict[str, str]:
    found = client.get_registered_model(NAME).aliases
    return {alias: str(version) for alias, version in found.items()}


def test_real_and_simulated_models_have_different_names() -> None:
    assert registry.model_name("files", "iran") == "cropland-iran"
    assert registry.model_name("simulated", "iran") == "cropland-simulated-iran"


def test_a_version_is_made_whole(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    create = client.create_model_version
    given: dict[str, Any] = {}

    def noted(*args: Any, **more: Any) -> ModelVersion:
        given.update(more)
        return create(*args, **more)

    monkeypatch.setattr(client, "create_model_version", noted)
    version = made(client, "one")
    assert str(version.version) == "1"
    found = client.get_model_version(NAME, "1")
    assert found.description == "A card."
    assert found.tags == {IDENTITY: "one"}
    assert aliases(client) == {}
    [model] = client.search_logged_models(["1"])
    assert (found.source, found.run_id) == (f"models:/{model.model_id}", model.source_run_id)
    assert given["model_id"] == model.model_id  # a server links by it, a database does not keep it


@pytest.mark.parametrize("alias", ["champion", "no such", "", "a b"])
def test_an_alias_that_names_nothing_gives_nothing(client: MlflowClient, alias: str) -> None:
    assert registry.version_of(client, NAME, alias) is None
    made(client, "one")
    assert registry.version_of(client, NAME, alias) is None


def test_the_champion_before_is_the_previous_one(client: MlflowClient) -> None:
    first, second, third = (made(client, identity) for identity in ("one", "two", "three"))
    registry.crown(client, first)
    assert aliases(client) == {"champion": "1"}
    registry.crown(client, second)
    registry.crown(client, second)
    assert aliases(client) == {"champion": "2", "previous": "1"}
    registry.crown(client, third)
    assert aliases(client) == {"champion": "3", "previous": "2"}
    champion = registry.version_of(client, NAME, registry.CHAMPION)
    assert champion is not None
    assert str(champion.version) == "3"


def test_what_is_cut_between_the_aliases_is_mended_by_the_next(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = made(client, "one"), made(client, "two")
    registry.crown(client, first)
    set_alias = client.set_registered_model_alias

    def cut(*given: Any) -> None:
        set_alias(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(client, "set_registered_model_alias", cut)
        registry.crown(client, second)
    assert aliases(client) == {"champion": "1", "previous": "1"}
    registry.crown(client, second)
    assert aliases(client) == {"champion": "2", "previous": "1"}


def test_the_newest_version_of_a_candidate_is_found(client: MlflowClient) -> None:
    assert registry.made_before(client, NAME, "one") is None
    for identity in ("one", "two", "one", *["two"] * 7, "one"):
        made(client, identity)
    found = registry.made_before(client, NAME, "one")
    assert found is not None
    assert str(found.version) == "11"
    client.delete_model_version(NAME, "11")
    again = registry.made_before(client, NAME, "one")
    assert again is not None
    assert str(again.version) == "3"
    shutil.rmtree(files(client.get_model_version_download_uri(NAME, "3")))
    whole = registry.made_before(client, NAME, "one")
    assert whole is not None
    assert str(whole.version) == "1"


def test_a_long_card_says_where_the_whole_of_it_is(client: MlflowClient) -> None:
    long = made(client, "one", "x" * 6000).description
    assert len(long) == registry.LONGEST
    assert long.endswith("The whole model card is `card.md` among the artifacts of the run.")
    assert made(client, "two", "x" * 5000).description == "x" * 5000


def test_a_long_title_is_cut_at_a_word_and_stays_bold() -> None:
    version = ModelVersion(
        "cropland-iran", "2", 0, description=f"**{'Iran, ' * 40}**: accuracy 0.9"
    )
    summary = registry._champion(version, "iran").summary
    assert summary.endswith("Iran, …**") and summary.count("**") == 2
    assert len(summary) <= registry._LONGEST_SUMMARY + 2
