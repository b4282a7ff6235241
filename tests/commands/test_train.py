"""The main job by its command: sweeps, resume, failures, interruptions."""

from __future__ import annotations

import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from standins.runs import artifacts, candidates, runs
from standins.shell import Shell

SWEEP = ("-m", "span=12,24", "bands=ndvi,green_nir")


def accuracies(shell: Shell) -> dict[str, tuple[float, float]]:
    """Accuracy and Brier score of finished candidates, by name."""
    return {
        run.data.tags["mlflow.runName"]: (run.data.metrics["accuracy"], run.data.metrics["brier"])
        for run in candidates(shell.database, status="FINISHED")
    }


def test_one_configuration_is_tracked_with_all_that_decides_it(shell: Shell) -> None:
    (shell.folder / "mlruns" / "mlflow.db").unlink()  # the first command makes it
    done = shell.run(*shell.toy, "span=52")
    assert done.returncode == 0, done.stderr
    assert "Best candidate of each country" in done.stdout
    (child,) = candidates(shell.database)
    (parent,) = [
        run
        for run in runs(shell.database)
        if run is not child and run.info.run_id != child.info.run_id
    ]
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    expected = {
        "country": "toyland",
        "span": "52",
        "period": "0",
        "bands": "visible_nir_ndvi",
        "series": "raw",
        "features": "flat",
        "model": "forest",
        "training": "own",
        "validation": "kfold",
        "source": "files",
        "seed": "2023",
        "model.n_estimators": "10",
    }
    assert expected.items() <= child.data.params.items()
    names = "accuracy accuracy_se accuracy_cropland accuracy_other f1 roc_auc brier fit_seconds"
    assert set(names.split()) < set(child.data.metrics)
    assert child.data.metrics["accuracy"] > 0.9
    derived = {"n_features": 73 * 5, "n_samples": 60, "span_weeks": 52}
    assert derived.items() <= child.data.metrics.items()
    assert not {*derived, "window_start", "window_end"} & set(child.data.params)
    tags = {"kind": "candidate", "country": "toyland", "uses_future": "false"}
    tags |= {"window_start": "2020-01-02", "window_end": "2020-12-31"}
    assert tags.items() <= child.data.tags.items()
    assert {"kind": "sweep", "country": "toyland"}.items() <= parent.data.tags.items()
    assert len(child.data.tags["identity"]) == 32
    assert {"mlflow.source.name", "mlflow.user", "git_dirty"} <= set(child.data.tags)
    client = MlflowClient(shell.database)
    history = client.get_metric_history(child.info.run_id, "accuracy")
    assert history[0].step == 0  # months from the end of the season
    folder = artifacts(child)
    predictions = pd.read_csv(folder / "predictions.csv")
    right = (predictions["label"] == predictions["Target"]).mean()
    assert right == pytest.approx(child.data.metrics["accuracy"], abs=1e-6)
    assert "n_estimators: 10" in (folder / "config.yaml").read_text()
    confusion = pd.read_csv(folder / "confusion_matrix.csv", index_col=0)
    assert confusion.to_numpy().sum() == 60


def test_a_sweep_is_resumed_and_force_runs_it_again(shell: Shell) -> None:
    first = shell.run(*shell.toy, *SWEEP)
    assert first.returncode == 0, first.stderr
    assert len(candidates(shell.database)) == 4
    second = shell.run(*shell.toy, *SWEEP, "validation.folds=3", "n_jobs=2")
    assert second.returncode == 0
    assert "4 of 4 candidates are already there: skipped" in second.stderr
    assert "4 already there" in second.stdout
    assert len(candidates(shell.database)) == 4
    forced = shell.run(*shell.toy, *SWEEP, "span=12", "bands=ndvi", "force=true")
    assert "1 finished" in forced.stdout
    assert len(candidates(shell.database)) == 5
    name = "toyland 12w +0m ndvi forest n_estimators=10 folds=3"
    (again,) = [run for run in accuracies(shell) if run == name]
    assert again


def test_another_setting_or_other_data_is_another_candidate(shell: Shell) -> None:
    command = (*shell.toy, "span=12", "bands=ndvi")
    done = shell.run("-m", *command, "seed=2023,7", "model.max_depth=10,3")
    assert "max_depth" in done.stdout
    name = "toyland 12w +0m ndvi forest seed={} n_estimators=10 max_depth={} folds=3"
    tried = [(7, 3), (7, 10), (2023, 3), (2023, 10)]
    assert set(accuracies(shell)) == {name.format(*values) for values in tried}
    (folder,) = (shell.folder / "mlruns" / "runs").iterdir()
    outcomes = pd.read_csv(folder / "outcomes.csv")
    assert sorted(zip(outcomes["seed"], outcomes["model.max_depth"], strict=True)) == tried
    train = shell.exports / "Train.csv"
    train.write_text(train.read_text().replace(",1\n", ",0\n", 2))
    shell.run(*command)
    assert len(candidates(shell.database)) == 5
    assert len({run.data.tags["identity"] for run in candidates(shell.database)}) == 5


def test_the_joblib_launcher_gives_the_same_numbers(shell: Shell, tmp_path: Path) -> None:
    basic = shell.run(*shell.toy, *SWEEP)
    assert basic.returncode == 0, basic.stderr
    expected = accuracies(shell)
    (shell.folder / "mlruns").rename(tmp_path / "basic")
    joblib = shell.run(*shell.toy, *SWEEP, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert joblib.returncode == 0, joblib.stderr
    assert accuracies(shell) == expected
    parents = {run.data.tags["mlflow.parentRunId"] for run in candidates(shell.database)}
    assert len(parents) == 1
    # The tags are those of the command, not of a worker.
    assert {
        run.data.tags["mlflow.source.name"].rpartition("/")[2] for run in runs(shell.database)
    } == {"train.py"}


def test_windows_outside_the_archive_are_skipped_with_their_reason(shell: Shell) -> None:
    done = shell.run(*shell.toy, "-m", "span=52,104", "period=0,-6", "bands=ndvi")
    assert done.returncode == 0, done.stderr
    assert "3 finished, 1 with a window that cannot be used" in done.stdout
    assert re.search(
        r"skipped toyland span=104 period=-6 .* \(2019-01-01 … 2020-12-31\)", done.stderr
    )
    assert len(candidates(shell.database)) == 3


def test_a_failing_candidate_fails_alone(shell: Shell) -> None:
    # 60 points have no 500 neighbours: scikit-learn says so only when it predicts.
    where = [word for word in shell.toy if not word.startswith("model")]
    done = shell.run(
        *where, "-m", "span=12", "bands=ndvi", "model=knn", "model.n_neighbors=3,500,5"
    )
    assert done.returncode == 1
    assert "2 finished, 1 failed" in done.stdout
    assert re.search(r"failed toyland span=12 .* n_neighbors", done.stderr)
    assert "Traceback" not in done.stderr
    failed = [run for run in candidates(shell.database) if run.info.status == "FAILED"]
    assert [run.data.params["model.n_neighbors"] for run in failed] == ["500"]
    folder = artifacts(failed[0])
    assert "ValueError" in (folder / "traceback.txt").read_text()
    again = shell.run(
        *where, "-m", "span=12", "bands=ndvi", "model=knn", "model.n_neighbors=3,500,5"
    )
    assert "2 already there, 1 failed" in again.stdout


def test_every_outcome_is_in_the_run_folder_and_the_parent(shell: Shell) -> None:
    shell.run(*shell.toy, *SWEEP)
    (folder,) = (shell.folder / "mlruns" / "runs").iterdir()
    assert len((folder / "outcomes.jsonl").read_text().splitlines()) == 4
    (parent,) = [run for run in runs(shell.database) if "mlflow.parentRunId" not in run.data.tags]
    assert (
        parent.info.run_name
        == "country=toyland model.n_estimators=10 validation.folds=3 n_jobs=1 span=12,24 ba…"
    )
    assert "| toyland&emsp; |" in parent.data.tags["mlflow.note.content"]
    folder = artifacts(parent)
    assert (folder / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    assert len(pd.read_csv(folder / "outcomes.csv")) == 4


def test_a_nested_choice_is_one_run_a_country(shell: Shell) -> None:
    few = ["source.points=30", "model.n_estimators=2", "validation.folds=2", "n_jobs=1"]
    words = ["validation=nested", "validation.inner=2", "validation.candidates.bands=[ndvi]"]
    done = shell.run("-m", "country=iran,sudan", *few, *words)
    assert done.returncode == 0, done.stderr
    every = runs(shell.database, "cropland-simulated")
    found = [run for run in every if run.data.tags["kind"] == "candidate"]
    assert sorted(run.data.tags["country"] for run in found) == ["iran", "sudan"]
    for run in found:
        assert run.data.params["span"] == "24,48"
        assert run.data.params["bands"] == "ndvi"
        assert run.data.params["validation"] == "nested"
        # The largest of its matrices, and no window: each fold has its own.
        assert (run.data.metrics["n_features"], run.data.params["n_alternatives"]) == (68, "2")
        assert "window_start" not in run.data.tags and "span_weeks" not in run.data.metrics
        folder = artifacts(run)
        chosen = pd.read_csv(folder / "chosen.csv")
        assert list(chosen["fold"]) == [0, 1]
        spans = {f"{run.data.params['country']} {span}w +0m ndvi forest" for span in (24, 48)}
        assert set(chosen["chosen"]) <= spans
        assert len(pd.read_csv(folder / "predictions.csv")) == 30


def test_a_nested_choice_leaves_out_windows_outside_the_archive(shell: Shell) -> None:
    # The configuration's own span is not used where spans are chosen from.
    spans = "validation.candidates.span=[24,300]"
    words = ["validation=nested", "validation.inner=2", spans, "span=200"]
    done = shell.run(*shell.toy, *words, "validation.candidates.bands=[ndvi]")
    assert done.returncode == 0, done.stderr
    assert "candidates: 1 finished" in done.stdout
    (child,) = candidates(shell.database)
    folder = artifacts(child)
    chosen = pd.read_csv(folder / "chosen.csv")
    assert set(chosen["chosen"]) == {"toyland 24w +0m ndvi forest"}


LONG = ("-m", "span=range(4,18,2)", "bands=ndvi", "model.n_estimators=40")


def still_running(shell: Shell) -> list[Run]:
    return [run for run in runs(shell.database) if run.info.status == "RUNNING"]


def test_a_sweep_that_is_stopped_keeps_what_is_finished_and_leaves_nothing_open(
    shell: Shell,
) -> None:
    with shell.started(*shell.toy, *LONG, "hydra/launcher=basic") as process:
        shell.wait_for(2)
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "Run the same command again" in said
    assert "Traceback" not in said
    assert 2 <= len(accuracies(shell)) < 7
    assert not still_running(shell)


def test_a_sweep_that_is_killed_loses_nothing_and_goes_on(shell: Shell) -> None:
    with shell.started(*shell.toy, *LONG, "hydra/launcher=joblib") as process:
        shell.wait_for(2)
        process.kill()
        process.communicate(timeout=60)
    before = accuracies(shell)
    assert 2 <= len(before) < 7
    again = shell.run(*shell.toy, *LONG)  # the launcher makes no difference to what is there
    assert again.returncode == 0, again.stderr
    assert re.search(r"closed \d+ runs that a killed process had left RUNNING", again.stderr)
    skipped = re.search(r"(\d+) of 7 candidates are already there: skipped", again.stderr)
    assert skipped and int(skipped[1]) >= len(before)
    finished = candidates(shell.database, status="FINISHED")
    assert len({run.data.tags["identity"] for run in finished}) == len(finished) == 7
    assert not still_running(shell)
    with closing(sqlite3.connect(shell.folder / "mlruns" / "mlflow.db")) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
