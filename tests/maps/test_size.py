from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cropland.errors import ConfigError
from cropland.maps.extent import Extent
from cropland.maps.size import check_size, size_in_words

EXTENT = Extent.of_box((48.3, 32.2, 48.403, 32.288), 10)


def command(**given: Any) -> Any:
    return SimpleNamespace(**{"most_pixels": 10**9, "tile_side": 500, "exact": False} | given)


def test_an_area_may_have_as_many_pixels_as_it_is_said() -> None:
    check_size(EXTENT, command(most_pixels=EXTENT.n_pixels))
    with pytest.raises(ConfigError, match=f"give most_pixels={EXTENT.n_pixels} to map all of it"):
        check_size(EXTENT, command(most_pixels=EXTENT.n_pixels - 1))


def test_the_size_is_said_in_pixels_tiles_hours_and_gigabytes() -> None:
    said = size_in_words(EXTENT, 4, command())
    assert said == (
        f"{EXTENT.n_pixels:,} pixels of 10 m in 4 tiles "
        f"(about 15 s on one core, plus reading the images)"
    )
    large = Extent.of_box((48, 32, 52, 36), 10)
    plain, exact = (size_in_words(large, 4, command(exact=exact)) for exact in (False, True))
    assert "(up to 17 GB of files and about 7.0 h" in plain and "up to 24 GB" in exact
