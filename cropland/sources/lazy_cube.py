"""Image cubes as lazy arrays: every source reads blocks of images, here they become one dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dask.array
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.xr import xr_coords

from cropland.observations.band_values import dtype_of
from cropland.observations.bands import NO_DATA

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

Read = Callable[[int, "GeoBox", Sequence[str]], NDArray[np.uint16]]
"""Position of an image, a part of the grid and bands → digital numbers, shape ``(band, y, x)``."""
da: Any = dask.array  # which has no types


def lazy_cube(
    read: Read,
    granules: Sequence[str] | NDArray[np.str_],
    times: NDArray[np.datetime64],
    grid: GeoBox,
    groups: Sequence[Sequence[str]],
    side: int,
) -> xr.Dataset:
    """Return the images of a grid as `cropland.sources.service.Service.cube` describes them.

    Parameters
    ----------
    read : callable
        Reads a block of an image; Dask sends it to other processes.
    granules : sequence or array of str
        Names of the images, in the order of the time steps.
    times : ndarray of datetime64[s], shape (image,)
        Their moments, UTC.
    grid : GeoBox
        Pixels of the cube.
    groups : sequence of sequence of str
        Bands, those together that one call of `read` gives at the price of one.
    side : int
        Rows and columns of a block, pixels.
    """
    marks = {"grid_mapping": "spatial_ref", "nodata": NO_DATA}
    variables = {
        band: (("time", "y", "x"), array, marks)
        for group in groups
        for band, array in _arrays(read, len(granules), grid, tuple(group), side).items()
    }
    coordinates = {
        **xr_coords(grid),
        "time": times,
        "granule": ("time", np.array(granules, np.str_)),
    }
    return xr.Dataset(variables, coordinates)


def _arrays(
    read: Read, images: int, grid: GeoBox, bands: tuple[str, ...], side: int
) -> dict[str, Any]:
    """Return an array for each band, shape ``(time, y, x)``; they share the reading of a block."""
    shape = (images, len(bands), *grid.shape)
    chunks = da.empty(shape, chunks=(1, -1, side, side)).chunks

    def block(block_info: dict[None, dict[str, Any]]) -> NDArray[np.uint16]:
        (image, _), _, (top, bottom), (left, right) = block_info[None]["array-location"]
        return read(image, grid[top:bottom, left:right], bands)[np.newaxis]

    stack = da.map_blocks(
        block,
        chunks=chunks,
        dtype=np.uint16,
        meta=np.empty((0, 0, 0, 0), np.uint16),
        name=f"cube-{uuid4().hex}",
    )
    return {
        band: da.map_blocks(
            _layer,
            stack,
            number=number,
            stored=dtype_of(band),
            dtype=dtype_of(band),
            drop_axis=1,
            chunks=(chunks[0], *chunks[2:]),
        )
        for number, band in enumerate(bands)
    }


def _layer(stack: NDArray[np.uint16], number: int, stored: np.dtype[Any]) -> NDArray[Any]:
    return stack[:, number].astype(stored, copy=False)
