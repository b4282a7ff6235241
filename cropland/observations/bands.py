"""Sentinel-2 bands, scene classes, spectral indices, and the band sets made of them.

Canonical names are the mission's own: ``B1`` … ``B12``, ``B8A``, ``SCL``; `band_of` knows the other names
that exports, services, cubes and requests have for them. Spectral indices bear their spyndex names and are
computed from surface reflectance by the formulas of spyndex, the Python face of the Awesome Spectral Indices
catalogue (Montero et al. 2023, doi:10.1038/s41597-023-02096-0).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from cropland.errors import ConfigError, nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIGITAL_NUMBERS_PER_REFLECTANCE = 10_000.0
NO_DATA = 0

STANDARD_NAMES = {
    "B1": "A",
    "B2": "B",
    "B3": "G",
    "B4": "R",
    "B5": "RE1",
    "B6": "RE2",
    "B7": "RE3",
    "B8": "N",
    "B8A": "N2",
    "B9": "WV",
    "B11": "S1",
    "B12": "S2",
}
"""Sentinel-2 L2A band → its name in spyndex formulas."""

SCENE_CLASSES = {
    0: "no data",
    1: "saturated or defective",
    2: "dark area",
    3: "cloud shadow",
    4: "vegetation",
    5: "not vegetated",
    6: "water",
    7: "unclassified",
    8: "cloud, medium probability",
    9: "cloud, high probability",
    10: "thin cirrus",
    11: "snow or ice",
}
"""Classes of the scene classification layer (Sen2Cor)."""

UNCLEAR_CLASSES = (0, 1, 3, 8, 9, 10)
"""Scene classes in which the ground is not seen: what ``series=clear`` drops."""

COMMON_NAMES = {"NDRE": "NDREI", "BSI": "BI"}
"""Names in wide use that spyndex knows by another one."""

STATIC = ("Lon", "Lat")
SCENE_CLASS = "SCL"

OTHER_NAMES = {
    "B1": ("coastal", "coastal_aerosol"),
    "B2": ("blue",),
    "B3": ("green",),
    "B4": ("red",),
    "B5": ("rededge1", "rededge071", "red_edge_1"),
    "B6": ("rededge2", "rededge075", "red_edge_2"),
    "B7": ("rededge3", "rededge078", "red_edge_3"),
    "B8": ("nir",),
    "B8A": ("nir08", "narrow_nir", "nir_narrow"),
    "B9": ("nir09",),
    "B11": ("swir16", "swir1", "swir_1"),
    "B12": ("swir22", "swir2", "swir_2"),
    SCENE_CLASS: ("scl",),
}
"""Band → its common names: those of STAC and Earth Search first, where these mean one band."""

_RESOLUTION = re.compile(r"_[1-9]0m$")


@dataclass(frozen=True)
class BandSet:
    """What is used, in the order in which it was named.

    Attributes
    ----------
    dynamic : tuple of str
        Bands, indices and ``SCL``: what changes with time.
    static : tuple of str
        Columns that do not, ``Lon`` and ``Lat``.
    """

    dynamic: tuple[str, ...]
    static: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[str]) -> BandSet:
        """Return the band set of some names.

        Raises
        ------
        ConfigError
            A name that is neither a Sentinel-2 band, ``SCL``, ``Lon`` or ``Lat`` nor a spyndex index
            computable from Sentinel-2.
        """
        named = tuple(names)
        for name in named:
            if name not in (*STANDARD_NAMES, SCENE_CLASS, *STATIC) and not is_index(name):
                known = (*STANDARD_NAMES, SCENE_CLASS, *STATIC, *_computable())
                raise ConfigError(
                    f"bands.names has {name!r}, which is no Sentinel-2 band, SCL, Lon, Lat or spyndex "
                    f"index of Sentinel-2; {nearest(name, known)}"
                )
        return cls(
            dynamic=tuple(n for n in named if n not in STATIC),
            static=tuple(n for n in named if n in STATIC),
        )

    def measured(self, stored: Iterable[str]) -> tuple[str, ...]:
        """Return what must be read: what is `stored` as it is, else the bands an index is made of."""
        have = set(stored)
        needed: dict[str, None] = {}
        for name in self.dynamic:
            needed.update(dict.fromkeys([name] if name in have else parts_of(name)))
        return tuple(needed)


def sensor_band_of(name: str) -> str | None:
    """Return the Sentinel-2 band or ``SCL`` that a name means, None where it means none.

    >>> sensor_band_of("B02"), sensor_band_of("b8a"), sensor_band_of("B04_10m"), sensor_band_of("swir16")
    ('B2', 'B8A', 'B4', 'B11')
    >>> sensor_band_of("B10"), sensor_band_of("ndvi")
    (None, None)
    """
    plain = re.sub(r"[\s-]+", "_", name.strip().lower())
    return _BAND_BY_NAME.get(_RESOLUTION.sub("", plain)) if plain else None


def band_of(name: str) -> str | None:
    """Return the band, ``SCL`` or spectral index that a name means, None where it means none.

    This is the one table of names for exports, services, cubes and requests. A name is read in any case.

    >>> band_of("B02"), band_of("nir"), band_of("ndvi"), band_of("ID")
    ('B2', 'B8', 'NDVI', None)
    """
    band = sensor_band_of(name)
    if band is not None:
        return band
    plain = name.strip()
    return plain if is_index(plain) else _index_by_name().get(plain.lower())


def spellings(name: str) -> tuple[str, ...]:
    """Return the usual names of a band or index, its own first, where all must be listed beforehand.

    >>> spellings("B2")
    ('B2', 'B02', 'b2', 'b02', 'blue')
    """
    small = _names_of(name) if name in OTHER_NAMES else (name.lower(),)
    large = (spelling.upper() for spelling in small if spelling[1].isdigit())
    return tuple(dict.fromkeys((name, *large, *small)))


def is_index(name: str) -> bool:
    """Return whether `name` is a spectral index that Sentinel-2 bands suffice for."""
    return name in _computable()


def index(name: str, bands: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Compute a spectral index.

    Parameters
    ----------
    name : str
        Its spyndex name, e.g. ``NDVI``, or one of `COMMON_NAMES`.
    bands : mapping of str to ndarray of float32
        Digital numbers (reflectance × 10,000) by band, NaN where there is none; any one shape.

    Returns
    -------
    ndarray of float32
        The index, same shape; NaN where a band is missing or the formula has no finite value.
    """
    import numpy as np
    import spyndex

    name = COMMON_NAMES.get(name, name)
    entry = spyndex.indices[name]
    parameters: dict[str, Any] = {
        STANDARD_NAMES[band]: values / np.float32(DIGITAL_NUMBERS_PER_REFLECTANCE)
        for band, values in bands.items()
        if STANDARD_NAMES[band] in entry.bands
    }
    for part in entry.bands:
        if part in spyndex.constants:
            parameters[part] = spyndex.constants[part].default
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # As `spyndex.computeIndex` does, which imports Earth Engine's client first: 0.2 s.
        values = np.asarray(eval(entry.formula, {}, parameters), dtype=np.float32)
    return np.where(np.isfinite(values), values, np.float32(np.nan))


def parts_of(name: str) -> tuple[str, ...]:
    """Return the Sentinel-2 bands that an index is computed from; of anything else, itself."""
    if not is_index(name):
        return (name,)
    import spyndex

    wanted = set(spyndex.indices[COMMON_NAMES.get(name, name)].bands)
    return tuple(band for band, standard in STANDARD_NAMES.items() if standard in wanted)


@cache
def _computable() -> frozenset[str]:
    """Return the indices whose every term is a Sentinel-2 band or a constant with a default."""
    import spyndex

    terms = set(STANDARD_NAMES.values())
    terms |= {key for key, value in spyndex.constants.items() if value.default is not None}
    computable = (
        name
        for name, entry in spyndex.indices.items()
        if "Sentinel-2" in entry.platforms and terms.issuperset(entry.bands)
    )
    return frozenset((*computable, *COMMON_NAMES))


@cache
def _index_by_name() -> dict[str, str]:
    """Return the indices by their names in small letters.

    The few that differ by case alone, and names of two letters, which may mean anything, are not there.
    """
    names = [name for name in _computable() if len(name) > 2]
    count = Counter(name.lower() for name in names)
    return {name.lower(): name for name in names if count[name.lower()] == 1}


def _names_of(band: str) -> tuple[str, ...]:
    number = band[1:]
    padded = (f"b{number.zfill(2)}",) if number.isdigit() else ()
    return (band.lower(), *padded, *OTHER_NAMES[band])


_BAND_BY_NAME = {name: band for band in OTHER_NAMES for name in _names_of(band)}
