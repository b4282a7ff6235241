"""What moves: the plants that grow on a parcel in each season-year.

A parcel has two green cycles a season-year: the main and the second crop of a field, or the one
flush of wild plants after the rains. A cycle is a double logistic (Beck et al. 2006, "Improved
monitoring of vegetation dynamics at very high latitudes", Remote Sensing of Environment 100).
Season-years are numbered from the reference season-year, 0.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.sources.simulation.hashing import Draw, Float, hashed, normals, uniform
from cropland.sources.simulation.parcels import Kind, Parcels

if TYPE_CHECKING:
    from cropland.sources.simulation.profile import Profile

YEAR_DAYS = 365.25
GREEN_UP_DAYS, SENESCENCE_DAYS = 9.0, 6.0
"""Time constants of the two logistics."""
STUBBLE_DAYS = 60.0
"""How long straw stays on the ground after harvest."""


@dataclass(frozen=True)
class Cycles:
    """Two green cycles a season-year: arrays of shape ``(cycle, location)``.

    Attributes
    ----------
    rise, fall
        Days since the start of the season-year at half of green-up and half of senescence.
    peak
        Green cover at the peak.
    """

    rise: Float
    fall: Float
    peak: Float


_RECENT: deque[tuple[Parcels, tuple[int, Profile, int], Cycles]] = deque(maxlen=96)
"""Of the pixels of some blocks and of those across their borders, some years each."""


def crops(profile: Profile, parcels: Parcels, year: int) -> NDArray[np.bool_]:
    """Return whether parcels bear the main and the second crop: shape ``(2, location)``."""
    key = parcels.key
    sown = (parcels.kind == Kind.FIELD) & (uniform(key, Draw.FALLOW, year) >= profile.fallow)
    rotation = uniform(key, Draw.ROTATION, year)
    both = parcels.irrigated & (rotation < profile.double)
    alone = parcels.irrigated & ~both & (rotation < profile.double + profile.second_only)
    return np.stack([sown & ~alone, sown & (both | alone)])


def cycles(seed: int, profile: Profile, parcels: Parcels, year: int) -> Cycles:
    """Return the green cycles of parcels in a season-year, those of before where it is the same parcels.

    The images of a block of pixels come one after another, each of them a day of the same few years.
    """
    for known, how, made in tuple(_RECENT):
        if known is parcels and how == (seed, profile, year):
            return made
    made = _cycles(seed, profile, parcels, year)
    _RECENT.append((parcels, (seed, profile, year), made))
    return made


def _cycles(seed: int, profile: Profile, parcels: Parcels, year: int) -> Cycles:
    sown = crops(profile, parcels, year)
    wild = ~sown.any(axis=0)
    # Wild plants use the first cycle; those of meadows keep the calendar of the main crop.
    after_rain = np.stack([wild & ~parcels.meadow, np.zeros_like(wild)])
    peak_day = np.where(
        after_rain,
        _days_into_season(profile, profile.rain_peak),
        [[_days_into_season(profile, day)] for day in (profile.main_peak, profile.second_peak)],
    )
    half = np.where(after_rain, profile.rain_days, [[profile.main_days], [profile.second_days]]) / 2
    habit = normals(hashed(parcels.key, Draw.CALENDAR)).reshape(4, 2, -1)
    chance = normals(hashed(parcels.key, Draw.CALENDAR, year)).reshape(4, 2, -1)
    shift = profile.calendar_spread * (habit + chance) / np.sqrt(2)
    flush = wild * np.stack([_wild_cover(seed, profile, parcels, year), np.zeros_like(half[1])])
    return Cycles(
        rise=(peak_day - half + shift[0]).astype(np.float32),
        fall=(peak_day + half + shift[1]).astype(np.float32),
        peak=(sown * _crop_cover(profile, parcels, year) + flush).astype(np.float32),
    )


def _days_into_season(profile: Profile, day_of_year: int) -> float:
    return (day_of_year - profile.season_start) % YEAR_DAYS


def _crop_cover(profile: Profile, parcels: Parcels, year: int) -> Float:
    cycle = np.array([[0], [1]])
    stand = uniform(parcels.key, Draw.STAND, year, cycle)
    poor = uniform(parcels.key, Draw.FAILURE, year, cycle) < profile.poor
    return np.where(poor, 0.12 + 0.25 * stand, 0.92 - 0.35 * stand**2)


def _wild_cover(seed: int, profile: Profile, parcels: Parcels, year: int) -> Float:
    rain = 0.6 + 0.8 * uniform(seed, Draw.RAIN, year)
    luck = uniform(parcels.key, Draw.RAIN) + uniform(parcels.key, Draw.RAIN, year)
    grass = np.full(len(Kind), 0.15 * profile.grass)
    grass[Kind.RANGELAND], grass[Kind.FIELD] = profile.grass, profile.weeds
    flush = np.where(parcels.meadow, 0.3 + 0.3 * luck, grass[parcels.kind] * rain * luck)
    return np.clip(flush, 0, 0.9)
