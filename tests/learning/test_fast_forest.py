"""The fast forest: it is what it says, as accurate as the plain one, and gives way to it where it must."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rich.console import Console
from standins.fast import needs_fast
from standins.shell import Shell

from cropland.config import filling
from cropland.config.countries import Country
from cropland.config.groups import Configuration
from cropland.config.jobs import Job
from cropland.config.model import Model
from cropland.errors import ConfigError
from cropland.learning import classifiers, fast_forest
from cropland.learning.fast_forest import plain_model
from cropland.observations.archive import Archive
from cropland.training import preflight
from cropland.training.candidate import Candidate
from cropland.training.candidates import from_yaml

CONF = Path(__file__).parents[2] / "conf" / "model"
FAST, PLAIN = (f"{name}.ensemble.RandomForestClassifier" for name in ("sklearnex", "sklearn"))

Samples = tuple[np.ndarray, np.ndarray]


def of_conf(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    return values


def model(name: str) -> Model:
    values = of_conf(name)
    parameters = values["estimator"]
    return Model(name, parameters.pop("_target_"), values["scale"], parameters)


@pytest.fixture(scope="module")
def samples() -> Samples:
    """600 samples of 20 features; a tenth of the labels cannot be known, so that forests differ by seed."""
    random = np.random.default_rng(5)
    x = random.normal(size=(600, 20)).astype(np.float32)
    y = x[:, :4].sum(axis=1) > 0
    return x, (y ^ (random.random(600) < 0.1)).astype(np.int8)


def probability(samples: Samples, name: str = "forest_fast", seed: int = 1) -> np.ndarray:
    """Cropland's, of the second half of the samples; learnt of the first."""
    x, y = samples
    made = classifiers.build(model(name), seed).fit(x[:300], y[:300])
    return made.predict_proba(x[300:])[:, 1]


@needs_fast
def test_our_parameters_take_the_fast_path(
    samples: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="sklearnex"):
        probability(samples)
    said = [record.getMessage() for record in caplog.records if record.name == "sklearnex"]
    assert len(said) == 2, said
    assert ".fit: running accelerated version on CPU" in said[0]
    assert ".predict_proba: running accelerated version on CPU" in said[1]


@needs_fast
def test_a_seed_gives_the_same_bits_whatever_the_threads(samples: Samples) -> None:
    daal = importlib.import_module("daal4py")
    first = probability(samples)
    found = {}
    try:
        for threads in (1, 2):
            daal.daalinit(threads)
            found[threads] = probability(samples)
            found[-threads] = in_a_thread(lambda: probability(samples))
    finally:
        daal.daalinit(1)
    assert all(np.array_equal(first, each) for each in found.values())
    assert not np.array_equal(first, probability(samples, seed=2))


def in_a_thread(work: Callable[[], np.ndarray]) -> np.ndarray:
    made: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: made.append(work()))
    thread.start()
    thread.join()
    return made[0]


@needs_fast
def test_it_keeps_to_one_thread(samples: Samples) -> None:
    probability(samples)
    assert importlib.import_module("daal4py").num_threads() == 1
    assert classifiers.build(model("forest_fast"), 1).n_jobs == 1


@needs_fast
def test_it_is_as_accurate_as_the_plain_one_within_what_a_seed_makes_of_it(
    samples: Samples,
) -> None:
    # Of twelve seeds each the means differ by chance by 0.4 of a single forest's deviation, rarely by all of
    # it. Seeds are fixed: the outcome is the same until a library changes its forest.
    truth = samples[1][300:] == 1
    found = {
        name: np.array([probability(samples, name, seed) > 0.5 for seed in range(12)])
        for name in ("forest", "forest_fast")
    }
    plain, fast = ((labels == truth).mean(axis=1) for labels in found.values())
    assert plain.mean() > 0.7  # there is something to learn
    assert abs(fast.mean() - plain.mean()) < plain.std(ddof=1)
    # It agrees with the plain one nearly as often as that agrees with itself.
    others = np.roll(found["forest"], 1, axis=0)
    itself = (others == found["forest"]).mean()
    assert (found["forest_fast"] == found["forest"]).mean() > itself - 0.02


def test_its_twin_is_the_forest_of_conf() -> None:
    assert plain_model(model("forest_fast")) == model("forest")
    assert plain_model(model("forest")) == model("forest")
    assert plain_model(model("svm")) == model("svm")
    assert (model("forest_fast").fast, model("forest").fast) == (True, False)


def test_the_twin_of_a_nested_forest_leaves_out_what_only_the_fast_one_takes() -> None:
    inner = {"_target_": FAST, "n_estimators": 7, "max_bins": 9}
    outer = Model(
        "mine", "sklearn.ensemble.BaggingClassifier", False, {"estimator": inner, "n_estimators": 2}
    )
    plain = plain_model(outer)
    assert (outer.fast, plain.fast) == (True, False)
    assert plain.parameters["estimator"] == {"_target_": PLAIN, "n_estimators": 7}
    assert classifiers.build(plain, 1).estimator.n_estimators == 7


@pytest.fixture
def fast(composed: Callable[..., dict[str, Any]], toyland: Country) -> Candidate:
    return Candidate(
        filling.command(Configuration, composed(model=of_conf("forest_fast"))), toyland
    )


def test_its_identity_holds_the_version_of_what_computes_it(
    fast: Candidate, toy_archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = replace(
        fast, configuration=replace(fast.configuration, model=plain_model(fast.configuration.model))
    )
    found = []
    for version in ("2026.1", "2026.2"):
        monkeypatch.setattr(fast_forest, "version", lambda _, version=version: version)
        found.append((fast.identity(toy_archive), plain.identity(toy_archive)))
    assert found[0][0] != found[1][0]
    assert found[0][1] == found[1][1]


def test_what_is_allowed_does_not_decide_an_identity(
    composed: Callable[..., dict[str, Any]], toyland: Country, toy_archive: Archive
) -> None:
    made, allowing = (
        Candidate(filling.command(Configuration, composed(allow=allow)), toyland)
        for allow in ([], ["lightgbm."])
    )
    assert allowing.configuration.model.allow == ("lightgbm.",)
    assert made.identity(toy_archive) == allowing.identity(toy_archive)
    assert from_yaml(allowing.as_yaml()) == allowing


@pytest.mark.parametrize("allow", ["lightgbm.", None, 3, [3], {"a": "b"}])
def test_what_is_allowed_is_a_list_of_names(
    composed: Callable[..., dict[str, Any]], allow: object
) -> None:
    with pytest.raises(ConfigError, match=r"allow must be a list of names, as in allow=\["):
        filling.command(Configuration, composed(allow=allow))


def checked(fast: Candidate, here: bool, monkeypatch: pytest.MonkeyPatch) -> tuple[Job, bool, str]:
    """A job of the fast forest, whether a sweep of two can use it, and what is said."""
    monkeypatch.setattr(fast_forest, "has_fast", lambda: here)
    job = Job(fast.configuration, (fast.country,), alternatives=(fast.configuration,))
    console = Console(width=500)
    with console.capture() as screen:
        can_use = preflight.check_fast([job, job], console)
    return job, can_use, screen.get()


def test_where_it_cannot_be_used_one_line_says_so_for_all_jobs(
    fast: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, can_use, said = checked(fast, False, monkeypatch)
    assert said.count("\n") == 1
    assert "(make fast, or pip install 'cropland[fast]'; x86-64)" in said
    assert "forest_fast is run as scikit-learn's own forest" in said
    assert not can_use
    plain = fast_forest.plain_job(job)
    assert {each.model.name for each in (plain.configuration, *plain.alternatives)} == {"forest"}


def test_where_it_can_be_used_nothing_is_said_or_changed(
    fast: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, can_use, said = checked(fast, True, monkeypatch)
    assert (can_use, said) == (True, "")


def test_by_command_the_run_names_the_forest_that_was_run(shell: Shell, tmp_path: Path) -> None:
    absent = tmp_path / "absent" / "sklearnex"
    absent.mkdir(parents=True)
    (absent / "__init__.py").write_text("raise ImportError('not for this processor')")
    words = (*shell.toy, "-m", "model=forest_fast", "bands=ndvi", "span=12,24")
    done = shell.run(*words, PYTHONPATH=str(absent.parent))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("forest_fast is run as scikit-learn's own forest") == 1
    assert "candidates: 2 finished" in done.stdout
    scored = (shell.folder / "mlruns").rglob("predictions.csv")
    kept = [path.with_name("config.yaml").read_text() for path in scored]
    assert len(kept) == 2
    assert all(f"_target_: {PLAIN}\n" in text and FAST not in text for text in kept)
    again = shell.run(*(word.replace("forest_fast", "forest") for word in words))
    assert "candidates: 2 already there" in again.stdout
