"""Pictures of a map's layers: reduced, as 8-bit codes that have both a value and a colour."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from cropland.maps.geotiff import read_reduced
from cropland.maps.layers import LAYERS, TOO_FEW, ramp_colours
from cropland.sources.grid import lonlat

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from cropland.maps.layers import Layer

NO_DATA = 255
_LAST = 254
_MOST = 99.5
"""Percentile that a scale without an end is drawn to: one strange pixel would make all others alike."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A layer as it is drawn.

    Attributes
    ----------
    layer : Layer
        What it shows.
    codes : ndarray of uint8, shape (row, column)
        A code a pixel; 255 is no data.
    low, step : float
        A code's value is the low one and so many steps.
    top : int
        The code at the end of the scale.
    open_ended : bool
        Whether the top code stands for larger values too.
    grid : GeoBox
        Of the codes.
    """

    layer: Layer
    codes: NDArray[np.uint8]
    low: float
    step: float
    top: int
    open_ended: bool
    grid: GeoBox

    @property
    def high(self) -> float:
        """The value of the top code."""
        return self.low + self.top * self.step

    @property
    def colours(self) -> NDArray[np.uint8]:
        """Red, green, blue and opacity of each code, shape (256, 4); codes of no value are transparent."""
        table = np.zeros((256, 4), dtype=np.uint8)
        ramp = self.layer.colours or enumerate(ramp_colours(self.layer.ramp, self.top + 1))
        for code, colour in dict(ramp).items():
            table[code] = colour
        table[NO_DATA, 3] = 0
        return table

    @property
    def classes(self) -> dict[int, tuple[str, str]]:
        """Name and colour of each class of a legend; `TOO_FEW` only where a pixel is drawn in it."""
        return {
            value: words
            for value, words in self.layer.classes.items()
            if value != TOO_FEW or (self.codes == TOO_FEW).any()
        }

    @property
    def label(self) -> str:
        """The description, with the unit where there is one."""
        return self.layer.description + (f" ({self.layer.unit})" if self.layer.unit else "")


def pictures(layers: Mapping[str, Path], longest: int) -> list[Picture]:
    """Read layers to be drawn.

    Parameters
    ----------
    layers : mapping of str to Path
        Files by the name of their layer (`cropland.maps.layers.LAYERS`), on one grid.
    longest : int
        The most rows or columns of a picture.

    Raises
    ------
    DataError
        A file cannot be read.
    """
    return [_picture(LAYERS[name], path, longest) for name, path in layers.items()]


def metres(grid: GeoBox) -> tuple[float, float]:
    """Compute the ground that a pixel in the middle covers, across and down."""
    height, width = grid.shape
    column, row = width / 2, height / 2
    lon, lat = lonlat(grid, [row, row, row + 1], [column, column + 1, column])
    ellipsoid = Geod(ellps="WGS84")
    across, down = (ellipsoid.inv(lon[0], lat[0], lon[n], lat[n])[2] for n in (1, 2))
    return float(across), float(down)


def north(grid: GeoBox) -> tuple[float, float]:
    """Compute the direction of north in the middle of a grid: to the right and up, of length 1."""
    height, width = grid.shape
    lon, lat = lonlat(grid, [height / 2 + 0.5, height / 2 - 0.5], [width / 2, width / 2])
    lon = np.unwrap(lon, period=360)
    # Up on the grid points so far east and north; north lies as far on the other side of up.
    east, ahead = (lon[1] - lon[0]) * math.cos(math.radians(lat[0])), lat[1] - lat[0]
    length = math.hypot(east, ahead)
    return float(-east / length), float(ahead / length)


def round_length(longest: float) -> float:
    """Return the longest round length that is no longer.

    >>> round_length(7300.0), round_length(49.0), round_length(1.0)
    (5000.0, 20.0, 1.0)
    """
    power = 10.0 ** math.floor(math.log10(longest))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= longest)


def _picture(layer: Layer, path: Path, longest: int) -> Picture:
    values, grid = read_reduced(path, longest)
    known = values.compressed()
    low, step, top, open_ended = 0.0, 1.0, 1, False
    if layer.limits is not None:
        low, high = layer.limits
        top = int(high - low) if layer.dtype == "uint8" else _LAST
        step = (high - low) / top
    elif not layer.classes and known.size:
        largest = float(known.max())
        if np.issubdtype(known.dtype, np.integer):
            low = float(known.min()) if known.min() < largest else 0.0
            step = float(max(1, math.ceil((largest - low) / _LAST)))
            top = max(1, math.ceil((largest - low) / step))
        else:
            shown = float(np.percentile(known, _MOST)) or largest or 1.0
            step, top, open_ended = shown / _LAST, _LAST, largest > shown
    codes: np.ma.MaskedArray = np.ma.masked_array(
        np.rint((values.data.astype(np.float64) - low) / step).clip(0, _LAST), values.mask
    )
    filled = codes.filled(NO_DATA).astype(np.uint8)
    return Picture(layer, filled, low, step, top, open_ended, grid)
