"""Google Earth Engine as a service: Sentinel-2 surface reflectance, harmonised and read out there.

Points come by ``computeFeatures``: each image is read at each place of a chunk, so that one request gives all
bands of all images. Cubes come by ``computePixels``, all bands of a tile at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

import ee
import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.sources.earthengine import graphs
from cropland.sources.earthengine.connection import CLIENT, Connection
from cropland.sources.earthengine.cubes import TileReader, cube_of
from cropland.sources.earthengine.refusals import StalePage, readable_answers
from cropland.sources.grid import box_of
from cropland.sources.retries import GivenUp
from cropland.sources.service import NO_IMAGE, Finding, NoImage, Seen, findings_of

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from cropland.config.sources import EarthEngine
    from cropland.sources.retries import Attempts

PAGE_ROWS = 5000
"""The most that a page may have."""
MOST_PAGES = 1_000
_STARTS = 3


class EarthEngineService:
    """Earth Engine, made by `connect`; without a connection, for `examine` alone."""

    def __init__(self, source: EarthEngine, attempts: Attempts) -> None:
        self._source = source
        self._connection = Connection(source, attempts)

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
        service._connection.open()
        return service

    @property
    def client(self) -> str:
        """Name and version of the client library."""
        return CLIENT

    def points(
        self, lonlat: NDArray[np.float64], first: date, last: date, bands: Sequence[str]
    ) -> Seen:
        """Observe places, see `cropland.sources.service.Service`."""
        places = np.round(lonlat, 7).tolist()
        images = self._images(ee.Geometry.MultiPoint(places), first, last)
        what = f"reading {len(places)} places from {first} to {last}"
        rows = self._features(graphs.observation_rows(images, places, bands), what)
        with readable_answers():
            missing = graphs.places_without_rows(rows, len(places))
        counts = self._image_counts([places[place] for place in missing], first, last)
        with readable_answers():
            reasons = [f"outside the swath of all {n} images" if n else NO_IMAGE for n in counts]
            unseen = dict(zip(missing, reasons, strict=True))
            return graphs.rows_as_seen(rows, bands, unseen, self._connection.news())

    def cube(self, grid: GeoBox, first: date, last: date, bands: Sequence[str]) -> xr.Dataset:
        """Return the images of a grid, lazily, see `cropland.sources.service.Service`.

        A granule's tile is one request, made for all bands when any of them is computed; compute what
        belongs together at once.
        """
        box = box_of(grid)
        outline = ee.Geometry.BBox(box.west, box.south, box.east, box.north)
        images = self._images(outline, first, last)
        rows = self._listed(images, first, last)
        if not rows:
            raise NoImage(
                f"{self._source.collection} has no image of {box} from {first} to {last}; ask for other days"
            )
        return cube_of(rows, grid, TileReader(self._source, self._connection, bands))

    def examine(self, lon: float, lat: float, first: date, last: date) -> Iterator[Finding]:
        """Check step by step what stands between a user and data, up to one place × one month."""
        steps: Mapping[str, Callable[[], str]] = {
            "credentials": self._connection.sign_in,
            "project": self._connection.check_project,
            "API": self._connection.initialize,
            "collection": lambda: self._first_image([lon, lat], first, last),
            "quota": lambda: (
                self._connection.restriction or "not used up, as far as Earth Engine says"
            ),
            "observations": lambda: self._one_place(lon, lat, first, last),
        }
        return findings_of(steps)

    def _first_image(self, place: list[float], first: date, last: date) -> str:
        images = self._images(ee.Geometry.Point(place), first, last)
        rows = self._listed(images, first, last)
        if not rows:
            raise DataError(
                f"{self._source.collection} has no image of {place} from {first} to {last}; ask for other "
                f"days or places"
            )
        return f"{self._source.collection} has {len(rows)} images, the first is {rows[0]['i']}"

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

    def _image_counts(self, places: Sequence[list[float]], first: date, last: date) -> Any:
        """Return how many images each of some places has, in one request for all."""
        if not places:
            return []
        images = self._images(ee.Geometry.MultiPoint(places), first, last)
        sizes = graphs.image_counts(images, places)
        return self._connection.ask(
            f"counting images of {len(places)} places", lambda: ee.data.computeValue(sizes)
        )

    def _listed(self, images: ee.ImageCollection, first: date, last: date) -> list[graphs.Row]:
        """Return the names and times of images, in the order of these."""
        rows = self._features(graphs.image_rows(images), f"listing images from {first} to {last}")
        with readable_answers():
            graphs.times(rows)
            return sorted(rows, key=lambda row: (row["t"], row["i"]))

    def _features(self, graph: ee.FeatureCollection, what: str) -> list[graphs.Row]:
        """Read all pages; where the service forgets how they go on, again from the first."""
        for start in range(1, _STARTS + 1):
            try:
                pages = list(self._pages(graph, what))
                with readable_answers():
                    # A page alone cannot repeat what another one gave.
                    return pages[0] if len(pages) == 1 else graphs.distinct_rows(chain(*pages))
            except StalePage as error:
                if start == _STARTS:
                    text = f"{what} failed {start} times, at last with: {error}"
                    raise GivenUp(f"{text}; run the same command again later") from error
        raise AssertionError

    def _pages(self, graph: ee.FeatureCollection, what: str) -> Iterator[list[graphs.Row]]:
        asked = {"expression": graph, "pageSize": PAGE_ROWS}
        for _ in range(MOST_PAGES):
            page = self._connection.ask(what, lambda: ee.data.computeFeatures(asked))
            with readable_answers():
                rows = [dict(feature["properties"]) for feature in page.get("features", ())]
                token = page.get("nextPageToken")
            yield rows
            if not token:
                return
            asked["pageToken"] = token
        raise DataError(
            f"{what} does not end after {MOST_PAGES} pages; ask for fewer days or points"
        )
