"""One scale for every processing baseline: whether an image's digital numbers carry an offset.

Since processing baseline 04.00 Sentinel-2's products carry 1000 more, so that dark ground does not fall
below zero (``BOA_ADD_OFFSET``: ESA, "Sentinel-2 Products Specification Document", 14.9). What catalogues say
of it cannot be taken at its word: some have subtracted it and say so (``earthsearch:boa_offset_applied``),
some without saying so, and the offset that an asset declares stays when it has been subtracted.

The rule: an image carries the offset where its baseline is 04.00 or later, it does not claim to be free of
it, and fewer than 2 % of its visible samples (B2, B3, B4 of the whole tile, decimated) lie below 1000.
Nothing is decided by a date, as archives were reprocessed, and nothing by the places that are asked for, so
that points and cubes agree.

The limits: an image without dark ground, such as one that is all cloud or all bright sand, looks alike with
and without the offset; where it claims to carry one that was already subtracted, 1000 too many are taken
away. Of an image that is mostly deep water, whose reflectance may come out negative, none are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations import band_values
from cropland.observations.bands import NO_DATA, SCENE_CLASS, SCENE_CLASSES
from cropland.sources.stac.responses import without_signature

_ANY_BAND = "B2"
"""Digital numbers have the same range in every band."""
FIRST_BASELINE = 4.0
RULE = (
    "1: minus 1000, but not below 1, where the processing baseline is 04.00 or later, the catalogue does not "
    "say that it was done, and fewer than 2 % of the tile's visible samples are below 1000"
)
"""What was done to the numbers, with its version, as archives keep it."""

_BASELINE_KEYS = ("s2:processing_baseline", "processing:version", "sentinel2:processing_baseline")
_APPLIED_KEYS = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
_PRODUCT_KEYS = ("s2:product_uri", "sentinel:product_id", "s2:product_id", "title")
_PRODUCT = re.compile(r"_N(\d{4})_")


def baseline_of(identifier: str, properties: Mapping[str, Any]) -> float:
    """Return the processing baseline of an item, from its properties or the name of its product.

    Raises
    ------
    DataError
        None is said.
    """
    for key in _BASELINE_KEYS:
        if match := re.fullmatch(r"N?(\d{2})\.?(\d{2})|(\d+(?:\.\d+)?)", str(properties.get(key))):
            whole, part, plain = match.groups()
            return float(plain) if plain else float(f"{whole}.{part}")
    for text in (*(str(properties.get(key)) for key in _PRODUCT_KEYS), identifier):
        if match := _PRODUCT.search(text):
            return int(match[1]) / 100
    raise DataError(
        f"{identifier} says no processing baseline ({_BASELINE_KEYS[0]}), without which its numbers cannot "
        f"be harmonised; choose another source.collection"
    )


def claims_offset(identifier: str, properties: Mapping[str, Any]) -> bool:
    """Return whether an item says that its numbers carry the offset.

    Raises
    ------
    DataError
        It says no processing baseline.
    """
    if any(properties.get(key) is True for key in _APPLIED_KEYS):
        return False
    return baseline_of(identifier, properties) >= FIRST_BASELINE


def stored_numbers(band: str, values: NDArray[Any], href: str) -> NDArray[np.unsignedinteger[Any]]:
    """Return what a file holds in the type of its band, 0 where there is no data; the offset is still on.

    Parameters
    ----------
    values : ndarray, any shape
        In any type of number; 0, NaN and what is below 0 are no data.

    Raises
    ------
    DataError
        It holds reflectance in place of digital numbers, or no scene classes.
    """
    dtype = band_values.dtype_of(band)
    if values.dtype == dtype and (band != SCENE_CLASS or values.max(initial=0) in SCENE_CLASSES):
        return values
    name = without_signature(href)
    data = np.where(np.isfinite(values), values, NO_DATA)
    possible, expected = band_values.possible(band, data.astype(np.float64))
    if not possible.all():
        raise DataError(
            f"{name} has values from {data.min():g} to {data.max():g} for {band}; expected {expected}: "
            f"choose another source.collection"
        )
    if band != SCENE_CLASS and band_values.reflectance_images(data[np.newaxis]).any():
        remedy = "or choose another source.collection"
        raise band_values.wrong_unit(name, band, data, remedy)
    return np.clip(np.rint(data), 0, np.iinfo(dtype).max).astype(dtype)


def harmonised(values: NDArray[np.uint16], offset: int) -> NDArray[np.uint16]:
    """Subtract an offset from stored numbers, any shape; data stay at least 1, no data stays 0.

    What is above the highest digital number then is no data, see `cropland.observations.band_values`.
    """
    if offset:
        lowered = np.maximum(values, offset + 1) - np.uint16(offset)
        values = np.where(values > 0, lowered, 0).astype(np.uint16)
    numbers, _ = band_values.without_fill(_ANY_BAND, values)
    return numbers
