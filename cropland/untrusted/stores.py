"""Zarr folders: which codecs decode them, and which files lie in them.

In: a folder that somebody made. Promised of one that passes: decoding runs no code but that of the codecs
of `cropland.untrusted.codecs`; no file outside the folder is read; no chunk is said to be larger than those
may be. Its values may still be wrong.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cropland.errors import DataError
from cropland.untrusted.codecs import layout_of

METADATA = ("zarr.json", ".zgroup", ".zattrs", ".zmetadata", ".zarray")
LONGEST = 1 << 31
"""Elements of the longest array of one dimension."""
_METADATA_BYTES = 16 << 20
_CHUNK = re.compile(r"(?:(.*?)/)?(?:c[./])?(\d+(?:[./]\d+)*)|(?:(.*)/)?c")
"""Path of an array and the place of a chunk in it; the chunk of a scalar is ``0`` or ``c``."""
_BROKEN = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError)


@dataclass(frozen=True)
class StoredArray:
    """How an array is stored.

    Attributes
    ----------
    shape, chunks : tuple of int
        Its elements, and those of a chunk, by dimension.
    n_missing : int
        Number of its chunks that are not stored: they read as `fill`.
    has_first : bool
        Whether its first chunk is stored.
    fill : float
        The value of elements that are not stored; infinite where it is no number.
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    n_missing: int
    has_first: bool
    fill: float


def check_zarr(
    folder: Path, remedy: str, *, longest: int = LONGEST, consolidated: bool = False
) -> dict[str, StoredArray]:
    """Check that a Zarr folder (version 2 or 3) can be read: files, codecs, types, sizes of chunks.

    Parameters
    ----------
    folder : Path
        The folder; it may be a link itself.
    remedy : str
        What to do where it cannot be read: the end of the message.
    longest : int
        Elements of the longest array of one dimension.
    consolidated : bool
        Whether it is read by the metadata that ``.zmetadata`` gathers, and not by those of each array.

    Returns
    -------
    dict of str to StoredArray
        Its arrays by their paths in the folder.

    Raises
    ------
    DataError
        A file is a link, a pipe or a device; metadata are broken or large; a codec or type is not one of
        those listed here; a chunk is too large.
    """
    try:
        files = list(_files(folder))
        names = [".zmetadata"] if consolidated else [name for name in files if _is_metadata(name)]
        documents = {name: _plain(folder, name) for name in names}
        if consolidated:
            documents = documents[".zmetadata"]["metadata"]
        stored = _chunks_by_array(files)
        return {
            name.rpartition("/")[0]: _array(name, document, longest, stored)
            for name, document in documents.items()
            if name.endswith(".zarray") or document.get("node_type") == "array"
        }
    except _BROKEN as error:
        odd = not isinstance(error, OSError | ValueError)
        reason = "its metadata are not those of Zarr" if odd else error
        raise DataError(f"{folder} cannot be read as Zarr: {reason}; {remedy}") from error


def _files(folder: Path) -> Iterator[str]:
    """List the files below a folder by their paths in it; each is a regular file."""
    folders = [""]
    while folders:
        inside = folders.pop()
        with os.scandir(folder / inside) as entries:
            for entry in entries:
                name = f"{inside}/{entry.name}" if inside else entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif entry.is_file(follow_symlinks=False):
                    yield name
                else:
                    kind = "a link" if entry.is_symlink() else "a pipe or device"
                    raise ValueError(f"{name} is {kind}, expected only files and folders in it")


def _is_metadata(name: str) -> bool:
    """Return whether a file holds metadata; those that are gathered may be older and are not read."""
    last = name.rpartition("/")[2]
    return last in METADATA and last != ".zmetadata"


def _plain(folder: Path, name: str) -> dict[str, Any]:
    if (folder / name).stat().st_size > _METADATA_BYTES:
        raise ValueError(f"{name} is larger than {_METADATA_BYTES >> 20} MB")
    try:
        document = json.loads((folder / name).read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not readable JSON") from error
    if not isinstance(document, dict):
        raise ValueError(f"{name} holds no JSON object")
    return document


def _array(
    name: str, document: Mapping[str, Any], longest: int, stored: Mapping[str, list[str]]
) -> StoredArray:
    path = name.rpartition("/")[0]
    version = 2 if name.endswith(".zarray") else 3
    shape, chunks = layout_of(document, version, longest, path or "it")
    counts = [math.ceil(side / length) for side, length in zip(shape, chunks, strict=True)]
    places = {place for place in stored.get(path, ()) if _is_place(place, counts)}
    first = ".".join("0" for _ in shape) or "0"
    n_missing = math.prod(counts) - len(places)
    return StoredArray(shape, chunks, n_missing, first in places, _fill(document))


def _fill(document: Mapping[str, Any]) -> float:
    try:
        return float(document.get("fill_value") or 0)
    except (TypeError, ValueError, OverflowError):
        return math.inf


def _chunks_by_array(files: Iterable[str]) -> dict[str, list[str]]:
    """Return the places of the chunks that are stored, as in ``0.3.1``, by the path of their array."""
    places: dict[str, list[str]] = defaultdict(list)
    for name in files:
        parts = _CHUNK.fullmatch(name)
        if parts is not None:
            path, place, scalar = parts.groups()
            places[path or scalar or ""].append((place or "0").replace("/", "."))
    return places


def _is_place(place: str, counts: list[int]) -> bool:
    """Return whether a chunk of an array has such a place."""
    numbers = place.split(".")
    scalar = not counts and place == "0"
    return scalar or (
        len(numbers) == len(counts)
        and all(int(number) < count for number, count in zip(numbers, counts, strict=True))
    )
