"""Simulated observations: what a caller may rely on."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from cropland.config.countries import Box, Choice, Country, Reference
from cropland.config.groups import Paths
from cropland.config.sources import Simulated
from cropland.errors import DataError
from cropland.observations.archive import Archive
from cropland.sources import opening
from cropland.sources.simulation import source as simulated
from cropland.sources.simulation.landscape import Landscape
from cropland.sources.simulation.overpasses import overpasses
from cropland.sources.simulation.profile import Profile
from cropland.sources.simulation.source import SEED, draw_points, observe
from cropland.sources.simulation.spectra import BANDS
from cropland.support import progress

HERE = Country("here", "Here", Box(32.0, 32.5, 48.1, 48.6), Reference("2019-07-01", "2020-06-30"))
PROFILE = Profile(label_noise=0.1)
POINTS = 60
ROOT = Path(__file__).parents[3]


def observations(
    country: Country, profile: Profile, points: int, margin_days: int = 365, seed: int = SEED
) -> xr.Dataset:
    """Simulate all points of a country at once."""
    land = Landscape.of(country, profile, seed)
    located = draw_points(country, land, points)
    return simulated.observe_points(country, land, located, margin_days)


@pytest.fixture(scope="module")
def seen() -> xr.Dataset:
    return observations(HERE, PROFILE, points=POINTS)


def test_what_was_chosen_in_a_country_does_not_change_its_land() -> None:
    source = Simulated("simulated", margin_days=30, points=20, profiles={})
    paths = Paths("data", "archive", "runs")
    plain = simulated.inputs(source, paths, HERE)
    found = replace(HERE, chosen=Choice(48, 2))
    assert simulated.inputs(source, paths, found) == plain
    assert simulated.inputs(source, paths, replace(HERE, title="Elsewhere")) != plain


def test_the_contract_holds(seen: xr.Dataset) -> None:
    kinds = {"Lat": "f8", "Lon": "f8", "Target": "i1", "row_size": "i4", "SCL": "u1"}
    kinds |= dict.fromkeys(BANDS, "u2") | {"time": "M8[s]"}
    assert {name: seen[name].dtype for name in kinds} == {n: np.dtype(k) for n, k in kinds.items()}
    assert set(seen.variables) == {"ID", *kinds}
    assert seen.sizes == {"point": 2 * POINTS, "observation": int(seen["row_size"].sum())}
    assert all(re.fullmatch(r"ID_[A-Z0-9]{12}", name) for name in seen["ID"].values)
    assert len(set(seen["ID"].values)) == 2 * POINTS


def test_observations_ascend_within_points_and_fill_the_archive(seen: xr.Dataset) -> None:
    times = np.split(seen["time"].values, np.cumsum(seen["row_size"].values)[:-1])
    assert all((np.diff(each) >= np.timedelta64(0)).all() for each in times)
    first, last = seen["time"].values.min(), seen["time"].values.max()
    assert np.datetime64("2018-07-01") <= first < np.datetime64("2018-08-01")
    assert np.datetime64("2021-06-25") < last < np.datetime64("2021-07-01")


def test_points_have_100_to_700_observations(seen: xr.Dataset) -> None:
    sizes = seen["row_size"].values
    assert 100 <= sizes.min() < 200 and 500 < sizes.max() <= 700


def test_values_are_digital_numbers_and_scene_classes(seen: xr.Dataset) -> None:
    assert all(seen[band].values.min() > 0 for band in BANDS)
    assert set(np.unique(seen["SCL"])) <= set(range(12))
    clouds = np.isin(seen["SCL"], [8, 9, 10])
    assert 0.1 < clouds.mean() < 0.5
    assert seen["B2"].values[clouds].mean() > 2 * seen["B2"].values[~clouds].mean()


def test_labels_are_the_truth_but_for_the_noise(seen: xr.Dataset) -> None:
    labelled = seen["Target"].values >= 0
    assert labelled.sum() == POINTS
    land = Landscape.of(HERE, PROFILE, 2023)
    truth = land.cropland(seen["Lon"].values, seen["Lat"].values)
    assert truth[labelled].sum() == truth[~labelled].sum() == POINTS // 2
    wrong = (truth != seen["Target"].values)[labelled].sum()
    assert wrong == round(PROFILE.label_noise * POINTS)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(seen: xr.Dataset) -> None:
    xr.testing.assert_identical(observations(HERE, PROFILE, points=POINTS), seen)
    other = observations(HERE, PROFILE, points=POINTS, seed=1)
    assert not set(other["ID"].values) & set(seen["ID"].values)


def test_copies_in_overlapping_tiles_are_nearly_the_same() -> None:
    land = Landscape.of(HERE, PROFILE, 2023)
    # The middle of the box plus the offset of the tiles: the overlap of two.
    lon, lat = np.array([land.lon + 0.064]), np.array([land.lat])
    passes = overpasses(land, *land.metres(lon, lat), 18_300, 18_500)
    rows = observe(land, passes, lon, lat)
    gap = np.diff(rows["time"].astype(int))
    copies = np.flatnonzero(gap < 60)
    assert len(copies) > 20 and gap[copies].min() > 0
    ratio = rows["B4"][copies + 1] / rows["B4"][copies]
    assert 0 < np.abs(ratio - 1).mean() < 0.01


def test_points_are_what_the_field_shows_at_their_places(seen: xr.Dataset) -> None:
    land = Landscape.of(HERE, PROFILE, 2023)
    lon, lat = seen["Lon"].values[:3], seen["Lat"].values[:3]
    passes = overpasses(land, *land.metres(lon, lat), 18_078 - 365, 18_443 + 365)
    rows = observe(land, passes, lon, lat)
    count = int(seen["row_size"].values[:3].sum())
    for name in ("time", "B8", "SCL"):
        np.testing.assert_array_equal(rows[name], seen[name].values[:count])


def test_any_box_on_earth_serves() -> None:
    fiji = Country(
        "fiji", "Fiji", Box(-18.2, -17.9, 177.3, 177.7), Reference("2021-01-01", "2021-12-31")
    )
    seen = observations(fiji, Profile(), points=10, margin_days=0)
    assert seen["time"].values.min() >= np.datetime64("2021-01-01")
    assert seen["time"].values.max() < np.datetime64("2022-01-01")


def test_too_little_cropland_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "MOST_CANDIDATES", 40_000)
    with pytest.raises(DataError, match="only 0 of one are among 40000; .* cultivated or fallow"):
        observations(HERE, Profile(fallow=1.0), points=10)


def test_many_points_are_drawn_where_there_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    few = observations(HERE, PROFILE, points=20, margin_days=0)
    monkeypatch.setattr(simulated, "CANDIDATES_AT_ONCE", 7)
    monkeypatch.setattr(simulated, "MOST_CANDIDATES", 14)
    xr.testing.assert_identical(observations(HERE, PROFILE, points=20, margin_days=0), few)


def made(tmp_path: Path) -> Archive:
    """The archive of 30 labelled points and 30 others."""
    source = Simulated("simulated", margin_days=0, points=30, profiles={})
    return opening.archive_of(source, Paths("data", str(tmp_path), "runs"), HERE)


def test_an_archive_filled_in_blocks_is_that_of_all_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = observations(HERE, Profile(), points=30, margin_days=0)
    monkeypatch.setattr(simulated, "POINTS_STORED", 25)  # two blocks and a smaller one
    monkeypatch.setattr(simulated, "BLOCK", 10)
    stored = made(tmp_path).dataset.load().drop_attrs()
    xr.testing.assert_equal(stored, whole)
    columns = ("Lat", "Target", "row_size", "B2", "SCL")
    assert [stored[name].dtype for name in columns] == [whole[name].dtype for name in columns]


def test_who_waits_for_an_archive_sees_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(simulated, "POINTS_STORED", 20)
    monkeypatch.setattr(progress, "_LINE_SECONDS", -1.0)
    made(tmp_path / "at once")
    assert not capsys.readouterr().err
    monkeypatch.setattr(opening, "_SILENT_SECONDS", -1.0)
    made(tmp_path / "slowly")
    assert "40/60 points" in capsys.readouterr().err


def test_countries_have_points_of_their_own(seen: xr.Dataset) -> None:
    there = Country("there", "There", HERE.box, HERE.reference)
    others = observations(there, PROFILE, points=POINTS, margin_days=0)
    assert not set(others["ID"].values) & set(seen["ID"].values)


def test_the_known_profiles_are_differences_from_the_default() -> None:
    config = yaml.safe_load((ROOT / "conf/source/simulated.yaml").read_text())
    profiles = {name: Profile(**given) for name, given in config["profiles"].items()}
    assert set(profiles) == {"sudan", "afghanistan", "iran"}
    for name, given in config["profiles"].items():
        same = {key for key, value in given.items() if getattr(Profile(), key) == value}
        assert not same, f"{name} repeats defaults"


def test_the_truth_of_another_season_is_another() -> None:
    text = (Path(__file__).parents[3] / "conf/source/simulated.yaml").read_text()
    source = Simulated(**yaml.safe_load(text))
    iran = Country("iran", "Iran", Box(32, 32.5, 48.1, 48.6), Reference("2019-07-01", "2020-06-30"))
    lon, lat = np.random.default_rng(1).uniform([48.1, 32.0], [48.6, 32.5], (4000, 2)).T
    own = simulated.truth(source, iran, lon, lat)
    same, next_year = (
        simulated.truth(source, iran, lon, lat, date(year, 6, 30)) for year in (2020, 2021)
    )
    np.testing.assert_array_equal(own, same)
    assert 0.005 < (own != next_year).mean() < 0.3
