"""Which settings differ among the candidates of a sweep, from the words of a command line."""

from __future__ import annotations

import doctest

import pytest
from standins.configuration import jobs

from cropland.errors import ConfigError
from cropland.training import preflight, variation
from cropland.training.candidate import Candidate
from cropland.training.candidates import candidates_of
from cropland.training.variation import varied


def swept(*words: str) -> list[Candidate]:
    return [candidate for job in jobs("-m", *words) for candidate in candidates_of(job)]


def varied_of(*words: str) -> list[str]:
    return varied(candidate.settings() for candidate in swept(*words))


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(variation).failed == 0


def test_settings_of_two_groups_with_one_name_have_their_groups() -> None:
    names = variation.labels(["model.folds", "validation.folds", "seed"], taken=["seed"])
    assert list(names.values()) == ["model.folds", "validation.folds", "seed"]


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (["model.max_depth=2,4,16", "model.n_estimators=10,40"], ["n_estimators", "max_depth"]),
        (["model.estimator.max_depth=null,4"], ["max_depth"]),
        (["+model.min_samples_leaf=1,5"], ["min_samples_leaf"]),
        (["+model.bootstrap=true,false"], ["bootstrap"]),
        (["model.scale=true,false"], ["scale"]),
    ],
    ids=str,
)
def test_parameters_of_a_model_that_were_swept(words: list[str], keys: list[str]) -> None:
    assert varied_of("country=iran", *words) == [f"model.{key}" for key in keys]


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (["series.step_days=5,10"], ["series.step_days"]),
        (["validation.folds=2,5"], ["validation.folds"]),
        (["seed=1,2,3"], ["seed"]),
        (["features=statistics", "features.statistics=[min],[max]"], ["features.statistics"]),
        (["bands.names=[B4],[B8]"], ["bands"]),
        (["span=4,8", "period=0,2"], ["span", "period"]),
        (["country=all"], []),
        (["country=all", "+windows.iran={span:8,period:0}"], []),
        (["validation=kfold,blocks"], ["validation"]),
    ],
    ids=str,
)
def test_other_settings_that_were_swept(words: list[str], keys: list[str]) -> None:
    assert varied_of("country=iran", *words) == keys


def test_what_comes_with_the_file_of_a_group_is_no_variation_of_its_own() -> None:
    assert varied_of("country=iran", "model=forest,knn_3,svm") == ["model"]
    both = varied_of("country=iran", "model=forest,extra_trees", "model.n_estimators=2,4")
    assert both == ["model", "model.n_estimators"]


@pytest.mark.parametrize(
    "words",
    [
        ["model.max_depth=2,4", "model.n_estimators=10,40"],
        ["features.statistics=[min],[max]", "series.step_days=5,10"],
        ["seed=1,2", "validation.folds=2,5"],
        ["validation=nested", "seed=1,2"],
    ],
    ids=str,
)
def test_candidates_that_differ_in_any_setting_have_names_and_keys_of_their_own(
    words: list[str],
) -> None:
    found = swept("country=iran", *words)
    assert len({candidate.name for candidate in found}) == len(found)
    assert len({candidate.key for candidate in found}) == len(found)


def test_a_name_has_what_was_given_by_its_key() -> None:
    (candidate,) = swept("country=iran", "model.estimator.max_depth=4", "bands.names=[B4]")
    assert candidate.name == "iran 48w +0m B4 forest max_depth=4"
    (candidate,) = swept("country=iran", "features.statistics=[min,max]", "seed=7")
    assert candidate.name == "iran 48w +0m visible_nir_ndvi forest seed=7 statistics=[min,max]"


def test_no_list_of_values_makes_a_name_long() -> None:
    names = ",".join(["std"] * 100)
    (candidate,) = swept("country=iran", f"features.statistics=[{names}]")
    assert candidate.name.endswith("…") and len(candidate.name) < 100


@pytest.mark.parametrize("key", ["model.max_depth", "model.estimator.max_depth"])
def test_a_study_compares_by_any_swept_key(key: str) -> None:
    found = swept("country=iran", "model.max_depth=2,4", f"+study={{by: [{key}]}}")
    study = found[0].configuration.study
    assert study is not None
    assert (study.figure, study.by) == ("comparison", ("model.max_depth",))
    preflight.check_study(study, found)


def test_a_study_by_an_unknown_word_is_refused_with_the_nearest() -> None:
    found = swept("country=iran", "model.max_depth=2,4", "+study={by: [bands, model.max_dept]}")
    study = found[0].configuration.study
    assert study is not None
    with pytest.raises(
        ConfigError, match=r"study\.by: .*'model.max_dept'; did you mean 'model.max"
    ):
        preflight.check_study(study, found)


def test_a_study_without_a_figure_compares_and_says_by_what_it_lacks() -> None:
    with pytest.raises(ConfigError, match=r"compares nothing; name what was swept in study\.by"):
        swept("country=iran", "+study={name: depth}")
