"""Addresses in what others made: which schemes, hosts and files the links of a catalogue may lead to.

In: the links of items, pages and landing pages, and the redirects of every answer. Out: an address that may
be asked, or the path of a regular file in the catalogue's own folder, or an error of one line.

The links of a catalogue on the web are ``http``, ``https`` and ``s3`` addresses. They lead to public hosts
and to those that the user names; from a catalogue that the user gave on this machine or in a private network
to its own host, too, at any port. The links of a folder lead to files in it, or are those of a public
catalogue. Where the environment names a proxy, that resolves names and decides which hosts it connects with;
addresses of numbers are checked all the same.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cropland.errors import DataError

Number = IPv4Address | IPv6Address
WEB = ("http", "https")
_MOST_SIGNS = 8_192
_SHOWN_SIGNS = 200
_USER = re.compile(r"//[^/]*@")
_FILE = re.compile(
    r"(?:file:(?://(?:localhost)?)?(?=/))?(/(?!/).*|[^:/][^:]*)", re.IGNORECASE | re.DOTALL
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # one letter is a drive of Windows
_ADDRESS = re.compile(
    r"https?://(?:\[[0-9A-Fa-f:.]+\]|[^\x00-\x20\x7f/?#\\@:\[\]%]+)(?::\d{1,5})?(?:[/?#][^\x00-\x1f\x7f]*)?",
    re.IGNORECASE,
)
"""A host without user information, and nothing that two readers of addresses take for two hosts."""
_TRANSLATED = IPv6Network("64:ff9b::/96")  # IPv4 as IPv6 networks write it (RFC 6052)


@dataclass(frozen=True)
class Links:
    """Where the links of a catalogue may lead; sent to another process, it keeps what it has resolved.

    Attributes
    ----------
    origin : str
        The address of the catalogue, or the path of its folder or file, as the user gave it.
    hosts : tuple of str
        Names or numbers of further hosts that are not public, as the user gave them.
    """

    origin: str
    hosts: tuple[str, ...] = ()

    @cached_property
    def private_numbers(self) -> frozenset[Number]:
        """Addresses of the catalogue's own host, where none of them is public."""
        host = urlsplit(self.origin).hostname if is_web(self.origin) else None
        numbers = _numbers_of(host) if host else frozenset()
        # Of a name that has both kinds only the public ones count.
        return frozenset() if any(map(_is_public, numbers)) else numbers

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "private_numbers": self.private_numbers}

    def check(self, href: object) -> None:
        """Check an address on the web before it is asked.

        Raises
        ------
        DataError
            It is none, or the number of a host that may not be asked.
        """
        if not isinstance(href, str) or len(href) > _MOST_SIGNS or not _ADDRESS.fullmatch(href):
            raise DataError(
                f"{self.origin} leads to {shown(href)!r}, which is not a valid address; expected "
                f"https://, http:// or s3:// and a host: choose another source.catalog"
            )
        host = urlsplit(href).hostname or ""
        if (number := _number_in(host)) is not None:
            self.check_host(host, str(number))

    def check_host(self, host: str, number: str | None = None) -> None:
        """Check a host before a connection with it, or the address at which a connection has come out.

        Raises
        ------
        DataError
            It may not be asked, at any of the addresses that its name has now.
        """
        numbers = {_number(number)} if number else _numbers_of(host)
        if numbers and not any(self._allows(host, known) for known in numbers):
            where = host if host == number else f"{host} ({', '.join(map(str, numbers))})"
            raise DataError(
                f"{self.origin} leads to {where}; expected a public host, or the catalogue's own: choose "
                f"another source.catalog, or name the host in source.hosts if you trust the catalogue with it"
            )

    def _allows(self, host: str, number: Number) -> bool:
        if host in map(str.lower, self.hosts):
            return True
        if self.private_numbers and f".{host}".endswith(f".{urlsplit(self.origin).hostname}"):
            # What was on this machine or in its network stays there: a name may be resolved anew.
            return not _is_public(number)
        return _is_public(number) or number in self.private_numbers

    def file(self, href: str) -> Path:
        """Return the file that a link of a folder leads to; raises as `file_inside`, and without a folder."""
        match = _FILE.fullmatch(href)
        if match is None or is_web(self.origin):
            raise DataError(
                f"{shown(href)} is not a valid address; expected https://, http:// or s3://, or a "
                f"file in the folder of the items: choose another source.catalog"
            )
        return file_inside(self.origin, unquote(match[1]) if scheme_of(href) else match[1])


def is_web(address: str) -> bool:
    """Return whether an address is one of the web."""
    return scheme_of(address) in WEB


def scheme_of(address: str) -> str:
    """Return the scheme of an address in lower case; empty for a path.

    >>> scheme_of("HTTPS://host/file"), scheme_of("/vsicurl/file"), scheme_of("C:/file")
    ('https', '', '')
    """
    match = _SCHEME.match(address)
    return match[1].lower() if match else ""


def shown(address: object) -> str:
    """Return an address as it may be shown: its beginning, without user information and query."""
    return _USER.sub("//…@", str(address)[:_SHOWN_SIGNS].partition("?")[0])


def file_inside(origin: str, path: str) -> Path:
    """Return the full path of a file in a folder, or beside a file; whether it is there is not asked.

    Raises
    ------
    DataError
        It lies outside, also through symbolic links, or is a pipe, a device or a folder.
    """
    folder = Path(origin) if Path(origin).is_dir() else Path(origin).parent
    try:
        full, folder = (folder / path).resolve(), folder.resolve()
        is_regular = full.is_file() or not full.exists()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a name that cannot be
        raise DataError(f"{shown(path)!r} is not a valid path; fix it, or remove it") from error
    if not full.is_relative_to(folder):
        raise DataError(
            f"{shown(path)!r} is {full}, which does not lie in {folder}; expected a file in the folder of "
            f"the items: copy it there, or give the folder that holds both as source.catalog"
        )
    if not is_regular:
        raise DataError(f"{full} is not a file but a pipe, a device or a folder; remove it")
    return full


def _number(text: str) -> Number:
    return ip_address(text.partition("%")[0])


def _numbers_of(host: str) -> frozenset[Number]:
    """Return the addresses of a host; none where it is not known."""
    try:
        entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(_number(str(entry[4][0])) for entry in entries)


@lru_cache(maxsize=1_000)
def _number_in(host: str) -> Number | None:
    """Return the address that a host's name is, also as 127.1, 0x7f.1 or 2130706433; None for a name."""
    with suppress(ValueError):
        return _number(host)
    with suppress(OSError, ValueError):
        return ip_address(socket.inet_aton(host))
    return None


def _is_public(number: Number) -> bool:
    """Return whether an address is one of the public internet (IANA's registries of special purposes)."""
    if isinstance(number, IPv6Address):
        within = number.ipv4_mapped or number.sixtofour
        if number in _TRANSLATED:
            within = IPv4Address(int(number) & 0xFFFFFFFF)
        if within is not None:
            return _is_public(within)
    return number.is_global and not number.is_multicast and not number.is_reserved
