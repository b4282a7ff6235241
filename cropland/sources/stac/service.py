"""Sentinel-2 from STAC catalogues, which need no account: COGs read where they lie, or in a folder.

A granule is an item. It gives a row where its ``SCL`` has data at a place, and where there is no ``SCL``,
where any band has. A band whose asset is missing is no data, ``SCL`` then 255. Of an image that was processed
again, the newer product counts. Digital numbers are harmonised as `cropland.sources.stac.harmonisation`
says. Images of another UTM zone are brought onto a cube's grid by nearest neighbour.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from cropland.errors import ConfigError, DataError
from cropland.observations.bands import SCENE_CLASS
from cropland.sources.grid import box_of
from cropland.sources.service import NO_IMAGE, Finding, Gaps, NoImage, Seen, findings_of
from cropland.sources.stac.boxes import bounds_around
from cropland.sources.stac.harmonisation import claims_offset
from cropland.untrusted.addresses import Links

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox
    from pystac import Item

    from cropland.config.sources import Stac
    from cropland.sources.retries import Attempts
    from cropland.sources.stac.api import Api
    from cropland.sources.stac.boxes import Bounds
    from cropland.sources.stac.folder import Folder
    from cropland.sources.stac.items import SearchResult

_ENOUGH = 3
"""Images without a band, and none with it, from which on the catalogue is taken to lack it."""
_PROCESSED_AGAIN = (
    "some images were processed again since: the newer product counts where both saw a place"
)


class StacService:
    """A catalogue of Sentinel-2 L2A; the interface is `cropland.sources.service.Service`.

    Nothing is asked before the first method is called; `connect` asks at once.
    """

    def __init__(self, source: Stac, attempts: Attempts) -> None:
        from cropland.sources.stac.cogs import Cogs, Offsets
        from cropland.sources.stac.transport import RangeTransport

        self._source = source
        self._attempts = attempts
        chosen, seconds = source.chosen, source.timeout_seconds
        self._links = Links(chosen.url, source.hosts)
        transport = RangeTransport(attempts, seconds, self._links, chosen.sign, chosen.s3_endpoint)
        cogs = Cogs(transport)
        self._offsets = Offsets(cogs)
        self._catalogue_open: Api | Folder | None = None
        self._lock = threading.Lock()

    @classmethod
    def connect(cls, source: Stac, attempts: Attempts) -> Self:
        """Open the catalogue.

        Raises
        ------
        DataError
            It cannot be reached, refuses, or does not have the collection.
        """
        service = cls(source, attempts)
        service._catalogue()
        return service

    @property
    def client(self) -> str:
        """Names and versions of the client libraries."""
        return ", ".join(f"{name} {version(name)}" for name in ("pystac-client", "rasterio"))

    def points(
        self, lonlat: NDArray[np.float64], first: date, last: date, bands: Sequence[str]
    ) -> Seen:
        """Observe places, opening each COG once for all of them; see `Service.points`."""
        from cropland.sources.stac.products import newer_products
        from cropland.sources.stac.sampling import join_images, read_image, without_older

        near = self._images_near(bounds_around(lonlat), first, last)
        gaps = Gaps()
        read = [read_image(item, lonlat, bands, self._offsets, gaps) for item in near.items]
        images = without_older(read, newer_products(near.items))
        seen = join_images(images, bands)
        why = f"outside the swath of all {len(near.items)} images" if near.items else NO_IMAGE
        if near.excluded and not near.items:
            why = f"all {len(near.excluded)} images are excluded (source.leave_out)"
        unseen = {int(at): why for at in np.setdiff1d(np.arange(len(lonlat)), seen.place)}
        self._check_present(gaps, seen)
        notes = (*near.notes, *([_PROCESSED_AGAIN] if len(seen) < sum(map(len, read)) else []))
        return replace(seen, unseen=unseen, notes=notes, gaps=gaps)

    def _check_present(self, gaps: Gaps, seen: Seen) -> None:
        """Check that no band is missing in several images and in all that were read.

        Raises
        ------
        ConfigError
            One is.
        """
        from cropland.sources.stac.sampling import missing_value

        for band, images in sorted(gaps.missing.items()):
            values = seen.values[band]
            if (
                len(images) >= _ENOUGH
                and not ((values > 0) & (values != missing_value(band))).any()
            ):
                remedy = "" if band == SCENE_CLASS else "leave it out of source.bands, or "
                raise ConfigError(
                    f"none of {len(images)} images of {self._source.chosen.collection} has {band}; {remedy}"
                    f"use another source.catalog"
                )

    def cube(self, grid: GeoBox, first: date, last: date, bands: Sequence[str]) -> xr.Dataset:
        """Return the images of a grid, lazily; see `Service.cube`."""
        from cropland.sources.stac.cubes import cube_of

        box = box_of(grid)
        bounds = box.west, box.south, box.east, box.north
        items = self._images_near(bounds, first, last).items
        if not items:
            raise NoImage(
                f"no image of {box} from {first} to {last} in {self._source.chosen.url}, which has "
                f"{self._catalogue().extent}; choose other dates or another source.catalog"
            )
        return cube_of(items, grid, bands, self._offsets)

    def examine(self, lon: float, lat: float, first: date, last: date) -> Iterator[Finding]:
        """Check step by step what stands between a user and data, up to one place × one month."""
        place = np.array([[lon, lat]])
        images: list[Item] = []

        def find_images() -> str:
            images.extend(self._images_near(bounds_around(place), first, last).items)
            text = f"{len(images)} of {lon}, {lat} from {first} to {last}"
            if not images:
                raise DataError(f"{text}; choose other dates")
            return text

        steps: Mapping[str, Callable[[], str]] = {
            "catalogue": lambda: self._catalogue().title,
            "collection": lambda: self._catalogue().extent,
            "images": find_images,
            "bands": lambda: self._bands_of(images[0]),
            "numbers": lambda: self._numbers_of(images[0]),
            "observations": lambda: self._one_place(place, first, last),
        }
        return findings_of(steps)

    def _images_near(self, bounds: Bounds, first: date, last: date) -> SearchResult:
        """Return the images near some places, without the excluded ones."""
        result = self._catalogue().search(bounds, first, last, set(self._source.leave_out))
        excluded = (f"{name} is excluded (source.leave_out)" for name in result.excluded)
        return result._replace(notes=(*result.notes, *excluded))

    def _catalogue(self) -> Api | Folder:
        """Open the catalogue, once for all threads."""
        from cropland.sources.stac.catalogs import open_catalogue

        with self._lock:
            if self._catalogue_open is None:
                self._catalogue_open = open_catalogue(self._source, self._attempts, self._links)
            return self._catalogue_open

    def _bands_of(self, item: Item) -> str:
        from cropland.sources.stac.assets import href_of
        from cropland.sources.stac.products import check_product
        from cropland.sources.stac.sampling import errors_of_image

        bands = self._source.bands
        with errors_of_image(item.id):
            check_product(item, bands)
            lacking = [band for band in bands if href_of(item, band) is None]
        text = f"{item.id} has {len(bands) - len(lacking)} of {len(bands)}"
        if lacking:
            raise DataError(
                f"{text}, not {', '.join(lacking)}; its assets are {', '.join(item.assets)}; choose other "
                f"source.bands or another source.collection"
            )
        return text

    def _numbers_of(self, item: Item) -> str:
        from cropland.sources.stac.assets import suspects_of
        from cropland.sources.stac.sampling import errors_of_image

        with errors_of_image(item.id):
            offset = self._offsets(suspects_of(item))
        claim = "an offset" if claims_offset(item.id, item.properties) else "none"
        done = f"minus {offset}" if offset else "as they are"
        return f"{item.id} says that they carry {claim}; taken {done}"

    def _one_place(self, place: NDArray[np.float64], first: date, last: date) -> str:
        seen = self.points(place, first, last, self._source.bands)
        text = "; ".join(
            (
                f"{len(seen)} from {first} to {last}",
                *(*seen.notes, *seen.gaps.sentences(), *seen.unseen.values()),
            )
        )
        if not len(seen):
            raise DataError(f"{text}; ask for other days or places")
        return text
