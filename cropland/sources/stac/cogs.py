"""Reading COGs over a network that fails: their pixels are there, or surely are not.

Only an answer of "not found" means that there are no data; a failure never does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError

from cropland.errors import DataError
from cropland.observations.baseline_offset import OFFSET, carries_offset
from cropland.sources.grid import pixels, read_pixels
from cropland.sources.stac.ranges import RangedFile
from cropland.sources.stac.responses import without_signature
from cropland.sources.stac.transport import Missing, RangeTransport

if TYPE_CHECKING:
    from cropland.sources.retries import Attempts

T = TypeVar("T")
SAMPLE_PIXELS = 512
"""Longest side of a decimated image."""
_OPTIONS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_CACHEMAX": 32 << 20}
"""Nothing lies beside a COG, and its blocks are read once."""


class Cogs:
    """Reads COGs at addresses or paths; its methods may be called from several threads.

    Parameters
    ----------
    attempts : Attempts
        How patiently.
    timeout_seconds : float
        How long an answer may take, to its last byte.
    sign : bool
        Links are signed by Planetary Computer's service before each request, as signatures expire.
    """

    def __init__(self, attempts: Attempts, timeout_seconds: float, *, sign: bool = False) -> None:
        self._transport = RangeTransport(attempts, timeout_seconds, sign=sign)

    def at(self, href: str, lonlat: NDArray[np.float64]) -> NDArray[Any]:
        """Read the pixels that places fall in, shape ``(place,)``; 0 outside and where there are no data.

        Raises
        ------
        Missing
            There is no such file.
        DataError
            It cannot be read.
        """

        def read(source: Any) -> NDArray[Any]:
            rows, columns, inside = pixels(GeoBox.from_rio(source), *lonlat.T)
            values = np.zeros(len(lonlat), source.dtypes[0])
            values[inside] = read_pixels(source, rows[inside], columns[inside])
            return np.where(values == (source.nodata or 0), 0, values)

        return self.open(href, read)

    def sample(self, href: str) -> NDArray[Any]:
        """Read a whole image, decimated; raises as `at` does."""

        def read(source: Any) -> NDArray[Any]:
            step = max(1.0, max(source.shape) / SAMPLE_PIXELS)
            shape = tuple(max(1, round(side / step)) for side in source.shape)
            values: NDArray[Any] = source.read(1, out_shape=shape)
            return np.where(values == (source.nodata or 0), 0, values)

        return self.open(href, read)

    def open(self, href: str, read: Callable[[Any], T]) -> T:
        """Read something from an open dataset; raises as `at` does."""
        remote = urlsplit(href).scheme in ("http", "https")
        return self._remotely(href, read) if remote else _locally(href, read)

    def _remotely(self, href: str, read: Callable[[Any], T]) -> T:
        file = RangedFile(self._transport, href)
        # GDAL knows the file by a name of its own: several threads may read at one address.
        name = f"{uuid4().hex}.tif"

        def opener(path: Any, *_: Any, **__: Any) -> RangedFile:
            if not str(path).endswith(name):
                raise FileNotFoundError(path)
            return file

        try:
            with (
                rasterio.Env(**_OPTIONS),
                rasterio.open(name, opener=opener, sharing=False) as source,
            ):
                if file.error is None:
                    values = read(source)
        except RasterioError as error:
            raise file.error or DataError(
                f"{without_signature(href)} is no raster that can be read: {error}"
            ) from error
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


def _locally(href: str, read: Callable[[Any], T]) -> T:
    if "://" not in href and not Path(href).exists():
        raise Missing(href)
    try:
        with rasterio.Env(**_OPTIONS), rasterio.open(href, sharing=False) as source:
            return read(source)
    except RasterioError as error:
        raise DataError(
            f"{without_signature(href)} cannot be read ({error}); fetch or write it again"
        ) from error
