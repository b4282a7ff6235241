"""Finished maps: a folder of layers and facts, checked, and read block by block or pixel by pixel."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from cropland.errors import DataError
from cropland.maps import layers
from cropland.maps.facts import FACTS, REMEDY, MapFacts
from cropland.maps.geotiff import RASTER_ERRORS
from cropland.sources import grid as grids
from cropland.support import reading
from cropland.untrusted.rasters import open_raster

if TYPE_CHECKING:
    import numpy as np
    from rasterio.io import DatasetReader

DIFFERENCE = "beside_"
"""The name of a page with another map begins so, and goes on with the names of its last two folders."""
SIDE = 2048
"""Sides of the parts that a map is read in, in pixels; another one would draw other samples."""


@dataclass(frozen=True)
class FinishedMap:
    """A finished map.

    Attributes
    ----------
    path : Path
        Its folder.
    facts : MapFacts
        What is known of it.
    grid : GeoBox
        Of all its layers.
    """

    path: Path
    facts: MapFacts
    grid: GeoBox

    @classmethod
    def open(cls, path: Path) -> FinishedMap:
        """Open a map.

        Raises
        ------
        DataError
            There is none, it was not finished, or its files are not of one map.
        """
        facts = MapFacts.read(path)
        file = path / f"{layers.CLASS.name}.tif"
        if reading.is_file(file):  # else the next line says so
            facts.check_file(file)
        with _layer(path, layers.CLASS.name, facts.key) as source:
            if source.crs is None:
                raise DataError(f"expected {source.name} to name its CRS, found none; {REMEDY}")
            grid = GeoBox(source.shape, source.transform, source.crs.to_string())
        return cls(path, facts, grid)

    def check_writable(self) -> None:
        """Check that files can be written beside it.

        Raises
        ------
        DataError
            Its folder cannot be written to.
        """
        if not os.access(self.path, os.W_OK):
            raise DataError(
                f"cannot write to {self.path}; copy the map to a folder that you can write to"
            )

    def layers(self, *names: str) -> dict[str, Path]:
        """Return the files of those layers, of some, that the map has, as they were written.

        Raises
        ------
        DataError
            One is damaged.
        """
        files = {name: self.path / f"{name}.tif" for name in names}
        existing = {name: path for name, path in files.items() if reading.is_file(path)}
        for path in existing.values():
            self.facts.check_file(path)
        return existing

    @property
    def windows(self) -> list[Window]:
        """The parts that the map is read in, row by row."""
        height, width = self.grid.shape
        return [
            Window(column, row, min(SIDE, width - column), min(SIDE, height - row))
            for row in range(0, height, SIDE)
            for column in range(0, width, SIDE)
        ]

    def classes(self, windows: Iterable[Window]) -> Iterator[NDArray[np.uint8]]:
        """Read the classes of some parts, each of shape (row, column)."""
        with _layer(self.path, layers.CLASS.name, self.facts.key) as source:
            for window in windows:
                yield source.read(1, window=window)

    def values(
        self, name: str, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> NDArray[Any]:
        """Read a layer at some pixels inside the grid, shape (pixel,); only blocks that hold one are read.

        Raises
        ------
        DataError
            The layer is not there, is another map's, is damaged, or cannot be read.
        """
        if name != layers.CLASS.name:  # which was checked when the map was opened
            self.facts.check_file(self.path / f"{name}.tif")
        with _layer(self.path, name, self.facts.key) as source:
            return grids.read_pixels(source, rows, columns)


@contextmanager
def _layer(folder: Path, name: str, key: str) -> Iterator[DatasetReader]:
    """Open a layer of a map, and no other map's."""
    path = folder / f"{name}.tif"
    if not reading.is_file(path):
        raise DataError(f"expected the layer {path}, found none; {REMEDY}")
    try:
        with open_raster(path, REMEDY, in_folder=True) as source:
            found = source.tags().get("KEY", "none")
            if found != key:
                raise DataError(
                    f"{path} is a layer of another map (key {found[:12]}) than {folder / FACTS} (key "
                    f"{key[:12]}); {REMEDY}"
                )
            yield source
    except RASTER_ERRORS as error:
        raise DataError(f"{path} cannot be read: {error}; {REMEDY}") from error
