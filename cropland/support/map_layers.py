"""What a page of a map shows: images whose pixels are codes, and points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from numpy.typing import NDArray

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class ImageLayer:
    """An image in Web Mercator whose pixels are codes.

    Attributes
    ----------
    name, label : str
        Under the pointer, and above its legend; no two layers of a page have one name.
    codes : ndarray of uint8, shape (row, column)
        From north to south.
    colours : ndarray of uint8, shape (256, 4)
        Red, green, blue and opacity of each code.
    words : sequence of str
        The value of each code as text, 256 of them; ``no data`` of a code without one.
    classes : mapping of int to str
        Codes with a name of their own; empty for a scale.
    ends : tuple of str
        The values at the ends of a scale.
    top : int
        The code at the upper end of a scale.
    title : str
        In the list of layers; its name where it is empty.
    """

    name: str
    label: str
    codes: NDArray[np.uint8]
    colours: NDArray[np.uint8]
    words: Sequence[str]
    classes: Mapping[int, str] = field(default_factory=dict)
    ends: tuple[str, str] = ("", "")
    top: int = 1
    title: str = ""


@dataclass(frozen=True, eq=False)
class PointLayer:
    """Points that are drawn alike.

    Attributes
    ----------
    name : str
        In the legend.
    lon, lat : ndarray of float, shape (point,)
        Degrees.
    fields : mapping of str to sequence of str
        What is shown under the pointer, by name; the same names in all layers of a page.
    colours : sequence of str
        The fill of each point.
    size, outline, width
        Diameter in pixels, colour and width of the edge.
    """

    name: str
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    fields: Mapping[str, Sequence[str]]
    colours: Sequence[str]
    size: float = 9
    outline: str = "white"
    width: float = 0.8
