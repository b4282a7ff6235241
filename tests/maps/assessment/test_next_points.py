"""What is labelled next is uncertain, and not twice the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cropland.errors import DataError
from cropland.maps.assessment.next_points import chosen


def islands(number: int, each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Samples (features, island of each) of islands in feature space that are far from each other."""
    random = np.random.default_rng(seed)
    island = np.repeat(np.arange(number), each)
    centre = random.permutation(number)[island] * 100
    x = np.stack([centre, -centre], axis=1) + random.normal(size=(len(island), 2))
    return x.astype(np.float32), island


@pytest.mark.parametrize("seed", range(5))
def test_every_island_of_uncertain_samples_is_represented_by_its_most_uncertain(seed: int) -> None:
    x, island = islands(6, 8)
    uncertainty = np.random.default_rng(1).uniform(0.5, 1, len(x))
    uncertainty[island == 2] += 1  # alone, uncertainty would choose among these only
    found = chosen(uncertainty, x, 6, seed=seed)
    most = [np.flatnonzero(island == i)[uncertainty[island == i].argmax()] for i in range(6)]
    assert sorted(found) == sorted(most)


def test_the_most_uncertain_come_first() -> None:
    x, _ = islands(6, 8)
    uncertainty = np.random.default_rng(1).uniform(0.5, 1, len(x))
    found = chosen(uncertainty, x, 5, seed=1)
    assert (np.diff(uncertainty[found]) <= 0).all()


def test_islands_of_certain_samples_are_left_alone() -> None:
    x, island = islands(6, 8)
    uncertainty = np.where(island < 3, 0.7, 0.0)
    found = chosen(uncertainty, x, 6, seed=1)
    assert set(island[found]) == {0, 1, 2}


def test_only_the_pool_of_the_most_uncertain_is_looked_at() -> None:
    x, island = islands(4, 10)
    uncertainty = np.where(island == 0, 0.9, 0.4)
    assert set(island[chosen(uncertainty, x, 5, seed=1, pool=2)]) == {0}
    assert set(island[chosen(uncertainty, x, 5, seed=1, pool=8)]) == {0, 1, 2, 3}


@pytest.mark.parametrize(("last", "expected"), [(0.9, [0, 2]), (0.1, [0, 1])])
def test_unlike_samples_are_put_together_where_one_is_nearly_certain(
    last: float, expected: list[int]
) -> None:
    x = np.float32([[0], [1], [2.2]])
    assert chosen(np.array([1, 1, last]), x, 2, seed=1).tolist() == expected


def test_a_pool_of_one_is_uncertainty_alone() -> None:
    x, _ = islands(4, 10)
    uncertainty = np.random.default_rng(2).random(40)
    found = chosen(uncertainty, x, 7, seed=1, pool=1)
    assert np.array_equal(found, np.argsort(-uncertainty)[:7])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.0, 0.2, 0.9]), min_size=1, max_size=30),
    st.integers(1, 30),
    st.integers(0, 5),
)
def test_the_certain_are_never_chosen_while_uncertain_remain(
    values: list[float], count: int, seed: int
) -> None:
    uncertainty, count = np.array(values), min(count, len(values))
    x = np.random.default_rng(seed).integers(0, 3, (len(values), 2)).astype(np.float32)
    found = chosen(uncertainty, x, count, seed=seed)
    assert len(found) == count == len(set(found))
    assert (uncertainty[found] > 0).sum() == min(count, (uncertainty > 0).sum())


def test_a_seed_decides() -> None:
    random = np.random.default_rng(3)
    x, uncertainty = random.normal(size=(300, 5)).astype(np.float32), random.random(300)
    first = chosen(uncertainty, x, 20, seed=4)
    assert np.array_equal(first, chosen(uncertainty, x, 20, seed=4))
    assert not np.array_equal(first, chosen(uncertainty, x, 20, seed=5))


def test_of_equals_the_first_is_taken() -> None:
    x, _ = islands(3, 200)
    assert chosen(np.full(600, 0.5), x, 3, seed=1, pool=200).tolist() == [0, 200, 400]
    assert chosen(np.tile([0.0, 0.5], 300), x, 350, seed=1)[300:].tolist() == [*range(0, 100, 2)]


@pytest.mark.filterwarnings("error")
def test_where_many_samples_are_the_same_the_most_uncertain_fill_up() -> None:
    x = np.float32([[0], [0], [0], [0], [50]])
    found = chosen(np.array([0.9, 0.6, 0.8, 0.7, 0.1]), x, 4, seed=1)
    assert found.tolist() == [0, 2, 3, 4]


def test_all_can_be_chosen() -> None:
    x, _ = islands(2, 2)
    assert chosen(np.array([0.1, 0.0, 0.3, 0.2]), x, 4, seed=1).tolist() == [2, 3, 0, 1]


@pytest.mark.parametrize(
    ("uncertainty", "n_rows", "count", "pool", "said"),
    [
        ([0.5, 0.5], 2, 3, 10, "between 1 and 2 samples, for there are no more, got 3"),
        ([0.5, 0.5], 2, 0, 10, "got 0"),
        ([], 0, 1, 10, "got 1"),
        ([0.5, 0.5], 3, 1, 10, "shapes \\(2,\\) and \\(3, 1\\)"),
        ([0.5, 0.5], 2, 1, 0, "a pool of at least 1"),
        ([0.5, np.nan], 2, 1, 10, "finite"),
        ([0.5, -0.1], 2, 1, 10, "from 0 up"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(
    uncertainty: list[float], n_rows: int, count: int, pool: int, said: str
) -> None:
    x = np.zeros((n_rows, 1), dtype=np.float32)
    with pytest.raises(DataError, match=said):
        chosen(np.array(uncertainty), x, count, seed=1, pool=pool)
