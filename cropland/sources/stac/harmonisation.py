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

FIRST_BASELINE = 4.0
VISIBLE = ("B2", "B3", "B4")
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


def harmonised(values: NDArray[Any], offset: int) -> NDArray[np.uint16]:
    """Take an offset from stored numbers, any shape; data stay at least 1, no data stays 0."""
    stored = values.astype(np.uint16, copy=False)
    if offset == 0:
        return stored
    return np.where(stored > 0, np.maximum(stored, offset + 1) - np.uint16(offset), 0).astype(
        np.uint16
    )
