from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cropland.errors import ConfigError, DataError
from cropland.maps.assessment import sampling

# Olofsson et al. 2014, section 5.1: deforestation, forest gain, stable forest, stable non-forest
PIXELS = [200_000, 150_000, 3_200_000, 6_450_000]
PROPORTIONS = [0.020, 0.015, 0.320, 0.645]
CONJECTURED = [0.70, 0.60, 0.90, 0.95]


def test_the_sample_size_is_the_published_one_of_olofsson_2014() -> None:
    assert sampling.sample_size(PROPORTIONS, CONJECTURED, 0.01) == 641


def test_half_the_standard_error_takes_four_times_the_units() -> None:
    assert sampling.sample_size([0.5, 0.5], [0.9, 0.9], 0.02) == 225
    assert sampling.sample_size([0.5, 0.5], [0.9, 0.9], 0.01) == 900


def test_floats_do_not_add_a_unit() -> None:
    assert (math.sqrt(0.1 * 0.9) / 0.01) ** 2 > 900
    assert sampling.sample_size([1.0], [0.1], 0.01) == 900


def test_the_sample_size_gives_the_standard_error_that_was_asked_for() -> None:
    size = sampling.sample_size(PROPORTIONS, CONJECTURED, 0.01)
    share, accuracy = np.array(PROPORTIONS), np.array(CONJECTURED)
    deviation = np.sqrt(accuracy * (1 - accuracy))
    optimal = size * share * deviation / (share @ deviation)  # Neyman's, which eq. 13 supposes
    assert math.sqrt(share**2 @ (deviation**2 / optimal)) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize(
    ("minimum", "sizes"),
    [
        (2, [13, 10, 205, 413]),  # in proportion
        # the published ones are 75, 75, 165, 325 and 100, 100, 149, 292, near to the proportion
        (75, [75, 75, 163, 328]),
        (100, [100, 100, 146, 295]),
    ],
)
def test_rare_classes_get_the_minimum_and_the_others_their_share_of_the_rest(
    minimum: int, sizes: list[int]
) -> None:
    assert sampling.allocate(PIXELS, 641, minimum=minimum).tolist() == sizes


def test_the_minimum_is_fifty_where_none_is_given() -> None:
    assert sampling.allocate(PIXELS, 641)[:2].tolist() == [50, 50]


def test_a_class_that_falls_below_the_minimum_because_others_are_raised_is_raised_too() -> None:
    # 200 units by pixels are 4, 52, 144; what the first gets more would leave the second 39
    assert sampling.allocate([200, 2600, 7200], 200).tolist() == [50, 50, 100]


def test_equal_strata_get_the_same_and_the_first_what_is_over() -> None:
    assert sampling.allocate(PIXELS, 641, "equal").tolist() == [161, 160, 160, 160]


@pytest.mark.parametrize("allocation", ["proportional", "equal"])
def test_a_stratum_gets_no_more_units_than_it_has_pixels(allocation: sampling.Allocation) -> None:
    sizes = sampling.allocate([30, 1000, 1000], 400, allocation)
    assert sizes.tolist() == [30, 185, 185]


def test_a_stratum_without_pixels_gets_no_units() -> None:
    assert sampling.allocate([0, 500, 500], 120).tolist() == [0, 60, 60]


def test_a_whole_map_can_be_drawn() -> None:
    assert sampling.allocate([60, 300], 360).tolist() == [60, 300]


@st.composite
def divisible(draw: st.DrawFn) -> tuple[list[int], int, int]:
    """Pixels of strata, a minimum, and a size that lies between the minima and all pixels."""
    stratum = st.integers(2, 300) | st.integers(2, 10**11) | st.just(0)
    pixels = draw(st.lists(stratum, min_size=1, max_size=6).filter(any))
    minimum = draw(st.integers(2, 100))
    lowest = sum(min(count, minimum) for count in pixels)
    return pixels, minimum, draw(st.integers(lowest, min(sum(pixels), lowest + 5000)))


@settings(deadline=None)
@given(divisible(), st.sampled_from(["proportional", "equal"]))
def test_units_sum_to_the_size_within_minimum_and_pixels_and_more_pixels_get_no_fewer(
    given_strata: tuple[list[int], int, int], allocation: sampling.Allocation
) -> None:
    pixels, minimum, size = given_strata
    sizes = sampling.allocate(pixels, size, allocation, minimum=minimum)
    assert sizes.sum() == size
    assert (sizes >= np.minimum(pixels, minimum)).all()
    assert (sizes <= pixels).all()
    assert (np.diff(sizes[np.argsort(pixels, kind="stable")]) >= -1).all()  # by rounding


def test_a_size_below_the_minima_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 200 units, the minima of 4 strata .* got 199"):
        sampling.allocate(PIXELS, 199)


def test_more_units_than_pixels_are_refused() -> None:
    with pytest.raises(DataError, match="at least 101 pixels to draw as many units, got 100"):
        sampling.allocate([60, 40], 101)


# A small map of three strata, cut into blocks of unequal heights
MAP = np.random.default_rng(5).choice(3, size=(40, 25), p=[0.7, 0.25, 0.05])
BLOCKS = np.split(MAP, [7, 8, 30])
COUNTS = [np.bincount(block.ravel(), minlength=3) for block in BLOCKS]


def taken(seed: int, sizes: list[int]) -> np.ndarray:
    """How often each pixel of the map is drawn."""
    found = []
    for block, ranks in zip(BLOCKS, sampling.draw(COUNTS, sizes, seed), strict=True):
        drawn = np.zeros(block.size, int)
        for stratum, taken in enumerate(ranks):
            np.add.at(drawn, np.flatnonzero(block == stratum)[taken], 1)
        found.append(drawn.reshape(block.shape))
    return np.concatenate(found)


def test_each_stratum_gives_its_units_and_no_pixel_is_drawn_twice() -> None:
    drawn = taken(1, [40, 30, 20])
    assert drawn.max() == 1
    assert np.bincount(MAP[drawn == 1]).tolist() == [40, 30, 20]


def test_every_pixel_of_a_stratum_is_as_likely_to_be_drawn() -> None:
    sizes, draws = [70, 25, 10], 1000
    times = sum(taken(seed, sizes) for seed in range(draws))
    chance = np.array(sizes) / np.bincount(MAP.ravel())
    expected = (draws * chance)[MAP]
    spread = np.sqrt(draws * chance * (1 - chance))[MAP]
    scaled = (times - expected) / spread
    assert abs(scaled).max() < 4.5
    assert scaled.std() == pytest.approx(1, abs=0.1)


def test_a_seed_decides_the_pixels() -> None:
    np.testing.assert_array_equal(taken(3, [9, 9, 9]), taken(3, [9, 9, 9]))
    assert (taken(3, [9, 9, 9]) != taken(4, [9, 9, 9])).any()


def test_what_is_drawn_from_a_stratum_does_not_depend_on_the_others() -> None:
    few, many = taken(3, [9, 20, 0]), taken(3, [90, 20, 30])
    np.testing.assert_array_equal(few[MAP == 1], many[MAP == 1])


def test_strata_alike_in_all_are_drawn_from_by_random_numbers_of_their_own() -> None:
    [[first, second, third]] = sampling.draw([[1000, 1000, 1000]], [20, 20, 20], seed=3)
    # Of 20 in 1000 two strata share 0.4 by chance.
    assert max(len(np.intersect1d(a, b)) for a, b in ((first, second), (second, third))) < 5


def test_all_pixels_of_a_stratum_can_be_drawn() -> None:
    everything = np.bincount(MAP.ravel()).tolist()
    assert (taken(2, everything) == 1).all()


def test_a_map_of_billions_of_pixels_is_drawn_from_without_its_ranks_in_memory() -> None:
    counts = np.full((5000, 2), [9_000_000, 1_000_000])
    ranks = sampling.draw(counts, [300, 300], seed=1)
    assert sum(len(block[0]) for block in ranks) == 300
    assert max(int(block[1].max(initial=0)) for block in ranks) < 1_000_000
    assert len({block[0].size for block in ranks}) > 1
