"""Google Earth Engine as a service: Sentinel-2 surface reflectance, harmonised and read out there.

Points come by ``computeFeatures``: each image is read at each place of a chunk, so that one request gives all
bands of all images. Cubes come by ``computePixels``, all bands of a tile at once.
"""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import dask.array as da
import ee
import numpy as np
import xarray as xr
from dask.base import tokenize
from odc.geo.xr import xr_coords

from cropland.bands import NO_DATA
from cropland.errors import CroplandError, DataError
from cropland.service import Finding, Seen
from cropland.sources.attempts import Attempts, GivenUp, TooLarge
from cropland.sources.earthengine import graphs
from cropland.sources.earthengine.connection import CLIENT, RESTRICTED, Connection
from cropland.sources.earthengine.refusals import StalePage
from cropland.sources.grid import grid_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from cropland.config import EarthEngine
    from cropland.countries import Box

PAGE_ROWS = 5000
"""The most that a page may have."""
TILE_PIXELS = 1000
"""Edge of a tile: 26 MB with 13 bands, where 48 MB are allowed."""
_SMALLEST_TILE = 8
_STARTS = 3
_REASONS = 10
"""Of so many places of a chunk that have no row is it asked why, a request each."""
_CONNECTING = threading.Lock()


class EarthEngineService:
    """Earth Engine, made by `connect`; without a connection, for `examine` alone."""

    def __init__(self, source: EarthEngine, attempts: Attempts) -> None:
        self._source = source
        self._connection = Connection(source, attempts)
        self._patience = (
            attempts.workers,
            attempts.tries,
            attempts.first_seconds,
            attempts.most_seconds,
        )

    @classmethod
    def connect(cls, source: EarthEngine, attempts: Attempts) -> EarthEngineService:
        """Sign in and learn what the service can do: three requests.

        Raises
        ------
        ConfigError
            No project, or an endpoint that is none.
        DataError
            No credentials, or the service refuses or cannot be reached.
        """
        service = cls(source, attempts)
        service._connection.check_project()
        service._connection.sign_in()
        service._connection.initialize()
        return service

    def __reduce__(self) -> tuple[Any, ...]:
        # Dask sends it to other processes, each of which connects once.
        return _connected_here, (self._source, self._patience)

    @property
    def client(self) -> str:
        """Name and version of the library that speaks with it."""
        return CLIENT

    def points(
        self, lonlat: NDArray[np.float64], first: date, last: date, bands: Sequence[str]
    ) -> Seen:
        """Observe places, see `cropland.service.Service`."""
        places = np.round(lonlat, 7).tolist()
        images = self._images(ee.Geometry.MultiPoint(places), first, last)
        what = f"reading {len(places)} places from {first} to {last}"
        rows = self._features(graphs.observed(images, places, bands), what)
        missing = sorted(set(range(len(places))).difference(row["p"] for row in rows))
        unseen = dict.fromkeys(missing, "no observation")
        unseen |= {place: self._reason(places[place], first, last) for place in missing[:_REASONS]}
        return graphs.rows_as_seen(rows, bands, unseen, self._connection.news())

    def cube(self, box: Box, first: date, last: date, bands: Sequence[str]) -> xr.Dataset:
        """Give the images of a box, lazily, see `cropland.service.Service`.

        A granule's tile is one request, made for all bands when any of them is computed; compute what
        belongs together at once.
        """
        outline = ee.Geometry.BBox(box.west, box.south, box.east, box.north)
        images = self._images(outline, first, last)
        found = self._features(graphs.listed(images), f"listing images from {first} to {last}")
        if not found:
            raise DataError(
                f"{self._source.collection} has no image of {box} from {first} to {last}; ask for other days"
            )
        grid = grid_of(box)
        names = [row["i"] for row in found]
        blocks = self._blocks(names, grid, bands)
        marks = {"grid_mapping": "spatial_ref", "nodata": NO_DATA}
        return xr.Dataset(
            {
                band: (("time", "y", "x"), blocks[:, n].astype(graphs.type_of(band)), marks)
                for n, band in enumerate(bands)
            },
            {**xr_coords(grid), "time": graphs.times(found), "granule": ("time", np.array(names))},
        )

    def examine(self, lon: float, lat: float, first: date, last: date) -> Iterator[Finding]:
        """Check step by step what stands between a user and data, up to one place × one month."""
        steps: Mapping[str, Callable[[], str]] = {
            "credentials": self._connection.sign_in,
            "project": self._connection.check_project,
            "API": self._connection.initialize,
            "collection": lambda: self._first_image([lon, lat], first, last),
            "quota": self._quota,
            "observations": lambda: self._one_place(lon, lat, first, last),
        }
        for step, look in steps.items():
            try:
                said = look()
            except (CroplandError, TooLarge) as error:
                yield Finding(step, False, str(error))
                return
            yield Finding(step, True, said)

    def _first_image(self, place: list[float], first: date, last: date) -> str:
        images = self._images(ee.Geometry.Point(place), first, last)
        found = self._features(graphs.listed(images), f"listing images from {first} to {last}")
        if not found:
            raise DataError(
                f"{self._source.collection} has no image of {place} from {first} to {last}; ask for other "
                f"days or places"
            )
        return f"{self._source.collection} has {len(found)} images, the first is {found[0]['i']}"

    def _quota(self) -> str:
        if self._connection.restricted:
            return RESTRICTED.format(project=self._source.project)
        return "not used up, as far as Earth Engine says"

    def _one_place(self, lon: float, lat: float, first: date, last: date) -> str:
        begun = time.monotonic()
        seen = self.points(np.array([[lon, lat]]), first, last, self._source.bands)
        if not len(seen):
            raise DataError(f"none of {lon}, {lat}: {seen.unseen[0]}; ask for other days or places")
        return f"{len(seen)} from {first} to {last} in {time.monotonic() - begun:.1f} s"

    def _images(self, where: ee.Geometry, first: date, last: date) -> ee.ImageCollection:
        end = last + timedelta(days=1)  # not itself included by Earth Engine
        collection = ee.ImageCollection(self._source.collection)
        days = collection.filterDate(first.isoformat(), end.isoformat())
        images: ee.ImageCollection = days.filterBounds(where)
        return images

    def _reason(self, place: list[float], first: date, last: date) -> str:
        """Tell why a place has no row."""
        images = self._images(ee.Geometry.Point(place), first, last)
        count = self._connection.ask(
            f"counting images of {place}", lambda: ee.data.computeValue(images.size())
        )
        return f"outside the swath of all {count} images" if count else "no image in these dates"

    def _features(self, graph: ee.FeatureCollection, what: str) -> list[graphs.Row]:
        """Read all pages, sorted; where the service forgets how they go on, anew from the first."""
        for start in range(1, _STARTS + 1):
            try:
                return graphs.distinct(self._paged(graph, what))
            except StalePage as error:
                if start == _STARTS:
                    said = f"{what} failed {start} times, at last with: {error}"
                    raise GivenUp(f"{said}; give the same command again later") from error
        raise AssertionError

    def _paged(self, graph: ee.FeatureCollection, what: str) -> Iterator[graphs.Row]:
        asked = {"expression": graph, "pageSize": PAGE_ROWS}
        while True:
            page = self._connection.ask(what, lambda: ee.data.computeFeatures(asked))
            yield from (feature["properties"] for feature in page.get("features", ()))
            if not page.get("nextPageToken"):
                return
            asked["pageToken"] = page["nextPageToken"]

    def _blocks(self, names: Sequence[str], grid: GeoBox, bands: Sequence[str]) -> da.Array:
        """Give the pixels of images, dims (image, band, y, x); a block is one request."""
        shape = (len(names), len(bands), *grid.shape)
        chunks = da.empty(shape, chunks=(1, -1, TILE_PIXELS, TILE_PIXELS)).chunks

        def read(block_id: tuple[int, int, int, int]) -> NDArray[np.uint16]:
            image, _, row, column = block_id
            tile = grid[_within(row, grid.shape[0]), _within(column, grid.shape[1])]
            return self._pixels(names[image], tile, bands)[np.newaxis]

        what = (self._source.endpoint, self._source.collection, names, str(grid), bands)
        pixels: da.Array = da.map_blocks(  # type: ignore[no-untyped-call]
            read,
            chunks=chunks,
            dtype=np.uint16,
            meta=np.empty((0, 0, 0, 0), np.uint16),
            name=f"earthengine-{tokenize(*what)}",
        )
        return pixels

    def _pixels(self, name: str, tile: GeoBox, bands: Sequence[str]) -> NDArray[np.uint16]:
        """Read a tile of an image, dims (band, y, x), each pixel the nearest native one."""
        image = ee.Image(f"{self._source.collection}/{name}").select(list(bands))
        asked = {
            "expression": image.unmask(NO_DATA, False).toUint16(),
            "fileFormat": "NUMPY_NDARRAY",
            "grid": graphs.grid(tile),
        }
        try:
            pixels = self._connection.ask(
                f"reading image {name}", lambda: ee.data.computePixels(asked)
            )
        except TooLarge as error:
            half = tile.shape[0] // 2
            if half < _SMALLEST_TILE:
                raise DataError(f"Earth Engine refuses even a small tile: {error}") from error
            parts = (tile[:half, :], tile[half:, :])
            return np.concatenate([self._pixels(name, part, bands) for part in parts], axis=1)
        return np.stack([pixels[band] for band in bands])


def _connected_here(source: EarthEngine, patience: tuple[Any, ...]) -> EarthEngineService:
    with _CONNECTING:
        return _connected(source, patience)


@cache
def _connected(source: EarthEngine, patience: tuple[Any, ...]) -> EarthEngineService:
    return EarthEngineService.connect(source, Attempts(*patience))


def _within(number: int, size: int) -> slice:
    """Give the pixels of a tile along an axis."""
    return slice(number * TILE_PIXELS, min((number + 1) * TILE_PIXELS, size))
