from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from cropland.config.groups import Rule, RuleOfOne
from cropland.errors import DataError
from cropland.learning import choice, correction, statistics
from cropland.learning.statistics import Estimate

SE: RuleOfOne = "one_standard_error"
RULES: tuple[Rule, ...] = ("best", SE, "average")
EQUAL = np.zeros(2, dtype=np.int64)


def estimate(right: np.ndarray, rank: np.ndarray, rule: Rule, **given: object) -> Estimate:
    """The corrected accuracy of candidates that are right in these shares of three repeats, or of one."""
    repeats = 3 if ((right > 0) & (right < 1)).any() else 1
    is_right = right[:, :, None] * repeats > np.arange(repeats) + 0.5
    labels = np.arange(len(right)) % 2
    probability = np.where(is_right == (labels == 1)[:, None, None], 0.9, 0.1)
    return correction.bbc_cv(probability, labels.astype(np.int8), rank, rule, **given)


def coin_flips(count: int, candidates: int, chance: float | np.ndarray, seed: int) -> np.ndarray:
    """Candidates that are right by chance, each sample on its own."""
    return (np.random.default_rng(seed).random((count, candidates)) < chance).astype(float)


def test_of_many_candidates_that_know_nothing_the_corrected_score_is_a_half() -> None:
    naive, corrected = [], []
    for seed in range(8):
        right = coin_flips(300, 200, 0.5, seed)
        found = estimate(right, np.zeros(200, dtype=int), "best", bootstraps=300)
        naive.append(right.mean(axis=0).max())
        corrected.append(found.value)
        assert found.low < 0.5 < found.high
    assert np.mean(naive) > 0.57
    # What is drawn and what is left out are independent coin flips; the mean of 8 has an error of 0.005.
    assert abs(np.mean(corrected) - 0.5) < 0.02


def test_a_candidate_that_was_not_chosen_from_others_keeps_its_accuracy() -> None:
    right = coin_flips(300, 1, 0.8, 4)
    for rule in (SE, "best"):
        found = estimate(right, np.zeros(1, dtype=int), rule)
        assert found.value == pytest.approx(right.mean(), abs=0.004)
        assert found.low < right.mean() < found.high


def test_a_candidate_that_is_truly_better_keeps_its_accuracy() -> None:
    right = coin_flips(400, 50, np.array([0.9] + [0.6] * 49), 5)
    found = estimate(right, np.arange(50), "best")
    assert found.value == pytest.approx(right[:, 0].mean(), abs=0.004)


def test_the_interval_of_one_candidate_covers_its_true_accuracy_in_95_of_100_samples() -> None:
    covered = []
    for seed in range(200):
        found = estimate(
            coin_flips(200, 1, 0.8, seed), np.zeros(1, dtype=int), "best", bootstraps=200
        )
        covered.append(found.low <= 0.8 <= found.high)
    assert 0.92 <= np.mean(covered) <= 0.98


def test_errors_in_clusters_widen_the_interval() -> None:
    groups = np.repeat(np.arange(30), 10)
    right = np.repeat(coin_flips(30, 5, 0.8, 6), 10, axis=0)
    single = estimate(right, np.arange(5), SE)
    grouped = estimate(right, np.arange(5), SE, groups=groups)
    assert grouped.high - grouped.low > 2 * (single.high - single.low)


def chosen_by_hand(
    bag: np.ndarray, labels: np.ndarray, of: np.ndarray, rank: np.ndarray, rule: Rule
) -> np.ndarray:
    """What a rule chooses of samples, shape (sample, candidate, repeat), in units."""
    brier = ((bag - labels[:, None, None]) ** 2).mean(axis=(0, 2))
    if rule == "average":
        return np.lexsort((rank, brier))[:3]
    right = ((bag > 0.5) == (labels == 1)[:, None, None]).mean(axis=2)
    errors = [statistics.standard_error(column, of) for column in right.T]
    return np.array([choice.choose(right.mean(axis=0), errors, rank, rule, brier=brier)])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("grouped", [False, True])
def test_a_correction_is_that_of_a_plain_loop(rule: Rule, grouped: bool) -> None:
    random = np.random.default_rng(8)
    probability, rank = random.random((40, 12, 3)), random.integers(0, 4, 12)
    labels = random.integers(0, 2, 40).astype(np.int8)
    groups = random.integers(0, 9, 40) if grouped else np.arange(40)
    units = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    scores = []
    bootstraps = np.concatenate(list(correction._bootstraps(len(units), 60, 3, 12))).astype(int)
    for drawn in bootstraps:
        # A unit that is drawn twice counts as two.
        copies = [rows for rows, count in zip(units, drawn, strict=True) for _ in range(count)]
        bag = np.concatenate(copies)
        of = np.repeat(np.arange(len(copies)), [len(rows) for rows in copies])
        chosen = chosen_by_hand(probability[bag], labels[bag], of, rank, rule)
        mean = probability[:, chosen].mean(axis=1)
        out = np.concatenate([rows for rows, n in zip(units, drawn, strict=True) if not n])
        scores.append(((mean[out] > 0.5) == (labels[out] == 1)[:, None]).mean())
    found = correction.bbc_cv(
        *(probability, labels, rank, rule),
        members=3,
        groups=groups if grouped else None,
        bootstraps=60,
        seed=3,
    )
    value, share = np.mean(scores), (bootstraps == 0).mean()
    low, high = value + (np.percentile(scores, [2.5, 97.5]) - value) * (share / (1 - share)) ** 0.5
    least = statistics.wilson(value * len(units), len(units))
    expected = [value, min(low, least.low), max(high, least.high)]
    assert [found.value, found.low, found.high] == pytest.approx(expected)


@pytest.mark.parametrize("rule", RULES)
def test_where_labels_are_shuffled_every_corrected_score_is_a_half(rule: Rule) -> None:
    """60 candidates alike in part, 400 points: the mean over 12 shuffles."""
    random = np.random.default_rng(11)
    forecast = random.normal(size=(400, 1, 1)) + random.normal(size=(400, 60, 1))
    probability = expit(forecast + 0.3 * random.normal(size=(1, 60, 1)))
    rank = random.integers(0, 60, 60)
    found = [
        correction.bbc_cv(
            probability, random.permutation(np.arange(400) % 2), rank, rule, bootstraps=60
        ).value
        for _ in range(12)
    ]
    assert abs(np.mean(found) - 0.5) < 0.02


def test_a_perfect_score_has_the_interval_of_as_many_trials() -> None:
    found = estimate(np.ones((120, 3)), np.arange(3), "best", bootstraps=100)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(120 / (120 + 1.959964**2))
    of_blocks = np.arange(120) % 6
    in_blocks = estimate(np.ones((120, 3)), np.arange(3), "best", groups=of_blocks, bootstraps=100)
    assert in_blocks.low == pytest.approx(6 / (6 + 1.959964**2))


@given(st.permutations(range(7)), st.sampled_from(RULES))
def test_the_order_of_candidates_does_not_matter(order: list[int], rule: Rule) -> None:
    random = np.random.default_rng(2)
    probability, labels = random.random((30, 7, 2)), np.arange(30) % 2
    given_to = {"bootstraps": 20, "members": 3}
    one = correction.bbc_cv(probability, labels, np.arange(7), rule, **given_to)
    other = correction.bbc_cv(probability[:, order], labels, np.array(order), rule, **given_to)
    assert [other.value, other.low, other.high] == pytest.approx([one.value, one.low, one.high])


def test_an_average_of_more_than_there_are_is_the_average_of_all() -> None:
    probability = np.array([[[0.9], [0.2]], [[0.3], [0.4]], [[0.1], [0.6]]])
    labels = np.array([1, 0, 0])
    found = correction.bbc_cv(probability, labels, EQUAL, "average", bootstraps=100)
    # The means are 0.55, 0.35 and 0.35: all are right.
    assert found.value == 1.0


def test_a_correction_depends_on_its_seed_only(monkeypatch: pytest.MonkeyPatch) -> None:
    right, rank = coin_flips(60, 20, 0.7, 9), np.arange(20)
    found = estimate(right, rank, SE, bootstraps=100)
    other = estimate(right, rank, SE, bootstraps=100, seed=1)
    assert found != other
    monkeypatch.setattr(correction, "_BLOCK", 420)  # 7 bootstraps of 60 samples at once
    in_blocks = estimate(right, rank, SE, bootstraps=100)
    assert in_blocks.value == pytest.approx(found.value)


def test_bootstraps_of_two_groups_leave_one_of_them_out() -> None:
    right = np.array([[1.0], [1.0], [0.0]])
    found = estimate(right, EQUAL[:1], SE, groups=np.array([5, 5, 2]), bootstraps=400)
    assert found.value == pytest.approx(0.5, abs=0.1)
    assert (found.low, found.high) == (0, 1)


def test_one_group_cannot_be_corrected() -> None:
    with pytest.raises(DataError, match="at least 2 independent groups .* got 1"):
        estimate(np.ones((3, 2)), EQUAL, SE, groups=np.zeros(3, dtype=int))
