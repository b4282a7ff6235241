"""What is labelled next is uncertain, and not twice the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standins import maps

from cropland.errors import DataError
from cropland.maps.assessment import next_points, sample
from cropland.maps.assessment.next_points import select_diverse
from cropland.maps.finished_map import FinishedMap
from cropland.observations import points
from cropland.sources import grid as grids


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
    found = select_diverse(uncertainty, x, 6, seed=seed)
    most = [np.flatnonzero(island == i)[uncertainty[island == i].argmax()] for i in range(6)]
    assert sorted(found) == sorted(most)


def test_the_most_uncertain_come_first() -> None:
    x, _ = islands(6, 8)
    uncertainty = np.random.default_rng(1).uniform(0.5, 1, len(x))
    found = select_diverse(uncertainty, x, 5, seed=1)
    assert (np.diff(uncertainty[found]) <= 0).all()


def test_islands_of_certain_samples_are_left_alone() -> None:
    x, island = islands(6, 8)
    uncertainty = np.where(island < 3, 0.7, 0.0)
    found = select_diverse(uncertainty, x, 6, seed=1)
    assert set(island[found]) == {0, 1, 2}


def test_only_the_pool_of_the_most_uncertain_is_looked_at() -> None:
    x, island = islands(4, 10)
    uncertainty = np.where(island == 0, 0.9, 0.4)
    assert set(island[select_diverse(uncertainty, x, 5, seed=1, pool=2)]) == {0}
    assert set(island[select_diverse(uncertainty, x, 5, seed=1, pool=8)]) == {0, 1, 2, 3}


@pytest.mark.parametrize(("last", "expected"), [(0.9, [0, 2]), (0.1, [0, 1])])
def test_unlike_samples_are_put_together_where_one_is_nearly_certain(
    last: float, expected: list[int]
) -> None:
    x = np.float32([[0], [1], [2.2]])
    assert select_diverse(np.array([1, 1, last]), x, 2, seed=1).tolist() == expected


def test_a_pool_of_one_is_uncertainty_alone() -> None:
    x, _ = islands(4, 10)
    uncertainty = np.random.default_rng(2).random(40)
    found = select_diverse(uncertainty, x, 7, seed=1, pool=1)
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
    found = select_diverse(uncertainty, x, count, seed=seed)
    assert len(found) == count == len(set(found))
    assert (uncertainty[found] > 0).sum() == min(count, (uncertainty > 0).sum())


def test_a_seed_decides() -> None:
    random = np.random.default_rng(3)
    x, uncertainty = random.normal(size=(300, 5)).astype(np.float32), random.random(300)
    first = select_diverse(uncertainty, x, 20, seed=4)
    assert np.array_equal(first, select_diverse(uncertainty, x, 20, seed=4))
    assert not np.array_equal(first, select_diverse(uncertainty, x, 20, seed=5))


def test_of_equals_the_first_is_taken() -> None:
    x, _ = islands(3, 200)
    assert select_diverse(np.full(600, 0.5), x, 3, seed=1, pool=200).tolist() == [0, 200, 400]
    assert select_diverse(np.tile([0.0, 0.5], 300), x, 350, seed=1)[300:].tolist() == [
        *range(0, 100, 2)
    ]


@pytest.mark.filterwarnings("error")
def test_where_many_samples_are_the_same_the_most_uncertain_fill_up() -> None:
    x = np.float32([[0], [0], [0], [0], [50]])
    found = select_diverse(np.array([0.9, 0.6, 0.8, 0.7, 0.1]), x, 4, seed=1)
    assert found.tolist() == [0, 2, 3, 4]


def test_all_can_be_select_diverse() -> None:
    x, _ = islands(2, 2)
    assert select_diverse(np.array([0.1, 0.0, 0.3, 0.2]), x, 4, seed=1).tolist() == [2, 3, 0, 1]


# What to label next: the upper left quarter is uncertain, the lower right one unlike the training points
UNSURE = np.zeros((200, 200))


UNSURE[:100, :100] = 60 + 30 * np.random.default_rng(1).random((100, 100))


UNLIKE = np.full((200, 200), 0.1)


UNLIKE[100:, 100:] = 1 + np.random.default_rng(2).random((100, 100))


def layered(folder: Path, **changes: np.ndarray) -> FinishedMap:
    layers = {
        "probability": np.where(UNSURE > 0, 50, 100),
        "uncertainty": UNSURE,
        "observations": np.full((200, 200), 40),
        "dissimilarity": UNLIKE,
        "applicability": UNLIKE < 1,
    }
    return maps.write(folder, np.ones((200, 200), int), **{**layers, **changes})


def pixels(made: FinishedMap, text: str, folder: Path) -> np.ndarray:
    """Rows and columns of chosen points, read as a points file is."""
    path = folder / "next.csv"
    path.write_text(text)
    table = points.read(path, labelled=False)
    rows, columns, inside = grids.pixels(
        made.grid, table["Lon"].to_numpy(), table["Lat"].to_numpy()
    )
    assert inside.all()
    return np.stack([rows, columns], axis=1)


def test_what_is_uncertain_and_what_is_unlike_the_training_points_is_labelled_next(
    tmp_path: Path,
) -> None:
    made = layered(tmp_path)
    text = next_points.choose(made, 30, candidates=5000, min_distance=50, seed=1)
    at = pixels(made, text, tmp_path)
    uncertain, unlike = (at < 100).all(axis=1), (at >= 100).all(axis=1)
    assert (uncertain | unlike).all()
    assert min(uncertain.sum(), unlike.sum()) >= 8
    away = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) * 10
    assert away[np.triu_indices(30, 1)].min() >= 50
    assert text == next_points.choose(made, 30, candidates=5000, min_distance=50, seed=1)
    assert text != next_points.choose(made, 30, candidates=5000, min_distance=50, seed=2)


def test_what_is_sampled_to_assess_is_not_labelled_to_teach(tmp_path: Path) -> None:
    made = layered(tmp_path)
    text = next_points.choose(made, 30, candidates=40_000, min_distance=50, seed=1)
    first = pixels(made, text, tmp_path)
    strata = sample.count_strata(made, [(1,), (0,)])
    design = sample.draw(made, strata, np.array([30, 0]), seed=1, allocation="equal")
    lon, lat = grids.lonlat(made.grid, *(first.T + 0.5))
    places = zip(design.units, lon.tolist(), lat.tolist(), strict=True)
    design = replace(design, units={name: (x, y, "cropland") for name, x, y in places})
    (tmp_path / "sample.json").write_text(sample.files_of(made, design)["sample.json"])
    again = next_points.choose(made, 30, candidates=40_000, min_distance=50, seed=1)
    second = pixels(made, again, tmp_path)
    assert not set(map(tuple, first)) & set(map(tuple, second))
    assert again.splitlines()[1].split("-")[0] != text.splitlines()[1].split("-")[0]


def test_what_is_unlike_but_inside_the_area_of_applicability_counts_for_nothing(
    tmp_path: Path,
) -> None:
    made = layered(tmp_path, applicability=np.ones((200, 200)))
    at = pixels(
        made, next_points.choose(made, 20, candidates=5000, min_distance=0, seed=1), tmp_path
    )
    assert (at < 100).all()


def test_a_map_without_an_area_of_applicability_has_its_uncertainty(tmp_path: Path) -> None:
    layers = {"probability": UNSURE, "uncertainty": UNSURE, "observations": UNSURE}
    made = maps.write(tmp_path, np.ones((200, 200), int), **layers)
    at = pixels(
        made, next_points.choose(made, 20, candidates=5000, min_distance=0, seed=1), tmp_path
    )
    assert (at < 100).all()


def test_more_points_than_have_room_are_refused(tmp_path: Path) -> None:
    made = layered(tmp_path)
    with pytest.raises(DataError, match=r"expected 30 pixels that are 900 m apart .*, got \d;"):
        next_points.choose(made, 30, candidates=5000, min_distance=900, seed=1)
