"""A sample of a cube's pixels, read before any work: whether its numbers can be what a model expects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations import band_values, baseline_offset
from cropland.observations.bands import SCENE_CLASS
from cropland.observations.baseline_offset import FIRST_DAY

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from cropland.sources.cubes.cube import Cube

_MOST_PARTS, _GRIDS_FOR_A_PART, _SIDE = 3, 6, 32
"""How many parts are read at most, one for so many grids, and their sides in pixels."""
_FEW = 0.05
"""Share of pixels with a step of 1000 that may be chance."""
_VISIBLE = ("B2", "B3", "B4")
_REMEDY = "set source.remove_offset=true, which subtracts it, or write the cube harmonised"


def check(
    cube: Cube, grids: Sequence[GeoBox], first: date, last: date, bands: Sequence[str]
) -> tuple[str, ...]:
    """Read some pixels of all images; return notes on what is unusual, or cannot be told.

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
    times, values = _sample(cube, grids, first, last, bands)
    doubt = band_values.unusual_unit(values)
    notes = (f"{cube.path} {doubt}",) if doubt else ()
    return (*notes, *_notes_on_offset(cube, times, values))


def _sample(
    cube: Cube, grids: Sequence[GeoBox], first: date, last: date, bands: Sequence[str]
) -> tuple[NDArray[np.datetime64], dict[str, NDArray[np.float32]]]:
    """Return the times of all images and, by band, values of shape (image, pixel), with their offset."""
    with_offset = replace(cube, remove_offset=False)
    # Few of few: where a chunk is a whole image, a part costs as much as a tile.
    n_parts = min(_MOST_PARTS, max(1, len(grids) // _GRIDS_FOR_A_PART))
    chosen = grids[len(grids) // (2 * n_parts) :: len(grids) // n_parts]
    parts = [with_offset.part(_middle(grid), first, last, bands) for grid in chosen]
    times = parts[0]["time"].to_numpy()
    values = {
        band: np.concatenate(
            [part[band].to_numpy().reshape(len(times), -1) for part in parts], axis=1
        ).astype(np.float32)
        for band in bands
        if band != SCENE_CLASS
    }
    return times, values


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
    after = {band: each[later] for band, each in values.items()}
    if not any((each > 0).any() for each in after.values()):
        if cube.remove_offset:
            yield f"source.remove_offset=true takes nothing off: {cube.path} has no image from {FIRST_DAY} on"
        return
    pixels = next(iter(values.values())).shape[1]
    steps = baseline_offset.steps_of_points(
        np.tile(np.arange(pixels), len(times)),
        np.repeat(times, pixels),
        {band: each.ravel() for band, each in values.items()},
    )
    visible = [each for band, each in after.items() if band in _VISIBLE] or list(after.values())
    may = bool(steps.mean() > _FEW) if len(steps) else baseline_offset.carries_offset(visible)
    if cube.remove_offset and not may:
        raise DataError(
            f"source.remove_offset=true, but the images of {cube.path} from {FIRST_DAY} on carry no offset "
            f"of 1000: many of their values are below it; leave source.remove_offset out"
        )
    if cube.remove_offset:
        yield f"1000 is taken off the images from {FIRST_DAY} on (source.remove_offset=true)"
    elif len(steps) and may:
        yield (
            f"{cube.path}: from {FIRST_DAY} on every band is about 1000 higher in {steps.mean():.0%} of the "
            f"pixels looked at: these images carry the offset of processing baseline 04.00; {_REMEDY}"
        )
    elif may:
        yield (
            f"{cube.path}: hardly a value of the images from {FIRST_DAY} on is below 1000, and there are "
            f"none from before to compare: they may carry the offset of processing baseline 04.00; if they "
            f"do, {_REMEDY}"
        )
