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
        ("country=irna", "unknown country 'irna'; did you mean 'iran'?"),
        ("spam=4", "unknown key 'spam'; did you mean 'span'?"),
        ("seeed=3", "unknown key 'seeed'; did you mean 'seed'?"),
        ("span=4,12", "span=4,12 has several values; add -m to sweep over them"),
    ],
)
def test_an_error_of_hydra_is_one_line_with_the_nearest_names(word: str, line: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        with pytest.raises(HydraException) as caught:
            loader.load_configuration("train", [word], run_mode=RunMode.RUN)
    assert error_line(caught.value) == line
