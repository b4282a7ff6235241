"""STAC catalogues: an API that is asked politely, or a folder of items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cropland.errors import DataError
from cropland.sources.stac.api import Api
from cropland.sources.stac.folder import Folder

if TYPE_CHECKING:
    from cropland.config.sources import Catalog
    from cropland.sources.retries import Attempts


def open_catalogue(catalog: Catalog, attempts: Attempts, timeout_seconds: float) -> Api | Folder:
    """Open the catalogue at an address or in a folder.

    Raises
    ------
    DataError
        It is neither, cannot be reached, or does not have the collection.
    """
    if catalog.url.startswith(("http://", "https://")):
        return Api(catalog, attempts, timeout_seconds)
    if Path(catalog.url).exists():
        return Folder(catalog)
    raise DataError(
        f"source.catalog must be a name in source.catalogs, the address of a STAC API (https://…) or a "
        f"folder of items, got {catalog.url!r}, which is none of them"
    )
