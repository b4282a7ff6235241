"""Which asset of a STAC item holds a band, and where it lies: catalogues name them in their own ways.

Keys are tried first, as Earth Search (``nir08``), Planetary Computer (``B8A``), ESA and Copernicus
(``SCL_20m``) and the mission (``B2``) write them, then what the assets say of their bands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cropland.observations.bands import sensor_band_of
from cropland.observations.baseline_offset import VISIBLE
from cropland.sources.stac.harmonisation import claims_offset

if TYPE_CHECKING:
    from pystac import Asset, Item

_NATIVE_METRES = {"B1": 60, "B2": 10, "B3": 10, "B4": 10, "B8": 10, "B9": 60}
_OTHERWISE_METRES = 20
_METRES = re.compile(r"_(\d0)m$", re.IGNORECASE)
_WEB = ("http", "https")


def asset_of(item: Item, band: str) -> Asset | None:
    """Find the asset of a band, at its native resolution; None where the item has none."""
    keys = [key for key in item.assets if _is_key_of(key, band)]
    if keys:
        # The mission's own name before others.
        return item.assets[min(keys, key=lambda key: not key[1:2].isdigit())]
    named = [asset for asset in item.assets.values() if _is_named(asset, band)]
    return min(named, key=_unsuitable, default=None)


def href_of(item: Item, band: str) -> str | None:
    """Return where a band lies; None where the item has no asset of it.

    In place of an object storage, which wants keys, it is an address that anybody may read, if there is one.
    """
    asset = asset_of(item, band)
    if asset is None:
        return None
    href = asset.get_absolute_href() or asset.href
    if urlsplit(href).scheme in ("", "file", *_WEB):
        return href
    return _open_alternative(asset) or href


def suspects_of(item: Item) -> tuple[str, ...] | None:
    """Return where an image's visible bands lie; None where it says that it carries no offset."""
    if not claims_offset(item.id, item.properties):
        return None
    hrefs = (href_of(item, band) for band in VISIBLE)
    return tuple(href for href in hrefs if href is not None)


def _is_key_of(key: str, band: str) -> bool:
    """Return whether a key is a name of a band, of no resolution or its native one."""
    metres = _METRES.search(key)
    native = _NATIVE_METRES.get(band, _OTHERWISE_METRES)
    return sensor_band_of(key) == band and (metres is None or int(metres[1]) == native)


def _is_named(asset: Asset, band: str) -> bool:
    """Return whether an asset of one band says that it is this one."""
    fields = asset.extra_fields
    bands: list[dict[str, Any]] = fields.get("bands") or fields.get("eo:bands") or []
    if len(bands) != 1 or {"thumbnail", "overview"} & set(asset.roles or ()):
        return False
    keys = ("name", "common_name", "eo:common_name")
    return any(sensor_band_of(str(bands[0][key])) == band for key in keys if bands[0].get(key))


def _open_alternative(asset: Asset) -> str | None:
    """Return another address of an asset on the web that asks for no sign-in; None where it has none.

    As the STAC extensions Alternate Assets and Authentication have it.
    """
    alternatives = asset.extra_fields.get("alternate")
    for other in alternatives.values() if isinstance(alternatives, Mapping) else ():
        if not isinstance(other, Mapping) or other.get("auth:refs"):
            continue
        if urlsplit(href := str(other.get("href"))).scheme in _WEB:
            return href
    return None


def _unsuitable(asset: Asset) -> tuple[bool, float]:
    """Order assets of the same band: GeoTIFFs before others, fine before coarse."""
    metres = asset.extra_fields.get("gsd") or asset.extra_fields.get("raster:spatial_resolution")
    return "tiff" not in (asset.media_type or ""), float(metres or 0)
