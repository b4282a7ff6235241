from __future__ import annotations

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from cropland.config import composition
from cropland.config.commands.map import Map
from cropland.errors import ConfigError

CONF = Path(__file__).parents[3] / "conf"


def compose(*words: str) -> Map:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("map", list(words), run_mode=RunMode.RUN)
        command: Map = composition.command(Map, config, config.hydra)[0]
    return command


@pytest.mark.parametrize("key", ["source.points", "source.margin_days"])
def test_what_decides_no_image_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key} has no effect"):
        compose("country=iran", f"{key}=7")


def test_what_decides_images_is_taken() -> None:
    made = compose(
        "country=iran", "+source.profiles.iran.rain=0.1", "box=[1,2,3,4]", "dask.workers=1"
    )
    assert made.box == (1, 2, 3, 4)


def test_what_only_training_has_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown key 'span'; there are"):
        compose("+span=24")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("resolution=0", "resolution must be 1 or more, got 0"),
        ("resolution=20000", "resolution must be at most 10,000, got 20000"),
        ("chunk=8", "chunk must be 16 or more, got 8"),
        ("tries=0", "tries must be 1 or more, got 0"),
        ("dask.workers=0", "dask.workers must be 1 or more, got 0"),
        ("source.points=1", "source.points must be 2 or more, got 1"),
        ("source.margin_days=-1", "source.margin_days must be 0 or more, got -1"),
    ],
)
def test_numbers_out_of_range_are_refused(word: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose("country=iran", "box=[1,2,3,4]", word)
    assert str(caught.value) == said
