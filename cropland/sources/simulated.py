"""Observations of a simulated country: the synthetic landscape seen by Sentinel-2.

The dataset that `observations` returns is a CF contiguous ragged array of time series:

=============  ===============  ==============  ======================================
variable       dimension        dtype           meaning
=============  ===============  ==============  ======================================
``ID``         point            str             ``ID_`` and 12 characters A-Z, 0-9
``Lat, Lon``   point            float64         degrees
``Target``     point            int8            1 cropland, 0 other, -1 unlabelled
``row_size``   point            int32           number of observations of the point
``time``       observation      datetime64[s]   UTC, ascending within a point
``B2 … B12``   observation      uint16          reflectance × 10,000; 0 is no data
``SCL``        observation      uint8           scene class of Sen2Cor
=============  ===============  ==============  ======================================

The observations of a point are contiguous and in the order of the points.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from cropland.errors import DataError
from cropland.points import COLUMNS
from cropland.schema import filled
from cropland.sources.simulation import images
from cropland.sources.simulation.hashing import Draw, Float, Hash, hashed, uniform
from cropland.sources.simulation.landscape import Landscape
from cropland.sources.simulation.overpasses import Overpasses, overpasses, visible
from cropland.sources.simulation.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import pandas as pd
    from numpy.typing import NDArray

    from cropland.config import Paths, Simulated
    from cropland.countries import Box, Country

BLOCK = 100
"""Points simulated at once: few enough for their rows to stay in the processor's cache."""
MOST_CANDIDATES = 1_000_000
SEED = 2023
"""Of the landscape that commands show."""
_SIGNS = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))


def observations(
    country: Country,
    profile: Profile,
    *,
    points: int = 500,
    margin_days: int = 365,
    seed: int = SEED,
) -> xr.Dataset:
    """Return the observations of a simulated country: the same bytes for the same arguments.

    Parameters
    ----------
    country
        Its name (which selects the landscape), box and reference season.
    profile
        Climate, cropping and difficulty.
    points
        Number of labelled points, and of unlabelled ones; half of each are cropland.
    margin_days
        Days observed before and after the reference season.
    seed
        Selects landscape, weather and points.

    Returns
    -------
    Dataset
        A ragged array as described at the top of this module.
    """
    land = Landscape.of(country, profile, seed)
    return _seen(country, land, draw_points(country, land, points), margin_days)


def _seen(country: Country, land: Landscape, located: xr.Dataset, margin_days: int) -> xr.Dataset:
    """Add to points what is observed of them."""
    lon, lat = located["Lon"].to_numpy(), located["Lat"].to_numpy()
    start, end = np.array([country.reference.start, country.reference.end], "datetime64[D]")
    first_day, last_day = int(start.astype(int)) - margin_days, int(end.astype(int)) + margin_days
    passes = overpasses(land, *land.metres(lon, lat), first_day, last_day)
    blocks = [
        observe(land, passes, lon[i : i + BLOCK], lat[i : i + BLOCK])
        for i in range(0, len(lon), BLOCK)
    ]
    columns = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    row_size = ("point", columns.pop("row_size"))
    rows = {name: ("observation", values) for name, values in columns.items()}
    return located.assign({"row_size": row_size, **rows})


def observe(land: Landscape, passes: Overpasses, lon: Float, lat: Float) -> dict[str, NDArray[Any]]:
    """Return what overpasses see at locations in degrees, ordered by location and time.

    The columns are those of the dataset above: ``row_size`` has shape ``(location,)``, the others
    ``(observation,)``.
    """
    x, y = land.metres(lon, lat)
    seen = visible(passes, x, y)
    where, image = np.nonzero(seen)
    return {
        "row_size": seen.sum(axis=1, dtype=np.int32),
        "time": passes.time[image].astype("datetime64[s]"),
        **images.shown(land, passes, images.Places(x, y, land.cover(lon, lat)), where, image),
    }


def draw_points(country: Country, land: Landscape, points: int) -> xr.Dataset:
    """Return labelled points and as many unlabelled ones, each half cropland, in random order."""
    lon, lat, truth = _candidates(country, land, points)
    half = points // 2
    cropped, other = np.flatnonzero(truth), np.flatnonzero(~truth)
    labelled = np.concatenate([cropped[:half], other[: points - half]])
    unlabelled = np.concatenate([cropped[half : 2 * half], other[points - half :][: points - half]])

    mistakes = round(land.profile.label_noise * points)
    label = truth.astype(np.int8)
    label[_shuffled(labelled, land.seed, Draw.MISTAKE)[:mistakes]] ^= 1
    target = np.full(len(truth), -1, np.int8)
    target[labelled] = label[labelled]

    chosen = _shuffled(np.concatenate([labelled, unlabelled]), land.seed, Draw.ORDER)
    columns = {
        "ID": _identifiers(hashed(land.seed, Draw.NAME, chosen)),
        "Lat": lat[chosen],
        "Lon": lon[chosen],
        "Target": target[chosen],
    }
    return xr.Dataset({name: ("point", values) for name, values in columns.items()})


def _candidates(
    country: Country, land: Landscape, points: int
) -> tuple[Float, Float, NDArray[np.bool_]]:
    """Return longitudes, latitudes and truth of places in the box, enough of both classes."""
    box = country.box
    count = 4 * points
    while count <= MOST_CANDIDATES:
        draw = np.arange(count)
        across = uniform(land.seed, Draw.LONGITUDE, draw).astype(np.float64)
        up = uniform(land.seed, Draw.LATITUDE, draw).astype(np.float64)
        lon = box.west + across * (box.east - box.west)
        lat = box.south + up * (box.north - box.south)
        truth = land.cropland(lon, lat)
        if points < min(truth.sum(), (~truth).sum()):
            return lon, lat, truth
        count *= 4
    raise DataError(
        f"simulated {country.name}: expected {points} places in the box of each class, cropland "
        f"and other, but there are not so many among {count // 4}; ask for fewer source.points, or "
        f"change cultivated or fallow in its profile"
    )


def _shuffled(items: NDArray[np.intp], seed: int, draw: Draw) -> NDArray[np.intp]:
    return items[np.argsort(hashed(seed, draw, items))]


def _identifiers(hashes: Hash) -> NDArray[np.str_]:
    digits = hashes[:, None] // np.uint64(36) ** np.arange(12, dtype=np.uint64) % np.uint64(36)
    return np.array(["ID_" + "".join(signs) for signs in _SIGNS[digits]])


def inputs(source: Simulated, _: Paths, country: Country) -> list[object]:
    """Give all that decides the archive: settings, country, profile and the code of the landscape."""
    code = sorted((Path(__file__).parent / "simulation").glob("*.py"))
    return [source.points, source.margin_days, country.land, _profile(source, country), *code]


def fill(source: Simulated, _: Paths, country: Country) -> xr.Dataset:
    """Simulate a country in the ragged layout of `cropland.archive`."""
    dataset = observations(
        country, _profile(source, country), points=source.points, margin_days=source.margin_days
    )
    return dataset.assign_attrs(_covered(source, country))


def unlabelled(_: Simulated, __: Paths) -> None:
    """Say that the simulation has no file of unlabelled points: they are in its archives."""


def observations_of(
    source: Simulated, _: Paths, country: Country, table: pd.DataFrame
) -> xr.Dataset:
    """Simulate the observations of some points."""
    land = Landscape.of(country, _profile(source, country), SEED)
    located = xr.Dataset({name: ("point", table[name].to_numpy()) for name in COLUMNS})
    seen = _seen(country, land, located, source.margin_days)
    return seen.assign_attrs(_covered(source, country))


def cube(
    source: Simulated,
    _: Paths,
    country: Country,
    box: Box,
    first: date,
    last: date,
    bands: Sequence[str],
) -> xr.Dataset:
    """Give the images of a box, lazily, as `cropland.service.Service.cube` says.

    Raises
    ------
    DataError
        A band that is not simulated, or no image in these days.
    """
    land = Landscape.of(country, _profile(source, country), SEED)
    return images.cube(land, box, first, last, bands)


def _covered(source: Simulated, country: Country) -> dict[str, str]:
    """Give the days that are observed, as an archive keeps them."""
    margin = timedelta(days=source.margin_days)
    return {
        "time_coverage_start": (country.reference.first - margin).isoformat(),
        "time_coverage_end": (country.reference.last + margin).isoformat(),
    }


def _profile(source: Simulated, country: Country) -> Profile:
    """Make the profile of a country: the default one where the source has none for it."""
    values = source.profiles.get(country.name, {})
    made: Profile = filled(Profile, values, f"source.profiles.{country.name}.")
    return made
