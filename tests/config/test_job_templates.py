"""Templates give what Hydra's own loader composes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from cropland.config.job_templates import Templates
from cropland.config.plain_values import resolved

CONF = Path(__file__).parents[2] / "conf"


@pytest.fixture(scope="module")
def templates() -> Iterator[Templates]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        words = ["paths.data=here", "hydra.verbose=false"]
        sweep = loader.load_configuration("train", words, run_mode=RunMode.MULTIRUN)
        yield Templates.of(loader, sweep)


@pytest.mark.parametrize(
    "overrides",
    [
        ["span=12"],
        ["span=12", "period='2020-03-31'", "bands=ndvi"],
        ["model=svm", "country=iran", "span=4"],
        ["+model.estimator.min_samples_leaf=3", "++output=abc", "validation={folds:2}"],
        ["bands.names=[B4,B8]", "~windows", "+windows.iran={span:96,period:0}"],
        ["study=bands", "model.estimator.max_depth=null", "seed=7"],
        ["series.step_days=${span}", "hydra.job.chdir=false"],
        ["paths.archive='a, b = c'"],
        ["span=12", "span=24", "~model.estimator.max_depth"],
        ["country=iran", "country.box.south=32.1", "++country.chosen.span=4"],
        ["paths.archive=${hydra:runtime.cwd}/x", "hydra.sweep.subdir=${hydra.job.num}"],
        ["+bands@second=ndvi", "hydra/job_logging=default", "tracking=server"],
    ],
    ids=" ".join,
)
def test_a_job_is_what_hydra_composes(templates: Templates, overrides: list[str]) -> None:
    expected = templates._loader.load_sweep_config(templates.sweep, overrides)
    for _ in range(2):  # the second time from a template
        made = templates.composed(overrides)
        assert OmegaConf.to_container(made) == OmegaConf.to_container(expected)


@pytest.mark.parametrize("word", ["spam=12", "bands=spam", "+span=3", "~spam", "model.nothing.x=1"])
def test_an_override_that_fits_nothing_is_refused_as_hydra_does(
    templates: Templates, word: str
) -> None:
    with pytest.raises(HydraException) as expected:
        templates._loader.load_sweep_config(templates.sweep, [word])
    with pytest.raises(HydraException) as found:
        templates.composed([word])
    assert (type(found.value), str(found.value)) == (type(expected.value), str(expected.value))


def test_jobs_do_not_see_each_others_values(templates: Templates) -> None:
    assert templates.composed(["span=12"]).span == 12
    assert templates.composed(["seed=1"]).span == 48


def test_files_are_read_once_for_each_choice_of_groups(templates: Templates) -> None:
    original = ConfigLoaderImpl.load_sweep_config
    with patch.object(
        ConfigLoaderImpl, "load_sweep_config", autospec=True, side_effect=original
    ) as reading:
        for bands in ("all", "scl"):
            for span in (1, 2, 3):
                templates.composed([f"span={span}", f"bands={bands}"])
    assert reading.call_count == 2


def test_a_moment_is_the_same_for_all_jobs(templates: Templates) -> None:
    expected = templates.sweep.hydra.sweep.dir  # its ${now:…} is resolved by the first who looks
    assert "${" not in expected
    assert {templates.composed([f"span={n}"]).hydra.sweep.dir for n in (1, 2)} == {expected}


def test_what_a_job_is_handed_without_hydras_node_is_not_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copies: list[object] = []
    monkeypatch.setattr(OmegaConf, "masked_copy", lambda *given: copies.append(given))
    composed = OmegaConf.create({"span": 48, "twice": "${span}"})
    assert resolved(composed) == {"span": 48, "twice": 48}
    assert not copies
