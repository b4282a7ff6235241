"""Answers over HTTP: how many bytes they may have, and how long they may take.

In: a streamed answer of a service. Out: its body, or an error of one line. The head of an answer and its body
each come within the time-out of their connection, as a whole: a byte now and then does not prolong it. A body
is read piece by piece and never grows beyond what its reader allows, unpacked.
"""

from __future__ import annotations

import http.client
import io
import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cropland.errors import DataError

if TYPE_CHECKING:
    import requests

MOST_BYTES = 64 << 20
"""Of an answer that is read as a whole: a page of a search has about one megabyte."""
MOST_OTHER_BYTES = 1 << 16
"""Of an answer that is no success: a redirect, or an error and its reason."""
_PIECE_BYTES = 1 << 18


class TooLong(DataError):
    """An answer of more bytes than can be used."""


class TimedResponse(http.client.HTTPResponse):
    """An answer whose head comes within the time-out of its socket, and then its body, each as a whole.

    A socket's time-out alone is for each piece that comes, and an answer could drip for ever.
    """

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._reader = _TimedReader(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._reader)

    def begin(self) -> None:
        """Read the head."""
        super().begin()
        self._reader.restart()


class _TimedReader(io.RawIOBase):
    """Reads a socket until a time: each `restart` gives it the socket's time-out anew."""

    def __init__(self, raw: Any, sock: Any) -> None:
        self._raw, self._socket = raw, sock
        seconds = sock.gettimeout()
        self._seconds = math.inf if seconds is None else seconds
        self.restart()

    def restart(self) -> None:
        self._until = time.monotonic() + self._seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer was not complete in time")
        self._socket.settimeout(None if left == math.inf else left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def body_of(response: requests.Response, most: int, *, decode: bool = True) -> bytes:
    """Read the body of a streamed answer to its end.

    Parameters
    ----------
    response : Response
        Asked for with ``stream=True``.
    most : int
        Bytes that it may have, unpacked.
    decode : bool
        Whether a packed body is unpacked.

    Raises
    ------
    TooLong
        It has more bytes.
    urllib3.exceptions.HTTPError
        It did not come in time, or the connection broke before all of it had come.
    """
    content = b"".join(_pieces(response, most + 1, decode))
    if len(content) > most:
        where = response.url.partition("?")[0]
        raise TooLong(
            f"{where} answers with more than {most:,} bytes, more than were asked for or can be used; "
            f"choose another source"
        )
    return content


def beginning_of(response: requests.Response) -> bytes:
    """Read what an answer that is no success says, but no more than its first bytes."""
    content = b"".join(_pieces(response, MOST_OTHER_BYTES, decode=True))
    if len(content) == MOST_OTHER_BYTES:
        response.raw.close()  # whatever else would come
    return content


def _pieces(response: requests.Response, most: int, decode: bool) -> Iterator[bytes]:
    while most and (piece := response.raw.read1(min(_PIECE_BYTES, most), decode_content=decode)):
        most -= len(piece)
        yield piece
