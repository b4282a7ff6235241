"""NetCDF files: HDF5 that leads nowhere else, or the classic format.

In: a file that somebody made. Promised of one that passes: no link, virtual or external dataset of it leads
to another file; no filter but those of HDF5 itself decodes it; a chunk has a bounded size in memory. Its
values may still be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cropland.errors import DataError
from cropland.untrusted.codecs import check_sizes
from cropland.untrusted.stores import StoredArray

_HDF5, _CLASSIC = b"\x89HDF", b"CDF"
_FILTERS = frozenset((1, 2, 3, 4, 5, 6, 32000))
"""Those of HDF5 itself, and LZF of h5py; others would be looked for as plugins."""
_MOST_OBJECTS = 1_000
_BROKEN = (OSError, ValueError, LookupError, TypeError, RuntimeError)
"""What h5py raises."""


def check_netcdf(path: Path, remedy: str, *, longest: int) -> tuple[str, dict[str, StoredArray]]:
    """Check that a NetCDF file can be read: links, filters, sizes of chunks.

    Parameters
    ----------
    path : Path
        The file; it may be a link itself.
    remedy : str
        What to do where it cannot be read: the end of the message.
    longest : int
        Elements of the longest array of one dimension.

    Returns
    -------
    str
        The engine of xarray that reads it.
    dict of str to StoredArray
        Its arrays by their paths in the file; none of the classic format, which stores all values.

    Raises
    ------
    DataError
        It is no regular file and no NetCDF, or leads to other files, or is not readable without plugins; a
        chunk or array is too large.
    """
    import h5py  # it takes a while

    try:
        if not path.is_file():
            raise ValueError("it is not a regular file")
        with path.open("rb") as stream:
            start = stream.read(4)
        if start.startswith(_CLASSIC):
            return "scipy", {}
        if start != _HDF5:
            raise ValueError("it is not NetCDF")
        with h5py.File(path, "r") as file:
            return "h5netcdf", {name: _array(dataset, longest) for name, dataset in _datasets(file)}
    except _BROKEN as error:
        raise DataError(f"{path} cannot be read as NetCDF: {error}; {remedy}") from error


def _datasets(file: Any) -> Iterator[tuple[str, Any]]:
    """List the datasets of a file by their paths; all links are names of objects in it."""
    from h5py import Dataset, Group, HardLink

    groups, seen = [("", file)], 0
    while groups:
        path, group = groups.pop()
        for name in group:
            where = f"{path}/{name}" if path else str(name)
            seen += 1
            if seen > _MOST_OBJECTS:  # also where groups hold each other
                raise ValueError(f"it has more than {_MOST_OBJECTS} variables and groups")
            if type(group.get(name, getlink=True)) is not HardLink:
                raise ValueError(f"{where} is a link, expected a variable or group")
            item = group[name]
            if isinstance(item, Group):
                groups.append((where, item))
            elif isinstance(item, Dataset):
                yield where, item


def _array(dataset: Any, longest: int) -> StoredArray:
    where: str = dataset.name
    shape: tuple[int, ...] = dataset.shape or ()
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"{where} has its values in other files")
    settings = dataset.id.get_create_plist()
    for number in range(settings.get_nfilters()):
        code, _, _, name = settings.get_filter(number)
        if code not in _FILTERS:
            raise ValueError(f"{where} is compressed by {name or code!r}, expected zlib")
    chunk_bytes = math.prod(dataset.chunks or (0,)) * dataset.id.get_type().get_size()
    check_sizes(shape, chunk_bytes, longest, where)
    n_missing = _n_missing(dataset, shape)
    return StoredArray(shape, dataset.chunks or shape, n_missing, n_missing == 0, _fill(dataset))


def _n_missing(dataset: Any, shape: tuple[int, ...]) -> int:
    """Return how many chunks of a dataset are not stored; without chunks it is one."""
    if dataset.chunks is None:
        return int(0 not in shape and dataset.id.get_storage_size() == 0)
    sides = zip(shape, dataset.chunks, strict=True)
    n_chunks: int = math.prod(math.ceil(side / length) for side, length in sides)
    return n_chunks - int(dataset.id.get_num_chunks())


def _fill(dataset: Any) -> float:
    fill = np.asarray(dataset.fillvalue)
    return float(fill) if fill.dtype.kind in "biuf" else math.inf
