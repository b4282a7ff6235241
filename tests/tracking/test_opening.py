from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient
from standins.shell import Warm

from cropland.config.groups import Tracking
from cropland.errors import ConfigError, TrackingError
from cropland.tracking import opening
from cropland.tracking.opening import open_for_reading, open_store
from cropland.tracking.store import Store


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "https://nowhere.invalid"])
def test_a_server_that_does_not_answer_is_said_at_once(uri: str) -> None:
    with pytest.raises(TrackingError, match="does not answer .* tracking=local"):
        open_store(Tracking("server", uri), "files")


def test_a_store_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database, whatever its name says")
    broken = Tracking("local", f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path))
    with pytest.raises(TrackingError, match="cannot be opened"):
        open_store(broken, "files")


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (
            "ffffffffffff",
            r"was made by a newer MLflow than 3[.\d]+, which is installed .* ffffffffffff",
        ),
        (
            "0a8213491aaa",
            r"was made by an older MLflow than 3.* -m mlflow db upgrade 'sqlite:///.* b/m.db'$",
        ),
    ],
)
def test_a_database_of_another_mlflow_is_said_with_its_remedy(
    tmp_path: Path, empty_store: Path, version: str, said: str
) -> None:
    path = tmp_path / "a b" / "m.db"
    path.parent.mkdir()
    shutil.copy(empty_store, path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (version,))
    with pytest.raises(TrackingError, match=said):
        open_store(Tracking("local", f"sqlite:///{path}", str(tmp_path)), "files")


def test_a_database_whose_runs_cannot_be_listed_is_said(tmp_path: Path, empty_store: Path) -> None:
    path = tmp_path / "m.db"
    shutil.copy(empty_store, path)
    (tmp_path / "cropland" / ("0" * 32)).mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("ALTER TABLE runs RENAME COLUMN run_uuid TO damaged")
    with pytest.raises(TrackingError, match="cannot be opened .no such column: run_uuid"):
        open_store(Tracking("local", f"sqlite:///{path}", str(tmp_path)), "files")


def test_the_registry_is_that_of_the_store_whatever_the_environment_says(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(empty_store, tmp_path / "m.db")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"sqlite:///{tmp_path}/other.db")
    store = open_store(Tracking("local", f"sqlite:///{tmp_path}/m.db", str(tmp_path)), "files")
    store.client.create_registered_model("cropland-toyland")
    assert not (tmp_path / "other.db").exists()


def test_another_registry_is_said_to_be_unused_without_its_secret(
    tmp_path: Path,
    empty_store: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(empty_store, tmp_path / "m.db")
    uri = f"sqlite:///{tmp_path}/m.db"
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "http://me:secret@host:5000")
    open_store(Tracking("local", uri, str(tmp_path)), "files")
    said = (
        "note MLFLOW_REGISTRY_URI=http://…@host:5000 is not used: models are registered where runs"
    )
    assert capsys.readouterr().err == f"{said} are kept, in tracking.uri={uri}\n"


def test_an_experiment_that_others_have_made_keeps_its_folder(
    tmp_path: Path, empty_store: Path
) -> None:
    shutil.copy(empty_store, tmp_path / "m.db")
    uri, theirs = f"sqlite:///{tmp_path}/m.db", (tmp_path / "theirs").as_uri()
    MlflowClient(uri).create_experiment("wheat", artifact_location=theirs)
    (tmp_path / "theirs").mkdir()
    own = Tracking("local", uri, str(tmp_path / "a"), experiment="wheat", tags={"team": "maps"})
    store = open_store(own, "files")
    run = store.run(keep(store, "span: 1"))
    assert run.artifact_uri.startswith(theirs) and run.tags["team"] == "maps"
    assert open_store(own, "simulated").experiment == "wheat-simulated"


def test_a_deleted_experiment_is_said_with_the_commands_that_end_it(
    tmp_path: Path, empty_store: Path
) -> None:
    shutil.copy(empty_store, tmp_path / "m.db")
    uri = f"sqlite:///{tmp_path}/m.db"
    tracking = Tracking("local", uri, str(tmp_path))
    number = open_store(tracking, "files").experiment_id
    MlflowClient(uri).delete_experiment(number)
    open_store.cache_clear()
    with pytest.raises(TrackingError) as caught:
        open_store(tracking, "files")
    assert f"MLFLOW_TRACKING_URI={uri} " in str(caught.value)
    assert f"experiments restore -x {number};" in str(caught.value)
    # Without both addresses the command of MLflow ends in a traceback.
    assert f"gc --backend-store-uri {uri} --tracking-uri {uri} --experiment-ids {number}" in str(
        caught.value
    )


def test_a_folder_that_mlflow_would_not_find_again_takes_no_artifacts(
    tmp_path: Path, empty_store: Path
) -> None:
    shutil.copy(empty_store, tmp_path / "m.db")
    tracking = Tracking("local", f"sqlite:///{tmp_path}/m.db", str(tmp_path / "a%20b"))
    with pytest.raises(
        TrackingError, match="a%20b/cropland: it takes a % with two digits for one sign"
    ):
        open_store(tracking, "files")


MAKE = """
import os, sys
from cropland.tracking import opening
from cropland.tracking.opening import open_store
from cropland.tracking.store import Store
from cropland.config.groups import Tracking

where = Tracking("local", "sqlite:///new/mlflow.db", "artifacts")
for process in range(3):
    if os.fork() == 0:
        code = 1
        try:
            print(open_store(where, "files").experiment_id, flush=True)
            code = 0
        finally:
            os._exit(code)
sys.exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(3)))
"""


def test_commands_that_make_the_same_database_at_once_do_not_disturb_each_other(
    warm: Warm, tmp_path: Path
) -> None:
    program = tmp_path / "make.py"
    program.write_text(MAKE)
    done = warm.run([str(program)], tmp_path, dict(os.environ))
    assert (done.returncode, done.stdout.split()) == (0, ["1"] * 3), done.stderr


def test_what_stands_behind_the_question_mark_of_an_address_is_no_part_of_its_file(
    tmp_path: Path,
) -> None:
    uri = f"sqlite:///{tmp_path}/asked.db?timeout=30"
    store = open_store(Tracking("local", uri, str(tmp_path / "artifacts")), "files")
    store.tidy()
    assert {path.name for path in tmp_path.iterdir()} >= {"asked.db", "asked.db.lock"}
    assert not [path for path in tmp_path.iterdir() if "?" in path.name]


def local(folder: Path, **more: bool) -> Tracking:
    """The tracking of a working folder."""
    uri = f"sqlite:///{folder}/mlruns/mlflow.db"
    return Tracking("local", uri, str(folder / "mlruns" / "artifacts"), **more)


@pytest.fixture
def make(tmp_path: Path, empty_store: Path) -> Callable[[str], Path]:
    """Makes a working folder with a database."""

    def made(name: str) -> Path:
        (tmp_path / name / "mlruns").mkdir(parents=True)
        shutil.copy(empty_store, tmp_path / name / "mlruns")
        return tmp_path / name

    return made


def keep(store: Store, text: str) -> str:
    """Write a run with one file."""
    with store.running("x", {}, None) as record:
        record.files["config.yaml"] = text
    return record.run_id


def files(folder: Path) -> dict[Path, str]:
    """The artifacts in a working folder, by their path in it."""
    paths = (folder / "mlruns" / "artifacts").rglob("*.yaml")
    return {path.relative_to(folder): path.read_text() for path in paths}


@pytest.mark.parametrize("name", ["copy", "my copy (ü), 50%"])
def test_a_copied_folder_is_noticed_and_never_writes_into_the_original(
    make: Callable[[str], Path], tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, copy = make("first"), tmp_path / name
    run_id = keep(open_store(local(folder), "files"), "span: 1")
    shutil.copytree(folder, copy)
    before = files(folder)
    with pytest.raises(TrackingError) as refused:
        open_store(local(copy), "files")
    assert "this folder was moved or copied; run the same command once with" in str(refused.value)
    assert f"{folder}/mlruns/artifacts/cropland" in str(refused.value)
    assert f"{copy}/mlruns/artifacts/cropland" in str(refused.value)
    store = open_store(local(copy, moved=True), "files")
    assert str(copy) in capsys.readouterr().err.replace("\n", " ")
    assert open_store(local(copy), "files") is not store  # without the word from now on
    keep(store, "span: 2")
    assert files(folder) == before
    assert sorted(files(copy).values()) == ["span: 1", "span: 2"]
    shutil.rmtree(folder)
    assert store.read(store.run(run_id), "config.yaml") == "span: 1"


def test_a_copy_of_a_database_without_its_files_is_refused(
    make: Callable[[str], Path], tmp_path: Path
) -> None:
    folder, copy = make("first"), tmp_path / "copy"
    keep(open_store(local(folder), "files"), "span: 1")
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("artifacts"))
    for moved in (False, True):
        with pytest.raises(
            TrackingError, match=r"are in .*first.*, not in .*copy.*; give tracking"
        ):
            open_store(local(copy, moved=moved), "files")


def test_a_database_of_another_folder_is_not_taken_for_a_moved_one(
    make: Callable[[str], Path],
) -> None:
    there, here = make("there"), make("here")
    for folder in (there, here):
        keep(open_store(local(folder), "files"), f"of: {folder.name}")
    for moved in (False, True):
        mixed = replace(local(there, moved=moved), artifacts=local(here).artifacts)
        with pytest.raises(TrackingError, match=r"give tracking.artifacts=.*/there/mlruns/artif"):
            open_store(mixed, "files")
    assert list(files(there).values()) == ["of: there"]


def test_a_moved_folder_without_files_needs_no_word(
    make: Callable[[str], Path], tmp_path: Path
) -> None:
    open_store(local(make("first")), "files")
    (tmp_path / "first").rename(tmp_path / "second")
    store = open_for_reading(local(tmp_path / "second"), "files", tmp_path)  # which writes nothing
    location = store.client.get_experiment(store.experiment_id).artifact_location
    assert str(location).startswith((tmp_path / "first").as_uri())
    keep(open_store(local(tmp_path / "second"), "files"), "span: 1")
    assert list(files(tmp_path / "second").values()) == ["span: 1"]
    assert not (tmp_path / "first").exists()


def test_a_folder_that_was_moved_is_told_to_databases_with_a_file_only() -> None:
    with pytest.raises(ConfigError, match="tracking.moved=true is for an SQLite database"):
        Tracking("server", "http://host:5000", moved=True)


def test_files_that_a_server_looks_for_on_another_machine_are_not_written_here() -> None:
    server = Tracking("server", "http://host:5000")
    with pytest.raises(
        TrackingError, match=r"/nowhere/artifacts/cropland, a folder that is not on"
    ):
        opening.check_artifacts("file:///nowhere/artifacts/cropland", server, "cropland")
    opening.check_artifacts("mlflow-artifacts:/1", server, "cropland")


def test_a_store_does_not_ask_to_delete_the_files_of_another_in_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifacts = str(tmp_path / "artifacts")
    first, second = (
        Tracking("local", f"sqlite:///{tmp_path}/{name}.db", artifacts) for name in ("a", "b")
    )
    keep(open_store(first, "files"), "span: 1")
    open_store(second, "files")
    said = capsys.readouterr().err
    assert "b.db lacks 1 run whose files are in" in said
    assert "if they are of another tracking store, give each store a tracking.artifacts" in said
    assert "delete" not in said
