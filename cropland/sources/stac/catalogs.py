"""STAC catalogues: an API that is asked politely, or a folder of items."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pystac
from pystac_client import Client, ItemSearch
from pystac_client.conformance import ConformanceClasses
from pystac_client.errors import ClientTypeError
from pystac_client.exceptions import APIError

from cropland.errors import DataError, nearest
from cropland.sources.stac.boxes import overlap
from cropland.sources.stac.responses import PatientStacIO

if TYPE_CHECKING:
    from pystac import Item

    from cropland.config.sources import Catalog
    from cropland.sources.retries import Attempts
    from cropland.sources.stac.boxes import Bounds

T = TypeVar("T")
PAGE_ITEMS = 50
"""More, and Earth Search's answers become too large for it."""
NO_SUCH_METHOD = 405
COLLECTIONS = ConformanceClasses.COLLECTIONS
_NOT_STAC = (ClientTypeError, pystac.STACError, ValueError, KeyError, TypeError, AttributeError)


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


class SearchResult(NamedTuple):
    """Items, sorted by time and name, each once; and what a user should know of the search."""

    items: list[Item]
    notes: tuple[str, ...] = ()


class Api:
    """A STAC API; opening it asks for its landing page and its collection."""

    def __init__(self, catalog: Catalog, attempts: Attempts, timeout_seconds: float) -> None:
        self._catalog = catalog
        self._io = PatientStacIO(catalog.url, attempts, timeout_seconds)
        # Without the checks of `Client.open`: many APIs do not say what they conform to.
        self._client = self._answer(lambda: Client.from_file(catalog.url, stac_io=self._io))
        self._conforms = " ".join(self._client.extra_fields.get("conformsTo") or ())
        self._client.set_conforms_to([COLLECTIONS.valid_uri])
        self._search_links = self._answer(lambda: search_links(self._client))
        collection = self._answer(lambda: self._client.get_collection(catalog.collection))
        if collection is None:
            known = self._answer(
                lambda: [collection.id for collection in self._client.get_collections()]
            )
            raise DataError(
                f"{catalog.url} has no collection {catalog.collection!r} for source.collection; "
                f"{nearest(catalog.collection, known)}"
            )
        self._collection = collection

    @property
    def title(self) -> str:
        """What it calls itself, with the version of its API."""
        version = re.search(r"stacspec\.org/v([^/]+)/core", self._conforms)
        kind = f"STAC API {version[1]}" if version else "STAC API"
        return f"{self._client.title or self._client.id} ({kind}) at {self._catalog.url}"

    @property
    def extent(self) -> str:
        """The collection, and which dates it covers."""
        spans = self._collection.extent.temporal.intervals
        start, end = spans[0] if spans else (None, None)
        days = (
            f"{at:%Y-%m-%d}" if at else otherwise for at, otherwise in ((start, ""), (end, "today"))
        )
        return f"{self._catalog.collection}: {' … '.join(days)}"

    def search(self, bounds: Bounds, first: date, last: date) -> SearchResult:
        """Find the items of some days (UTC, both included), page by page.

        Raises
        ------
        DataError
            The catalogue refuses, or goes on failing.
        """
        pages = self._answer(lambda: list(self._pages(bounds, first, last)))
        features = [feature for page in pages for feature in page.get("features", ())]
        items = self._answer(
            lambda: [pystac.Item.from_dict(each, preserve_dict=False) for each in features]
        )
        matched = max((number_matched(page) for page in pages), default=0)
        notes: tuple[str, ...] = ()
        if matched > len(features):
            notes = (
                f"{self._catalog.url} says that {matched} images match from {first} to {last}, but gave only "
                f"{len(features)} and no next page: images may be missing",
            )
        return SearchResult(
            _sorted(item for item in items if first <= moment(item).date() <= last), notes
        )

    def _pages(self, bounds: Bounds, first: date, last: date) -> Iterator[dict[str, Any]]:
        """Ask for the pages of a search, by POST where the landing page offers it, else by GET."""
        for method in ("POST", "GET"):
            if method not in self._search_links:
                continue
            search = ItemSearch(
                self._search_links[method],
                method=method,
                stac_io=self._io,
                collections=[self._catalog.collection],
                bbox=bounds,
                datetime=f"{first}T00:00:00Z/{last}T23:59:59.999Z",
                limit=PAGE_ITEMS,
            )
            try:
                yield from search.pages_as_dicts()
            except APIError as error:
                if method == "POST" and getattr(error, "status_code", None) == NO_SUCH_METHOD:
                    # As some do that offer it.
                    self._search_links["GET"] = self._search_links.pop("POST")
                    continue
                raise
            return

    def _answer(self, ask: Callable[[], T]) -> T:
        """Return an answer; raise what goes wrong in one line."""
        try:
            return ask()
        except APIError as error:
            status = getattr(error, "status_code", None)
            text = str(error)[:200] or "nothing"
            raise DataError(
                f"{self._catalog.url} answers HTTP {status}: {text}; check the address and source.collection"
            ) from error
        except _NOT_STAC as error:
            raise DataError(
                f"{self._catalog.url} answers, but not as a STAC API does ({type(error).__name__}: {error}); "
                f"check the address, which often ends in /v1"
            ) from error


class Folder:
    """A folder of items, or the file of a static catalogue; their links may be relative."""

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

    def search(self, bounds: Bounds, first: date, last: date) -> SearchResult:
        """Find items; see `Api.search`."""
        return SearchResult(
            _sorted(
                item
                for item in self._items
                if first <= moment(item).date() <= last and overlap(item.bbox, bounds)
            )
        )


def search_links(client: Client) -> dict[str, str]:
    """Return the addresses at which a landing page lets us search for items, by HTTP method.

    Raises
    ------
    DataError
        There is none; a search of another kind, such as OpenSearch, does not count.
    """
    links = {
        str(link.extra_fields.get("method") or "GET").upper(): link.absolute_href
        for link in client.links
        if link.rel == "search" and "json" in (link.media_type or "json")
    }
    if not links:
        raise DataError(
            f"{client.self_href} has no search for items on its landing page; choose a STAC API, or store "
            f"the items of a static catalogue in a folder"
        )
    return links


def number_matched(page: Mapping[str, Any]) -> int:
    """Return how many items a search matches, as a page of it says; 0 where it does not say."""
    context = page.get("context") or page.get("search:metadata") or {}
    return int(page.get("numberMatched") or context.get("matched") or 0)


def moment(item: Item) -> datetime:
    """Return the time of an item in UTC.

    Raises
    ------
    DataError
        It has none.
    """
    at = item.datetime or item.common_metadata.start_datetime
    if at is None:
        raise DataError(f"{item.id} has no datetime; choose another source.collection")
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _sorted(items: Iterable[Item]) -> list[Item]:
    """Sort items by time and name, each name once: pages of a busy catalogue may overlap."""
    unique = {item.id: item for item in items}
    return sorted(unique.values(), key=lambda item: (moment(item), item.id))


@cache
def _items_of(path: Path) -> tuple[Item, ...]:
    """Read the items of a catalogue's file, or of a folder: by its catalogue, else every JSON file in it."""
    catalogue = path / "catalog.json" if path.is_dir() else path
    try:
        if catalogue.is_file():
            items = list(pystac.Catalog.from_file(str(catalogue)).get_items(recursive=True))
        else:
            items = [item for file in sorted(path.rglob("*.json")) for item in _items_in(file)]
    except (OSError, *_NOT_STAC) as error:
        raise DataError(
            f"{path} is no STAC catalogue that can be read: {error}; fix the file"
        ) from error
    for item in items:
        item.make_asset_hrefs_absolute()
    return tuple(items)


def _items_in(file: Path) -> list[Item]:
    content = json.loads(file.read_text())
    if not isinstance(content, dict) or content.get("type") != "Feature" or "assets" not in content:
        return []
    return [pystac.Item.from_dict(content, href=str(file))]
