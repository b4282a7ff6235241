"""The page of a map for a browser: its layers, with the values under the pointer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.maps.difference import KINDS, kinds
from cropland.maps.layers import CLASS, opaque
from cropland.maps.pictures import NO_DATA, metres, pictures
from cropland.models.points_map import training_layers
from cropland.sources.grid import box_of, pixels
from cropland.support.map_layers import ImageLayer, PointLayer
from cropland.support.map_page import comparison_page, image_page
from cropland.support.map_plot import from_mercator, mercator

if TYPE_CHECKING:
    import pandas as pd
    from odc.geo.geobox import GeoBox

    from cropland.maps.pictures import Picture

_LONGEST = 1500
_EDGE = "#222222"
_SIDES = ("left", "right")


def page(
    layers: Mapping[str, Path],
    *,
    title: str,
    facts: Mapping[str, str],
    note: str = "",
    points: Sequence[PointLayer] = (),
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
    points : sequence of PointLayer
        Drawn over the map, such as `training_points`.

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
    return image_page(
        images,
        bounds,
        title=title,
        note=note,
        facts={**facts, "shown at": _size(grid)},
        points=points,
    )


def difference_page(
    maps: Sequence[Mapping[str, Path]],
    *,
    names: tuple[str, str],
    title: str,
    facts: Mapping[str, str],
    note: str = "",
) -> str:
    """Write the page of two maps on one grid, beside each other.

    Parameters
    ----------
    maps : sequence of mapping of str to Path
        The files of both by layer, ``class`` among them; a layer that only one has is not shown.
    names : tuple of str
        What is written above both.
    title, facts, note
        As of `page`.
    """
    shared = [name for name in maps[0] if name in maps[1]]
    both = [pictures({name: files[name] for name in shared}, _LONGEST) for files in maps]
    grid = both[0][0].grid
    bounds, rows, columns, inside = _in_mercator(grid)

    def shown(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.where(inside, codes[rows, columns], np.uint8(NO_DATA))

    pairs = []
    for pair in zip(*both, strict=True):
        left, right = (
            replace(
                _image(one, shown(one.codes)),
                name=f"{one.layer.name}, {side}",
                title=one.layer.name,
            )
            for one, side in zip(pair, _SIDES, strict=True)
        )
        pairs.append((left, right))
    of_class = shared.index(CLASS.name)
    changed = shown(kinds(*(drawn[of_class].codes for drawn in both)))
    pairs.insert(1, (pairs[of_class][0], _difference_layer(changed)))
    return comparison_page(
        pairs,
        bounds,
        names=names,
        title=title,
        note=note,
        facts={**facts, "shown at": _size(grid)},
    )


def _difference_layer(codes: NDArray[np.uint8]) -> ImageLayer:
    """Return the layer of a difference, whose codes are the keys of `KINDS`."""
    classes = {code: name for code, (name, _) in KINDS.items()}
    colours = np.zeros((256, 4), np.uint8)
    for code, (_, colour) in KINDS.items():
        colours[code] = opaque(colour)
    return ImageLayer(
        name="difference",
        label="difference",
        codes=codes,
        colours=colours,
        words=[classes.get(code, "no data") for code in range(256)],
        classes=classes,
        title="difference (on the right)",
    )


def _size(grid: GeoBox) -> str:
    return f"{round(max(metres(grid)), 1):,g} m a pixel"


def training_points(points: pd.DataFrame, grid: GeoBox) -> list[PointLayer]:
    """Return the layers of the points of a model that lie on a grid, with edges that are seen on the map.

    Parameters
    ----------
    points : pandas.DataFrame
        As `cropland.models.training_points.read` returns them.
    grid : GeoBox
        Of the map.
    """
    inside = pixels(grid, points["Lon"].to_numpy(float), points["Lat"].to_numpy(float))[2]
    return [
        replace(
            layer,
            name=f"training points: {layer.name}",
            outline=_EDGE if layer.outline == "white" else layer.outline,
            width=max(layer.width, 1.2),
        )
        for layer in training_layers(points[inside])
    ]


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
