"""``hydra/sweeper=optuna``: what it asks, launches, tells and writes, for any task that returns a number."""

from __future__ import annotations

import math
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from cropland.config.job_templates import Templates
from cropland.errors import ConfigError

Task = Callable[[DictConfig], Any]
Point = tuple[Any, ...]
WORDS = ("x=range(0,6)", "y=interval(0,1)", "z=a,b")


class Application:
    """An application of somebody else's; it remembers the points at which its task was run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.points: list[Point] = []
        self.batches: list[int] = []
        (folder / "conf").mkdir()
        (folder / "conf" / "app.yaml").write_text(
            "defaults: [{override hydra/sweeper: optuna}, {override hydra/launcher: dask}, _self_]\n"
            f"x: 1\ny: 0.5\nz: a\nhydra: {{sweep: {{dir: {folder}/sweep}}}}\n"
        )

    def search(self, *words: str, task: Task | None = None, n_trials: int = 12) -> dict[str, Any]:
        """Search, by a task whose best is at x=4, y=0.25, z=b; return what is written of the best."""

        def run(config: DictConfig) -> Any:
            self.points.append((config.x, config.y, config.z))
            return task(config) if task else quality(config)

        with initialize_config_dir(str(self.folder / "conf"), version_base="1.3"):
            loader = GlobalHydra.instance().config_loader()
            chosen = [*words, f"hydra.sweeper.n_trials={n_trials}"]
            config = loader.load_configuration("app", chosen, run_mode=RunMode.MULTIRUN)
            context = HydraContext(config_loader=loader, callbacks=Callbacks())
            sweeper = Plugins.instance().instantiate_sweeper(
                hydra_context=context, task_function=run, config=config
            )
            launch = sweeper.launcher.launch

            def counted(jobs: Any, initial_job_idx: int) -> Any:
                self.batches.append(len(jobs))
                return launch(jobs, initial_job_idx)

            sweeper.launcher.launch = counted
            sweeper.sweep(list(config.hydra.overrides.task))
        results = self.folder / "sweep" / "optimization_results.yaml"
        return yaml.safe_load(results.read_text()) if results.exists() else {}

    def stored(self, *words: str) -> list[list[str]]:
        """Return what the sweeper says of the trials in its storage."""
        with initialize_config_dir(str(self.folder / "conf"), version_base="1.3"):
            loader = GlobalHydra.instance().config_loader()
            config = loader.load_configuration("app", list(words), run_mode=RunMode.MULTIRUN)
            sweeper: Any = Plugins.instance().class_name_to_class[config.hydra.sweeper._target_]
            return sweeper.stored(Templates.of(loader, config))


def quality(config: DictConfig) -> float:
    """A task with one best point."""
    return -((config.x - 4) ** 2) - (config.y - 0.25) ** 2 + (config.z == "b")


@pytest.fixture
def application(tmp_path: Path) -> Application:
    return Application(tmp_path)


def test_the_best_trial_is_found_and_written_as_the_published_plugin_does(
    application: Application,
) -> None:
    best = application.search(*WORDS, n_trials=30)
    assert list(best) == ["name", "best_params", "best_value"]
    params = best["best_params"]
    assert (best["name"], params["x"], params["z"]) == ("optuna", 4, "b")
    assert params["y"] == pytest.approx(0.25, abs=0.25)
    assert best["best_value"] == pytest.approx(1 - (params["y"] - 0.25) ** 2)
    assert (4, params["y"], "b") in application.points


def test_the_same_seed_asks_the_same_trials_and_another_one_others(
    application: Application,
) -> None:
    application.search(*WORDS)
    application.search(*WORDS)
    first, second = application.points[:12], application.points[12:]
    assert first == second
    application.search(*WORDS, "hydra.sweeper.sampler.seed=1")
    assert application.points[24:] != first


def test_minimize_looks_for_the_smallest(application: Application) -> None:
    best = application.search("x=0,1,2", "hydra.sweeper.direction=minimize")
    assert best["best_params"] == {"x": 0}


def test_trials_that_are_launched_together_are_told_together(application: Application) -> None:
    application.search(*WORDS, "hydra.sweeper.n_jobs=5")
    assert application.batches == [5, 5, 2]


def test_a_point_that_was_tried_is_not_launched_again_and_a_space_has_an_end(
    application: Application,
) -> None:
    best = application.search("x=range(0,6)", "z=a,b", n_trials=30)
    assert len(application.points) == len(set(application.points)) == 12
    assert best["best_params"] == {"x": 4, "z": "b"}


def test_numbers_of_a_range_of_floats_are_those_of_a_grid(application: Application) -> None:
    application.search("y=range(0.1,1,0.1)", n_trials=30)
    assert {y for _, y, _ in application.points} >= {0.30000000000000004, 0.7000000000000001, 0.9}


def test_other_samplers_are_a_word(application: Application) -> None:
    application.search(*WORDS, "hydra/sweeper/sampler=random")
    quasi = "hydra.sweeper.sampler._target_=optuna.samplers.QMCSampler"
    application.search(*WORDS, "hydra/sweeper/sampler=random", quasi)
    assert len(set(application.points)) > 20


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "its task returned, instead of a number, NoneType"),
        ("four", "its task returned, instead of a number, str"),
    ],
)
def test_a_task_without_a_number_is_said_and_the_search_goes_on(
    application: Application, capsys: pytest.CaptureFixture[str], value: object, reason: str
) -> None:
    def task(config: DictConfig) -> Any:
        return value if config.x == 4 else quality(config)

    best = application.search("x=range(0,6)", task=task)
    assert best["best_params"]["x"] in (3, 5)
    assert f"trial x=4 has no result: {reason}" in capsys.readouterr().out


def test_a_failure_is_said_and_the_search_goes_on(
    application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    def task(config: DictConfig) -> float:
        return 1 / (config.x - 4)

    best = application.search("x=range(0,6)", task=task)
    assert best == {"name": "optuna", "best_params": {"x": 5}, "best_value": 1.0}
    assert "trial x=4 has no result: division by zero" in capsys.readouterr().out


def test_a_search_turns_away_from_where_there_is_no_result(application: Application) -> None:
    def task(config: DictConfig) -> float:
        return config.x if config.x < 50 else math.nan

    application.search("x=range(0,100)", task=task, n_trials=40)
    later = [x for x, *_ in application.points[20:]]
    assert sum(x >= 50 for x in later) <= 12  # the best known point is beside them


def test_a_search_ends_where_more_trials_fail_than_may(application: Application) -> None:
    with pytest.raises(HydraException, match=r"1 of 1 trials .*max_failure_rate=0.5 allows"):
        application.search(
            "x=1,2", "hydra.sweeper.max_failure_rate=0.5", task=lambda config: math.nan
        )
    assert len(application.points) == 1


def test_a_search_without_any_result_writes_none(
    application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    application.search("x=1,2")
    assert application.search("x=1,2", task=lambda config: math.nan) == {}
    assert "none of 2 trials has a result" in capsys.readouterr().out


def stored(folder: Path, name: str = "windows") -> tuple[str, str]:
    """Words for a search that is kept in a database."""
    storage = f"hydra.sweeper.storage='sqlite:///{folder}/searches.db'"
    return storage, f"hydra.sweeper.study_name={name}"


def test_a_search_that_was_stopped_goes_on_from_its_storage(
    application: Application, tmp_path: Path
) -> None:
    def stopped(config: DictConfig) -> float:
        if len(application.points) == 6:
            raise KeyboardInterrupt
        return quality(config)

    with pytest.raises(KeyboardInterrupt):
        application.search(*WORDS, *stored(tmp_path), task=stopped)
    application.search(*WORDS, *stored(tmp_path))
    assert len(application.points) == 6 + 7  # five are kept
    assert len(set(application.points[:5] + application.points[6:])) == 12
    best = application.search(*WORDS, *stored(tmp_path))  # all are there
    assert len(application.points) == 6 + 7
    x, y, z = best["best_params"].values()
    assert (x, y, z) in application.points


def test_a_trial_that_was_stopped_while_it_was_chosen_does_not_end_the_study(
    application: Application, tmp_path: Path
) -> None:
    application.search(*WORDS, *stored(tmp_path), n_trials=2)
    study = optuna.load_study(study_name="windows", storage=f"sqlite:///{tmp_path}/searches.db")
    study.ask({"x": optuna.distributions.IntDistribution(0, 5)})  # not yet y and z
    application.search(*WORDS, *stored(tmp_path), n_trials=3)
    assert len(application.points) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x=1,2", "hydra.sweeper.direction=up"], "must be maximize or minimize, got 'up'"),
        (["x=1,2", "hydra.sweeper.n_jobs=0"], r"n_jobs must be 1 or more, got 0"),
        (["x=1,2", "hydra.sweeper.max_failure_rate=2"], r"must be 0 to 1, got 2"),
        (["x=1,2", "hydra.sweeper.storage='sqlite:///a.db'"], r"set one: .*study_name=NAME"),
        (["x=1,2", "hydra.sweeper.storage='mysql://me:pw@host/a'"], "has a password"),
        (
            [
                "x=1,2",
                "hydra.sweeper.storage='sqlite:////no/folder/a.db'",
                "hydra.sweeper.study_name=a",
            ],
            r"cannot be used: .*unable to open database file.*in a folder that is there",
        ),
        (
            ["x=1,2", "hydra.sweeper.storage=nonsense", "hydra.sweeper.study_name=a"],
            r"storage=nonsense cannot be used: .*expected a database such as sqlite:///searches.db",
        ),
    ],
)
def test_what_cannot_be_is_said_before_any_trial(
    application: Application, words: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        application.search(*words)
    assert not application.points


def test_a_stored_search_over_other_words_is_refused(
    application: Application, tmp_path: Path
) -> None:
    application.search("x=1,2", *stored(tmp_path))
    for words in (["x=1,2,3"], ["z=a,b"], ["x=1,2", "z=a,b"]):
        with pytest.raises(ConfigError, match=r"has another search space .*set another"):
            application.search(*words, *stored(tmp_path))
    with pytest.raises(ConfigError, match=r"study windows in .* has the opposite"):
        application.search("x=1,2", *stored(tmp_path), "hydra.sweeper.direction=minimize")


def test_a_database_of_something_else_is_left_alone(
    application: Application, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "searches.db")) as database:
        database.execute("create table experiments (id integer)")
    with pytest.raises(ConfigError, match=r"is used by something else, such as MLflow's"):
        application.search("x=1,2", *stored(tmp_path))
    with closing(sqlite3.connect(tmp_path / "searches.db")) as database:
        assert len(database.execute("select name from sqlite_master").fetchall()) == 1


def test_the_words_of_stored_trials_are_known_beforehand(
    application: Application, tmp_path: Path
) -> None:
    words = ("x=range(0,4)", "z=b", *stored(tmp_path))
    assert application.stored(*words) == []
    application.search(*words, n_trials=3)
    points = sorted(f"x={x}" for x, *_ in application.points)
    assert sorted(application.stored(*words)) == [["z=b", point] for point in points]
    with pytest.raises(ConfigError, match="has another search space"):
        application.stored("x=1,2", *stored(tmp_path))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("hydra.sweeper.sampler.n_spam=3", "sampler: Error in call .*n_spam"),
        ("hydra.sweeper.sampler=random", "got 'random'; write hydra/sweeper/sampler=random"),
        ("hydra.sweeper.sampler._target_=optuna.samplers.Nope", "sampler: Error locating .*Nope"),
        ("hydra.sweeper.sampler._target_=builtins.dict", "must be a class of optuna.samplers"),
    ],
)
def test_what_is_no_sampler_is_said_in_one_line(
    application: Application, word: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^hydra\.sweeper\..*{message}"):
        application.search("x=1,2", word)
    assert not application.points


def test_a_sampler_whose_package_is_missing_says_so(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)
    evolution = "hydra.sweeper.sampler._target_=optuna.samplers.CmaEsSampler"
    with pytest.raises(ConfigError, match=r"needs a package that is not there: pip install cmaes"):
        application.search("x=range(0,9)", "y=interval(0,1)", evolution)
    assert not application.points


def test_parameters_of_a_sampler_need_no_plus(application: Application) -> None:
    assert application.search("x=1,2", "hydra.sweeper.sampler.n_startup_trials=1")


def test_without_optuna_a_line_says_how_to_install_it(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeper = Plugins.instance().class_name_to_class[
        "hydra_plugins.cropland_search.sweeper.OptunaSweeper"
    ]
    monkeypatch.setitem(sweeper.sweep.__globals__, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs Optuna, which is not installed: pip install"):
        application.search("x=1,2")
