"""Requests for ranges of bytes, each asked again by itself until all of it has come or surely will not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

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
from cropland.untrusted.addresses import Links, scheme_of, shown
from cropland.untrusted.answers import beginning_of, body_of

if TYPE_CHECKING:
    from cropland.sources.stac.signing import Signer

_PART = 206
_FINE = (200, _PART)
_NO_BUCKET = (b"NoSuchBucket", b"ContainerNotFound")
"""Codes of object storages that are asked at the wrong address, with the status of a missing file."""
_SPAN = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_AS_IT_IS = ("", "identity", "aws-chunked")
"""Encodings of bodies that are the bytes of the file; the last is left over from storing it."""
MOST_FILE_BYTES = 1 << 29
"""Of a file that comes as a whole, or of a range: a band of 10 m has about half."""


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
        How long an answer may take to begin, and again to arrive as a whole.
    links : Links
        Where the links of the catalogue may lead.
    sign : bool
        Links are signed by Planetary Computer's service before each request, as signatures expire.
    s3_endpoint : str, optional
        Host of ``s3://`` links, see `cropland.sources.stac.object_storage`.
    """

    def __init__(
        self,
        attempts: Attempts,
        timeout_seconds: float,
        links: Links,
        sign: bool = False,
        s3_endpoint: str | None = None,
    ) -> None:
        self.links = links
        self._attempts = attempts
        self._timeout_seconds = timeout_seconds
        self._s3_endpoint = s3_endpoint
        self._signer: Signer | None = None
        if sign:
            from cropland.sources.stac.signing import Signer  # a second of imports

            self._signer = Signer(attempts.workers, timeout_seconds)
        self._session = http_session.pooled_session(attempts.workers, links)
        # The storage of s3:// links is named by the user, not by a link.
        storage = Links(object_storage.base_of("", s3_endpoint))
        self._storage_session = http_session.pooled_session(attempts.workers, storage)

    def __reduce__(self) -> tuple[Any, ...]:
        # Dask sends it to other processes.
        return RangeTransport, (
            self._attempts,
            self._timeout_seconds,
            self.links,
            self._signer is not None,
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
            if is_refused(status, content) and self._signer is not None and not renewed:
                renewed = True
                self._signer.forget(link)
                raise Transient(f"HTTP {status}: the signature is no longer good")
            if problem := self._problem(href, status, headers, content):
                raise problem
            whole = Span(0, content, len(content))
            span = _span(headers, content, first) if status == _PART else whole
            if span is None or size not in (None, span.size):
                raise Transient(f"bytes from {first} on came as {headers.get('Content-Range')}")
            return span

        return self._attempts.run(f"reading {without_signature(href)}", once)

    def _answer(
        self, href: str, first: int, end: int | None
    ) -> tuple[str, int, Mapping[str, str], bytes]:
        """Return the link that was asked, and the answer's status, headers and body."""
        span = f"bytes={first}-{'' if end is None else end - 1}"
        stored = scheme_of(href) == object_storage.SCHEME
        session = self._storage_session if stored else self._session
        link, headers = self._request(href, span)
        try:
            with session.get(
                link,
                headers={**headers, "Accept-Encoding": "identity"},
                timeout=self._timeout_seconds,
                # Not with a signature to another host.
                allow_redirects="authorization" not in headers,
                stream=True,
            ) as answer:
                content = _content(answer, None if end is None else end - first)
        except (requests.RequestException, HTTPError) as error:
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
        if scheme_of(href) == object_storage.SCHEME:
            return DataError(f"{answer}; {object_storage.needed(href, self._s3_endpoint)}")
        return problem or DataError(answer)

    def _request(self, href: str, span: str) -> tuple[str, Mapping[str, str]]:
        """Return the address of a file, signed where it has to be, and headers for a part of it."""
        if scheme_of(href) == object_storage.SCHEME:
            return object_storage.request_of(href, span, self._s3_endpoint)
        self.links.check(href)  # as it was written, before libraries have read it
        return self._signer.sign(href) if self._signer else href, {"range": span}


def _span(headers: Any, content: bytes, first: int) -> Span | None:
    """Read what part of a file came; None where it is not what was asked for, or cut off."""
    match = _SPAN.fullmatch(headers.get("Content-Range", ""))
    if match is None:
        return None
    start, last, size = map(int, match.groups())
    right = start == first and content and len(content) == last - start + 1
    return Span(start, content, size) if right else None


def _content(answer: requests.Response, size: int | None) -> bytes:
    """Read the body of an answer, undecoded: at most the bytes that were asked for, or a whole file.

    Raises
    ------
    TooLong
        It has more.
    DataError
        It is packed, and so no part of the file.
    """
    if answer.status_code not in _FINE:
        return beginning_of(answer)
    encoding = answer.headers.get("Content-Encoding", "").lower()
    if encoding not in _AS_IT_IS:
        raise DataError(
            f"{shown(answer.url)} comes packed as {encoding[:20]}, in place of the bytes that were asked "
            f"for; choose another source.catalog"
        )
    most = MOST_FILE_BYTES
    if answer.status_code == _PART and size is not None:
        most = min(size, most)
    return body_of(answer, most, decode=False)
