from __future__ import annotations

import pickle
import socket
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from cropland.errors import DataError
from cropland.untrusted import addresses
from cropland.untrusted.addresses import Links, file_inside, is_web, scheme_of, shown


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names and their addresses, without a network."""
    known = {
        "public.example": ["93.184.215.14"],
        "intranet.example": ["10.0.0.5"],
        "both.example": ["93.184.215.14", "10.0.0.5"],
    }

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        try:
            found = known.get(host) or [str(ip_address(host))]
        except ValueError as error:
            raise socket.gaierror from error
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, 0)) for number in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.mark.parametrize(
    "number",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "203.0.113.7", "::", "::1", "fe80::1", "fc00::1", "ff02::1"),
        *("::127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1"),
    ],
)
def test_what_is_not_of_the_public_internet(number: str) -> None:
    with pytest.raises(DataError, match="expected a public host, or the catalogue's own"):
        Links("https://public.example/v1").check_host("other.example", number)


@pytest.mark.parametrize(
    "number", ["93.184.215.14", "2606:2800:21f:cb07::1", "64:ff9b::5db8:d70e", "::ffff:8.8.8.8"]
)
def test_what_is_of_the_public_internet(number: str) -> None:
    for origin in (
        "https://public.example",
        "http://10.0.0.5",
        "/a/folder",
        "https://none.example",
    ):
        Links(origin).check_host("other.example", number)


def test_a_private_catalogue_leads_to_its_own_host_and_to_public_ones() -> None:
    links = Links("https://intranet.example:8080/v1")
    links.check("http://10.0.0.5/file")
    links.check_host("intranet.example", "10.0.0.5")
    links.check_host("files.intranet.example", "10.0.0.6")
    links.check_host("public.example", "93.184.215.14")
    for host, number in (
        ("other.example", "10.0.0.6"),
        ("localhost", "127.0.0.1"),
        # Its name does not become that of a public host, which could then lead inside.
        ("intranet.example", "93.184.215.14"),
    ):
        with pytest.raises(DataError, match=host):
            links.check_host(host, number)


def test_a_host_that_the_user_names_may_be_asked() -> None:
    links = Links("https://public.example", ("Files.example", "10.0.0.7"))
    links.check_host("files.example", "10.0.0.6")
    links.check("http://10.0.0.7/x")
    with pytest.raises(DataError, match=r"name the host in source\.hosts if you trust"):
        links.check("http://10.0.0.6/x")


def test_a_name_is_looked_up_before_a_connection() -> None:
    links = Links("https://public.example")
    links.check_host("both.example")
    links.check_host("unknown.example")  # connecting will say so
    with pytest.raises(DataError, match=r"leads to intranet.example \(10.0.0.5\)"):
        links.check_host("intranet.example")


def test_a_name_with_public_and_private_addresses_is_public() -> None:
    assert Links("https://both.example").private_numbers == frozenset()


def test_what_was_resolved_is_kept_in_another_process(names: dict[str, list[str]]) -> None:
    links = pickle.loads(pickle.dumps(Links("https://public.example")))
    names["public.example"] = ["127.0.0.1"]
    with pytest.raises(DataError, match="leads to public.example"):
        links.check_host("public.example", "127.0.0.1")


@pytest.mark.parametrize(
    "href",
    [
        "https://host/a b/ü.tif?sig=a%2Fb#c",
        "HTTP://host:8080",
        "https://under_score.example./x",
        "http://[2606:2800:21f:cb07::1]:80/x",
    ],
)
def test_addresses_that_may_be_asked(href: str) -> None:
    Links("https://public.example").check(href)


@pytest.mark.parametrize(
    "href",
    [
        *(
            "",
            "https://",
            "https:///x",
            "//host/x",
            "/x",
            "file:///x",
            "s3://bucket/x",
            "ftp://h/x",
        ),
        *("https://ada:secret@host/x", "https://host\\@127.0.0.1/x", "https://host:99999999/x"),
        *("https://ho st/x", "https://host/\n", "https://host\0/x", "https://[fe80::1%25eth0]/"),
        *(" https://host/x", "https://host/" + "x" * 9_000, None, 5, ["https://host/x"]),
    ],
)
def test_addresses_of_another_form_may_not(href: Any) -> None:
    with pytest.raises(DataError, match="which is not a valid address") as caught:
        Links("https://public.example").check(href)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_schemes_and_how_an_address_is_shown() -> None:
    assert [scheme_of(text) for text in ("S3://b/k", "data:x", "b04.tif", "C:/x")] == [
        "s3",
        "data",
        "",
        "",
    ]
    assert is_web("HTTPS://host") and not is_web("s3://host")
    assert shown("https://ada:secret@host/x?sig=secret") == "https://…@host/x"


def test_a_file_lies_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "items"
    folder.mkdir()
    (folder / "a b.tif").write_text("")
    (folder / "item.json").write_text("")
    links = Links(str(folder))
    for href in (
        "a b.tif",
        str(folder / "a b.tif"),
        f"file://{folder}/a%20b.tif",
        "../items/a b.tif",
    ):
        assert links.file(href) == folder / "a b.tif"
    assert links.file("not there.tif") == folder / "not there.tif"
    assert Links(str(folder / "item.json")).file("a b.tif") == folder / "a b.tif"
    (tmp_path / "link").symlink_to(folder)
    assert Links(str(tmp_path / "link")).file(str(tmp_path / "link" / "a b.tif")).name == "a b.tif"
    (folder / "loop").symlink_to(folder / "loop")
    for path in ("..", "../x", "/etc/passwd", "loop", "\0", "x" * 5_000, "."):
        with pytest.raises(DataError):
            file_inside(str(folder), path)
    for href in ("file://host/x", "gs://bucket/x", "a:b"):
        with pytest.raises(DataError, match="not a valid address"):
            links.file(href)


def test_numbers_of_hosts_in_all_their_forms() -> None:
    for host in ("127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001"):
        assert str(addresses._number_in(host)) == "127.0.0.1"
    assert addresses._number_in("host") is None
