"""What the command line composes: countries, band sets, a user's own defaults."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from cropland import composition
from cropland.composition import Job
from cropland.errors import ConfigError

CONF = Path(__file__).parent.parent.parent / "conf"


def job(*overrides: str, conf: Path = CONF) -> Job:
    with initialize_config_dir(str(conf), version_base="1.3"):
        config = compose("train", list(overrides), return_hydra_config=True)
    # What Hydra's command line fills in and its compose API leaves open.
    hydra = {
        "overrides": {"task": list(overrides)},
        "runtime": {"config_sources": [{"path": str(conf), "schema": "file", "provider": "main"}]},
    }
    return composition.job(config, OmegaConf.create(hydra))


def test_all_is_every_file_of_the_group() -> None:
    assert [country.name for country in job().countries] == ["afghanistan", "iran", "sudan"]
    assert [country.name for country in job("country=iran").countries] == ["iran"]


def test_a_country_is_added_by_one_file(tmp_path: Path) -> None:
    conf = shutil.copytree(CONF, tmp_path / "conf")
    iran = (conf / "country" / "iran.yaml").read_text()
    (conf / "country" / "kenya.yaml").write_text(iran.replace("name: iran", "name: kenya"))
    assert "kenya" in [country.name for country in job(conf=conf).countries]


def test_a_value_of_a_country_cannot_be_set_for_all_of_them() -> None:
    with pytest.raises(ConfigError, match=r"country.title has no value"):
        job("+country.box.south=3")


def test_an_ad_hoc_band_set_has_a_name_of_its_own() -> None:
    chosen = job("bands.names=[B4,B8,EVI]").configuration.bands
    assert (chosen.name, chosen.names) == ("B4+B8+EVI", ("B4", "B8", "EVI"))


def test_own_defaults_stand_below_the_command_line(tmp_path: Path) -> None:
    conf = shutil.copytree(CONF, tmp_path / "conf")
    (conf / "local.yaml").write_text("defaults:\n  - override /bands: ndvi\nspan: 12\n")
    mine = job(conf=conf).configuration
    assert (mine.span, mine.bands.name) == (12, "ndvi")
    asked = job("span=24", "bands=scl", conf=conf).configuration
    assert (asked.span, asked.bands.name) == (24, "scl")


def test_the_installed_project_has_every_group_of_the_readme() -> None:
    def files(group: str) -> Any:
        return {path.stem for path in (CONF / group).glob("*.yaml")}

    sets = "scl ndvi green_nir green_red_nir visible_nir visible_nir_ndvi visible_nir_ndvi_scl"
    assert files("bands") == {*sets.split(), "submission", "all"}
    for name in files("bands"):
        assert job(f"bands={name}").configuration.bands.name == name
    for name in files("model") - {"custom"}:
        assert job(f"model={name}").configuration.model.name == name
    for name in files("validation"):
        assert job(f"validation={name}").configuration.validation.name == name
