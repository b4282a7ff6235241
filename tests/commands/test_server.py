"""Tracking on servers, and on SQLite under the same load: nothing is lost, nobody gets in unasked."""

from __future__ import annotations

import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from standins.runs import artifacts, candidates, results, runs
from standins.servers import Postgres, Tracker
from standins.shell import Shell, refusal, screen

ADMIN, PASSWORD, TOKEN = "ada", "correct-horse-battery", "token-0d5a7c1e9b"
LOGS_IN = {"MLFLOW_TRACKING_USERNAME": ADMIN, "MLFLOW_TRACKING_PASSWORD": PASSWORD}
BEARER = f"""
from mlflow.server.auth import authenticate_request_basic_auth
from flask import request
from werkzeug.datastructures import Authorization


def authenticate():
    if request.headers.get("Authorization") == "Bearer {TOKEN}":
        return Authorization("basic", {{"username": "{ADMIN}", "password": "{PASSWORD}"}})
    return authenticate_request_basic_auth()
"""
"""What a company's own log-in might be: a token beside a name with its password."""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """PostgreSQL with an empty database."""
    if Postgres.binaries() is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    with Postgres(tmp_path_factory.mktemp("postgres")) as started:
        yield started


@pytest.fixture(scope="module")
def server(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    """An MLflow server on PostgreSQL; whoever kills it starts it again."""
    with Tracker(tmp_path_factory.mktemp("server"), postgres.uri, **postgres.variables) as started:
        yield started


@pytest.fixture(scope="module")
def guarded(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    """An MLflow server that lets in `ADMIN` by name and password, or by a token."""
    folder = tmp_path_factory.mktemp("guarded")
    shutil.copy(empty_store, folder / "server.db")
    (folder / "bearer.py").write_text(BEARER)
    (folder / "auth.ini").write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{folder}/auth.db\n"
        f"admin_username = {ADMIN}\nadmin_password = {PASSWORD}\nauth_cache_ttl_seconds = 60\n"
        f"authorization_function = bearer:authenticate\n"
    )
    with Tracker(
        folder,
        words=["--app-name", "basic-auth"],
        MLFLOW_AUTH_CONFIG_PATH=str(folder / "auth.ini"),
        MLFLOW_FLASK_SERVER_SECRET_KEY="flask-7e1f2a",
        PYTHONPATH=str(folder),
    ) as started:
        yield started


@pytest.fixture
def clear(postgres: Postgres, server: Tracker) -> Callable[[], None]:
    """Takes the runs of earlier tests out of the way."""

    def delete() -> None:
        client = MlflowClient(server.uri)
        for run in runs(server.uri):
            client.delete_run(run.info.run_id)

    return delete


SWEEP = ("-m", "span=12,24,36", "bands=ndvi,green_nir", "model.n_estimators=3")
LAUNCHERS = {
    "each writes": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    "one writes for all": ("hydra.launcher.from_jobs=1", "hydra.launcher.workers=2"),
    "alone": (),
}


@pytest.mark.parametrize(
    ("where", "launchers"),
    [("server", ["each writes", "one writes for all"]), ("local", ["one writes for all", "alone"])],
)
def test_processes_that_write_at_once_leave_the_same_runs(
    shell: Shell, where: str, launchers: list[str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """By a server on PostgreSQL, and into an SQLite file."""
    uri, words = f"sqlite:///{shell.folder}/mlruns/mlflow.db", ["tracking=local"]
    if where == "server":
        request.getfixturevalue("clear")()
        uri = request.getfixturevalue("server").uri
        words = ["tracking=server", f"tracking.uri={uri}"]
    for name in launchers:
        done = shell.run(*shell.toy, *SWEEP, *words, *LAUNCHERS[name], "force=true")
        assert "candidates: 6 finished" in done.stdout, done.stderr
    sweeps: dict[str, list[Run]] = {}
    for run in candidates(uri):
        sweeps.setdefault(run.data.tags["mlflow.parentRunId"], []).append(run)
    assert {run.info.status for run in runs(uri)} == {"FINISHED"}
    first, *others = (results(uri, sweep) for sweep in sweeps.values())
    assert len(others) == len(launchers) - 1 and len(first) == 6
    assert all(other == first for other in others)
    names = ["config.yaml", "confusion_matrix.csv", "predictions.csv"]
    assert all(result.artifacts == names for result in first.values())
    if where == "server":
        assert done.stdout.count(f"{uri}/#/experiments/") == 1
        assert sqlite_runs(shell.folder / "mlruns" / "mlflow.db") == []


def sqlite_runs(path: Path) -> list[tuple[str, str, int, int]]:
    """Runs in a database file: name, status, how many params and metrics."""
    asked = (
        "select name, status, (select count(*) from params p where p.run_uuid = r.run_uuid), "
        "(select count(*) from metrics m where m.run_uuid = r.run_uuid) from runs r"
    )
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        return list(database.execute(asked))


LOAD = """
import os, sys, time
from cropland.tracking.opening import open_store
from cropland.tracking.records import Done, Record
from cropland.config.groups import Tracking

number, uri, artifacts = sys.argv[1:]
where = Tracking("server", uri, artifacts or None)
open_store(where, "files").start("parent", {})
open_store.cache_clear()
for process in range(4):
    if os.fork() == 0:
        code = 1
        try:
            store = open_store(where, "files")
            for run in range(int(number)):
                record = Record(
                    params={f"param_{key}": key for key in range(20)},
                    metrics={f"metric_{key}": key / 7 for key in range(15)},
                    files={"config.yaml": f"run: {run}"},
                )
                now = int(time.time() * 1000)
                done = Done(f"{process}-{run}", {"kind": "load"}, record, "FINISHED", now, now)
                store.keep(done, None)
            code = 0
        finally:
            os._exit(code)
codes = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(4)]
sys.exit(max(codes))
"""
EACH = 25


def load(shell: Shell, *words: str) -> None:
    """Let four processes keep runs at once."""
    screen(shell.run_program(LOAD, str(EACH), *words))


def test_a_database_file_takes_all_that_four_processes_write_at_once_though_it_is_locked(
    shell: Shell,
) -> None:
    path = shell.folder / "mlruns" / "mlflow.db"

    def hold() -> None:
        """Take the file in the midst of it, so that everyone waits."""
        while not list(shell.folder.glob("artifacts/cropland/*/artifacts/config.yaml")):
            time.sleep(0.05)
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database:
            database.execute("BEGIN EXCLUSIVE")
            time.sleep(2)
            database.execute("ROLLBACK")

    holding = threading.Thread(target=hold, daemon=True)
    holding.start()
    load(shell, f"sqlite:///{path}", str(shell.folder / "artifacts"))
    holding.join(30)
    kept = [row for row in sqlite_runs(path) if row[0] != "parent"]
    names = {f"{process}-{run}" for process in range(4) for run in range(EACH)}
    assert sorted(kept) == sorted((name, "FINISHED", 20, 15) for name in names)
    assert len(list(shell.folder.glob("artifacts/cropland/*/artifacts/config.yaml"))) == 4 * EACH


TWICE = """
import os, sys
from cropland import cli

sys.argv[0] = "cropland train"
for _ in range(2):
    if os.fork() == 0:
        code = 1
        try:
            cli.main("train")
            code = 0
        finally:
            os._exit(code)
codes = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(2)]
sys.exit(max(codes))
"""
"""A sweep that is started twice at once."""


def test_two_sweeps_of_the_same_candidates_leave_one_finished_run_of_each(shell: Shell) -> None:
    small = ("span=12,24,36,48", "bands=ndvi,green_nir,visible_nir", "model.n_estimators=2")
    _, _, *words = shell.words("-m", *shell.here, *small, "validation.folds=3", "n_jobs=1")
    done = shell.run_program(TWICE, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    every = runs(shell.database)
    sweeps = [run for run in every if run.data.tags["kind"] == "sweep"]
    first, second = sorted(sweeps, key=lambda run: run.info.start_time)
    assert second.info.start_time < first.info.end_time  # they were at it together
    assert len(results(shell.database)) == 12
    assert {run.info.status for run in every} <= {"FINISHED", "KILLED"}
    finished = {run.info.run_id for run in every if run.info.status == "FINISHED"}
    for sweep in sweeps:
        outcomes = pd.read_csv(artifacts(sweep) / "outcomes.csv")
        assert len(outcomes) == 12 and set(outcomes["run_id"]) <= finished


def test_a_server_on_postgresql_takes_all_that_four_processes_write_at_once(
    shell: Shell, server: Tracker, postgres: Postgres
) -> None:
    load(shell, server.uri, "")
    asked = (
        "select name, status, (select count(*) from params p where p.run_uuid = r.run_uuid), "
        "(select count(*) from metrics m where m.run_uuid = r.run_uuid) from runs r "
        "where r.run_uuid in (select run_uuid from tags where key = 'kind' and value = 'load')"
    )
    names = {f"{process}-{run}" for process in range(4) for run in range(EACH)}
    assert sorted(postgres.query(asked)) == sorted((name, "FINISHED", 20, 15) for name in names)
    assert len(list(server.folder.glob("artifacts/*/*/artifacts/config.yaml"))) >= 4 * EACH


def test_who_logs_in_may_train_promote_and_predict(shell: Shell, guarded: Tracker) -> None:
    where = ["tracking=server", f"tracking.uri={guarded.uri}"]
    sweep = ["-m", "span=12,24", "bands=ndvi", *where]
    said = refusal(shell.run(*shell.toy, *sweep))
    assert f"server {guarded.uri} asks for a log-in; set MLFLOW_TRACKING_USERNAME and" in said
    wrong = {**LOGS_IN, "MLFLOW_TRACKING_PASSWORD": "a-wrong-password"}
    said = refusal(shell.run(*shell.toy, *sweep, **wrong))
    assert "does not accept MLFLOW_TRACKING_USERNAME with MLFLOW_TRACKING_PASSWORD" in said
    assert "a-wrong-password" not in said
    assert not (shell.folder / "data").exists()  # no archive has been made for nothing
    assert shell.run(*shell.toy, *sweep, **LOGS_IN).returncode == 0
    again = shell.run(*shell.toy, *sweep, MLFLOW_TRACKING_TOKEN=TOKEN)
    assert "2 already there" in again.stdout, again.stderr
    toy = [word for word in shell.toy if not word.startswith("model.")]
    few = ["promotion.bootstraps=100", "promotion.figures=false"]
    promoted = shell.run(*toy, *where, *few, script="promote", **LOGS_IN)
    assert promoted.returncode == 0, promoted.stderr
    toy = [word for word in toy if not word.startswith(("validation", "n_jobs"))]
    predict = [*toy, *where, "output=predicted.csv"]
    assert "asks for a log-in" in refusal(shell.run(*predict, script="predict"))
    predicted = shell.run(*predict, script="predict", **LOGS_IN)
    assert predicted.returncode == 0, predicted.stderr
    assert len((shell.folder / "predicted.csv").read_text().splitlines()) == 21


def test_a_database_can_be_written_to_without_a_server(
    shell: Shell, postgres: Postgres, server: Tracker
) -> None:
    own = f"tracking.uri={postgres.another('own')}"
    done = shell.run(*shell.toy, "bands=ndvi", own, **postgres.variables)
    assert done.returncode == 0, done.stderr
    assert (
        len(list(shell.folder.glob("mlruns/artifacts/cropland/*/artifacts/predictions.csv"))) == 1
    )
    # What a server has made keeps its artifacts there.
    client = MlflowClient(server.uri)
    if client.get_experiment_by_name("cropland") is None:
        client.create_experiment("cropland")
    of_server = f"tracking.uri={postgres.uri}"
    said = refusal(shell.run(*shell.toy, "bands=ndvi", of_server, **postgres.variables))
    assert "a server keeps the artifacts of what is in" in said


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("postgresql+psycopg://nobody@127.0.0.1:9/none", "does not answer .*refused"),
        (
            "postgresql://nobody@127.0.0.1:9/none",
            "expected postgresql.psycopg://USER@HOST/DATABASE",
        ),
    ],
)
def test_a_database_that_does_not_answer_is_said_at_once(
    shell: Shell, uri: str, message: str
) -> None:
    said = refusal(shell.run(*shell.toy, f"tracking.uri={uri}"))
    assert re.search(message, said), said


def test_a_database_that_asks_for_a_password_says_so_at_once(
    shell: Shell, postgres: Postgres
) -> None:
    said = refusal(
        shell.run(*shell.toy, f"tracking.uri={postgres.uri}", PGPASSWORD="wrong-for-sure")
    )
    assert "password authentication failed" in said
    assert "wrong-for-sure" not in said


def test_a_server_that_goes_away_costs_no_finished_candidate(
    shell: Shell, server: Tracker, clear: Callable[[], None]
) -> None:
    clear()
    sweep = ["-m", "span=range(4,40,3)", "bands=ndvi", "model.n_estimators=40"]
    sweep += ["tracking=server", f"tracking.uri={server.uri}"]
    with shell.started(*shell.toy, *sweep, MLFLOW_HTTP_REQUEST_MAX_RETRIES="1") as process:
        shell.wait_for(2)
        server.kill()
        _, said = process.communicate(timeout=60)
    before = sum('"finished"' in line for line in shell.outcomes())
    server.start()
    assert process.returncode == 1, said
    assert "Traceback" not in said, said
    assert re.search(
        r"cropland: the tracking store .* cannot be used .*run the same command again", said
    )
    assert f"{before} candidates finished in this run are kept" in said
    assert before < 12
    again = shell.run(*shell.toy, *sweep)
    there = re.search(r"(\d+) already there", again.stdout)
    # One more, if the server was killed between taking it and saying so.
    assert there is not None and int(there[1]) - before in (0, 1), again.stderr
    found = runs(server.uri)
    assert not [run for run in found if run.info.status == "RUNNING"]
    finished = [
        run for run in found if "identity" in run.data.tags and run.info.status == "FINISHED"
    ]
    assert len({run.data.tags["identity"] for run in finished}) == len(finished) == 12
    closed = [run for run in found if run.info.status == "KILLED"]
    assert all(run.data.tags["closed"] for run in closed)
