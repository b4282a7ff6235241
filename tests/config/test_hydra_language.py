"""Hydra's own language: what its users write in overrides and files works here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig
from standins.configuration import CONF

from cropland.config import composition
from cropland.errors import ConfigError


@contextmanager
def composed(*words: str, mode: RunMode = RunMode.RUN) -> Iterator[DictConfig]:
    """What Hydra's command line hands to callbacks."""
    words = (*words, f"hydra.mode={mode.name}")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        yield loader.load_configuration("train", list(words), run_mode=mode)


@contextmanager
def beginning(*words: str) -> Iterator[DictConfig]:
    """A sweep as its callback gets it, prepared."""
    with composed(*words, mode=RunMode.MULTIRUN) as config:
        composition.prepare_sweep(config)
        yield config


HERE = "paths.archive=${hydra:runtime.cwd}/archive"


def test_hydra_s_values_are_read_before_hydra_runs_the_job(tmp_path: Path) -> None:
    folder = "paths.downloads=${hydra:runtime.output_dir}"
    with composed(HERE, folder, f"hydra.run.dir={tmp_path}") as config:
        paths = composition.single_job(config).configuration.paths
    assert (paths.archive, paths.downloads) == (str(Path.cwd() / "archive"), str(tmp_path))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("${hydra:runtime.cwd}", [str(Path.cwd())] * 4),
        ("n${hydra:job.num}", ["n0", "n1", "n2", "n3"]),
        ("${hydra:runtime.choices.model}", ["forest", "forest", "knn", "knn"]),
        ("${hydra:sweep.dir}", ["sweep"] * 4),
        ("${hydra:runtime.output_dir}", [str(Path.cwd() / f"sweep/{n}") for n in range(4)]),
    ],
)
def test_each_job_of_a_sweep_has_its_own_values_of_hydra(value: str, found: list[str]) -> None:
    folders = ("hydra.sweep.dir=sweep", "hydra.sweep.subdir=${hydra.job.num}")
    varied = ("model=forest,knn", "span=4,8")
    with beginning(*varied, f"paths.archive={value}", *folders) as config:
        jobs = composition.jobs(config)
    assert [job.configuration.paths.archive for job in jobs] == found


JOBS = [(model, span) for model in ("forest", "knn") for span in (4, 8)]


def test_the_name_of_a_job_s_folder_is_of_the_user_s_words_alone() -> None:
    words = ("model=forest,knn", "span=4,8", "paths.archive=${hydra:job.override_dirname}")
    exclude = "hydra.job.config.override_dirname.exclude_keys=[paths.archive]"
    with beginning(*words, exclude) as config:
        found = [job.configuration.paths.archive for job in composition.jobs(config)]
    assert found == [f"model={model},span={span}" for model, span in JOBS]


def test_a_user_s_own_group_file_may_refer_to_hydra(tmp_path: Path) -> None:
    (tmp_path / "paths").mkdir()
    (tmp_path / "paths" / "mine.yaml").write_text(
        "defaults: [default]\narchive: ${hydra:runtime.cwd}/${hydra:job.num}\n"
    )
    with beginning("paths=mine", "span=4,8", f"hydra.searchpath=[file://{tmp_path}]") as config:
        found = [job.configuration.paths.archive for job in composition.jobs(config)]
    assert found == [str(Path.cwd() / number) for number in "01"]


def test_a_sweep_has_one_folder() -> None:
    with composed("hydra.sweep.dir=a", mode=RunMode.MULTIRUN) as config:
        assert composition.run_folder(config.hydra) == Path.cwd() / "a"
    with composed("hydra.run.dir=b") as config:
        assert composition.run_folder(config.hydra) == Path.cwd() / "b"
    with (
        beginning("model=forest,knn", "hydra.sweep.dir=${model.name}") as config,
        pytest.raises(ConfigError, match=r"one folder for all jobs, got forest and knn; .*subdir"),
    ):
        composition.jobs(config)


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("bands=glob(visible*)", ["visible_nir", "visible_nir_ndvi", "visible_nir_ndvi_scl"]),
        ("bands=glob([v*,n*],exclude=*scl)", ["ndvi", "visible_nir", "visible_nir_ndvi"]),
        ("bands=glob(nd*)", ["ndvi"]),
    ],
)
def test_glob_is_every_file_that_it_matches(word: str, names: list[str]) -> None:
    with beginning("country=iran", word) as config:
        found = [job.configuration.bands.name for job in composition.jobs(config)]
    assert found == names


def test_glob_of_countries_has_each_once_and_a_study_may_have_it(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "each.yaml").write_text(
        "# @package _global_\nstudy: {name: each, title: x, by: [country]}\n"
        "hydra: {mode: MULTIRUN, sweeper: {params: {country: glob(*)}}}\n"
    )
    for words in (["country=glob(*)"], ["study=each", f"hydra.searchpath=[{tmp_path}]"]):
        with beginning(*words) as config:
            found = [[one.name for one in job.countries] for job in composition.jobs(config)]
        assert found == [["afghanistan"], ["iran"], ["sudan"]]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("bands=glob(xyz*)", r"bands=glob\(xyz\*\) matches no file of bands; there are: all, "),
        ("span=glob(*)", "matches no file of span; span is not a group of files"),
        ("country=glob(all)", "matches no file of country; there are: afghanistan, iran, sudan"),
    ],
)
def test_glob_that_matches_nothing_is_said(word: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message), beginning(word):
        pass


def test_groups_and_files_of_the_search_path_are_swept_over(tmp_path: Path) -> None:
    for group, name, text in (
        ("bands", "mine", "name: mine\nnames: [B4]\n"),
        ("trial", "short", "# @package _global_\ndefaults: [{override /bands: mine}]\nspan: 4\n"),
        ("trial", "long", "# @package _global_\nspan: 8\n"),
    ):
        (tmp_path / group).mkdir(exist_ok=True)
        (tmp_path / group / f"{name}.yaml").write_text(text)
    for word in ("+trial=long,short", "+trial=glob(*)"):
        with beginning("country=iran", word, f"hydra.searchpath=[{tmp_path}]") as config:
            jobs = composition.jobs(config)
        found = [(job.configuration.span, job.configuration.bands.name) for job in jobs]
        assert found == [(8, "visible_nir_ndvi"), (4, "mine")]


@pytest.mark.parametrize(
    ("sweeper", "expected"), [("lean", True), ("basic", True), ("optuna", False)]
)
def test_only_a_sweeper_that_splits_words_is_enumerated(sweeper: str, expected: bool) -> None:
    with composed(f"hydra/sweeper={sweeper}", mode=RunMode.MULTIRUN) as config:
        assert composition.is_enumerated(config) is expected


def test_folders_of_configuration_go_with_a_command_s_words(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    word = f"hydra.searchpath=['{tmp_path}/a b']"
    with composed("span=4", word) as config:
        assert composition.given_words(config.hydra) == ["span=4", word]


def test_an_interval_needs_a_search() -> None:
    message = r"span=interval\(8,30\): interval\(\) needs a search: add hydra/sweeper=optuna"
    with beginning("span=interval(8,30)") as config, pytest.raises(ConfigError, match=message):
        composition.jobs(config)


@pytest.mark.parametrize("group", ["model", "source", "bands"])
def test_a_group_that_is_needed_cannot_be_left_out(group: str) -> None:
    message = f"{group} has no value; give it one, as in {group}="
    with beginning(f"~{group}") as config, pytest.raises(ConfigError, match=message):
        composition.jobs(config)


def test_a_value_that_cannot_be_is_refused_before_the_first_job() -> None:
    message = "span must be a whole number of weeks, 1 or more, got 0"
    with beginning("span=4,8,0") as config, pytest.raises(ConfigError, match=message):
        composition.jobs(config)
