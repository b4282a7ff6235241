"""HTTP sessions of services: pooled connections, and answers that are read whole within a time."""

from __future__ import annotations

import time

import requests
from requests.adapters import HTTPAdapter

_PIECE_BYTES = 1 << 18


def pooled_session(connections: int) -> requests.Session:
    """Return a session that keeps so many connections open."""
    session = requests.Session()
    adapter = HTTPAdapter(pool_maxsize=connections)
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session


def body_of(response: requests.Response, until: float) -> bytes:
    """Read the body of a streamed answer to its end, piece by piece.

    A socket's time-out alone would let an answer drip for ever.

    Parameters
    ----------
    response : Response
        Asked for with ``stream=True``.
    until : float
        When it has to be complete, as `time.monotonic` counts.

    Raises
    ------
    TimeoutError
        It is not complete by then.
    urllib3.exceptions.HTTPError
        The connection broke before all of it had come.
    """
    pieces = []
    while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
        pieces.append(piece)
        if time.monotonic() > until:
            raise TimeoutError("the answer was not complete in time")
    return b"".join(pieces)
