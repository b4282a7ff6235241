"""Image cubes of STAC items, read through odc-stac with the patience of `cropland.sources.stac.cogs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dask.array
import numpy as np
import odc.stac
import pystac
from dask.delayed import delayed
from numpy.typing import NDArray
from odc.loader import RioDriver
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from cropland.observations.bands import SCENE_CLASS
from cropland.sources.grid import box_of
from cropland.sources.stac.assets import href_of, suspects_of
from cropland.sources.stac.boxes import flat
from cropland.sources.stac.catalogs import moment
from cropland.sources.stac.harmonisation import harmonised
from cropland.sources.stac.sampling import only
from cropland.sources.stac.transport import Missing

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from cropland.config.countries import Box
    from cropland.sources.stac.cogs import Cogs, Offsets

CHUNK_PIXELS = 1024
"""Side of a chunk: one or two blocks of a COG."""
da: Any = dask.array  # which has no types
_ABSENT = "absent://asset"
"""In place of an address."""
_TOLERANCE_PIXELS = 1e-6
"""Between zones GDAL would approximate to an eighth of a pixel."""
_NOTHING = np.s_[0:0, 0:0]


def cube_of(
    items: Sequence[pystac.Item], grid: GeoBox, bands: Sequence[str], cogs: Cogs, offsets: Offsets
) -> xr.Dataset:
    """Put images on a grid, lazily and harmonised; see `Service.cube`.

    Raises
    ------
    GivenUp
        An image says no processing baseline.
    """
    box = box_of(grid)
    loaded = odc.stac.load(
        [_plain(item, box, bands) for item in items],
        bands=list(bands),
        geobox=grid,
        groupby="id",
        resampling="nearest",
        chunks={"time": 1, "y": CHUNK_PIXELS, "x": CHUNK_PIXELS},
        driver=PatientDriver(cogs, _granules(items, bands)),
    )
    one = (1, 1, 1)
    found = (delayed(_offset)(offsets, item.id, _suspects(item)) for item in items)
    steps = da.concatenate([da.from_delayed(each, one, np.int64) for each in found])
    for band in set(bands) - {SCENE_CLASS}:
        loaded[band].data = da.map_blocks(_harmonised, loaded[band].data, steps, dtype=np.uint16)
    times = np.array([moment(item).replace(tzinfo=None) for item in items], "datetime64[s]")
    return loaded.assign_coords(time=times, granule=("time", [item.id for item in items]))


def _granules(items: Sequence[pystac.Item], bands: Sequence[str]) -> dict[str, str]:
    """Tell which image an address belongs to."""
    return {href: item.id for item in items for band in bands if (href := href_of(item, band))}


def _suspects(item: pystac.Item) -> tuple[str, ...] | None:
    with only(item.id):
        return suspects_of(item)


def _offset(offsets: Offsets, granule: str, hrefs: tuple[str, ...] | None) -> NDArray[np.int64]:
    with only(granule):
        return np.full((1, 1, 1), offsets(hrefs))


def _harmonised(values: NDArray[Any], offset: NDArray[np.int64]) -> NDArray[np.uint16]:
    return harmonised(values, int(offset.item()))


def _plain(item: pystac.Item, box: Box, bands: Sequence[str]) -> pystac.Item:
    """Make an item whose assets bear the bands' names, each of them there."""
    bounds = item.bbox
    if bounds is None or flat(bounds)[0] > flat(bounds)[2]:  # across the antimeridian
        bounds = [box.west, box.south, box.east, box.north]
    west, south, east, north = flat(bounds)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    outline = {"type": "Polygon", "coordinates": [ring]}
    plain = pystac.Item(item.id, outline, bounds, moment(item), {})
    for band in bands:
        href = href_of(item, band) or _ABSENT
        kind = {"data_type": "uint8" if band == SCENE_CLASS else "uint16", "nodata": 0}
        asset = pystac.Asset(href, media_type=pystac.MediaType.COG, extra_fields=kind)
        plain.add_asset(band, asset)
    return plain


class PatientDriver(RioDriver):
    """Lets odc-stac read through `Cogs`; what is missing is no data, what fails is an error."""

    def __init__(self, cogs: Cogs, granules: Mapping[str, str]) -> None:
        super().__init__()
        self._cogs = cogs
        self._granules = granules

    def open(self, src: Any, ctx: Any) -> Any:  # noqa: ARG002
        """Give a reader of a source."""
        return _Reader(src.uri, self._cogs, self._granules.get(src.uri, src.uri))


class _Reader:
    def __init__(self, href: str, cogs: Cogs, granule: str) -> None:
        self._href, self._cogs, self._granule = href, cogs, granule

    def read(self, cfg: Any, dst_geobox: GeoBox, **_: Any) -> tuple[Any, NDArray[Any]]:
        """Read the pixels of a grid, each that of the source that its centre falls in."""

        def warped(source: Any) -> NDArray[Any]:
            height, width = dst_geobox.shape
            with WarpedVRT(
                source,
                crs=str(dst_geobox.crs),
                transform=dst_geobox.transform,
                height=height,
                width=width,
                resampling=Resampling.nearest,
                tolerance=_TOLERANCE_PIXELS,
                src_nodata=source.nodata or 0,
                nodata=0,
            ) as grid:
                values: NDArray[Any] = grid.read(1)
            return values

        if self._href == _ABSENT:
            return _NOTHING, np.empty((0, 0), cfg.dtype)
        try:
            with only(self._granule):
                values = self._cogs.open(self._href, warped)
        except Missing:
            return _NOTHING, np.empty((0, 0), cfg.dtype)
        return np.s_[0 : values.shape[0], 0 : values.shape[1]], values.astype(cfg.dtype)
