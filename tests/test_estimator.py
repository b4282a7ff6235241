from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from cropland import estimator
from cropland.config import Model
from cropland.errors import ConfigError

MODELS = Path(__file__).parent.parent / "conf" / "model"


def model(target: str, name: str = "custom", scale: bool = False, **parameters: object) -> Model:
    return Model(name, target, scale, parameters)


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_model_of_conf_learns_and_gives_probabilities(path: Path) -> None:
    values = yaml.safe_load(path.read_text())
    if values["_target_"] == "???":
        values["_target_"] = "sklearn.linear_model.LogisticRegression"
    assert values["name"] == path.stem
    own = ("name", "scale", "_target_")
    parameters = {key: value for key, value in values.items() if key not in own}
    quick = {"n_estimators": 5, "max_iter": 20}
    parameters |= {key: value for key, value in quick.items() if key in parameters}
    built = estimator.build(
        Model(path.stem, values["_target_"], values["scale"], parameters), seed=1
    )
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int8)
    probability = built.fit(x, y).predict_proba(x)
    assert probability.shape == (60, 2)
    assert ((probability[:, 1] > 0.5) == y).mean() > 0.8


def test_the_seed_reaches_the_classifier_unless_the_configuration_gives_one() -> None:
    forest = "sklearn.ensemble.RandomForestClassifier"
    assert estimator.build(model(forest), seed=7).random_state == 7
    assert estimator.build(model(forest, random_state=3), seed=7).random_state == 3


def test_a_scaled_model_is_a_pipeline() -> None:
    built = estimator.build(model("sklearn.svm.SVC", scale=True, probability=True), seed=1)
    assert [name for name, _ in built.steps] == ["standardscaler", "svc"]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (model("os.system"), "expected a class of scikit-learn, got _target_ 'os.system'"),
        (
            model(
                "sklearn.calibration.CalibratedClassifierCV", estimator={"_target_": "os.system"}
            ),
            "expected a class of scikit-learn, got _target_ 'os.system'",
        ),
        (model("sklearn.ensemble.RandomForst"), "cannot be found"),
        (model("sklearn.ensemble.RandomForestRegressor"), "expected a classifier"),
        (model("sklearn.svm.LinearSVC"), "gives no probabilities"),
        (
            model("sklearn.neighbors.KNeighborsClassifier", n_neighbours=3),
            "no such parameter; did you mean 'n_neighbors'",
        ),
    ],
)
def test_what_is_no_classifier_is_refused(chosen: Model, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        estimator.build(chosen, seed=1)
