"""HTTP sessions of services: pooled connections, which only go where the links of the service may lead."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from requests.utils import get_netrc_auth
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from cropland.errors import DataError
from cropland.untrusted.addresses import Links, is_web, scheme_of, shown
from cropland.untrusted.answers import TimedResponse, beginning_of

if TYPE_CHECKING:
    import socket

_MOST_REDIRECTS = 5


def pooled_session(connections: int, links: Links) -> requests.Session:
    """Return a session that keeps so many connections open.

    Every address that it asks, the next one of a redirect too, is checked by `links`, and so is where each
    connection comes out, unless a proxy makes it. Answers are `TimedResponse`.
    """
    session = _Session(links)
    adapter = _Adapter(connections, links)
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session


class _Session(requests.Session):
    """Follows a few redirects, none from https to http; stored passwords go to the user's own host only."""

    def __init__(self, links: Links) -> None:
        super().__init__()
        self.max_redirects = _MOST_REDIRECTS
        self.auth = self._authorize
        # Without a proxy the environment need not be read for each request, which takes a millisecond.
        self.trust_env = bool(getproxies())
        bundles = (os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
        self.verify = next(filter(None, bundles), True)
        self._origin_host = urlsplit(links.origin).hostname

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return a request with what ``.netrc`` has for its host, if that is the one that the user gave."""
        url = str(request.url)
        is_of_user = urlsplit(url).hostname == self._origin_host
        wants_login = is_of_user and "Authorization" not in request.headers
        login = get_netrc_auth(url) if wants_login else None
        return request if login is None else HTTPBasicAuth(*login)(request)

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Remove a password from the request that a redirect leads to, if it is of another host."""
        addresses = str(response.request.url), str(prepared_request.url)
        if self.should_strip_auth(*addresses):  # type: ignore[no-untyped-call]
            prepared_request.headers.pop("Authorization", None)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where an answer leads; None where it leads nowhere."""
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        address = urljoin(resp.url, target)
        if not is_web(address):
            raise DataError(
                f"{shown(resp.url)} leads to {shown(address)}; expected http or https: choose another "
                f"source.catalog"
            )
        if scheme_of(address) == "http" and scheme_of(resp.url) == "https":
            raise DataError(
                f"{shown(resp.url)} leads from https to http, where others can read the data; choose another "
                f"address"
            )
        return target

    def resolve_redirects(self, resp: requests.Response, *args: Any, **options: Any) -> Any:
        """Yield the answers on the way that an answer leads."""
        try:
            yield from super().resolve_redirects(resp, *args, **options)
        except requests.TooManyRedirects as error:
            raise DataError(
                f"{shown(resp.url)} redirects more than {_MOST_REDIRECTS} times; choose another address"
            ) from error
        except ValueError as error:  # of who reads addresses
            raise DataError(
                f"{shown(resp.url)} leads to an invalid address ({error}); choose another address"
            ) from error


class _Adapter(HTTPAdapter):
    """Sends requests over connections that are checked."""

    def __init__(self, connections: int, links: Links) -> None:
        self._links = links
        self._pools = _pools(links)
        super().__init__(pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Return the pools of connections with a proxy."""
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = self._pools
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        """Send a request to an address that may be asked; of a redirect no more is read than needed."""
        self._links.check(request.url)
        response = super().send(request, *args, **options)
        if response.is_redirect:
            beginning_of(response)
        return response


def _pools(links: Links) -> dict[str, type[HTTPConnectionPool]]:
    class Http(HTTPConnection):
        response_class = TimedResponse

        def _new_conn(self) -> socket.socket:
            # What urllib3 has for whoever connects otherwise, such as by SOCKS.
            if self.proxy is not None:
                return super()._new_conn()
            links.check_host(self.host)
            sock = super()._new_conn()
            try:
                links.check_host(self.host, sock.getpeername()[0])
            except BaseException:
                sock.close()
                raise
            return sock

    class Https(Http, HTTPSConnection):
        pass

    class HttpPool(HTTPConnectionPool):
        ConnectionCls = Http

    class HttpsPool(HTTPSConnectionPool):
        ConnectionCls = Https

    return {"http": HttpPool, "https": HttpsPool}
