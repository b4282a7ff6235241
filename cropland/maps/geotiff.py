"""GeoTIFFs: layers written as Cloud-Optimised GeoTIFFs, whole or not at all, and rasters read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError
from rasterio.windows import Window

from cropland.errors import DataError
from cropland.support.writing import whole
from cropland.untrusted.rasters import open_raster

try:
    # Raised for a full disk or a broken block; it has no public name.
    from rasterio._err import CPLE_BaseError
except ImportError:
    CPLE_BaseError = RasterioError

if TYPE_CHECKING:
    from rasterio.io import DatasetWriter

    from cropland.maps.layers import Layer

    Block = tuple[int, int, NDArray[np.generic]]
    """First row, first column, values of shape (row, column)."""

RASTER_ERRORS = (RasterioError, CPLE_BaseError)
"""All that rasterio raises for a file."""
BLOCK = 512
"""Sides of the blocks that a file is stored in, in pixels."""
_CACHE_BYTES = 64 << 20
"""Of GDAL, which else takes a twentieth of the machine."""
_COG = {
    "driver": "COG",
    "blocksize": BLOCK,
    "compress": "DEFLATE",
    "predictor": "YES",
    "bigtiff": "IF_SAFER",
}
_PLAIN = {
    "driver": "GTiff",
    "tiled": True,
    "blockxsize": BLOCK,
    "blockysize": BLOCK,
    "compress": "ZSTD",
    "zstd_level": 1,
    "sparse_ok": True,
    "bigtiff": "IF_SAFER",
}


def write(
    path: Path, layer: Layer, grid: GeoBox, blocks: Iterable[Block], tags: Mapping[str, str]
) -> None:
    """Write a layer as a Cloud-Optimised GeoTIFF.

    The file's bytes follow from its pixels and tags; neither the order of blocks nor the time of day is in
    them. Memory is that of one block and some 100 MB, whatever the size.

    Parameters
    ----------
    path : Path
        The file; what stands there is replaced once the new one is whole.
    layer : Layer
        What the values are.
    grid : GeoBox
        Of the whole file.
    blocks : iterable of (int, int, ndarray of shape (row, column))
        First row and column in the grid and the values, in the layer's type; blocks do not overlap.
        Pixels in none of them have no data.
    tags : mapping of str to str
        Metadata of the file.

    Raises
    ------
    DataError
        A block does not fit, or the file cannot be written.
    """
    with _wording(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent)
    with scratch, rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES):
        plain, cog = Path(scratch.name) / "plain.tif", Path(scratch.name) / "cog.tif"
        with _wording(path):
            target = _open_for_blocks(plain, layer, grid)
        with target:
            for row, column, values in blocks:
                _check(layer, grid, row, column, values)
                with _wording(path):
                    target.write(values, 1, window=Window(column, row, *values.shape[::-1]))
        with _wording(path):
            _finish(plain, layer, tags)
            rasterio.shutil.copy(plain, cog, **_COG)
            _compare(plain, cog)
            with whole(path) as partial:
                cog.replace(partial)


def read_reduced(path: Path, longest: int) -> tuple[np.ma.MaskedArray, GeoBox]:
    """Read a layer no larger than it is to be drawn: its overviews, or every second, fourth, … pixel.

    Parameters
    ----------
    path : Path
        A file of `write`, or any raster; of its bands the first is read.
    longest : int
        The most rows or columns to return.

    Returns
    -------
    values : masked array, shape (row, column)
        Masked where there is no data.
    grid : GeoBox
        Of these values.

    Raises
    ------
    DataError
        It cannot be read, or does not say where on earth it lies.
    """
    try:
        with open_raster(path, "write it again", overviews=True) as source:
            factor = 1
            while -(-max(source.shape) // factor) > longest:
                factor *= 2
            height, width = (-(-side // factor) for side in source.shape)
            values = source.read(1, out_shape=(height, width), masked=True)
            crs, (a, b, left, d, e, top) = source.crs, tuple(source.transform)[:6]
            across, down = source.width / width, source.height / height
    except RASTER_ERRORS as error:
        raise DataError(f"expected a raster in {path}: {error}; write it again") from error
    if crs is None:
        raise DataError(
            f"expected {path} to name its CRS, it has none; give it one, or write it again"
        )
    corner = rasterio.Affine(a * across, b * down, left, d * across, e * down, top)
    return values, GeoBox((height, width), corner, crs.to_wkt())


@contextmanager
def _wording(path: Path) -> Iterator[None]:
    """Name the file that could not be written; not around the making of blocks, which may fail otherwise."""
    try:
        yield
    except (OSError, *RASTER_ERRORS) as error:
        raise DataError(
            f"cannot write {path}: {error}; choose a folder that can be written, with room"
        ) from error


def _open_for_blocks(plain: Path, layer: Layer, grid: GeoBox) -> DatasetWriter:
    """Open a file for blocks; tiles that none of them touches take no room, and read as no data."""
    height, width = grid.shape
    shape = {"height": height, "width": width, "count": 1, "dtype": layer.dtype}
    place = {"crs": str(grid.crs), "transform": grid.affine, "nodata": layer.nodata}
    return rasterio.open(plain, "w", **shape, **place, **_PLAIN)


def _check(layer: Layer, grid: GeoBox, row: int, column: int, values: NDArray[np.generic]) -> None:
    ends = np.add((row, column), values.shape) if values.ndim == 2 else np.inf
    inside = min(row, column) >= 0 and np.all(ends <= np.array(grid.shape))
    if not inside or values.dtype != layer.dtype:
        raise DataError(
            f"expected blocks of {layer.dtype} inside of {grid.shape[0]} x {grid.shape[1]} pixels for layer "
            f"{layer.name}, got {values.dtype} of shape {values.shape} at row {row}, column {column}; "
            f"make blocks by the map's own grid and layer"
        )


def _finish(plain: Path, layer: Layer, tags: Mapping[str, str]) -> None:
    """Add overviews, colours and metadata."""
    with rasterio.open(plain, "r+") as target:
        # The last is the first that fits into one block.
        levels = [2**n for n in range(1, 32) if max(target.shape) > BLOCK * 2 ** (n - 1)]
        if levels:
            target.build_overviews(levels, layer.resampling)
    # After the overviews: where there is a colour table, GDAL averages colours and not values.
    with rasterio.open(plain, "r+") as target:
        if layer.colours is not None:
            target.write_colormap(1, layer.colours)
        target.set_band_description(1, layer.description)
        target.set_band_unit(1, layer.unit)
        target.update_tags(**dict(sorted(tags.items())))


def _compare(plain: Path, whole: Path) -> None:
    """Compare the pixels of both files: GDAL does not say so where there was no room for the last ones."""
    with rasterio.open(plain) as source, rasterio.open(whole) as copied:
        if source.checksum(1) != copied.checksum(1):
            raise OSError("pixels were lost")
