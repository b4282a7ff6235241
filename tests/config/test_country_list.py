"""Several countries in one job."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf
from standins.configuration import CONF

from cropland.config import composition
from cropland.config.countries import read_country
from cropland.config.jobs import Job
from cropland.errors import ConfigError


def jobs(*words: str, folder: Path | None = None) -> list[Job]:
    """The jobs of a sweep, with a folder of configuration beside the project's own."""
    more = [] if folder is None else [f"hydra.searchpath=[file://{folder}]"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        overrides = [*words, *more, "hydra.mode=MULTIRUN"]
        config = loader.load_configuration("train", overrides, run_mode=RunMode.MULTIRUN)
        composition.prepare_sweep(config)
        return composition.jobs(config)


def names(*words: str, folder: Path | None = None) -> list[list[str]]:
    return [[one.name for one in job.countries] for job in jobs(*words, folder=folder)]


def test_a_list_of_countries_is_one_job_with_the_values_of_their_files() -> None:
    (job,) = jobs("country=[iran,sudan]")
    files = [read_country(CONF / "country" / f"{name}.yaml") for name in ("iran", "sudan")]
    assert list(job.countries) == files


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("country=[iran]", [["iran"]]),
        ("country=[sudan,iran,sudan]", [["sudan", "iran"]]),
        ("country=[iran,sudan],afghanistan", [["iran", "sudan"], ["afghanistan"]]),
        ("country=[all]", [["afghanistan", "iran", "sudan"]]),
    ],
)
def test_a_list_stands_for_its_countries_in_their_order(
    word: str, expected: list[list[str]]
) -> None:
    assert names(word) == expected
    assert names(word, "span=4,8") == [each for each in expected for _ in range(2)]


def test_a_study_s_file_may_have_a_list_above_which_the_command_line_stands(
    tmp_path: Path,
) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "two.yaml").write_text(
        "# @package _global_\ndefaults: [{override /country: [iran, sudan]}]\n"
        "study: {name: two, title: x, by: [span]}\n"
    )
    spans = "span=4,8"
    assert names("study=two", spans, folder=tmp_path) == [["iran", "sudan"]] * 2
    assert names("study=two", spans, "country=iran", folder=tmp_path) == [["iran"]] * 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["country=[iran,sudan]", "country.box.north=33"],
            r"country=\[iran,sudan\] are several: set it in the country's file",
        ),
        (["country=[iran,all]"], "all is every country; leave out the others"),
        (["country=[]"], "country has no value"),
        (["country.name=iran+irna"], "unknown country 'irna'; did you mean 'iran'"),
    ],
)
def test_a_list_that_cannot_be_is_refused_in_one_line(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        jobs(*words)
    assert "\n" not in str(caught.value)


def test_a_list_of_one_country_is_that_country_whose_values_may_be_set() -> None:
    (job,) = jobs("country=[iran]", "country.box.north=33")
    assert [(country.name, country.box.north) for country in job.countries] == [("iran", 33)]


def test_what_a_sweep_keeps_of_its_configuration_names_them() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        overrides = ["country=[iran,sudan]", "hydra.mode=MULTIRUN"]
        config = loader.load_configuration("train", overrides, run_mode=RunMode.MULTIRUN)
        composition.prepare_sweep(config)
    assert OmegaConf.to_container(config.country) == {"name": "iran+sudan"}
