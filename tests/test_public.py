"""What `import cropland` offers: its examples run, it costs nothing, it leaves nothing behind."""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from standins.documents import text
from standins.shell import Shell

import cropland
from cropland.config.countries import Country
from cropland.errors import ConfigError, DataError, TrackingError, WindowError
from cropland.observations import archive

ROOT = Path(__file__).parents[1]
STORY = (
    *("Box", "Reference", "Country", "read_country", "Window.of", "read_points"),
    *("open_archive", "read_exports", "make_series", "make_features", "cross_validate"),
    *("calibrate", "simulate", "runs", "load_champion", "compose", "score"),
)
"""The order in which the examples follow each other."""
CHECK = """
import gc, os, signal, sys, warnings
import mlflow, sklearn.ensemble, cropland
mlflow.MlflowClient('sqlite:///mlruns/mlflow.db').search_experiments()
def state():
    signals = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    return (dict(os.environ), list(sys.argv), list(sys.path), signals, gc.isenabled(), os.getcwd(),
            warnings.showwarning, sys.excepthook, sys.unraisablehook, mlflow.is_tracking_uri_set())
before = state()
exec(open('lines.py').read())
cropland.runs('sqlite:///mlruns/mlflow.db')
cropland.load_champion('toyland', 'sqlite:///mlruns/mlflow.db')
assert state() == before
assert not [name for name in sys.modules if name.split('.')[0] == 'hydra']
"""


def ten_lines() -> str:
    """The first example of the document."""
    first = re.search(r"```python\n(.*?)```", text("docs/python.md"), re.DOTALL)
    assert first is not None
    assert len([line for line in first[1].splitlines() if line]) == 10
    return first[1]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of its own for the examples, filled by `promoted`."""
    yield tmp_path_factory.mktemp("story")


@pytest.fixture
def promoted(shell: Shell, story: Path, toy_archive: archive.Archive) -> Path:
    """A folder with exports, a country's file, an archive, a run and a champion."""
    if not (story / "exports").exists():
        small = ("span=24", "bands=ndvi", "validation.folds=2", "seed=3")
        done = shell.run(*shell.toy, *small)
        assert done.returncode == 0, done.stderr
        quick = ("promotion.bootstraps=100", "promotion.figures=false", "validation.folds=2")
        words = ("source=files", f"paths.data={shell.exports}", "country=toyland", "seed=3")
        done = shell.run(*words, *quick, script="promote")
        assert done.returncode == 0, done.stderr
        shutil.copytree(shell.folder / "mlruns", story / "mlruns")
        shutil.copy(shell.folder / "conf" / "country" / "toyland.yaml", story)
        attributes = {"source": "files", "country": "toyland", "fingerprint": "f00"}
        archive.write(toy_archive.dataset, story / "toyland.zarr", attributes)
        shutil.copytree(shell.exports, story / "exports")
    return story


def test_the_examples_run(
    promoted: Path, monkeypatch: pytest.MonkeyPatch, toy_rows: pd.DataFrame
) -> None:
    monkeypatch.chdir(promoted)
    names: dict[str, Any] = {"cropland": cropland}
    names["observations"] = toy_rows.rename(columns={"time": "Timestamp"})
    for name in STORY:
        value: Any = cropland
        for part in name.split("."):
            value = getattr(value, part)
        found = doctest.DocTestFinder(recurse=False).find(value, name, globs=names)
        examples = [example for test in found for example in test.examples]
        assert examples, f"{name} has no example"
        for test in found:
            test.globs = names  # a copy would forget what the example before has made
            said = io.StringIO()
            flags = doctest.NORMALIZE_WHITESPACE
            result = doctest.DocTestRunner(optionflags=flags).run(
                test, out=said.write, clear_globs=False
            )
            assert result.failed == 0, said.getvalue()


def test_the_last_example_of_the_document_runs(
    promoted: Path, monkeypatch: pytest.MonkeyPatch, toy_rows: pd.DataFrame
) -> None:
    monkeypatch.chdir(promoted)
    page = text("docs/python.md")
    *_, last = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    lines = last.replace("iran", "toyland").replace("2021, 6, 30", "2019, 12, 31")
    names: dict[str, Any] = {"observations": toy_rows.rename(columns={"time": "Timestamp"})}
    exec(lines, names)
    assert list(names["runs"]["country"]) == ["toyland"]
    assert names["champion"].country == "toyland"


def test_a_sweep_of_the_document_scores_as_the_command_does(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = text("docs/python.md")
    _, sweep, _ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    given = [*shell.here, "validation.folds=3", "span=12,24,108", "bands=ndvi", "model=knn"]
    given += [f"tracking.uri={shell.database}"]
    done = shell.run("-m", *given)
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(shell.folder)
    names: dict[str, Any] = {}
    exec(re.sub(r"compose\(.*?\]\)", f"compose({given})", sweep), names)
    table = names["table"]
    assert list(table["status"]) == ["finished", "finished", "outside"]
    runs = cropland.runs(f"sqlite:///{shell.folder}/mlruns/mlflow.db")
    assert dict(zip(runs["span"], runs["accuracy"], strict=True)) == {
        span: table.set_index("span")["accuracy"][span] for span in (12, 24)
    }


def test_what_is_tracked_from_python_is_there_for_the_command(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shell.folder)
    words = [*shell.toy, "span=12", "bands=ndvi", f"tracking.uri={shell.database}"]
    shell.words()  # writes the country's file
    candidates = cropland.compose(words)
    first, twice = cropland.score(candidates * 2, track=True).to_dict("records")
    assert first["run_id"] == twice["run_id"]  # what is asked for twice is scored once
    (again,) = cropland.score(candidates, track=True).to_dict("records")
    assert (first["status"], again["status"]) == ("finished", "already there")
    assert first["run_id"] == again["run_id"] and first["accuracy"] == again["accuracy"]
    done = shell.run(*shell.toy, "span=12", "bands=ndvi")
    assert "candidates: 1 already there" in done.stdout, done.stderr
    (made_again,) = cropland.compose([f"run={first['run_id']}", words[-1]])
    assert made_again.fingerprint == candidates[0].fingerprint


def test_a_configuration_elsewhere_is_composed_as_the_command_does(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "mine")
    file = tmp_path / "mine" / "train.yaml"
    file.write_text(file.read_text().replace("\nspan: 48", "\nspan: 20"))
    (one,) = cropland.compose(["--config-path", str(tmp_path / "mine"), "country=iran"])
    assert one.configuration.span == 20


def test_words_that_make_no_candidates_are_one_line() -> None:
    with pytest.raises(ConfigError, match="unknown country 'irn'; did you mean 'iran'"):
        cropland.compose(["country=irn"])
    with pytest.raises(ConfigError, match="expected overrides with known candidates, got a search"):
        cropland.compose(["country=iran", "hydra/sweeper=optuna", "span=12,24"])
    assert cropland.score([]).empty


def test_every_name_is_there_once_documented_and_known_to_type_checkers() -> None:
    tree = ast.parse((ROOT / "cropland" / "__init__.py").read_text())
    typed = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cropland.")
        for alias in node.names
    ]
    assert sorted(typed) == sorted(cropland.__all__)
    assert len(set(typed)) == len(typed)
    for name in cropland.__all__:
        value = getattr(cropland, name)
        assert value.__name__ == name
        assert value.__doc__, name
        assert name in dir(cropland)
        assert name in str(cropland.__doc__)
    with pytest.raises(AttributeError, match="no attribute 'read_pints'"):
        cropland.read_pints  # noqa: B018


@pytest.mark.processes
def test_the_import_loads_nothing_else() -> None:
    code = (
        "import sys, importlib; before = set(sys.modules); import cropland; "
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in ast.literal_eval(done.stdout)}
    assert loaded - sys.stdlib_module_names == {"cropland"}
    assert "cropland.errors" not in done.stdout


def test_a_notebook_finds_everything_as_it_was(promoted: Path) -> None:
    lines = ten_lines().replace('country("iran")', 'country("toyland.yaml")')
    (promoted / "lines.py").write_text(lines.replace("FOLDER", "exports"))
    files = sorted(path for path in promoted.rglob("*") if "mlruns" not in path.parts)
    done = subprocess.run(
        [sys.executable, "-c", CHECK], cwd=promoted, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d\.\d{3} ± \d\.\d{3}\n", done.stdout)
    assert sorted(path for path in promoted.rglob("*") if "mlruns" not in path.parts) == files


def scored(lines: str, folder: Path, country: str, store: Path) -> tuple[Any, pd.Series[Any]]:
    """Run the ten lines; give their scores, and the newest run of the country in a store."""
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(
            lines.replace('country("iran")', f"country({country!r})").replace(
                "FOLDER", str(folder)
            ),
            names,
        )
    return names["scores"], cropland.runs(f"sqlite:///{store}/mlruns/mlflow.db").iloc[0]


def equal(scores: cropland.Scores, run: pd.Series[Any]) -> None:
    for name in ("accuracy", "accuracy_se", "accuracy_cropland", "f1", "roc_auc", "brier"):
        assert run[name] == round(getattr(scores, name), 6), name


def test_ten_lines_score_as_the_command_does(shell: Shell) -> None:
    done = shell.run("source=files", f"paths.data={shell.exports}", "country=toyland")
    assert done.returncode == 0, done.stderr
    toyland = str(shell.folder / "conf" / "country" / "toyland.yaml")
    equal(*scored(ten_lines(), shell.exports, toyland, shell.folder))


def test_ten_lines_score_real_data_as_the_command_does(shell: Shell, challenge: Path) -> None:
    done = shell.run("source=files", f"paths.data={challenge}", "country=iran")
    assert done.returncode == 0, done.stderr
    iran = str(ROOT / "conf" / "country" / "iran.yaml")
    scores, run = scored(ten_lines(), challenge, iran, shell.folder)
    equal(scores, run)
    assert run["country"] == "iran" and run["n_samples"] == 400


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for read in (cropland.runs, lambda uri: cropland.load_champion("iran", uri)):
        with pytest.raises(TrackingError, match="expected a tracking store at"):
            read(uri)
    assert list(tmp_path.iterdir()) == []


def test_what_a_store_lacks_is_said_with_what_it_has(tmp_path: Path, empty_store: Path) -> None:
    uri = f"sqlite:///{shutil.copy(empty_store, tmp_path)}"
    with pytest.raises(TrackingError, match="no experiment 'cropland'; it has Default"):
        cropland.runs(uri)
    with pytest.raises(DataError, match="no model cropland-iran with the alias 'champion'"):
        cropland.load_champion("iran", uri)
    assert not mlflow.is_tracking_uri_set()


def test_the_experiment_of_simulated_runs_is_named(tmp_path: Path, empty_store: Path) -> None:
    uri = f"sqlite:///{shutil.copy(empty_store, tmp_path)}"
    mlflow.MlflowClient(uri).create_experiment("mine-simulated")
    with pytest.raises(TrackingError, match="mine-simulated.*; give experiment='mine-simulated'"):
        cropland.runs(uri, experiment="mine")


def test_an_experiment_without_runs_is_an_empty_table(tmp_path: Path, empty_store: Path) -> None:
    uri = f"sqlite:///{shutil.copy(empty_store, tmp_path)}"
    mlflow.MlflowClient(uri).create_experiment("cropland")
    assert cropland.runs(uri).empty


def test_wrong_words_are_answered_in_one_line(
    toy_archive: archive.Archive, toyland: Country
) -> None:
    window = cropland.Window.of(toyland.reference, 24, 0)
    with pytest.raises(WindowError, match="outside its archive"):
        cropland.make_series(toy_archive, cropland.Window.of(toyland.reference, 24, 12), ["B4"])
    with pytest.raises(cropland.CroplandError, match="did you mean 'NDVI'"):
        cropland.make_series(toy_archive, window, ["NVDI"])
    series = cropland.make_series(toy_archive, window, ["B4"])
    end = toyland.reference.last
    with pytest.raises(cropland.CroplandError, match="features.statistics"):
        cropland.make_features(series, reference_end=end, statistics=["mean"])
    with pytest.raises(cropland.CroplandError, match="static: expected Lon or Lat, got lat"):
        cropland.make_features(series, reference_end=end, static=["lat"])
    features = cropland.make_features(series, reference_end=end)
    from sklearn.tree import DecisionTreeClassifier

    with pytest.raises(DataError, match="20 of 80 have no label"):
        cropland.cross_validate(DecisionTreeClassifier(), features)
    with pytest.raises(DataError, match="3 cropland and 3 other samples are fewer than the 5"):
        cropland.cross_validate(DecisionTreeClassifier(), features[:6])
    with pytest.raises(cropland.CroplandError, match="no file none.yaml; give the file"):
        cropland.read_country("none.yaml")


def test_records_are_shown_only_where_somebody_asked_for_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's last resort would print errors of candidates in a notebook."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    logging.getLogger("cropland.training.scoring").error("a candidate failed")
    assert capsys.readouterr().err == ""
    logging.getLogger("elsewhere").error("shown")
    assert capsys.readouterr().err == "shown\n"
