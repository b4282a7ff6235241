from __future__ import annotations

import itertools
import json
from dataclasses import asdict, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from cropland.config.groups import Features, Series
from cropland.config.schema import filled
from cropland.errors import ConfigError
from cropland.features import matrix, series
from cropland.features.pixel_series import Images
from cropland.features.recipe import Recipe, classes_of
from cropland.features.window import Window
from cropland.observations import archive, ragged_array

END = date(2020, 12, 31)
YEAR_BEFORE = date(2019, 12, 31)
RECIPE = Recipe(
    reference_end="2020-12-31",
    span=20,
    end_offset_days=-30,
    bands=("B4", "NDVI", "SCL", "Lat"),
    series=Series("raw", False, 5),
    features=Features("flat_statistics", True, ("min", "std")),
    classes=(4, 5, 9),
)


def by_steps(opened: archive.Archive, window: Window, end: date) -> np.ndarray:
    """The same features, by the functions that a recipe puts together."""
    aligned = series.aligned(
        opened, window, RECIPE.band_set, step_days=5, clear=False, classes=RECIPE.classes
    )
    return matrix.matrix(aligned, RECIPE.band_set, RECIPE.features, reference_end=end).to_numpy()


def test_its_features_are_those_of_window_series_and_matrix(toy_archive: archive.Archive) -> None:
    window = Window(END - timedelta(days=30 + 140), END - timedelta(days=30), uses_future=False)
    assert RECIPE.window() == window
    found = RECIPE.samples(toy_archive)
    np.testing.assert_array_equal(found.matrix, by_steps(toy_archive, window, END))
    assert found.n_observations.shape == (80,)
    assert found.matrix.sizes["sample"] + len(found.unobserved) == 80


def test_points_without_an_observation_are_named(toy_archive: archive.Archive) -> None:
    day = replace(RECIPE, span=1, bands=("B4",)).samples(toy_archive)
    assert 0 < len(day.unobserved) < 80
    names = toy_archive.points["ID"].to_numpy()
    assert list(names[day.n_observations == 0]) == day.unobserved
    assert list(names[day.n_observations > 0]) == list(day.matrix["ID"].to_numpy())


def test_points_with_too_few_observations_are_left_out(toy_archive: archive.Archive) -> None:
    whole = replace(RECIPE, bands=("B4",)).samples(toy_archive)
    few = replace(RECIPE, bands=("B4",), min_observations=10).samples(toy_archive)
    names = toy_archive.points["ID"].to_numpy()
    enough = few.n_observations >= 10
    assert 0 < enough.sum() < 80
    assert few.unobserved == names[~enough].tolist()
    assert few.matrix.identical(whole.matrix.isel(sample=np.flatnonzero(enough)))


def test_a_gap_is_the_distance_of_the_day_furthest_from_any_observation(
    toy_archive: archive.Archive,
) -> None:
    # Values are held constant before the first and after the last, so that a gap there counts whole.
    recipe = replace(RECIPE, bands=("B4",), series=Series("raw", False, 1))
    found = recipe.samples(toy_archive)
    days, offsets = toy_archive.days, toy_archive.offsets
    window = recipe.window()
    every_day = np.arange(window.start_day, window.end_day + 1)
    has_value = ~np.isnan(toy_archive.values("B4"))
    for point, (start, end) in enumerate(itertools.pairwise(offsets)):
        seen = days[start:end][has_value[start:end]].astype(int)
        seen = seen[(seen >= window.start_day) & (seen <= window.end_day)]
        expected = np.abs(every_day[:, None] - seen).min(axis=1).max() if len(seen) else 141
        assert found.longest_gap[point] == expected
    longest = int(np.median(found.longest_gap))
    part = replace(recipe, max_gap_days=longest).samples(toy_archive)
    names = toy_archive.points["ID"].to_numpy()
    enough = (found.longest_gap <= longest) & (found.n_observations > 0)
    assert 0 < enough.sum() < 80
    assert part.unobserved == names[~enough].tolist()
    assert part.matrix.identical(found.matrix.sel(sample=found.matrix["ID"].isin(names[enough])))


def test_a_recipe_of_before_withholds_nothing() -> None:
    stored = asdict(RECIPE)
    del stored["min_observations"], stored["max_gap_days"]
    of_before = filled(Recipe, stored)
    assert (of_before.min_observations, of_before.max_gap_days) == (1, None)


def test_another_season_moves_the_window_by_whole_days_and_keeps_the_names(
    toy_archive: archive.Archive,
) -> None:
    days = (END - YEAR_BEFORE).days
    assert days == 366  # a leap year: months would not do
    own, moved = RECIPE.window(), RECIPE.window(YEAR_BEFORE)
    assert (own.first - moved.first).days == (own.last - moved.last).days == days
    now, then = RECIPE.samples(toy_archive).matrix, RECIPE.samples(toy_archive, YEAR_BEFORE).matrix
    assert list(now["feature"].to_numpy()) == list(then["feature"].to_numpy())
    np.testing.assert_array_equal(then, by_steps(toy_archive, moved, YEAR_BEFORE))
    assert not np.array_equal(now, then)


@pytest.mark.parametrize(("offset", "future"), [(-1, False), (0, False), (1, True)])
def test_the_future_begins_after_the_reference_season(offset: int, future: bool) -> None:
    moved = replace(RECIPE, end_offset_days=offset)
    assert moved.window().uses_future is moved.window(YEAR_BEFORE).uses_future is future


DAYS = np.datetime64("2020-12-24T07:00:00") + np.array([0, 3, 7], "timedelta64[D]")
B4, SCL = np.array([1000, 9000, 3000], np.uint16), np.array([4, 9, 5], np.uint8)
"""A cloud between two clear days."""


@pytest.mark.parametrize(("clear", "highest", "days"), [(False, 9000, 3), (True, 3000, 2)])
def test_a_clear_recipe_leaves_clouds_out_of_points_and_pixels(
    clear: bool, highest: float, days: int
) -> None:
    kind = Features("statistics", flat=False, statistics=("max",))
    recipe = Recipe("2020-12-31", 1, 0, ("B4",), Series("any", clear, 1), kind)
    point = pd.DataFrame({"ID": ["a"], "Lat": [1.0], "Lon": [2.0], "Target": np.int8([1])})
    rows = ragged_array.from_rows(point, np.zeros(3, int), DAYS, {"B4": B4, "SCL": SCL})
    points = archive.Archive(rows.assign_attrs(country="x", source="x", fingerprint="x"))
    images = Images(DAYS, {"B4": B4[:, None], "SCL": SCL[:, None]}, np.ones(1), np.ones(1))
    for found in (recipe.samples(points), recipe.samples_of_pixels(images)):
        assert found.matrix.values.tolist() == [[highest]]
        assert found.n_observations.tolist() == [days]


def test_its_scene_classes_are_kept_where_an_archive_has_others(
    toy_archive: archive.Archive,
) -> None:
    assert classes_of(toy_archive, RECIPE.band_set) == (4, 5, 9)
    assert classes_of(toy_archive, replace(RECIPE, bands=("B4",)).band_set) == ()
    wider = replace(RECIPE, classes=(4, 6, 9), features=Features("f", False, ("max",)))
    found = wider.samples(toy_archive).matrix
    names = ["B4_max", "NDVI_max", "SCL_4_max", "SCL_6_max", "SCL_9_max", "Lat"]
    assert list(found["feature"].to_numpy()) == names
    # A class that does not occur has a share of 0; one that is not the recipe's has no column.
    assert (found.sel(feature="SCL_6_max") == 0).all()
    assert (found.sel(feature="SCL_4_max") > 0).any()


def test_it_comes_back_from_plain_values() -> None:
    assert filled(Recipe, json.loads(json.dumps(asdict(RECIPE)))) == RECIPE
    with pytest.raises(ConfigError, match="unknown key 'spam'; did you mean 'span'"):
        filled(Recipe, asdict(RECIPE) | {"spam": 3})
    with pytest.raises(ConfigError, match="bands has no value"):
        filled(Recipe, {key: value for key, value in asdict(RECIPE).items() if key != "bands"})
