"""Sentinel-2 from STAC catalogues, which need no account: COGs read where they lie, or in a folder.

A granule is an item. It gives a row where its ``SCL`` has data at a place, and where there is no ``SCL``,
where any band has. A band whose asset is missing is no data. Digital numbers are harmonised as
`cropland.sources.stac.harmonisation` says. Images of another UTM zone are brought onto a cube's grid by
nearest neighbour.
"""

from __future__ import annotations

import threading
from importlib.metadata import version
from typing import TYPE_CHECKING, Self

import numpy as np

from cropland.errors import DataError
from cropland.service import Finding, Seen
from cropland.sources.stac.harmonisation import claims_offset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    import xarray as xr
    from numpy.typing import NDArray
    from pystac import Item

    from cropland.chunks import Chunk
    from cropland.config import Stac
    from cropland.countries import Box
    from cropland.sources.attempts import Attempts
    from cropland.sources.stac.catalogs import Catalogue

_MARGIN_DEGREES = 0.001
"""Added to the box of a search."""
_DAYS_PER_GRANULE = 2.5
_BLOCK_MEGABYTES, _COG_MEGABYTES = 1.5, 120.0
_MANY_GIGABYTES = 50


class StacService:
    """A catalogue of Sentinel-2 L2A; the interface is `cropland.service.Service`.

    Nothing is asked before the first method is called; `connect` asks at once.
    """

    def __init__(self, source: Stac, attempts: Attempts) -> None:
        from cropland.sources.stac.cogs import Cogs, Offsets
        from cropland.sources.stac.sampling import Sampling

        self._source = source
        self._attempts = attempts
        self._cogs = Cogs(attempts, source.timeout_seconds, sign=source.chosen.sign)
        self._offsets = Offsets(self._cogs)
        self._sampling = Sampling(self._cogs, self._offsets)
        self._opened: Catalogue | None = None
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
        """Names and versions of the libraries that speak with it."""
        return ", ".join(f"{name} {version(name)}" for name in ("pystac-client", "rasterio"))

    def points(
        self, lonlat: NDArray[np.float64], first: date, last: date, bands: Sequence[str]
    ) -> Seen:
        """Observe places, opening each COG once for all of them; see `Service.points`."""
        from cropland.sources.stac.sampling import joined

        items = self._catalogue().search(_bounds(lonlat), first, last)
        notes: list[str] = []
        images = [self._sampling.rows(item, lonlat, bands, notes) for item in items]
        rows = joined(images, bands)
        place, time, granule = (rows.pop(name) for name in ("place", "time", "granule"))
        why = (
            f"outside the swath of all {len(items)} images" if items else "no image in these dates"
        )
        unseen = {int(at): why for at in np.setdiff1d(np.arange(len(lonlat)), place)}
        return Seen(place, time, granule, rows, unseen, tuple(notes))

    def cube(self, box: Box, first: date, last: date, bands: Sequence[str]) -> xr.Dataset:
        """Give the images of a box, lazily; see `Service.cube`."""
        from cropland.sources.stac.cubes import cube_of

        catalogue = self._catalogue()
        items = catalogue.search((box.west, box.south, box.east, box.north), first, last)
        if not items:
            raise DataError(
                f"no image of {box} from {first} to {last} in {self._source.chosen.url}, which has "
                f"{catalogue.extent}; choose other dates or another source.catalog"
            )
        return cube_of(items, box, bands, self._cogs, self._offsets)

    def examine(self, lon: float, lat: float, first: date, last: date) -> Iterator[Finding]:
        """Check the catalogue, its collection, an image, its bands, its numbers, and the observations."""
        step = "catalogue"
        try:
            catalogue = self._catalogue()
            yield Finding(step, True, catalogue.title)
            step = "collection"
            yield Finding(step, True, catalogue.extent)
            step = "images"
            place = np.array([[lon, lat]])
            items = catalogue.search(_bounds(place), first, last)
            said = f"{len(items)} of {lon}, {lat} from {first} to {last}"
            yield Finding(step, bool(items), said if items else f"{said}; choose other dates")
            if not items:
                return
            step = "bands"
            yield self._bands_of(items[0])
            step = "numbers"
            yield self._numbers_of(items[0])
            step = "observations"
            seen = self.points(place, first, last, self._source.bands)
            said = "; ".join(
                (f"{len(seen)} of {len(items)} images", *seen.notes, *seen.unseen.values())
            )
            yield Finding(step, len(seen) > 0, said)
        except DataError as error:
            yield Finding(step, False, str(error))

    def _catalogue(self) -> Catalogue:
        """Open the catalogue, once for all threads."""
        from cropland.sources.stac.catalogs import opened

        with self._lock:
            if self._opened is None:
                self._opened = opened(
                    self._source.chosen, self._attempts, self._source.timeout_seconds
                )
            return self._opened

    def _bands_of(self, item: Item) -> Finding:
        from cropland.sources.stac.assets import href_of

        lacking = [band for band in self._source.bands if href_of(item, band) is None]
        said = (
            f"{item.id} has {len(self._source.bands) - len(lacking)} of {len(self._source.bands)}"
        )
        more = f", not {', '.join(lacking)}; its assets are {', '.join(item.assets)}"
        return Finding("bands", not lacking, said + (more if lacking else ""))

    def _numbers_of(self, item: Item) -> Finding:
        offset = self._sampling.offset(item)
        done = f"minus {offset}" if offset else "as they are"
        claim = (
            "says that they carry an offset"
            if claims_offset(item.id, item.properties)
            else ("says that they carry none")
        )
        return Finding("numbers", True, f"{item.id} {claim}; taken {done}")


def cost(chunks: Sequence[Chunk], bands: int) -> str:
    """Say what it takes to observe chunks of places, before anything is fetched: an estimate.

    Parameters
    ----------
    chunks : sequence of Chunk
        Places × days.
    bands : int
        How many bands are read.
    """
    opens = gigabytes = 0.0
    for chunk in chunks:
        cogs = bands * max(1.0, ((chunk.last - chunk.first).days + 1) / _DAYS_PER_GRANULE)
        opens += cogs
        gigabytes += cogs * min(len(chunk.places) * _BLOCK_MEGABYTES, _COG_MEGABYTES) / 1000
    said = (
        f"{len(chunks)} chunks, about {opens:,.0f} COGs to open and {gigabytes:,.1f} GB to read (estimated: "
        f"an image each {_DAYS_PER_GRANULE} days, {_BLOCK_MEGABYTES} MB a scattered point and band)"
    )
    if gigabytes > _MANY_GIGABYTES:
        said += "; for so many scattered points source=earthengine is faster"
    return said


def _bounds(lonlat: NDArray[np.float64]) -> tuple[float, float, float, float]:
    west, south = (lonlat.min(axis=0) - _MARGIN_DEGREES).tolist()
    east, north = (lonlat.max(axis=0) + _MARGIN_DEGREES).tolist()
    return west, south, east, north
