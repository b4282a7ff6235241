"""Files behind an address, read in ranges of bytes that are checked to be whole.

GDAL's own reader takes a body that was cut off for the end of a file: a raster may then lose its grid, or
open and be empty. Here every byte that was asked for has come, or reading fails.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import requests

from cropland.errors import DataError
from cropland.sources.attempts import Transient
from cropland.sources.stac.asking import MISSING, shown, trouble

if TYPE_CHECKING:
    from types import TracebackType

LEAST_BYTES = 1 << 15
"""Of a request: enough for the header of a COG."""
_SPAN = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Missing(Exception):
    """There is no such file."""


class RangedFile:
    """A file as Python's are, to be read by one thread.

    Attributes
    ----------
    error : Exception, optional
        Why reading failed. It is kept instead of raised, as GDAL cannot bear exceptions: whoever lets GDAL
        read has to look at it, also where GDAL is content.
    """

    def __init__(self, session: requests.Session, link: str, timeout_seconds: float) -> None:
        self.error: Exception | None = None
        self._session = session
        self._link = link
        self._timeout_seconds = timeout_seconds
        self._position = 0
        self._size: int | None = None
        self._known: list[tuple[int, bytes]] = []

    def read(self, size: int = -1) -> bytes:
        """Read on; nothing where reading has failed."""
        if self.error is not None:
            return b""
        try:
            content = self._bytes(self._position, size)
        except Exception as error:
            self.error = error
            return b""
        self._position += len(content)
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position, as files do."""
        if whence == 2 and self._size is None:
            position, self._position = self._position, 0
            self.read(1)
            self._position = position
        start = (0, self._position, self._size or 0)[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Give the position."""
        return self._position

    def close(self) -> None:
        """Forget what was read."""
        self._known.clear()

    def __enter__(self) -> RangedFile:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def _bytes(self, first: int, size: int) -> bytes:
        end = first + size if size >= 0 else self._size
        if end is not None and self._size is not None:
            end = min(end, self._size)
        for start, content in self._known:
            if start <= first and end is not None and end <= start + len(content):
                return content[first - start : end - start]
        start, content = self._asked(first, end)
        self._known.append((start, content))
        return content[first - start :][: None if end is None else end - first]

    def _asked(self, first: int, end: int | None) -> tuple[int, bytes]:
        """Ask for bytes; give where they start, and them."""
        last = "" if end is None else str(max(end, first + LEAST_BYTES) - 1)
        headers = {"Range": f"bytes={first}-{last}", "Accept-Encoding": "identity"}
        try:
            answer = self._session.get(self._link, headers=headers, timeout=self._timeout_seconds)
        except requests.RequestException as error:
            raise Transient(f"{type(error).__name__}: {shown(str(error))}") from error
        if answer.status_code in MISSING:
            raise Missing(self._link)
        if problem := trouble(answer):
            raise problem
        if not answer.ok:
            raise DataError(f"{shown(self._link)} is answered with HTTP {answer.status_code}")
        return self._whole(answer, first)

    def _whole(self, answer: requests.Response, first: int) -> tuple[int, bytes]:
        content = answer.content
        if answer.status_code != 206:
            self._size = len(content)
            return 0, content
        span = _SPAN.fullmatch(answer.headers.get("Content-Range", ""))
        start, last, size = (int(each) for each in span.groups()) if span else (-1, -1, 0)
        if start != first or len(content) != last - start + 1 or self._size not in (None, size):
            raise Transient(f"bytes from {first} on came as {answer.headers.get('Content-Range')}")
        self._size = size
        return start, content
