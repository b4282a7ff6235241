from __future__ import annotations

import numpy as np
import pytest

from cropland.observations.baseline_offset import (
    carries_offset,
    doubt,
    steps_of_points,
    without_offset,
)

RANDOM = np.random.default_rng(3)
CLEAR = RANDOM.integers(300, 2500, (3, 50, 50)).astype(np.uint16)
CLOUDS = RANDOM.integers(4000, 7000, (3, 50, 50)).astype(np.uint16)
DAYS = np.array(["2021-12-10", "2022-01-10", "2022-02-10", "2022-03-10"], "datetime64[s]")
BEFORE = {"B2": 400.0, "B4": 700.0, "B8": 2100.0, "B11": 1900.0}


def series(later: dict[str, float], points: int = 3) -> tuple[np.ndarray, np.ndarray, dict]:
    """Make points of two days before and two days after, with some values after."""
    values = {
        band: np.tile([BEFORE[band], BEFORE[band], value, value], points)
        for band, value in later.items()
    }
    return np.repeat(np.arange(points), len(DAYS)), np.tile(DAYS, points), values


def moved(by: float) -> dict[str, float]:
    return {band: value + by for band, value in BEFORE.items()}


def test_dark_samples_prove_that_the_offset_was_subtracted() -> None:
    assert carries_offset(CLEAR + 1000)
    assert not carries_offset(CLEAR)


def test_a_few_dark_samples_prove_nothing() -> None:
    raw = CLEAR + 1000
    raw[:, 0, :] = 900  # 2 % of 50 rows
    raw[:, 0, 0] = 1000  # and one pixel less
    assert carries_offset(raw)
    raw[:, 0, 0] = 900
    assert not carries_offset(raw)


def test_no_data_are_no_samples() -> None:
    raw = CLEAR + 1000
    raw[:, :25] = 0
    assert carries_offset(raw)
    assert carries_offset(np.zeros((3, 4, 4), np.uint16))
    assert carries_offset([])


def test_a_doubt_needs_visible_values_and_hardly_a_dark_one() -> None:
    assert doubt({"B4": CLEAR + 1000, "B8": CLEAR}, "in all images").startswith(
        "has hardly a value of the visible bands below 1000 in all images: the land is bright, or "
    )
    assert doubt({"B4": CLEAR}, "in all images") == ""
    assert doubt({"B8": CLEAR + 1000}, "in all images") == ""
    assert doubt({"B4": CLEAR * 0}, "in all images") == ""


def test_clouds_that_carry_it_are_believed_and_clouds_that_do_not_cannot_be_told() -> None:
    assert carries_offset(CLOUDS + 1000)
    assert carries_offset(CLOUDS)  # the limit of the rule


def test_points_with_the_offset_have_a_step_in_every_band() -> None:
    assert steps_of_points(*series(moved(1000))).tolist() == [True, True, True]


@pytest.mark.parametrize(
    "later",
    [
        BEFORE,
        moved(400),
        moved(1600),
        moved(1000) | {"B2": 700.0},  # a season: one band by less
        moved(1000) | {"B11": 600.0},  # snow: bright, but dark in the infrared
        {"B4": BEFORE["B4"] + 150, "B8": BEFORE["B8"] + 1500},  # growth
    ],
)
def test_what_changes_by_another_amount_in_one_band_is_no_step(later: dict[str, float]) -> None:
    assert not steps_of_points(*series(later)).any()


def test_a_value_below_900_after_the_day_is_no_step() -> None:
    point, time, values = series(moved(1000))
    values["B2"][2] = 899
    assert steps_of_points(point, time, values).tolist() == [False, True, True]


def test_points_are_compared_one_by_one() -> None:
    point, time, values = series(moved(1000))
    for band, before in BEFORE.items():
        values[band][:4] = before
    assert steps_of_points(point, time, values).tolist() == [False, True, True]


def test_points_without_a_value_on_both_sides_are_not_compared() -> None:
    point, time, values = series(moved(1000))
    for each in values.values():
        each[0:2] = 0
    assert steps_of_points(point, time, values).tolist() == [True, True]
    after = time >= np.datetime64("2022-01-25")
    rows = {band: each[after] for band, each in values.items()}
    assert steps_of_points(point[after], time[after], rows).tolist() == []
    long_ago = np.where(after, time, time - np.timedelta64(300, "D"))
    assert steps_of_points(point, long_ago, values).tolist() == []


def test_one_band_alone_or_an_index_proves_nothing() -> None:
    assert steps_of_points(*series({"B4": BEFORE["B4"] + 1000})).tolist() == []


def test_of_many_points_some_are_compared() -> None:
    assert len(steps_of_points(*series(moved(0), points=1_001))) == 334


def one_point(before: str, after: str, by: float = 1000.0) -> tuple[np.ndarray, ...]:
    time = np.array([before, after], "datetime64[s]")
    values = {band: np.array([low, low + by]) for band, low in BEFORE.items()}
    return np.zeros(2, int), time, values  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("before", "after", "compared"),
    [
        ("2021-11-26T00:00:00", "2022-01-25T00:00:00", 1),
        ("2022-01-24T23:59:59", "2022-03-25T23:59:59", 1),
        ("2021-11-25T23:59:59", "2022-01-25T00:00:00", 0),
        ("2022-01-24T23:59:59", "2022-03-26T00:00:00", 0),
        ("2022-01-23T00:00:00", "2022-01-24T23:59:59", 0),
    ],
)
def test_sixty_days_on_either_side_of_the_day_are_compared(
    before: str, after: str, compared: int
) -> None:
    assert steps_of_points(*one_point(before, after)).tolist() == [True] * compared


@pytest.mark.parametrize(
    ("by", "is_step"), [(499, False), (500, True), (1500, True), (1501, False)]
)
def test_a_step_is_from_500_to_1500(by: float, is_step: bool) -> None:
    assert steps_of_points(*one_point("2022-01-10", "2022-02-10", by)).tolist() == [is_step]


def test_the_median_is_compared_and_no_data_does_not_count() -> None:
    time = np.array(["2022-01-10", "2022-02-10", "2022-02-15", "2022-02-20"], "datetime64[s]")
    values = {band: np.array([low, low + 1000, 20_000, low + 1000]) for band, low in BEFORE.items()}
    assert steps_of_points(np.zeros(4, int), time, values).tolist() == [True]
    cloud_and_no_data = {
        band: np.array([low, 0, 20_000, low + 1000]) for band, low in BEFORE.items()
    }
    assert steps_of_points(np.zeros(4, int), time, cloud_and_no_data).tolist() == [False]


def test_two_bands_suffice() -> None:
    two = {band: BEFORE[band] + 1000 for band in ("B4", "B8")}
    assert steps_of_points(*series(two)).tolist() == [True, True, True]
    point, time, values = series(two)
    values["B8"][:4] = 0
    assert steps_of_points(point, time, values).tolist() == [True, True]


@pytest.mark.parametrize(("least", "is_step"), [(300, False), (499, False), (500, True)])
def test_the_band_that_changes_least_decides(least: int, is_step: bool) -> None:
    # No value after the day is below 900.
    later = moved(1000) | {"B8": BEFORE["B8"] + least}
    assert steps_of_points(*series(later)).tolist() == [is_step] * 3


def test_the_offset_is_taken_off_from_the_day_on_and_data_stay_data() -> None:
    values = np.array([[1500, 300], [1500, 0], [1000, 1001], [1, 999]], np.uint16)
    time = np.array(["2022-01-24T23:59", "2022-01-25", "2022-01-26", "2023-01-01"], "datetime64[s]")
    expected = [[1500, 300], [500, 0], [1, 1], [1, 1]]
    assert without_offset(values, time).tolist() == expected
    assert values[1, 0] == 1500
