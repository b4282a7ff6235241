from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from cropland.errors import DataError
from cropland.maps.assessment import sampling
from cropland.maps.assessment.area import (
    Assessment,
    SampleEstimate,
    assess_by_class,
    assess_by_stratum,
)

# Olofsson et al. 2014, section 5: Table 8, and the strata in pixels of 30 m
FOREST = ("deforestation", "forest gain", "stable forest", "stable non-forest")
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
HECTARES = dict(zip(FOREST, np.array([200_000, 150_000, 3_200_000, 6_450_000]) * 0.09, strict=True))

# Stehman 2014, Table 2: ten units of each of four strata of another map than the one assessed
STRATUM = "AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDDDDDDDDD"
MAPPED = "AAAAAAABBBABBBBBBBBBBBCCCCCCBBDDDDDDDDDD"
REFERENCE = "AAAAACBABCABBBBBAABBCCCCCDDBBADDDDDDDCCB"
REGIONS = {"A": 40_000, "B": 30_000, "C": 20_000, "D": 10_000}


def units(counts: np.ndarray, names: tuple[str, ...] = FOREST) -> tuple[np.ndarray, np.ndarray]:
    """Map class and reference class of each unit that an error matrix counts."""
    rows, columns = np.indices(counts.shape)
    labels = np.array(names)
    return tuple(np.repeat(labels[at.ravel()], counts.ravel()) for at in (rows, columns))


def olofsson() -> Assessment:
    return assess_by_class(*units(COUNTS), HECTARES)


def stehman() -> Assessment:
    return assess_by_stratum(list(STRATUM), list(MAPPED), list(REFERENCE), REGIONS, "ABCD")


def numbers(found: Assessment) -> np.ndarray:
    """Every estimate and standard error, in order."""
    per_class = [*found.users.values(), *found.producers.values(), *found.area.values()]
    return np.array([(e.value, e.se) for e in (found.overall, *per_class)])


def within(estimates: dict[str, SampleEstimate], digits: int) -> list[tuple[float, float]]:
    return [(round(e.value, digits), round(e.margin, digits)) for e in estimates.values()]


def test_the_areas_are_the_published_ones_of_olofsson_2014() -> None:
    published = [(21_158, 6_158), (11_686, 3_756), (285_770, 15_510), (581_386, 16_282)]
    assert within(olofsson().area, 0) == published
    pixels = olofsson().area["deforestation"].value / 0.09
    assert round(pixels) == 235_086


def test_overall_and_users_accuracy_are_the_published_ones_of_olofsson_2014() -> None:
    found = olofsson()
    assert (round(found.overall.value, 2), round(found.overall.margin, 2)) == (0.95, 0.02)
    published = [(0.88, 0.07), (0.73, 0.10), (0.93, 0.04), (0.96, 0.02)]
    assert within(found.users, 2) == published


def test_producers_accuracy_is_the_published_one_of_olofsson_2014_where_that_follows_from_eq_7() -> (
    None
):
    # Published: 0.75 ± 0.21, 0.85 ± 0.23, 0.93 ± 0.03, 0.96 ± 0.01. Eq. 7 gives the second and the last
    # margin as 0.254 and 0.018, and so does the other estimator.
    expected = [(0.75, 0.21), (0.85, 0.25), (0.93, 0.03), (0.96, 0.02)]
    assert within(olofsson().producers, 2) == expected


def test_the_error_matrix_is_the_published_one_of_olofsson_2014() -> None:
    published = [
        [0.0176, 0, 0.0013, 0.0011],
        [0, 0.0110, 0.0016, 0.0024],
        [0.0019, 0, 0.2967, 0.0213],
        [0.0040, 0.0020, 0.0179, 0.6212],
    ]
    found = olofsson()
    np.testing.assert_array_equal(found.error_matrix.round(4), published)
    assert found.error_matrix.sum() == pytest.approx(1)
    np.testing.assert_array_equal(found.counts, COUNTS)


def test_the_estimates_are_the_published_ones_of_stehman_2014() -> None:
    found = stehman()
    area_a, area_c = found.area["A"], found.area["C"]
    assert (area_a.value, area_c.value) == pytest.approx((35_000, 20_000))
    assert (round(area_a.se / 1e5, 3), round(area_c.se / 1e5, 3)) == (0.082, 0.064)
    assert (round(found.overall.value, 3), round(found.overall.se, 3)) == (0.63, 0.085)
    assert (round(found.users["B"].value, 3), round(found.users["B"].se, 3)) == (0.574, 0.125)
    assert found.error_matrix[1, 2] == pytest.approx(0.08)
    assert round(found.producers["B"].value, 3) == 0.794
    # Published: 0.114. Its eq. 28 gives 0.1166 from the table's 40 units.
    assert found.producers["B"].se == pytest.approx(0.11657, abs=5e-6)


def test_both_estimators_agree_where_strata_are_map_classes() -> None:
    mapped, reference = units(COUNTS)
    other = assess_by_stratum(mapped, mapped, reference, HECTARES, FOREST)
    np.testing.assert_allclose(numbers(other), numbers(olofsson()), rtol=1e-10)
    np.testing.assert_allclose(other.error_matrix, olofsson().error_matrix)


def test_a_unit_where_the_map_has_no_class_counts_for_the_area_and_for_no_accuracy() -> None:
    found = assess_by_stratum(
        list("AAAABB"), list("cco-oo"), list("cooooo"), {"A": 20.0, "B": 5.0}, "co", unmapped="-"
    )
    assert found.area["c"].value == pytest.approx(20 / 4)
    assert found.area["c"].se == pytest.approx(20 * np.sqrt(1 / 4 * 3 / 4 / 3))
    # Of 25 ha, 20 x 3/4 + 5 have a class: in A one of the three is wrong, each stands for 5 ha.
    assert found.overall.value == pytest.approx(15 / 20)
    assert found.users["c"].value == pytest.approx(1 / 2)
    assert found.producers["o"].value == pytest.approx(10 / 15)
    assert found.counts.tolist() == [[1, 1], [0, 3]]
    np.testing.assert_allclose(found.error_matrix, [[0.25, 0.25], [0, 0.5]])


def test_a_class_of_no_map_is_refused_where_none_is_named() -> None:
    with pytest.raises(DataError, match="each map_class .* one of 'c', 'o', got '-'"):
        assess_by_stratum(list("AAA"), list("co-"), list("coo"), {"A": 1.0}, "co")


def test_they_disagree_where_a_unit_was_remapped_after_it_was_drawn() -> None:
    by_stratum = numbers(stehman())
    by_class = numbers(assess_by_class(list(MAPPED), list(REFERENCE), REGIONS))
    assert abs(by_stratum - by_class).max() > 0.01


def test_an_interval_is_1_96_standard_errors_to_either_side() -> None:
    estimate = SampleEstimate.of(100.0, 10.0, 500.0)
    assert (estimate.low, estimate.high) == pytest.approx((80.4, 119.6))


def test_an_interval_ends_at_nothing_and_at_the_whole_area() -> None:
    found = assess_by_class(list("aabb"), list("abab"), {"a": 10.0, "b": 90.0})
    for name in "ab":
        estimate = found.area[name]
        assert (estimate.value, estimate.low, estimate.high) == (50, 0, 100)
        assert estimate.margin > 80
    assert (found.overall.low, found.overall.high) == (0, 1)


def test_labels_may_be_numbers_and_units_in_any_order() -> None:
    mapped, reference = np.array([1, 0, 1, 0, 0], np.uint8), np.array([1, 0, 0, 0, 1])
    found = assess_by_class(mapped, reference, {0: 75.0, 1: 25.0})
    assert found.classes == (0, 1)
    assert found.area[1].value == pytest.approx(75 / 3 + 25 / 2)
    assert found.users[1] == SampleEstimate.of(0.5, 0.5)
    shuffled = assess_by_class(mapped[::-1], reference[::-1], {0: 75.0, 1: 25.0})
    assert numbers(shuffled) == pytest.approx(numbers(found))


def test_areas_are_in_the_unit_of_the_strata_and_accuracies_without_one() -> None:
    twice = assess_by_class(*units(COUNTS), {name: 2 * ha for name, ha in HECTARES.items()})
    factor = np.repeat([1, 2], [9, 4])[:, None]
    np.testing.assert_allclose(numbers(twice), factor * numbers(olofsson()))


@pytest.mark.parametrize("by_stratum", [False, True])
def test_a_class_that_was_never_mapped_has_an_area_and_no_users_accuracy(by_stratum: bool) -> None:
    mapped = ["crop"] * 4 + ["other"] * 4
    reference = ["crop"] * 3 + ["water"] + ["other"] * 4
    areas = {"crop": 40.0, "other": 60.0, "water": 0.0}
    found = (
        assess_by_stratum(mapped, mapped, reference, areas, tuple(areas))
        if by_stratum
        else assess_by_class(mapped, reference, areas)
    )
    assert found.area["water"].value == pytest.approx(10)
    assert found.producers["water"] == SampleEstimate.of(0.0, 0.0)
    assert np.isnan([found.users["water"].value, found.users["water"].se]).all()
    assert found.users["crop"].value == pytest.approx(0.75)


def test_a_class_that_no_unit_shows_has_no_area_and_no_accuracy() -> None:
    found = assess_by_stratum([1, 1, 2, 2], list("aaaa"), list("aaaa"), {1: 5.0, 2: 5.0}, "ab")
    assert found.area["b"] == SampleEstimate.of(0.0, 0.0)
    lacking = [found.users["b"].value, found.producers["b"].value, found.producers["b"].se]
    assert np.isnan(lacking).all()
    assert found.overall == SampleEstimate.of(1.0, 0.0)


def test_a_mapped_class_that_is_never_there_has_no_producers_accuracy() -> None:
    found = assess_by_class(list("aabb"), list("aaaa"), {"a": 5.0, "b": 5.0})
    assert found.users["b"] == SampleEstimate.of(0.0, 0.0)
    assert np.isnan(found.producers["b"].value)


@pytest.mark.parametrize("drawn", [0, 1])
def test_a_stratum_without_a_variance_is_named(drawn: int) -> None:
    mapped = ["crop"] * 3 + ["other"] * drawn
    areas = {"crop": 1.0, "other": 2.0}
    expected = "at least 2 labelled units {0} other, .* got {1}; label more units {0} other, or"
    with pytest.raises(DataError, match=expected.format("where the map says", drawn)):
        assess_by_class(mapped, mapped, areas)
    with pytest.raises(DataError, match=expected.format("in stratum", drawn)):
        assess_by_stratum(mapped, mapped, mapped, areas, ("crop", "other"))


def test_units_of_a_stratum_without_an_area_are_refused() -> None:
    with pytest.raises(DataError, match="no sample units where the map says b, .* got 2"):
        assess_by_class(list("aabb"), list("aabb"), {"a": 5.0, "b": 0.0})


@pytest.mark.parametrize("label", ["unknown", "", "1"])
def test_a_label_that_is_no_class_is_named(label: str) -> None:
    with pytest.raises(DataError, match=f"each reference .* one of 'a', 'b', got '{label}'"):
        assess_by_class(list("aabb"), ["a", "a", "b", label], {"a": 5.0, "b": 5.0})
    with pytest.raises(DataError, match=f"each stratum .* one of 1, 2, got '{label}'"):
        assess_by_stratum([label] * 2, ["a", "a"], ["a", "a"], {1: 5.0, 2: 5.0}, "a")


@pytest.mark.parametrize(
    "areas", [{"a": -1.0, "b": 2.0}, {"a": np.nan}, {"a": np.inf}, {"a": 0.0}, {}]
)
def test_areas_that_are_none_are_refused(areas: dict[str, float]) -> None:
    with pytest.raises(DataError, match="expected the hectares of each stratum"):
        assess_by_class([], [], areas)


# A map of 100,000 pixels of 10 m, 1000 ha, in three regions; 15 % of the cropland is mapped as other land,
# and 20 % of the other land as cropland.
_random = np.random.default_rng(8)
REGION = np.repeat([0, 1, 2], [50_000, 30_000, 20_000])
TRUTH = (_random.random(100_000) < np.array([0.2, 0.3, 0.6])[REGION]).astype(np.int64)
MAP = np.where(_random.random(100_000) < np.array([0.20, 0.15])[TRUTH], 1 - TRUTH, TRUTH)
TRUE_HECTARES = TRUTH.sum() / 100


def pixels(strata: np.ndarray, seed: int) -> np.ndarray:
    """The pixels of a sample of 600 units."""
    counts = np.bincount(strata)
    (ranks,) = sampling.draw([counts], sampling.allocate(counts, 600), seed)
    return np.concatenate([np.flatnonzero(strata == h)[taken] for h, taken in enumerate(ranks)])


@cache
def samples(by_stratum: bool) -> np.ndarray:
    """The estimates of 400 samples, shape (sample, quantity, value or standard error)."""
    strata = REGION if by_stratum else MAP
    areas = dict(enumerate((np.bincount(strata) / 100).tolist()))
    found = []
    for seed in range(400):
        at = pixels(strata, seed)
        found.append(
            assess_by_stratum(strata[at], MAP[at], TRUTH[at], areas, (0, 1))
            if by_stratum
            else assess_by_class(MAP[at], TRUTH[at], areas)
        )
    return np.array([numbers(one) for one in found])


def of_the_whole_map() -> np.ndarray:
    """What `numbers` would give if all pixels were labelled: overall, user's, producer's, area."""
    right = np.bincount(TRUTH[TRUTH == MAP])
    return np.array(
        [
            np.mean(TRUTH == MAP),
            *(right / np.bincount(MAP)),
            *(right / np.bincount(TRUTH)),
            *(np.bincount(TRUTH) / 100),
        ]
    )


@pytest.mark.parametrize("by_stratum", [False, True])
def test_the_estimates_of_many_samples_scatter_around_the_truth(by_stratum: bool) -> None:
    values = samples(by_stratum)[:, :, 0]
    error_of_mean = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    assert (abs(values.mean(axis=0) - of_the_whole_map()) < 3.5 * error_of_mean).all()


@pytest.mark.parametrize("by_stratum", [False, True])
def test_the_standard_error_is_what_the_estimates_of_many_samples_scatter_by(
    by_stratum: bool,
) -> None:
    values, errors = np.moveaxis(samples(by_stratum), 2, 0)
    np.testing.assert_allclose(errors.mean(axis=0), values.std(axis=0, ddof=1), rtol=0.12)


@pytest.mark.parametrize("by_stratum", [False, True])
def test_the_interval_covers_the_true_area_in_95_of_100_samples_and_a_pixel_count_misses_it(
    by_stratum: bool,
) -> None:
    value, error = samples(by_stratum)[:, -1].T
    assert 0.92 <= np.mean(abs(value - TRUE_HECTARES) < 1.96 * error) <= 0.98
    pixel_count = MAP.sum() / 100
    assert np.mean(abs(value - pixel_count) < 1.96 * error) < 0.02


def test_the_area_is_right_of_land_that_the_map_does_not_reach_too() -> None:
    # It reaches 40 % of other land and 90 % of cropland, so that where it reaches cropland is more frequent.
    reached = np.random.default_rng(3).random(100_000) < np.array([0.4, 0.9])[TRUTH]
    shown = np.where(reached, MAP, -1)
    areas = dict(enumerate((np.bincount(REGION) / 100).tolist()))
    found = []
    for seed in range(300):
        at = pixels(REGION, seed)
        one = assess_by_stratum(REGION[at], shown[at], TRUTH[at], areas, (0, 1), unmapped=-1)
        found.append(numbers(one))
    right = np.bincount(TRUTH[reached & (shown == TRUTH)])
    expected = [
        np.mean(shown[reached] == TRUTH[reached]),
        *(right / np.bincount(MAP[reached])),
        *(right / np.bincount(TRUTH[reached])),
        *(np.bincount(TRUTH) / 100),
    ]
    values, errors = np.moveaxis(np.array(found), 2, 0)
    spread = values.std(axis=0, ddof=1)
    assert (abs(values.mean(axis=0) - expected) < 3.5 * spread / np.sqrt(300)).all()
    np.testing.assert_allclose(errors.mean(axis=0), spread, rtol=0.14)
    covered = np.mean(abs(values - expected) < 1.96 * errors, axis=0)
    assert ((covered >= 0.91) & (covered <= 0.98)).all()


@pytest.mark.parametrize("by_stratum", [False, True])
def test_the_intervals_of_all_accuracies_cover_the_truth_in_about_95_of_100_samples(
    by_stratum: bool,
) -> None:
    values, errors = np.moveaxis(samples(by_stratum), 2, 0)
    covered = np.mean(abs(values - of_the_whole_map()) < 1.96 * errors, axis=0)
    assert (covered >= 0.90).all()
    assert (covered <= 0.99).all()
