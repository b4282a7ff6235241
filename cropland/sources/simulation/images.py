"""What overpasses show of the landscape: at places that are given, or of every pixel of a box.

The cube keeps the contract of `cropland.sources.service.Service.cube`. A block of it is evaluated when it is
read, for all its bands at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations.bands import SCENE_CLASS
from cropland.sources.service import NoImage
from cropland.sources.simulation.atmosphere import digital_numbers, sky, through_atmosphere
from cropland.sources.simulation.hashing import Float, hashed
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
from cropland.sources.simulation.scenes import scene_classes
from cropland.sources.simulation.spectra import BANDS

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from cropland.sources.simulation.landscape import Cover, Landscape

BLOCK_PIXELS = 250
"""Height and width of a block of a cube."""


class Places(NamedTuple):
    """Locations in metres from the middle of the box, and what does not change there."""

    x: Float
    y: Float
    cover: Cover

    @classmethod
    def of(cls, land: Landscape, lon: Float, lat: Float) -> Places:
        """Return the places of degrees, shape ``(location,)``."""
        return cls(*land.metres(lon, lat), land.cover(lon, lat))


def values_seen(
    land: Landscape,
    passes: Overpasses,
    places: Places,
    where: NDArray[np.intp],
    image: NDArray[np.intp],
) -> dict[str, NDArray[Any]]:
    """Return what overpasses show of places, whether or not they are in sight.

    Parameters
    ----------
    where, image
        Which place and which overpass, shape ``(row,)``; of one overpass ``(1,)``.

    Returns
    -------
    dict
        Band to digital numbers (uint16), ``SCL`` to scene classes (uint8), shape ``(row,)``.
    """
    day, datatake = passes.day[image], passes.datatake[image]
    above = sky(land.profile, datatake, land.day_of_year(day), places.x[where], places.y[where])
    reflectance = through_atmosphere(land.reflectance(places.cover, where, day), above, datatake)
    pixel = places.cover.pixel[where]
    sample = hashed(pixel, datatake)
    copy = hashed(sample, passes.tile[image])
    return {
        **dict(zip(BANDS, digital_numbers(reflectance, sample, copy), strict=True)),
        SCENE_CLASS: scene_classes(reflectance, above, pixel, copy),
    }


def select_overpasses(passes: Overpasses, which: NDArray[Any]) -> Overpasses:
    """Return some of the overpasses, by index or by mask."""
    return Overpasses(*(getattr(passes, each.name)[which] for each in fields(passes)))


def in_sight(passes: Overpasses, x: Float, y: Float) -> NDArray[np.bool_]:
    """Return which overpass sees any of the rectangle about positions in metres: ``(overpass,)``."""
    tile = TILE_OFFSET_METRES + (passes.tile + 0.5) * TILE_SPACING_METRES
    west = np.maximum(x.min(), tile - TILE_METRES / 2)
    east = np.minimum(x.max(), tile + TILE_METRES / 2)
    track = (passes.orbit + 0.5) * ORBIT_SPACING_METRES
    # Where the rectangle lies across the swath, which is tilted.
    left, right = west - TILT * y.max() - track, east - TILT * y.min() - track
    seen: NDArray[np.bool_] = (
        (west <= east) & (left <= SWATH_METRES / 2) & (right >= -SWATH_METRES / 2)
    )
    return seen


def cube(
    land: Landscape, grid: GeoBox, first: date, last: date, bands: Sequence[str]
) -> xr.Dataset:
    """Return the images of a grid, lazily, as `cropland.sources.service.Service.cube` says.

    Raises
    ------
    DataError
        A band that is not simulated.
    NoImage
        No image in these days.
    """
    from cropland.sources.grid import box_of
    from cropland.sources.lazy_cube import lazy_cube

    unknown = [name for name in bands if name not in (*BANDS, SCENE_CLASS)]
    if unknown:
        raise DataError(
            f"the simulated source has no {', '.join(unknown)}; it has {', '.join((*BANDS, SCENE_CLASS))}"
        )
    passes = _passes_over(land, grid, first, last)
    if not len(passes.time):
        raise NoImage(
            f"no simulated image of {box_of(grid)} from {first} to {last}; ask for more days"
        )

    times = passes.time.astype("datetime64[s]")
    read = partial(_block, land, passes)
    return lazy_cube(read, _names(passes), times, grid, [bands], BLOCK_PIXELS)


def _passes_over(land: Landscape, grid: GeoBox, first: date, last: date) -> Overpasses:
    """Return the overpasses that see any pixel of a grid."""
    across, up = (grid.coords[name].values for name in ("x", "y"))
    outline = np.concatenate(
        [
            np.stack(np.broadcast_arrays(across, up[[0, -1], None]), -1).reshape(-1, 2),
            np.stack(np.broadcast_arrays(across[[0, -1], None], up), -1).reshape(-1, 2),
        ]
    )
    x, y = land.metres(*_degrees(grid, outline[:, 0], outline[:, 1]))
    days = np.array([first, last], "datetime64[D]").astype(int)
    passes = overpasses(land, x, y, int(days[0]), int(days[1]))
    return select_overpasses(passes, in_sight(passes, x, y))


def _names(passes: Overpasses) -> NDArray[np.str_]:
    """Return names of images by moment, orbit and tile."""
    stamps = np.datetime_as_string(passes.time.astype("datetime64[s]"))
    rows = zip(stamps, passes.orbit, passes.tile, strict=True)
    return np.array(
        [f"SIMULATED_{s.replace('-', '').replace(':', '')}_R{o}_T{t}" for s, o, t in rows]
    )


def _block(
    land: Landscape, passes: Overpasses, image: int, grid: GeoBox, bands: Sequence[str]
) -> NDArray[np.uint16]:
    """Return what an overpass shows of a grid, shape ``(band, y, x)``; 0 out of its sight."""
    places = _pixels(land, grid)
    seen = visible(select_overpasses(passes, np.array([image])), places.x, places.y)[:, 0]
    where = np.flatnonzero(seen)
    values = np.zeros((len(bands), len(seen)), np.uint16)
    if len(where):
        rows = values_seen(land, passes, places, where, np.array([image]))
        values[:, where] = [rows[name] for name in bands]
    return values.reshape(len(bands), *grid.shape)


@lru_cache(maxsize=16)
def _pixels(land: Landscape, grid: GeoBox) -> Places:
    """Return the places of the pixels of a grid, row by row; the images of a block come one after another."""
    x, y = np.meshgrid(grid.coords["x"].values, grid.coords["y"].values)
    return Places.of(land, *_degrees(grid, x.ravel(), y.ravel()))


def _degrees(grid: GeoBox, x: Float, y: Float) -> tuple[Float, Float]:
    """Return longitude and latitude of positions on a grid."""
    from pyproj import Transformer

    to_degrees = Transformer.from_crs(str(grid.crs), 4326, always_xy=True)
    lon, lat = to_degrees.transform(x, y)
    return lon, lat
