"""The granules that stand-ins serve: what other tests take for the truth."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Transformer

from cropland.config.countries import Box, Country, Reference
from cropland.config.groups import Paths
from cropland.config.sources import Files
from cropland.sources.exports import source as exports
from cropland.sources.simulation import source as simulated
from cropland.sources.simulation.landscape import Landscape
from cropland.sources.simulation.overpasses import overpasses
from cropland.sources.simulation.profile import Profile
from cropland.sources.simulation.source import observe
from standins.granules import BANDS, PIXEL_METRES, Granule, Granules

# The tile west of the box's middle has its centre in zone 38, the one east of it in zone 39.
HERE = Country("here", "Here", Box(32.0, 32.5, 48.1, 48.6), Reference("2020-03-01", "2020-04-30"))
FIRST, LAST = date(2020, 3, 1), date(2020, 4, 30)


@pytest.fixture(scope="module")
def granules() -> Granules:
    return Granules(HERE, Profile(), FIRST, LAST)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    random = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "ID": [f"P{number:02d}" for number in range(12)],
            "Lat": random.uniform(32.0, 32.5, 12),
            "Lon": random.uniform(48.1, 48.6, 12),
            "Target": np.array([0, 1, -1] * 4, np.int8),
        }
    )


def alone(granule: Granule, lon: float, lat: float, metres: int) -> dict[str, int] | None:
    """Evaluate a granule at the native pixel of one place, by way of the observations of points."""
    zone = Transformer.from_crs(4326, granule.epsg, always_xy=True)
    x, y = (np.floor(each / metres) * metres + metres / 2 for each in zone.transform(lon, lat))
    at = [np.array([each]) for each in zone.transform(x, y, direction="INVERSE")]
    land = Landscape.of(HERE, Profile(), simulated.SEED)
    day = int(granule.time.astype("datetime64[D]").astype(int))
    rows = observe(land, overpasses(land, *land.metres(*at), day, day), *at)
    (found,) = np.nonzero(rows["time"] == granule.time)
    return {band: int(rows[band][found[0]]) for band in BANDS} if len(found) else None


def test_granules_are_in_order_and_lie_in_two_zones(granules: Granules) -> None:
    names = [granule.name for granule in granules.granules]
    order = [(granule.time, granule.name) for granule in granules.granules]
    assert order == sorted(order)
    assert len(set(names)) == len(names) > 20
    assert [granule.number for granule in granules.granules] == list(range(len(names)))
    assert {granule.tile: granule.epsg for granule in granules.granules} == {
        "38SQA": 32638,
        "39SUR": 32639,
    }
    days = {str(granule.time)[:10] for granule in granules.granules}
    assert min(days) >= "2020-03-01" and max(days) <= "2020-04-30"


def test_the_same_arguments_give_the_same_values(granules: Granules, table: pd.DataFrame) -> None:
    again = Granules(HERE, Profile(), FIRST, LAST)
    pd.testing.assert_frame_equal(again.observations(table), granules.observations(table))
    fewer = granules.observations(table.iloc[::-1].head(3))
    kept = granules.observations(table)
    kept = kept[kept["ID"].isin(fewer["ID"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(fewer, kept)


def test_fewer_days_give_the_same_granules(granules: Granules, table: pd.DataFrame) -> None:
    march = Granules(HERE, Profile(), FIRST, date(2020, 3, 31)).observations(table)
    all_rows = granules.observations(table)
    same = all_rows[all_rows["time"] < "2020-04-01"].reset_index(drop=True)
    pd.testing.assert_frame_equal(march, same)


def test_values_are_those_of_the_native_pixels(granules: Granules, table: pd.DataFrame) -> None:
    values = granules.at(table[["Lon", "Lat"]].to_numpy())
    checked = 0
    for place, (lon, lat) in enumerate(table[["Lon", "Lat"]].to_numpy()[:4]):
        for granule in granules.granules[::3]:
            for band in ("B4", "B11", "SCL"):
                expected = alone(granule, lon, lat, PIXEL_METRES[band])
                found = values[band][place, granule.number]
                assert found == (expected[band] if expected else 0)
                checked += found > 0
    assert checked > 20


def test_observations_are_where_a_scene_class_is(granules: Granules, table: pd.DataFrame) -> None:
    rows = granules.observations(table)
    values = granules.at(table[["Lon", "Lat"]].to_numpy())
    assert len(rows) == (values["SCL"] > 0).sum()
    pd.testing.assert_frame_equal(
        rows, rows.sort_values(["ID", "time", "granule"]).reset_index(drop=True)
    )
    assert set(rows.columns) == {"ID", "time", "granule", *BANDS}
    # Two tiles overlap in the middle of the box, so that some moments are there twice.
    twice = rows["time"].diff().abs() < pd.Timedelta(minutes=1)
    assert twice.any() and rows["granule"][twice].ne(rows["granule"].shift()[twice]).all()


def test_chosen_granules_come_in_the_order_asked_for(granules: Granules) -> None:
    place = np.array([[48.35, 32.25]])
    every, some = granules.at(place), granules.at(place, [7, 2])
    np.testing.assert_array_equal(some["B8"], every["B8"][:, [7, 2]])


@pytest.mark.parametrize("epsg", [32638, 32639, 4326])
def test_images_show_what_points_see(granules: Granules, epsg: int) -> None:
    x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(48.37, 32.21)
    size = 0.0001 if epsg == 4326 else 10
    affine = (size, 0.0, x // size * size, 0.0, -size, y // size * size)
    columns, rows = np.meshgrid(np.arange(9), np.arange(7))
    centres = Transformer.from_crs(epsg, 4326, always_xy=True).transform(
        affine[2] + size * (columns.ravel() + 0.5), affine[5] - size * (rows.ravel() + 0.5)
    )
    seen = 0
    for granule in granules.granules[:8]:
        values = granules.at(np.stack(centres, axis=1), [granule.number])
        for band in ("B2", "B8A", "SCL"):
            image = granules.image(granule, band, epsg, affine, (7, 9))
            np.testing.assert_array_equal(image, values[band][:, 0].reshape(7, 9))
            seen += (image > 0).any()
    assert seen >= 6


def test_wide_pixels_fill_four_small_ones(granules: Granules) -> None:
    granule = next(each for each in granules.granules if each.epsg == 32639)
    affine = (10.0, 0.0, 255_000.0, 0.0, -10.0, 3_570_000.0)
    wide = granules.image(granule, "B11", 32639, affine, (20, 20))
    quarters = wide.reshape(10, 2, 10, 2).swapaxes(1, 2).reshape(100, 4)
    assert (quarters == quarters[:, :1]).all() and len(np.unique(wide)) > 20
    small = granules.image(granule, "B8", 32639, affine, (20, 20))
    assert len(np.unique(small)) > 100


def test_a_tilted_grid_is_refused(granules: Granules) -> None:
    with pytest.raises(ValueError, match="north-up"):
        granules.image(granules.granules[0], "B2", 32639, (10.0, 1.0, 0.0, 0.0, -10.0, 0.0), (2, 2))


def test_footprints_hold_all_that_is_seen(granules: Granules) -> None:
    random = np.random.default_rng(3)
    lonlat = np.stack([random.uniform(48.1, 48.6, 200), random.uniform(32.0, 32.5, 200)], axis=1)
    seen = granules.at(lonlat)["B2"] > 0
    whole = 0
    for granule in granules.granules:
        ring = granules.footprint(granule)
        assert ring[0] == ring[-1]
        inside = shapely.contains_xy(shapely.Polygon(ring), *lonlat.T)
        assert not (seen[:, granule.number] & ~inside).any()
        whole += inside.all()
    assert whole < len(granules.granules)


def test_an_export_holds_the_same_observations(
    granules: Granules, table: pd.DataFrame, tmp_path: Path
) -> None:
    granules.export(table, tmp_path)
    source = Files("files", "COPERNICUS_S2_SR_HARMONIZED", "Train.csv", "Test.csv")
    dataset = exports.fill(source, Paths(str(tmp_path), "archive", "runs"), HERE)
    rows = granules.observations(table)
    names = np.repeat(dataset["ID"].values, dataset["row_size"].values)
    order = np.argsort(names, kind="stable")
    assert list(names[order]) == list(rows["ID"])
    for name in ("time", *BANDS):
        np.testing.assert_array_equal(dataset[name].values[order], rows[name])
    assert (np.sort(dataset["Target"].values) == np.sort(table["Target"])).all()
