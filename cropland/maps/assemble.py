"""The layers of a map, put together from its tiles, and what is counted on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.maps import geotiff
from cropland.maps.extent import hectares
from cropland.maps.layers import CROPLAND, NO_DATA, OBSERVATIONS, OTHER, TOO_FEW

if TYPE_CHECKING:
    from cropland.maps.compute import Arrays
    from cropland.maps.extent import Extent, Tile
    from cropland.maps.layers import Layer
    from cropland.maps.tile_store import TileStore

_MOST_DAYS = 65_534
_COUNTED = (OTHER, CROPLAND, TOO_FEW, NO_DATA)


@dataclass
class PixelCounts:
    """The counts of a map's pixels.

    Attributes
    ----------
    pixels : dict of int to int
        By class; `TOO_FEW` and `NO_DATA` of those inside the outline that are not known.
    hectares : dict of int to float
        The same in hectares on the ellipsoid. Counting pixels is biased by whatever the map gets wrong.
    dissimilar : int
        Pixels outside the area of applicability, of those that are known.
    observations : int
        Days on which pixels were observed, added up.
    cannot_tell : int, optional
        Pixels of which neither class can be excluded; None of a model without prediction sets.
    fill_values : int
        Values of the images that are no data, as no band can have them.
    truth : ndarray of int, shape (2, 2), optional
        Pixels by true and mapped class, of a simulated landscape.
    """

    pixels: dict[int, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))
    hectares: dict[int, float] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0.0))
    dissimilar: int = 0
    observations: int = 0
    cannot_tell: int | None = None
    fill_values: int = 0
    truth: NDArray[np.int64] | None = None

    @property
    def known(self) -> int:
        """Pixels with a class."""
        return self.pixels[OTHER] + self.pixels[CROPLAND]

    def add(self, tile: Tile, arrays: Arrays, threshold: float | None) -> None:
        """Count a tile; `threshold` is the largest dissimilarity inside the area of applicability."""
        inside = arrays["observations"] >= 0
        label, area = arrays["class"][inside], hectares(tile.grid)
        for value in self.pixels:
            count = int((label == value).sum())
            self.pixels[value] += count
            self.hectares[value] += count * area
        self.observations += int(arrays["observations"][inside].sum(dtype=np.int64))
        if threshold is not None:
            self.dissimilar += int((arrays["dissimilarity"] > threshold).sum())
        self.fill_values += int(arrays.get("n_fill_values", 0))
        if "n_cannot_tell" in arrays:
            self.cannot_tell = (self.cannot_tell or 0) + int(arrays["n_cannot_tell"])
        if "truth" in arrays:
            before = np.zeros((2, 2), np.int64) if self.truth is None else self.truth
            self.truth = before + arrays["truth"]


def write(
    folder: Path,
    layers: Sequence[Layer],
    extent: Extent,
    tiles: Sequence[Tile],
    store: TileStore,
    *,
    threshold: float | None,
    tags: Mapping[str, str],
    show: Callable[[int], None],
) -> PixelCounts:
    """Write layers as Cloud-Optimised GeoTIFFs, tile by tile.

    Parameters
    ----------
    folder : Path
        Where to.
    layers : sequence of Layer
        Which.
    extent : Extent
        What is mapped.
    tiles : sequence of Tile
        All of it.
    store : TileStore
        Where they are.
    threshold : float, optional
        The largest dissimilarity inside the area of applicability.
    tags : mapping of str to str
        The metadata of the files.
    show : callable
        Called with how many layers are done.

    Raises
    ------
    DataError
        A tile is broken, or a file cannot be written.
    """
    counts = PixelCounts()
    for tile in tiles:
        counts.add(tile, store.read(tile), threshold)
    show(0)
    for number, layer in enumerate(layers, 1):
        blocks = (
            (tile.row, tile.column, _VALUES[layer.name](store.read(tile), threshold))
            for tile in tiles
        )
        geotiff.write(folder / f"{layer.name}.tif", layer, extent.grid, blocks, tags)
        show(number)
    return counts


def entropy(probability: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Compute the binary entropy of probabilities, bits: 1 at a half, 0 at both ends."""
    p = np.asarray(probability, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return np.where((p == 0) | (p == 1), 0.0, bits)


def _percent(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    known = ~np.isnan(values)
    whole = np.full(values.shape, NO_DATA, np.uint8)
    whole[known] = np.rint(100 * values[known])
    return whole


def _observations(arrays: Arrays, _: float | None) -> NDArray[np.uint16]:
    days = arrays["observations"]
    capped = np.minimum(days, _MOST_DAYS)
    return np.where(days < 0, int(OBSERVATIONS.nodata), capped).astype(np.uint16)


def _applicability(arrays: Arrays, threshold: float | None) -> NDArray[np.uint8]:
    assert threshold is not None  # there is no such layer without one
    dissimilarity = arrays["dissimilarity"]
    return np.where(np.isnan(dissimilarity), NO_DATA, dissimilarity <= threshold).astype(np.uint8)


_VALUES: dict[str, Callable[[Arrays, float | None], NDArray[Any]]] = {
    "class": lambda arrays, _: arrays["class"],
    "probability": lambda arrays, _: _percent(arrays["probability"]),
    "probability_exact": lambda arrays, _: arrays["probability"],
    "observations": _observations,
    "uncertainty": lambda arrays, _: _percent(entropy(arrays["probability"])),
    "dissimilarity": lambda arrays, _: arrays["dissimilarity"],
    "applicability": _applicability,
}
