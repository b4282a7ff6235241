"""Answers of catalogues and services that have no end, no form, or more than can be used."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile.claims import answered, refused
from odc.geo.geobox import GeoBox
from standins.stac_calls import source_of
from standins.web import PLACE, Web, found, image, item_of, pages_of, says, serves, serving

from cropland.sources.retries import Attempts
from cropland.sources.service import Seen
from cropland.sources.stac import api
from cropland.sources.stac.service import StacService

DAY = date(2022, 1, 10)
BANDS = ("B2", "SCL")
GRID = GeoBox(
    (8, 8),
    GeoBox.from_bbox((300_000, 1_199_920, 300_080, 1_200_000), "EPSG:32635", shape=(8, 8)).affine,
    "EPSG:32635",
)


def service_at(catalog: str, tries: int = 2, **changes: Any) -> StacService:
    attempts = Attempts(workers=2, tries=tries, first_seconds=0.01, most_seconds=0.02)
    return StacService.connect(source_of(catalog, bands=BANDS, **changes), attempts)


def rows(catalog: str, **changes: Any) -> Seen:
    """Read the place of the image."""
    return service_at(catalog, **changes).points(np.array([PLACE]), DAY, DAY, BANDS)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """A catalogue of one image."""
    with serving() as server:
        for key, value in (("blue", 1234), ("scl", 4)):
            server.answers[f"/{key}.tif"] = serves(image(tmp_path / f"{key}.tif", value))
        server.serve_api(found(item(server)))
        yield server


def item(web: Web, **changes: Any) -> dict[str, Any]:
    return item_of({key: f"{web.url}/{key}.tif" for key in ("blue", "scl")}, **changes)


def test_the_catalogue_is_read(web: Web) -> None:
    assert rows(web.url).values["B2"].tolist() == [1234]


def pieces(piece: bytes, seconds: float = 0.0, **headers: str) -> Callable[..., None]:
    """Return what sends the same piece again and again, for a minute, as a body without a length."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        server: Any = handler.server
        status = 206 if "Content_Range" in headers else 200
        handler.close_connection = True
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        until = time.monotonic() + 60
        while time.monotonic() < until and not server.ended.wait(seconds):
            handler.wfile.write(piece)

    return answer


def head_in_drips(handler: BaseHTTPRequestHandler) -> None:
    """Send a head a byte at a time, for a minute."""
    server: Any = handler.server
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Text: ")
    for _ in range(600):
        if server.ended.wait(0.1):
            return
        handler.wfile.write(b"x")
        handler.wfile.flush()


@pytest.mark.parametrize("path", ["/", "/search", "/blue.tif"])
@pytest.mark.parametrize("kind", ["head", "body", "nothing unpacked"])
def test_a_byte_now_and_then_is_no_answer(web: Web, path: str, kind: str) -> None:
    nothing = b"\0\0\0\xff\xff"  # a block of no bytes, as deflate has it
    web.answers[path] = {
        "head": head_in_drips,
        "body": pieces(b" ", 0.05),
        "nothing unpacked": pieces(nothing, 0.05, Content_Encoding="deflate"),
    }[kind]
    packed_range = kind == "nothing unpacked" and path == "/blue.tif"  # refused at its head
    line = refused(lambda: rows(web.url, timeout_seconds=60 if packed_range else 0.4))
    assert ("comes packed" if packed_range else "failed 2 times") in line


@pytest.mark.parametrize("path", ["/", "/search"])
def test_a_small_answer_does_not_become_a_large_one(web: Web, path: str) -> None:
    page = json.dumps(pages_of(web.url)["/"] if path == "/" else found(item(web))).encode()
    packed = gzip.compress(b" " * (80 << 20) + page)
    assert len(packed) < 100_000
    web.answers[path] = says(packed, Content_Encoding="gzip")
    assert "answers with more than 67,108,864 bytes" in refused(lambda: rows(web.url))


@pytest.mark.parametrize("status", [302, 404, 500])
def test_of_what_is_no_success_only_the_beginning_is_read(web: Web, status: int) -> None:
    sent: list[int] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Location", f"{web.url}/nowhere")
        handler.send_header("Content-Length", str(1 << 30))
        handler.end_headers()
        for _ in range(1 << 10):
            handler.wfile.write(bytes(1 << 20))
            sent.append(1 << 20)

    web.answers["/search"] = answer
    refused(lambda: rows(web.url))
    assert sum(sent) < 64 << 20  # what the system's buffers take


def test_a_range_is_no_longer_than_was_asked_for(web: Web) -> None:
    web.answers["/blue.tif"] = pieces(bytes(1 << 16), Content_Range="bytes 0-32767/10000000")
    assert "more than were asked for" in refused(lambda: rows(web.url))


def test_a_range_does_not_come_byte_by_byte(web: Web, tmp_path: Path) -> None:
    content = (tmp_path / "blue.tif").read_bytes()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        first = int(handler.headers["Range"].removeprefix("bytes=").partition("-")[0])
        span = f"bytes {first}-{first}/{len(content)}"
        says(content[first : first + 1], 206, Content_Range=span)(handler)

    web.answers["/blue.tif"] = answer
    assert "sends a range in more than 256 parts" in refused(lambda: rows(web.url))


def test_a_range_that_is_packed_is_not_unpacked(web: Web, tmp_path: Path) -> None:
    whole = (tmp_path / "blue.tif").read_bytes()
    packed = gzip.compress(whole)
    span = f"bytes 0-{len(packed) - 1}/{len(packed)}"
    web.answers["/blue.tif"] = says(packed, 206, Content_Range=span, Content_Encoding="gzip")
    assert "comes packed as gzip" in refused(lambda: rows(web.url))


@pytest.mark.parametrize(
    "span",
    [
        "bytes 0-9/10",
        "bytes 0-32767/" + "9" * 40,
        "bytes 0-32767/" + "9" * 5_000,
        "bytes -1-5/7",
        "bytes ٠-٩/١٠",
        "lines 0-9/10",
        "bytes 0-32767/*",
        "",
    ],
    ids=lambda span: span[:16],
)
def test_a_range_that_lies_of_itself_is_not_taken(web: Web, span: str) -> None:
    named = span.encode().decode("latin-1")
    web.answers["/blue.tif"] = says(bytes(32768), 206, Content_Range=named)
    assert "failed 2 times" in refused(lambda: rows(web.url))


@pytest.mark.parametrize("seconds", ["1000000000", "-1000000000", "nan", "inf", "soon", "1e999"])
def test_how_long_a_service_wants_to_be_left_alone_has_a_bound(
    web: Web, monkeypatch: pytest.MonkeyPatch, seconds: str
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(Attempts, "_sleep", lambda _, seconds: waits.append(seconds))
    web.answers["/search"] = says(b"", 503, Retry_After=seconds)
    refused(lambda: rows(web.url))
    assert len(waits) == 1
    assert 0 <= waits[0] <= 301


@pytest.mark.parametrize("kind", ["pages", "empty pages", "images", "signs", "seconds"])
def test_a_search_ends(web: Web, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    bound = {"images": "MOST_ITEMS", "signs": "MOST_SEARCH_SIGNS", "seconds": "MOST_SEARCH_SECONDS"}
    most = {"signs": 10_000, "seconds": 0.2}
    if kind != "empty pages":
        monkeypatch.setattr(api, bound.get(kind, "MOST_PAGES"), most.get(kind, 20))

    def search(handler: BaseHTTPRequestHandler) -> None:
        number = len(web.paths)
        link = {"rel": "next", "href": f"{web.url}/search?page={number}", "method": "GET"}
        items = [] if kind == "empty pages" else [item(web, id=f"image {number}")]
        says(found(*items, links=[link]))(handler)

    web.serve_api(search)
    line = refused(lambda: rows(web.url))
    assert "more than can be used" in line
    assert "ask for fewer days or a smaller area" in line
    assert kind == "seconds" or len(web.paths) < 60


DEEP = b"[" * 200_000
ITEMS = {
    "id": [5, None, "", "x" * 300, ["x"], {}],
    "bbox": [[1], [1, 2, 3], ["a", "b", "c", "d"], "1234", {}, 7, [[1], 2, 3, 4]],
    "assets": [None, [], "x", 5, {"blue": None}, {str(n): {"href": "x"} for n in range(2_000)}],
    "properties": [None, [], {"datetime": 5}, {"datetime": "0001-01-01T00:00:00+14:00"}],
    "links": [None, 5, ["x"], [{"rel": "self"}]],
    "stac_version": [5, None, [], "9" * 100],
    "stac_extensions": [5, "x", [5]],
    "geometry": [5, "x"],
}
"""Members of an item that are not what STAC describes."""


@pytest.mark.parametrize(
    ("member", "value"),
    [(member, value) for member, listed in ITEMS.items() for value in listed],
    ids=lambda part: str(part)[:20],
)
def test_an_item_of_another_form_is_one_line_or_none(web: Web, member: str, value: Any) -> None:
    web.answers["/search"] = says(found(item(web, **{member: value})))
    check_line_or_rows(web)


@pytest.mark.parametrize(
    "fields",
    [
        {"bands": ["x"]},
        {"bands": 5},
        {"eo:bands": [{"name": ["B2"]}]},
        {"roles": 5},
        {"roles": [[]]},
        {"type": 5},
        {"gsd": "fine"},
        {"alternate": ["x"]},
        {"alternate": {"x": {"href": 5}}},
        {"raster:bands": [{"scale": "x"}]},
        {"raster:bands": [{"scale": 1e300, "offset": {}}]},
        {"href": 5},
        {"href": None},
    ],
    ids=str,
)
def test_an_asset_of_another_form_is_one_line_or_none(web: Web, fields: dict[str, Any]) -> None:
    entry = item(web)
    key = "one" if "bands" in str(fields) else "blue"
    entry["assets"] = {"scl": entry["assets"]["scl"], key: {"href": f"{web.url}/none"} | fields}
    web.answers["/search"] = says(found(entry))
    check_line_or_rows(web)


def check_line_or_rows(web: Web) -> None:
    """Check that points and cubes are there, or one line says why not."""
    service = service_at(web.url)
    for call in (
        lambda: service.points(np.array([PLACE]), DAY, DAY, BANDS),
        lambda: service.cube(GRID, DAY, DAY, BANDS).compute(scheduler="sync"),
        lambda: list(service.examine(*PLACE, DAY, DAY)),
    ):
        with answered():
            call()


@pytest.mark.parametrize("path", ["/", "/collections/sentinel-2-c1-l2a", "/search"])
@pytest.mark.parametrize(
    "body",
    [
        DEEP,
        b'{"type":"Catalog","features":' + DEEP,
        b'{"features":[],"numberMatched":1e400}',
        b'{"features":[],"numberMatched":' + b"9" * 5_000 + b"}",
        b'{"features":[],"features":[]}',
        b"\xff\xfe",
        b"<html>",
        b"",
        b"null",
        b'"text"',
    ],
    ids=lambda body: str(body[:30]),
)
def test_an_answer_that_is_no_page_is_one_line(web: Web, path: str, body: bytes) -> None:
    web.answers[path] = says(body)
    refused(lambda: rows(web.url))


PAGES = {
    "/": [
        *({"conformsTo": value} for value in ([1], 5, {"a": 1}, "text", [[]])),
        *({"links": value} for value in (None, 5, ["x"], [{"rel": "search"}], [{"href": 5}])),
        *({"title": value} for value in (5, [], "\x1b[2J", "x" * 100_000)),
        {"id": 5},
        {"stac_version": 5},
    ],
    "/collections/sentinel-2-c1-l2a": [
        *({"extent": value} for value in (None, 5, {}, {"spatial": {}, "temporal": {}})),
        {"extent": {"spatial": {"bbox": []}, "temporal": {"interval": [["x", 5]]}}},
        {"extent": {"spatial": {"bbox": [[]]}, "temporal": {"interval": [[None, None, None]]}}},
        {"id": 5},
        {"links": 5},
    ],
    "/search": [
        *({"numberMatched": value} for value in ("x", [1], -5, True, 10**200, 0.5)),
        *({"numberMatched": None, "context": value} for value in (["x"], 5, {"matched": "x"})),
        *(
            {"links": value}
            for value in (5, ["x"], [{"rel": "next"}], [{"rel": "next", "href": 5}])
        ),
        {"links": [{"rel": "next", "href": "http://127.0.0.1:1/", "method": ["GET"]}]},
        *({"features": value} for value in (["x"], [[]], [5], {"a": 1}, [None])),
    ],
}


@pytest.mark.parametrize(
    ("path", "change"),
    [(path, change) for path, listed in PAGES.items() for change in listed],
    ids=lambda part: str(part)[:40],
)
def test_a_page_of_another_form_is_one_line_or_none(
    web: Web, path: str, change: dict[str, Any]
) -> None:
    page = found(item(web)) if path == "/search" else pages_of(web.url)[path]
    web.answers[path] = says(page | change)
    with answered():
        service = service_at(web.url)
        service.points(np.array([PLACE]), DAY, DAY, BANDS)
        list(service.examine(*PLACE, DAY, DAY))


@pytest.mark.parametrize("kind", ["for ever", "no names"])
def test_the_collections_of_a_catalogue_end(
    web: Web, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(api, "_MOST_COLLECTIONS", 20)
    collection = pages_of(web.url)["/collections"]["collections"][0]
    collection |= {"id": 5} if kind == "no names" else {}

    def answer(handler: BaseHTTPRequestHandler) -> None:
        link = {"rel": "next", "href": f"{web.url}/collections?page={len(web.paths)}"}
        says({"collections": [collection, collection | {"id": "b"}], "links": [link]})(handler)

    web.answers["/collections"] = answer
    line = refused(lambda: rows(web.url, collection="other"))
    assert kind == "no names" or "has no collection 'other'" in line
    assert len(web.paths) < 40


def test_a_landing_page_that_offers_neither_post_nor_get_is_one_line(web: Web) -> None:
    links = [{"rel": "search", "href": f"{web.url}/search", "method": "PUT"}]
    web.serve_api(found(), links=links)
    assert "no search for items by GET or POST" in refused(lambda: rows(web.url))
