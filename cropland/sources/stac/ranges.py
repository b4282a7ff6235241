"""Files behind an address, read in ranges of bytes that are checked to be whole.

GDAL's own reader takes a body that was cut off for the end of a file: a raster may then lose its grid, or
open and be empty. Here every byte that was asked for has come, or reading fails.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cropland.sources.stac.transport import Span, Transport

LEAST_BYTES = 1 << 15
"""Of a request: enough for the header of most COGs."""
KEPT = 4
"""Ranges that are kept beside the first, which is the header: blocks are read once."""


class RangedFile:
    """A file as Python's are, to be read by one thread.

    Attributes
    ----------
    error : Exception, optional
        Why reading failed. It is kept instead of raised, as GDAL cannot bear exceptions: whoever lets GDAL
        read has to look at it, also where GDAL is content.
    """

    def __init__(self, transport: Transport, href: str) -> None:
        self.error: Exception | None = None
        self._transport = transport
        self._href = href
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
        if self._size is not None:
            end = self._size if end is None else min(end, self._size)
            if first >= end:
                return b""
        for number, (start, content) in enumerate(self._known):
            if start <= first and end is not None and end <= start + len(content):
                if number:
                    self._known.append(self._known.pop(number))
                return content[first - start : end - start]
        start, content = self._fetched(first, end)
        self._known.append((start, content))
        if len(self._known) > KEPT + 1:
            del self._known[1]  # the one that was not used for longest
        return content[first - start :][: None if end is None else end - first]

    def _fetched(self, first: int, end: int | None) -> tuple[int, bytes]:
        """Ask for bytes until they are there; give where they start, and them."""
        until = None if end is None else max(end, first + LEAST_BYTES)
        start, content, size = self._asked(first, until)
        wanted = size if end is None else min(end, size)
        if start + len(content) >= wanted:
            return start, content
        pieces, position = [content], start + len(content)
        while position < wanted:  # a host may send less than was asked for
            came = self._asked(position, wanted)
            pieces.append(came.content[position - came.start :])
            position = came.start + len(came.content)
        return start, b"".join(pieces)

    def _asked(self, first: int, end: int | None) -> Span:
        span = self._transport.span(self._href, first, end, self._size)
        self._size = span.size
        return span
