from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
import yaml
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from standins.toy_model import average, learnt, with_member

from cropland.config.model import Model
from cropland.errors import DataError
from cropland.learning import classifiers
from cropland.learning.fast_forest import plain_model
from cropland.models import model_files
from cropland.models.fitted import Fitted, code_hash
from cropland.observations import archive

MODELS = Path(__file__).parents[2] / "conf" / "model"


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_model_of_conf_comes_back_as_it_was_written(
    opened: archive.Archive, observations: pd.DataFrame, tmp_path: Path, path: Path
) -> None:
    values = yaml.safe_load(path.read_text())
    parameters = values["estimator"]
    target = parameters.pop("_target_").replace("???", "sklearn.linear_model.LogisticRegression")
    quick = {"n_estimators": 5, "max_iter": 20}
    parameters |= {key: value for key, value in quick.items() if key in parameters}
    chosen = Model(path.stem, target, values["scale"], parameters)
    fitted = learnt(opened, classifier=classifiers.build(plain_model(chosen), seed=1))
    back = model_files.read(model_files.write(tmp_path, fitted))
    pd.testing.assert_frame_equal(back.predict(observations), fitted.predict(observations))
    alike = (with_member(each, classifier=None) for each in (back, fitted))
    assert len({repr(each) for each in alike}) == 1


def test_a_model_of_several_members_comes_back_as_it_was_written(
    opened: archive.Archive, observations: pd.DataFrame, tmp_path: Path
) -> None:
    fitted = average(opened)
    files = model_files.write(tmp_path, fitted)
    numbers = ("", "_2", "_3", "_4")
    assert set(files) == {"recipe.yaml"} | {
        name for n in numbers for name in (f"estimator{n}.skops", f"applicability{n}.npz")
    }
    back = model_files.read(files)
    assert back.recipes == fitted.recipes
    assert (back.calibration, back.sets) == (fitted.calibration, fitted.sets)
    pd.testing.assert_frame_equal(back.predict(observations), fitted.predict(observations))
    third = files.pop("estimator_3.skops")
    with pytest.raises(DataError, match=r"recipe.yaml lacks the estimator_3.skops beside it"):
        model_files.read(files)
    # A file of another member of the same model, with as many features.
    files |= {"estimator_3.skops": third, "estimator.skops": files["estimator_4.skops"]}
    with pytest.raises(DataError, match=r"estimator_4.skops is not the one that the recipe.yaml"):
        model_files.read(files)


def test_a_recipe_of_one_member_of_before_is_read_and_predicts_the_same(
    opened: archive.Archive, observations: pd.DataFrame, tmp_path: Path
) -> None:
    known = average(opened)
    fitted = replace(known, members=known.members[:1], calibration=None, sets=None)
    files = model_files.write(tmp_path, fitted)
    recipe = Path(files[model_files.RECIPE])
    values = yaml.safe_load(recipe.read_text())
    (member,) = values.pop("members")
    del values["calibration"], values["sets"]
    for left_out in ((), ("checksums",), ("has_applicability", "checksums")):
        before = {name: value for name, value in (member | values).items() if name not in left_out}
        recipe.write_text(yaml.safe_dump(before, sort_keys=False))
        back = model_files.read(files)
        pd.testing.assert_frame_equal(back.predict(observations), fitted.predict(observations))
        assert back.members[0].applicability is not None


def test_a_model_of_another_scikit_learn_says_so_once(
    opened: archive.Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = model_files.write(tmp_path, average(opened))
    monkeypatch.setattr("sklearn.base.__version__", "99.1")
    with pytest.warns(UserWarning) as caught:
        model_files.read(files)
    (message,) = [str(item.message) for item in caught]
    assert message.startswith(
        f"the model was made with scikit-learn {sklearn.__version__}, here is"
    )


class Foreign(ClassifierMixin, BaseEstimator):
    """A classifier of somebody else's; says so when it is made."""

    made = 0

    def __setstate__(self, state: dict[str, Any]) -> None:
        Foreign.made += 1

    def fit(self, x: Any, y: Any) -> Foreign:
        self.classes_ = np.array([0, 1])
        return self


def test_a_foreign_type_is_named_and_not_loaded(opened: archive.Archive, tmp_path: Path) -> None:
    files = model_files.write(tmp_path, learnt(opened, classifier=Foreign()))
    with pytest.raises(DataError, match=r"holds \S*test_model_files.Foreign, of which no model"):
        model_files.read(files)
    assert Foreign.made == 0
    pipeline = make_pipeline(FunctionTransformer(os.path.basename, check_inverse=False), Foreign())
    fitted = with_member(learnt(opened), classifier=pipeline)
    with pytest.raises(DataError, match="posixpath.basename"):
        model_files.read(model_files.write(tmp_path, fitted))


def test_files_that_are_no_model_are_answered_in_one_line(fitted: Fitted, tmp_path: Path) -> None:
    files = model_files.write(tmp_path, fitted)
    Path(files[model_files.ESTIMATOR]).write_bytes(b"no archive")
    with pytest.raises(
        DataError, match=r"estimator.skops is not the one that .*; log the model again"
    ):
        model_files.read(files)
    recipe = Path(files[model_files.RECIPE])
    recipe.write_text(recipe.read_text().partition("checksums:")[0])
    with pytest.raises(DataError, match=r"estimator.skops cannot be read: .*; log the model again"):
        model_files.read(files)
    Path(files[model_files.RECIPE]).write_text("recipe: [")
    with pytest.raises(DataError, match=r"recipe.yaml cannot be read"):
        model_files.read(files)
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    Path(files[model_files.RECIPE]).write_text(bomb)
    with pytest.raises(DataError, match=r"recipe.yaml cannot be read: .* got an alias"):
        model_files.read(files)
    Path(files[model_files.RECIPE]).unlink()
    with pytest.raises(DataError, match=r"recipe.yaml cannot be read"):
        model_files.read(files)


def test_other_code_of_the_feature_path_is_warned_of(fitted: Fitted, tmp_path: Path) -> None:
    files = model_files.write(tmp_path, fitted)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model_files.read(files)
    recipe = Path(files[model_files.RECIPE])
    recipe.write_text(recipe.read_text().replace(code_hash(), "f" * 32))
    with pytest.warns(UserWarning, match="the model of toyland was made by other code") as caught:
        model_files.read(files)
    assert len(caught) == 1 and "\n" not in str(caught[0].message)
