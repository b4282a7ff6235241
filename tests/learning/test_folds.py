from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.neighbors import KNeighborsClassifier

from cropland.config.groups import Validation
from cropland.errors import DataError
from cropland.learning import folds, nested
from cropland.learning.cross_validation import cross_validate
from cropland.learning.folds import independent_units, splits

KFOLD = Validation("kfold", 5)
REPEATED = Validation("repeated", 3, 2)


def copied(count: int, copies: int) -> xr.DataArray:
    """Samples of noise, which tell nothing of their labels, each there several times under other IDs."""
    random = np.random.default_rng(4)
    lat, lon = random.uniform(10, 10.4, count), random.uniform(20, 20.4, count)
    values = random.normal(size=(count, 3)).astype(np.float32)
    target = (np.arange(count) % 2).astype(np.int8)
    once = xr.DataArray(
        values,
        dims=("sample", "feature"),
        coords={
            "ID": ("sample", [f"P{number:03d}" for number in range(count)]),
            "Target": ("sample", target),
            "Lat": ("sample", lat),
            "Lon": ("sample", lon),
        },
    )
    every = [
        once.assign_coords(ID=("sample", [f"{name}{copy}" for name in once["ID"].to_numpy()]))
        for copy in range(copies)
    ]
    return xr.concat(every, "sample")


@pytest.mark.parametrize("validation", [KFOLD, REPEATED])
def test_where_no_two_samples_share_a_unit_folds_are_those_of_scikit_learn(
    validation: Validation,
) -> None:
    y = (np.arange(47) % 3 == 0).astype(np.int8)
    theirs = RepeatedStratifiedKFold(
        n_splits=validation.folds, n_repeats=validation.repeats, random_state=5
    )
    mine = list(folds.splits(y, np.arange(47), validation, 5))
    for (train, test), (their_train, their_test) in zip(mine, theirs.split(y, y), strict=True):
        np.testing.assert_array_equal(train, their_train)
        np.testing.assert_array_equal(test, their_test)


def test_one_pair_moves_one_sample_and_no_other() -> None:
    y = (np.arange(100) % 2).astype(np.int8)
    units = np.arange(100)
    units[40] = 10
    apart = list(folds.splits(y, np.arange(100), KFOLD, 5))
    together = list(folds.splits(y, units, KFOLD, 5))
    for (_, alone), (_, test) in zip(apart, together, strict=True):
        assert set(alone) ^ set(test) <= {40}
        assert (10 in test) == (40 in test)
    assert any((10 in test) != (40 in test) for _, test in apart)


@pytest.mark.parametrize(("count", "copies"), [(10, 3), (60, 3), (12, 40)])
def test_units_are_whole_and_even_in_every_fold(count: int, copies: int) -> None:
    y = np.tile(np.arange(count) % 2, copies).astype(np.int8)
    units = np.tile(np.arange(count), copies)
    tested = []
    for train, test in folds.splits(y, units, KFOLD, 5):
        assert not set(units[train]) & set(units[test])
        assert sorted([*train, *test]) == list(range(len(y)))
        of_class = np.bincount(y[test]) / copies
        assert set(of_class) <= {count // 10, -(-count // 10)}
        tested.append(test)
    assert sorted(np.concatenate(tested)) == list(range(len(y)))


@pytest.mark.parametrize("validation", [KFOLD, REPEATED, Validation("blocks", 4, block_km=10.0)])
def test_copies_of_points_tell_nothing_about_each_other(validation: Validation) -> None:
    """A classifier that remembers its samples would be right about every copy, of labels that are chance."""
    scores = cross_validate(KNeighborsClassifier(1), copied(60, 3), validation, seed=5)
    alone = cross_validate(KNeighborsClassifier(1), copied(60, 1), validation, seed=5)
    assert scores.accuracy < 0.7
    assert scores.accuracy_se == pytest.approx(alone.accuracy_se, rel=0.25)


def test_copies_stay_together_in_the_inner_folds_of_a_nested_choice() -> None:
    names = ("one", "two")
    alternatives = [
        nested.Alternative(name, KNeighborsClassifier(1), copied(60, 3), 12) for name in names
    ]
    result = nested.cross_validate_choice(
        alternatives, KFOLD, inner=Validation("kfold", 3), rule="best", seed=5
    )
    assert result.scores.accuracy < 0.7
    inside = copied(60, 3).isel(sample=slice(0, 150))
    units = independent_units(inside, KFOLD)
    for train, test in splits(inside["Target"].to_numpy(), units, Validation("kfold", 3), 5):
        assert not set(units[train]) & set(units[test])


def test_blocks_do_not_cut_a_pixel() -> None:
    """Of two points 2 m apart on both sides of a block's edge, the second is in the block of the first."""
    lat = np.array([10.0, 10.0 + 9.999e3 / 111195, 10.0 + 10.001e3 / 111195])
    points = xr.Dataset({"Lat": ("point", lat), "Lon": ("point", np.full(3, 20.0))})
    blocks = independent_units(points, Validation("blocks", 2, block_km=10.0))
    assert blocks.tolist() == [0, 0, 0]


def test_samples_that_lie_nowhere_are_one_line() -> None:
    samples = copied(20, 1).drop_vars("Lat")
    with pytest.raises(DataError, match="expected samples with the coordinates Lat and Lon"):
        cross_validate(KNeighborsClassifier(1), samples, KFOLD, seed=5)


def test_copies_are_not_counted_as_samples_of_a_class() -> None:
    with pytest.raises(
        DataError,
        match=r"4 cropland and 4 other samples on pixels of their own are fewer than the 5",
    ):
        cross_validate(KNeighborsClassifier(1), copied(8, 3), KFOLD, seed=5)
