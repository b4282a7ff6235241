"""What Earth Engine is asked to compute, graphs that are built here and evaluated there; and its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ee
import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations import band_values
from cropland.observations.bands import NO_DATA, SCENE_CLASS
from cropland.sources.service import Gaps, Seen

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

Row = dict[str, Any]
"""The properties of a feature: ``p`` place, ``t`` milliseconds of the overpass, ``i`` image, and bands."""

_POINT_METRES = 10
_DARKEST = 1
_BRIGHTEST_REFLECTANCE, _ENOUGH = 2.0, 10
"""Reflectance is never above it, where the darkest became 1; digital numbers are, in one of so many."""


def image_rows(images: ee.ImageCollection) -> ee.FeatureCollection:
    """Return the graph of the name ``i`` and the time ``t`` of each image."""
    asked: ee.FeatureCollection = ee.FeatureCollection(
        images.map(lambda image: ee.Feature(None, _about(image)))
    )
    return asked


def observation_rows(
    images: ee.ImageCollection, places: Sequence[list[float]], bands: Sequence[str]
) -> ee.FeatureCollection:
    """Return the graph of a row of each place and image that saw it.

    Parameters
    ----------
    images : ImageCollection
        Of the days and near the places.
    places : sequence of [lon, lat]
        Their positions here become ``p``.
    bands : sequence of str
        ``SCL`` among them.
    """
    located = ee.FeatureCollection(
        [ee.Feature(ee.Geometry.Point(place), {"p": number}) for number, place in enumerate(places)]
    )

    def seen_by(image: ee.Image) -> ee.FeatureCollection:
        # Masked pixels become 0 first: a band that is masked must neither be missing from a row nor
        # take the row away, which reducers and filters would each have their own rules for.
        read = unmasked(image, bands)
        # The image's own grid is named, so that it does not matter whether what was unmasked keeps it.
        projection = image.select([bands[0]]).projection()
        rows = read.reduceRegions(located, ee.Reducer.first(), scale=_POINT_METRES, crs=projection)
        seen = rows.filter(ee.Filter.gt(SCENE_CLASS, NO_DATA))
        kept = ["p", *bands]
        about_each: ee.FeatureCollection = seen.map(
            lambda row: ee.Feature(None, row.toDictionary(kept)).set(_about(image))
        )
        return about_each

    asked: ee.FeatureCollection = ee.FeatureCollection(images.map(seen_by)).flatten()
    return asked


def unmasked(image: ee.Image, bands: Sequence[str]) -> ee.Image:
    """Return bands of an image, none of their pixels masked: 0 is no data, and nothing else is 0."""
    # The collection may have dark pixels of 0 that are valid. They become 1 while the mask still
    # separates them from no data. Of two images with as many bands each, the first gives the names.
    least = ee.Image.constant([NO_DATA if band == SCENE_CLASS else _DARKEST for band in bands])
    pixels: ee.Image = image.select(list(bands)).max(least).unmask(NO_DATA, False)
    return pixels


def image_counts(images: ee.ImageCollection, places: Sequence[list[float]]) -> ee.List:
    """Return the graph of the number of images near each place."""
    sizes: ee.List = ee.List(places).map(
        lambda place: images.filterBounds(ee.Geometry.Point(ee.List(place))).size()
    )
    return sizes


def grid(tile: GeoBox) -> dict[str, Any]:
    """Write a grid as Earth Engine reads it."""
    height, width = tile.shape
    affine = tile.affine
    return {
        "dimensions": {"width": int(width), "height": int(height)},
        "affineTransform": {
            "scaleX": affine.a,
            "shearX": affine.b,
            "translateX": affine.c,
            "shearY": affine.d,
            "scaleY": affine.e,
            "translateY": affine.f,
        },
        "crsCode": str(tile.crs),
    }


def _about(image: ee.Image) -> dict[str, ee.ComputedObject]:
    return {"t": image.get("system:time_start"), "i": image.get("system:index")}


def distinct_rows(rows: Iterator[Row]) -> list[Row]:
    """Return rows, one that came twice, on two pages, once.

    Raises
    ------
    DataError
        It was not the same both times.
    """
    by_place: dict[tuple[int, str], Row] = {}
    for row in rows:
        before = by_place.setdefault((row.get("p", 0), row["i"]), row)
        if before is not row and before != row:
            raise DataError(
                f"Earth Engine gave different values of image {row['i']} for the same place; run the "
                "same command again"
            )
    return list(by_place.values())


def places_without_rows(rows: Sequence[Row], number: int) -> list[int]:
    """Return which of so many places have no row.

    Raises
    ------
    ValueError
        A row is of none of them.
    """
    places, seen = set(range(number)), {row["p"] for row in rows}
    if not seen <= places:
        raise ValueError("a row of a place that was not asked for")
    return sorted(places - seen)


def rows_as_seen(
    rows: Sequence[Row], bands: Sequence[str], unseen: Mapping[int, str], notes: tuple[str, ...]
) -> Seen:
    """Convert rows into arrays, with what else a user should know of them.

    Raises
    ------
    DataError
        They cannot be digital numbers, or no scene classes.
    ValueError
        They are no numbers.
    """
    values = {band: _column(rows, band) for band in bands}
    check_unit(values)
    fills = {band: band_values.without_fill(band, column)[1] for band, column in values.items()}
    return Seen(
        place=np.array([row["p"] for row in rows], np.int32),
        time=times(rows),
        granule=np.array([row["i"] for row in rows], np.str_),
        values={band: digital_numbers(band, column) for band, column in values.items()},
        unseen=unseen,
        notes=notes,
        gaps=Gaps(fills=Counter(fills)),
    )


def _column(rows: Sequence[Row], band: str) -> NDArray[Any]:
    """Return a band of rows; where it is missing it has no data."""
    values = [row.get(band) for row in rows]
    column = np.array([NO_DATA if value is None else value for value in values])
    if column.ndim != 1 or column.dtype.kind not in "iuf":
        raise ValueError(f"values of {band} that are no numbers")
    return column


def check_unit(values: Mapping[str, NDArray[Any]]) -> None:
    """Check that what came of bands, each of any shape, can be digital numbers.

    Raises
    ------
    DataError
        All are as small as reflectance.
    """
    measured = {band: column for band, column in values.items() if band != SCENE_CLASS}
    n_data = max((np.count_nonzero(column) for column in measured.values()), default=0)
    highest = max((column.max(initial=0) for column in measured.values()), default=0)
    if n_data >= _ENOUGH and highest <= _BRIGHTEST_REFLECTANCE:
        raise DataError(
            f"Earth Engine gave values up to {highest:g} for all of {', '.join(measured)}, as reflectance "
            f"has them; expected digital numbers (reflectance × 10,000): correct source.collection, as in "
            f"source.collection=COPERNICUS/S2_SR_HARMONIZED"
        )


def digital_numbers(band: str, values: NDArray[Any]) -> NDArray[np.unsignedinteger[Any]]:
    """Convert what came of a band to its type, 0 where it can be no data.

    Raises
    ------
    DataError
        Scene classes that there are not.
    """
    possible, expected = band_values.possible(band, values)
    if not possible.all():
        raise DataError(
            f"Earth Engine gave values from {values.min():g} to {values.max():g} for {band}; expected "
            f"{expected}: correct source.collection"
        )
    return band_values.without_fill(band, values)[0].astype(band_values.dtype_of(band))


def times(rows: Sequence[Row]) -> NDArray[np.datetime64]:
    """Return the moments of rows, in whole seconds."""
    milliseconds = np.array([row["t"] for row in rows], np.int64)
    return milliseconds.astype("datetime64[ms]").astype("datetime64[s]")
