"""Granules of the simulated landscape as Sentinel-2 delivers them: in tiles, each on a UTM grid of its own.

They are the truth of all stand-ins. A granule is an overpass (`cropland.sources.simulation.overpasses`) in
one tile, in the UTM zone of the tile's centre. Its bands are rasters of 10 or 20 m, edges at multiples of the
size; a pixel has what the landscape shows at its centre, 0 where the granule does not see it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from omegaconf import OmegaConf
from pyproj import Transformer
from shapely import Polygon

from cropland.config import countries
from cropland.config.countries import Country
from cropland.sources.grid import utm_zone
from cropland.sources.simulation.images import Places, in_sight, select_overpasses, values_seen
from cropland.sources.simulation.landscape import METRES_PER_DEGREE, Landscape
from cropland.sources.simulation.overpasses import (
    ORBIT_SPACING_METRES,
    SWATH_METRES,
    TILE_METRES,
    TILE_OFFSET_METRES,
    TILE_SPACING_METRES,
    TILT,
    Overpasses,
    overpasses,
    visible,
)
from cropland.sources.simulation.profile import Profile
from cropland.sources.simulation.source import SEED

CONF = Path(__file__).parents[2] / "conf"
PIXEL_METRES = dict.fromkeys(("B2", "B3", "B4", "B8"), 10) | dict.fromkeys(
    ("B5", "B6", "B7", "B8A", "B11", "B12", "SCL"), 20
)
"""Size of the native pixel of each band."""
BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12", "SCL")

Affine = tuple[float, float, float, float, float, float]
"""``(a, b, c, d, e, f)``: x = a·column + b·row + c, y = d·column + e·row + f."""
_BLOCK = 100
_KEPT_GRIDS, _KEPT_IMAGES = 6, 48


@dataclass(frozen=True)
class Granule:
    """An image: its position in time, its tile's name and zone, and the moment (UTC, to the second)."""

    number: int
    name: str
    tile: str
    epsg: int
    time: np.datetime64


class _Cells(NamedTuple):
    """Native pixels that a grid touches, and for each of the grid's pixels which of them it is in."""

    places: Places
    cell: NDArray[np.intp]


class Granules:
    """All granules that see any of a country's box.

    Parameters
    ----------
    country, profile
        The landscape; the seed is that of the commands.
    first, last
        Days, both included, UTC.
    """

    def __init__(self, country: Country, profile: Profile, first: date, last: date) -> None:
        self.country, self.first, self.last = country, first, last
        self.land = Landscape.of(country, profile, SEED)
        box = country.box
        self._edges = self.land.metres(
            np.array([box.west, box.east]), np.array([box.south, box.north])
        )
        days = np.array([first, last], "datetime64[D]").astype(int)
        passes = overpasses(self.land, *self._edges, int(days[0]), int(days[1]))
        passes = select_overpasses(passes, in_sight(passes, *self._edges))
        tiles = {int(number): _tile(self.land, int(number)) for number in np.unique(passes.tile)}
        names = [tiles[int(number)][0] for number in passes.tile]
        order = np.lexsort((names, passes.time))
        self._passes: Overpasses = select_overpasses(passes, order)
        self.granules = tuple(
            _granule(number, *tiles[int(self._passes.tile[number])], self._passes.time[number])
            for number in range(len(order))
        )
        self._rows: dict[tuple[float, float], NDArray[np.uint16]] = {}
        self._lock = threading.RLock()
        self._grids: dict[object, _Cells] = {}
        self._images: dict[object, dict[str, NDArray[Any]]] = {}

    @classmethod
    def of(cls, name: str, first: date, last: date) -> Self:
        """Return the granules of a country of ``conf/country/``, with its profile."""
        # As Hydra reads them: dates without quotes are texts.
        values: Any = OmegaConf.to_container(OmegaConf.load(CONF / "country" / f"{name}.yaml"))
        profiles = OmegaConf.load(CONF / "source" / "simulated.yaml").profiles
        return cls(countries.country(values), Profile(**profiles.get(name, {})), first, last)

    @cached_property
    def zones(self) -> dict[int, NDArray[np.intp]]:
        """Numbers of the granules of each UTM zone, by EPSG code."""
        codes = np.array([granule.epsg for granule in self.granules])
        return {int(code): np.flatnonzero(codes == code) for code in np.unique(codes)}

    def at(
        self, lonlat: NDArray[np.float64], numbers: Sequence[int] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Return what granules show at places: the values of the native pixels that they fall in.

        Parameters
        ----------
        lonlat
            Degrees, shape ``(place, 2)``.
        numbers
            Of the granules; all by default.

        Returns
        -------
        dict
            Band to values, shape ``(place, granule)``: uint16, ``SCL`` uint8; 0 = not seen.
        """
        keys = [(float(lon), float(lat)) for lon, lat in np.asarray(lonlat).reshape(-1, 2)]
        with self._lock:
            new = list(dict.fromkeys(key for key in keys if key not in self._rows))
            for start in range(0, len(new), _BLOCK):
                block = new[start : start + _BLOCK]
                self._rows.update(zip(block, self._evaluated(np.array(block)), strict=True))
        which = slice(None) if numbers is None else np.asarray(numbers, int)
        width = len(self.granules) if numbers is None else len(numbers)
        values = np.zeros((len(BANDS), len(keys), width), np.uint16)
        for place, key in enumerate(keys):
            values[:, place] = self._rows[key][:, which]
        return {
            band: values[number].astype(np.uint8) if band == "SCL" else values[number]
            for number, band in enumerate(BANDS)
        }

    def _evaluated(self, lonlat: NDArray[np.float64]) -> NDArray[np.uint16]:
        """Evaluate all granules at places: shape ``(place, band, granule)``."""
        values = np.zeros((len(lonlat), len(BANDS), len(self.granules)), np.uint16)
        for epsg, numbers in self.zones.items():
            x, y = _to_zone(epsg).transform(lonlat[:, 0], lonlat[:, 1])
            for metres in (10, 20):
                places = self._places(epsg, _centre(x, metres), _centre(y, metres))
                seen = visible(select_overpasses(self._passes, numbers), places.x, places.y)
                where, image = np.nonzero(seen)
                rows = values_seen(self.land, self._passes, places, where, numbers[image])
                for band in _bands_of(metres):
                    values[where, BANDS.index(band), numbers[image]] = rows[band]
        return values

    def image(
        self, granule: Granule, band: str, epsg: int, affine: Affine, shape: tuple[int, int]
    ) -> NDArray[Any]:
        """Return a band on any north-up grid: each pixel's centre shows the native pixel that it falls in.

        Parameters
        ----------
        epsg, affine, shape
            The grid; the shape is ``(height, width)``.
        """
        metres = PIXEL_METRES[band]
        grid = (granule.epsg, metres, epsg, tuple(affine), tuple(shape))
        with self._lock:
            cells = _kept(
                self._grids,
                grid,
                lambda: self._cells(granule.epsg, metres, epsg, affine, shape),
                _KEPT_GRIDS,
            )
            values = _kept(
                self._images,
                (granule.number, *grid),
                lambda: self._shown(granule.number, cells.places, metres),
                _KEPT_IMAGES,
            )
        return values[band][cells.cell].reshape(shape)

    def _cells(
        self, zone: int, metres: int, epsg: int, affine: Affine, shape: tuple[int, int]
    ) -> _Cells:
        a, b, c, d, e, f = affine
        if b or d:
            raise ValueError(f"expected a north-up grid, got the affine {affine}")
        x, y = np.meshgrid(c + a * (np.arange(shape[1]) + 0.5), f + e * (np.arange(shape[0]) + 0.5))
        if epsg != zone:
            x, y = Transformer.from_crs(epsg, zone, always_xy=True).transform(x, y)
        column, row = (np.floor(each.ravel() / metres).astype(np.int64) for each in (x, y))
        west, south = column.min(), row.min()
        width = column.max() - west + 1
        cells, cell = np.unique((row - south) * width + column - west, return_inverse=True)
        centres = ((cells % width + west + 0.5) * metres, (cells // width + south + 0.5) * metres)
        return _Cells(self._places(zone, *centres), cell)

    def _shown(self, number: int, places: Places, metres: int) -> dict[str, NDArray[Any]]:
        """Evaluate a granule at the centres of native pixels, all bands of that size."""
        seen = visible(select_overpasses(self._passes, np.array([number])), places.x, places.y)
        where = np.flatnonzero(seen[:, 0])
        values = {
            band: np.zeros(len(seen), np.uint8 if band == "SCL" else np.uint16)
            for band in _bands_of(metres)
        }
        if len(where):
            image = np.full(len(where), number)
            rows = values_seen(self.land, self._passes, places, where, image)
            for band, column in values.items():
                column[where] = rows[band]
        return values

    def _places(self, epsg: int, x: NDArray[Any], y: NDArray[Any]) -> Places:
        lon, lat = Transformer.from_crs(epsg, 4326, always_xy=True).transform(x, y)
        return Places.of(self.land, lon, lat)

    def footprint(self, granule: Granule) -> list[tuple[float, float]]:
        """Return a closed ring of ``(lon, lat)`` around all that a granule sees in the country's box."""
        tile = TILE_OFFSET_METRES + (self._passes.tile[granule.number] + 0.5) * TILE_SPACING_METRES
        track = (self._passes.orbit[granule.number] + 0.5) * ORBIT_SPACING_METRES
        # A tile is a square; to the north and south it holds the box, however high that is.
        half = TILE_METRES / 2 + 50
        top = max(half, self._edges[1].max() + 50)
        square = Polygon(
            [(tile + x, y) for x, y in ((-half, -top), (half, -top), (half, top), (-half, top))]
        )
        swath = Polygon(
            [
                (track + TILT * y + side * (SWATH_METRES / 2 + 50), y)
                for y, side in ((-top, -1), (-top, 1), (top, 1), (top, -1))
            ]
        )
        ring = np.array(square.intersection(swath).exterior.coords)
        east = METRES_PER_DEGREE * np.cos(np.radians(self.land.lat))
        lon, lat = self.land.lon + ring[:, 0] / east, self.land.lat + ring[:, 1] / METRES_PER_DEGREE
        return list(zip(lon.tolist(), lat.tolist(), strict=True))

    def observations(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return what was observed of points ``ID, Lon, Lat``: the truth, by ID, time and granule.

        An observation is there where ``SCL`` is above 0 at the point's 20 m pixel.
        """
        values = self.at(table[["Lon", "Lat"]].to_numpy(float))
        where, image = np.nonzero(values["SCL"])
        times = np.array([granule.time for granule in self.granules], "datetime64[s]")
        names = np.array([granule.name for granule in self.granules], object)
        columns = {
            "ID": table["ID"].to_numpy()[where],
            "time": times[image],
            "granule": names[image],
            **{band: values[band][where, image] for band in BANDS},
        }
        rows = pd.DataFrame(columns).sort_values(["ID", "time", "granule"], kind="stable")
        return rows.reset_index(drop=True)

    def export(self, table: pd.DataFrame, folder: Path) -> None:
        """Write the observations of points ``ID, Lat, Lon, Target`` in the layout of `source=files`."""
        folder.mkdir(parents=True, exist_ok=True)
        labelled = table["Target"] >= 0
        columns = ["ID", "Lat", "Lon"]
        table.loc[labelled, [*columns, "Target"]].to_csv(folder / "Train.csv", index=False)
        table.loc[~labelled, columns].to_csv(folder / "Test.csv", index=False)
        rows = (
            self.observations(table).drop(columns="granule").rename(columns={"time": "Timestamp"})
        )
        name = f"COPERNICUS_S2_SR_HARMONIZED_{self.country.title}_{self.first}_{self.last}.csv"
        rows.merge(table[columns], on="ID").to_csv(folder / name, index=False)


def _granule(number: int, tile: str, epsg: int, seconds: np.int64) -> Granule:
    time = np.datetime64(int(seconds), "s")
    stamp = str(time).replace("-", "").replace(":", "")
    return Granule(number, f"{stamp}_{stamp}_T{tile}", tile, epsg, time)


def _tile(land: Landscape, number: int) -> tuple[str, int]:
    """Name a tile as the Military Grid Reference System names the square of its centre; give its zone."""
    east = METRES_PER_DEGREE * np.cos(np.radians(land.lat))
    lon = land.lon + (TILE_OFFSET_METRES + (number + 0.5) * TILE_SPACING_METRES) / east
    lon = (lon + 180) % 360 - 180
    epsg = utm_zone(lon, land.lat)
    zone = epsg % 100
    x, y = _to_zone(epsg).transform(lon, land.lat)
    column = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")[zone % 3][int(x // 100_000) - 1]
    row = "ABCDEFGHJKLMNPQRSTUV"[(int(y // 100_000) + (0 if zone % 2 else 5)) % 20]
    belt = "CDEFGHJKLMNPQRSTUVWX"[min(int((land.lat + 80) // 8), 19)]
    return f"{zone:02d}{belt}{column}{row}", epsg


def _to_zone(epsg: int) -> Transformer:
    return Transformer.from_crs(4326, epsg, always_xy=True)


def _centre(position: NDArray[np.float64], metres: int) -> NDArray[np.float64]:
    return (np.floor(position / metres) + 0.5) * metres


def _bands_of(metres: int) -> list[str]:
    return [band for band in BANDS if PIXEL_METRES[band] == metres]


def _kept(kept: dict[object, Any], key: object, make: Callable[[], Any], most: int) -> Any:
    """Look a value up or make it; the one that was asked for longest ago makes room."""
    value = kept.pop(key) if key in kept else make()
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
    return value
