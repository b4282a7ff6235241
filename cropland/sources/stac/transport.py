"""Requests for ranges of bytes, each asked again by itself until all of it has come or surely will not."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from cropland.errors import DataError
from cropland.sources import http_session
from cropland.sources.retries import Attempts, Transient
from cropland.sources.stac import object_storage
from cropland.sources.stac.responses import (
    MISSING,
    failure_of,
    is_refused,
    status_of,
    without_signature,
)

_FINE = (200, 206)
_NO_BUCKET = (b"NoSuchBucket", b"ContainerNotFound")
"""Codes of object storages that are asked at the wrong address, with the status of a missing file."""
_SPAN = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Missing(Exception):
    """There is no such file."""


class Span(NamedTuple):
    """Bytes of a file, where they start, and the size of the file."""

    start: int
    content: bytes
    size: int


class RangeTransport:
    """Asks hosts of files; its methods may be called from several threads.

    Parameters
    ----------
    attempts : Attempts
        How patiently.
    timeout_seconds : float
        How long an answer may take, to its last byte.
    sign : bool
        Links are signed by Planetary Computer's service before each request, as signatures expire.
    s3_endpoint : str, optional
        Host of ``s3://`` links, see `cropland.sources.stac.object_storage`.
    """

    def __init__(
        self,
        attempts: Attempts,
        timeout_seconds: float,
        sign: bool = False,
        s3_endpoint: str | None = None,
    ) -> None:
        self._attempts = attempts
        self._timeout_seconds = timeout_seconds
        self._sign = sign
        self._s3_endpoint = s3_endpoint
        self._session = http_session.pooled_session(attempts.workers)

    def __reduce__(self) -> tuple[Any, ...]:
        # Dask sends it to other processes.
        return RangeTransport, (
            self._attempts,
            self._timeout_seconds,
            self._sign,
            self._s3_endpoint,
        )

    def span(self, href: str, first: int, end: int | None, size: int | None) -> Span:
        """Return bytes of a file: those from `first` on, of which a host may send fewer than asked for.

        Parameters
        ----------
        href : str
            Its address, unsigned.
        first : int
            Where to start.
        end : int, optional
            Where to end, itself not included; the file's end where left out.
        size : int, optional
            How long the file is, where that is known.

        Raises
        ------
        Missing
            There is no such file.
        DataError
            It is refused, or goes on failing.
        Stopped
            The work was called off.
        """
        renewed = False

        def once() -> Span:
            nonlocal renewed
            link, status, headers, content = self._answer(href, first, end)
            if status in MISSING and not any(code in content for code in _NO_BUCKET):
                raise Missing(href)
            if is_refused(status, content) and self._sign and not renewed:
                renewed = True
                _forget(link)
                raise Transient(f"HTTP {status}: the signature is no longer good")
            if problem := self._problem(href, status, headers, content):
                raise problem
            whole = Span(0, content, len(content))
            span = _span(headers, content, first) if status == 206 else whole
            if span is None or size not in (None, span.size):
                raise Transient(f"bytes from {first} on came as {headers.get('Content-Range')}")
            return span

        return self._attempts.run(f"reading {without_signature(href)}", once)

    def _answer(
        self, href: str, first: int, end: int | None
    ) -> tuple[str, int, Mapping[str, str], bytes]:
        """Return the link that was asked, and the answer's status, headers and body."""
        until = time.monotonic() + self._timeout_seconds
        span = f"bytes={first}-{'' if end is None else end - 1}"
        link, headers = self._request(href, span)
        try:
            with self._session.get(
                link,
                headers={**headers, "Accept-Encoding": "identity"},
                timeout=self._timeout_seconds,
                # Not with a signature to another host.
                allow_redirects="authorization" not in headers,
                stream=True,
            ) as answer:
                content = http_session.body_of(answer, until)
        except (requests.RequestException, HTTPError, TimeoutError) as error:
            raise Transient(f"{type(error).__name__}: {without_signature(str(error))}") from error
        return link, answer.status_code, answer.headers, content

    def _problem(
        self, href: str, status: int, headers: Mapping[str, str], content: bytes
    ) -> Exception | None:
        """Return what is to be raised instead of taking an answer's body."""
        problem = failure_of(href, status, headers, content)
        if status in _FINE or isinstance(problem, Transient):
            return problem
        answer = f"{without_signature(href)} is answered with {status_of(status, content)}"
        if urlsplit(href).scheme == object_storage.SCHEME:
            return DataError(f"{answer}; {object_storage.needed(href, self._s3_endpoint)}")
        return problem or DataError(answer)

    def _request(self, href: str, span: str) -> tuple[str, Mapping[str, str]]:
        """Return the address of a file, signed where it has to be, and headers for a part of it."""
        if urlsplit(href).scheme == object_storage.SCHEME:
            return object_storage.request_of(href, span, self._s3_endpoint)
        return _signed(href) if self._sign else href, {"range": span}


def _span(headers: Any, content: bytes, first: int) -> Span | None:
    """Read what part of a file came; None where it is not what was asked for, or cut off."""
    match = _SPAN.fullmatch(headers.get("Content-Range", ""))
    if match is None:
        return None
    start, last, size = (int(each) for each in match.groups())
    right = start == first and content and len(content) == last - start + 1
    return Span(start, content, size) if right else None


def _signed(href: str) -> str:
    import planetary_computer

    try:
        # A link that was stored with a signature, by now an old one, would not be signed again.
        bare = without_signature(href) if "sig=" in urlsplit(href).query else href
        signed: str = planetary_computer.sign_url(bare)
    except requests.RequestException as error:
        raise Transient(f"signing {without_signature(href)}: {type(error).__name__}") from error
    return signed


def _forget(link: str) -> None:
    """Forget the token that a link was signed with, unless another thread has a new one by now."""
    from planetary_computer.sas import TOKEN_CACHE

    for address, token in list(TOKEN_CACHE.items()):
        if token.token in link:
            TOKEN_CACHE.pop(address, None)
