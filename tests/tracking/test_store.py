from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cropland.config.groups import Tracking
from cropland.errors import DataError, TrackingError
from cropland.tracking import twins
from cropland.tracking.opening import open_store
from cropland.tracking.provenance import process_mark
from cropland.tracking.records import CHECKSUM, HOST, NOTE, PARENT, PROCESS, Done, Record
from cropland.tracking.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("mlruns")
    local = Tracking("local", f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"))
    return open_store(local, "simulated")


def test_a_candidate_is_written_whole(store: Store) -> None:
    with store.running("iran 48w", {"identity": "one"}, None) as record:
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
    assert store.finished_of("same")["one"].run_id == kept
    assert store.finished_of("other") == {}


def test_what_was_done_elsewhere_is_written_in_three_calls(store: Store) -> None:
    calls: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            calls.append(name)
            return getattr(store.client, name)

    parent = store.start("sweep", {})
    record = Record(
        metrics={"accuracy": 0.9}, files={"config.yaml": "span: 48\n"}, note="n" * 9_000
    )
    counted = replace(store, client=Counting())  # type: ignore[arg-type]
    for _ in range(2):
        calls.clear()
        kept = counted.keep(Done("x", {"identity": "one"}, record, "FINISHED", 1, 2), parent)
    assert [name for name in calls if name != "tracking_uri"] == [
        *("create_run", "log_batch", "set_terminated"),
    ]
    run = store.run(kept)
    assert {run.tags[key] for key in ("identity", PARENT)} == {"one", parent}
    assert len(run.tags[NOTE]) == 8_000  # MLflow cuts it there
    assert store.read(run, "config.yaml") == "span: 48\n"
    assert CHECKSUM + "config.yaml" in run.tags


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
    assert store.finished_of("twice")["i"].run_id == kept[1]


def test_a_failure_keeps_its_traceback(store: Store) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        store.running("x", {"identity": "bad"}, None) as record,
    ):
        record.params["span"] = 1 // 0
    run = store.client.get_run(record.run_id)
    assert run.info.status == "FAILED"
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    assert "ZeroDivisionError" in (folder / "traceback.txt").read_text()


def test_an_interrupted_candidate_is_killed(store: Store) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        store.running("x", {"identity": "cut"}, None) as record,
    ):
        raise KeyboardInterrupt
    assert store.client.get_run(record.run_id).info.status == "KILLED"


def test_a_child_says_what_its_parent_says_of_user_and_code(store: Store) -> None:
    parent = store.start("sweep", {"mlflow.user": "ada", "git_dirty": "true"})
    with store.running("child", {}, parent) as record:
        pass
    tags = store.client.get_run(record.run_id).data.tags
    assert tags["mlflow.parentRunId"] == parent
    assert (tags["mlflow.user"], tags["git_dirty"]) == ("ada", "true")


@pytest.mark.processes
def test_runs_of_a_dead_process_are_closed_and_those_of_a_living_one_are_not(store: Store) -> None:
    dead = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    mark = process_mark(dead.pid)
    dead.kill()
    dead.wait()
    orphan = store.start("orphan", {PROCESS: mark})
    alive = store.start("alive", {})
    elsewhere = store.start("elsewhere", {HOST: "another", PROCESS: mark})
    assert store.close_orphans() == 1
    status = {
        name: store.client.get_run(run).info.status
        for name, run in (("orphan", orphan), ("alive", alive), ("elsewhere", elsewhere))
    }
    assert status == {"orphan": "KILLED", "alive": "RUNNING", "elsewhere": "RUNNING"}
    assert store.close_orphans() == 0


def test_a_file_of_a_run_is_read_or_named_as_lost(store: Store) -> None:
    with store.running("x", {}, None) as record:
        record.files["config.yaml"] = "span: 48\n"
    run = store.run(record.run_id)
    assert (run.name, run.tags["mlflow.runName"]) == ("x", "x")
    assert store.read(run, "config.yaml") == "span: 48\n"
    with pytest.raises(DataError, match="run 'x' has lost its predictions.csv"):
        store.read(run, "predictions.csv")


@pytest.mark.parametrize("content", [b"span: 4", b"", b"span: 49\n", b"span: \xff\n"])
def test_a_file_of_a_run_that_was_changed_is_damaged(store: Store, content: bytes) -> None:
    with store.running("x", {}, None) as record:
        record.files["config.yaml"] = "span: 48\n"
    run = store.run(record.run_id)
    path = Path(run.artifact_uri.removeprefix("file://")) / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(DataError, match="config.yaml of run 'x' is damaged"):
        store.read(run, "config.yaml")
    store.client.delete_tag(run.run_id, f"{CHECKSUM}config.yaml")  # as runs of earlier versions
    if content != b"span: \xff\n":
        assert store.read(store.run(run.run_id), "config.yaml").encode() == content


def test_a_run_that_cannot_be_written_is_failed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with (
        pytest.raises(DataError, match="cannot write temporary files to .*set TMPDIR to another"),
        store.running("x", {}, None) as record,
    ):
        record.files["config.yaml"] = "span: 48\n"
    assert store.client.get_run(record.run_id).info.status == "FAILED"


def test_every_run_on_simulated_data_says_so(store: Store) -> None:
    real = open_store(
        Tracking("local", store.client.tracking_uri, str(files_of(store).parent)), "files"
    )
    notes = {}
    for one, name in ((store, "simulated"), (real, "real")):
        for note in ("", "A card.", "**Simulated data: not valid for any real country.** A card."):
            with one.running("x", {}, None) as record:
                record.note = note
            tags = one.client.get_run(record.run_id).data.tags
            notes[name, note[:6]] = tags.get("mlflow.note.content")
        parent = one.start("sweep", {})
        one.end(Record(parent, note="A table."), status="FINISHED")
        notes[name, "sweep"] = one.client.get_run(parent).data.tags["mlflow.note.content"]
    said = "**Simulated data: not valid for any real country.**"
    assert notes == {
        ("simulated", ""): said,
        ("simulated", "A card"): f"A card.\n\n{said}",
        ("simulated", "**Simu"): f"{said} A card.",
        ("simulated", "sweep"): f"A table.\n\n{said}",
        ("real", ""): None,
        ("real", "A card"): "A card.",
        ("real", "**Simu"): f"{said} A card.",
        ("real", "sweep"): "A table.",
    }


def files_of(store: Store) -> Path:
    """The folder of a store's artifacts."""
    location = store.client.get_experiment(store.experiment_id).artifact_location
    return Path(location.removeprefix("file://"))


def test_a_run_that_is_gone_is_named(store: Store) -> None:
    with pytest.raises(DataError, match="run no-such-run is not in sqlite:///.*: it was deleted"):
        store.run("no-such-run")
    with pytest.raises(TrackingError, match="no-such-run"):
        store.abandon("no-such-run", "it was interrupted")


def test_a_parent_is_abandoned_with_what_runs_below_it(store: Store) -> None:
    parent = store.start("sweep", {})
    child = store.start("child", {PARENT: parent})
    store.abandon(parent, "it was interrupted")
    runs = [store.client.get_run(run) for run in (parent, child)]
    assert [run.info.status for run in runs] == ["KILLED", "KILLED"]
    assert {run.data.tags["closed"] for run in runs} == {"it was interrupted"}


def test_a_candidate_that_two_sweeps_have_scored_at_once_has_one_finished_run(store: Store) -> None:
    def scored(parent: str, identity: str, ended: int) -> str:
        tags = {"kind": "candidate", "identity": identity}
        return store.keep(Done("x", tags, Record(), "FINISHED", ended - 1, ended), parent)

    now = int(time.time() * 1000) + 60_000  # after their starts
    alone = store.start("alone", {"kind": "sweep"})
    scored(alone, "a", now + 10), scored(alone, "a", now + 11)
    assert twins.close(store, alone) == {}  # no other sweep
    one, other = (store.start(name, {"kind": "sweep"}) for name in ("one", "other"))
    stays, closed = scored(one, "b", now + 20), scored(other, "b", now + 30)
    scored(other, "c", now + 40)
    assert twins.close(store, one) == {}  # the other, which is under way, closes its own
    assert twins.close(store, other) == {closed: stays}
    assert twins.close(store, one) == {}
    condition = "attributes.status = 'FINISHED' and tags.identity = 'b'"
    assert [run.run_id for run in store.search(condition)] == [stays]
    assert store.client.get_run(closed).info.status == "KILLED"
