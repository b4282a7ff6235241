"""Reading COGs over a network that fails: their pixels are there, or surely are not.

Only an answer of "not found" means that there are no data; a failure never does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError

from cropland.errors import DataError
from cropland.observations.baseline_offset import OFFSET, carries_offset
from cropland.sources.grid import pixels, read_pixels
from cropland.sources.stac import object_storage
from cropland.sources.stac.products import check_scale
from cropland.sources.stac.ranges import RangedFile
from cropland.sources.stac.responses import without_signature
from cropland.sources.stac.transport import Missing, RangeTransport
from cropland.untrusted.addresses import is_web, scheme_of
from cropland.untrusted.rasters import open_raster, open_stream

T = TypeVar("T")
SAMPLE_PIXELS = 512
"""Longest side of a decimated image."""
_CACHE_MB = 32
"""Blocks are read once."""
_REMEDY = "fetch or write it again"


class Cogs:
    """Reads COGs at addresses or paths; its methods may be called from several threads.

    Parameters
    ----------
    transport : RangeTransport
        What asks for files at addresses.
    """

    def __init__(self, transport: RangeTransport) -> None:
        self._transport = transport

    def at(
        self,
        href: str,
        lonlat: NDArray[np.float64],
        check: Callable[[GeoBox, NDArray[np.bool_]], None] = lambda *_: None,
    ) -> NDArray[Any]:
        """Read the pixels that places fall in, shape ``(place,)``; 0 outside and where there are no data.

        Parameters
        ----------
        href : str
            Where the COG is.
        lonlat : ndarray of float64, shape (place, 2)
            Degrees.
        check : callable
            Is given the grid of the COG, and which places are in it, before any is read.

        Raises
        ------
        Missing
            There is no such file.
        DataError
            It cannot be read.
        """

        def read(source: Any) -> NDArray[Any]:
            grid = GeoBox.from_rio(source)
            rows, columns, inside = pixels(grid, *lonlat.T)
            check(grid, inside)
            values = np.zeros(len(lonlat), source.dtypes[0])
            values[inside] = read_pixels(source, rows[inside], columns[inside])
            return _without_no_data(values, source.nodata)

        return self.open(href, read)

    def sample(self, href: str) -> NDArray[Any]:
        """Read a whole image, decimated; raises as `at` does."""

        def read(source: Any) -> NDArray[Any]:
            step = max(1.0, max(source.shape) / SAMPLE_PIXELS)
            shape = tuple(max(1, round(side / step)) for side in source.shape)
            return _without_no_data(source.read(1, out_shape=shape), source.nodata)

        return self.open(href, read, overviews=True)

    def open(self, href: str, read: Callable[[Any], T], *, overviews: bool = False) -> T:
        """Read something from an open dataset of one band with a place on Earth; raises as `at` does.

        What is read at a lower resolution needs its `overviews` checked.
        """

        def checked(source: Any) -> T:
            _check_dataset(source, without_signature(href))
            return read(source)

        if is_web(href) or scheme_of(href) == object_storage.SCHEME:
            return self._remotely(href, checked, overviews)
        return _locally(self._transport.links.file(href), checked, overviews)

    def _remotely(self, href: str, read: Callable[[Any], T], overviews: bool) -> T:
        file = RangedFile(self._transport, href)
        name = without_signature(href)
        try:
            with open_stream(
                file, name, _REMEDY, overviews=overviews, cache_mb=_CACHE_MB
            ) as source:
                if file.error is None:
                    values = read(source)
        except Exception as error:
            # Bytes that could not be fetched are the reason for whatever went wrong after them.
            if file.error is None and not isinstance(error, RasterioError):
                raise
            raise file.error or _unreadable(name, error) from error
        if file.error is not None:
            raise file.error
        return values


class Offsets:
    """Finds out which offset an image carries, each image once.

    Called with the addresses of the visible bands of an image that says that it carries it, or with None.
    """

    def __init__(self, cogs: Cogs) -> None:
        self.cogs = cogs
        self._found: dict[tuple[str, ...], int] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Offsets, (self.cogs,)

    def __call__(self, hrefs: tuple[str, ...] | None) -> int:
        """Return the offset; raises as `Cogs.at` does, but for bands that are missing."""
        if hrefs is None:
            return 0
        if hrefs not in self._found:
            self._found[hrefs] = OFFSET if carries_offset(self._samples(hrefs)) else 0
        return self._found[hrefs]

    def _samples(self, hrefs: tuple[str, ...]) -> Iterator[NDArray[Any]]:
        for href in hrefs:
            with suppress(Missing):
                yield self.cogs.sample(href)


def _locally(path: Path, read: Callable[[Any], T], overviews: bool) -> T:
    if not path.exists():
        raise Missing(path)
    try:
        with open_raster(
            path, _REMEDY, in_folder=True, overviews=overviews, cache_mb=_CACHE_MB
        ) as source:
            return read(source)
    except RasterioError as error:
        raise _unreadable(str(path), error) from error


def _unreadable(name: str, error: Exception) -> DataError:
    return DataError(f"{name} is not a readable raster ({error}); {_REMEDY}")


def _check_dataset(source: Any, name: str) -> None:
    """Check that an open dataset is one band of numbers with a place on Earth.

    Raises
    ------
    DataError
        It has several bands, is not georeferenced, holds complex numbers, or declares another scale.
    """
    if source.count != 1:
        raise DataError(f"{name} has {source.count} bands; expected one")
    if source.crs is None or source.transform.is_identity:
        lacks = "no CRS" if source.crs is None else "a CRS, but no place in it"
        raise DataError(f"{name} has {lacks}; expected a georeferenced image")
    if np.dtype(source.dtypes[0]).kind not in "uif":
        raise DataError(f"{name} holds {source.dtypes[0]}; expected digital numbers, uint16")
    check_scale(name, source.scales[0], source.offsets[0])


def _without_no_data(values: NDArray[Any], nodata: float | None) -> NDArray[Any]:
    """Return values with 0 where there are no data, as the file has it."""
    missing = np.isnan(values) if values.dtype.kind == "f" else values == 0
    return np.where(missing | (values == (nodata or 0)), values.dtype.type(0), values)
