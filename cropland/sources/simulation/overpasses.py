"""When the two satellites of Sentinel-2 look at a place, and in which tiles they arrive.

The geometry is Sentinel-2's, moved so that the overlap of two orbits and the overlap of two tiles
cross the middle of the country's box: swaths of 290 km from inclined relative orbits, each seen
again after 5 days, cut into tiles of 110 km that overlap by 10 km (ESA, "Sentinel-2 User
Handbook"). Where they overlap a point has twice or four times the observations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.sources.simulation.hashing import Draw, Float, Hash, hashed, uniform

if TYPE_CHECKING:
    from cropland.sources.simulation.landscape import Landscape

REPEAT_DAYS, ORBIT_LAG_DAYS = 5, 2
ORBIT_SPACING_METRES, SWATH_METRES = 267_000.0, 290_000.0
TILE_SPACING_METRES, TILE_METRES = 100_000.0, 109_800.0
TILE_OFFSET_METRES = 6_000.0
"""From the middle of the box to that of the overlap of two tiles."""
TILT = 0.19
"""Metres that a swath, flown to the south-south-west, lies further east for each metre north."""
LOCAL_SOLAR_HOUR, SCENE_SECONDS, TILE_SECONDS = 10.5, 300, 11
PROCESSED, PROCESSED_EARLY = 0.77, 0.25
"""Share of images that were processed to L2A, and the share of those from before `EARLY_UNTIL`."""
EARLY_UNTIL = 17_897
"""2019-01-01, in days since 1970-01-01."""


@dataclass(frozen=True)
class Overpasses:
    """Every image of a region, in order of time: arrays of shape ``(overpass,)``.

    Attributes
    ----------
    orbit, tile
        Numbers of the swath and of the tile, counted from the middle of the box.
    day
        Days since 1970-01-01.
    time
        Seconds since 1970-01-01.
    datatake
        Hash of orbit and day: tiles of one datatake see the same sky.
    """

    orbit: NDArray[np.int64]
    tile: NDArray[np.int64]
    day: NDArray[np.int64]
    time: NDArray[np.int64]
    datatake: Hash


def overpasses(land: Landscape, x: Float, y: Float, first_day: int, last_day: int) -> Overpasses:
    """Return the images that may see positions in metres, from the first day to the last.

    Days count from 1970-01-01; both are included.
    """
    orbit, tile, day = (
        numbers.ravel()
        for numbers in np.meshgrid(
            _strips(x - TILT * y, ORBIT_SPACING_METRES),
            _strips(x - TILE_OFFSET_METRES, TILE_SPACING_METRES),
            np.arange(first_day, last_day + 1),
            indexing="ij",
        )
    )
    datatake = hashed(land.seed, Draw.DATATAKE, orbit, day)
    passes = (day + ORBIT_LAG_DAYS * orbit) % REPEAT_DAYS == 0
    share = np.where(day < EARLY_UNTIL, PROCESSED_EARLY, PROCESSED)
    kept = passes & (uniform(datatake, Draw.PROCESSED, tile) < share)
    hour = LOCAL_SOLAR_HOUR - land.lon / 15
    late = SCENE_SECONDS * uniform(datatake, Draw.MINUTE) + TILE_SECONDS * tile
    time = 86_400 * day + np.mod(3_600 * hour + late, 86_400).astype(np.int64)
    order = np.argsort(time[kept], kind="stable")
    return Overpasses(*(each[kept][order] for each in (orbit, tile, day, time, datatake)))


def visible(passes: Overpasses, x: Float, y: Float) -> NDArray[np.bool_]:
    """Return which overpass sees which position in metres, shape ``(location, overpass)``."""
    in_swath = _inside(x - TILT * y, passes.orbit, ORBIT_SPACING_METRES, SWATH_METRES)
    in_tile = _inside(x - TILE_OFFSET_METRES, passes.tile, TILE_SPACING_METRES, TILE_METRES)
    return in_swath & in_tile


def _strips(position: Float, spacing: float) -> NDArray[np.int64]:
    """Return the numbers of the strips near positions in metres."""
    return np.arange(position.min() // spacing - 1, position.max() // spacing + 2).astype(np.int64)


def _inside(
    position: Float, number: NDArray[np.int64], spacing: float, width: float
) -> NDArray[np.bool_]:
    centre = (number + 0.5) * spacing
    return np.abs(position[:, None] - centre) <= width / 2
