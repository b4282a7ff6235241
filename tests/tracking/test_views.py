from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from cropland.config.groups import Tracking
from cropland.tracking import notes, sqlite_file, views
from cropland.tracking.opening import open_store


def opened(folder: Path) -> MlflowClient:
    """The store of a folder, as a command opens it."""
    open_store.cache_clear()
    tracking = Tracking("local", f"sqlite:///{folder}/m.db", str(folder / "artifacts"))
    return open_store(tracking, "files").client


def conditions(client: MlflowClient) -> dict[str, str]:
    """The filters of an experiment's saved views, by their titles in MLflow's menu."""
    tags = client.get_experiment_by_name("cropland").tags
    saved = [json.loads(value) for key, value in tags.items() if key.startswith(views._STATE)]
    saved.sort(key=lambda view: -view["createdAt"])
    return {view["name"]: json.loads(view["state"])["searchFilter"] for view in saved}


def test_an_experiment_has_views_by_kind(tmp_path: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, tmp_path / "m.db")
    client = opened(tmp_path)
    for kind in ("sweep", "candidate", "promotion", "prediction", "map", "assessment"):
        client.create_run("1", run_name=kind, tags={"kind": kind})
    shown = {
        title: {run.info.run_name for run in client.search_runs(["1"], condition)}
        for title, condition in conditions(client).items()
    }
    assert shown == {
        "Candidates": {"candidate"},
        "Sweeps and studies": {"sweep"},
        "Selected": {"promotion"},
        "Predictions": {"prediction"},
        "Maps and areas": {"map", "assessment"},
    }
    assert list(shown) == [view.title for view in views._VIEWS.values()]


def test_runs_of_older_versions_are_in_the_views_of_a_database_file(
    tmp_path: Path, empty_store: Path
) -> None:
    shutil.copy(empty_store, tmp_path / "m.db")
    client = MlflowClient(f"sqlite:///{tmp_path}/m.db")
    location = (tmp_path / "artifacts" / "cropland").as_uri()
    number = client.create_experiment("cropland", artifact_location=location)
    candidate = client.create_run(number, tags={"identity": "a"}).info.run_id
    client.log_param(candidate, "country", "iran")
    client.create_run(number, tags={"command": "train"})
    client.create_run(number, tags={"kind": "compare"})
    client.create_run(number)
    client = opened(tmp_path)
    kinds = [run.data.tags.get("kind") for run in client.search_runs([number])]
    assert sorted(map(str, kinds)) == ["None", "candidate", "comparison", "sweep"]
    assert client.get_run(candidate).data.tags["country"] == "iran"
    assert len(conditions(client)) == 5


def test_the_note_of_an_experiment_on_a_server_says_what_its_views_lack(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(empty_store, tmp_path / "m.db")
    client = MlflowClient(f"sqlite:///{tmp_path}/m.db")
    entry = client.get_experiment(client.create_experiment("cropland"))
    monkeypatch.setattr(sqlite_file, "tag_kinds", lambda *_: False)
    views.add(client, entry, "A note.")
    note = client.get_experiment_by_name("cropland").tags["mlflow.note.content"]
    assert note.startswith("A note.") and "have no tag `kind`" in note


def test_the_note_that_a_user_has_written_stays(tmp_path: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, tmp_path / "m.db")
    client = MlflowClient(f"sqlite:///{tmp_path}/m.db")
    number = client.create_experiment("cropland", tags={"mlflow.note.content": "Ask Ada."})
    views.add(client, client.get_experiment(number), "A note.")
    assert client.get_experiment(number).tags["mlflow.note.content"] == "Ask Ada."
    assert len(conditions(client)) == 5


def test_champions_stay_listed_where_a_new_version_brings_other_views(
    tmp_path: Path, empty_store: Path
) -> None:
    shutil.copy(empty_store, tmp_path / "m.db")
    client = MlflowClient(f"sqlite:///{tmp_path}/m.db")
    number = client.create_experiment("cropland", tags=notes.tags("**Champions**: Iran 0.94."))
    views.add(client, client.get_experiment(number), "No champion is listed yet.")
    assert client.get_experiment(number).tags["mlflow.note.content"] == "**Champions**: Iran 0.94."
    assert conditions(client)


def test_a_database_is_shown_by_a_command_and_a_server_by_its_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["cropland train"])
    words = ["source=files", "tracking.uri=sqlite:///m.db", "hydra.searchpath=[own]"]
    local = Tracking("local", "sqlite:///m.db", "artifacts")
    assert views.browse_hint(local, "4", words) == (
        "cropland ui tracking.uri=sqlite:///m.db 'hydra.searchpath=[own]'"
    )
    server = Tracking("server", "http://h:5873/")
    assert views.browse_hint(server, "4", words, views.SELECTED) == (
        "http://h:5873/#/experiments/4/runs?workflowType=machine_learning&viewStateShareKey=selected"
    )
