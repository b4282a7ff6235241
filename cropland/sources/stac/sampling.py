"""What the images of STAC items show at places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations.band_values import dtype_of
from cropland.observations.bands import SCENE_CLASS
from cropland.sources.retries import GivenUp
from cropland.sources.stac.assets import href_of, suspects_of
from cropland.sources.stac.boxes import in_box
from cropland.sources.stac.catalogs import moment
from cropland.sources.stac.harmonisation import harmonised
from cropland.sources.stac.transport import Missing

if TYPE_CHECKING:
    from pystac import Item

    from cropland.sources.stac.cogs import Offsets

Columns = dict[str, "NDArray[Any]"]
"""By name, each of shape ``(row,)``."""


@dataclass(frozen=True, eq=False)
class Image:
    """What an image shows at places.

    Attributes
    ----------
    granule : str
        Its name.
    time : datetime64[s]
        Moment of the overpass, UTC.
    place : ndarray of int32, shape (row,)
        Positions of the places that it saw.
    values : mapping of str to ndarray, shape (row,)
        By band.
    """

    granule: str
    time: np.datetime64
    place: NDArray[np.int32]
    values: Columns


def read_image(
    item: Item,
    lonlat: NDArray[np.float64],
    bands: Sequence[str],
    offsets: Offsets,
    missing: Counter[str],
) -> Image:
    """Read an image at places, opening each COG once for all of them.

    Parameters
    ----------
    item : Item
        The image.
    lonlat : ndarray of float64, shape (place, 2)
        Degrees.
    bands : sequence of str
        Bands to read.
    offsets : Offsets
        Has the COGs, and knows the offset that an image carries.
    missing : Counter of str
        Counts the images that do not have a band.

    Raises
    ------
    GivenUp
        It cannot be read; other images may be.
    """
    places = np.flatnonzero(in_box(item.bbox, lonlat)).astype(np.int32)
    with errors_of_image(item.id):
        classes = _read(item, SCENE_CLASS, lonlat[places], offsets, missing)
        if classes is not None:
            places, classes = places[classes > 0], classes[classes > 0]
        values: Columns = {}
        for band in bands:
            read = classes
            if band != SCENE_CLASS:
                read = _read(item, band, lonlat[places], offsets, missing)
            column = np.zeros(len(places)) if read is None else read
            values[band] = column.astype(dtype_of(band))
    if classes is None:
        seen = np.any([*values.values()], axis=0)
        places, values = places[seen], {band: column[seen] for band, column in values.items()}
    time = np.datetime64(moment(item).replace(tzinfo=None), "s")
    return Image(item.id, time, places, values)


def _read(
    item: Item, band: str, lonlat: NDArray[np.float64], offsets: Offsets, missing: Counter[str]
) -> NDArray[Any] | None:
    """Read a band at places, harmonised; None where the item has none, which is counted."""
    if len(lonlat) == 0:
        return np.zeros(0, np.uint16)
    try:
        href = href_of(item, band)
        if href is not None:
            values = offsets.cogs.at(href, lonlat)
            return values if band == SCENE_CLASS else harmonised(values, offsets(suspects_of(item)))
    except Missing:
        pass
    missing[band] += 1
    return None


@contextmanager
def errors_of_image(granule: str) -> Iterator[None]:
    """Raise what goes wrong with an image so that it stops nothing but the work that needs it.

    Raises
    ------
    GivenUp
        In place of any `DataError`.
    """
    try:
        yield
    except DataError as error:
        raise GivenUp(
            f"image {granule}: {error}; or exclude it with source.leave_out=[{granule}]"
        ) from error


def join_images(images: Sequence[Image], bands: Sequence[str]) -> Columns:
    """Join images: columns ``place``, ``time``, ``granule`` and the bands, sorted by the first three."""
    images = sorted(images, key=lambda image: (image.time, image.granule))
    lengths = [len(image.place) for image in images]
    place = np.concatenate([np.zeros(0, np.int32), *(image.place for image in images)])
    order = np.argsort(place, kind="stable")
    rows: Columns = {"place": place[order]}
    number = np.repeat(np.arange(len(images)), lengths)[order]
    rows["time"] = np.array([image.time for image in images], "datetime64[s]")[number]
    rows["granule"] = np.array([image.granule for image in images], np.str_)[number]
    for band in bands:
        columns = (image.values[band] for image in images)
        rows[band] = np.concatenate([np.zeros(0, dtype_of(band)), *columns])[order]
    return rows
