"""A synthetic landscape: a field over longitude, latitude and time.

`cropland.sources.simulation.parcels` says what the land is used for and
`cropland.sources.simulation.seasons` what grows on it; here they become the reflectance of the surface, a
linear mixture of the materials of `cropland.sources.simulation.spectra`. Everything is a hash of position,
parcel and season-year: nothing is stored, and points and pixels see the same land, in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cropland.sources.simulation.hashing import Draw, Float, Hash, hashed, normals, smooth
from cropland.sources.simulation.parcels import Parcels, nearest_parcels, parcels_at, river_distance
from cropland.sources.simulation.seasons import (
    GREEN_UP_DAYS,
    SENESCENCE_DAYS,
    STUBBLE_DAYS,
    YEAR_DAYS,
    crops,
    cycles,
)
from cropland.sources.simulation.spectra import ENDMEMBERS, Endmember

if TYPE_CHECKING:
    from cropland.config.countries import Country
    from cropland.sources.simulation.profile import Profile

METRES_PER_DEGREE = 111_195.0
PIXEL_METRES = 10.0
MIXING_METRES = 12.0
"""Distance from a border within which a pixel sees both sides: half a pixel and blur."""
RIVER_HALF_WIDTH_METRES = 90.0
WEATHER_DAYS = 11.0


@dataclass(frozen=True)
class Cover:
    """What does not change at each location: arrays of shape ``(location,)``.

    Attributes
    ----------
    own, other
        The parcel that a location is in, and the one across the nearest border.
    share
        Share of the pixel inside its own parcel, 0.5 to 1.
    water
        Share of the pixel in the river.
    vigour, brightness
        Texture inside a parcel: factors on green cover and on reflectance, about 1.
    pixel
        Hash of the 10 m pixel that the location falls in.
    """

    own: Parcels
    other: Parcels
    share: Float
    water: Float
    vigour: Float
    brightness: Float
    pixel: Hash


class LandscapeRows(NamedTuple):
    """When and where: arrays of shape ``(row,)``.

    `where` counts locations, `year` season-years from the reference, `phase` days since the
    season-year's start; `moist` is the wetness of the soil, 0 to 1.
    """

    where: NDArray[np.intp]
    year: NDArray[np.int64]
    phase: Float
    moist: Float

    def take(self, rows: NDArray[np.intp]) -> LandscapeRows:
        """Return some of the rows."""
        return LandscapeRows(self.where[rows], self.year[rows], self.phase[rows], self.moist[rows])


@dataclass(frozen=True)
class Landscape:
    """The land of one country.

    Attributes
    ----------
    lon, lat
        Centre of the country's box, in degrees: the origin of the landscape.
    first_day
        Start of the reference season-year, in days since 1970-01-01.
    seed
        Selects the landscape.
    profile
        Climate and cropping.
    """

    lon: float
    lat: float
    first_day: int
    seed: int
    profile: Profile

    @classmethod
    def of(cls, country: Country, profile: Profile, seed: int) -> Self:
        """Return the landscape of a country; under one seed each country has its own.

        The reference season-year is the one in which the middle of the country's reference lies.
        """
        box = country.box
        start, end = np.array([country.reference.start, country.reference.end], "datetime64[D]")
        middle = start + (end - start) // 2
        # South of the equator every day of the year in a profile comes half a year later.
        wait = (profile.season_start - 1 + (183 if box.south + box.north < 0 else 0)) % 365
        first = middle.astype("datetime64[Y]").astype("datetime64[D]") + wait
        if first > middle:
            first -= 365
        return cls(
            lon=(box.west + box.east) / 2,
            lat=(box.south + box.north) / 2,
            first_day=int(first.astype(np.int64)),
            seed=int(hashed(seed, crc32(country.name.encode()))),
            profile=profile,
        )

    def metres(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Float, Float]:
        """Return the metres east and north of the centre of the box."""
        east = METRES_PER_DEGREE * np.cos(np.radians(self.lat))
        return (np.asarray(lon) - self.lon) * east, (np.asarray(lat) - self.lat) * METRES_PER_DEGREE

    def day_of_year(self, days: NDArray[np.int64]) -> Float:
        """Return the (northern) day of the year of days since 1970-01-01."""
        return np.mod(days - self.first_day + self.profile.season_start, YEAR_DAYS)

    def cover(self, lon: ArrayLike, lat: ArrayLike) -> Cover:
        """Return what does not change at locations in degrees, shape ``(location,)``."""
        x, y = self.metres(lon, lat)
        own, other = nearest_parcels(self.seed, x, y)
        apart = np.hypot(other.x - own.x, other.y - own.y)
        border = (other.distance**2 - own.distance**2) / (2 * apart)
        column, row = (np.floor(at / PIXEL_METRES).astype(np.int64) for at in (x, y))
        pixel = hashed(self.seed, Draw.TEXTURE, column, row)
        texture = normals(pixel)
        return Cover(
            own=parcels_at(self.seed, self.profile, own),
            other=parcels_at(self.seed, self.profile, other),
            share=_share_inside(border),
            water=_share_inside(RIVER_HALF_WIDTH_METRES - river_distance(self.seed, x, y)),
            vigour=1 + 0.06 * texture[0],
            brightness=1 + 0.03 * texture[1],
            pixel=pixel,
        )

    def cropland(self, lon: ArrayLike, lat: ArrayLike, year: int = 0) -> NDArray[np.bool_]:
        """Return whether locations in degrees are cropped in a season-year, the reference one is 0."""
        cover = self.cover(lon, lat)
        main, second = crops(self.profile, cover.own, year)
        cropped: NDArray[np.bool_] = (main | second) & (cover.water < 0.5)
        return cropped

    def reflectance(self, cover: Cover, where: NDArray[np.intp], days: NDArray[np.int64]) -> Float:
        """Return the reflectance of the surface, shape ``(band, row)``.

        Parameters
        ----------
        cover
            What does not change at each location.
        where
            Index of the location of each row.
        days
            Days since 1970-01-01 of each row, or of all.
        """
        year = np.floor((days - self.first_day) / YEAR_DAYS).astype(np.int64)
        phase = (days - self.first_day - year * YEAR_DAYS).astype(np.float32)
        rows = LandscapeRows(
            where,
            np.broadcast_to(year, where.shape),
            np.broadcast_to(phase, where.shape),
            np.broadcast_to(self._moisture(days), where.shape),
        )
        share = cover.share[where]
        materials = share * self._materials(cover.own, cover.vigour, rows)
        border = np.flatnonzero(share < 1)
        across = self._materials(cover.other, cover.vigour, rows.take(border))
        materials[:, border] += (1 - share[border]) * across
        water = cover.water[where]
        materials *= 1 - water
        materials[Endmember.WATER] = water
        reflectance: Float = (ENDMEMBERS.T @ materials) * cover.brightness[where]
        return reflectance

    def _moisture(self, days: NDArray[np.int64]) -> Float:
        """Return the wetness of the soil, highest in the rains that come before the green-up."""
        angle = 2 * np.pi / YEAR_DAYS * (self.day_of_year(days) - self.profile.rain_peak + 20)
        weather = smooth(hashed(self.seed, Draw.MOISTURE), days / WEATHER_DAYS, 0)
        wetness: Float = np.exp(3 * (np.cos(angle) - 1)) * weather
        return wetness.astype(np.float32)

    def _materials(self, parcels: Parcels, vigour: Float, rows: LandscapeRows) -> Float:
        """Return the share of each material in dry-land pixels, shape ``(endmember, row)``."""
        annual, straw = self._growth(parcels, rows)
        woody, built = parcels.woody[rows.where], parcels.built[rows.where]
        dark = np.minimum(parcels.dark[rows.where] + 0.45 * rows.moist, 1)
        green = np.clip(1 - (1 - annual) * (1 - woody), 0, 0.97) * vigour[rows.where]
        dry = 0.7 * np.minimum(straw, 1) * (1 - green)
        rest = 1 - green - dry
        materials = np.zeros((len(Endmember), len(green)), np.float32)
        materials[Endmember.GREEN] = green
        materials[Endmember.DRY] = dry
        materials[Endmember.BUILT] = rest * built
        materials[Endmember.BRIGHT_SOIL] = rest * (1 - built) * (1 - dark)
        materials[Endmember.DARK_SOIL] = rest * (1 - built) * dark
        return materials

    def _growth(self, parcels: Parcels, rows: LandscapeRows) -> tuple[Float, Float]:
        """Return the cover of annual plants and of their straw, of each row."""
        first, last = int(rows.year.min(initial=0)), int(rows.year.max(initial=0))
        years = [cycles(self.seed, self.profile, parcels, y) for y in range(first, last + 1)]
        rise, fall = np.stack([y.rise for y in years]), np.stack([y.fall for y in years])
        peak = np.stack([y.peak for y in years])
        green, straw = np.zeros((2, len(rows.phase)), np.float32)
        for cycle in (0, 1):
            at = (rows.year - first, cycle, rows.where)
            cover, harvest = peak[at], fall[at]
            grown = _logistic((rows.phase - rise[at]) / GREEN_UP_DAYS)
            fallen = _logistic((rows.phase - harvest) / SENESCENCE_DAYS)
            green += cover * np.maximum(grown - fallen, 0)
            straw += cover * fallen * _logistic((harvest + STUBBLE_DAYS - rows.phase) / 12)
        return green, straw


def _share_inside(metres: Float) -> Float:
    """Return the share of a pixel on this side of a border that is `metres` away."""
    share: Float = np.clip(0.5 + metres / (2 * MIXING_METRES), 0, 1)
    return share.astype(np.float32)


def _logistic(t: Float) -> Float:
    logistic: Float = 0.5 + 0.5 * np.tanh(0.5 * t)
    return logistic
