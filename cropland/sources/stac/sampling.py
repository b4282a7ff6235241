"""What the images of STAC items show at places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cropland.bands import SCENE_CLASS
from cropland.sources.stac.assets import href_of, suspects_of
from cropland.sources.stac.catalogs import moment
from cropland.sources.stac.harmonisation import harmonised
from cropland.sources.stac.ranges import Missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pystac import Item

    from cropland.sources.stac.cogs import Cogs, Offsets

Columns = dict[str, "NDArray[Any]"]
"""By name, each of shape ``(row,)``."""
_MARGIN_DEGREES = 0.001
"""Added to the boxes of items, which may be rounded."""


class Sampling:
    """Reads images at places, opening each COG once for all of them."""

    def __init__(self, cogs: Cogs, offsets: Offsets) -> None:
        self._cogs = cogs
        self._offsets = offsets

    def rows(
        self, item: Item, lonlat: NDArray[np.float64], bands: Sequence[str], notes: list[str]
    ) -> Columns:
        """Give the rows of an image: columns ``place``, ``time``, ``granule`` and the bands.

        Parameters
        ----------
        item : Item
            The image.
        lonlat : ndarray of float64, shape (place, 2)
            Degrees.
        bands : sequence of str
            Bands to read.
        notes : list of str
            Takes up what should be known of it.

        Raises
        ------
        DataError
            It cannot be read.
        """
        places = np.flatnonzero(_inside(item, lonlat)).astype(np.int32)
        classes = self._read(item, SCENE_CLASS, lonlat[places], notes)
        if classes is not None:
            places, classes = places[classes > 0], classes[classes > 0]
        values: Columns = {}
        for band in bands:
            read = classes if band == SCENE_CLASS else self._read(item, band, lonlat[places], notes)
            values[band] = _column(band, np.zeros(len(places)) if read is None else read)
        if classes is None:
            seen = np.any([*values.values()], axis=0)
            places, values = places[seen], {band: column[seen] for band, column in values.items()}
        time = np.datetime64(moment(item).replace(tzinfo=None), "s")
        return {
            "place": places,
            "time": np.full(len(places), time),
            "granule": np.full(len(places), item.id),
            **values,
        }

    def _read(
        self, item: Item, band: str, lonlat: NDArray[np.float64], notes: list[str]
    ) -> NDArray[Any] | None:
        """Read a band at places, harmonised; None, and a note, where the item has none."""
        if len(lonlat) == 0:
            return np.zeros(0, np.uint16)
        try:
            href = href_of(item, band)
            if href is not None:
                values = self._cogs.at(href, lonlat)
                return values if band == SCENE_CLASS else harmonised(values, self.offset(item))
        except Missing:
            pass
        notes.append(f"{item.id} has no {band}")
        return None

    def offset(self, item: Item) -> int:
        """Give the offset that the numbers of an image carry."""
        return self._offsets(suspects_of(item))


def joined(images: Sequence[Columns], bands: Sequence[str]) -> Columns:
    """Join the rows of images, sorted by place, time and granule."""
    nothing: Columns = {
        "place": np.zeros(0, np.int32),
        "time": np.zeros(0, "datetime64[s]"),
        "granule": np.zeros(0, np.str_),
        **{band: _column(band, np.zeros(0)) for band in bands},
    }
    rows = {
        name: np.concatenate([empty, *(each[name] for each in images)])
        for name, empty in nothing.items()
    }
    order = np.lexsort((rows["granule"], rows["time"], rows["place"]))
    return {name: column[order] for name, column in rows.items()}


def _column(band: str, values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.uint8 if band == SCENE_CLASS else np.uint16)


def _inside(item: Item, lonlat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which places lie in the box of an item."""
    if item.bbox is None:
        return np.ones(len(lonlat), np.bool_)
    low, high = np.array(item.bbox[:2]), np.array(item.bbox[len(item.bbox) // 2 :][:2])
    beside = (lonlat < low - _MARGIN_DEGREES) | (lonlat > high + _MARGIN_DEGREES)
    return np.asarray(~beside.any(axis=1))
