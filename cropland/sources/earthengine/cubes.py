"""Image cubes of Earth Engine, lazily: a tile of an image is one ``computePixels``, for all bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ee
import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.sources.earthengine import graphs
from cropland.sources.lazy_cube import lazy_cube
from cropland.sources.service import TooLarge

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from cropland.config.sources import EarthEngine
    from cropland.sources.earthengine.connection import Connection

TILE_PIXELS = 1000
"""Edge of a tile: 26 MB with 13 bands, where 48 MB are allowed."""
_SMALLEST_TILE = 8
_NEVER_BLACK = ("B2", "B3")
"""Bands in which the sea has reflectance too; in others a whole tile of it may have none."""


@dataclass(frozen=True)
class TileReader:
    """Reads tiles of images; Dask sends it to other processes, with its connection."""

    source: EarthEngine
    connection: Connection
    bands: Sequence[str]

    def read(self, name: str, tile: GeoBox) -> NDArray[np.uint16]:
        """Read a tile of an image, dims (band, y, x), each pixel the nearest native one.

        Raises
        ------
        DataError
            The service refuses even a small tile, goes on failing, or gives reflectance.
        """
        image = ee.Image(f"{self.source.collection}/{name}")
        asked: dict[str, Any] = {
            "expression": graphs.unmasked(image, self.bands).toUint16(),
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
        whole = isinstance(pixels, np.ndarray) and pixels.shape == tile.shape
        if not whole or not set(self.bands) <= set(pixels.dtype.names or ()):
            raise DataError(
                f"the answer for image {name} is not a tile of {tile.shape} pixels with "
                f"{', '.join(self.bands)}; "
                f"run the same command again"
            )
        if any(band in _NEVER_BLACK for band in self.bands):
            graphs.check_unit({band: pixels[band] for band in self.bands})
        # Scene classes have the type of the others here.
        numbers = [graphs.digital_numbers(band, pixels[band]) for band in self.bands]
        return np.stack([layer.astype(np.uint16, copy=False) for layer in numbers])


def cube_of(rows: Sequence[graphs.Row], grid: GeoBox, reader: TileReader) -> xr.Dataset:
    """Return the images of a grid, lazy; a block is one request for all bands; see `Service.cube`.

    Parameters
    ----------
    rows : sequence of Row
        Of each image its name and time, in the order of the steps.
    """
    names = [row["i"] for row in rows]

    def read(image: int, part: GeoBox, _: Sequence[str]) -> NDArray[np.uint16]:
        return reader.read(names[image], part)

    return lazy_cube(read, names, graphs.times(rows), grid, [reader.bands], TILE_PIXELS)
