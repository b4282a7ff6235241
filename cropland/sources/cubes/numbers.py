"""The numbers of a cube, image by image, by the rules of `observations.band_values`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations import band_values
from cropland.observations.band_values import MISSING_SCENE_CLASS
from cropland.observations.bands import NO_DATA, SCENE_CLASS, SCENE_CLASSES

_EXPECTED = "expected digital numbers (reflectance × 10,000)"


def zero_no_data(band: str, stored: NDArray[Any], no_data: float | None) -> NDArray[Any]:
    """Return values with 0 where there is no data; of ``SCL`` 255, since its 0 is a class."""
    if no_data is None or no_data == 0 or np.isnan(no_data):  # NaN is seen later, in any cube
        return stored
    missing = stored == no_data
    if not missing.any():
        return stored
    if band == SCENE_CLASS:
        return np.where(missing, np.uint8(MISSING_SCENE_CLASS), stored)
    return np.where(missing, stored.dtype.type(NO_DATA), stored)


def digital_numbers(
    band: str, stored: NDArray[Any], where: str, names: Sequence[str], scale: float = 1.0
) -> tuple[NDArray[Any], int]:
    """Return the numbers of a band by the rules of `observations.band_values`, and how many are fill values.

    Parameters
    ----------
    band : str
        A Sentinel-2 band or ``SCL``.
    stored : ndarray, shape (image, y, x)
        As stored, no data 0 or NaN.
    where : str
        Whose they are, for the error.
    names : sequence of str, shape (image,)
        Names of the images.
    scale : float
        What makes digital numbers of a band: 10,000 for reflectance.

    Returns
    -------
    ndarray, shape (image, y, x)
        uint16, or float32 where a band has fractions; ``SCL`` uint8, 255 where it is missing.
    int
        How many values became no data, as they are below 0 or above 32,766.

    Raises
    ------
    DataError
        A band cannot have such values, or an image is of reflectance.
    """
    if band == SCENE_CLASS:
        return _scene_classes(stored, where), 0
    scaled = stored if scale == 1 else _scaled(band, stored, where, names, scale)
    numbers, n_fill_values = band_values.without_fill(band, scaled)
    lacking = np.isnan(numbers) if numbers.dtype.kind == "f" else None
    filled = numbers if lacking is None else np.where(lacking, numbers.dtype.type(NO_DATA), numbers)
    if lacking is not None and not np.isfinite(filled).all():
        raise DataError(f"{where} has infinite values for {band}; {_EXPECTED}: write it again")
    whole = lacking is None or bool((filled == np.floor(filled)).all())
    if not whole:
        _check_unit(band, filled, where, names)
    kind = band_values.dtype_of(band) if whole else np.float32
    return (filled if whole else numbers).astype(kind, copy=False), n_fill_values


def _scene_classes(stored: NDArray[Any], where: str) -> NDArray[np.uint8]:
    """Return scene classes, 255 where there is none."""
    classes = (
        np.where(np.isnan(stored), MISSING_SCENE_CLASS, stored)
        if stored.dtype.kind == "f"
        else stored
    )
    known = classes
    if classes.max(initial=0) >= MISSING_SCENE_CLASS:
        known = classes[classes != MISSING_SCENE_CLASS]
    low, high = known.min(initial=0), known.max(initial=0)
    whole = known.dtype.kind != "f" or (known == np.floor(known)).all()
    if low < 0 or high > max(SCENE_CLASSES) or not whole:
        raise DataError(
            f"{where} has values from {low:g} to {high:g} for {SCENE_CLASS}; expected scene classes from "
            f"0 to {max(SCENE_CLASSES)}, or {MISSING_SCENE_CLASS} where there is none: write it again"
        )
    return classes.astype(np.uint8, copy=False)


def _scaled(
    band: str, stored: NDArray[Any], where: str, names: Sequence[str], scale: float
) -> NDArray[np.float32]:
    """Return values times a scale; an image that is too bright then was in another unit."""
    scaled = (stored * np.float64(scale)).round(1).astype(np.float32)
    for name, image, before in zip(names, scaled, stored, strict=True):
        data = image[image > NO_DATA]
        if len(data) and np.median(data) > band_values.HIGHEST:
            low, high = before[before > NO_DATA].min(), before.max()
            raise DataError(
                f"{where} has values from {low:g} to {high:g} for {band} in the image {name}; times "
                f"source.scale={scale:g} these are no digital numbers (reflectance × 10,000): leave "
                f"source.scale out, or write all images in one unit"
            )
    return scaled


def _check_unit(band: str, filled: NDArray[Any], where: str, names: Sequence[str]) -> None:
    """Check that no image is of reflectance; each by itself, as one may be stored in another way."""
    reflectance = band_values.reflectance_images(filled)
    if not reflectance.any():
        return
    observed = (filled != NO_DATA).any(axis=tuple(range(1, filled.ndim)))
    number = int(np.flatnonzero(reflectance)[0])
    remedy = "or set source.scale=10000"
    if reflectance.sum() < observed.sum():
        more = f" and {reflectance.sum() - 1} more" if reflectance.sum() > 1 else ""
        where = f"{where} (in the image {names[number]}{more} of {len(names)})"
        remedy = "in these images, so that all have one unit"
    raise band_values.wrong_unit(where, band, filled[reflectance], remedy)
