from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import yaml

from cropland.config import filling
from cropland.config.countries import Choice, Country, Reference
from cropland.config.groups import Configuration, Paths
from cropland.config.jobs import Job
from cropland.errors import ConfigError, DataError
from cropland.observations.archive import Archive
from cropland.support import yaml_text
from cropland.training.candidate import Candidate
from cropland.training.candidates import candidates_of, from_yaml
from cropland.training.nested_candidate import NestedCandidate

Made = Callable[..., Candidate]


@pytest.fixture
def made(composed: Callable[..., dict[str, Any]], toyland: Country) -> Made:
    """Gives the toy country's candidate with some keys of the configuration changed."""
    return lambda **changes: Candidate(filling.command(Configuration, composed(**changes)), toyland)


@pytest.fixture
def farland(toyland: Country) -> Country:
    return replace(toyland, name="farland", reference=Reference("2019-07-01", "2020-06-30"))


def marked(opened: Archive, fingerprint: str) -> Archive:
    return Archive(opened.dataset.assign_attrs(fingerprint=fingerprint))


CHOICE = {"name": "nested", "folds": 3, "inner": 2, "candidates": {"span": [4, 8]}}


def nested(made: Made) -> NestedCandidate:
    """A candidate that chooses among two spans."""
    alternatives = tuple(made(span=span).configuration for span in (4, 8))
    chooser = made(validation=CHOICE)
    return NestedCandidate(chooser.configuration, chooser.country, alternatives=alternatives)


def test_its_name_says_what_differs_from_the_defaults(made: Made) -> None:
    assert made().name == "toyland 48w +0m visible_nir_ndvi forest"
    assert made(period="2020-06-30", span=4).name == "toyland 4w 2020-06-30 visible_nir_ndvi forest"
    other = made(training="pooled", features__name="statistics", validation__name="blocks")
    assert other.name == "toyland 48w +0m visible_nir_ndvi forest statistics blocks pooled"
    assert nested(made).name == "toyland 2 alternatives nested"


def test_its_outcome_has_its_key(made: Made) -> None:
    one, two = made(training="pooled"), made(training="others")
    assert one.key == one.outcome("finished", accuracy=0.9).key
    assert one.key != two.key
    assert made(features__name="statistics").key != made().key
    assert made(period=2).outcome("finished").uses_future
    assert not made(period=0).outcome("finished").uses_future


def test_what_it_wrote_makes_it_again(made: Made, farland: Country) -> None:
    chosen = replace(farland, chosen=Choice(96, "2020-03-31"))
    whole = replace(nested(made), other_countries=(chosen,))
    text = "".join(whole.config_files.values())
    assert list(whole.config_files) == ["config.yaml", "config_extra.yaml"]
    assert from_yaml(text) == whole
    here = Paths("elsewhere", "archive", "runs")
    again = from_yaml(text, paths=here, n_jobs=1)
    assert again.configuration == replace(whole.configuration, paths=here, n_jobs=1)
    assert again.country == whole.country


def test_its_configuration_is_in_the_form_of_conf(made: Made) -> None:
    candidate = made(model__estimator__max_depth=3)
    assert list(candidate.config_files) == ["config.yaml"]
    values = yaml.safe_load(candidate.as_yaml())
    estimator = {"_target_": "sklearn.ensemble.RandomForestClassifier", "n_estimators": 100}
    assert values["model"] == {
        "name": "forest",
        "scale": False,
        "estimator": {**estimator, "max_depth": 3},
    }
    assert values["country"]["box"] == {"south": 10.0, "north": 10.4, "west": 20.0, "east": 20.4}


def test_a_configuration_of_before_is_read(made: Made, farland: Country) -> None:
    whole = replace(nested(made), other_countries=(farland,))
    parts = {
        "country": asdict(whole.country),
        "other_countries": [asdict(farland)],
        "alternatives": [asdict(other) for other in whole.alternatives],
    }
    assert from_yaml(yaml_text.dump(parts | asdict(whole.configuration))) == whole


@pytest.mark.parametrize("change", [{"training": "pooled"}, {"validation": CHOICE}], ids=str)
def test_a_configuration_without_its_other_half_is_refused(
    made: Made, change: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=r"expected config_extra.yaml beside .* found none"):
        from_yaml(made(**change).as_yaml())


@pytest.mark.parametrize(
    "change",
    [
        {"training": "pooled"},
        {"training": "others"},
        {"seed": 7},
        {"features__statistics": ["min"]},
        {"features__flat": False, "features__statistics": ["min"]},
        {"model__estimator__max_depth": 3},
        {"validation__folds": 4},
        {"series__clear": True},
    ],
)
def test_what_decides_scores_decides_its_identity(
    made: Made, toy_archive: Archive, change: dict[str, Any]
) -> None:
    assert made(**change).identity(toy_archive) != made().identity(toy_archive)


@pytest.mark.parametrize(
    "change",
    [
        {"n_jobs": 1},
        {"force": True},
        {"promote": True},
        {"output": "x.csv"},
        {"paths__data": "elsewhere"},
        {"promotion__rule": "best"},
        {"study": {"name": "s", "by": ["model.max_depth"]}},
    ],
)
def test_what_decides_nothing_does_not(
    made: Made, toy_archive: Archive, change: dict[str, Any]
) -> None:
    assert made(**change).identity(toy_archive) == made().identity(toy_archive)


def test_its_own_and_other_countries_data_decide_its_identity(
    made: Made, toy_archive: Archive, farland: Country
) -> None:
    pooled = replace(made(training="pooled"), other_countries=(farland,))
    alone = pooled.identity(toy_archive, [marked(toy_archive, "f01")])
    assert alone == pooled.identity(toy_archive, [marked(toy_archive, "f01")])
    assert alone != pooled.identity(toy_archive, [marked(toy_archive, "f02")])
    assert alone != pooled.identity(marked(toy_archive, "f02"), [marked(toy_archive, "f01")])
    # The season of the labels of a training country decides which of its observations are used.
    later = replace(farland, reference=Reference("2019-08-01", "2020-07-31"))
    moved = replace(pooled, other_countries=(later,))
    assert alone != moved.identity(toy_archive, [marked(toy_archive, "f01")])
    # A window that someone found good decides nothing.
    advised = replace(pooled, other_countries=(replace(farland, chosen=Choice(96, 0)),))
    assert alone == advised.identity(toy_archive, [marked(toy_archive, "f01")])


def test_params_of_a_choice_are_what_it_is_made_from(made: Made) -> None:
    params = nested(made).params()
    assert params["span"] == "4,8"
    assert (params["validation.folds"], params["validation.inner"]) == (3, 2)
    assert (params["period"], params["training"], params["features"]) == (0, "own", "flat")
    assert "validation.candidates" not in params


def test_windows_of_single_countries_reach_candidates(
    made: Made, toyland: Country, farland: Country
) -> None:
    job = Job(
        configuration=made(training="pooled").configuration,
        countries=(toyland, farland),
        every_country=(toyland, farland),
        windows={"farland": Choice(4, "2020-03-31")},
    )
    first, second = candidates_of(job)
    assert (first.configuration.span, first.configuration.period) == (48, 0)
    assert (second.configuration.span, second.configuration.period) == (4, "2020-03-31")
    assert second.window.last.isoformat() == "2020-03-31"
    assert first.other_countries == (farland,)
    assert second.other_countries == (toyland,)


def test_a_window_of_a_country_reaches_alternatives_that_do_not_vary_it(
    made: Made, toyland: Country
) -> None:
    chooser = nested(made)
    job = Job(
        configuration=chooser.configuration,
        countries=(toyland,),
        windows={"toyland": Choice(20, -2)},
        alternatives=chooser.alternatives,
    )
    (found,) = candidates_of(job)
    windows = [(each.configuration.span, each.configuration.period) for each in found.choices]
    assert windows == [(4, -2), (8, -2)]


def test_every_alternative_is_checked(made: Made, toy_archive: Archive) -> None:
    nested(made).check(toy_archive)
    lacking = made(bands__names=["B11"]).configuration
    with pytest.raises(DataError, match="has no B11"):
        replace(nested(made), alternatives=(made().configuration, lacking)).check(toy_archive)


def changed(opened: Archive, **columns: Any) -> Archive:
    """An archive with other columns, and other attributes where their name is one."""
    dataset = opened.dataset.load()
    for name, values in columns.items():
        dataset = dataset.assign({name: dataset[name].copy(data=values)})
    return Archive(dataset)


def without_observations(opened: Archive, points: np.ndarray) -> Archive:
    """An archive without the rows of some of its points."""
    gone = np.isin(np.arange(opened.dataset.sizes["point"]), points)
    sizes = np.diff(opened.offsets)
    dataset = opened.dataset.load().isel(observation=np.flatnonzero(~np.repeat(gone, sizes)))
    return Archive(dataset.assign(row_size=("point", np.where(gone, 0, sizes).astype(np.int32))))


def test_labelled_points_without_observations_are_named_before_any_work(
    made: Made, toy_archive: Archive
) -> None:
    """Points 0 to 59 are labelled, every other one as cropland."""
    lost = without_observations(toy_archive, np.arange(1, 60, 2))
    attributes = {"unknown_ids": "the exports have 'p001'"}
    with pytest.raises(
        DataError,
        match=r"labels of one class only \(30 × 0\); .* \(of 60 labelled points 30 have no observation: "
        r"'P001', 'P003', .* \(30 in all\); the exports have 'p001'\)",
    ):
        made().check(Archive(lost.dataset.assign_attrs(attributes)))
    with pytest.raises(
        DataError, match=r"no labelled point of .* can be used: .*60 have no observation"
    ):
        made().check(without_observations(toy_archive, np.arange(60)))


def test_copies_of_points_are_not_counted_as_points_of_a_class(
    made: Made, toy_archive: Archive
) -> None:
    """All labelled points on two pixels, one of each class."""
    lat = toy_archive.points["Lat"].to_numpy().copy()
    lon = toy_archive.points["Lon"].to_numpy().copy()
    lat[:60], lon[:60] = np.tile([10.1, 10.2], 30), 20.1
    with pytest.raises(DataError, match="1 cropland and 1 other points, fewer than the 5 folds"):
        made().check(changed(toy_archive, Lat=lat, Lon=lon))


def test_clear_observations_only_where_there_are_none_is_said_before_any_work(
    made: Made, toy_archive: Archive
) -> None:
    clouds = np.full(toy_archive.dataset.sizes["observation"], 9, np.uint8)
    cloudy = changed(toy_archive, SCL=clouds)
    made().check(cloudy)
    with pytest.raises(
        DataError,
        match=r"series=clear leaves no observation of toyland: SCL is 9 in all of them.*series=raw",
    ):
        made(series={"name": "clear", "clear": True, "step_days": 5}).check(cloudy)
    clouds[0] = 4
    made(series={"name": "clear", "clear": True, "step_days": 5}).check(
        changed(toy_archive, SCL=clouds)
    )
