"""A folder of STAC items, or the file of a static catalogue."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pystac

from cropland.errors import DataError
from cropland.sources.stac.boxes import overlap
from cropland.sources.stac.items import UNREADABLE, SearchResult, check_item, in_order, moment
from cropland.untrusted.addresses import file_inside, scheme_of, shown
from cropland.untrusted.answers import MOST_BYTES
from cropland.untrusted.documents import plain_json, read_bytes

if TYPE_CHECKING:
    from pystac import Item

    from cropland.config.sources import Catalog
    from cropland.sources.stac.boxes import Bounds

_DOWN = ("child", "item")
"""Links from a catalogue to what it holds."""


class Folder:
    """Items in files of one folder, which links may not leave."""

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
        files = _files_of(catalogue) if catalogue.is_file() else sorted(path.rglob("*.json"))
        items = [item for file in files for item in _items_in(path, file)]
    except OSError as error:
        raise DataError(
            f"{path} is not a readable STAC catalogue: {error}; fix the file"
        ) from error
    return tuple(items)


def _files_of(catalogue: Path) -> list[Path]:
    """Return the files that a catalogue leads to by links to items and to further catalogues, each once.

    Raises
    ------
    DataError
        A link leads to the network, or to a file that is not in the catalogue's folder.
    """
    files, catalogues = {catalogue: None}, [catalogue]
    for file in catalogues:
        links = _content(catalogue, file).get("links")
        for link in links if isinstance(links, list) else ():
            if not isinstance(link, dict) or link.get("rel") not in _DOWN:
                continue
            href = str(link.get("href"))
            if scheme_of(href):
                raise DataError(
                    f"{file} leads to {shown(href)}; expected a file in its folder: give the address of a "
                    f"STAC API, or store the items in the folder"
                )
            path = file_inside(str(catalogue), str(file.parent / href))
            if path not in files:
                files[path] = None
                catalogues += [path] if link["rel"] == "child" else []
    return list(files)


def _items_in(origin: Path, file: Path) -> list[Item]:
    content = _content(origin, file)
    if content.get("type") != "Feature" or "assets" not in content:
        return []
    try:
        check_item(content)
        item = pystac.Item.from_dict(content, href=str(file))
        moment(item)
        item.make_asset_hrefs_absolute()
    except (DataError, *UNREADABLE) as error:
        raise _unreadable(file, error) from error
    return [item]


def _content(origin: Path, file: Path) -> dict[str, Any]:
    """Return what a JSON file in a folder holds; nothing where it is not an object."""
    full = file_inside(str(origin), str(file))
    try:
        content = plain_json(read_bytes(full, MOST_BYTES))
    except ValueError as error:
        raise _unreadable(file, error) from error
    return content if isinstance(content, dict) else {}


def _unreadable(file: Path, error: Exception) -> DataError:
    kind = "" if isinstance(error, DataError) else f"{type(error).__name__}: "
    return DataError(f"{file} is not a readable STAC item ({kind}{error}); fix it, or remove it")
