"""Chunks of Zarr stores, decoded to no more bytes than their array has for a chunk.

In: a chunk of a store that somebody made. Promised: none unpacks to more than that, or `CHUNK_BYTES` of texts
of any length; what would is a `ValueError`. Blosc decodes a chunk only if it is as long as it says; the
library does not check that, and would read what lies behind it in memory.

To import this module puts its codecs in the place of Zarr's, for all stores that this process reads.
"""

from __future__ import annotations

import gzip
import io
import math
import zlib
from collections.abc import Iterable
from contextvars import ContextVar
from functools import cached_property
from typing import Any

import numcodecs
import numpy as np
import zarr
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec
from zarr.core.codec_pipeline import BatchedCodecPipeline

from cropland.untrusted.codecs import CHUNK_BYTES

_HEADER_BYTES = 16
_DECODED, _LENGTH = slice(4, 8), slice(12, 16)
"""Where a chunk of Blosc says how many bytes it has in memory and in the file."""
_CHECKSUM_BYTES = 64
"""More than all checksums of a chunk have."""
_most_bytes: ContextVar[int] = ContextVar("most_bytes", default=CHUNK_BYTES)
"""Bytes of the chunk that is decoded, in each task and its threads."""


class CheckedPipeline(BatchedCodecPipeline):
    """Decodes chunks as Zarr does, each within the bytes of its array's chunks."""

    async def decode_batch(self, chunk_bytes_and_specs: Iterable[tuple[Any, Any]]) -> Any:
        """Decode chunks of one array."""
        chunks = list(chunk_bytes_and_specs)
        sizes = [_bytes_of(spec) for _, spec in chunks]
        before = _most_bytes.set(max(sizes, default=0) + _CHECKSUM_BYTES)
        try:
            return await super().decode_batch(chunks)
        finally:
            _most_bytes.reset(before)


def _bytes_of(spec: Any) -> int:
    kind = spec.dtype.to_native_dtype()
    return CHUNK_BYTES if kind.kind in "OT" else math.prod(spec.shape) * kind.itemsize


def _check(size: int, name: str) -> None:
    if size > _most_bytes.get():
        raise ValueError(f"a chunk of {name} unpacks to more bytes than its array has for a chunk")


class CheckedBlosc(numcodecs.Blosc):  # type: ignore[misc]
    """Blosc as version 2 of Zarr has it; a chunk that was cut off is a `ValueError`."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode a chunk."""
        content = _content(buf)
        decoded, length = (int.from_bytes(content[at], "little") for at in (_DECODED, _LENGTH))
        if len(content) < _HEADER_BYTES or len(content) != length or decoded > _most_bytes.get():
            raise ValueError("a chunk of Blosc is not as long as it says, or too long")
        return super().decode(buf, out)


class CheckedLz4(numcodecs.LZ4):  # type: ignore[misc]
    """LZ4, whose first four bytes say how many follow, unpacked."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode a chunk."""
        _check(int.from_bytes(_content(buf)[:4], "little"), "LZ4")
        return super().decode(buf, out)


class CheckedZstd(numcodecs.Zstd):  # type: ignore[misc]
    """Zstandard, one frame a chunk where the frame says its size."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode a chunk."""
        content = _content(buf)
        size = _zstd_bytes(content)
        if size is None:
            import pyarrow as pa  # it takes a while

            most = _most_bytes.get()
            with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
                decoded = stream.read(most + 1)
            _check(len(decoded), "Zstandard")
            return numcodecs.compat.ndarray_copy(decoded, out)
        _check(size, "Zstandard")
        # With a place of that size no frame that follows is unpacked.
        return super().decode(buf, np.empty(size, np.uint8) if out is None else out)


class CheckedZlib(numcodecs.Zlib):  # type: ignore[misc]
    """Zlib, unpacked no further than it may."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode a chunk."""
        stream = zlib.decompressobj()
        decoded = stream.decompress(_content(buf), _most_bytes.get() + 1)
        _check(len(decoded), "zlib")
        if not stream.eof:
            raise ValueError("a chunk of zlib was cut off")
        return numcodecs.compat.ndarray_copy(decoded, out)


class CheckedGzip(numcodecs.GZip):  # type: ignore[misc]
    """Gzip, unpacked no further than it may."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode a chunk."""
        with gzip.GzipFile(fileobj=io.BytesIO(_content(buf))) as stream:
            decoded = stream.read(_most_bytes.get() + 1)
        _check(len(decoded), "gzip")
        return numcodecs.compat.ndarray_copy(decoded, out)


def _content(buf: Any) -> memoryview:
    return memoryview(numcodecs.compat.ensure_contiguous_ndarray(buf)).cast("B")


def _zstd_bytes(content: memoryview) -> int | None:
    """Return the bytes that a frame says that it unpacks to (RFC 8878, 3.1.1.1), if it says so."""
    flags = content[4] if len(content) > 4 else 0
    single = flags >> 5 & 1
    length = (single, 2, 4, 8)[flags >> 6]
    start = 6 - single + (0, 1, 2, 4)[flags & 3]
    size = int.from_bytes(content[start : start + length], "little")
    return size + (256 if length == 2 else 0) if length else None


class CheckedBloscCodec(BloscCodec):
    """Blosc as version 3 of Zarr has it."""

    @cached_property
    def _blosc_codec(self) -> Any:
        return numcodecs.get_codec(super()._blosc_codec.get_config())


class CheckedGzipCodec(GzipCodec):
    """Gzip as version 3 of Zarr has it."""

    @cached_property
    def _gzip_codec(self) -> Any:
        return CheckedGzip(self.level)


class CheckedZstdCodec(ZstdCodec):
    """Zstandard as version 3 of Zarr has it."""

    @cached_property
    def _zstd_codec(self) -> Any:
        return CheckedZstd(self.level, self.checksum)


for _codec in (CheckedBlosc, CheckedGzip, CheckedLz4, CheckedZlib, CheckedZstd):
    numcodecs.register_codec(_codec)
for _name, _class in {
    "blosc": CheckedBloscCodec,
    "gzip": CheckedGzipCodec,
    "zstd": CheckedZstdCodec,
}.items():
    zarr.registry.register_codec(_name, _class)
    zarr.config.set({f"codecs.{_name}": f"{__name__}.{_class.__qualname__}"})
zarr.registry.register_pipeline(CheckedPipeline)
zarr.config.set({"codec_pipeline.path": f"{__name__}.{CheckedPipeline.__qualname__}"})
