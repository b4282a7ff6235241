"""What the images of STAC items show at places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.errors import CroplandError, DataError
from cropland.observations import band_values
from cropland.observations.bands import NO_DATA, SCENE_CLASS
from cropland.sources.retries import GivenUp, Stopped
from cropland.sources.service import Gaps, Seen, join_seen
from cropland.sources.stac.assets import check_grid, href_of, suspects_of
from cropland.sources.stac.boxes import in_box
from cropland.sources.stac.harmonisation import harmonised, stored_numbers
from cropland.sources.stac.items import moment
from cropland.sources.stac.products import check_product
from cropland.sources.stac.transport import Missing

if TYPE_CHECKING:
    from pystac import Item

    from cropland.sources.stac.cogs import Offsets


def read_image(
    item: Item,
    lonlat: NDArray[np.float64],
    bands: Sequence[str],
    offsets: Offsets,
    gaps: Gaps,
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
    gaps : Gaps
        Counts what is missing.

    Raises
    ------
    GivenUp
        It cannot be read, or none of its files is there; other images may be read.
    """
    with errors_of_image(item.id):
        check_product(item, bands)
        places = np.flatnonzero(in_box(item.bbox, lonlat)).astype(np.int32)
        classes = _read(item, SCENE_CLASS, lonlat[places], offsets, gaps)
        if classes is not None:
            places, classes = places[classes > 0], classes[classes > 0]
        columns = {
            band: classes
            if band == SCENE_CLASS
            else _read(item, band, lonlat[places], offsets, gaps, everywhere=classes is not None)
            for band in bands
        }
        if all(column is None for column in columns.values()):
            raise DataError(
                f"none of its files is there, such as {href_of(item, bands[0]) or 'one of ' + bands[0]}"
            )
        time = np.datetime64(moment(item).replace(tzinfo=None), "s")
    values = {
        band: np.full(len(places), missing_value(band), band_values.dtype_of(band))
        if column is None
        else column
        for band, column in columns.items()
    }
    if classes is None:
        measured = [column for band, column in values.items() if band != SCENE_CLASS]
        seen = np.any(measured, axis=0)
        places, values = places[seen], {band: column[seen] for band, column in values.items()}
    return Seen(places, np.full(len(places), time), np.full(len(places), item.id), values)


def missing_value(band: str) -> int:
    """Return what stands for a band that an image does not have: class 0 would say that it saw nothing."""
    return band_values.MISSING_SCENE_CLASS if band == SCENE_CLASS else NO_DATA


def _read(
    item: Item,
    band: str,
    lonlat: NDArray[np.float64],
    offsets: Offsets,
    gaps: Gaps,
    *,
    everywhere: bool = False,
) -> NDArray[np.unsignedinteger[Any]] | None:
    """Read a band at places, harmonised; None where the item has none, which is counted.

    If `everywhere`, the band's file has to contain all places: the scene classes have data there.
    """
    if len(lonlat) == 0:
        return np.zeros(0, band_values.dtype_of(band))
    href = href_of(item, band)
    if href is None:
        gaps.missing[band].add(item.id)
        return None
    check = partial(check_grid, href, band, item.bbox, everywhere=everywhere)
    try:
        values = offsets.cogs.at(href, lonlat, check)
    except Missing:
        gaps.missing[band].add(item.id)
        return None
    numbers = stored_numbers(band, values, href)
    if band == SCENE_CLASS:
        return numbers
    taken = harmonised(numbers, offsets(suspects_of(item)))
    gaps.fills[band] += int(np.count_nonzero(values) - np.count_nonzero(taken))
    return taken


@contextmanager
def errors_of_image(granule: str) -> Iterator[None]:
    """Raise what goes wrong with an image so that it stops nothing but the work that needs it.

    An image is somebody else's file, with which anything may be wrong.

    Raises
    ------
    GivenUp
        In place of any error but `Missing` and `Stopped`, which are none of the image.
    """
    try:
        yield
    except (Missing, Stopped):
        raise
    except Exception as error:
        kind = "" if isinstance(error, CroplandError) else f"{type(error).__name__}: "
        raise GivenUp(
            f"image {granule}: {kind}{error}; or exclude it with source.leave_out=[{granule}]"
        ) from error


def without_older(images: Sequence[Seen], newer: Sequence[Sequence[int]]) -> list[Seen]:
    """Return images without the rows of places that a newer product of the same image has too.

    Parameters
    ----------
    images : sequence of Seen
        What each product shows.
    newer : sequence of sequence of int
        Of each image the positions of its newer products.
    """
    kept = []
    for image, others in zip(images, newer, strict=True):
        there = np.concatenate([image.place[:0], *(images[other].place for other in others)])
        rows = ~np.isin(image.place, there)
        values = {band: column[rows] for band, column in image.values.items()}
        kept.append(Seen(image.place[rows], image.time[rows], image.granule[rows], values))
    return kept


def join_images(images: Sequence[Seen], bands: Sequence[str]) -> Seen:
    """Join images, sorted by place, time and granule; none have the types of the bands."""
    nothing = Seen(
        np.zeros(0, np.int32),
        np.zeros(0, "datetime64[s]"),
        np.zeros(0, np.str_),
        {band: np.zeros(0, band_values.dtype_of(band)) for band in bands},
    )
    joined = join_seen((nothing, *images), {})
    order = np.lexsort((joined.granule, joined.time, joined.place))
    values = {band: column[order] for band, column in joined.values.items()}
    return Seen(joined.place[order], joined.time[order], joined.granule[order], values)
