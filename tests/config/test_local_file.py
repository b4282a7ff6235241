"""A user's own ``conf/local.yaml``, composed with the project's configuration."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from standins.configuration import CONF

from cropland.config import composition, local_file
from cropland.config.hydra_words import error_line
from cropland.errors import ConfigError


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield shutil.copytree(CONF, tmp_path / "conf")
    # Other tests of this process compose without the file.
    ConfigStore.instance().store(local_file.NAME, {}, group=local_file.GROUP)


def compose(conf: Path, text: str, *words: str, command: str = "train") -> dict[str, Any]:
    """What a command is composed of with a local file and some words."""
    (conf / "local.yaml").write_text(text)
    local_file.store(command, words, shipped=conf)
    with initialize_config_dir(str(conf), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        composed = loader.load_configuration(command, list(words), run_mode=RunMode.RUN)
        values = OmegaConf.to_container(composed)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


@pytest.mark.parametrize(
    "text", ["bands: [ndvi, scl]\n", "defaults: [{override /bands: [ndvi, scl]}]\n"]
)
def test_a_list_of_files_is_for_countries_alone(conf: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"bands takes one file, got \[ndvi,scl\]; sweep over"):
        compose(conf, text)
    listed = compose(conf, text.replace("bands", "country").replace("ndvi, scl", "iran, sudan"))
    assert listed["bands"]["name"] == "visible_nir_ndvi"


PLAIN = """
source: files
country: iran
bands: ndvi
model: knn
paths: {data: my data}
model.n_neighbors: 7
span: 12
"""


def test_groups_are_chosen_as_people_write_it(conf: Path) -> None:
    made = compose(conf, PLAIN)
    assert {name: made[name]["name"] for name in ("source", "country", "bands", "model")} == {
        "source": "files",
        "country": "iran",
        "bands": "ndvi",
        "model": "knn",
    }
    assert (made["span"], made["paths"]["data"]) == (12, "my data")
    assert (made["paths"]["runs"], made["model"]["estimator"]["n_neighbors"]) == ("mlruns/runs", 7)
    assert "points" not in made["source"]  # nothing of the simulation is left


@pytest.mark.parametrize(
    "text",
    [
        "model: knn\nmodel.n_neighbors: 7\n",
        "model: {name: knn, n_neighbors: 7}\n",
        "model: {name: knn, estimator: {n_neighbors: 7}}\n",
        "model: knn\nmodel.estimator.n_neighbors: 7\n",
    ],
)
def test_keys_of_a_model_may_be_short(conf: Path, text: str) -> None:
    model = compose(conf, text)["model"]
    assert model["estimator"]["n_neighbors"] == 7
    assert model.keys() == {"name", "scale", "estimator"}


@pytest.mark.parametrize("command", ["promote", "predict", "download", "map", "compare"])
def test_one_file_serves_all_commands(conf: Path, command: str) -> None:
    made = compose(conf, PLAIN, command=command)
    assert (made["source"]["name"], made["country"]["name"]) == ("files", "iran")


def test_a_map_is_assessed_whatever_the_file_says_of_country_and_source(conf: Path) -> None:
    made = compose(conf, PLAIN, "map=maps/sudan", command="assess")
    assert (made["source"]["name"], made["country"]["name"]) == ("simulated", "all")


@pytest.mark.parametrize(
    "text",
    [
        "source: earthengine\nsource.project: mine\n",
        "source.project: mine\nsource: earthengine\n",
        "source: {name: earthengine, project: mine}\n",
        "defaults: [{override /source: earthengine}, {override /bands: ndvi}]\nsource: {project: mine}\n",
    ],
    ids=["dotted", "dotted before", "with its name", "Hydra's own way"],
)
def test_values_of_a_chosen_group(conf: Path, text: str) -> None:
    for command in ("train", "download"):
        source = compose(conf, text, command=command)["source"]
        assert (source["name"], source["project"]) == ("earthengine", "mine")


def test_the_command_line_stands_above_it_group_by_group(conf: Path) -> None:
    made = compose(conf, PLAIN, "model=forest", "span=24", "source=stac", "paths.data=x")
    assert (made["model"]["name"], made["source"]["name"]) == ("forest", "stac")
    assert (made["span"], made["paths"]["data"]) == (24, "x")
    assert "n_neighbors" not in made["model"]["estimator"]  # it was for the other choice
    assert compose(conf, PLAIN, "model=knn")["model"]["estimator"]["n_neighbors"] == 7


def test_choices_of_hydra_s_own_groups_are_kept(conf: Path) -> None:
    text = "defaults:\n  - override /hydra/launcher: joblib\n  - override /bands: ndvi\n"
    (conf / "local.yaml").write_text(text)
    for command, bands in (("train", True), ("download", False)):
        local_file.store(command, [], shipped=conf)
        defaults = ConfigStore.instance().load("local/yaml.yaml").node.defaults
        assert ({"override /hydra/launcher": "joblib"} in defaults) is True
        assert ({"override /bands": "ndvi"} in defaults) is bands


def test_a_file_of_no_group_is_answered_with_the_nearest(conf: Path) -> None:
    with pytest.raises(HydraException) as caught:
        compose(conf, "source: filse\n")
    assert error_line(caught.value) == "unknown source 'filse'; did you mean 'files'?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('span: "', "local.yaml cannot be read as YAML: while scanning"),
        ("- span\n", "local.yaml must hold keys with values, as in span: 24, got"),
        ("defaults: bands\n", "local.yaml: defaults must be a list, got 'bands'"),
        (
            "paths: /some/data\n",
            "local.yaml: paths is a group; a folder of data is paths.data: /some",
        ),
        ("paths: mine\n", "local.yaml: paths is a group; a folder of data is paths.data: mine"),
        (
            "source: ~/data\n",
            "local.yaml: source is a group; a folder of data is paths.data: ~/data",
        ),
        ("tracking: http://x:1\n", "tracking is a group; an address is tracking.uri: http://x:1"),
        ("span: 12\nspan.x: 1\n", "local.yaml: span has a value, and cannot have span.x too"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(conf: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compose(conf, text)


def test_who_tries_the_simulation_need_not_edit_the_file(conf: Path) -> None:
    made = compose(conf, PLAIN, "source=simulated")
    assert (made["source"]["name"], made["paths"]["data"]) == ("simulated", "data")
    assert compose(conf, "country: Iran\n")["country"]["name"] == "iran"


def test_without_the_file_nothing_of_an_earlier_one_is_left(conf: Path) -> None:
    assert compose(conf, PLAIN)["span"] == 12
    (conf / "local.yaml").unlink()
    local_file.store("train", [], shipped=conf)
    with initialize_config_dir(str(conf), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        assert loader.load_configuration("train", [], run_mode=RunMode.RUN).span == 48


def test_countries_may_be_listed(conf: Path) -> None:
    (conf / "local.yaml").write_text("country: [Iran, sudan]")
    local_file.store("train", [], shipped=conf)
    with initialize_config_dir(str(conf), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("train", [], run_mode=RunMode.RUN)
        job = composition.single_job(config)
    assert [country.name for country in job.countries] == ["iran", "sudan"]


@pytest.mark.parametrize(
    "text", ["hydra.searchpath: [mine, 'a b']", "hydra: {searchpath: [mine, 'a b']}"]
)
def test_it_may_name_folders_of_configuration(conf: Path, text: str) -> None:
    (conf / "local.yaml").write_text(text)
    assert local_file.store("train", [], shipped=conf) == ["hydra.searchpath=[mine,'a b']"]
    assert local_file.store("train", ["hydra.searchpath=[other]"], shipped=conf) == []
    (conf / "local.yaml").write_text("hydra.searchpath: mine")
    with pytest.raises(ConfigError, match="hydra.searchpath must be a list of folders, got 'mine'"):
        local_file.store("train", [], shipped=conf)


def test_hydra_s_values_in_it_are_those_of_the_run(conf: Path) -> None:
    (conf / "local.yaml").write_text("paths.archive: ${hydra:runtime.cwd}/archive")
    local_file.store("train", [], shipped=conf)
    with initialize_config_dir(str(conf), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("train", [], run_mode=RunMode.RUN)
        job = composition.single_job(config)
    assert job.configuration.paths.archive == str(Path.cwd() / "archive")


@pytest.mark.parametrize("word", ["experiment=iran_two_seasons", "debug=default"])
def test_an_experiment_that_is_given_leaves_nothing_of_one_s_own_choices(
    conf: Path, word: str
) -> None:
    mine = "country: sudan\nsource: files\nmodel: knn\nmodel.n_neighbors: 7\nspan: 7\nseed: 5\n"
    with_file, without = compose(conf, mine, word), compose(conf, "", word)
    for key in ("country", "model", "span"):
        assert with_file[key] == without[key], key
    assert (with_file["seed"], without["seed"]) == (5, 2023)


def test_debug_is_simulated_whatever_one_s_own_source_is(conf: Path) -> None:
    made = compose(conf, "source: files\npaths.data: mine\nsource.scale: 10000\n", "debug=default")
    assert (made["source"]["name"], made["source"]["points"]) == ("simulated", 30)
    assert made["paths"]["data"] == "data" and "scale" not in made["source"]
