"""How requests to Earth Engine travel: pooled connections, answers within a time, whole or not at all.

The client's own transport has ten connections and no time-out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import httplib2
import requests
import urllib3

from cropland.sources import http_session
from cropland.sources.service import TooLarge
from cropland.untrusted.answers import MOST_BYTES, TooLong, body_of

if TYPE_CHECKING:
    from cropland.untrusted.addresses import Links

CONNECT_SECONDS = 10.0
QUOTA_HEADER = "x-earth-engine-quota-status"
_RESTRICTED = "parallelism_restricted=true"


class HttpTransport:
    """Speaks HTTP, in the manner of `httplib2.Http`, as Earth Engine's client wants it of a transport.

    Parameters
    ----------
    connections : int
        How many are kept open.
    timeout_seconds : float
        How long an answer may take to begin, and again to arrive as a whole.
    links : Links
        Where the service may lead.

    Attributes
    ----------
    restricted : bool
        An answer said that the project has used up its quota.
    """

    def __init__(self, connections: int, timeout_seconds: float, links: Links) -> None:
        self.restricted = False
        self._timeout_seconds = timeout_seconds
        self._session = http_session.pooled_session(connections, links)

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        redirections: int | None = None,  # noqa: ARG002
        connection_type: type | None = None,  # noqa: ARG002
    ) -> tuple[httplib2.Response, bytes]:
        """Send a request and wait for all of its answer; no redirection is followed.

        Raises
        ------
        TimeoutError
            No answer, or only part of it, in the time that it may take.
        ConnectionError
            No connection, or one that broke before all of the answer had come.
        TooLarge
            The answer is larger than any of Earth Engine may be.
        """
        try:
            with self._session.request(
                method,
                uri,
                data=body,
                headers=headers,
                timeout=(CONNECT_SECONDS, self._timeout_seconds),
                # Not to another host: headers may hold a token.
                allow_redirects=False,
                stream=True,
            ) as response:
                content = body_of(response, MOST_BYTES)
        except TooLong as error:
            raise TooLarge(str(error)) from error
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise TimeoutError(f"no answer in time: {error}") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise ConnectionError(f"connection failed: {error}") from error
        return self._head(response), content

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _head(self, response: requests.Response) -> httplib2.Response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        # Kept from the client, which would warn of it at each answer.
        if _RESTRICTED in headers.pop(QUOTA_HEADER, ""):
            self.restricted = True
        head = httplib2.Response(headers | {"status": str(response.status_code)})
        head.reason = response.reason
        return head
