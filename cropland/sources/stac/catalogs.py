"""STAC catalogues: an API that is asked politely, or a folder of items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cropland.errors import DataError
from cropland.sources.stac.api import Api
from cropland.sources.stac.folder import Folder
from cropland.untrusted.addresses import is_web

if TYPE_CHECKING:
    from cropland.config.sources import Stac
    from cropland.sources.retries import Attempts
    from cropland.untrusted.addresses import Links


def open_catalogue(source: Stac, attempts: Attempts, links: Links) -> Api | Folder:
    """Open the catalogue of a source, at an address or in a folder, whose links are checked by `links`.

    Raises
    ------
    DataError
        It is neither, cannot be reached, or does not have the collection.
    """
    chosen = source.chosen
    if is_web(chosen.url):
        return Api(chosen, attempts, source.timeout_seconds, links)
    if Path(chosen.url).exists():
        return Folder(chosen)
    raise DataError(
        f"source.catalog must be a name in source.catalogs ({', '.join(source.catalogs)}), the address of a "
        f"STAC API (https://…) or a folder of items, got {source.catalog!r}, which is none of them"
    )
