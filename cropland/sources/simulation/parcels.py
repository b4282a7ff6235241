"""What stays: river, zones, parcels and their uses.

Positions are metres east and north of the centre of the country's box. Parcels are the Voronoi
cells of a jittered grid (Worley 1996, "A cellular texture basis function", SIGGRAPH), 1 to 5 ha.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cropland.sources.simulation.hashing import Draw, Float, Hash, hashed, rough, uniform

if TYPE_CHECKING:
    from cropland.sources.simulation.profile import Profile

PARCEL_METRES = 160.0
FIELD_BLOCK_METRES = 900.0
RIVER_SPACING_METRES = 64_000.0
RIVER_REACH_METRES = 5_000.0
RIVER_BENDS_METRES = ((21_000.0, 3_500.0), (7_300.0, 1_100.0), (2_900.0, 320.0))
"""Wavelength and amplitude of each order of meanders."""
CANAL_ZONE_METRES = 24_000.0
TOWN_METRES = 1_600.0


class Kind(IntEnum):
    """What a parcel is used for."""

    FIELD = 0
    RANGELAND = 1
    BARREN = 2
    WOODLAND = 3
    SETTLEMENT = 4


@dataclass(frozen=True)
class Parcels:
    """Lasting properties of the parcel at each location: arrays of shape ``(location,)``.

    Attributes
    ----------
    key
        Hash that identifies the parcel.
    kind
        Its `Kind`.
    dark
        Share of dark in the colour of its soil.
    woody, built
        Cover of evergreen plants, and of buildings and roads.
    irrigated, meadow
        Whether it has water all year; whether its wild plants grow like a crop.
    """

    key: Hash
    kind: NDArray[np.int8]
    dark: Float
    woody: Float
    built: Float
    irrigated: NDArray[np.bool_]
    meadow: NDArray[np.bool_]


class Nearest(NamedTuple):
    """A parcel near each location: its hash, its centre in metres and how far that is away."""

    key: Hash
    x: Float
    y: Float
    distance: Float


def nearest_parcels(seed: int, x: Float, y: Float) -> tuple[Nearest, Nearest]:
    """Return the two nearest parcels, among those of the 3 × 3 grid cells around."""
    across, up = np.meshgrid([-1, 0, 1], [-1, 0, 1])
    column = np.floor(x / PARCEL_METRES).astype(np.int64) + across.reshape(9, 1)
    row = np.floor(y / PARCEL_METRES).astype(np.int64) + up.reshape(9, 1)
    key = hashed(seed, Draw.PARCEL, column, row)
    centre_x = (column + 0.15 + 0.7 * uniform(key, Draw.CENTRE, 0)) * PARCEL_METRES
    centre_y = (row + 0.15 + 0.7 * uniform(key, Draw.CENTRE, 1)) * PARCEL_METRES
    distance = np.hypot(centre_x - x, centre_y - y)
    cells = (key, centre_x, centre_y, distance)
    own, other = np.argpartition(distance, 1, axis=0)[:2, None]
    return (
        Nearest(*(np.take_along_axis(cell, own, axis=0)[0] for cell in cells)),
        Nearest(*(np.take_along_axis(cell, other, axis=0)[0] for cell in cells)),
    )


def river_distance(seed: int, x: Float, y: Float) -> Float:
    """Return the distance in metres, east or west, to the nearest of the rivers that run north."""
    middle = np.zeros_like(y)
    for bend, (wavelength, amplitude) in enumerate(RIVER_BENDS_METRES):
        middle += amplitude * np.sin(2 * np.pi * (y / wavelength + uniform(seed, Draw.RIVER, bend)))
    half = RIVER_SPACING_METRES / 2
    distance: Float = np.abs(np.mod(x - middle + half, RIVER_SPACING_METRES) - half)
    return distance


def fertility(seed: int, x: Float, y: Float) -> Float:
    """Return how good the land is for fields, -1 to 1: in a river plain or a canal zone."""
    plain = np.exp(-np.square(river_distance(seed, x, y) / RIVER_REACH_METRES))
    canals = rough(hashed(seed, Draw.ZONE), x / CANAL_ZONE_METRES, y / CANAL_ZONE_METRES)
    zone: Float = np.clip(np.maximum(2.2 * plain - 1, 3.2 * canals - 1.9), -1, 1)
    return zone


def parcels_at(seed: int, profile: Profile, near: Nearest) -> Parcels:
    """Return the lasting properties of parcels."""
    zone = fertility(seed, near.x, near.y)
    kind = _kind(seed, profile, near, zone)
    field = kind == Kind.FIELD
    # The best soils were cleared first: soil tells of fields even where nothing grows.
    tone = _patchy(seed, Draw.SOIL, near, 4_000) - 0.5
    dark = profile.dark_soil + profile.soil_contrast * (zone + field - 0.5) + 0.5 * tone
    growth = uniform(near.key, Draw.WOODY)
    woody = np.array([0, 2 * profile.shrub, 0.4 * profile.shrub, 0.5, 0.2])[kind] * growth
    wet = _patchy(seed, Draw.IRRIGATION, near, 2_000) < profile.irrigated
    meadow = uniform(near.key, Draw.MEADOW) < profile.meadow
    return Parcels(
        key=near.key,
        kind=kind,
        dark=np.clip(dark, 0, 1).astype(np.float32),
        woody=(woody + 0.3 * (kind == Kind.WOODLAND)).astype(np.float32),
        built=((kind == Kind.SETTLEMENT) * (0.5 + 0.3 * growth)).astype(np.float32),
        irrigated=field & wet,
        meadow=(kind == Kind.RANGELAND) & meadow,
    )


def _kind(seed: int, profile: Profile, near: Nearest, zone: Float) -> NDArray[np.int8]:
    odds = np.log(profile.cultivated / (1 - profile.cultivated)) + profile.clustering * zone
    field = _patchy(seed, Draw.FIELD, near, FIELD_BLOCK_METRES) < 1 / (1 + np.exp(-odds))
    town = rough(hashed(seed, Draw.TOWN), near.x / TOWN_METRES, near.y / TOWN_METRES) > 0.95
    wild = _patchy(seed, Draw.WILD, near, 1_500)
    return np.select(
        [town, field, wild < profile.wooded, wild > 1 - profile.barren],
        [Kind.SETTLEMENT, Kind.FIELD, Kind.WOODLAND, Kind.BARREN],
        Kind.RANGELAND,
    ).astype(np.int8)


def _patchy(seed: int, draw: Draw, near: Nearest, metres: float) -> Float:
    """Return numbers uniform in 0 to 1, nearly, and alike in parcels closer than `metres`."""
    patch = rough(hashed(seed, draw), near.x / metres, near.y / metres) - 0.5
    own = uniform(near.key, draw) - 0.5
    # A standard score to its quantile: the logistic of 1.7 times it is nearly the normal's.
    score = (patch + 0.4 * own) / np.hypot(0.25, 0.4 / np.sqrt(12))
    quantile: Float = 1 / (1 + np.exp(-1.7 * score))
    return quantile
