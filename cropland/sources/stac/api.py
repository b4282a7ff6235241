"""A STAC API: its landing page, its collection, and searches page by page."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import pystac
from pystac_client import Client, ItemSearch
from pystac_client.conformance import ConformanceClasses
from pystac_client.errors import ClientTypeError
from pystac_client.exceptions import APIError

from cropland.errors import DataError, nearest
from cropland.sources.stac.items import UNREADABLE, SearchResult, in_order, moment, read_items
from cropland.sources.stac.responses import METHODS, PatientStacIO, Refused
from cropland.untrusted.documents import plain_json

if TYPE_CHECKING:
    from cropland.config.sources import Catalog
    from cropland.sources.retries import Attempts
    from cropland.sources.stac.boxes import Bounds
    from cropland.untrusted.addresses import Links

T = TypeVar("T")
Page = dict[str, Any]
PAGE_ITEMS = 50
"""More, and Earth Search's answers become too large for it."""
MOST_PAGES = 1_000
MOST_EMPTY_PAGES = 20
"""Of a search; each chunk of a download searches by itself."""
MOST_ITEMS = 10_000
MOST_SEARCH_SIGNS = 1 << 28
"""Of all pages of a search, which has 20,000 signs or so for each image."""
MOST_SEARCH_SECONDS = 3_600.0
_MOST_COLLECTIONS = 1_000
_LONGEST_TITLE = 200
_NO_SUCH_METHOD = 405


class Api:
    """A STAC API; opening it asks for its landing page and its collection."""

    def __init__(
        self, catalog: Catalog, attempts: Attempts, timeout_seconds: float, links: Links
    ) -> None:
        self._catalog = catalog
        self._io = PatientStacIO(links, attempts, timeout_seconds)
        # Without the checks of `Client.open`: many APIs do not say what they conform to.
        self._client = self._answer(lambda: Client.from_file(catalog.url, stac_io=self._io))
        self._title = self._answer(lambda: _title(self._client))
        self._client.set_conforms_to([ConformanceClasses.COLLECTIONS.valid_uri])
        self._search_links = self._answer(lambda: search_links(self._client))
        collection = self._answer(lambda: self._client.get_collection(catalog.collection))
        if collection is None:
            known = self._answer(self._collections)
            raise DataError(
                f"{catalog.url} has no collection {catalog.collection!r} for source.collection; "
                f"{nearest(catalog.collection, known)}"
            )
        self._days = self._answer(lambda: _days(collection))

    @property
    def title(self) -> str:
        """What it calls itself, with the version of its API."""
        return f"{self._title} at {self._catalog.url}"

    @property
    def extent(self) -> str:
        """The collection, and which dates it covers."""
        return f"{self._catalog.collection}: {self._days}"

    def _collections(self) -> list[str]:
        collections = islice(self._client.get_collections(), _MOST_COLLECTIONS)
        return [str(collection.id) for collection in collections]

    def search(
        self, bounds: Bounds, first: date, last: date, leave_out: Collection[str]
    ) -> SearchResult:
        """Find the items of some days (UTC, both included), page by page.

        Parameters
        ----------
        leave_out : collection of str
            Names of items that are not even read.

        Raises
        ------
        DataError
            The catalogue refuses, goes on failing, answers otherwise than with items, or with more than
            can be used.
        """
        pages = self._answer(lambda: list(self._pages(bounds, first, last)))
        features = [feature for page in pages for feature in page["features"]]
        items, excluded = read_items(features, leave_out)
        matched = max(number_matched(page) for page in pages)
        notes: tuple[str, ...] = ()
        if matched > len(features):
            notes = (
                f"{self._catalog.url} says that {matched} images match from {first} to {last}, but gave only "
                f"{len(features)} and no next page: images may be missing",
            )
        wanted = in_order(item for item in items if first <= moment(item).date() <= last)
        return SearchResult(wanted, list(dict.fromkeys(excluded)), notes)

    def _pages(self, bounds: Bounds, first: date, last: date) -> Iterator[Page]:
        """Yield the pages of a search, to the last one or to one that was there before."""
        text, query = self._first_page(bounds, first, last)
        followed: list[object] = []
        items, signs, empty = 0, 0, 0
        until = time.monotonic() + MOST_SEARCH_SECONDS
        while True:
            page = plain_json(text)
            if not isinstance(page, dict) or not isinstance(page.get("features"), list):
                raise DataError(
                    f"{self._catalog.url} answers a search with no list of images but {str(page)[:200]!r}; "
                    f"check the address, or choose another source.catalog"
                )
            items, signs = items + len(page["features"]), signs + len(text)
            empty += not page["features"]
            large = items > MOST_ITEMS or signs > MOST_SEARCH_SIGNS
            many = len(followed) >= MOST_PAGES or empty > MOST_EMPTY_PAGES
            if large or many or time.monotonic() > until:
                raise DataError(
                    f"{self._catalog.url} answers a search with more than can be used: {items:,} images in "
                    f"{len(followed) + 1:,} pages, and there are more; ask for fewer days or a smaller area"
                )
            yield page
            links = (link for link in page.get("links") or () if link.get("rel") == "next")
            link = next(links, None)
            if link is None or link in followed:
                return
            followed.append(link)
            text = self._io.read_text(pystac.Link.from_dict(link), parameters=query)

    def _first_page(self, bounds: Bounds, first: date, last: date) -> tuple[str, Mapping[str, Any]]:
        """Return the first page and its query; by GET where the catalogue refuses the method POST."""
        links = self._search_links
        address = links.get("POST")
        if address is not None:
            try:
                return self._first_page_by("POST", address, bounds, first, last)
            except (APIError, Refused) as error:
                # Some offer POST and refuse it.
                wrong = getattr(error, "status_code", None) == _NO_SUCH_METHOD
                if not (wrong or isinstance(error, Refused)):
                    raise
            self._search_links = {"GET": links.get("GET", address)}
        return self._first_page_by("GET", self._search_links["GET"], bounds, first, last)

    def _first_page_by(
        self, method: str, address: str, bounds: Bounds, first: date, last: date
    ) -> tuple[str, Mapping[str, Any]]:
        search = ItemSearch(
            address,
            method=method,
            stac_io=self._io,
            collections=[self._catalog.collection],
            bbox=bounds,
            datetime=f"{first}T00:00:00Z/{last}T23:59:59.999Z",
            limit=PAGE_ITEMS,
        )
        query = search.get_parameters()
        return self._io.read_text(address, method=method, parameters=query), query

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
        except (ClientTypeError, *UNREADABLE) as error:
            raise DataError(
                f"{self._catalog.url} answers, but not as a STAC API does ({type(error).__name__}: {error}); "
                f"check the address, which often ends in /v1"
            ) from error


def search_links(client: Client) -> dict[str, str]:
    """Return the addresses at which a landing page lets us search for items, by POST, GET or both.

    Raises
    ------
    DataError
        There is none; a search of another kind, such as OpenSearch, does not count.
    """
    links = {
        str(link.extra_fields.get("method") or "GET").upper(): str(link.absolute_href)
        for link in client.links
        if link.rel == "search" and "json" in (link.media_type or "json")
    }
    links = {method: address for method, address in links.items() if method in METHODS}
    if not links:
        raise DataError(
            f"{client.self_href} has no search for items by GET or POST on its landing page; choose a STAC "
            f"API, or store the items of a static catalogue in a folder"
        )
    return links


def number_matched(page: Page) -> int:
    """Return how many items a search matches, as a page of it says; 0 where it does not say."""
    context = page.get("context") or page.get("search:metadata")
    number = page.get("numberMatched")
    if number is None and isinstance(context, dict):
        number = context.get("matched")
    return number if isinstance(number, int) else 0


def _title(client: Client) -> str:
    conforms = " ".join(map(str, client.extra_fields.get("conformsTo") or ()))
    version = re.search(r"stacspec\.org/v([^/]+)/core", conforms)
    kind = f"STAC API {version[1]}" if version else "STAC API"
    return f"{str(client.title or client.id)[:_LONGEST_TITLE]} ({kind})"


def _days(collection: pystac.Collection) -> str:
    spans = collection.extent.temporal.intervals
    start, end = spans[0] if spans else (None, None)
    days = (
        f"{at:%Y-%m-%d}" if at else otherwise for at, otherwise in ((start, ""), (end, "today"))
    )
    return " … ".join(days)
