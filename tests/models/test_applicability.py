"""The dissimilarity index is what the paper says, exact in single precision, and its file is checked."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from cropland.errors import DataError
from cropland.models.applicability import Applicability

LINE = np.array([[0], [1], [3], [6]], dtype=np.float32)
"""Pairs are 1, 3, 6, 2, 5, 3 apart: 10/3 in the mean."""
ONE = np.ones(1)
FOLDS = np.array([0, 0, 1, 1])


def line() -> Applicability:
    return Applicability.of(LINE, ONE, FOLDS)


def clouds(count: int, n_features: int, seed: int = 0) -> np.ndarray:
    """Samples of a few sources, so that features depend on each other, far from 0 and of unlike units."""
    random = np.random.default_rng(seed)
    basis = np.random.default_rng(99).normal(size=(8, n_features))
    made = random.normal(size=(count, 8)) @ basis + 0.3 * random.normal(size=(count, n_features))
    return (made * np.logspace(0, 3, n_features) + 2_000).astype(np.float32)


def brute(train: np.ndarray, importance: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The dissimilarity index in double precision, by its definition."""
    train, x = train.astype(float), x.astype(float)
    scale = importance / train.std(axis=0)
    points = (train - train.mean(axis=0)) * scale
    return cdist((x - train.mean(axis=0)) * scale, points).min(axis=1) / pdist(points).mean()


def of_clouds(n_features: int = 40, n_train: int = 100) -> tuple[Applicability, np.ndarray]:
    train = clouds(n_train, n_features)
    importance = np.random.default_rng(3).exponential(size=n_features)
    return Applicability.of(train, importance, np.arange(n_train) % 5), importance


def test_on_a_line_the_index_is_the_distance_to_the_nearest_over_the_mean_distance() -> None:
    found = line().dissimilarity(np.array([[0], [2.5], [16], [-10 / 3]], dtype=np.float32))
    assert found == pytest.approx([0, 0.15, 3, 1], abs=1e-6)
    assert found.dtype == np.float32


def test_the_threshold_is_of_distances_between_folds() -> None:
    # To the nearest of the other fold: 3, 2, 2, 5; quartiles 2 and 3.5, so that none is an outlier.
    assert line().threshold == pytest.approx(1.5)
    # Folds that take turns: 1, 1, 2, 3 with 1, 2.25 as quartiles.
    assert Applicability.of(LINE, ONE, np.array([0, 1, 0, 1])).threshold == pytest.approx(0.9)


def test_an_outlier_among_the_training_samples_does_not_widen_the_area() -> None:
    # Nine samples 1 apart, each a fold of its own, and one that is 92 away from the last of them.
    x = np.array([*range(9), 100], dtype=np.float32)[:, None]
    made = Applicability.of(x, ONE, np.arange(10))
    assert made.threshold == pytest.approx(1 / pdist(x).mean())


@pytest.mark.parametrize(("widest", "threshold"), [(3.4, 3.4), (3.6, 2)])
def test_the_threshold_is_the_largest_below_the_upper_whisker(
    widest: float, threshold: float
) -> None:
    # Pairs far from each other, so many apart: quartiles 1 and 2, so that the whisker ends at 3.5.
    gaps = np.array([1, 1, 1, 2, 2, 2, 2, widest])
    x = (np.arange(8) * 10 + np.stack([0 * gaps, gaps])).ravel().astype(np.float32)[:, None]
    made = Applicability.of(x, ONE, np.arange(16))
    assert made.threshold == pytest.approx(threshold / pdist(x).mean())


def test_in_the_plane_each_feature_counts_by_its_importance() -> None:
    # Both features have mean 1 and standard deviation 1: corners at ±1, the second halved.
    square = np.array([[0, 0], [2, 0], [0, 2], [2, 2]], dtype=np.float32)
    made = Applicability.of(square, np.array([2.0, 1.0]), np.arange(4))
    mean = (2 * 2 + 2 * 1 + 2 * np.sqrt(5)) / 6
    found = made.dissimilarity(np.array([[5, 2], [2, 5], [5, 6]], dtype=np.float32))
    assert found == pytest.approx(np.array([3, 1.5, np.sqrt(13)]) / mean, rel=1e-6)
    assert made.mean_distance == pytest.approx(mean)
    assert made.threshold == pytest.approx(1 / mean)


def test_units_and_zero_points_of_features_do_not_matter() -> None:
    train, x = clouds(60, 6), clouds(50, 6, seed=1)
    importance, fold = np.array([1.0, 2, 3, 4, 5, 6]), np.arange(60) % 3
    factor, shift = np.float32([0.5, 2, 4, 8, 16, 1]), np.float32([0, 64, -128, 0, 32, 1024])
    first = Applicability.of(train, importance, fold)
    second = Applicability.of(train * factor + shift, 7 * importance, fold)
    assert second.dissimilarity(x * factor + shift) == pytest.approx(
        first.dissimilarity(x), abs=1e-4
    )
    assert second.threshold == pytest.approx(first.threshold, abs=1e-4)


@pytest.mark.parametrize("importance", [0.0, -0.2])
def test_a_feature_without_importance_changes_nothing(importance: float) -> None:
    wide = np.hstack([LINE, np.float32([[9], [-4], [0], [7]])])
    made = Applicability.of(wide, np.array([1.0, importance]), FOLDS)
    x = np.float32([[2.5, 1e30], [16, np.nan], [0, 0]])
    assert np.array_equal(made.dissimilarity(x), line().dissimilarity(x[:, :1]))
    assert made.threshold == line().threshold
    assert made.points.shape == (4, 1)


def test_a_feature_that_is_constant_in_training_is_not_looked_at() -> None:
    # The mean of so many 0.1 is rounded in single precision; a deviation from it would outweigh all else.
    train = np.repeat(LINE, 25, axis=0)
    wide = np.hstack([train, np.full((100, 1), 0.1, dtype=np.float32)])
    narrow, made = (
        Applicability.of(each, np.ones(each.shape[1]), np.arange(100)) for each in (train, wide)
    )
    x = np.float32([[2.5, 0.1], [2.5, 8]])
    assert np.array_equal(made.dissimilarity(x), narrow.dissimilarity(x[:, :1]))


def test_without_any_importance_all_features_count_alike() -> None:
    train, x, fold = clouds(30, 4), clouds(20, 4, seed=1), np.arange(30) % 3
    alike = Applicability.of(train, np.ones(4), fold).dissimilarity(x)
    for nothing in (np.zeros(4), np.array([0, -1.0, 0, -2])):
        assert np.array_equal(Applicability.of(train, nothing, fold).dissimilarity(x), alike)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_the_unit_of_importance_does_not_matter(unit: float) -> None:
    x = np.float32([[2.5], [16]])
    made = Applicability.of(LINE, unit * ONE, FOLDS)
    assert made.dissimilarity(x) == pytest.approx([0.15, 3], abs=1e-6)


def test_single_precision_agrees_with_the_definition_in_double() -> None:
    made, importance = of_clouds(340, 200)
    x = clouds(1_200, 340, seed=1)  # more than two blocks of rows
    expected = brute(clouds(200, 340), importance, x)
    assert made.dissimilarity(x) == pytest.approx(expected, abs=1e-4)


def test_close_to_a_training_sample_far_from_the_mean_digits_are_not_lost() -> None:
    train = clouds(200, 40)
    train[0] = train.mean(axis=0) + 40 * train.std(axis=0)
    made = Applicability.of(train, np.ones(40), np.arange(200) % 5)
    step = np.linspace(0, 0.2, 50)[:, None] * train.std(axis=0)
    x = (train[0] + step).astype(np.float32)
    assert made.dissimilarity(x) == pytest.approx(brute(train, np.ones(40), x), abs=2e-4)


def test_a_training_sample_is_at_no_distance_from_itself() -> None:
    made, _ = of_clouds(340, 200)
    assert made.dissimilarity(clouds(200, 340)).max() < 1e-3


def test_samples_like_the_training_samples_lie_inside_and_others_outside() -> None:
    made, _ = of_clouds()
    x = clouds(400, 40, seed=1)
    assert (made.dissimilarity(x) <= made.threshold).mean() > 0.9
    away = x.mean(axis=0) + 20 * x.std(axis=0)
    assert (made.dissimilarity(away[None].astype(np.float32)) > made.threshold).all()


def test_the_border_belongs_to_the_area() -> None:
    # The threshold of 1.5 is 5 away from 6.
    made = line()
    found = made.dissimilarity(np.float32([[11], [11.01]]))
    assert (found <= made.threshold).tolist() == [True, False]


def test_what_is_not_finite_is_outside_and_spoils_no_other_sample() -> None:
    x = np.float32([[np.nan], [2.5], [np.inf], [1e30]])
    made = line()
    assert (made.dissimilarity(x) <= made.threshold).tolist() == [False, True, False, False]
    assert made.dissimilarity(x)[1] == pytest.approx(0.15, abs=1e-6)


def test_no_sample_has_no_index() -> None:
    assert line().dissimilarity(np.empty((0, 1), dtype=np.float32)).shape == (0,)


@pytest.mark.parametrize(
    ("x", "importance", "said"),
    [
        (np.full_like(LINE, 3), ONE, "4 that are all alike"),
        (np.where(LINE > 5, np.float32(np.nan), LINE), ONE, "finite"),
        (LINE, ONE * np.nan, "finite"),
    ],
)
def test_training_samples_that_tell_nothing_are_refused(
    x: np.ndarray, importance: np.ndarray, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        Applicability.of(x, importance, FOLDS)


# The file


def stored(made: Applicability) -> dict[str, np.ndarray]:
    return {name: np.asarray(getattr(made, name)) for name in made.__dataclass_fields__}


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    made, _ = of_clouds()
    made.write(tmp_path / "area")
    found = Applicability.read(tmp_path / "area", 40)
    for name, array in stored(made).items():
        assert np.array_equal(stored(found)[name], array)
    x = clouds(30, 40, seed=1)
    assert np.array_equal(found.dissimilarity(x), made.dissimilarity(x))
    assert type(found.threshold) is type(found.mean_distance) is float


@pytest.mark.parametrize(
    "changed",
    [
        {"mean": np.zeros((), np.float32)},  # it would be subtracted from every feature
        {"mean": np.zeros(2, np.float32)},
        {"scale": np.ones(2, np.float32)},
        {"points": np.zeros((4, 2), np.float32)},
        {"points": np.zeros(4, np.float32)},
    ],
)
def test_the_area_of_a_model_with_other_features_is_refused(
    tmp_path: Path, changed: dict[str, np.ndarray]
) -> None:
    np.savez(tmp_path / "area.npz", **(stored(line()) | changed))
    with pytest.raises(DataError, match="is of another model: expected 1 features"):
        Applicability.read(tmp_path / "area.npz", 1)


def test_a_file_that_lacks_an_array_or_holds_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "area.npz"
    with pytest.raises(DataError, match="No such file"):
        Applicability.read(path, 1)
    partial = stored(line())
    del partial["scale"]
    for arrays in (partial, stored(line()) | {"mean": np.array([{}])}):
        np.savez(path, **arrays)
        with pytest.raises(DataError, match="area.npz is not an area of applicability"):
            Applicability.read(path, 1)


def test_a_damaged_file_is_refused_or_read_as_it_was(tmp_path: Path) -> None:
    whole = io.BytesIO()
    np.savez(whole, **stored(line()))
    good = whole.getvalue()
    cut = [good[:length] for length in range(0, len(good), 101)]
    places = range(0, len(good), 5)
    flipped = [good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :] for at in places]
    refused = 0
    path = tmp_path / "area.npz"
    for damaged in cut + flipped:
        path.write_bytes(damaged)
        try:
            found = Applicability.read(path, 1)
        except DataError:
            refused += 1
        else:  # a flipped time stamp, say
            assert np.array_equal(found.points, line().points)
    assert refused > len(cut)


def test_what_was_never_left_out_does_not_widen_the_area() -> None:
    random = np.random.default_rng(3)
    home = random.normal(size=(100, 3)).astype(np.float32)
    elsewhere = (random.normal(size=(200, 3)) + 20).astype(np.float32)
    fold = np.arange(100) % 5
    x = np.concatenate([home, elsewhere])
    made = Applicability.of(x, np.ones(3), np.concatenate([fold, np.full(200, -1)]))
    between = np.full((1, 3), 10, np.float32)
    assert made.dissimilarity(between)[0] > made.threshold
    assert (made.dissimilarity(home) <= made.threshold).mean() > 0.9
    alone = Applicability.of(home, np.ones(3), fold)
    # In units of distance the threshold is that of the points at home, up to how features are scaled.
    ours, theirs = (each.threshold * each.mean_distance / each.scale[0] for each in (made, alone))
    assert ours == pytest.approx(theirs, rel=0.01)
