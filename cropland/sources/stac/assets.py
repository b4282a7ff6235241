"""Which asset of a STAC item holds a band: catalogues name them in their own ways.

Keys are tried first, as Earth Search (``nir08``), Planetary Computer and ESA (``B8A``, ``SCL_20m``) and the
mission (``B2``) write them, then what the assets say of their bands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cropland.observations.bands import OTHER_NAMES
from cropland.sources.stac.harmonisation import VISIBLE, claims_offset

if TYPE_CHECKING:
    from pystac import Asset, Item

_NATIVE_METRES = {"B1": 60, "B2": 10, "B3": 10, "B4": 10, "B8": 10, "B9": 60}
_OTHERWISE_METRES = 20


def asset_of(item: Item, band: str) -> Asset | None:
    """Find the asset of a band, at its native resolution; None where the item has none."""
    by_key = {key.lower(): asset for key, asset in item.assets.items()}
    for name in _names(band):
        if name.lower() in by_key:
            return by_key[name.lower()]
    named = [asset for asset in item.assets.values() if _names_in(asset) & set(_names(band))]
    return min(named, key=_unsuitable, default=None)


def href_of(item: Item, band: str) -> str | None:
    """Return where a band lies; None where the item has no asset of it."""
    asset = asset_of(item, band)
    return None if asset is None else asset.get_absolute_href() or asset.href


def suspects_of(item: Item) -> tuple[str, ...] | None:
    """Return where an image's visible bands lie; None where it says that it carries no offset."""
    if not claims_offset(item.id, item.properties):
        return None
    hrefs = (href_of(item, band) for band in VISIBLE)
    return tuple(href for href in hrefs if href is not None)


def _names(band: str) -> Iterator[str]:
    """Return the names of a band, the surest first: ``B2``, ``B02``, ``B02_10m``, ``blue``."""
    number = band[1:]
    padded = f"B{number.zfill(2)}" if number.isdigit() else band
    yield from dict.fromkeys((band, padded))
    yield f"{padded}_{_NATIVE_METRES.get(band, _OTHERWISE_METRES)}m"
    yield from OTHER_NAMES[band]


def _names_in(asset: Asset) -> set[str]:
    """Return the names that an asset of one band has for it."""
    fields = asset.extra_fields
    bands: list[dict[str, Any]] = fields.get("bands") or fields.get("eo:bands") or []
    if len(bands) != 1 or {"thumbnail", "overview"} & set(asset.roles or ()):
        return set()
    keys = ("name", "common_name", "eo:common_name")
    return {str(bands[0][key]) for key in keys if bands[0].get(key)}


def _unsuitable(asset: Asset) -> tuple[bool, float]:
    """Order assets of the same band: GeoTIFFs before others, fine before coarse."""
    metres = asset.extra_fields.get("gsd") or asset.extra_fields.get("raster:spatial_resolution")
    return "tiff" not in (asset.media_type or ""), float(metres or 0)
