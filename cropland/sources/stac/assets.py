"""Which asset of a STAC item holds a band, and where it lies: catalogues name them in their own ways.

Keys are tried first, as Earth Search (``nir08``), Planetary Computer (``B8A``), ESA and Copernicus
(``SCL_20m``) and the mission (``B2``) write them, then what the assets say of their bands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cropland.errors import DataError
from cropland.observations.bands import sensor_band_of
from cropland.observations.baseline_offset import VISIBLE
from cropland.sources.stac.boxes import bounds_of, overlap
from cropland.sources.stac.harmonisation import claims_offset
from cropland.sources.stac.responses import without_signature
from cropland.untrusted.addresses import WEB, is_web, scheme_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox
    from pystac import Asset, Item

_NATIVE_METRES = {"B1": 60, "B2": 10, "B3": 10, "B4": 10, "B8": 10, "B9": 60}
_OTHERWISE_METRES = 20
_COARSER = 1.01
"""Of pixels of one size, whatever their rounding."""
_METRES = re.compile(r"_(\d0)m$", re.IGNORECASE)


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
    if scheme_of(href) in ("", "file", *WEB):
        return href
    return _open_alternative(asset) or href


def suspects_of(item: Item) -> tuple[str, ...] | None:
    """Return where an image's visible bands lie; None where it says that it carries no offset."""
    if not claims_offset(item.id, item.properties):
        return None
    hrefs = (href_of(item, band) for band in VISIBLE)
    return tuple(href for href in hrefs if href is not None)


def check_grid(
    href: str,
    band: str,
    box: Sequence[float] | None,
    grid: GeoBox,
    inside: NDArray[np.bool_],
    *,
    everywhere: bool = False,
) -> None:
    """Check that a file of a band is as fine as the band, and lies where its item says.

    Parameters
    ----------
    box : sequence of float, optional
        Of the item.
    grid : GeoBox
        Of the file.
    inside : ndarray of bool
        Which places of the item are in it.
    everywhere : bool
        Whether all of them have to be.

    Raises
    ------
    DataError
        It is coarser than the band is, or lies elsewhere.
    """
    metres, name = _native_metres(band), without_signature(href)
    if grid.crs is not None and grid.crs.projected and grid.resolution.x > _COARSER * metres:
        raise DataError(
            f"{name} has pixels of {grid.resolution.x:g} m; expected {metres} m for {band}: choose another "
            f"source.collection"
        )
    elsewhere = not inside.any() and not overlap(box, bounds_of(grid))
    if elsewhere or (everywhere and not inside.all()):
        west, south, east, north = bounds_of(grid)
        raise DataError(
            f"{name} lies in lat {south:.3f}…{north:.3f}, lon {west:.3f}…{east:.3f}; the rest of the image "
            f"lies elsewhere"
        )


def _native_metres(band: str) -> int:
    return _NATIVE_METRES.get(band, _OTHERWISE_METRES)


def _is_key_of(key: str, band: str) -> bool:
    """Return whether a key is a name of a band, of no resolution or its native one."""
    metres = _METRES.search(key)
    named = sensor_band_of(key) == band
    return named and (metres is None or int(metres[1]) == _native_metres(band))


def _is_named(asset: Asset, band: str) -> bool:
    """Return whether an asset of one band says that it is this one."""
    fields = asset.extra_fields
    bands = fields.get("bands") or fields.get("eo:bands")
    if not isinstance(bands, list) or len(bands) != 1 or not isinstance(bands[0], Mapping):
        return False
    if {"thumbnail", "overview"} & set(asset.roles or ()):
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
        if is_web(href := str(other.get("href"))):
            return href
    return None


def _unsuitable(asset: Asset) -> tuple[bool, float]:
    """Order assets of the same band: GeoTIFFs before others, fine before coarse."""
    metres = asset.extra_fields.get("gsd") or asset.extra_fields.get("raster:spatial_resolution")
    return "tiff" not in (asset.media_type or ""), float(metres or 0)
