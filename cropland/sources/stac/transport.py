"""Requests for ranges of bytes, each asked again by itself until all of it has come or surely will not."""

from __future__ import annotations

import re
import time
from typing import Any, NamedTuple

import requests
from urllib3.exceptions import HTTPError

from cropland.errors import DataError
from cropland.sources import http_session
from cropland.sources.retries import Attempts, Transient
from cropland.sources.stac.responses import MISSING, REFUSED, failure_of, without_signature

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
    """

    def __init__(self, attempts: Attempts, timeout_seconds: float, sign: bool = False) -> None:
        self._attempts = attempts
        self._timeout_seconds = timeout_seconds
        self._sign = sign
        self._session = http_session.pooled_session(attempts.workers)

    def __reduce__(self) -> tuple[Any, ...]:
        # Dask sends it to other processes.
        return RangeTransport, (self._attempts, self._timeout_seconds, self._sign)

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
            link = _signed(href) if self._sign else href
            status, headers, content, problem = self._answer(link, first, end)
            if status in MISSING:
                raise Missing(href)
            if status in REFUSED and self._sign and not renewed:
                renewed = True
                _forget(link)
                raise Transient(f"HTTP {status}: the signature is no longer good")
            if problem:
                raise problem
            if status >= 400:
                raise DataError(f"{without_signature(href)} is answered with HTTP {status}")
            whole = Span(0, content, len(content))
            span = _span(headers, content, first) if status == 206 else whole
            if span is None or size not in (None, span.size):
                raise Transient(f"bytes from {first} on came as {headers.get('Content-Range')}")
            return span

        return self._attempts.run(f"reading {without_signature(href)}", once)

    def _answer(
        self, link: str, first: int, end: int | None
    ) -> tuple[int, Any, bytes, Exception | None]:
        """Return an answer's status, headers and body, and what is wrong with it."""
        until = time.monotonic() + self._timeout_seconds
        span = f"bytes={first}-{'' if end is None else end - 1}"
        headers = {"Range": span, "Accept-Encoding": "identity"}
        try:
            with self._session.get(
                link, headers=headers, timeout=self._timeout_seconds, stream=True
            ) as answer:
                content = http_session.body_of(answer, until)
        except (requests.RequestException, HTTPError, TimeoutError) as error:
            raise Transient(f"{type(error).__name__}: {without_signature(str(error))}") from error
        return answer.status_code, answer.headers, content, failure_of(answer, content)


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
        signed: str = planetary_computer.sign_url(href)
    except requests.RequestException as error:
        raise Transient(f"signing {without_signature(href)}: {type(error).__name__}") from error
    return signed


def _forget(link: str) -> None:
    """Forget the token that a link was signed with, unless another thread has a new one by now."""
    from planetary_computer.sas import TOKEN_CACHE

    for address, token in list(TOKEN_CACHE.items()):
        if token.token in link:
            TOKEN_CACHE.pop(address, None)
