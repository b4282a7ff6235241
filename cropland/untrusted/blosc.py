"""Chunks of Blosc in Zarr stores, checked before they are decoded.

In: a chunk of a store that somebody made. Promised: Blosc decodes it only if it is as long as it says; the
library does not check that, and would read what lies behind it in memory. What other codecs unpack to is
known when it is there: it may fill the memory, as any file may.

To import this module puts its codecs in the place of Zarr's, for all stores that this process reads.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numcodecs
import zarr
from zarr.codecs import BloscCodec

from cropland.untrusted.codecs import CHUNK_BYTES

_HEADER_BYTES = 16
_DECODED, _LENGTH = slice(4, 8), slice(12, 16)
"""Where a chunk says how many bytes it has in memory and in the file."""


class CheckedBlosc(numcodecs.Blosc):  # type: ignore[misc]
    """Blosc as version 2 of Zarr has it; a chunk that was cut off is a `ValueError`."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode a chunk."""
        content = memoryview(buf).cast("B")
        decoded, length = (int.from_bytes(content[at], "little") for at in (_DECODED, _LENGTH))
        if len(content) < _HEADER_BYTES or len(content) != length or decoded > CHUNK_BYTES:
            raise ValueError("a chunk of Blosc is not as long as it says, or too long")
        return super().decode(buf, out)


class CheckedBloscCodec(BloscCodec):
    """Blosc as version 3 of Zarr has it."""

    @cached_property
    def _blosc_codec(self) -> Any:
        return numcodecs.get_codec(super()._blosc_codec.get_config())


numcodecs.register_codec(CheckedBlosc)
zarr.registry.register_codec("blosc", CheckedBloscCodec)
zarr.config.set({"codecs.blosc": f"{__name__}.{CheckedBloscCodec.__qualname__}"})
