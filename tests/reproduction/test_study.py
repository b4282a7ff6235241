"""The original solution by its command: ``study=submission``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from standins.shell import Shell

from cropland.reproduction import recipe
from cropland.reproduction.export_tables import read_exports

WINDOW = "+windows.toyland={span:40,period:2020-11-30}"


@pytest.fixture
def complete(exports: Path) -> Path:
    """Toy exports with the original's columns: NDVI beside the bands."""
    (path,) = exports.glob("COPERNICUS*")
    rows = pd.read_csv(path)
    rows["NDVI"] = ((rows["B8"] - rows["B4"]) / (rows["B8"] + rows["B4"])).round(5)
    rows.to_csv(path, index=False)
    return path


def command(exports: Path, *more: str) -> list[str]:
    where = ["source=files", f"paths.data={exports}", "country=toyland"]
    return ["study=submission", *where, WINDOW, "model.n_estimators=20", *more]


def test_the_command_writes_what_the_module_predicts(shell: Shell, complete: Path) -> None:
    done = shell.run(*command(complete.parent, "output=out/answer.csv"))
    assert done.returncode == 0, done.stderr
    written = pd.read_csv(shell.folder / "out" / "answer.csv", dtype={"Target": "Int64"})
    folder = complete.parent
    expected = recipe.predictions(
        read_exports({"toyland": complete}),
        [recipe.Season("toyland", "2020-02-24", "2020-11-30")],
        pd.read_csv(folder / "Train.csv"),
        pd.read_csv(folder / "Test.csv"),
        trees=20,
    )
    pd.testing.assert_frame_equal(written, expected, check_dtype=False)
    assert set(written["Target"]) == {0, 1}
    (run,) = MlflowClient(f"sqlite:///{shell.folder}/mlruns/mlflow.db").search_runs(["1"])
    assert run.data.tags["study"] == "submission"
    assert run.data.params["window.toyland"] == "2020-02-24 … 2020-11-30"
    assert "| toyland" in run.data.tags["mlflow.note.content"]
    artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
    assert {path.name for path in artifacts.iterdir()} == {"answer.csv", "study.csv", "study.png"}


def test_it_runs_on_the_simulation_too(shell: Shell) -> None:
    done = shell.run("study=submission", "source.points=30", "model.n_estimators=2")
    assert done.returncode == 0, done.stderr
    written = pd.read_csv(shell.folder / "submission.csv")
    assert len(written) == 90 and written["Target"].notna().all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-m",), "study=submission is one run, not a sweep; leave out -m"),
        (("output=null",), "needs a file for its predictions; give output=FILE"),
        (("model=svm",), "reproduces the original exactly: leave model"),
        (("bands=all", "bands.names=[B11]"), "bands has none of them"),
        (("source.scale=10000",), "leave source.scale and source.remove_offset out"),
    ],
)
def test_what_is_not_the_original_is_answered_in_one_line(
    shell: Shell, complete: Path, words: tuple[str, ...], said: str
) -> None:
    given = [word for word in command(complete.parent) if not word.startswith("model.")]
    done = shell.run(*given, *words)
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr
    assert not (shell.folder / "submission.csv").exists()


def test_a_missing_column_is_named_with_what_to_do(shell: Shell, exports: Path) -> None:
    done = shell.run(*command(exports))
    assert done.returncode == 1
    assert "lacks NDVI; export it again, or name fewer in bands.names" in done.stderr
