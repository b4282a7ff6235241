from __future__ import annotations

import pytest

from cropland.config.commands.map import Map
from cropland.errors import ConfigError


@pytest.mark.parametrize("key", ["source.points", "source.margin_days"])
def test_what_decides_no_image_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key} decides nothing here"):
        Map.check_given(["country=iran", f"+{key}=7"])


def test_what_decides_images_is_taken() -> None:
    words = ["country=iran", "source.profiles.iran.cloud=0.1", "source=stac", "box=[1,2,3,4]"]
    Map.check_given(words)
