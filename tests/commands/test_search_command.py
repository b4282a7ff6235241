"""Searches of the main job by their command: trials, what is there already, the best, refusals."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml
from standins.runs import artifacts, candidates, runs
from standins.shell import Shell, refusal, screen

SEARCH = ("-m", "hydra/sweeper=optuna", "span=interval(4,52)", "bands=ndvi,green_nir")
TRIALS = "hydra.sweeper.n_trials"


def found(shell: Shell) -> dict[str, Any]:
    """The best of the last search, as its folder has it."""
    path = max(shell.folder.glob("mlruns/runs/*/optimization_results.yaml"))
    return yaml.safe_load(path.read_text())


def accuracies(shell: Shell) -> list[float]:
    """The accuracies in the ledger of the last search, in its order."""
    ledger = max(shell.folder.glob("mlruns/runs/*/outcomes.jsonl"))
    return [json.loads(line)["accuracy"] for line in ledger.read_text().splitlines()]


def test_a_search_is_tracked_and_goes_on_where_it_is_given_again(shell: Shell) -> None:
    first = screen(shell.run(*shell.toy, *SEARCH, f"{TRIALS}=5"))
    best, tried = found(shell), accuracies(shell)
    assert len(candidates(shell.database, status="FINISHED")) == len(tried) == 5
    assert best["best_value"] == pytest.approx(max(tried))
    words = f"span={best['best_params']['span']} bands={best['best_params']['bands']}"
    assert f"best trial: accuracy {max(tried):.3f}, {words}" in first
    assert "register the best of each country:" in first
    (parent,) = [run for run in runs(shell.database) if "command" in run.data.tags]
    assert parent.data.metrics["best_trial"] == pytest.approx(best["best_value"])
    assert yaml.safe_load((artifacts(parent) / "optimization_results.yaml").read_text()) == best
    again = screen(shell.run(*shell.toy, *SEARCH, f"{TRIALS}=7"))
    assert "5 already there, 2 finished" in again
    assert accuracies(shell)[:5] == tried
    assert len(candidates(shell.database)) == 7


def test_trials_of_a_storage_are_counted_and_shown(shell: Shell) -> None:
    storage = ("hydra.sweeper.storage=sqlite:///searches.db", "hydra.sweeper.study_name=a")
    screen(shell.run(*shell.toy, *SEARCH, f"{TRIALS}=3", *storage))
    tried = accuracies(shell)
    more = screen(shell.run(*shell.toy, *SEARCH, f"{TRIALS}=4", *storage))
    assert "candidates: 3 already there, 1 finished" in more
    assert sorted(accuracies(shell)[:3]) == sorted(tried)
    whole = screen(shell.run(*shell.toy, *SEARCH, f"{TRIALS}=4", *storage))
    assert "candidates: 4 already there" in whole and "best trial: accuracy" in whole
    assert f"{max(accuracies(shell)):.3f} ±" in whole
    last = max(
        (run for run in runs(shell.database) if "command" in run.data.tags),
        key=lambda run: run.info.start_time,
    )
    again = screen(shell.run(f"run={last.info.run_id}"))
    assert "candidates: 4 already there" in again
    other = shell.run(*shell.toy, "-m", "hydra/sweeper=optuna", "bands=ndvi,indices", *storage)
    assert "has another search space" in refusal(other)  # nothing is kept of what cannot go on
    assert len(candidates(shell.database)) == 4


def test_what_a_grid_has_scored_costs_a_search_nothing(shell: Shell) -> None:
    grid = ("-m", "span=12,24", "bands=ndvi,green_nir")
    screen(shell.run(*shell.toy, *grid))
    search = ("hydra/sweeper=optuna", f"{TRIALS}=9", "hydra.sweep.dir=here")
    done = screen(shell.run(*shell.toy, *grid, *search))
    assert "candidates: 4 already there" in done and "best trial: " in done
    assert len(candidates(shell.database)) == 4
    done = screen(shell.run(*shell.toy, *grid, "hydra.sweep.dir=here"))
    assert "candidates: 4 already there" in done and "best trial: " not in done


def test_launchers_tell_the_sweeper_the_same_results(shell: Shell) -> None:
    together = (*SEARCH, f"{TRIALS}=6", "hydra.sweeper.n_jobs=2", "force=true")
    trials = []
    for launcher in (
        ["hydra/launcher=basic"],
        ["hydra/launcher=dask", "hydra.launcher.from_jobs=1", "hydra.launcher.workers=2"],
        ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
    ):
        screen(shell.run(*shell.toy, *together, *launcher))
        trials.append((sorted(accuracies(shell)), found(shell)))
    assert trials[0] == trials[1] == trials[2]
    assert len(candidates(shell.database)) == 18


def test_on_a_cluster_too_what_is_there_costs_nothing(shell: Shell) -> None:
    search = (*SEARCH, f"{TRIALS}=4", "hydra.sweeper.n_jobs=2")
    screen(shell.run(*shell.toy, *search))
    cluster = ("hydra/launcher=dask", "hydra.launcher.from_jobs=1", "hydra.launcher.workers=2")
    assert "candidates: 4 already there" in screen(shell.run(*shell.toy, *search, *cluster))


def test_trials_without_an_accuracy_are_said_and_the_search_goes_on(shell: Shell) -> None:
    where = [word for word in shell.toy if not word.startswith("model")]
    words = ("-m", "hydra/sweeper=optuna", "model=knn", "bands=ndvi", "model.n_neighbors=3,500,5")
    done = shell.run(*where, *words, "span=12")
    text = screen(done, code=1)
    assert "2 finished, 1 failed" in text and "failed toyland span=12 period=0 bands=ndvi" in text
    assert found(shell)["best_params"]["model.estimator.n_neighbors"] in (3, 5)
    outside = shell.run(*shell.toy, "-m", "hydra/sweeper=optuna", "span=52,104", "period=0,-6")
    assert "3 finished, 1 with a window that cannot be used" in screen(outside)


def test_a_search_that_is_interrupted_keeps_its_trials(shell: Shell) -> None:
    long = (*SEARCH, f"{TRIALS}=12", "model.n_estimators=60")
    with shell.started(*shell.toy, *long) as process:
        shell.wait_for(2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 130 and "are kept. Run the same command again" in said
    assert not [run for run in runs(shell.database) if run.info.status == "RUNNING"]
    kept = len(candidates(shell.database, status="FINISHED"))
    assert 2 <= kept < 12
    again = screen(shell.run(*shell.toy, *long))
    assert f"{12 - kept} finished" in again and f"{kept} already there" in again


def test_the_best_of_a_search_is_promoted_with_its_correction(shell: Shell) -> None:
    words = (*SEARCH, f"{TRIALS}=4", "promote=true", "promotion.figures=false")
    text = screen(shell.run(*shell.toy, *words, "promotion.bootstraps=100"))
    assert "Selected candidate of each country" in text and "corrected" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bands=nvdi,ndvi"], "unknown bands 'nvdi'; did you mean 'ndvi'?"),
        (["model.max_dept=1,2"], "unknown key 'model.estimator.max_dept'; did you mean"),
        (["model.n_estimators=interval(0,5)"], "must be an int in the range"),
        (["span=interval(-4,9)"], "span must be a whole number of weeks"),
        (["bands.names=[B4],[B99]"], "bands.names has 'B99'"),
        (["bands=glob(x*)"], "matches no file of bands"),
        (["span=24"], "a search has nothing to choose"),
        (["seed=1,2"], "seed cannot be searched"),
        (["validation.folds=2,3"], "validation cannot be searched"),
        (["country=iran,sudan", "source=simulated"], "run one command for each, or country=[iran"),
        (["span=4,8", "hydra.sweeper.direction=up"], "must be maximize or minimize"),
        (["span=4,8", "hydra.sweeper.storage=sqlite:///s.db"], "hydra.sweeper.study_name=NAME"),
        (["span=4,8", "hydra.sweeper.storage=mysql://a:b@c/d"], "has a password in its address"),
        (
            [
                *("span=4,8", "hydra.sweeper.study_name=a"),
                "hydra.sweeper.storage=sqlite:///mlruns/mlflow.db",
            ],
            "is used by something else, such as MLflow's runs",
        ),
        (["hparams_search=windw"], "unknown hparams_search 'windw'"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line(
    shell: Shell, words: list[str], message: str
) -> None:
    chosen = [word for word in shell.toy if word.partition("=")[0] not in str(words)]
    if "source=simulated" in words:
        chosen = []
    assert message in refusal(shell.run(*chosen, "-m", "hydra/sweeper=optuna", *words))
    assert not runs(shell.database)


SWEEPER = '''
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper


class Climber(Sweeper):
    """Goes on by one as long as results grow."""

    def __init__(self, **_):
        pass

    def setup(self, *, hydra_context, task_function, config):
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments):
        results = []
        for number in range(3):
            (done,) = self.launcher.launch([[*arguments, f"span={12 + number}"]], number)
            results.append(float(done.return_value))
        print("results:", *results)


ConfigStore.instance().store(
    "climber", {"_target_": "hydra_plugins.climber.Climber"}, group="hydra/sweeper"
)
'''


def test_any_sweeper_that_needs_a_number_back_works(shell: Shell, tmp_path: Path) -> None:
    plugins = tmp_path / "more" / "hydra_plugins"
    plugins.mkdir(parents=True)
    (plugins / "climber.py").write_text(SWEEPER)
    words = (*shell.toy, "-m", "hydra/sweeper=climber", "bands=ndvi")
    for expected in ("3 finished", "3 already there"):
        with shell.started(*words, PYTHONPATH=f"{plugins.parent}{os.pathsep}") as process:
            text, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        assert f"candidates: {expected}" in text
        numbers = text.partition("results: ")[2].splitlines()[0].split()
        assert list(map(float, numbers)) == accuracies(shell)
