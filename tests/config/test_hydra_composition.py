"""What the command line composes: countries, band sets, a user's own defaults."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from cropland.config import composition, filling
from cropland.config.countries import Choice
from cropland.config.jobs import Job, all_countries
from cropland.errors import ConfigError
from cropland.tracking.experiments import experiment_of

CONF = Path(__file__).parents[2] / "conf"


@contextmanager
def composed(*overrides: str, conf: Path = CONF, mode: RunMode) -> Iterator[DictConfig]:
    """What Hydra's command line hands to callbacks."""
    with initialize_config_dir(str(conf), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        yield loader.load_configuration("train", list(overrides), run_mode=mode)


def job(*overrides: str, conf: Path = CONF) -> Job:
    with composed(*overrides, conf=conf, mode=RunMode.RUN) as config:
        return composition.job(config, config.hydra)


def sweep(*overrides: str, conf: Path = CONF) -> list[Job]:
    """All jobs of a sweep, as its callback makes them."""
    with composed(*overrides, conf=conf, mode=RunMode.MULTIRUN) as config:
        composition.prepare_sweep(config)
        return composition.jobs(config)


def test_all_is_every_file_of_the_group() -> None:
    assert [country.name for country in job().countries] == ["afghanistan", "iran", "sudan"]
    assert [country.name for country in job("country=iran").countries] == ["iran"]


def test_a_country_is_added_by_one_file(tmp_path: Path) -> None:
    conf = shutil.copytree(CONF, tmp_path / "conf")
    iran = (conf / "country" / "iran.yaml").read_text()
    (conf / "country" / "kenya.yaml").write_text(
        iran.replace("iran", "kenya").replace("Iran", "Kenya")
    )
    everywhere = job("source=files", conf=conf).countries
    assert "kenya" in [country.name for country in everywhere]


def test_a_country_s_file_in_the_first_folder_counts_for_all_countries_too(tmp_path: Path) -> None:
    first, second = tmp_path / "z", tmp_path / "a"
    for folder, north in ((first, 32.4), (second, 32.5)):
        (folder / "country").mkdir(parents=True)
        iran = (CONF / "country" / "iran.yaml").read_text()
        (folder / "country" / "iran.yaml").write_text(iran.replace("32.5", str(north)))
    (one,) = all_countries((first, second))
    assert one.box.north == 32.4


def test_a_value_of_a_country_cannot_be_set_for_all_of_them() -> None:
    with pytest.raises(ConfigError, match=r"country.title has no value"):
        job("+country.box.south=3")


def test_an_ad_hoc_band_set_has_a_name_of_its_own() -> None:
    chosen = job("bands.names=[B4,B8,EVI]").configuration.bands
    assert (chosen.name, chosen.names) == ("B4+B8+EVI", ("B4", "B8", "EVI"))


def test_a_country_that_a_user_added_is_not_invented(tmp_path: Path) -> None:
    conf = shutil.copytree(CONF, tmp_path / "conf")
    iran = (conf / "country" / "iran.yaml").read_text()
    (conf / "country" / "kenya.yaml").write_text(
        iran.replace("iran", "kenya").replace("Iran", "Kenya")
    )
    for words in ((), ("country=iran", "training=pooled")):
        everywhere = job(*words, conf=conf)
        assert everywhere.left_out == ("kenya",)
        named = {country.name for country in (*everywhere.countries, *everywhere.every_country)}
        assert named == {"afghanistan", "iran", "sudan"}
    with pytest.raises(
        ConfigError, match=r"no profile of kenya: add source=stac .* source=files paths.data=FOLDER"
    ):
        job("country=kenya", conf=conf)
    asked = job("country=kenya", "+source.profiles.kenya={}", conf=conf)
    assert [country.name for country in asked.countries] == ["kenya"]
    assert job("source=files", conf=conf).left_out == ()


@pytest.mark.parametrize("words", [["paths.data=data"], ["paths.data=FOLDER", "country=iran"]])
def test_a_folder_of_data_is_not_passed_over_for_the_simulation(words: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"source=simulated reads none: give source=files"):
        job(*words)
    assert job(*words, "source=files").configuration.paths.data in words[0]


def test_the_installed_project_has_every_group() -> None:
    def files(group: str) -> Any:
        return {path.stem for path in (CONF / group).glob("*.yaml")}

    sets = "scl ndvi green_nir green_red_nir visible_nir visible_nir_ndvi visible_nir_ndvi_scl"
    assert files("bands") == {*sets.split(), "submission", "all", "indices", "bands_indices"}
    for name in files("bands"):
        assert job(f"bands={name}").configuration.bands.name == name
    for name in files("model") - {"custom"}:
        assert job(f"model={name}").configuration.model.name == name
    for name in files("features"):
        assert job(f"features={name}").configuration.features.name == name
    for name in files("study"):
        study = job(f"study={name}").configuration.study
        assert study is not None and study.name == name
    assert files("hparams_search") == {"window_and_model"}
    for name in files("validation"):
        assert job(f"validation={name}").configuration.validation.name == name


def varied(jobs: list[Job]) -> set[tuple[int, Any]]:
    return {(job.configuration.span, job.configuration.period) for job in jobs}


def test_a_study_sweeps_over_what_its_file_says() -> None:
    jobs = sweep("study=past_only")
    assert len(jobs) == 3 * 6
    assert varied(jobs) == {(span, period) for span in (24, 48, 96) for period in range(-8, 13, 4)}


def test_what_is_given_replaces_what_a_study_sweeps_over() -> None:
    assert varied(sweep("study=past_only", "span=4", "period=0,2")) == {(4, 0), (4, 2)}
    jobs = sweep("study=bands", "bands=ndvi,scl")
    assert [job.configuration.bands.name for job in jobs] == ["ndvi", "scl"]
    assert len(sweep("study=bands", "seed=7")) == len(sweep("study=bands")) == 8


def test_windows_of_single_countries_reach_jobs() -> None:
    one = job("+windows.iran={span:96,period:2020-03-31}", "+windows.sudan={span:4,period:-2}")
    assert one.windows == {"iran": Choice(96, "2020-03-31"), "sudan": Choice(4, -2)}
    iran = one.configuration_of("iran")
    assert (iran.span, iran.period) == (96, "2020-03-31")
    assert one.configuration_of("afghanistan") == one.configuration
    first, second = sweep("+windows.iran={span:4,period:0},{span:8,period:0}")
    assert (first.configuration_of("iran").span, second.configuration_of("iran").span) == (4, 8)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("+windows.iran={spam:9,period:0}", "unknown key 'windows.iran.spam'; did you mean .*span"),
        ("+windows.irna={span:9,period:0}", "windows: unknown country 'irna'; did you mean 'iran'"),
        ("+windows.iran={span:9,period:soon}", "must be a date like 2020-06-30, got 'soon'"),
    ],
)
def test_a_window_that_is_none_is_answered_in_one_line(word: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        job(word)
    assert "\n" not in str(caught.value)


def test_who_learns_from_others_learns_from_every_other_country() -> None:
    chosen = job("country=iran", "training=pooled")
    assert [country.name for country in chosen.countries] == ["iran"]
    assert [country.name for country in chosen.other_countries("iran")] == ["afghanistan", "sudan"]
    assert job("country=iran").other_countries("iran") == ()


@pytest.mark.parametrize("training", ["pooled", "others"])
def test_a_country_without_another_to_learn_from_is_said(tmp_path: Path, training: str) -> None:
    conf = shutil.copytree(CONF, tmp_path / "conf")
    for name in ("afghanistan", "sudan"):
        (conf / "country" / f"{name}.yaml").unlink()
    for country in ("all", "iran"):
        with pytest.raises(ConfigError, match=f"training={training} .* there is only iran; add a"):
            job(f"training={training}", f"country={country}", conf=conf)
    assert job(conf=conf).configuration.training == "own"


def test_a_study_may_sweep_over_short_keys_and_the_command_line_stands_above_them(
    tmp_path: Path,
) -> None:
    conf = shutil.copytree(CONF, tmp_path / "conf")
    (conf / "study" / "mine.yaml").write_text(
        "# @package _global_\nstudy: {name: mine, title: Mine, by: [model], figure: comparison}\n"
        "hydra: {mode: MULTIRUN, sweeper: {params: {model.max_depth: '2,4', seed: '1,2'}}}\n"
    )
    given = sweep("study=mine", "model.estimator.max_depth=7", conf=conf)
    assert [one.configuration.model.parameters["max_depth"] for one in given] == [7, 7]
    swept = sweep("study=mine", "seed=1", conf=conf)
    assert [one.configuration.model.parameters["max_depth"] for one in swept] == [2, 4]


def test_a_nested_validation_chooses_from_every_combination() -> None:
    few = "validation.candidates={span:[4,8],bands:[ndvi,scl],model:[knn]}"
    words = ["validation.folds=3", "validation.inner=2", few]
    chosen = job("validation=nested", *words)
    found = [(each.span, each.bands.name, each.model.name) for each in chosen.alternatives]
    assert found == [(4, "ndvi", "knn"), (4, "scl", "knn"), (8, "ndvi", "knn"), (8, "scl", "knn")]
    inner = {(each.validation.folds, each.validation.candidates) for each in chosen.alternatives}
    assert inner == {(2, None)}
    assert len(job("validation=nested").alternatives) == 4
    as_configured = job("validation=nested", "validation.candidates.bands=null", "bands=scl")
    assert {each.bands.name for each in as_configured.alternatives} == {"scl"}
    assert job().alternatives == ()


def test_a_varied_model_is_its_whole_file_with_nothing_of_the_configured_one() -> None:
    varied = job("validation=nested", "validation.candidates.model=[extra_trees,knn]").alternatives
    assert {each.model.name: each.model.parameters for each in varied} == {
        "extra_trees": {"n_estimators": 500},
        "knn": {"n_neighbors": 5},
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["validation.candidates.model=[knn,svm]", "model.estimator.n_estimators=7"],
            "settings such as model.…=… would not apply to them",
        ),
        (["validation.candidates.span=[]"], "validation.candidates.span is empty; list its values"),
        (
            ["validation.candidates.bands=[ndvy]"],
            "candidates: unknown bands 'ndvy'; did you .*'ndvi",
        ),
        (["+validation.candidates.spam=[1]"], "unknown key 'spam'; did you mean 'span'"),
        (["validation.candidates.span=[0]"], "span must be a whole number of weeks, 1 or more"),
        (["training=pooled"], "nested .* leave out training=pooled"),
        (["+validation.candidates.training=[own,others]"], "unknown key 'training'; there are"),
    ],
)
def test_a_candidate_of_a_nested_validation_that_is_none_is_said(
    words: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        job("validation=nested", *words)


def test_the_types_of_a_schema_are_worked_out_once_for_all_jobs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sweep("span=12,24")
    asked: list[object] = []
    monkeypatch.setattr(filling, "get_type_hints", asked.append)
    assert len(sweep("span=12,24")) == 2
    assert not asked


def test_debug_is_small_apart_and_gives_way_to_words() -> None:
    small = job("debug=default")
    chosen = small.configuration
    assert [country.name for country in small.countries] == ["iran"]
    assert (chosen.source.points, chosen.model.parameters["n_estimators"]) == (30, 2)
    assert experiment_of(chosen.tracking, chosen.source.name) == "cropland-debug-simulated"
    mine = job("debug=default", "source=files", "model=svm", "span=4", "country=sudan")
    assert mine.configuration.source.name == "files" and mine.countries[0].name == "sudan"
    assert (
        mine.configuration.span == 4 and "n_estimators" not in mine.configuration.model.parameters
    )
    assert experiment_of(mine.configuration.tracking, "files") == "cropland-debug"


def test_every_experiment_composes_and_gives_way_to_words() -> None:
    for path in (CONF / "experiment").glob("*.yaml"):
        assert len(job(f"experiment={path.stem}").countries) == 1
        assert job(f"experiment={path.stem}", "span=4").configuration.span == 4
