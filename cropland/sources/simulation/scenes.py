"""The scene classes (SCL) that Sen2Cor would give, with its usual confusions.

References
----------
Louis et al. (2016), "Sentinel-2 Sen2Cor: L2A processor for users", ESA Living Planet Symposium;
Baetens et al. (2019), "Validation of Copernicus Sentinel-2 cloud masks", Remote Sensing 11(4):
about one cloudy pixel in ten is missed, and bright ground is taken for cloud.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.sources.simulation.hashing import Float, Hash, normals
from cropland.sources.simulation.spectra import BANDS

if TYPE_CHECKING:
    from cropland.sources.simulation.atmosphere import Sky


class Scene(IntEnum):
    """Classes of the scene classification layer that the simulation uses."""

    DARK = 2
    SHADOW = 3
    VEGETATION = 4
    BARE = 5
    WATER = 6
    UNCLASSIFIED = 7
    CLOUD_MEDIUM = 8
    CLOUD_HIGH = 9
    CIRRUS = 10


def scene_classes(seen: Float, above: Sky, pixel: Hash, sample: Hash) -> NDArray[np.uint8]:
    """Return the scene class of each row.

    Parameters
    ----------
    seen
        Reflectance through the atmosphere, shape ``(band, row)``.
    above
        The atmosphere over each row.
    pixel, sample
        Hashes of the place, and of place and time, of each row. Some errors come and go; others
        stay with a place, as its soil confuses the band ratios that part plants from soil.
    """
    blue, red, near, short = (seen[BANDS.index(band)] for band in ("B2", "B4", "B8", "B11"))
    whim = normals(sample)
    bias = normals(pixel)[0]
    ndvi = (near - red) / (near + red)
    cloud = above.cloud + 0.12 * whim[0]
    bright = (blue > 0.165 + 0.02 * whim[1]) | (cloud > 0.3)
    shadow = above.shadow + 0.15 * whim[2]
    dark = near < 0.13 + 0.01 * whim[3]
    rules = {
        Scene.CLOUD_HIGH: (cloud > 0.6) & (blue > 0.22),
        Scene.CLOUD_MEDIUM: bright & (cloud > 0.05),
        Scene.CIRRUS: above.cirrus + 0.04 * whim[4] > 0.08,
        Scene.SHADOW: shadow > 0.35,
        Scene.WATER: (ndvi < 0.02) & (short < 0.09),
        Scene.DARK: dark & (shadow > 0.1),
        Scene.VEGETATION: ndvi > 0.34 + 0.08 * whim[5] + 0.09 * bias,
        Scene.UNCLASSIFIED: (ndvi > 0.25 + 0.04 * whim[6]) & (whim[7] > 0),
    }
    return np.select(list(rules.values()), list(rules), Scene.BARE).astype(np.uint8)
