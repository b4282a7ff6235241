"""A map as a page for a browser: one file with all that it needs, which no network is asked for."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import zlib
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cropland.errors import DataError
from cropland.maps.pictures import metres, pictures
from cropland.sources.grid import lonlat

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from cropland.maps.pictures import Picture

_LONGEST = 1500
_LATTICE = 17
"""Places a side whose longitude and latitude are told; what lies between is off by less than a pixel."""


def page(
    layers: Mapping[str, Path], *, title: str, facts: Mapping[str, str], note: str = ""
) -> str:
    """Write a map that one can move, with the values under the pointer.

    Parameters
    ----------
    layers : mapping of str to Path
        Files by layer (`cropland.maps.layers.LAYERS`); the first is shown first. They are reduced to at most
        1,500 rows or columns.
    title : str
        One line.
    facts : mapping of str to str
        What the panel tells, such as model, window and hectares.
    note : str
        A line under the title; empty for none.

    Returns
    -------
    str
        An HTML page. Values are told to a 254th of their scale.

    Raises
    ------
    DataError
        There is no layer, or a file cannot be read.
    """
    if not layers:
        raise DataError("expected layers to show, got none; write one first")
    drawn = pictures(layers, _LONGEST)
    grid = drawn[0].grid
    data = {
        "shape": list(grid.shape),
        "metres": metres(grid),
        "lonlat": _lattice(grid),
        "layers": [_encoded(picture) for picture in drawn],
    }
    script = _part("map.js")
    told = {**facts, "Shown at": f"{round(max(metres(grid)), 1):,g} m a pixel"}
    rows = (f"<dt>{escape(key)}</dt><dd>{escape(fact)}</dd>" for key, fact in told.items())
    filled = {
        "title": escape(title),
        "note": f"<p>{escape(note)}</p>" if note else "",
        "facts": "".join(rows),
        # A script element ends at its end tag, whatever language it is in.
        "data": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    # In one go, so that nothing that was filled in is taken for a place to fill.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: filled[place[1]], _part("map.html"))


def _part(name: str) -> str:
    return files("cropland.maps").joinpath(name).read_text(encoding="utf-8")


def _encoded(picture: Picture) -> dict[str, Any]:
    """Give a layer as the script reads it."""
    layer = picture.layer
    return {
        "name": layer.name,
        "label": picture.label,
        "unit": layer.unit,
        "classes": {code: name for code, (name, _) in layer.classes.items()},
        "low": picture.low,
        "step": picture.step,
        "digits": max(0, math.floor(-math.log10(picture.step))),
        "top": picture.top,
        "open_ended": picture.open_ended,
        "codes": base64.b64encode(zlib.compress(picture.codes.tobytes(), 9)).decode(),
        "colours": base64.b64encode(picture.colours.tobytes()).decode(),
    }


def _lattice(grid: GeoBox) -> list[list[list[float]]]:
    """Give longitude and latitude at places spread over a grid, row by row from its upper left corner."""
    height, width = grid.shape
    rows, columns = np.meshgrid(
        np.linspace(0, height, _LATTICE), np.linspace(0, width, _LATTICE), indexing="ij"
    )
    places = np.stack(lonlat(grid, rows, columns), axis=-1).round(7)
    lattice: list[list[list[float]]] = places.tolist()
    return lattice
