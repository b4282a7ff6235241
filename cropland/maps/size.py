"""The size of a map before it is made: pixels, tiles, hours and gigabytes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from cropland.errors import ConfigError
from cropland.maps.layers import layers_of_map
from cropland.support.words import count, in_words

if TYPE_CHECKING:
    from cropland.config.commands.map import Map
    from cropland.maps.extent import Extent

_SECONDS_PER_PIXEL = 15e-6
"""Of one core, with the images at hand; measured in docs/performance.md."""


def check_size(extent: Extent, command: Map) -> None:
    """Check that an area has as many pixels as may be mapped.

    Raises
    ------
    ConfigError
        It has more than ``most_pixels``.
    """
    if extent.n_pixels <= command.most_pixels:
        return
    rows, columns = extent.grid.shape
    metres = extent.grid.resolution.x
    n_tiles = math.prod(-(-side // command.tile_side) for side in (rows, columns))
    raise ConfigError(
        f"the area is {columns * metres / 1000:,.0f} × {rows * metres / 1000:,.0f} km, "
        f"{size_in_words(extent, n_tiles, command)}; more than most_pixels={command.most_pixels}: choose a "
        f"smaller area or a larger resolution, or give most_pixels={extent.n_pixels} to map all of it"
    )


def size_in_words(extent: Extent, n_tiles: int, command: Map) -> str:
    """Return what the grid of a map comes to, in words."""
    layers = layers_of_map(exact=command.exact, applicability=True)
    gigabytes = extent.n_pixels * sum(np.dtype(layer.dtype).itemsize for layer in layers) / 1e9
    size = f"up to {gigabytes:,.0f} GB of files and " if gigabytes >= 1 else ""
    seconds = in_words(max(1, extent.n_pixels * _SECONDS_PER_PIXEL))
    return (
        f"{extent.n_pixels:,} pixels of {extent.grid.resolution.x:g} m in {count(n_tiles, 'tile')} "
        f"({size}about {seconds} on one core, plus reading the images)"
    )
