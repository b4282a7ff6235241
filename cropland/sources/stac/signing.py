"""Links of Planetary Computer, signed by its service.

The library asks for signatures without bounds of time, size or waiting; here they are asked for as everything
else is, and the library finds them where it keeps those that it has.
"""

from __future__ import annotations

from urllib.parse import urlparse, urlsplit

import planetary_computer
import requests
from planetary_computer import sas
from planetary_computer.settings import Settings
from planetary_computer.utils import parse_blob_url
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
        self._session = http_session.pooled_session(connections, Links(str(self._settings.sas_url)))

    def sign(self, href: str) -> str:
        """Return a link with a signature; links to other storages as they are.

        Raises
        ------
        Transient
            The service does not answer, or gives what is no longer good.
        DataError
            It refuses, or answers with no signature.
        """
        # A link that was stored with a signature, by now an old one, would not be signed again.
        bare = without_signature(href) if "sig=" in urlsplit(href).query else href
        if urlsplit(bare).netloc.endswith(sas.BLOB_STORAGE_DOMAIN):
            account, container = parse_blob_url(urlparse(bare))
            address = f"{self._settings.sas_url}/{account}/{container}"
            token = sas.TOKEN_CACHE.get(address)
            if token is None or token.ttl() < _LEAST_SECONDS:
                sas.TOKEN_CACHE[address] = self._token(address)
        signed: str = planetary_computer.sign_url(bare)
        return signed

    @staticmethod
    def forget(link: str) -> None:
        """Forget the token that a link was signed with, unless another thread has a new one by now."""
        for address, token in list(sas.TOKEN_CACHE.items()):
            if token.token in link:
                sas.TOKEN_CACHE.pop(address, None)

    def _token(self, address: str) -> sas.SASToken:
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
            token = sas.SASToken(**plain_json(content))
            seconds = token.ttl()
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError(
                f"{address} is answered with HTTP {answer.status_code} and no signature; leave out "
                f"source.sign, or choose another source.catalog"
            ) from error
        if seconds < _LEAST_SECONDS:
            raise Transient(f"signing at {address}: the signature is no longer good")
        return token
