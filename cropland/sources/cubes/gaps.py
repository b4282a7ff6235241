"""Chunks that a cube has lost: Zarr and sparse GeoTIFFs read them as their fill value and say nothing.

A chunk of a band that is not stored counts as no data, since Zarr does not store chunks without any. That is
said, and refused where the fill value is a value that a band can have.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations.band_values import HIGHEST, MISSING_SCENE_CLASS
from cropland.observations.bands import NO_DATA, SCENE_CLASS, SCENE_CLASSES

if TYPE_CHECKING:
    from cropland.untrusted.stores import StoredArray

_COVERED = 0.5
"""Share of a chunk that other bands must cover: at the edge of a swath some bands end before others."""


def check_coordinates(arrays: Mapping[str, StoredArray], names: Iterable[str], where: str) -> None:
    """Check that all values of coordinates are stored.

    Zarr leaves out a chunk that holds nothing but its fill value, such as that of the first image, whose time
    is 0 days since itself: a first chunk of one element may lack.

    Raises
    ------
    DataError
        A chunk of one is not stored.
    """
    for name in names:
        stored = arrays.get(name)
        if stored is None or not stored.n_missing:
            continue
        first = math.prod(map(min, stored.shape, stored.chunks))
        if stored.n_missing > 1 or stored.has_first or first > 1:
            raise DataError(
                f"{where} has lost {stored.n_missing} chunks of its {name}; write it again"
            )


def empty_chunks(
    arrays: Mapping[str, StoredArray], no_data: Mapping[str, float | None], where: str
) -> list[str]:
    """Return what is to be said of chunks of bands that are not stored, and so are no data.

    Parameters
    ----------
    arrays : mapping of str to StoredArray
        How each band is stored.
    no_data : mapping of str to float or None
        The value that each declares as no data.
    where : str
        Whose they are, for the error.

    Raises
    ------
    DataError
        A band can have the value that stands for what is not stored.
    """
    counts = []
    for band, stored in arrays.items():
        if not stored.n_missing:
            continue
        if _is_value(band, stored.fill) and stored.fill != no_data[band]:
            raise DataError(
                f"{where} has {stored.n_missing} chunks of {band} that are not stored and read as "
                f"{stored.fill:g}, which is not declared as no data; write it again with _FillValue"
            )
        sides = zip(stored.shape, stored.chunks, strict=True)
        n_chunks = math.prod(math.ceil(side / length) for side, length in sides)
        counts.append(f"{stored.n_missing} of {n_chunks} of {band}")
    return [f"chunks that are not stored count as no data: {', '.join(counts)}"] if counts else []


def _is_value(band: str, fill: float) -> bool:
    """Return whether a fill value is one that a band can have."""
    return NO_DATA < fill <= (max(SCENE_CLASSES) if band == SCENE_CLASS else HIGHEST)


def lacking(
    layers: Mapping[str, NDArray[Any]], block: tuple[int, int], corner: tuple[int, int]
) -> tuple[str, slice, slice] | None:
    """Find a chunk of a band without any data where other bands have some; formats read a lost one as empty.

    ``SCL`` can lack, but covers nothing: where all is masked for clouds, it is there and the bands are empty.

    Parameters
    ----------
    layers : mapping of str to ndarray, shape (image, y, x)
        A part by band, no data 0 or NaN.
    block : tuple of int
        Rows and columns of a chunk; a side of 1 is none, and stands for that of the part.
    corner : tuple of int
        Row and column of the part in the cube, where chunks are counted from.

    Returns
    -------
    tuple of str, slice and slice, or None
        The band, and the rows and columns of the cube.
    """
    present = {band: _present(band, stored) for band, stored in layers.items()}
    covers = [with_data for band, with_data in present.items() if band != SCENE_CLASS]
    if not covers or len(present) == 1:
        return None
    covered = np.logical_or.reduce(covers)
    for rows in _chunks(corner[0], covered.shape[0], block[0]):
        for columns in _chunks(corner[1], covered.shape[1], block[1]):
            inside = slice(rows.start - corner[0], rows.stop - corner[0])
            across = slice(columns.start - corner[1], columns.stop - corner[1])
            if covered[inside, across].mean() < _COVERED:
                continue
            for band, with_data in present.items():
                if not with_data[inside, across].any():
                    return band, rows, columns
    return None


def _present(band: str, stored: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which pixels have data in any image, shape ``(y, x)``."""
    with_data = stored != NO_DATA
    if band == SCENE_CLASS:
        with_data &= stored != MISSING_SCENE_CLASS
    if stored.dtype.kind == "f":
        with_data &= ~np.isnan(stored)
    in_any_image: NDArray[np.bool_] = with_data.any(axis=0)
    return in_any_image


def _chunks(start: int, length: int, side: int) -> list[slice]:
    """Split a range of rows or columns where chunks end."""
    stop = start + length
    inner = [] if side == 1 else range(start - start % side + side, stop, side)
    ends = [start, *inner, stop]
    return [slice(*pair) for pair in itertools.pairwise(ends)]
