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
        ("seeed=3", "unknown key 'seeed'; did you mean 'seed'?"),
        ("span=4,12", "span=4,12 has several values; add -m to sweep over them"),
        ("span=range(4,13)", "span=range(4,13) is a sweep; add -m"),
        (
            "bands.names=[ü]",
            "bands.names=[ü] cannot be read; quote its items: \"bands.names=['a, b.tif',c.tif]\"",
        ),
        (
            "seed=a(b",
            "seed=a(b cannot be read; if its value is a text with other signs than letters, digits and ._-/ "
            "quote it twice, for the shell and inside: \"seed='a(b'\"",
        ),
    ],
)
def test_an_error_of_hydra_is_one_line_with_the_nearest_names(word: str, line: str) -> None:
    assert line_of(word) == line


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("kenya", "unknown country 'kenya'; there are: afghanistan, all, iran, sudan. "),
        ("Irna", "unknown country 'Irna'; did you mean 'iran'? "),
    ],
)
def test_an_unknown_country_says_how_one_is_added(
    monkeypatch: pytest.MonkeyPatch, name: str, near: str
) -> None:
    monkeypatch.chdir(CONF.parent)
    assert line_of(f"country={name}") == (
        f"{near}To add a country, copy conf/country/iran.yaml to conf/country/{name.lower()}.yaml and "
        f"give it its own name, title (as in the names of exports), box and reference season"
    )


def line_of(word: str) -> str:
    """Return how the error that a word makes is worded."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        with pytest.raises(HydraException) as caught:
            loader.load_configuration("train", [word], run_mode=RunMode.RUN)
    return error_line(caught.value)
