"""Image cubes of STAC items: a block of a band of an image is read from one COG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import dask.array
import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from cropland.errors import DataError
from cropland.observations.band_values import MISSING_SCENE_CLASS
from cropland.observations.bands import NO_DATA, SCENE_CLASS
from cropland.sources.lazy_cube import lazy_cube
from cropland.sources.stac.assets import check_grid, href_of, suspects_of
from cropland.sources.stac.boxes import bounds_of, overlap
from cropland.sources.stac.harmonisation import harmonised, stored_numbers
from cropland.sources.stac.items import moment
from cropland.sources.stac.products import check_product, newer_products
from cropland.sources.stac.sampling import errors_of_image, missing_value
from cropland.sources.stac.transport import Missing

if TYPE_CHECKING:
    import xarray as xr
    from pystac import Item

    from cropland.sources.stac.cogs import Cogs, Offsets

BLOCK_PIXELS = 1024
"""Side of a block: one or two blocks of a COG."""
_TOLERANCE_PIXELS = 1e-6
"""Between zones GDAL would approximate to an eighth of a pixel."""
da: Any = dask.array  # which has no types


def cube_of(
    items: Sequence[Item], grid: GeoBox, bands: Sequence[str], offsets: Offsets
) -> xr.Dataset:
    """Return the images of a grid, lazy and harmonised; see `Service.cube`.

    Raises
    ------
    GivenUp
        An image says no processing baseline, or is no surface reflectance in digital numbers.
    """
    names = [item.id for item in items]
    times = np.array([moment(item).replace(tzinfo=None) for item in items], "datetime64[s]")
    images = [
        _image(item, bands, newer) for item, newer in zip(items, newer_products(items), strict=True)
    ]
    groups = [(band,) for band in bands]
    read = partial(_read, offsets.cogs, images)
    cube = lazy_cube(read, names, times, grid, groups, BLOCK_PIXELS)
    one = (1, 1, 1)
    steps = (delayed(_offset)(offsets, item.id, _suspects(item)) for item in items)
    offset = da.concatenate([da.from_delayed(step, one, np.int64) for step in steps])
    for band in set(bands) - {SCENE_CLASS}:
        cube[band].data = da.map_blocks(_harmonised, cube[band].data, offset, dtype=np.uint16)
    return cube


@dataclass(frozen=True)
class _Image:
    """Where the bands of an image are.

    Attributes
    ----------
    name : str
        Of its item.
    box : sequence of float, optional
        Of its item.
    hrefs : mapping of str to str, optional
        An address by band where it has one; of ``SCL`` too.
    newer : sequence of int
        Positions of newer products of the same image.
    """

    name: str
    box: Sequence[float] | None
    hrefs: Mapping[str, str | None]
    newer: Sequence[int]


def _image(item: Item, bands: Sequence[str], newer: Sequence[int]) -> _Image:
    with errors_of_image(item.id):
        check_product(item, bands)
        hrefs = {band: href_of(item, band) for band in (*bands, SCENE_CLASS)}
    return _Image(item.id, item.bbox, hrefs, newer)


def _read(
    cogs: Cogs, images: Sequence[_Image], at: int, grid: GeoBox, bands: Sequence[str]
) -> NDArray[np.uint16]:
    """Read a band as it is stored; no data where a newer product of the image has scene classes."""
    (band,) = bands
    values = _read_band(cogs, images[at], band, grid)
    for other in images[at].newer if values.any() else ():
        classes = _read_band(cogs, images[other], SCENE_CLASS, grid)
        values[(classes != NO_DATA) & (classes != MISSING_SCENE_CLASS)] = NO_DATA
    return values[np.newaxis]


def _read_band(cogs: Cogs, image: _Image, band: str, grid: GeoBox) -> NDArray[np.uint16]:
    """Read a band as it is stored; what is missing is no data, what fails is an error."""
    if not overlap(image.box, bounds_of(grid)):
        return np.zeros(grid.shape, np.uint16)
    with errors_of_image(image.name):
        href = image.hrefs[band]
        try:
            if href is not None:
                values, file_grid = cogs.open(href, lambda source: _warped(source, grid))
                check_grid(href, band, image.box, file_grid, values != 0)
                numbers = stored_numbers(band, values, href)
                return numbers.astype(np.uint16)
        except Missing:
            pass
        if band == SCENE_CLASS:
            _check_not_gone(cogs, image)
    return np.full(grid.shape, missing_value(band), np.uint16)


def _check_not_gone(cogs: Cogs, image: _Image) -> None:
    """Check that an image without scene classes has another file at least.

    Raises
    ------
    DataError
        It has none.
    """
    hrefs = [href for href in image.hrefs.values() if href is not None]
    for href in hrefs:
        with suppress(Missing):
            return cogs.open(href, lambda _: None)
    raise DataError(
        f"none of its files is there, such as {', '.join(hrefs[:1]) or 'one of a band'}"
    )


def _warped(source: Any, grid: GeoBox) -> tuple[NDArray[Any], GeoBox]:
    """Read the pixels of a grid, each that of the source that its centre falls in; with the source's grid."""
    height, width = grid.shape
    with WarpedVRT(
        source,
        crs=str(grid.crs),
        transform=grid.transform,
        height=height,
        width=width,
        resampling=Resampling.nearest,
        tolerance=_TOLERANCE_PIXELS,
        src_nodata=source.nodata or 0,
        nodata=0,
    ) as warped:
        values: NDArray[Any] = warped.read(1)
    return values, GeoBox.from_rio(source)


def _suspects(item: Item) -> tuple[str, ...] | None:
    with errors_of_image(item.id):
        return suspects_of(item)


def _offset(offsets: Offsets, granule: str, hrefs: tuple[str, ...] | None) -> NDArray[np.int64]:
    with errors_of_image(granule):
        return np.full((1, 1, 1), offsets(hrefs))


def _harmonised(values: NDArray[Any], offset: NDArray[np.int64]) -> NDArray[np.uint16]:
    return harmonised(values, int(offset.item()))
