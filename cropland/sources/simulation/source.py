"""Observations of a simulated country: the synthetic landscape seen by Sentinel-2.

Datasets keep the contract of `cropland.observations.archive` and are the same bytes for the same input.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from cropland.config.schema import filled
from cropland.errors import DataError
from cropland.observations.archive_writing import Blocks
from cropland.observations.points import COLUMNS
from cropland.sources.simulation import images
from cropland.sources.simulation.hashing import Draw, Float, Hash, hashed, uniform
from cropland.sources.simulation.landscape import Landscape
from cropland.sources.simulation.overpasses import Overpasses, overpasses, visible
from cropland.sources.simulation.profile import Profile
from cropland.sources.simulation.seasons import YEAR_DAYS

if TYPE_CHECKING:
    import pandas as pd
    from odc.geo.geobox import GeoBox

    from cropland.config.countries import Country
    from cropland.config.groups import Paths
    from cropland.config.sources import Simulated

BLOCK = 1000
"""Points simulated at once: arrays that the C library keeps and gives again, as it does not with 100."""
POINTS_STORED = 10_000
"""Points in a block of an archive: about 90 MB."""
CANDIDATES_AT_ONCE = 10_000
MOST_CANDIDATES, MOST_A_POINT = 1_000_000, 50
"""Places drawn, in all or for each point, until a class is said to be too rare."""
SEED = 2023
"""Of the landscape that commands show."""
_SIGNS = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))


def observe_points(
    country: Country, land: Landscape, located: xr.Dataset, margin_days: int
) -> xr.Dataset:
    """Return points with what is observed of them in the reference season and some days around it."""
    return _seen(land, _passes(country, land, located, margin_days), located)


def _passes(country: Country, land: Landscape, located: xr.Dataset, margin_days: int) -> Overpasses:
    """Return the images that may see any of some points, in all days that are observed."""
    start, end = np.array([country.reference.start, country.reference.end], "datetime64[D]")
    first_day, last_day = int(start.astype(int)) - margin_days, int(end.astype(int)) + margin_days
    x, y = land.metres(located["Lon"].to_numpy(), located["Lat"].to_numpy())
    return overpasses(land, x, y, first_day, last_day)


def _seen(land: Landscape, passes: Overpasses, located: xr.Dataset) -> xr.Dataset:
    """Return points with what is observed of them."""
    lon, lat = located["Lon"].to_numpy(), located["Lat"].to_numpy()
    seen = [
        observe(land, passes, lon[i : i + BLOCK], lat[i : i + BLOCK])
        for i in range(0, len(lon), BLOCK)
    ]
    columns = {name: np.concatenate([block[name] for block in seen]) for name in seen[0]}
    row_size = ("point", columns.pop("row_size"))
    rows = {name: ("observation", values) for name, values in columns.items()}
    return located.assign({"row_size": row_size, **rows})


def observe(land: Landscape, passes: Overpasses, lon: Float, lat: Float) -> dict[str, NDArray[Any]]:
    """Return what overpasses see at locations in degrees, ordered by location and time.

    Columns are those of an archive: ``row_size`` has shape ``(location,)``, the others ``(observation,)``.
    """
    x, y = land.metres(lon, lat)
    seen = visible(passes, x, y)
    where, image = np.nonzero(seen)
    return {
        "row_size": seen.sum(axis=1, dtype=np.int32),
        "time": passes.time[image].astype("datetime64[s]"),
        **images.values_seen(land, passes, images.Places(x, y, land.cover(lon, lat)), where, image),
    }


def draw_points(country: Country, land: Landscape, points: int) -> xr.Dataset:
    """Return labelled points and as many unlabelled ones, each half cropland, in random order."""
    half = points // 2
    cropped, other = _candidates(country, land, 2 * half, 2 * (points - half))
    labelled = np.concatenate([cropped[:half], other[: points - half]])
    unlabelled = np.concatenate([cropped[half:], other[points - half :]])

    label = np.repeat([1, 0], [half, points - half]).astype(np.int8)
    mistakes = round(land.profile.label_noise * points)
    label[_shuffled(labelled, land.seed, Draw.MISTAKE)[:mistakes]] ^= 1
    drawn = np.concatenate([labelled, unlabelled])
    target = np.concatenate([label, np.full(len(unlabelled), -1, np.int8)])
    order = _shuffled(drawn, land.seed, Draw.ORDER)
    lon, lat = _places(country, land, drawn[order])
    columns = {
        "ID": _identifiers(hashed(land.seed, Draw.NAME, drawn[order])),
        "Lat": lat,
        "Lon": lon,
        "Target": target[order],
    }
    return xr.Dataset({name: ("point", values) for name, values in columns.items()})


def _candidates(
    country: Country, land: Landscape, cropped: int, other: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the numbers of the first places in the box that are cropped, and of the first that are not."""
    wanted = np.array([other, cropped])
    truths: list[NDArray[np.bool_]] = []
    counts, drawn = np.zeros(2, np.int64), 0
    while (counts < wanted).any():
        # What was found so far tells whether there will ever be enough.
        most = max(MOST_CANDIDATES, MOST_A_POINT * int(wanted.sum()))
        if drawn >= MOST_CANDIDATES and (counts * (most / drawn) < wanted).any():
            raise DataError(
                f"simulated {country.name}: expected {wanted.max()} places of each class in the box, "
                f"cropland and other, but only {counts.min()} of one are among {drawn}; ask for fewer "
                f"source.points, or change cultivated or fallow in its profile"
            )
        draw = np.arange(drawn, drawn + CANDIDATES_AT_ONCE)
        truths.append(land.cropland(*_places(country, land, draw)))
        counts += np.bincount(truths[-1], minlength=2)
        drawn += CANDIDATES_AT_ONCE
    truth = np.concatenate(truths)
    return np.flatnonzero(truth)[:cropped], np.flatnonzero(~truth)[:other]


def _places(country: Country, land: Landscape, draw: NDArray[np.intp]) -> tuple[Float, Float]:
    """Return longitudes and latitudes of places in the box by their number."""
    box = country.box
    across = uniform(land.seed, Draw.LONGITUDE, draw).astype(np.float64)
    up = uniform(land.seed, Draw.LATITUDE, draw).astype(np.float64)
    return box.west + across * (box.east - box.west), box.south + up * (box.north - box.south)


def _shuffled(items: NDArray[np.intp], seed: int, draw: Draw) -> NDArray[np.intp]:
    """Return positions of items in an order that depends on the items alone."""
    return np.argsort(hashed(seed, draw, items))


def _identifiers(hashes: Hash) -> NDArray[np.str_]:
    digits = hashes[:, None] // np.uint64(36) ** np.arange(12, dtype=np.uint64) % np.uint64(36)
    signs = np.ascontiguousarray(_SIGNS[digits]).view("U12")[:, 0]
    return np.char.add("ID_", signs)


def inputs(source: Simulated, _: Paths, country: Country) -> list[object]:
    """Return all that decides the archive beside the code: settings, country and profile."""
    return [source.points, source.margin_days, *image_inputs(source, country)]


def image_inputs(source: Simulated, country: Country) -> list[object]:
    """Return all that decides the images beside the code: country and profile."""
    return [country.land, _profile(source, country)]


def fill(source: Simulated, _: Paths, country: Country) -> Blocks:
    """Simulate a country in the ragged layout of `observations.archive`, block after block of its points."""
    land = Landscape.of(country, _profile(source, country), SEED)
    located = draw_points(country, land, source.points).assign_attrs(_covered(source, country))
    passes = _passes(country, land, located, source.margin_days)
    count = located.sizes["point"]
    blocks = (slice(at, at + POINTS_STORED) for at in range(0, count, POINTS_STORED))
    return Blocks(count, (_seen(land, passes, located.isel(point=block)) for block in blocks))


def observations_of(
    source: Simulated, _: Paths, country: Country, table: pd.DataFrame
) -> xr.Dataset:
    """Simulate the observations of some points."""
    land = Landscape.of(country, _profile(source, country), SEED)
    located = xr.Dataset({name: ("point", table[name].to_numpy()) for name in COLUMNS})
    seen = observe_points(country, land, located, source.margin_days)
    return seen.assign_attrs(_covered(source, country))


def cube(
    source: Simulated,
    _: Paths,
    country: Country,
    grid: GeoBox,
    first: date,
    last: date,
    bands: Sequence[str],
) -> xr.Dataset:
    """Return the images of a grid of a country, lazily; see `cropland.sources.simulation.images.cube`."""
    land = Landscape.of(country, _profile(source, country), SEED)
    return images.cube(land, grid, first, last, bands)


def _covered(source: Simulated, country: Country) -> dict[str, str]:
    """Return the days that are observed, as an archive keeps them."""
    margin = timedelta(days=source.margin_days)
    return {
        "time_coverage_start": (country.reference.first - margin).isoformat(),
        "time_coverage_end": (country.reference.last + margin).isoformat(),
    }


def _profile(source: Simulated, country: Country) -> Profile:
    """Return the profile of a country: the default one where the source has none for it."""
    values = source.profiles.get(country.name, {})
    return filled(Profile, values, f"source.profiles.{country.name}.")


def truth(
    source: Simulated,
    country: Country,
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    season_end: date | None = None,
) -> NDArray[np.bool_]:
    """Return where the land is cropped in the season that ends on a day, or in the reference season."""
    last = country.reference.last
    year = round(((season_end or last) - last).days / YEAR_DAYS)
    return Landscape.of(country, _profile(source, country), SEED).cropland(lon, lat, year)
