"""How an array of a Zarr folder is stored, by its metadata: shape, chunks, codecs, type.

In: the metadata of an array, JSON that was read. Promised of one that passes: it is decoded by codecs of the
list below and holds numbers or texts, so that nothing runs; a chunk has a bounded size in memory.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

Sides = tuple[int, ...]
CODECS = frozenset(
    (
        *("adler32", "blosc", "crc32", "crc32c", "fletcher32", "gzip", "lz4", "shuffle"),
        *("vlen-utf8", "zlib", "zstd"),
    )
)
"""They check or shuffle bytes, or unpack them within the bounds of `cropland.untrusted.chunks`; others, such
as ``pickle``, can run code."""
_CODECS_3 = CODECS | {f"numcodecs.{name}" for name in CODECS} | {"bytes", "endian", "transpose"}
DAMAGED = (OSError, EOFError, ValueError, RuntimeError, LookupError, zlib.error)
"""Errors of decoders where a chunk is not as it was written."""
CHUNK_BYTES = 1 << 30
"""Decoded bytes of the largest chunk."""
_TYPE = re.compile(r"[<>|]?(?:[biufc]|[mM](?=8)|([SU]))(\d{1,6})(?:\[\w{1,4}\])?")
"""Types of version 2: numbers, moments, texts of a fixed length; by letter and bytes or characters."""
_BITS = re.compile(r"(?:u?int|float|complex)(\d{1,3})")
_TEXT_BYTES = 64
"""Of a text of any length, where chunks are measured."""


def layout_of(
    document: Mapping[str, Any], version: int, longest: int, where: str
) -> tuple[Sides, Sides]:
    """Return the elements of an array and of a stored chunk, by dimension, and check how it is stored.

    Parameters
    ----------
    document : mapping
        Metadata of the array.
    version : int
        Of Zarr, 2 or 3.
    longest : int
        Elements of the longest array of one dimension.
    where : str
        The array, for the error.

    Raises
    ------
    ValueError, LookupError, TypeError, AttributeError
        A codec or type is not known here, a chunk or the array is too large, or these are no metadata of
        one.
    """
    shape = _sides(document["shape"], 0, where)
    if version == 2:
        chunks = inner = _sides(document["chunks"], 1, where)
        codecs = [*(document.get("filters") or []), document.get("compressor")]
        names = _codecs([codec for codec in codecs if codec is not None], "id", CODECS, where)
        size = _type_bytes(document["dtype"], names, where)
    else:
        chunks, inner = _version_3(document, where)
        size = _type_bytes_3(document["data_type"], where)
    if len(shape) != len(chunks) or len(shape) != len(inner):
        raise ValueError(f"{where} of shape {shape} has chunks of {chunks}")
    check_sizes(shape, math.prod(inner) * size, longest, where)
    return shape, chunks


def check_sizes(shape: Sides, chunk_bytes: int, longest: int, where: str) -> None:
    """Check how large an array and its chunks are.

    Raises
    ------
    ValueError
        They are too large.
    """
    if chunk_bytes > CHUNK_BYTES:
        raise ValueError(
            f"a chunk of {where} takes {chunk_bytes / 2**30:.3g} GB in memory, expected at most "
            f"{CHUNK_BYTES >> 30}"
        )
    if len(shape) == 1 and shape[0] > longest:
        raise ValueError(f"{where} has {shape[0]} elements, expected at most {longest}")


def _version_3(document: Mapping[str, Any], where: str) -> tuple[Sides, Sides]:
    """Return the sides of chunks that are stored, and of those that are decoded at once."""
    if document.get("storage_transformers") or document["chunk_grid"]["name"] != "regular":
        raise ValueError(
            f"{where} has storage transformers or chunks of several sizes, expected none"
        )
    chunks = inner = _sides(document["chunk_grid"]["configuration"]["chunk_shape"], 1, where)
    codecs = document["codecs"]
    if len(codecs) == 1 and codecs[0]["name"] == "sharding_indexed":
        inside = codecs[0]["configuration"]
        inner = _sides(inside["chunk_shape"], 1, where)
        codecs = [*inside["codecs"], *inside["index_codecs"]]
    _codecs(codecs, "name", _CODECS_3, where)
    return chunks, inner


def _sides(value: Any, least: int, where: str) -> Sides:
    if not isinstance(value, list) or not all(
        type(side) is int and side >= least for side in value
    ):
        raise ValueError(f"{where} has the shape or chunks {value!r:.80}, expected whole numbers")
    return tuple(value)


def _codecs(codecs: Iterable[Any], key: str, known: frozenset[str], where: str) -> list[str]:
    """Return the names of codecs, and check that they are known."""
    names = [codec if isinstance(codec, str) else codec[key] for codec in codecs]
    for name in names:
        if name not in known:
            raise ValueError(
                f"{where} is stored by {name!r:.80}, expected zstd, blosc, gzip, zlib or lz4"
            )
    return names


def _type_bytes(kind: Any, codecs: list[str], where: str) -> int:
    """Return the bytes of an element of a type of version 2."""
    if kind == "|O" and codecs[:1] == ["vlen-utf8"]:
        return _TEXT_BYTES
    parts = _TYPE.fullmatch(str(kind))
    if parts is None or "vlen-utf8" in codecs:
        raise ValueError(f"{where} holds {kind!r:.80}, expected numbers or texts")
    return int(parts[2]) * (4 if parts[1] == "U" else 1)


def _type_bytes_3(kind: Any, where: str) -> int:
    """Return the bytes of an element of a type of version 3."""
    if isinstance(kind, dict):
        named, inside = kind["name"], kind["configuration"]
        if named in ("fixed_length_utf32", "null_terminated_bytes"):
            return int(inside["length_bytes"])
        kind = "int64" if named in ("numpy.datetime64", "numpy.timedelta64") else named
    if kind in ("bool", "string"):
        return 1 if kind == "bool" else _TEXT_BYTES
    bits = _BITS.fullmatch(str(kind))
    if bits is None:
        raise ValueError(f"{where} holds {kind!r:.80}, expected numbers or texts")
    return int(bits[1]) // 8
