"""Layers: what the files of a map hold, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

import numpy as np
from rasterio.enums import Resampling

Colour = tuple[int, int, int, int]
"""Red, green, blue and opacity, each 0 to 255."""


@dataclass(frozen=True)
class Layer:
    """A layer of a map: the meaning of its values and their colours.

    Attributes
    ----------
    name : str
        The layer's, and its file's without ``.tif``.
    description : str
        Of the band, a few words.
    resampling : Resampling
        How overviews are made.
    dtype, nodata : str, float
        The type of a value, and the one of a pixel of which nothing is known.
    unit : str
        Of the values; empty where they have none.
    limits : tuple of float, optional
        The ends of the scale that values lie on; None where it starts at 0 and has no end.
    ramp : str
        Matplotlib's name of the colours of that scale; perceptually ordered, for colour-blind readers too.
    classes : mapping of int to tuple of str
        What a value stands for and its colour, of layers whose values are no numbers.
    """

    name: str
    description: str
    resampling: Resampling
    dtype: str = "uint8"
    nodata: float = 255
    unit: str = ""
    limits: tuple[float, float] | None = None
    ramp: str = ""
    classes: Mapping[int, tuple[str, str]] = field(default_factory=dict, hash=False)

    @property
    def colours(self) -> dict[int, Colour] | None:
        """The colour table of the file: a colour for each value; None where no file can have one."""
        if self.dtype != "uint8":
            return None
        known = {value: opaque(colour) for value, (_, colour) in self.classes.items()}
        if self.limits is not None:
            low, high = (int(limit) for limit in self.limits)
            known = dict(
                zip(range(low, high + 1), ramp_colours(self.ramp, high - low + 1), strict=True)
            )
        return known | {int(self.nodata): (255, 255, 255, 0)}


_percent = partial(Layer, resampling=Resampling.average, limits=(0, 100))
_exact = partial(Layer, resampling=Resampling.average, dtype="float32", nodata=np.nan)
_either = partial(Layer, resampling=Resampling.mode)

TOO_FEW = 2
"""Value of the layer of classes where a pixel has too few observations for a class."""
CLASS = _either(
    "class",
    "class: 1 cropland, 0 other, 2 too few observations",
    classes=MappingProxyType(
        {
            1: ("cropland", "#009E73"),
            0: ("other", "#E69F00"),
            TOO_FEW: ("too few observations", "#999999"),
        }
    ),
)
PROBABILITY = _percent("probability", "probability of cropland", unit="%", ramp="cividis")
PROBABILITY_EXACT = _exact(
    "probability_exact", "probability of cropland", limits=(0, 1), ramp="cividis"
)
UNCERTAINTY = _percent("uncertainty", "entropy of the class", unit="%", ramp="magma_r")
"""Binary entropy of the probability of cropland: 0 where it is 0 or 1, 100 where it is a half."""
OBSERVATIONS = Layer(
    "observations",
    "observations in the window",
    Resampling.average,
    dtype="uint16",
    nodata=65535,
    unit="days",
    ramp="viridis",
)
"""On how many days of the window a pixel was observed; no data outside of the area that was asked for."""
APPLICABILITY = _either(
    "applicability",
    "area of applicability: 1 inside, 0 outside",
    classes=MappingProxyType({1: ("inside", "#56B4E9"), 0: ("outside", "#D55E00")}),
)
DISSIMILARITY = _exact("dissimilarity", "dissimilarity to the training points", ramp="plasma")
"""The dissimilarity index of Meyer & Pebesma 2021, doi:10.1111/2041-210X.13650."""
_ALL = (
    CLASS,
    PROBABILITY,
    PROBABILITY_EXACT,
    UNCERTAINTY,
    OBSERVATIONS,
    APPLICABILITY,
    DISSIMILARITY,
)
LAYERS: Mapping[str, Layer] = MappingProxyType({layer.name: layer for layer in _ALL})

CLASSES = {name: value for value, (name, _) in CLASS.classes.items() if value != TOO_FEW}
"""Values of the layer of classes by name: cropland, then other."""
CROPLAND, OTHER, NO_DATA = CLASSES["cropland"], CLASSES["other"], int(CLASS.nodata)


def layers_of_map(*, exact: bool, applicability: bool) -> list[Layer]:
    """Return the layers of a map.

    Parameters
    ----------
    exact : bool
        With the probability as float32 too.
    applicability : bool
        Whether the model has an area of applicability.
    """
    layers = [CLASS, PROBABILITY, UNCERTAINTY, OBSERVATIONS]
    layers += [DISSIMILARITY, APPLICABILITY] if applicability else []
    return [*layers, PROBABILITY_EXACT] if exact else layers


def opaque(colour: str) -> Colour:
    """Return a colour that is written in hexadecimal digits.

    >>> opaque("#0080FF")
    (0, 128, 255, 255)
    """
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue, 255


def ramp_colours(ramp: str, number: int) -> list[Colour]:
    """Return so many colours of a ramp, from one end to the other."""
    from matplotlib import colormaps

    colours = colormaps[ramp](np.linspace(0, 1, number), bytes=True)
    return [(int(red), int(green), int(blue), 255) for red, green, blue, _ in colours]
