"""Files behind an address, read in ranges of bytes that are checked to be whole.

GDAL's own reader takes a body that was cut off for the end of a file: a raster may then lose its grid, or
open and be empty. Here every byte that was asked for has come, or reading fails.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING

from cropland.errors import DataError
from cropland.untrusted.addresses import shown

if TYPE_CHECKING:
    from cropland.sources.stac.transport import RangeTransport, Span

LEAST_BYTES = 1 << 15
"""Of a request: enough for the header of most COGs."""
MOST_PARTS = 256
"""Of a range."""
KEPT = 4
"""Ranges that are kept beside the first, which is the header: blocks are read once."""


class RangedFile:
    """A file as Python's are, to be read by one thread.

    Attributes
    ----------
    error : Exception, optional
        Why reading failed. It is kept instead of raised, as GDAL cannot bear exceptions: whoever lets GDAL
        read has to check it, also where GDAL is content.
    """

    def __init__(self, transport: RangeTransport, href: str) -> None:
        self.error: Exception | None = None
        self._transport = transport
        self._href = href
        self._position = 0
        self._size: int | None = None
        self._ranges: OrderedDict[int, bytes] = OrderedDict()

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

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position, as files do."""
        if whence == os.SEEK_END and self._size is None:
            position, self._position = self._position, 0
            self.read(1)
            self._position = position
        start = (0, self._position, self._size or 0)[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def close(self) -> None:
        """Drop what was read but the header: GDAL may open the file again."""
        while len(self._ranges) > 1:
            self._ranges.popitem()

    def __enter__(self) -> RangedFile:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def _bytes(self, first: int, size: int) -> bytes:
        """Return bytes of the file, all of those that it has of them."""
        if self._size is None:
            self._size = self._fetch(first, None if size < 0 else first + size)
        end = self._size if size < 0 else min(first + size, self._size)
        if first >= end:
            return b""
        if not any(self._holds(start, first, end) for start in self._ranges):
            self._fetch(first, end)
        start = next(start for start in self._ranges if self._holds(start, first, end))
        if start != next(iter(self._ranges)):  # the header stays the first
            self._ranges.move_to_end(start)
        return self._ranges[start][first - start : end - start]

    def _holds(self, start: int, first: int, end: int) -> bool:
        return start <= first and end <= start + len(self._ranges[start])

    def _fetch(self, first: int, end: int | None) -> int:
        """Fetch a range until all of it has come, keep it, and return the size of the file."""
        span = self._ask(first, None if end is None else max(end, first + LEAST_BYTES))
        start, content = span.start, span.content
        wanted = span.size if end is None else min(end, span.size)
        parts = 1
        while start + len(content) < wanted:  # a host may send less than was asked for
            here = start + len(content)
            parts += 1
            if parts > MOST_PARTS:
                raise DataError(
                    f"{shown(self._href)} sends a range in more than {MOST_PARTS} parts; choose another "
                    f"source.catalog"
                )
            more = self._ask(here, wanted)
            content += more.content[here - more.start :]
        self._ranges[start] = content
        if len(self._ranges) > KEPT + 1:
            del self._ranges[next(islice(self._ranges, 1, None))]  # not used for longest
        return span.size

    def _ask(self, first: int, end: int | None) -> Span:
        return self._transport.span(self._href, first, end, self._size)
