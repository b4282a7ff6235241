"""Files of ``conf/model/``: what they make of a classifier, and the short forms of their keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from sklearn.base import is_classifier
from standins.configuration import CONF, jobs

from cropland.config import filling
from cropland.config.groups import Configuration
from cropland.config.model import full_key, short_key
from cropland.errors import ConfigError
from cropland.training.candidate import Candidate
from cropland.training.candidates import candidates_of

LOGISTIC = "model._target_=sklearn.linear_model.LogisticRegression"
FILES = [
    path
    for path in sorted((CONF / "model").glob("*.yaml"))
    if path.stem not in ("custom", "forest_fast")
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_hydra_instantiates_the_estimator_of_a_file(path: Path) -> None:
    values = OmegaConf.load(path)
    made = instantiate(values.estimator)
    assert is_classifier(made)
    assert f"{type(made).__module__}.{type(made).__name__}".split(".")[0] == "sklearn"
    plain = {key: value for key, value in values.estimator.items() if key != "_target_"}
    given = made.get_params(deep=False)
    assert all(given[key] == value for key, value in plain.items() if key != "estimator")


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("model.max_depth", "model.estimator.max_depth"),
        ("model.max_depth=4,8", "model.estimator.max_depth=4,8"),
        ("+model.C=0.1", "+model.estimator.C=0.1"),
        ("++model.C=0.1", "++model.estimator.C=0.1"),
        ("~model.max_depth", "~model.estimator.max_depth"),
        ("model._target_=a.model.B", "model.estimator._target_=a.model.B"),
        ("model.estimators=[]", "model.estimator.estimators=[]"),
    ],
)
def test_a_short_key_stands_for_a_full_one(short: str, full: str) -> None:
    assert full_key(short) == full
    assert full_key(full) == full
    assert short_key(full) == short


@pytest.mark.parametrize(
    "word",
    ["model=forest", "model.name=x", "model.scale=true", "model.estimator={C:1}", "x.model.C=1"],
)
def test_other_keys_have_no_short_form(word: str) -> None:
    assert full_key(word) == short_key(word) == word


def test_the_key_of_an_inner_class_is_full() -> None:
    """Otherwise ``model.estimator.C`` would depend on the model that is chosen elsewhere."""
    assert short_key("model.estimator.estimator.C=1") == "model.estimator.C=1"
    assert full_key("model.estimator.C=1") == "model.estimator.C=1"
    with pytest.raises(Exception, match="Could not override 'model.estimator.C'"):
        jobs("country=iran", "model=svm", "model.estimator.C=1")
    (job,) = jobs("country=iran", "model=svm", "model.estimator.estimator.C=1")
    assert job.configuration.model.parameters["estimator"]["C"] == 1


def candidate(*words: str) -> Candidate:
    (job,) = jobs("country=iran", *words)
    (only,) = candidates_of(job)
    return only


@pytest.mark.parametrize(
    ("words", "fingerprint", "params"),
    [
        (
            [],
            "c2e3c0912fb9e9a920b74f8b04c09bf9",
            {"model": "forest", "model.n_estimators": 100, "model.max_depth": 10},
        ),
        (
            ["model=svm", "span=12"],
            "43dfde47b2e69664768c5400a4452fe1",
            {
                "model": "svm",
                "model.ensemble": False,
                "model.cv": 3,
                "model.estimator": "sklearn.svm.SVC",
                "model.estimator.C": 3.0,
                "model.estimator.gamma": "scale",
            },
        ),
        (
            ["model=custom", LOGISTIC, "+model.C=0.1"],
            "340f517cf76d7747c4dd8fa39b03b861",
            {
                "model": "custom",
                "model._target_": "sklearn.linear_model.LogisticRegression",
                "model.C": 0.1,
            },
        ),
    ],
    ids=["forest", "svm", "custom"],
)
def test_settings_and_params_are_those_of_stores_that_are_there(
    words: list[str], fingerprint: str, params: dict[str, object]
) -> None:
    """By these a candidate of an older store is recognised, where the file had no ``estimator``."""
    found = candidate(*words)
    assert found.fingerprint == fingerprint
    named = {key: value for key, value in found.params().items() if key.startswith("model")}
    assert named == params


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"name": "old", "scale": False, "_target_": "sklearn.svm.SVC"},
            "model._target_: expected only name, scale, estimator in a model; its class and parameters "
            "stand below estimator, as in estimator: {_target_: sklearn.svm.SVC, C: 10}",
        ),
        ({"name": "x", "scale": False}, "model.estimator._target_ has no value"),
        ({"name": "x", "scale": False, "estimator": 3}, "model.estimator must be a group of keys"),
        (
            {"name": "x", "scale": False, "estimator": {"_target_": 3}},
            "model.estimator._target_ must be the name of a class, got 3",
        ),
        (
            {"name": "x", "scale": 3, "estimator": {"_target_": "sklearn.svm.SVC"}},
            "model.scale must be true or false, got 3",
        ),
    ],
)
def test_a_file_that_is_no_model_is_one_line(
    composed: Callable[..., dict[str, Any]], model: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        filling.command(Configuration, composed(model=model))
