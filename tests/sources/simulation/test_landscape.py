"""The synthetic landscape: a field that does not depend on who looks, or in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cropland.config.countries import Box, Country, Reference
from cropland.sources.simulation.hashing import hashed, normals, rough, smooth, uniform
from cropland.sources.simulation.landscape import Landscape
from cropland.sources.simulation.parcels import Kind
from cropland.sources.simulation.profile import Profile
from cropland.sources.simulation.seasons import crops
from cropland.sources.simulation.spectra import BANDS

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = Profile(label_noise=0, poor=0, meadow=0, fallow=0.3)


def country(south: float = 34.0, name: str = "somewhere") -> Country:
    box = Box(south=south, north=south + 0.5, west=70.0, east=70.5)
    return Country(name, name, box, Reference("2021-11-01", "2022-10-31"))


def places(land: Landscape, count: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    draw = np.arange(count)
    return land.lon + uniform(1, draw) / 2 - 0.25, land.lat + uniform(2, draw) / 2 - 0.25


def day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(int))


@pytest.fixture(scope="module")
def land() -> Landscape:
    return Landscape.of(country(), PLAIN, seed=7)


def ndvi(land: Landscape, lon: np.ndarray, lat: np.ndarray, when: str) -> np.ndarray:
    seen = land.reflectance(land.cover(lon, lat), np.arange(len(lon)), np.full(len(lon), day(when)))
    red, near = seen[BANDS.index("B4")], seen[BANDS.index("B8")]
    return (near - red) / (near + red)


def test_hashes_are_uniform_and_distinct() -> None:
    numbers = uniform(3, np.arange(-50_000, 50_000))
    assert np.histogram(numbers, 10, (0, 1))[0] == pytest.approx(10_000, rel=0.05)
    assert len(np.unique(hashed(3, np.arange(100_000)))) == 100_000


def test_normals_have_mean_0_and_variance_1() -> None:
    numbers = normals(hashed(5, np.arange(50_000)))
    assert numbers.shape == (8, 50_000)
    assert numbers.mean(axis=1) == pytest.approx(0, abs=0.02)
    assert numbers.std(axis=1) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("noise", [smooth, rough])
def test_noise_is_continuous(noise: Callable[[int, np.ndarray, np.ndarray], np.ndarray]) -> None:
    x = np.linspace(-20, 20, 40_001)
    values = noise(11, x, 0.3 * x)
    assert np.abs(np.diff(values)).max() < 0.02
    assert values.std() > 0.15


def test_a_place_is_the_same_alone_in_company_and_in_any_order(land: Landscape) -> None:
    lon, lat = places(land, 500)
    days = np.repeat(day("2022-04-01") + np.arange(0, 100, 20), 100)
    where = np.arange(500)
    together = land.reflectance(land.cover(lon, lat), where, days)
    backwards = land.reflectance(land.cover(lon[::-1], lat[::-1]), where, days[::-1])
    np.testing.assert_allclose(backwards[:, ::-1], together, rtol=1e-5)
    alone = land.reflectance(land.cover(lon[42:43], lat[42:43]), np.array([0]), days[42:43])
    np.testing.assert_allclose(alone[:, 0], together[:, 42], rtol=1e-5)


def test_reflectance_is_physical(land: Landscape) -> None:
    lon, lat = places(land)
    for when in ("2021-12-15", "2022-04-20", "2022-08-15"):
        cover = land.cover(lon, lat)
        seen = land.reflectance(cover, np.arange(len(lon)), np.full(len(lon), day(when)))
        assert seen.shape == (len(BANDS), len(lon))
        assert seen.min() > 0 and seen.max() < 0.7


def test_parcels_are_1_to_5_hectares(land: Landscape) -> None:
    metres = np.arange(0, 3_000, 10.0)
    x, y = (axis.ravel() for axis in np.meshgrid(metres, metres))
    east, _ = land.metres(land.lon + 1, land.lat)
    cover = land.cover(land.lon + x / east, land.lat + y / 111_195)
    _, pixels = np.unique(cover.own.key, return_counts=True)
    low, middle, high = np.quantile(pixels / 100, [0.1, 0.5, 0.95])
    assert 1 < low < 2 < middle < 3 < high < 5


def test_crops_are_green_at_their_peak_and_bare_before_sowing(land: Landscape) -> None:
    lon, lat = places(land)
    rainfed = replace(PLAIN, irrigated=0.0)
    land = replace(land, profile=rainfed)
    crop = land.cropland(lon, lat)
    assert np.median(ndvi(land, lon[crop], lat[crop], "2022-04-20")) > 0.55
    assert np.median(ndvi(land, lon[crop], lat[crop], "2021-11-20")) < 0.2
    assert np.median(ndvi(land, lon[~crop], lat[~crop], "2022-04-20")) < 0.4


def test_fallow_rotates(land: Landscape) -> None:
    own = land.cover(*places(land)).own
    field = own.kind == Kind.FIELD
    now, then = (crops(PLAIN, own, year).any(axis=0) for year in (0, 1))
    assert now[field].mean() == pytest.approx(1 - PLAIN.fallow, abs=0.05)
    assert (now & then)[field].mean() == pytest.approx((1 - PLAIN.fallow) ** 2, abs=0.05)
    assert not now[~field].any()


def test_clustered_fields_keep_together() -> None:
    def spread(clustering: float) -> float:
        land = Landscape.of(country(), replace(PLAIN, clustering=clustering), seed=7)
        lon, lat = places(land, 20_000)
        crop = land.cropland(lon, lat)
        shares = np.histogram2d(lon, lat, 10, weights=crop)[0] / np.histogram2d(lon, lat, 10)[0]
        return float(shares.std())

    assert spread(8.0) > 2 * spread(0.5)


def test_the_south_is_half_a_year_later() -> None:
    north, south = (Landscape.of(country(south), PLAIN, seed=7) for south in (34.0, -34.5))
    assert (south.first_day - north.first_day) % 365 == pytest.approx(183, abs=1)


def test_countries_differ_under_one_seed() -> None:
    here, there = (Landscape.of(country(name=name), PLAIN, seed=7) for name in ("here", "there"))
    lon, lat = places(here)
    assert (here.cropland(lon, lat) != there.cropland(lon, lat)).mean() > 0.2
