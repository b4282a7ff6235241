"""Samples of maps: a stratified random sample of a map's pixels and its design.

The strata are the map's classes. Whoever labels the sample sees places in random order and no class; the
design, in a file of its own, keeps from which stratum each unit was drawn.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import TypeAdapter

from cropland.errors import DataError
from cropland.maps.assessment import sampling
from cropland.maps.layers import CLASSES
from cropland.sources import grid as grids
from cropland.support import reading
from cropland.support.words import command_line

if TYPE_CHECKING:
    from cropland.maps.finished_map import FinishedMap

DESIGN, TABLE, SQUARES = "sample.json", "sample.csv", "sample.geojson"
_ORDER = 1
"""Separates the random numbers of the order from those of the draw."""
_DECIMALS = 7
"""Of degrees: a centimetre."""


@dataclass(frozen=True)
class Stratum:
    """Pixels of a map, their hectares, and how many of them were drawn."""

    pixels: int
    hectares: float
    units: int


@dataclass(frozen=True)
class Design:
    """How a sample was drawn.

    Attributes
    ----------
    key : str
        The map that it was drawn from.
    tags : dict of str to str
        Metadata of that map.
    mark : str
        The start of each unit's ID; another sample has another one.
    seed : int
        Decided the units.
    allocation : str
        How they were divided among the strata.
    strata : dict of str to Stratum
        By the name of the class that is mapped there.
    true_hectares : dict of str to float, optional
        By class, of a simulated landscape.
    units : dict of str to tuple of (float, float, str)
        Longitude, latitude (degrees, centre of the pixel) and stratum by ID, in random order.
    """

    key: str
    tags: dict[str, str]
    mark: str
    seed: int
    allocation: str
    strata: dict[str, Stratum]
    true_hectares: dict[str, float] | None
    units: dict[str, tuple[float, float, str]]

    @property
    def lon(self) -> NDArray[np.float64]:
        """Longitude of each unit, degrees."""
        return np.array([lon for lon, _, _ in self.units.values()])

    @property
    def lat(self) -> NDArray[np.float64]:
        """Latitude of each unit, degrees."""
        return np.array([lat for _, lat, _ in self.units.values()])

    @property
    def stratum(self) -> NDArray[np.str_]:
        """The stratum that each unit was drawn from."""
        return np.array([stratum for _, _, stratum in self.units.values()])


_DESIGN = TypeAdapter(Design)


@dataclass(frozen=True, eq=False)
class StratumCounts:
    """The strata of a map, each a set of classes, and their pixels, (block, stratum)."""

    classes: tuple[tuple[int, ...], ...]
    pixels: NDArray[np.int64]

    @property
    def totals(self) -> NDArray[np.int64]:
        """Pixels of each stratum."""
        return np.asarray(self.pixels.sum(axis=0))


def count_strata(finished_map: FinishedMap, classes: Sequence[Sequence[int]]) -> StratumCounts:
    """Count the pixels of strata, a block in memory at a time.

    Parameters
    ----------
    finished_map : FinishedMap
        The map.
    classes : sequence of sequence of int
        The classes of each stratum.
    """
    pixels = np.array(
        [
            [np.isin(values, stratum).sum() for stratum in classes]
            for values in finished_map.classes(finished_map.windows)
        ],
        dtype=np.int64,
    )
    return StratumCounts(tuple(map(tuple, classes)), pixels)


def draw_pixels(
    finished_map: FinishedMap, strata: StratumCounts, sizes: ArrayLike, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Draw pixels, and read again only the blocks that hold one.

    Returns
    -------
    rows, columns, stratum : ndarray of int, shape (unit,)
        In random order.
    """
    by_block = sampling.draw(strata.pixels, sizes, seed)
    pairs = zip(finished_map.windows, by_block, strict=True)
    filled = [(window, ranks) for window, ranks in pairs if sum(map(len, ranks))]
    pixels = []
    blocks = finished_map.classes(window for window, _ in filled)
    for (window, ranks), values in zip(filled, blocks, strict=True):
        for number, (classes, at) in enumerate(zip(strata.classes, ranks, strict=True)):
            places = np.flatnonzero(np.isin(values, classes))[at]
            rows, columns = np.divmod(places, window.width)
            stratum = np.full(len(at), number)
            pixels.append(np.stack([rows + window.row_off, columns + window.col_off, stratum]))
    units = np.concatenate(pixels, axis=1)
    order = np.random.default_rng([seed, _ORDER]).permutation(units.shape[1])
    rows, columns, stratum = units[:, order]
    return rows, columns, stratum


def draw(
    finished_map: FinishedMap,
    strata: StratumCounts,
    sizes: NDArray[np.int64],
    *,
    seed: int,
    allocation: str,
) -> Design:
    """Draw a sample whose strata are the map's classes, in the order of `cropland.maps.layers.CLASSES`.

    Their hectares are those that were counted when the map was made: one map has one count.
    """
    names = list(CLASSES)
    hectares = [finished_map.facts.hectares[name] for name in names]
    rows, columns, stratum = draw_pixels(finished_map, strata, sizes, seed)
    lon, lat = grids.lonlat(finished_map.grid, rows + 0.5, columns + 0.5)
    mark = mark_of("S", finished_map.facts.key, seed, sizes.tolist())
    digits = len(str(len(rows)))
    places = zip(lon.round(_DECIMALS).tolist(), lat.round(_DECIMALS).tolist(), stratum, strict=True)
    numbers = zip(strata.totals.tolist(), hectares, sizes.tolist(), strict=True)
    return Design(
        key=finished_map.facts.key,
        tags=finished_map.facts.tags,
        mark=mark,
        seed=seed,
        allocation=allocation,
        strata={name: Stratum(*counts) for name, counts in zip(names, numbers, strict=True)},
        true_hectares=finished_map.facts.true_hectares,
        units={
            f"{mark}-{number:0{digits}d}": (x, y, names[stratum_of])
            for number, (x, y, stratum_of) in enumerate(places, start=1)
        },
    )


def mark_of(letter: str, *decisive: object) -> str:
    """Return the start of IDs: another one where anything that decided the pixels is another."""
    return letter + hashlib.sha256(repr(decisive).encode()).hexdigest()[:6]


def files_of(finished_map: FinishedMap, design: Design) -> dict[str, str]:
    """Return the files of a sample by name: its design, and what is given to those who label it.

    The table has a row a unit, for spreadsheets and Collect Earth; the GeoJSON draws the square of each
    pixel, for QGIS and whatever shows images below it.
    """
    lines = [f"{name},{lon:.7f},{lat:.7f}," for name, (lon, lat, _) in design.units.items()]
    features = [
        {
            "type": "Feature",
            "id": name,
            "properties": {"ID": name, "Target": None},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        for name, ring in zip(design.units, _rings(finished_map, design), strict=True)
    ]
    squares = {"type": "FeatureCollection", "features": features}
    return {
        DESIGN: json.dumps(asdict(design), indent=1) + "\n",
        SQUARES: json.dumps(squares) + "\n",
        TABLE: "\n".join(["ID,Lon,Lat,Target", *lines]) + "\n",
    }


def _rings(finished_map: FinishedMap, design: Design) -> list[list[list[float]]]:
    """Return the corners of each unit's pixel in degrees, counterclockwise and closed as GeoJSON wants."""
    rows, columns, _ = grids.pixels(finished_map.grid, design.lon, design.lat)
    down, right = np.array([1, 1, 0, 0, 1]), np.array([0, 1, 1, 0, 0])
    lon, lat = grids.lonlat(finished_map.grid, rows[:, None] + down, columns[:, None] + right)
    lon = np.unwrap(lon, period=360)  # a pixel on the antimeridian is not drawn around the Earth
    rings: list[list[list[float]]] = np.stack([lon, lat], axis=-1).round(_DECIMALS).tolist()
    return rings


def read(path: Path) -> Design:
    """Read the design of a sample.

    Raises
    ------
    DataError
        There is none, or none that `files_of` wrote.
    """
    if not reading.is_file(path):
        raise DataError(
            f"expected the design of the sample at {path}, found none; name it, as in "
            f"design=maps/iran/{DESIGN}, or draw a sample: {command_line('assess', f'map={path.parent}')}"
        )
    remedy = f"give the {DESIGN} that was written with the sample"
    design = reading.validated(path, _DESIGN, remedy)
    units = Counter(design.stratum.tolist())
    if units != Counter({name: each.units for name, each in design.strata.items() if each.units}):
        raise DataError(
            f"{path} is not the design of a sample: its strata and its units do not go together; {remedy}"
        )
    return design
