"""Series of pixels are those of points that lie in their centres, to the same bits."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cropland.config.groups import Features, Series
from cropland.features import pixel_series
from cropland.features.pixel_series import Images
from cropland.features.recipe import Recipe
from cropland.observations import archive, ragged_array

START = np.datetime64("2020-03-01T07:00:00")
STATISTICS = ("min", "max", "median", "std", "amplitude")


def images(
    seed: int, n_images: int, n_pixels: int, gaps: float, *, with_scl: bool = True
) -> Images:
    """Images of some days, several on one day now and then; a share of their values is missing."""
    random = np.random.default_rng(seed)
    days = np.sort(random.integers(0, 60, n_images)).astype("timedelta64[D]")
    shape = (n_images, n_pixels)
    values: dict[str, Any] = {
        band: random.integers(1, 9000, shape).astype(np.uint16) for band in ("B4", "B8")
    }
    unseen = random.random(shape) < gaps / 2
    for band in values.values():
        band[(random.random(shape) < gaps) | unseen] = 0
    if with_scl:
        values["SCL"] = np.where(unseen, 0, random.integers(1, 12, shape)).astype(np.uint8)
        values["SCL"][random.random(shape) < gaps / 4] = 255
    lat, lon = random.uniform(-80, 80, n_pixels), random.uniform(-180, 180, n_pixels)
    return Images(START + days, values, lat, lon)


def as_points(seen: Images) -> archive.Archive:
    """The same observations as an archive of points, a row where an image saw one."""
    where, image = np.nonzero(seen.present.T)
    points = pd.DataFrame(
        {
            "ID": np.arange(len(seen.lat)).astype(str),
            "Lat": seen.lat,
            "Lon": seen.lon,
            "Target": np.int8(-1),
        }
    )
    columns = {name: values.T[where, image] for name, values in seen.values.items()}
    dataset = ragged_array.from_rows(points, where, seen.times[image], columns)
    return archive.Archive(dataset.assign_attrs(country="x", source="x", fingerprint="x"))


def recipe(*bands: str, clear: bool, step_days: int = 5, max_gap_days: int | None = None) -> Recipe:
    return Recipe(
        reference_end="2020-04-20",
        span=6,
        end_offset_days=0,
        bands=bands,
        series=Series("any", clear=clear, step_days=step_days),
        features=Features("any", flat=True, statistics=STATISTICS, harmonics=2),
        classes=(4, 8) if "SCL" in bands else (),
        max_gap_days=max_gap_days,
    )


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_images=st.integers(1, 25),
    n_pixels=st.integers(1, 12),
    gaps=st.sampled_from([0.0, 0.1, 0.7]),
    bands=st.sampled_from([("B4",), ("B8", "NDVI"), ("SCL", "B4", "Lon", "Lat")]),
    clear=st.booleans(),
    step_days=st.integers(1, 9),
    max_gap_days=st.sampled_from([None, 0, 3, 9, 20, 42]),
)
def test_features_of_pixels_are_those_of_points(
    seed: int,
    n_images: int,
    n_pixels: int,
    gaps: float,
    bands: tuple[str, ...],
    clear: bool,
    step_days: int,
    max_gap_days: int | None,
) -> None:
    seen = images(seed, n_images, n_pixels, gaps)
    asked = recipe(*bands, clear=clear, step_days=step_days, max_gap_days=max_gap_days)
    ours, theirs = asked.samples_of_pixels(seen), asked.samples(as_points(seen))
    assert ours.unobserved == theirs.unobserved
    np.testing.assert_array_equal(ours.n_observations, theirs.n_observations)
    np.testing.assert_array_equal(ours.longest_gap, theirs.longest_gap)
    assert ours.matrix.identical(theirs.matrix)


def test_without_scene_classes_an_image_saw_what_any_of_its_bands_has() -> None:
    seen = images(1, 12, 30, 0.5, with_scl=False)
    expected = (seen.values["B4"] > 0) | (seen.values["B8"] > 0)
    np.testing.assert_array_equal(seen.present, expected)
    asked = recipe("B4", "B8", clear=False)
    assert asked.samples_of_pixels(seen).matrix.identical(asked.samples(as_points(seen)).matrix)


def test_a_scene_class_that_is_missing_hides_no_observation_but_clear_ones_need_it() -> None:
    values = {
        "B4": np.array([[500, 500, 0], [700, 700, 700]], np.uint16),
        "SCL": np.array([[255, 4, 255], [4, 0, 4]], np.uint8),
    }
    seen = Images(START + np.array([10, 15], "timedelta64[D]"), values, *np.zeros((2, 3)))
    assert seen.present.tolist() == [[True, True, False], [True, False, True]]
    raw, clear = (recipe("B4", clear=clear).samples_of_pixels(seen) for clear in (False, True))
    assert raw.n_observations.tolist() == [2, 1, 1]
    assert clear.n_observations.tolist() == [1, 1, 1]


def test_of_fractions_what_is_not_a_number_is_no_data() -> None:
    values = np.array([[np.nan, 1500.5], [0.0, 1700.5]], np.float32)
    seen = Images(START + np.array([0, 5], "timedelta64[D]"), {"B4": values}, *np.zeros((2, 2)))
    assert seen.present.tolist() == [[False, True], [False, True]]


def test_a_part_of_images_has_some_of_their_pixels() -> None:
    seen = images(3, 9, 20, 0.2)
    asked = recipe("B4", "Lat", clear=True)
    whole, part = asked.samples_of_pixels(seen), asked.samples_of_pixels(seen.part(slice(5, 9)))
    kept = np.isin(whole.matrix["ID"], ["5", "6", "7", "8"])
    np.testing.assert_array_equal(part.matrix.to_numpy(), whole.matrix.to_numpy()[kept])


def test_pixels_that_the_same_images_saw_share_their_brackets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[pixel_series._PixelBrackets] = []
    original = pixel_series._PixelBrackets.of.__func__  # type: ignore[attr-defined]

    def of(kind: Any, *given: Any) -> pixel_series._PixelBrackets:
        made.append(original(kind, *given))
        return made[-1]

    monkeypatch.setattr(pixel_series._PixelBrackets, "of", classmethod(of))
    recipe("B4", "B8", clear=False).samples_of_pixels(images(1, 10, 500, 0.0))
    assert [each.before.ndim for each in made] == [1]


def test_days_outside_of_the_window_do_not_count() -> None:
    seen = images(5, 20, 6, 0.0)
    late = recipe("B4", clear=False)
    before = late.samples_of_pixels(seen, date(2020, 4, 5)).n_observations
    days = np.unique(seen.times.astype("datetime64[D]"))
    inside = (days >= np.datetime64("2020-02-23")) & (days <= np.datetime64("2020-04-05"))
    assert before.tolist() == [inside.sum()] * 6


def test_clear_pixels_are_of_ground_water_and_snow() -> None:
    # A pixel for each scene class, seen once.
    values = {"B4": np.full((1, 12), 500, np.uint16), "SCL": np.arange(12, dtype=np.uint8)[None]}
    seen = Images(START + np.array([20], "timedelta64[D]"), values, *np.zeros((2, 12)))
    found = recipe("B4", clear=True).samples_of_pixels(seen)
    assert np.flatnonzero(found.n_observations).tolist() == [2, 4, 5, 6, 7, 11]
    assert found.matrix["ID"].values.tolist() == ["2", "4", "5", "6", "7", "11"]
    every = recipe("B4", clear=False).samples_of_pixels(seen).n_observations
    assert every.tolist() == [0] + [1] * 11
