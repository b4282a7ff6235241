"""What the images of STAC items show at places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations.band_values import dtype_of
from cropland.observations.bands import SCENE_CLASS
from cropland.sources.retries import GivenUp
from cropland.sources.service import Seen, join_seen
from cropland.sources.stac.assets import href_of, suspects_of
from cropland.sources.stac.boxes import in_box
from cropland.sources.stac.catalogs import moment
from cropland.sources.stac.harmonisation import harmonised
from cropland.sources.stac.transport import Missing

if TYPE_CHECKING:
    from pystac import Item

    from cropland.sources.stac.cogs import Offsets


def read_image(
    item: Item,
    lonlat: NDArray[np.float64],
    bands: Sequence[str],
    offsets: Offsets,
    missing: Counter[str],
) -> Seen:
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
        values: dict[str, NDArray[Any]] = {}
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
    return Seen(places, np.full(len(places), time), np.full(len(places), item.id), values)


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


def join_images(images: Sequence[Seen], bands: Sequence[str]) -> Seen:
    """Join images, sorted by place, time and granule; none have the types of the bands."""
    nothing = Seen(
        np.zeros(0, np.int32),
        np.zeros(0, "datetime64[s]"),
        np.zeros(0, np.str_),
        {band: np.zeros(0, dtype_of(band)) for band in bands},
    )
    joined = join_seen((nothing, *images), {})
    order = np.lexsort((joined.granule, joined.time, joined.place))
    values = {band: column[order] for band, column in joined.values.items()}
    return Seen(joined.place[order], joined.time[order], joined.granule[order], values)
