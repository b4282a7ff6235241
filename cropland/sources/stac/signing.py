"""Links of Planetary Computer, signed by its service.

The library asks for signatures without bounds of time, size or waiting; here they are asked for as everything
else is.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import requests
from planetary_computer.sas import BLOB_STORAGE_DOMAIN, SASToken
from planetary_computer.settings import Settings
from urllib3.exceptions import HTTPError

from cropland.errors import DataError
from cropland.sources import http_session
from cropland.sources.retries import Transient
from cropland.sources.stac.responses import failure_of, without_signature
from cropland.untrusted.addresses import Links
from cropland.untrusted.answers import MOST_OTHER_BYTES, body_of
from cropland.untrusted.documents import plain_json

_LEAST_SECONDS = 60
"""For which a signature has to be good, as the library has it."""


class Signer:
    """Signs links; its methods may be called from several threads.

    Parameters
    ----------
    connections : int
        How many are kept open.
    timeout_seconds : float
        How long an answer may take.
    """

    def __init__(self, connections: int, timeout_seconds: float) -> None:
        self._settings = Settings.get()
        self._timeout_seconds = timeout_seconds
        self._tokens: dict[str, SASToken] = {}
        self._session = http_session.pooled_session(connections, Links(str(self._settings.sas_url)))

    def sign(self, href: str) -> str:
        """Return a link with a signature, in place of an older one; links to other storages as they are.

        Raises
        ------
        Transient
            The service does not answer, or gives what is no longer good.
        DataError
            It refuses, or answers with no signature, or the link names no file.
        """
        host, path = urlsplit(href).netloc, urlsplit(href).path
        if not host.endswith(BLOB_STORAGE_DOMAIN):
            return href
        container, _, name = path.lstrip("/").partition("/")
        if not name:
            raise DataError(
                f"{without_signature(href)} names no file in a container; choose another source.catalog"
            )
        address = f"{self._settings.sas_url}/{host.partition('.')[0]}/{container}"
        token = self._tokens.get(address)
        if token is None or token.ttl() < _LEAST_SECONDS:
            token = self._tokens[address] = self._token(address)
        signed: str = token.sign(without_signature(href)).href
        return signed

    def forget(self, link: str) -> None:
        """Forget the token that a link was signed with, unless another thread has a new one by now."""
        for address, token in list(self._tokens.items()):
            if token.token in link:
                self._tokens.pop(address, None)

    def _token(self, address: str) -> SASToken:
        key = self._settings.subscription_key
        try:
            with self._session.get(
                address,
                headers={"Ocp-Apim-Subscription-Key": key} if key else None,
                timeout=self._timeout_seconds,
                allow_redirects=False,  # not with a key to another host
                stream=True,
            ) as answer:
                content = body_of(answer, MOST_OTHER_BYTES)
        except (requests.RequestException, HTTPError) as error:
            raise Transient(f"signing at {address}: {type(error).__name__}") from error
        if problem := failure_of(address, answer.status_code, answer.headers, content):
            raise problem
        try:
            token = SASToken(**plain_json(content))
            seconds = token.ttl()
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError(
                f"{address} is answered with HTTP {answer.status_code} and no signature; leave out "
                f"source.sign, or choose another source.catalog"
            ) from error
        if seconds < _LEAST_SECONDS:
            raise Transient(f"signing at {address}: the signature is no longer good")
        return token
