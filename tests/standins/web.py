"""A web server that answers each path as a test says, and a STAC API of one image made of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import rasterio
from pyproj import Transformer

from standins.stac import COLLECTION, collection_of

Answer = Callable[[BaseHTTPRequestHandler], None]
PLACE = Transformer.from_crs(32635, 4326, always_xy=True).transform(300_100, 1_199_900)
"""Longitude and latitude of a pixel of `image`."""


class Web(ThreadingHTTPServer):
    """A server; ``answers`` has what it says, by path, and ``paths`` what it was asked for."""

    daemon_threads = True

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.paths: list[str] = []
        self.connections = 0
        self.ended = threading.Event()
        self.url = f"http://{host}:{self.server_address[1]}"

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def process_request(self, *args: Any) -> None:
        """Count a connection."""
        self.connections += 1
        super().process_request(*args)

    def handle_error(self, *_: Any) -> None:
        """Say nothing: clients that leave are what is tested."""

    def serve_api(self, search: Any, **changes: Any) -> None:
        """Serve a landing page, a collection, and what a search finds."""
        for path, page in pages_of(self.url, **changes).items():
            self.answers[path] = says(page)
        self.answers["/search"] = search if callable(search) else says(search)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # which waits 40 ms between a head and its body

    def log_message(self, *_: Any) -> None:
        """Say nothing; the paths are kept."""

    def do_GET(self) -> None:
        server: Any = self.server
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        path = urlsplit(self.path).path
        server.paths.append(path)
        server.answers.get(path, says({"description": "nothing here"}, 404))(self)

    do_POST = do_GET


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Web]:
    """Serve on an address of this machine."""
    with Web(host) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.ended.set()
        server.shutdown()


def says(body: Any, status: int = 200, **headers: str) -> Answer:
    """Return what answers with a text, bytes, or values as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in ({"Content-Length": str(len(content))} | named).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def leads(address: str, status: int = 302) -> Answer:
    """Return what redirects."""
    return says(b"", status, Location=address)


def pages_of(url: str, **changes: Any) -> dict[str, Any]:
    """Return the landing page, with changes, and the collection of an API."""
    links = [
        {"rel": "self", "href": f"{url}/"},
        {"rel": "data", "href": f"{url}/collections"},
        {"rel": "search", "href": f"{url}/search", "method": "POST"},
    ]
    landing = {
        "type": "Catalog",
        "id": "web",
        "stac_version": "1.0.0",
        "description": "A catalogue",
    }
    landing |= {"conformsTo": [], "links": links}
    collection = collection_of([])
    return {
        "/": landing | changes,
        f"/collections/{COLLECTION}": collection,
        "/collections": {"collections": [collection], "links": []},
    }


def item_of(hrefs: Mapping[str, str], **changes: Any) -> dict[str, Any]:
    """Return the item of an image at `PLACE`, with an asset by key."""
    lon, lat = PLACE
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "image",
        "collection": COLLECTION,
        "geometry": None,
        "bbox": [lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01],
        "properties": {"datetime": "2022-01-10T09:00:00Z", "s2:processing_baseline": "02.14"},
        "assets": {key: {"href": href, "roles": ["data"]} for key, href in hrefs.items()},
        "links": [],
    } | changes


def found(*items: Any, **changes: Any) -> dict[str, Any]:
    """Return a page of a search."""
    return {"type": "FeatureCollection", "features": list(items), "links": []} | changes


def image(path: Path, value: int = 1234, side: int = 64) -> Path:
    """Write an image of pixels of 10 m that all have one value; 4 as scene classes have it."""
    options: dict[str, Any] = {"driver": "GTiff", "count": 1, "crs": "EPSG:32635"}
    options["transform"] = rasterio.Affine(10, 0, 300_000, 0, -10, 1_200_000)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", height=side, width=side, dtype="uint16", **options) as made:
        made.write(np.full((1, side, side), value, np.uint16))
    return path


def serves(path: Path) -> Answer:
    """Return what answers with ranges of a file."""
    content = path.read_bytes()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        first, _, last = handler.headers["Range"].removeprefix("bytes=").partition("-")
        part = content[int(first) : int(last) + 1]
        span = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
        says(part, 206, Content_Range=span)(handler)

    return answer
