"""Sentinel-2 from STAC catalogues, which need no account: COGs read where they lie, or in a folder.

A granule is an item. It gives a row where its ``SCL`` has data at a place, and where it has no ``SCL``, where any
band has. A band whose asset is missing is no data. Digital numbers are harmonised as
`cropland.sources.harmonisation` says. Images of another UTM zone are brought onto a cube's grid by nearest
neighbour.
"""

from __future__ import annotations

import threading
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from cropland.bands import SCENE_CLASS
from cropland.errors import DataError
from cropland.sources import harmonisation
from cropland.sources.service import Finding, Seen, Shape

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
    from cropland.sources.catalogs import Catalogue

SHAPE = Shape(points=5_000, cell_degrees=1.0, months=1)
CHUNK_PIXELS = 512
"""Side of a cube's dask chunks: that of a COG's blocks."""
_MARGIN_DEGREES = 0.01
"""An item's box may be rounded."""
_DAYS_PER_GRANULE, _BLOCK_MEGABYTES, _COG_MEGABYTES = 2.5, 1.5, 120.0


class StacService:
    """A catalogue of Sentinel-2 L2A; the interface is `cropland.sources.service.Service`.

    Nothing is asked before the first method is called; `connect` asks at once.
    """

    shape = SHAPE

    def __init__(self, source: Stac, attempts: Attempts) -> None:
        from cropland.sources.cogs import Cogs

        self._source = source
        self._attempts = attempts
        self._cogs = Cogs(attempts, source.timeout_seconds, sign=source.chosen.sign)
        self._opened: Catalogue | None = None
        self._lock = threading.Lock()
        self._offsets: dict[str, int] = {}

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
        """Observe places: one open of each COG for all of them; see `Service.points`."""
        items = self._catalogue().search(_bounds(lonlat), first, last)
        notes: list[str] = []
        images = [self._image(item, lonlat, bands, notes) for item in items]
        place, time, granule = (_joined([image[i] for image in images]) for i in range(3))
        order = np.lexsort((granule, time, place)) if len(place) else np.zeros(0, np.intp)
        columns = {
            band: _joined([image[3][band] for image in images])[order].astype(_dtype(band))
            for band in bands
        }
        swath = f"outside the swath of all {len(items)} images"
        why = swath if items else "no image in these dates"
        unseen = dict.fromkeys(sorted({*range(len(lonlat))} - {*place.tolist()}), why)
        return Seen(
            place=place[order].astype(np.int32),
            time=time[order].astype("datetime64[s]"),
            granule=granule[order].astype(np.str_),
            values=columns,
            unseen=unseen,
            notes=tuple(notes),
        )
