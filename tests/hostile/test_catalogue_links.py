"""Catalogues whose links lead where they may not: files of this machine, hosts inside, out of a folder."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile.claims import refused
from standins.stac import COLLECTION
from standins.stac_calls import source_of
from standins.web import (
    PLACE,
    Answer,
    Web,
    found,
    image,
    item_of,
    leads,
    pages_of,
    says,
    serves,
    serving,
)

from cropland.sources.retries import Attempts
from cropland.sources.service import Seen
from cropland.sources.stac.object_storage import request_of
from cropland.sources.stac.service import StacService
from cropland.untrusted import addresses

DAY = date(2022, 1, 10)
BANDS = ("B2", "SCL")
PUBLIC = "127.0.0.2"
"""Stands for the public internet where a test says so."""


def rows(catalog: str, **changes: Any) -> Seen:
    """Read the place of the image."""
    attempts = Attempts(workers=2, tries=2, first_seconds=0.01, most_seconds=0.02)
    service = StacService.connect(source_of(catalog, bands=BANDS, **changes), attempts)
    return service.points(np.array([PLACE]), DAY, DAY, BANDS)


def values(catalog: str, **changes: Any) -> list[int]:
    return [int(value) for value in rows(catalog, **changes).values["B2"]]


@pytest.fixture
def private() -> Iterator[Web]:
    """Something that listens on this machine, and has an image to give."""
    with serving() as server:
        yield server
        if server.paths == []:
            assert server.connections == 0


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server on a host that counts as public, as no other one does."""
    monkeypatch.setattr(addresses, "_is_public", lambda number: str(number) == PUBLIC)
    with serving(PUBLIC) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of one item with its images, and an image beside it."""
    image(tmp_path / "secret.tif", 777)
    for key, value in (("blue", 1234), ("scl", 4)):
        image(tmp_path / "items" / f"{key}.tif", value)
    write_item(tmp_path / "items", {"blue": "blue.tif", "scl": "scl.tif"})
    return tmp_path / "items"


def write_item(folder: Path, hrefs: dict[str, str], **changes: Any) -> None:
    (folder / "item.json").write_text(json.dumps(item_of(hrefs, **changes)))


def serve_images(server: Web, folder: Path) -> dict[str, str]:
    """Serve the images of a folder; give their addresses."""
    for key in ("blue", "scl"):
        server.answers[f"/{key}.tif"] = serves(folder / f"{key}.tif")
    return {key: f"{server.url}/{key}.tif" for key in ("blue", "scl")}


@pytest.mark.parametrize(
    "href",
    [
        "{folder}/blue.tif",
        "file://{folder}/blue.tif",
        "FILE:{folder}/blue.tif",
        "../..{folder}/blue.tif",
        "/vsicurl/{url}/blue.tif",
        "/vsizip//tmp/a.zip/b.tif",
        "ftp://127.0.0.1/blue.tif",
        "data:image/tiff;base64,SUkqAA==",
        "http:{folder}/blue.tif",
        "http:///blue.tif",
        "http://ada:secret@127.0.0.1/blue.tif",
        "http://127.0.0.1/\r\nHost: other",
        "http://127.0.0.1/" + "x" * 10_000,
    ],
)
def test_an_image_of_an_api_is_no_file_and_nothing_but_an_address(
    private: Web, folder: Path, href: str
) -> None:
    hrefs = serve_images(private, folder)
    hrefs["blue"] = href.format(folder=folder, url=private.url)
    # Relative links would be those of its own file.
    itself = [{"rel": "self", "href": "/item.json"}]
    private.serve_api(found(item_of(hrefs, links=itself)))
    line = refused(lambda: rows(private.url))
    assert "image image:" in line
    assert "not a valid address; expected https://" in line
    assert "secret" not in line


@pytest.mark.parametrize(
    "href", ["http://[127.0.0.1/blue.tif", "http://127.0.0.1:1\\@{host}/blue.tif", 5, None, {}]
)
def test_an_address_that_libraries_read_each_in_its_own_way_is_one_line(
    private: Web, folder: Path, href: Any
) -> None:
    hrefs = serve_images(private, folder)
    text = href.format(host=private.url[7:]) if isinstance(href, str) else href
    private.serve_api(found(item_of(hrefs | {"blue": text})))
    assert "image image: " in refused(lambda: rows(private.url))
    assert "/blue.tif" not in private.paths


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_catalogue_on_this_machine_may_lead_to_its_own_host_at_any_port(
    private: Web, folder: Path, host: str
) -> None:
    with serving() as other:
        hrefs = {
            key: href.replace("127.0.0.1", host)
            for key, href in serve_images(other, folder).items()
        }
        private.serve_api(found(item_of(hrefs)))
        assert values(private.url) == [1234]


ADDRESSES = [
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "[::ffff:127.0.0.1]",
    "localhost",
    "inside.example",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_image_of_a_public_catalogue_is_inside(
    public: Web, private: Web, folder: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    resolve_as(monkeypatch, {"inside.example": ["127.0.0.1"]})
    hrefs = serve_images(public, folder)
    hrefs["blue"] = serve_images(private, folder)["blue"].replace("127.0.0.1", address)
    public.serve_api(found(item_of(hrefs)))
    line = refused(lambda: rows(public.url))
    assert "expected a public host, or the catalogue's own" in line
    assert private.paths == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["/", "/search", "/blue.tif"])
def test_no_redirect_of_a_public_catalogue_leads_inside(
    public: Web, private: Web, folder: Path, where: str, status: int
) -> None:
    public.serve_api(found(item_of(serve_images(public, folder))))
    assert values(public.url) == [1234]
    private.serve_api(found(item_of(serve_images(private, folder))))
    public.answers[where] = leads(private.url + where, status)
    assert "leads to 127.0.0.1; expected a public host" in refused(lambda: rows(public.url))
    assert private.paths == []


@pytest.mark.parametrize("rel", ["data", "search", "next"])
@pytest.mark.parametrize("kind", ["private host", "file", "other method"])
def test_no_page_of_a_public_catalogue_is_inside(
    public: Web, private: Web, folder: Path, rel: str, kind: str
) -> None:
    hrefs = serve_images(public, folder)
    private.serve_api(found(item_of(hrefs)))
    href = str(folder / "item.json") if kind == "file" else f"{private.url}/{rel}"
    link = {"rel": rel, "href": href, "method": "GET"}
    if kind == "other method":
        link |= {"href": f"{public.url}/{rel}", "method": "DELETE"}
    links = [each for each in pages_of(public.url)["/"]["links"] if each["rel"] != rel]
    page = found(item_of(hrefs), links=[link] if rel == "next" else [])
    public.serve_api(page, links=links if rel == "next" else [*links, link])
    refused(lambda: rows(public.url))
    assert private.paths == []


def test_redirects_end(private: Web) -> None:
    private.serve_api(found())
    private.answers["/search"] = leads(f"{private.url}/search")
    assert "redirects more than 5 times" in refused(lambda: rows(private.url))
    assert len(private.paths) < 10


@pytest.mark.parametrize("target", ["http://[", "é", "http://host:99999/"])
def test_a_redirect_to_what_is_no_address(private: Web, folder: Path, target: str) -> None:
    hrefs = serve_images(private, folder)
    private.serve_api(found(item_of(hrefs)))
    private.answers["/blue.tif"] = leads(target)
    line = refused(lambda: rows(private.url))
    assert "/blue.tif leads to an invalid address" in line


@pytest.mark.parametrize("where", ["/", "/search", "/blue.tif"])
@pytest.mark.parametrize("target", ["file:///etc/passwd", "s3://bucket/key", "ftp://host/file"])
def test_a_redirect_leads_to_the_web(private: Web, folder: Path, where: str, target: str) -> None:
    private.serve_api(found(item_of(serve_images(private, folder))))
    private.answers[where] = leads(target)
    line = refused(lambda: rows(private.url))
    assert f"leads to {target}; expected http or https: choose another source.catalog" in line
    assert "failed" not in line
    assert private.paths.count(where) == 1


def test_a_name_that_comes_to_mean_this_machine_is_no_longer_asked(
    public: Web, private: Web, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = public.url.replace(PUBLIC, "turning.example")
    hrefs = serve_images(public, folder)
    inside = serve_images(private, folder)["blue"].replace("127.0.0.1", "turning.example")
    public.serve_api(found(item_of(hrefs | {"blue": inside})), links=pages_of(url)["/"]["links"])
    names = {"turning.example": [PUBLIC]}
    resolve_as(monkeypatch, names)
    search = public.answers["/search"]

    def turn(handler: Any) -> None:
        names["turning.example"] = ["127.0.0.1"]
        search(handler)

    public.answers["/search"] = turn
    assert "leads to turning.example (127.0.0.1)" in refused(lambda: rows(url))
    assert private.paths == []


def test_stored_passwords_go_to_the_host_that_the_user_gave(
    private: Web, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    logins = "machine 127.0.0.1 login ada password one\ndefault login ada password two\n"
    (tmp_path / "netrc").write_text(logins)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    sent: dict[str, set[str | None]] = {}

    def noting(path: str, answer: Answer) -> Answer:
        def note(handler: Any) -> None:
            sent.setdefault(path, set()).add(handler.headers["Authorization"])
            answer(handler)

        return note

    hrefs = serve_images(private, folder)
    private.serve_api(
        found(item_of(hrefs | {"blue": hrefs["blue"].replace("127.0.0.1", "localhost")}))
    )
    private.answers["/scl.tif"] = leads(f"http://localhost:{private.port}/moved.tif")
    private.answers["/moved.tif"] = serves(folder / "scl.tif")
    for path, answer in private.answers.items():
        private.answers[path] = noting(path, answer)
    assert values(private.url) == [1234]
    own = {path for path, logins in sent.items() if logins != {None}}
    assert own == {"/", "/search", "/scl.tif", f"/collections/{COLLECTION}"}
    assert sent["/blue.tif"] == sent["/moved.tif"] == {None}


def resolve_as(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    """Resolve some names otherwise."""
    resolve: Callable[..., Any] = socket.getaddrinfo

    def other(host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        hosts = names.get(host, [host])
        return [entry for each in hosts for entry in resolve(each, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", other)


@pytest.mark.parametrize(
    "name", ["127.0.0.1:{port}?", "127.0.0.1:{port}#", "a@127.0.0.1", "", "..", "ä"]
)
def test_the_name_of_a_bucket_does_not_become_another_host(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("AWS_S3_ENDPOINT", "storage.example")
    monkeypatch.setenv("AWS_VIRTUAL_HOSTING", "YES")
    href = f"s3://{name.format(port=80)}/key"
    assert "names no bucket" in refused(lambda: request_of(href, "bytes=0-9", None))


def test_a_folder_is_read(folder: Path) -> None:
    assert values(str(folder)) == [1234]
    write_item(folder, {"blue": str(folder / "blue.tif"), "scl": (folder / "scl.tif").as_uri()})
    (folder / "catalog.json").write_text(catalogue({"item": "item.json"}))
    assert values(f"{folder}/") == [1234]


@pytest.mark.parametrize("kind", ["above", "absolute", "file", "link", "folder's link", "pipe"])
def test_images_of_a_folder_lie_in_it(folder: Path, kind: str) -> None:
    secret = folder.parent / "secret.tif"
    href = {"above": "../secret.tif", "absolute": str(secret), "file": secret.as_uri()}.get(
        kind, "b.tif"
    )
    if kind == "link":
        (folder / "b.tif").symlink_to(secret)
    elif kind == "folder's link":
        (folder / "b").symlink_to(folder.parent)
        href = "b/secret.tif"
    elif kind == "pipe":
        os.mkfifo(folder / "b.tif")
    write_item(folder, {"blue": href, "scl": "scl.tif"})
    line = refused(lambda: rows(f"{folder}//"))
    assert ("is not a file but a pipe" if kind == "pipe" else "does not lie in") in line


def test_images_of_a_folder_on_the_web_are_not_inside(folder: Path, private: Web) -> None:
    hrefs = serve_images(private, folder)
    write_item(folder, hrefs)
    assert "leads to 127.0.0.1; expected a public host" in refused(lambda: rows(f"{folder}/./"))
    assert private.paths == []


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "loop"])
def test_items_of_a_folder_lie_in_it(folder: Path, kind: str) -> None:
    (folder / "item.json").rename(folder.parent / "item.json")
    other = folder / "other.json"
    if kind == "pipe":
        os.mkfifo(other)
    elif kind == "folder":
        other.mkdir()
    else:
        other.symlink_to(folder.parent / "item.json" if kind == "link" else other)
    assert "other.json" in refused(lambda: rows(str(folder)))


def catalogue(links: dict[str, str]) -> str:
    listed = [{"rel": rel, "href": href} for rel, href in links.items()]
    return json.dumps({"type": "Catalog", "id": "c", "stac_version": "1.0.0", "links": listed})


@pytest.mark.parametrize("rel", ["child", "item"])
@pytest.mark.parametrize(
    "href", ["http://127.0.0.1:{port}/x.json", "../item.json", "{above}/item.json"]
)
def test_links_of_a_catalogue_in_a_folder_stay_in_it(
    folder: Path, private: Web, rel: str, href: str
) -> None:
    write_item(folder.parent, {"blue": str(folder / "blue.tif"), "scl": str(folder / "scl.tif")})
    private.answers["/x.json"] = says(item_of({"blue": "b.tif", "scl": "s.tif"}))
    href = href.format(port=private.port, above=folder.parent)
    (folder / "catalog.json").write_text(catalogue({rel: href}))
    line = refused(lambda: rows(str(folder)))
    assert "expected a file in" in line
    assert private.paths == []


def test_catalogues_that_lead_in_a_circle_are_read_once(folder: Path) -> None:
    for name, other in (("catalog", "other"), ("other", "catalog")):
        text = catalogue({"child": f"./{other}.json", "item": "item.json"})
        (folder / f"{name}.json").write_text(text)
    assert values(str(folder)) == [1234]


def test_what_lies_beside_an_image_of_a_folder_does_not_lead_out_of_it(folder: Path) -> None:
    (folder / "blue.tif.ovr").symlink_to(folder.parent / "secret.tif")
    assert "blue.tif.ovr is a link that leads out of" in refused(lambda: rows(str(folder)))
