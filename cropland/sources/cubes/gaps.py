"""Chunks of a band that a cube has lost: Zarr and sparse GeoTIFFs read them as no data and say nothing."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cropland.observations.band_values import MISSING_SCENE_CLASS
from cropland.observations.bands import NO_DATA, SCENE_CLASS

_COVERED = 0.5
"""Share of a chunk that other bands must cover: at the edge of a swath some bands end before others."""


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
