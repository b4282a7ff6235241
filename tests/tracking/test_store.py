from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cropland.config.groups import Tracking
from cropland.errors import TrackingError
from cropland.tracking import store as tracking
from cropland.tracking.store import Done, Record, Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("mlruns")
    local = Tracking("local", f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"))
    return tracking.open_store(local, "cropland-simulated")


def test_a_candidate_is_written_whole(store: Store) -> None:
    with store.candidate("iran 48w", {"identity": "one"}, None) as record:
        record.params |= {"span": 48}
        record.metrics |= {"accuracy": 0.9}
        record.steps |= {"accuracy": 18000}
        record.series |= {"accuracy_fold": (0.8, 1.0)}
        record.files |= {"config.yaml": "span: 48\n"}
    run = store.client.get_run(record.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "iran 48w"
    assert run.data.params == {"span": "48"}
    assert run.data.metrics["accuracy"] == 0.9
    assert store.client.get_metric_history(record.run_id, "accuracy")[0].step == 18000
    folds = store.client.get_metric_history(record.run_id, "accuracy_fold")
    assert [(metric.step, metric.value) for metric in folds] == [(0, 0.8), (1, 1.0)]
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    assert (folder / "config.yaml").read_text() == "span: 48\n"


def test_what_was_done_elsewhere_is_kept_with_its_own_times(store: Store) -> None:
    tags = {"identity": "one", "comparison": "same"}
    record = Record(
        params={"span": 48}, metrics={"accuracy": 0.9}, files={"config.yaml": "span: 48\n"}
    )
    kept = store.keep(Done("iran 48w", tags, record, "FINISHED", 1_000, 61_000), None)
    run = store.client.get_run(kept)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "iran 48w")
    assert (run.info.start_time, run.info.end_time) == (1_000, 61_000)
    assert (run.data.params, run.data.metrics) == ({"span": "48"}, {"accuracy": 0.9})
    assert store.finished_of("same")["one"].info.run_id == kept
    assert store.finished_of("other") == {}


def test_what_failed_elsewhere_does_not_count_as_done(store: Store) -> None:
    record = Record(files={"traceback.txt": "ZeroDivisionError"})
    kept = store.keep(Done("x", {"comparison": "failed"}, record, "FAILED", 1, 2), None)
    assert store.client.get_run(kept).info.status == "FAILED"
    assert store.finished_of("failed") == {}


def test_of_two_finished_runs_of_a_candidate_the_newest_counts(store: Store) -> None:
    tags = {"identity": "i", "comparison": "twice"}
    kept = [
        store.keep(Done("x", tags, Record(), "FINISHED", began, began + 1), None)
        for began in (1_000, 2_000)
    ]
    assert store.finished_of("twice")["i"].info.run_id == kept[1]


def test_a_failure_keeps_its_traceback(store: Store) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        store.candidate("x", {"identity": "bad"}, None) as record,
    ):
        record.params["span"] = 1 // 0
    run = store.client.get_run(record.run_id)
    assert run.info.status == "FAILED"
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    assert "ZeroDivisionError" in (folder / "traceback.txt").read_text()


def test_an_interrupted_candidate_is_killed(store: Store) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        store.candidate("x", {"identity": "cut"}, None) as record,
    ):
        raise KeyboardInterrupt
    assert store.client.get_run(record.run_id).info.status == "KILLED"


def test_a_child_says_what_its_parent_says_of_user_and_code(store: Store) -> None:
    parent = store.start("sweep", {"mlflow.user": "ada", "git_dirty": "true"})
    with store.candidate("child", {}, parent.info.run_id) as record:
        pass
    tags = store.client.get_run(record.run_id).data.tags
    assert tags["mlflow.parentRunId"] == parent.info.run_id
    assert (tags["mlflow.user"], tags["git_dirty"]) == ("ada", "true")


def test_runs_of_a_dead_process_are_closed_and_those_of_a_living_one_are_not(store: Store) -> None:
    dead = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    mark = tracking.process_mark(dead.pid)
    dead.kill()
    dead.wait()
    orphan = store.start("orphan", {tracking.PROCESS: mark})
    alive = store.start("alive", {})
    elsewhere = store.start("elsewhere", {tracking.HOST: "another", tracking.PROCESS: mark})
    assert store.close_orphans() == 1
    status = {
        name: store.client.get_run(run.info.run_id).info.status
        for name, run in (("orphan", orphan), ("alive", alive), ("elsewhere", elsewhere))
    }
    assert status == {"orphan": "KILLED", "alive": "RUNNING", "elsewhere": "RUNNING"}
    assert store.close_orphans() == 0


def test_a_process_that_took_over_a_number_is_not_taken_for_the_old_one() -> None:
    mark = tracking.process_mark(os.getpid())
    assert tracking.is_alive(mark)
    assert not tracking.is_alive(f"{os.getpid()}@1.00")
    assert not tracking.is_alive("")


def test_real_and_simulated_never_mix() -> None:
    assert tracking.experiment_of("simulated") == "cropland-simulated"
    assert {tracking.experiment_of(name) for name in ("files", "stac")} == {"cropland"}


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "https://nowhere.invalid"])
def test_a_server_that_does_not_answer_is_said_at_once(uri: str) -> None:
    with pytest.raises(TrackingError, match="does not answer .* tracking=local"):
        tracking.open_store(Tracking("server", uri), "cropland")


def test_a_store_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database, whatever its name says")
    broken = Tracking("local", f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path))
    with pytest.raises(TrackingError, match="cannot be opened"):
        tracking.open_store(broken, "cropland")


MAKE = """
import os, sys
from cropland.tracking import store as tracking
from cropland.config.groups import Tracking

where = Tracking("local", "sqlite:///new/mlflow.db", "artifacts")
for process in range(3):
    if os.fork() == 0:
        code = 1
        try:
            print(tracking.open_store(where, "cropland").experiment_id, flush=True)
            code = 0
        finally:
            os._exit(code)
sys.exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(3)))
"""


def test_commands_that_make_the_same_database_at_once_do_not_disturb_each_other(
    warm: Any, tmp_path: Path
) -> None:
    program = tmp_path / "make.py"
    program.write_text(MAKE)
    code, said, errors = warm.run([str(program)], tmp_path, dict(os.environ))
    assert (code, said.split()) == (0, ["1"] * 3), errors


def test_what_stands_behind_the_question_mark_of_an_address_is_no_part_of_its_file(
    tmp_path: Path,
) -> None:
    uri = f"sqlite:///{tmp_path}/asked.db?timeout=30"
    store = tracking.open_store(Tracking("local", uri, str(tmp_path / "artifacts")), "cropland")
    store.tidy()
    assert {path.name for path in tmp_path.iterdir()} >= {"asked.db", "asked.db.lock"}
    assert not [path for path in tmp_path.iterdir() if "?" in path.name]
