"""Image cubes of Earth Engine, lazily: a tile of an image is one ``computePixels``, for all bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dask.array as da
import ee
import numpy as np
import xarray as xr
from dask.base import tokenize
from numpy.typing import NDArray
from odc.geo.xr import xr_coords

from cropland.errors import DataError
from cropland.observations.bands import NO_DATA
from cropland.sources.earthengine import graphs
from cropland.sources.retries import TooLarge

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from cropland.config.sources import EarthEngine
    from cropland.sources.earthengine.connection import Connection

TILE_PIXELS = 1000
"""Edge of a tile: 26 MB with 13 bands, where 48 MB are allowed."""
_SMALLEST_TILE = 8


@dataclass(frozen=True)
class Tiles:
    """Reads tiles of images; Dask sends it to other processes, with its connection."""

    source: EarthEngine
    connection: Connection
    bands: Sequence[str]

    def read(self, name: str, tile: GeoBox) -> NDArray[np.uint16]:
        """Read a tile of an image, dims (band, y, x), each pixel the nearest native one.

        Raises
        ------
        DataError
            The service refuses even a small tile, or goes on failing.
        """
        image = ee.Image(f"{self.source.collection}/{name}")
        asked: dict[str, Any] = {
            "expression": graphs.filled(image, self.bands).toUint16(),
            "fileFormat": "NUMPY_NDARRAY",
            "grid": graphs.grid(tile),
        }
        try:
            pixels = self.connection.ask(
                f"reading image {name}", lambda: ee.data.computePixels(asked)
            )
        except TooLarge as error:
            half = tile.shape[0] // 2
            if half < _SMALLEST_TILE:
                raise DataError(f"Earth Engine refuses even a small tile: {error}") from error
            parts = (tile[:half, :], tile[half:, :])
            return np.concatenate([self.read(name, part) for part in parts], axis=1)
        return np.stack([pixels[band] for band in self.bands])


def cube_of(rows: Sequence[graphs.Row], grid: GeoBox, tiles: Tiles) -> xr.Dataset:
    """Put images on a grid, lazily; see `Service.cube`.

    Parameters
    ----------
    rows : sequence of Row
        Of each image its name and time, in the order of the steps.
    """
    names = [row["i"] for row in rows]
    blocks = _blocks(names, grid, tiles)
    marks = {"grid_mapping": "spatial_ref", "nodata": NO_DATA}
    return xr.Dataset(
        {
            band: (("time", "y", "x"), blocks[:, n].astype(graphs.type_of(band)), marks)
            for n, band in enumerate(tiles.bands)
        },
        {**xr_coords(grid), "time": graphs.times(rows), "granule": ("time", np.array(names))},
    )


def _blocks(names: Sequence[str], grid: GeoBox, tiles: Tiles) -> da.Array:
    """Give the pixels of images, dims (image, band, y, x); a block is one request."""
    shape = (len(names), len(tiles.bands), *grid.shape)
    side = TILE_PIXELS
    chunks = da.empty(shape, chunks=(1, -1, side, side)).chunks

    def read(block_id: tuple[int, int, int, int]) -> NDArray[np.uint16]:
        image, _, row, column = block_id
        tile = grid[_within(row, side, grid.shape[0]), _within(column, side, grid.shape[1])]
        return tiles.read(names[image], tile)[np.newaxis]

    what = (tiles.source.endpoint, tiles.source.collection, names, str(grid), tiles.bands, side)
    pixels: da.Array = da.map_blocks(  # type: ignore[no-untyped-call]
        read,
        chunks=chunks,
        dtype=np.uint16,
        meta=np.empty((0, 0, 0, 0), np.uint16),
        name=f"earthengine-{tokenize(*what)}",
    )
    return pixels


def _within(number: int, side: int, size: int) -> slice:
    """Give the pixels of a tile along an axis."""
    return slice(number * side, min((number + 1) * side, size))
