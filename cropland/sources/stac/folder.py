"""A folder of STAC items, or the file of a static catalogue."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pystac

from cropland.errors import DataError
from cropland.sources.stac.boxes import overlap
from cropland.sources.stac.items import UNREADABLE, SearchResult, in_order, moment

if TYPE_CHECKING:
    from pystac import Item

    from cropland.config.sources import Catalog
    from cropland.sources.stac.boxes import Bounds


class Folder:
    """Items in files; their links may be relative."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        every = _items_of(Path(catalog.url).resolve())
        self._items = [item for item in every if item.collection_id in (None, catalog.collection)]
        if not self._items:
            names = ", ".join(sorted({str(item.collection_id) for item in every}))
            remedy = f"set source.collection to one of {names}" if names else "it has none"
            raise DataError(
                f"{catalog.url} has no item of collection {catalog.collection!r}; {remedy}"
            )

    @property
    def title(self) -> str:
        """Where it is, and how much it has."""
        return f"{self._catalog.url} with {len(self._items)} items"

    @property
    def extent(self) -> str:
        """The collection, and which dates it covers."""
        times = [moment(item) for item in self._items]
        return f"{self._catalog.collection}: {min(times):%Y-%m-%d} … {max(times):%Y-%m-%d}"

    def search(
        self, bounds: Bounds, first: date, last: date, leave_out: Collection[str]
    ) -> SearchResult:
        """Find items; see `cropland.sources.stac.api.Api.search`."""
        items = in_order(
            item
            for item in self._items
            if first <= moment(item).date() <= last and overlap(item.bbox, bounds)
        )
        kept = [item for item in items if item.id not in leave_out]
        return SearchResult(kept, [item.id for item in items if item.id in leave_out])


@cache
def _items_of(path: Path) -> tuple[Item, ...]:
    """Read the items of a catalogue's file, or of a folder: by its catalogue, else every JSON file in it."""
    catalogue = path / "catalog.json" if path.is_dir() else path
    try:
        if catalogue.is_file():
            items = list(pystac.Catalog.from_file(str(catalogue)).get_items(recursive=True))
        else:
            items = [item for file in sorted(path.rglob("*.json")) for item in _items_in(file)]
        for item in items:
            moment(item)
            item.make_asset_hrefs_absolute()
    except (OSError, *UNREADABLE) as error:
        raise DataError(
            f"{path} is no STAC catalogue that can be read: {error}; fix the file"
        ) from error
    return tuple(items)


def _items_in(file: Path) -> list[Item]:
    try:
        content = json.loads(file.read_text())
        if not isinstance(content, dict) or content.get("type") != "Feature":
            return []
        return [pystac.Item.from_dict(content, href=str(file))] if "assets" in content else []
    except UNREADABLE as error:
        raise DataError(
            f"{file} is no STAC item that can be read ({type(error).__name__}: {error}); fix it, or take it "
            f"out"
        ) from error
