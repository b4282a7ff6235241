"""A sample of a cube's pixels, read before any work: whether its numbers can be what a model expects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations import band_values, baseline_offset
from cropland.observations.bands import SCENE_CLASS, UNCLEAR_CLASSES
from cropland.observations.baseline_offset import CHANCE, FIRST_DAY

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from cropland.sources.cubes.cube import Cube

_MOST_PARTS, _GRIDS_FOR_A_PART, _SIDE = 3, 6, 32
"""How many parts are read at most, one for so many grids, and their sides in pixels."""
_NEAR_INFRARED = ("B7", "B8", "B8A")
_DIM, _DARK = 1_000, 255
"""No land is darker than these in the near infrared, in all images or in one."""
_MOST_EMPTY = 0.9
"""Share of an image's clear pixels without data from which on that is remarked on."""
_REMEDY = "set source.remove_offset=true, which subtracts it, or write the cube harmonised"


def check(
    cube: Cube, grids: Sequence[GeoBox], first: date, last: date, bands: Sequence[str]
) -> tuple[str, ...]:
    """Read some pixels of all images; return notes on what is there twice or unusual.

    Parameters
    ----------
    cube : Cube
        What is read; with `Cube.remove_offset` it must carry an offset.
    grids : sequence of GeoBox
        Parts of its grid that are to be read later.
    first, last : date
        Days of the images, both included.
    bands : sequence of str
        What is to be read.

    Raises
    ------
    DataError
        A band has values that it cannot have, or an offset is to be removed that is not there.
    """
    sample = _sample(cube, grids, first, last, bands)
    on_images = (f"{cube.path}: {note}" for note in cube.reader.notes)
    if not sample.values:
        return (*on_images,)  # of scene classes alone
    return (
        *on_images,
        *(f"{cube.path} {note}" for note in _notes_on_units(sample)),
        *_notes_on_offset(cube, sample.times, sample.values),
    )


@dataclass(frozen=True, eq=False)
class _Sample:
    """Some pixels of all images.

    Attributes
    ----------
    times : ndarray of datetime64, shape (image,)
        Their moments.
    names : list of str
        Their names.
    values : dict of str to ndarray of float32, shape (image, pixel)
        Digital numbers by band, as stored: with their offset.
    classes : ndarray of uint8, shape (image, pixel), optional
        Scene classes, where there are any.
    """

    times: NDArray[np.datetime64]
    names: list[str]
    values: dict[str, NDArray[np.float32]]
    classes: NDArray[np.uint8] | None


def _sample(
    cube: Cube, grids: Sequence[GeoBox], first: date, last: date, bands: Sequence[str]
) -> _Sample:
    """Read some pixels in the middle of some grids."""
    with_offset = replace(cube, remove_offset=False)
    # Few of few: where a chunk is a whole image, a part costs as much as a tile.
    n_parts = min(_MOST_PARTS, max(1, len(grids) // _GRIDS_FOR_A_PART))
    chosen = grids[len(grids) // (2 * n_parts) :: len(grids) // n_parts]
    parts = [with_offset.part(_middle(grid), first, last, bands) for grid in chosen]
    images = len(parts[0]["time"])
    values = {
        band: np.concatenate(
            [np.nan_to_num(part[band].to_numpy()).reshape(images, -1) for part in parts], axis=1
        )
        for band in bands
    }
    classes = values.pop(SCENE_CLASS, None)
    return _Sample(
        times=parts[0]["time"].to_numpy(),
        names=parts[0]["granule"].to_numpy().tolist(),
        values={band: numbers.astype(np.float32) for band, numbers in values.items()},
        classes=classes,
    )


def _notes_on_units(sample: _Sample) -> Iterator[str]:
    """Yield what is unusual about the size of numbers, in all images or in some."""
    if doubt := band_values.unusual_unit(sample.values):
        yield doubt
        return
    data = {
        band: numbers[numbers > 0] for band, numbers in sample.values.items() if (numbers > 0).any()
    }
    if set(_NEAR_INFRARED) & set(data) and all(
        np.quantile(numbers, 0.99) <= _DIM for numbers in data.values()
    ):
        yield (
            f"has hardly a value above {_DIM:,} in any band; digital numbers are reflectance × 10,000: check "
            f"that these are not reflectance × 1,000"
        )
        return
    brightest = np.max([numbers.max(axis=1) for numbers in sample.values.values()], axis=0)
    if names := _named(sample, (brightest > 0) & (brightest <= _DARK)):
        yield (
            f"has no value above {_DARK} in any band of the image {names}, other images have; check that "
            f"these have the same unit"
        )
    if sample.classes is None:
        return
    clear = ~np.isin(sample.classes, (*UNCLEAR_CLASSES, band_values.MISSING_SCENE_CLASS))
    empty = clear & (np.max(list(sample.values.values()), axis=0) == 0)
    if names := _named(sample, empty.sum(axis=1) > _MOST_EMPTY * np.maximum(clear.sum(axis=1), 1)):
        yield (
            f"has clear scene classes but no data in any band in the image {names}; check whether "
            f"reflectance was written as whole numbers"
        )


def _named(sample: _Sample, unusual: NDArray[np.bool_]) -> str:
    """Return the first of some images and how many follow; nothing where there is none."""
    numbers = np.flatnonzero(unusual)
    if not len(numbers):
        return ""
    more = f" and {len(numbers) - 1} more" if len(numbers) > 1 else ""
    return f"{sample.names[numbers[0]]}{more} of {len(sample.names)}"


def _middle(grid: GeoBox) -> GeoBox:
    """Return some pixels in the middle of a grid."""
    starts = [max(0, (side - _SIDE) // 2) for side in grid.shape]
    rows, columns = (
        slice(start, min(start + _SIDE, side))
        for start, side in zip(starts, grid.shape, strict=True)
    )
    return grid[rows, columns]


def _notes_on_offset(
    cube: Cube, times: NDArray[np.datetime64], values: dict[str, NDArray[np.float32]]
) -> Iterator[str]:
    """Yield what is to be said of the offset of processing baseline 04.00."""
    later = times >= FIRST_DAY
    if cube.remove_offset and not later.any():
        yield f"source.remove_offset=true takes nothing off: {cube.path} has no image from {FIRST_DAY} on"
    pixels = next(iter(values.values())).shape[1]
    steps = baseline_offset.steps_of_points(
        np.tile(np.arange(pixels), len(times)),
        np.repeat(times, pixels),
        {band: numbers.ravel() for band, numbers in values.items()},
    )
    before, after = (
        {band: numbers[images] for band, numbers in values.items()} for images in (~later, later)
    )
    share = float(steps.mean()) if len(steps) else 0.0
    bright = baseline_offset.may_carry_offset(after)
    all_alike = not later.any() or (bright and share <= CHANCE)
    if doubt := baseline_offset.doubt(
        before, "in all images" if all_alike else f"before {FIRST_DAY}"
    ):
        yield f"{cube.path} {doubt}"
    if doubt and all_alike and not cube.remove_offset:
        return  # to take it off later images alone would be wrong
    if later.any():
        compared = f"in {share:.0%} of the pixels checked" if len(steps) else None
        yield from _notes_on_later_images(
            cube, share > CHANCE or (bright and not len(steps)), bright, compared
        )


def _notes_on_later_images(
    cube: Cube, carry: bool, bright: bool, compared: str | None
) -> Iterator[str]:
    """Yield notes on images from `FIRST_DAY` on; `compared` says with what, None where there is nothing."""
    if cube.remove_offset and not carry:
        cause = (
            "they are no higher than those before"
            if bright
            else "many of their values are below it"
        )
        raise DataError(
            f"source.remove_offset=true, but the images of {cube.path} from {FIRST_DAY} on carry no offset "
            f"of 1000: {cause}; leave source.remove_offset out"
        )
    if cube.remove_offset:
        yield f"1000 is taken off the images from {FIRST_DAY} on (source.remove_offset=true)"
    elif carry and compared is not None:
        yield (
            f"{cube.path}: from {FIRST_DAY} on every band is about 1000 higher {compared}: these images "
            f"carry the offset of processing baseline 04.00; {_REMEDY}"
        )
    elif carry:
        yield (
            f"{cube.path}: hardly a value of the images from {FIRST_DAY} on is below 1000, and there are "
            f"none from before to compare: they may carry the offset of processing baseline 04.00; if they "
            f"do, {_REMEDY}"
        )
