"""Which product a STAC item is: its level, the scale that it declares, and whether it was processed again.

Only L2A, surface reflectance, is comparable with other sources; L1C has the same names of bands. ESA
processes its archive again and again, and catalogues keep both products of an image.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cropland.errors import DataError
from cropland.observations.bands import SCENE_CLASS
from cropland.sources.stac.assets import asset_of
from cropland.sources.stac.harmonisation import baseline_of

if TYPE_CHECKING:
    from pystac import Asset, Item

_LEVEL_KEYS = ("product:type", "s2:product_type", "processing:level", "s2:processing_level")
_NAME_KEYS = ("s2:product_uri", "sentinel:product_id", "s2:product_id", "title")
_TILE_KEYS = ("grid:code", "s2:mgrs_tile", "s2:tile_id", "mgrs:tile")
_PROCESSED_KEYS = ("processing:datetime", "s2:generation_time", "created", "updated")
_TOP_OF_ATMOSPHERE = re.compile(r"MSI_?L?1C|^L?1C?$", re.IGNORECASE)
_TILE = re.compile(r"(?<![0-9A-Z])(?:MGRS-|T)?(\d{2}[C-X][A-Z]{2})(?![0-9A-Z])")
_SCALES, _OFFSETS = (1, 0.0001), (0, -0.1, -1000)
"""What turns digital numbers into reflectance, and what takes the offset of 1,000 off."""


def check_product(item: Item, bands: Sequence[str]) -> None:
    """Check that an item is surface reflectance in digital numbers, as far as it says.

    Raises
    ------
    DataError
        It is L1C, or declares another scale for a band.
    """
    properties = item.properties
    levels = [str(properties[key]) for key in _LEVEL_KEYS if properties.get(key)]
    names = [item.id, *(str(properties[key]) for key in _NAME_KEYS if properties.get(key))]
    if any(_TOP_OF_ATMOSPHERE.search(text) for text in levels) or any("MSIL1C" in n for n in names):
        raise DataError(
            "it is L1C, reflectance at the top of the atmosphere; expected L2A, surface reflectance: choose "
            "another source.collection, such as sentinel-2-l2a"
        )
    for band in bands:
        asset = asset_of(item, band)
        if asset is not None and band != SCENE_CLASS:
            check_scale(band, *_declared(asset))


def check_scale(where: str, scale: float, offset: float) -> None:
    """Check that numbers are declared to be digital numbers of Sentinel-2.

    Raises
    ------
    DataError
        Their scale or offset is another.
    """
    if not np.isclose(scale, _SCALES, rtol=1e-6).any() or not np.isclose(offset, _OFFSETS).any():
        raise DataError(
            f"{where} is declared with the scale {scale:g} and the offset {offset:g}; expected digital "
            f"numbers of Sentinel-2 (reflectance × 10,000, scale 0.0001): choose another source.collection"
        )


def newer_products(items: Sequence[Item]) -> list[list[int]]:
    """Return, for each item, the positions of newer products of the same image.

    Products are of one image where satellite, tile and second are the same. The newer has the later
    processing baseline, then the later time of processing. None need show all of the image: of what several
    stations received ESA made a product each.
    """
    by_image: dict[object, list[int]] = defaultdict(list)
    for number, item in enumerate(items):
        by_image[_image_of(item) or item.id].append(number)
    newer: list[list[int]] = [[] for _ in items]
    for numbers in by_image.values():
        numbers.sort(key=lambda number: _processed(items[number]), reverse=True)
        for at, number in enumerate(numbers):
            newer[number] = numbers[:at]
    return newer


def _declared(asset: Asset) -> tuple[float, float]:
    """Return the scale and offset that an asset declares; 1 and 0 where it declares none."""
    fields: dict[str, Any] = dict(asset.extra_fields)
    for key in ("raster:bands", "bands"):
        listed = asset.extra_fields.get(key)
        if isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], Mapping):
            fields |= listed[0]
    scale, offset = (fields.get(f"raster:{key}", fields.get(key)) for key in ("scale", "offset"))
    return 1.0 if scale is None else float(scale), float(offset or 0)


def _image_of(item: Item) -> tuple[str, ...] | None:
    """Return what products of one image have in common; None where the item does not say it."""
    texts = [str(item.properties.get(key) or "") for key in (*_TILE_KEYS, *_NAME_KEYS)]
    tile = next((match[1] for text in (*texts, item.id) if (match := _TILE.search(text))), None)
    at = item.datetime or item.common_metadata.start_datetime
    if tile is None or at is None:
        return None
    platform = str(item.properties.get("platform") or "").lower()
    return platform, tile, f"{at:%Y%m%dT%H%M%S}"


def _processed(item: Item) -> tuple[float, str, str]:
    """Return what orders products of one image by their processing."""
    try:
        baseline = baseline_of(item.id, item.properties)
    except DataError:
        baseline = 0.0
    times = (str(item.properties[key]) for key in _PROCESSED_KEYS if item.properties.get(key))
    return baseline, next(times, ""), item.id
