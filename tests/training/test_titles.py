from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from cropland.config import filling
from cropland.config.countries import Country, Reference
from cropland.config.groups import Configuration
from cropland.features.recipe import Recipe
from cropland.training.candidate import Candidate
from cropland.training.nested_candidate import NestedCandidate
from cropland.training.titles import candidate_title, model_in_words, model_title

Made = Callable[..., Candidate]


@pytest.fixture
def made(composed: Callable[..., dict[str, Any]], toyland: Country) -> Made:
    sudan = replace(toyland, title="Sudan", reference=Reference("2019-07-01", "2020-06-30"))
    return lambda **changes: Candidate(filling.command(Configuration, composed(**changes)), sudan)


def test_a_candidate_is_called_as_people_call_it(made: Made) -> None:
    title = candidate_title(made(span=72))
    assert title == "Sudan, 72 weeks to 30 June 2020, B2 B3 B4 B8 NDVI, random forest"


def test_a_title_says_what_is_not_the_default(made: Made) -> None:
    unusual = made(
        **{"span": 1, "period": 2, "training": "others"},
        series={"name": "mine", "clear": True, "step_days": 5},
        features={"name": "mine", "flat": True, "statistics": ["std"], "harmonics": 2},
        validation={"name": "repeated", "folds": 5, "repeats": 3},
        bands={"name": "everything", "names": [f"B{number}" for number in range(1, 10)]},
    )
    assert candidate_title(replace(unusual, shown=("model.max_depth", "span"))) == (
        "Sudan, 1 week to 31 August 2020, everything, random forest, each day and statistics over time "
        "and harmonics, clear observations only, trained on the other countries, 3 × 5 folds, max_depth=10"
    )


def test_an_average_says_once_what_its_members_have_in_common(made: Made) -> None:
    one, two = made(span=24), made(span=96, period=-1)
    assert candidate_title(one, one, two) == (
        "Sudan, mean of 3 candidates, 24 to 96 weeks to 31 May 2020 … 30 June 2020, B2 B3 B4 B8 NDVI, "
        "random forest"
    )
    sets = [made(bands={"name": f"set{n}", "names": [f"B{n}"]}) for n in (2, 3, 4)]
    assert "B2 / B3, random forest" in candidate_title(*sets[:2])
    assert "3 band sets, random forest" in candidate_title(*sets)


def test_a_nested_candidate_is_a_selection(made: Made) -> None:
    one = made()
    nested = NestedCandidate(
        one.configuration, one.country, alternatives=(one.configuration, made(span=8).configuration)
    )
    assert (
        candidate_title(nested) == "Sudan, selection among 2 candidates in nested cross-validation"
    )


def test_models_are_named_in_words() -> None:
    assert model_in_words(["sklearnex.ensemble.ExtraTreesClassifier"]) == (
        "extremely randomised trees"
    )
    assert model_in_words(["sklearn.calibration.Calibrated", "sklearn.svm.SVC"]) == (
        "support vector machine"
    )
    assert model_in_words(["lightgbm.LGBMClassifier"]) == "LGBMClassifier"


def test_a_fitted_model_has_the_title_of_its_candidate_and_of_the_season(made: Made) -> None:
    candidate = made(span=72)
    chosen = candidate.configuration
    recipe = Recipe("2020-06-30", 72, 0, chosen.bands.names, chosen.series, chosen.features)
    forest = RandomForestClassifier()
    assert model_title("Sudan", [(recipe, forest)]) == candidate_title(candidate)
    machine = make_pipeline(StandardScaler(), CalibratedClassifierCV(SVC()))
    later = model_title("Sudan", [(recipe, machine)], date(2021, 6, 30))
    assert later == "Sudan, 72 weeks to 30 June 2021, B2 B3 B4 B8 NDVI, support vector machine"
