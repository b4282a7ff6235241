"""A sweep whose workers, server and main process are killed at random ends with what an undisturbed one has.

``make soak`` runs it with 1,000 jobs (SOAK_JOBS, SOAK_SEED, SOAK_DATABASE), CI with 24; else it is skipped.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from standins.runs import candidates, results
from standins.servers import Postgres, Tracker
from standins.shell import Shell
from standins.soaking import MAIN, SERVER, WORKER, Soak

JOBS = int(os.environ.get("SOAK_JOBS", "24"))
SEED = int(os.environ.get("SOAK_SEED", "2023"))
DATABASE = os.environ.get("SOAK_DATABASE", "sqlite")
KILLS = {WORKER: max(2, JOBS // 100), SERVER: max(1, JOBS // 200), MAIN: max(1, JOBS // 200)}


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres | None]:
    """PostgreSQL, where it is asked for."""
    if DATABASE != "postgresql":
        yield None
        return
    with Postgres(tmp_path) as started:
        yield started


@pytest.fixture
def tracker(tmp_path: Path, empty_store: Path, postgres: Postgres | None) -> Iterator[Tracker]:
    """The server that is killed now and then."""
    folder = tmp_path / "server"
    folder.mkdir()
    if postgres is None:
        shutil.copy(empty_store, folder / "server.db")
    where = (postgres.uri, postgres.variables) if postgres else (None, {})
    with Tracker(folder, where[0], **where[1]) as started:
        yield started


def check_whole(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)


def give(shell: Shell, *words: str, says: str) -> None:
    """Give a command that may take long, undisturbed."""
    done = shell.run(*words, seconds=60 + 2 * JOBS)
    assert says in done.stdout, done.stderr


@pytest.mark.skipif("SOAK_JOBS" not in os.environ, reason="takes half a minute: make soak")
@pytest.mark.skipif(
    DATABASE == "postgresql" and Postgres.binaries() is None, reason="no PostgreSQL here"
)
def test_a_sweep_that_is_killed_at_random_ends_as_one_that_is_not(
    shell: Shell, tracker: Tracker, postgres: Postgres | None
) -> None:
    words = ["-m", "span=8,12", "period=0,-2", f"seed=range({JOBS // 4})", "bands=ndvi"]
    toy = [*shell.toy, "model.n_estimators=3", "validation.folds=2", *words]
    give(shell, *toy, "hydra/launcher=basic", says=f"candidates: {JOBS} finished")
    expected = results(shell.database)
    assert len(expected) == JOBS

    server = ["tracking=server", f"tracking.uri={tracker.uri}", "hydra.launcher.from_jobs=1"]
    folder = shell.folder / "disturbed"
    folder.mkdir()
    words = shell.words(*toy, *server, f"paths.archive={shell.folder / 'data' / 'archive'}")
    soak = Soak(words, folder, shell.environment(), tracker, JOBS, KILLS, SEED)
    soak.run()
    tracker.wait()
    assert soak.killed == KILLS
    # A new start for each that was killed, and for jobs that lost two workers; a server is waited for.
    assert soak.starts <= 1 + KILLS[MAIN] + KILLS[WORKER] // 2
    assert not soak.left()

    assert results(tracker.uri) == expected
    # The next start finds nothing to do but what was left open by those that were killed.
    here = "hydra.launcher.from_jobs=100000"
    give(shell, *toy, *server, here, says=f"candidates: {JOBS} already there")
    unfinished = [run for run in candidates(tracker.uri) if run.info.status != "FINISHED"]
    assert {run.info.status for run in unfinished} <= {"KILLED", "FAILED"}
    closed = [run.data.tags.get("closed") for run in unfinished if run.info.status == "KILLED"]
    assert all(closed)
    if postgres:
        rows = "select count(*) from runs where status = 'RUNNING'"
        assert postgres.query(rows) == [(0,)]
    else:
        tracker.kill()
        check_whole(tracker.folder / "server.db")
    check_whole(shell.folder / "mlruns" / "mlflow.db")
