"""PatientStacIO over HTTP: what an answer's status means, and how pystac-client asks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pystac
import requests
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from urllib3.exceptions import HTTPError, NewConnectionError

from cropland.errors import DataError
from cropland.sources import http_session
from cropland.sources.retries import Transient
from cropland.untrusted.answers import MOST_BYTES, beginning_of, body_of
from cropland.untrusted.documents import plain_json

if TYPE_CHECKING:
    from cropland.sources.retries import Attempts
    from cropland.untrusted.addresses import Links

BUSY = (429, 503)
MISSING = (404, 410)
REFUSED = (401, 403)
METHODS = ("POST", "GET")
"""By which a search is asked for, the first of those that a catalogue offers."""
_AGAIN = (408, 425, 500, 502, 504, *BUSY)


class Refused(DataError):
    """An answer that asks for a sign-in, or denies access."""


class PatientStacIO(StacApiIO):
    """How pystac-client sends its requests here: with patience, and within bounds; for several threads.

    Parameters
    ----------
    links : Links
        Where the links of the catalogue may lead.
    attempts : Attempts
        How patiently.
    timeout_seconds : float
        How long an answer may take to begin, and again to arrive as a whole.
    """

    def __init__(self, links: Links, attempts: Attempts, timeout_seconds: float) -> None:
        super().__init__(max_retries=None)
        self.session = http_session.pooled_session(attempts.workers, links)
        self._links = links
        self._attempts = attempts
        self._timeout_seconds = timeout_seconds
        self._answered = False

    def read_text(self, source: pystac.link.HREF, *args: Any, **options: Any) -> str:
        """Return the answer at a link; of a file, which pystac would read, it is an error."""
        self._links.check(source.href if isinstance(source, pystac.Link) else str(source))
        text: str = super().read_text(source, *args, **options)
        return text

    def json_loads(self, txt: str, *_: Any, **__: Any) -> dict[str, Any]:
        """Return the values of an answer."""
        values: dict[str, Any] = plain_json(txt)
        return values

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """Send a request until it is answered.

        Raises
        ------
        APIError
            An answer that will not change.
        DataError
            It is refused, goes on failing, is too long, or nothing answers at the address.
        """
        method = (method or "GET").upper()
        if method not in METHODS:
            raise DataError(
                f"{self._links.origin} asks for {method[:20]} requests; expected GET or POST: choose "
                f"another source.catalog"
            )
        query, body = (parameters, None) if method == "GET" else (None, parameters)

        def once() -> str:
            try:
                with self.session.request(
                    method,
                    href,
                    params=query,
                    json=body,
                    headers=headers,
                    timeout=self._timeout_seconds,
                    stream=True,
                ) as answer:
                    content = body_of(answer, MOST_BYTES) if answer.ok else beginning_of(answer)
            except (requests.RequestException, HTTPError) as error:
                raise self._failure(error) from error
            self._answered = True
            if problem := failure_of(answer.url, answer.status_code, answer.headers, content):
                raise problem
            text = content.decode("utf-8", "replace")
            if not answer.ok:
                lasting = APIError(text)
                lasting.status_code = answer.status_code
                raise lasting
            return text

        return self._attempts.run(f"asking {without_signature(href)}", once)

    def _failure(self, error: Exception) -> Exception:
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        nobody = isinstance(reason, NewConnectionError) and not self._answered
        wrong = isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.SSLError)
        if nobody or wrong:
            return DataError(
                f"nothing answers at {self._links.origin} ({reason or error}); check the address and the "
                f"network"
            )
        return Transient(f"{type(error).__name__}: {error}")


def is_refused(status: int, content: bytes) -> bool:
    """Return whether an answer is a refusal: Azure's, where a signature is missing, has the status 409."""
    return status in REFUSED or (status == 409 and b"PublicAccessNotPermitted" in content)


def failure_of(
    href: str, status: int, headers: Mapping[str, str], content: bytes
) -> Exception | None:
    """Return what is to be raised where a host is busy, stumbles or refuses, with what it says."""
    if is_refused(status, content):
        return Refused(
            f"{without_signature(href)} is refused ({status_of(status, content)}); choose a catalogue that "
            f"is open, or source.sign=true for links of Planetary Computer"
        )
    if status in _AGAIN:
        text = f"HTTP {status} {content[:120].decode('utf-8', 'replace')}"
        wait = 0.0
        with suppress(ValueError):  # a date: the backoff will do
            wait = max(0.0, float(headers.get("Retry-After", 0)))
        return Transient(text, busy=status in BUSY, wait_seconds=wait)
    return None


def status_of(status: int, content: bytes) -> str:
    """Return a status in words, with the code that object storages add in their body.

    >>> status_of(403, b"<Error><Code>AccessDenied</Code></Error>")
    'HTTP 403 AccessDenied'
    """
    code = re.search(rb"<Code>(\w+)</Code>", content)
    return f"HTTP {status} {code[1].decode()}" if code else f"HTTP {status}"


def without_signature(href: str) -> str:
    """Return an address without its signature, which is a secret."""
    return href.partition("?")[0]
