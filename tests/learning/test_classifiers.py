from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from standins.fast import REASON

from cropland.config.model import FAST, Model
from cropland.errors import ConfigError
from cropland.learning import classifiers, fast_forest

MODELS = Path(__file__).parents[2] / "conf" / "model"

CALIBRATED = "sklearn.calibration.CalibratedClassifierCV"


def model(target: str, name: str = "custom", scale: bool = False, **parameters: object) -> Model:
    return Model(name, target, scale, parameters)


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_model_of_conf_learns_and_gives_probabilities(path: Path) -> None:
    values = yaml.safe_load(path.read_text())
    parameters = values["estimator"]
    target = parameters.pop("_target_").replace("???", "sklearn.linear_model.LogisticRegression")
    assert values["name"] == path.stem
    if target in FAST and not fast_forest.has_fast():
        pytest.skip(REASON)
    quick = {"n_estimators": 5, "max_iter": 20}
    parameters |= {key: value for key, value in quick.items() if key in parameters}
    built = classifiers.build(Model(path.stem, target, values["scale"], parameters), seed=1)
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int8)
    probability = built.fit(x, y).predict_proba(x)
    assert probability.shape == (60, 2)
    assert ((probability[:, 1] > 0.5) == y).mean() > 0.8


def test_the_seed_reaches_the_classifier_unless_the_configuration_gives_one() -> None:
    forest = "sklearn.ensemble.RandomForestClassifier"
    assert classifiers.build(model(forest), seed=7).random_state == 7
    assert classifiers.build(model(forest, random_state=3), seed=7).random_state == 3


def test_a_scaled_model_is_a_pipeline() -> None:
    built = classifiers.build(model("sklearn.svm.SVC", scale=True, probability=True), seed=1)
    assert [name for name, _ in built.steps] == ["standardscaler", "svc"]


@pytest.mark.parametrize(
    ("target", "parameter", "part"),
    [
        ("gaussian_process.GaussianProcessClassifier", "kernel", "gaussian_process.kernels.Matern"),
        ("linear_model.LogisticRegressionCV", "cv", "model_selection.StratifiedKFold"),
        ("linear_model.LogisticRegressionCV", "cv", "model_selection.ShuffleSplit"),
    ],
)
def test_kernels_and_splitters_are_parts_of_models(target: str, parameter: str, part: str) -> None:
    chosen = model(f"sklearn.{target}", **{parameter: {"_target_": f"sklearn.{part}"}})
    built = classifiers.build(chosen, seed=1)
    assert type(getattr(built, parameter)).__name__ == part.rpartition(".")[2]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (model("os.system"), "expected a class of scikit-learn, got _target_ 'os.system'"),
        (
            model(CALIBRATED, estimator={"_target_": "os.system"}),
            "expected a class of scikit-learn, got _target_ 'os.system'",
        ),
        (model("sklearn.ensemble.RandomForst"), "cannot be found"),
        (model("sklearn.ensemble.RandomForestRegressor"), "expected a classifier"),
        (model("sklearn.svm.LinearSVC"), "gives no probabilities"),
        (
            model("sklearn.ensemble.RandomForestClassifier", n_estimators=-1),
            "cannot be made: The 'n_estimators' parameter .* must be an int in the range",
        ),
        (
            model("sklearn.neighbors.KNeighborsClassifier", n_neighbours=3),
            "no such parameter; did you mean 'n_neighbors'",
        ),
    ],
)
def test_what_is_no_classifier_is_refused(chosen: Model, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        classifiers.build(chosen, seed=1)


TRICKS = [
    "builtins.eval",
    "os.system",
    "sklearn",
    "sklearn.",
    "sklearn..ensemble.RandomForestClassifier",
    "sklearn.os.system",
    "sklearn.base.clone",
    "sklearn.base.warnings.warn",
    "sklearn.datasets.fetch_openml",
    "sklearn.ensemble.RandomForestClassifier.fit",
    "sklearn.ensemble.__builtins__",
    "sklearn.ensemble.__builtins__.eval",
    "sklearn.ensemble._forest.threading.Thread",
    "sklearn.externals.conftest.pytest_ignore_collect",
    "sklearn.tests.test_base.MyEstimator",
    "sklearn.utils.Bunch",
    "sklearn.utils._testing.TempMemmap",
    "sklearn.utils.parallel.Parallel",
    "sklearnex.patch_sklearn",
    "sklearnex.ensemble._forest.RandomForestClassifier",
    "sklearnex.svm.SVC",
    "sklearnfoo.Classifier",
]


@pytest.mark.parametrize("target", TRICKS)
def test_nothing_but_parts_of_models_can_be_made(target: str) -> None:
    for tricked in (model(target), model(CALIBRATED, estimator={"_target_": target})):
        with pytest.raises(ConfigError):
            classifiers.build(tricked, seed=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"_args_": ["os.system"]}, "_args_: .* has no such parameter"),
        ({"_partial_": True}, "_partial_: .* has no such parameter"),
        ({"_convert_": "all"}, "_convert_: .* has no such parameter"),
        ({"estimator": {"_target_": "sklearn.svm.SVC", "_args_": []}}, "model.estimator._args_"),
        ({"estimator": {"_target_": ["os.system"]}}, "expected a class of scikit-learn"),
        ({"estimator": {"_target_": None}}, "expected a class of scikit-learn"),
        ({"estimator": [[{"x": {"_target_": "os.system"}}]]}, "expected a class of scikit-learn"),
        (
            {"estimator": {"_target_": "sklearn.pipeline.Pipeline", "steps": [], "memory": "x"}},
            "no folder is written to",
        ),
        (
            {"estimator": {"_target_": "sklearn.svm.SVC"}, "cv": {"grid": {"clf__memory": ["x"]}}},
            "no folder is written to",
        ),
    ],
)
def test_there_is_no_way_round_by_the_keys(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        classifiers.build(model(CALIBRATED, **given), seed=1)


SEGMENTS = [
    *("sklearn", "ensemble", "base", "utils", "_forest", "svm", "kernels", "gaussian_process"),
    *("os", "sys", "system", "builtins", "eval", "__builtins__", "__class__", "subprocess", "run"),
    *("RandomForestClassifier", "SVC", "clone", "fit", "Thread", "threading", "", "trap", "Trap"),
    *("é",),
]
TARGETS = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=5).map(
    ".".join
) | st.sampled_from(["sklearn.naive_bayes.GaussianNB", "sklearn.svm.SVC", CALIBRATED])
KEYS = st.sampled_from(["_target_", "_args_", "_partial_", "memory", "estimator", "C", "cv"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | TARGETS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(TARGETS, st.dictionaries(KEYS, VALUES, max_size=3))
def test_whatever_is_written_is_a_part_of_scikit_learn_or_an_error(
    target: str, parameters: dict[str, Any]
) -> None:
    try:
        built = classifiers.build(Model("fuzz", target, False, parameters), seed=1)
    except ConfigError as error:
        assert "\n" not in str(error)
    else:
        assert type(built).__module__.startswith("sklearn.")


@pytest.fixture
def greenhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of somebody else's: a classifier, a function, a class that is no classifier, an import."""
    path = tmp_path / "greenhouse.py"
    path.write_text(
        "from threading import Thread\n"
        "from sklearn.naive_bayes import GaussianNB\n"
        "class Bayes(GaussianNB): pass\n"
        "class Loose(GaussianNB):\n"
        "    def __init__(self, **given): self.given = given\n"
        "class Log: pass\n"
        "def grow(): raise SystemExit\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "greenhouse", raising=False)
    return path


def test_what_is_not_allowed_is_not_even_imported(greenhouse: Path) -> None:
    with pytest.raises(ConfigError, match=r"allowed by name, as in allow=\["):
        classifiers.build(model("greenhouse.Bayes"), seed=1)
    assert "greenhouse" not in sys.modules


@pytest.mark.parametrize("entry", ["greenhouse.Bayes", "greenhouse."])
def test_a_class_is_allowed_by_its_name_or_by_its_package(greenhouse: Path, entry: str) -> None:
    chosen = Model("bayes", "greenhouse.Bayes", False, {"var_smoothing": 0.1}, allow=(entry,))
    assert classifiers.build(chosen, seed=1).var_smoothing == 0.1
    nested = {"_target_": "greenhouse.Bayes"}
    inside = Model("calibrated", CALIBRATED, False, {"estimator": nested}, allow=(entry,))
    assert type(classifiers.build(inside, seed=1).estimator).__name__ == "Bayes"


def test_a_foreign_class_that_takes_anything_is_given_it(greenhouse: Path) -> None:
    chosen = Model("loose", "greenhouse.Loose", False, {"any": 1}, allow=("greenhouse.Loose",))
    assert classifiers.build(chosen, seed=1).given == {"any": 1}


@pytest.mark.parametrize(
    ("target", "entry", "message"),
    [
        ("greenhouse.grow", "greenhouse.grow", "expected a class"),
        ("greenhouse.Log", "greenhouse.Log", "expected an estimator, a kernel or a splitter"),
        ("greenhouse.Thread", "greenhouse.", "expected a class of greenhouse"),
        ("greenhouse.Bayes", "greenhouse.Log", "expected a class of scikit-learn"),
        ("greenhouse.Bayes", "green.", "expected a class of scikit-learn"),
        ("greenhouse.Nothing", "greenhouse.", "cannot be found"),
        ("nowhere.Nothing", "nowhere.", "cannot be found: No module named 'nowhere'"),
    ],
)
def test_an_allowed_name_allows_no_more_than_it_says(
    greenhouse: Path, target: str, entry: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        classifiers.build(Model("m", target, False, {}, allow=(entry,)), seed=1)


@pytest.mark.parametrize(
    "entry", ["", ".", "lightgbm", "a..b", "a.__b__", "os.system()", "*", "a. b"]
)
def test_what_names_no_class_and_no_package_cannot_be_allowed(entry: str) -> None:
    with pytest.raises(ConfigError, match="allow: expected a class such as"):
        Model("m", "sklearn.svm.SVC", False, {}, allow=(entry,))
