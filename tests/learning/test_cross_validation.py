from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from sklearn import metrics
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from cropland.config.groups import Validation
from cropland.errors import DataError
from cropland.learning import cross_validation, statistics
from cropland.learning.folds import check_blocks, independent_units, spatial_blocks, splits

KFOLD = Validation("kfold", 5)
BLOCKS = Validation("blocks", 4, block_km=10.0)


def matrix(signal: float, count: int = 120) -> xr.DataArray:
    """Samples whose first feature tells the classes apart by `signal` standard deviations."""
    random = np.random.default_rng(3)
    target = np.arange(count) % 2
    values = random.normal(size=(count, 4)).astype(np.float32)
    values[:, 0] += signal * target
    return xr.DataArray(
        values,
        dims=("sample", "feature"),
        coords={
            "ID": ("sample", [f"P{n}" for n in range(count)]),
            "Target": ("sample", target.astype(np.int8)),
            "Lat": ("sample", random.uniform(10, 10.4, count)),
            "Lon": ("sample", random.uniform(20, 20.4, count)),
        },
    )


def scores(
    chosen: Validation = KFOLD, signal: float = 1.5, **kwargs: int
) -> cross_validation.Scores:
    forest = RandomForestClassifier(10, random_state=1)
    return cross_validation.cross_validate(forest, matrix(signal), chosen, **({"seed": 5} | kwargs))


def test_a_perfect_model_has_a_perfect_score() -> None:
    found = cross_validation.cross_validate(
        DecisionTreeClassifier(), matrix(signal=100), KFOLD, seed=5
    )
    assert found.accuracy == found.f1 == found.roc_auc == 1
    assert found.accuracy_se == found.brier == 0
    assert found.accuracy_fold == (1, 1, 1, 1, 1)


def test_a_model_that_knows_nothing_is_right_half_of_the_time() -> None:
    found = cross_validation.cross_validate(DummyClassifier(), matrix(0), KFOLD, seed=5)
    assert found.accuracy == pytest.approx(0.5)
    assert found.roc_auc == pytest.approx(0.5)
    assert found.brier == pytest.approx(0.25)
    assert {found.accuracy_cropland, found.accuracy_other} == {0, 1}


@pytest.mark.parametrize("chosen", [KFOLD, Validation("repeated", 3, 2), BLOCKS])
def test_same_seed_same_numbers_however_many_threads(chosen: Validation) -> None:
    one, two, other = scores(chosen), scores(chosen, n_jobs=2), scores(chosen, seed=6)
    assert one.out_of_fold.equals(two.out_of_fold)
    assert one.accuracy_fold == two.accuracy_fold
    assert not one.out_of_fold.equals(other.out_of_fold)


def test_every_point_is_predicted_once_a_repeat_and_never_by_a_model_that_saw_it() -> None:
    found = scores(Validation("repeated", 3, 2))
    assert found.out_of_fold.sizes == {"sample": 120, "repeat": 2}
    assert found.out_of_fold["probability"].notnull().all()
    assert len(found.accuracy_fold) == 6
    for train, test in splits(np.arange(120) % 2, np.arange(120), Validation("repeated", 3, 2), 5):
        assert not set(train) & set(test)
        assert len(train) + len(test) == 120


def test_blocks_are_left_out_whole() -> None:
    samples = matrix(1)
    blocks = spatial_blocks(samples, 10.0)
    # 0.4° are 44 km each way near the equator; the last row and column are thin.
    assert 16 < len(np.unique(blocks)) <= 25
    folds = list(splits(samples["Target"].to_numpy(), blocks, BLOCKS, 5))
    for train, test in folds:
        assert not set(blocks[train]) & set(blocks[test])
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(120))


def places(lat: list[float], lon: list[float]) -> xr.Dataset:
    return xr.Dataset({"Lat": ("point", lat), "Lon": ("point", lon)})


def test_blocks_are_square_kilometres_at_any_latitude() -> None:
    # At 35 degrees a tenth of a degree of longitude is 9.1 km, of latitude 11.1 km.
    east = places([35.0] * 5, [0.0, 0.1, 0.2, 0.3, 0.4])
    assert spatial_blocks(east, 10.0).tolist() == [0, 0, 1, 2, 3]
    # 10 km are 0.08993 degrees of latitude; blocks are counted eastward, then northward.
    north = places([34.0, 34.0899, 34.0900, 34.0], [10.0, 10.0, 10.0, 10.2])
    assert spatial_blocks(north, 10.0).tolist() == [0, 0, 2, 1]


def test_samples_of_one_pixel_are_one_unit() -> None:
    # Near the pole 1e-4 degrees of longitude are a metre, of latitude 11.
    near = places([85.0, 85.0, 85.0001], [20.0, 20.0001, 20.0])
    assert independent_units(near, KFOLD).tolist() == [0, 0, 1]


def test_repeats_of_blocked_folds_differ() -> None:
    y, blocks = np.arange(120) % 2, np.arange(120) // 6
    twice = Validation("blocks", 4, 2, block_km=10.0)
    folds = list(splits(y, blocks, twice, 5))
    first, second = ([sorted(test) for _, test in part] for part in (folds[:4], folds[4:]))
    assert len(folds) == 8
    assert not any(test in first for test in second)


def test_two_hundred_folds_keep_their_numbers() -> None:
    everything = np.arange(200)
    folds = [(np.delete(everything, number), everything[[number]]) for number in everything]
    predicted = [np.array([number / 200]) for number in everything]
    found = cross_validation.gather(matrix(1, 200), folds, predicted, 1)
    assert found["fold"][:, 0].values.tolist() == everything.tolist()
    assert found["probability"][150, 0] == 0.75
    # Cropland is what is more probable than a half.
    assert found["label"][:, 0].values.tolist() == [0] * 101 + [1] * 99


def test_a_standard_error_over_single_points_is_the_usual_one() -> None:
    right = np.array([1.0, 0, 1, 1, 0, 1, 1, 1])
    expected = right.std(ddof=1) / np.sqrt(8)
    assert statistics.standard_error(right, np.arange(8)) == pytest.approx(expected)


def test_points_that_err_together_have_a_larger_standard_error() -> None:
    right = np.repeat([1.0, 0, 1, 1], 10)
    together = statistics.standard_error(right, np.repeat(np.arange(4), 10))
    assert together > 2 * statistics.standard_error(right, np.arange(40))
    # Ten copies of four points say no more than the four.
    assert together == pytest.approx(statistics.standard_error(right[::10], np.arange(4)))


def test_fewer_blocks_than_folds_are_refused() -> None:
    with pytest.raises(DataError, match=r"into 1 blocks of 100.0 km, fewer than the 4 folds"):
        check_blocks(matrix(1).to_dataset(name="x"), Validation("blocks", 4, block_km=100.0), "x")


def test_what_is_taught_beside_helps_and_the_folds_stay_the_same() -> None:
    few, many = matrix(1.0).isel(sample=slice(0, 20)), matrix(1.0, count=2000)
    bayes = GaussianNB()
    alone = cross_validation.cross_validate(bayes, few, KFOLD, seed=5)
    pooled = cross_validation.cross_validate(bayes, few, KFOLD, seed=5, other_samples=many)
    assert pooled.out_of_fold["fold"].equals(alone.out_of_fold["fold"])
    assert pooled.out_of_fold["ID"].equals(alone.out_of_fold["ID"])
    # Of 2000 samples a model knows the classes, of 16 it guesses; the Brier score shows it.
    assert pooled.brier < alone.brier


def test_alone_one_fit_on_what_is_taught_predicts_every_sample() -> None:
    samples, elsewhere = matrix(100), matrix(100, count=40)
    turned = elsewhere.assign_coords(Target=("sample", 1 - elsewhere["Target"].to_numpy()))
    tree = DecisionTreeClassifier()
    right = cross_validation.cross_validate(
        tree, samples, KFOLD, seed=5, other_samples=elsewhere, only_others=True
    )
    wrong = cross_validation.cross_validate(
        tree, samples, KFOLD, seed=5, other_samples=turned, only_others=True
    )
    # Whoever had seen a sample's own label could not be wrong about all of them.
    assert (right.accuracy, wrong.accuracy) == (1, 0)
    assert right.accuracy_fold == (1,)
    assert (right.out_of_fold["fold"] == 0).all()


def test_scores_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(3)
    y = random.integers(0, 2, 90).astype(np.int8)
    probability = random.uniform(size=(90, 2))
    probability[:, 1] = 0.0  # one that never says cropland
    by = ("sample", "repeat")
    out_of_fold = xr.Dataset(
        {
            "probability": (by, probability),
            "label": (by, (probability > 0.5).astype(np.int8)),
            "fold": (by, np.tile([0, 1], (90, 1)).astype(np.int16)),
        },
        coords={"Target": ("sample", y)},
    )
    scores = cross_validation.summarise(out_of_fold, np.arange(90), fit_seconds=0)
    labels = probability.T > 0.5
    expected = {
        "accuracy": [metrics.accuracy_score(y, p) for p in labels],
        "accuracy_cropland": [metrics.recall_score(y, p) for p in labels],
        "accuracy_other": [metrics.recall_score(y, p, pos_label=0) for p in labels],
        "f1": [metrics.f1_score(y, p) for p in labels],
        "brier": [metrics.brier_score_loss(y, p) for p in probability.T],
    }
    for name, each in expected.items():
        assert getattr(scores, name) == pytest.approx(np.mean(each), abs=1e-12), name
