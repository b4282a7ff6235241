"""Between the surface and the sensor: clouds and their shadows, cirrus, haze and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.sources.simulation.hashing import (
    Draw,
    Float,
    Hash,
    hashed,
    normals,
    rough,
    smooth,
    uniform,
)
from cropland.sources.simulation.spectra import CLOUD, HAZE

if TYPE_CHECKING:
    from cropland.sources.simulation.profile import Profile

CLOUD_METRES = 6_000.0
CIRRUS_METRES = 15_000.0
HAZE_METRES = 25_000.0
SHADOW_METRES = (900.0, -700.0)
"""East and north from a place to the cloud that shades it: the morning sun is in the south-east."""


@dataclass(frozen=True)
class Sky:
    """The atmosphere over each row: arrays of shape ``(row,)``.

    Attributes
    ----------
    cloud, cirrus
        Share of the light that comes from thick and from thin cloud, 0 to 1.
    shadow
        How deep in the shadow of a cloud the place lies, 0 to 1.
    haze
        Reflectance that aerosol adds to B2.
    """

    cloud: Float
    cirrus: Float
    shadow: Float
    haze: Float


def sky(profile: Profile, datatake: Hash, day_of_year: Float, x: Float, y: Float) -> Sky:
    """Return the atmosphere over each row.

    Parameters
    ----------
    profile
        Climate.
    datatake
        Hash of the orbit and day of a row: one sky for all that was seen at once.
    day_of_year
        The (northern) day of the year of a row.
    x, y
        Metres east and north of the centre of the box.
    """
    x, y = x.astype(np.float32), y.astype(np.float32)
    season = np.cos(2 * np.pi / 365.25 * (day_of_year - profile.cloud_peak)).astype(np.float32)
    cloudy = np.clip(profile.cloud + profile.cloud_swing * season, 0.01, 0.95)
    weather = uniform(datatake, Draw.WEATHER)
    deck = hashed(datatake, Draw.CLOUD)
    cloud = _opacity(deck, cloudy + weather, x, y)
    above = _opacity(deck, cloudy + weather, x + SHADOW_METRES[0], y + SHADOW_METRES[1])
    veil = smooth(hashed(datatake, Draw.CIRRUS), x / CIRRUS_METRES, y / CIRRUS_METRES)
    dust = smooth(hashed(datatake, Draw.HAZE), x / HAZE_METRES, y / HAZE_METRES)
    return Sky(
        cloud=cloud,
        cirrus=np.clip(1.2 * (veil + 0.6 * cloudy + 0.5 * weather - 1.15), 0, 0.4),
        shadow=np.maximum(above - cloud, 0),
        haze=profile.haze * dust * (0.8 + 2.4 * uniform(datatake, Draw.HAZE)),
    )


def _opacity(deck: Hash, cover: Float, x: Float, y: Float) -> Float:
    """Return the opacity of a deck of clouds; a `cover` of 1 fills half of the sky."""
    shape = rough(deck, x / CLOUD_METRES, y / CLOUD_METRES)
    opacity: Float = np.clip(4 * (shape + cover - 1.5), 0, 1)
    return opacity


def through_atmosphere(surface: Float, above: Sky, datatake: Hash) -> Float:
    """Return the reflectance of surfaces, shape ``(band, row)``, as seen through the sky."""
    calibration = 1 + 0.025 * normals(datatake)[0]
    veiled = np.maximum(above.cloud, above.cirrus)
    seen: Float = surface * (calibration * (1 - 0.6 * above.shadow) * (1 - veiled))
    seen += CLOUD[:, None] * veiled
    seen += HAZE[:, None] * above.haze
    return seen


def digital_numbers(reflectance: Float, sample: Hash, copy: Hash) -> NDArray[np.uint16]:
    """Return reflectance × 10,000 with the sensor's noise, never 0, which is no data.

    Parameters
    ----------
    reflectance
        Shape ``(band, row)``.
    sample
        Hash of what was seen when: the same for the copies of one sample in overlapping tiles.
    copy
        Hash that differs between those copies, since each tile is resampled for itself.
    """
    noise = np.concatenate([normals(sample), normals(hashed(sample, 1))])[: len(reflectance)]
    noisy = reflectance * (1 + 0.012 * noise + 0.003 * normals(copy)[0]) + 0.001 * noise
    whole: Float = np.clip(np.rint(10_000 * noisy), 1, 20_000)
    return whole.astype(np.uint16)
