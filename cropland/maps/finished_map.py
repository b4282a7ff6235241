"""Finished maps: a folder of layers and facts, checked, and read block by block or pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from numpy.typing import ArrayLike, NDArray
from odc.geo.geobox import GeoBox
from pydantic import TypeAdapter
from pyproj import Transformer
from rasterio._err import CPLE_BaseError  # what a broken file ends in; no public name leads to it
from rasterio.errors import RasterioError
from rasterio.windows import Window

from cropland.errors import DataError
from cropland.maps import layers
from cropland.support import reading

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.io import DatasetReader

FACTS = "map.json"
CLASSES = {name: value for value, (name, _) in layers.CLASS.classes.items()}
"""Values of the layer of classes by name: cropland, then other."""
NO_DATA = int(layers.CLASS.nodata)
SIDE = 2048
"""Sides of the parts that a map is read in, in pixels; another one would draw other samples."""
_DEGREES = "EPSG:4326"
_TAGS = ("COUNTRY", "MODEL", "SEASON_END", "SOURCE", "WINDOW")
_REMEDY = "map it again: python scripts/map.py force=true with the words that made it"


@dataclass(frozen=True)
class Facts:
    """What ``map.json`` must tell to assess a map.

    Attributes
    ----------
    key : str
        Which map it is.
    tags : dict of str to str
        What its files say of themselves.
    hectares : dict of str to float
        Counted by class, and without any (``no data``).
    pixels : dict of str to int
        The same in pixels.
    truth : tuple of tuple of int, optional
        Pixels by true and mapped class, other before cropland, of a simulated landscape.
    outside_applicability : float, optional
        Share of it; None of a map whose model knows no area of applicability.
    """

    key: str
    tags: dict[str, str]
    hectares: dict[str, float]
    pixels: dict[str, int]
    truth: tuple[tuple[int, int], tuple[int, int]] | None = None
    outside_applicability: float | None = None

    @property
    def true_hectares(self) -> dict[str, float] | None:
        """The area that is of each class, of what is mapped; None where only a sample can tell."""
        if self.truth is None:
            return None
        mapped = sum(self.hectares[name] for name in CLASSES)
        pixels = {name: sum(self.truth[value]) for name, value in CLASSES.items()}
        return {name: mapped * n / max(sum(pixels.values()), 1) for name, n in pixels.items()}


_FACTS = TypeAdapter(Facts)


@dataclass(frozen=True)
class MapFolder:
    """A finished map.

    Attributes
    ----------
    path : Path
        Its folder.
    facts : Facts
        What is known of it.
    grid : GeoBox
        Of all its layers.
    """

    path: Path
    facts: Facts
    grid: GeoBox

    @classmethod
    def opened(cls, path: Path) -> MapFolder:
        """Open a map.

        Raises
        ------
        DataError
            There is none, it was not finished, or its files are not of one map.
        """
        facts = _read_facts(path)
        with _layer(path, layers.CLASS.name, facts.key) as source:
            if source.crs is None:
                raise DataError(f"expected {source.name} to name its CRS, it has none; {_REMEDY}")
            grid = GeoBox(source.shape, source.transform, source.crs.to_string())
        return cls(path, facts, grid)

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
            The layer is not there, is another map's, or cannot be read.
        """
        blocks = rows // layers.BLOCK, columns // layers.BLOCK
        order = np.lexsort(blocks[::-1])
        starts = np.flatnonzero(np.any(np.diff(np.stack(blocks)[:, order]), axis=0)) + 1
        with _layer(self.path, name, self.facts.key) as source:
            found = np.zeros(len(rows), source.dtypes[0])
            for at in np.split(order, starts) if len(order) else []:
                row, column = rows[at[0]], columns[at[0]]
                top, left = row - row % layers.BLOCK, column - column % layers.BLOCK
                block = source.read(1, window=Window(left, top, layers.BLOCK, layers.BLOCK))
                found[at] = block[rows[at] - top, columns[at] - left]
        return found

    def lonlat(
        self, rows: ArrayLike, columns: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give places in the grid in degrees; half a pixel from its corner is the first pixel's centre."""
        x, y = _moved(self.grid.affine, np.asarray(columns, float), np.asarray(rows, float))
        lon, lat = self._to_grid.transform(x, y, direction="INVERSE")
        return lon, lat

    def pixels(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Give rows and columns of places in degrees, and whether they are in the grid; 0, 0 if not."""
        columns, rows = _moved(~self.grid.affine, *self._to_grid.transform(lon, lat))
        inside = (rows >= 0) & (columns >= 0)
        inside &= (rows < self.grid.shape[0]) & (columns < self.grid.shape[1])
        row, column = (np.where(inside, at, 0).astype(np.int64) for at in (rows, columns))
        return row, column, inside

    @cached_property
    def _to_grid(self) -> Transformer:
        return Transformer.from_crs(_DEGREES, str(self.grid.crs), always_xy=True)


def _moved(
    affine: Affine, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Apply a transformation to arrays, which its own operators deprecate."""
    a, b, c, d, e, f = affine[:6]
    return a * x + b * y + c, d * x + e * y + f


def _read_facts(path: Path) -> Facts:
    if not path.is_dir():
        raise DataError(
            f"expected the folder of a map at {path}, there is none; make one: python scripts/map.py"
        )
    file = path / FACTS
    if not reading.is_file(file):
        raise DataError(
            f"expected {FACTS} in {path}, there is none: no map was finished there; name the folder of one, "
            f"or give the command of scripts/map.py again"
        )
    facts = reading.validated(file, _FACTS, _REMEDY)
    missing = [f"tags.{name}" for name in _TAGS if name not in facts.tags]
    for what, told in (("hectares", facts.hectares), ("pixels", facts.pixels)):
        missing += [f"{what}.{name}" for name in (*CLASSES, "no data") if name not in told]
    if missing:
        raise DataError(
            f"{file} does not hold what it should: it lacks {', '.join(missing)}; {_REMEDY}"
        )
    return facts


@contextmanager
def _layer(folder: Path, name: str, key: str) -> Iterator[DatasetReader]:
    """Open a layer of a map, and no other map's."""
    path = folder / f"{name}.tif"
    if not reading.is_file(path):
        raise DataError(f"expected the layer {path}, there is none; {_REMEDY}")
    try:
        with rasterio.open(path) as source:
            found = source.tags().get("KEY", "none")
            if found != key:
                raise DataError(
                    f"{path} is a layer of another map (key {found[:12]}) than {folder / FACTS} (key "
                    f"{key[:12]}); {_REMEDY}"
                )
            yield source
    except (RasterioError, CPLE_BaseError) as error:
        raise DataError(f"{path} cannot be read: {error}; {_REMEDY}") from error
