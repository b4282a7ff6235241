"""Hydra's own errors, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode

from cropland.config.hydra_words import error_line

CONF = Path(__file__).parents[2] / "conf"


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("bands=NVDI", "unknown bands 'NVDI'; did you mean 'ndvi'?"),
        ("spam=4", "unknown key 'spam'; did you mean 'span'?"),
        (
            "n_estimators=9",
            "unknown key 'n_estimators'; did you mean 'model.estimator.n_estimators'?",
        ),
        (
            "model.estimator.depth=9",
            "unknown key 'model.estimator.depth'; did you mean 'model.estimator.max_depth'",
        ),
        ("data=/x", "unknown key 'data'; did you mean 'paths.data'?"),
        ("bands.ndvi.names=[B4]", "unknown key 'bands.ndvi.names'; did you mean 'bands.names'"),
        (
            "hydra.launcher.workers=x",
            "Error merging override hydra.launcher.workers=x: Value 'x' of type",
        ),
        (
            "source.labelled=points.csv",
            "source.labelled is a key of source=earthengine, source=files, source=stac: add the one",
        ),
        ("seeed=3", "unknown key 'seeed'; did you mean 'seed'?"),
        ("span=4,12", "span=4,12 has several values; add -m to sweep over them"),
        ("bands.names=B4,B8", "bands.names=B4,B8 has several values; write bands.names=[B4,B8]"),
        ("span=4,", "span=4,: write commas between values only, as in span=4"),
        (
            "bands=[ndvi,B8]",
            "unknown bands 'B8'; there are: all, bands_indices, green_nir, green_red_nir, indices, ndvi, "
            "scl, submission, visible_nir, visible_nir_ndvi, visible_nir_ndvi_scl; "
            "bands by name are bands.names=[B4,B8]",
        ),
        ("bands=", "bands has no value; give it one, as in bands=…"),
        ("tracking=http://h:5000", "unknown tracking 'http://h:5000'; there are: local, server"),
        ("span=range(4,13)", "span=range(4,13) is a sweep; add -m"),
        (
            "bands.names=[ü]",
            "bands.names=[ü] cannot be read; a list is written in brackets with commas, texts with "
            "other characters in quotes: \"bands.names=[4.5,abc,'a, b']\"",
        ),
        (
            "seed=a(b",
            "seed=a(b cannot be read; if its value is a text with other characters than letters, "
            "digits and ._-/ "
            "quote it twice, for the shell and inside: \"seed='a(b'\"",
        ),
    ],
)
def test_an_error_of_hydra_is_one_line_with_the_nearest_names(word: str, line: str) -> None:
    assert line_of(word).startswith(line)


def test_a_parameter_that_a_models_file_lacks_is_added_with_a_plus() -> None:
    line = line_of("model.estimator.min_samples_leaf=3")
    assert line.endswith("is added with a plus: +model.estimator.min_samples_leaf=…")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("kenya", "unknown country 'kenya'; there are: afghanistan, all, iran, sudan. "),
        ("Irna", "unknown country 'Irna'; did you mean 'iran'? "),
        (
            "conf/country/Irna.yaml",
            "unknown country 'conf/country/Irna.yaml'; did you mean 'iran'? ",
        ),
    ],
)
def test_an_unknown_country_says_how_one_is_added(
    monkeypatch: pytest.MonkeyPatch, name: str, near: str
) -> None:
    monkeypatch.chdir(CONF.parent)
    assert line_of(f"country={name}") == (
        f"{near}To add a country, write its file: cropland new-country {Path(name).stem.lower()} points=FILE "
        f"season=2023-07-01/2024-06-30"
    )


def line_of(word: str) -> str:
    """Return how the error that a word makes is worded."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        with pytest.raises(HydraException) as caught:
            loader.load_configuration("train", [word], run_mode=RunMode.RUN)
    return error_line(caught.value)
