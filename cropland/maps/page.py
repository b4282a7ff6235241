"""The page of a map for a browser: its layers, with the values under the pointer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.maps.pictures import NO_DATA, metres, pictures
from cropland.sources.grid import box_of, pixels
from cropland.support.map_page import ImageLayer, image_page
from cropland.support.map_plot import from_mercator, mercator

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from cropland.maps.pictures import Picture

_LONGEST = 1500


def page(
    layers: Mapping[str, Path], *, title: str, facts: Mapping[str, str], note: str = ""
) -> str:
    """Write the page of a map.

    Parameters
    ----------
    layers : mapping of str to Path
        Files by layer (`cropland.maps.layers.LAYERS`); the first is shown first. They are reduced to at most
        1,500 rows or columns.
    title : str
        One line.
    facts : mapping of str to str
        Shown beside the map, such as model, window and hectares.
    note : str
        A line under the title; empty for none.

    Returns
    -------
    str
        An HTML page that needs no network. Values are those of a 254th of their scale, and places are right
        to half a pixel.

    Raises
    ------
    DataError
        A file cannot be read.
    """
    drawn = pictures(layers, _LONGEST)
    grid = drawn[0].grid
    bounds, rows, columns, inside = _in_mercator(grid)
    images = [
        _image(picture, np.where(inside, picture.codes[rows, columns], np.uint8(NO_DATA)))
        for picture in drawn
    ]
    size = f"{round(max(metres(grid)), 1):,g} m a pixel"
    return image_page(images, bounds, title=title, note=note, facts={**facts, "shown at": size})


def _in_mercator(
    grid: GeoBox,
) -> tuple[
    tuple[float, float, float, float], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]
]:
    """Return a grid's bounds in Web Mercator, and the pixel at each place of an image of about its size.

    Bounds are left, bottom, right and top, metres; right of 180 degrees they go on. Pixels are row, column
    and whether there is one, else they are 0, 0.
    """
    box = box_of(grid)
    lon, lat = np.array([box.west, box.west + box.width]), np.array([box.south, box.north])
    (left, right), (bottom, top) = mercator(lon, lat)
    stretch = math.cos(math.radians(lat.mean()))
    width, height = (
        max(1, round(length * stretch / side))
        for length, side in zip((right - left, top - bottom), metres(grid), strict=True)
    )
    x = left + (np.arange(width) + 0.5) * (right - left) / width
    y = top - (np.arange(height) + 0.5) * (top - bottom) / height
    rows, columns, inside = pixels(grid, *np.meshgrid(*from_mercator(x, y)))
    return (float(left), float(bottom), float(right), float(top)), rows, columns, inside


def _image(picture: Picture, codes: NDArray[np.uint8]) -> ImageLayer:
    layer = picture.layer
    digits = max(0, math.floor(-math.log10(picture.step)))

    def number(code: int) -> str:
        at_least = "≥ " if picture.open_ended and code >= picture.top else ""
        return f"{at_least}{picture.low + code * picture.step:.{digits}f}"

    classes = {code: name for code, (name, _) in picture.classes.items()}
    words = [classes.get(code, f"{number(code)} {layer.unit}".strip()) for code in range(NO_DATA)]
    return ImageLayer(
        name=layer.name.replace("_", " "),
        label=picture.label,
        codes=codes,
        colours=picture.colours,
        words=[*words, "no data"],
        classes=classes,
        ends=(number(0), number(picture.top)),
        top=picture.top,
    )
