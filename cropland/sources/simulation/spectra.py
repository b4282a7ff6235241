"""Reflectance of what a pixel is made of, in the ten land bands of Sentinel-2.

The values are no measurements: they were set by hand to the typical shapes of such materials in
public spectral libraries, and rounded, so that linear mixtures of them look like farmland.

References
----------
Kokaly et al. (2017), "USGS Spectral Library Version 7", USGS Data Series 1035 (splib07):
lawn grass and dry long grass, construction concrete, open water.
Meerdink et al. (2019), "The ECOSTRESS spectral library version 1.0", Remote Sensing of
Environment 230: aridisols (bright) and vertisols (dark), non-photosynthetic vegetation.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cropland.sources.simulation.hashing import Float

BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")


class Endmember(IntEnum):
    """A pure material; its number is its row in `ENDMEMBERS`."""

    GREEN = 0
    DRY = 1
    BRIGHT_SOIL = 2
    DARK_SOIL = 3
    WATER = 4
    BUILT = 5


ENDMEMBERS: Float = np.array(
    [
        # B2    B3    B4    B5    B6    B7    B8    B8A   B11   B12
        [0.022, 0.055, 0.025, 0.095, 0.330, 0.415, 0.430, 0.440, 0.150, 0.070],  # green
        [0.080, 0.120, 0.165, 0.200, 0.235, 0.255, 0.275, 0.290, 0.350, 0.260],  # dry vegetation
        [0.145, 0.200, 0.255, 0.280, 0.298, 0.312, 0.318, 0.328, 0.385, 0.345],  # bright soil
        [0.050, 0.072, 0.095, 0.108, 0.116, 0.124, 0.128, 0.136, 0.165, 0.148],  # dark or wet soil
        [0.050, 0.062, 0.050, 0.042, 0.030, 0.027, 0.024, 0.020, 0.010, 0.007],  # turbid water
        [0.125, 0.155, 0.180, 0.195, 0.208, 0.218, 0.228, 0.235, 0.265, 0.250],  # built-up
    ],
    np.float32,
)
"""Reflectance, shape ``(endmember, band)``."""

CLOUD: Float = np.array([0.56, 0.55, 0.55, 0.56, 0.57, 0.58, 0.58, 0.59, 0.42, 0.32], np.float32)
"""Reflectance of the top of a thick water cloud, by band."""

HAZE: Float = np.array([1.00, 0.80, 0.62, 0.54, 0.48, 0.42, 0.37, 0.34, 0.12, 0.06], np.float32)
"""Scattering by aerosol relative to that in B2, by band (wavelength to the power of about -1.8)."""
