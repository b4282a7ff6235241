"""Every study by its one command, on a small simulated country and a narrowed sweep."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from mlflow.entities import Run
from standins.runs import artifacts, runs
from standins.shell import Done, Shell

SMALL = ("country=iran", "source.points=30", "validation.folds=2", "n_jobs=1")
QUICK = "model.n_estimators=2"
STUDIES = {
    "past_only": (["span=24", "period=-4,0,4", QUICK], 3),
    "pooled": ([QUICK], 2),
    "transfer": (["bands=ndvi", QUICK], 2 * 2),
    "models": (["+windows.iran={span:8,period:2020-04-30}", "model=forest,knn_3,svm"], 3),
    "features": (["span=40", "bands=ndvi,indices", "model=forest", QUICK], 4 * 2),
    "ndvi_only": ([QUICK], 2),
    "families": (["features=flat,statistics", "model=forest", "source.points=160", QUICK], 2 * 2),
}


def studies(shell: Shell) -> list[Run]:
    """The parent runs of studies, the newest first."""
    tracked = runs(shell.database, "cropland-simulated")
    own = [run for run in tracked if "mlflow.parentRunId" not in run.data.tags]
    return [run for run in own if "study" in run.data.tags]


def run_folder(done: Done, folder: Path) -> Path:
    """The folder that a command names at its end."""
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("files: ")]
    return folder / line.removeprefix("files: ")


def check_concluded(shell: Shell, done: Done, name: str) -> pd.DataFrame:
    """Check what every study leaves, and give its table."""
    assert done.returncode == 0, done.stderr
    parent = studies(shell)[0]
    assert (parent.data.tags["study"], parent.info.status) == (name, "FINISHED")
    note = parent.data.tags["mlflow.note.content"]
    assert "imulated" in note and "Iran" in note.replace("iran", "Iran")
    tracked = artifacts(parent)
    for folder in (tracked, run_folder(done, shell.folder)):
        assert (folder / "study.png").read_bytes().startswith(b"\x89PNG")
        assert {"study.csv", "outcomes.csv"} <= {item.name for item in folder.iterdir()}
    return pd.read_csv(tracked / "study.csv")


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_runs_by_its_one_command(shell: Shell, name: str) -> None:
    narrowed, count = STUDIES[name]
    done = shell.run(*SMALL, f"study={name}", *narrowed)
    table = check_concluded(shell, done, name)
    assert not table.empty
    # What the command line narrows is narrowed, not doubled.
    assert f"candidates: {count} finished\n" in done.stdout
    outcomes = pd.read_csv(run_folder(done, shell.folder) / "outcomes.csv")
    assert set(outcomes["country"]) == {"iran"}
    if name == "past_only":
        assert set(outcomes["uses_future"]) == {False, True}
    elif name == "models":
        # A window that is given goes before what was chosen.
        assert set(outcomes["span"]) == {8}
        assert set(outcomes["window_end"]) == {"2020-04-30"}
        assert "window of iran" not in done.stderr
    elif name == "ndvi_only":
        # Without a study of time ranges, the country's file knows a window.
        assert "window of iran: span=96 period=0, chosen in conf/country/iran.yaml" in done.stderr
        assert set(outcomes["span"]) == {96}
    elif name == "families":
        assert set(outcomes["validation"]) == {"kfold", "blocks"}
        assert set(table["validation"]) == {"kfold", "blocks"}
        curve = pd.read_csv(run_folder(done, shell.folder) / "learning_curve.csv")
        assert curve["share"].tolist() == [0.25, 0.5, 1.0]
        forest = table[(table["variant"] == "flat · forest") & (table["validation"] == "kfold")]
        assert curve["baseline"].iloc[-1] == pytest.approx(forest["accuracy"].item())
        assert "Learning curve: from half of the labels to all" in " ".join(done.stdout.split())
    elif name in ("pooled", "transfer"):
        assert len(set(outcomes["training"])) == 2


def test_the_window_that_time_range_chooses_is_used_by_later_studies(shell: Shell) -> None:
    first = shell.run(*SMALL, "study=time_range", QUICK, "span=4,12,500", "period=0,2")
    table = check_concluded(shell, first, "time_range")
    assert "candidates: 4 finished, 2 with a window that cannot be used" in first.stdout
    (chosen,) = table[table["chosen"]].to_dict("records")
    kept = json.loads(studies(shell)[0].data.tags["chosen.iran"])
    assert (kept["span"], kept["period"]) == (chosen["span"], chosen["period"])

    second = shell.run(*SMALL, "study=bands", QUICK)
    check_concluded(shell, second, "bands")
    window = f"window of iran: span={kept['span']} period={kept['period']}"
    assert f"{window}, chosen by study=time_range" in second.stderr
    outcomes = pd.read_csv(run_folder(second, shell.folder) / "outcomes.csv")
    assert len(outcomes) == 8
    assert set(outcomes["span"]) == {kept["span"]}
    assert set(outcomes["period"]) == {kept["period"]}
    # The time-range study has scored this band set at this window already.
    assert outcomes.set_index("bands").loc["visible_nir", "status"] == "already there"
