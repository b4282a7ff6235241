from __future__ import annotations

from signal import SIGINT
from typing import ClassVar

import numpy as np
import pytest
import xarray as xr
from sklearn.naive_bayes import GaussianNB

from cropland.config.groups import Validation
from cropland.errors import DataError
from cropland.learning import cross_validation
from cropland.learning import nested as nesting
from cropland.learning.folds import independent_units
from cropland.learning.nested import Alternative
from cropland.support import signals

OUTER = Validation("kfold", 4)
INNER = Validation("kfold", 3)
BLOCKS = Validation("blocks", 3, block_km=10.0)


def samples(values: np.ndarray) -> xr.DataArray:
    """Samples in a box of 44 km, every second one cropland."""
    count = len(values)
    random = np.random.default_rng(1)
    return xr.DataArray(
        values.astype(np.float32),
        dims=("sample", "feature"),
        coords={
            "ID": ("sample", [f"P{n:03d}" for n in range(count)]),
            "Target": ("sample", (np.arange(count) % 2).astype(np.int8)),
            "Lat": ("sample", random.uniform(10, 10.4, count)),
            "Lon": ("sample", random.uniform(20, 20.4, count)),
        },
    )


def alternative(
    name: str, seed: int, *, signal: float = 0, width: int = 1, count: int = 80, span: int = 4
) -> Alternative:
    """Noise, of which the first feature tells the classes apart by `signal` standard deviations."""
    values = np.random.default_rng(seed).normal(size=(count, width))
    values[:, 0] += signal * (np.arange(count) % 2)
    return Alternative(name, GaussianNB(), samples(values), span)


def found(
    alternatives: list[Alternative],
    outer: Validation = OUTER,
    inner: Validation = INNER,
    rule: str = "best",
    seed: int = 5,
    n_jobs: int = 1,
) -> nesting.NestedScores:
    return nesting.cross_validate_choice(
        alternatives, outer, inner=inner, rule=rule, seed=seed, n_jobs=n_jobs
    )


class Spy(GaussianNB):
    """Keeps, in order, which samples it learnt from and predicted: their number is a feature."""

    seen: ClassVar[list[set[int]]] = []

    def fit(self, x: np.ndarray, y: np.ndarray) -> Spy:
        self.seen.append({int(number) for number in x[:, 0]})
        return super().fit(x, y)

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        self.seen.append({int(number) for number in x[:, 0]})
        return super().predict_proba(x)


def test_of_many_alternatives_that_know_nothing_the_choice_knows_nothing() -> None:
    best, nested = [], []
    for seed in range(10):
        noise = [alternative(str(n), 100 * seed + n, count=60) for n in range(6)]
        each = [
            cross_validation.cross_validate(one.classifier, one.features, INNER, seed=seed)
            for one in noise
        ]
        best.append(max(scores.accuracy for scores in each))
        chosen = found(noise, INNER, Validation("kfold", 2), seed=seed)
        nested.append(chosen.scores.accuracy)
    assert np.mean(best) > 0.56
    # The mean of 10 × 60 coin flips has a standard error of 0.02.
    assert abs(np.mean(nested) - 0.5) < 0.04


@pytest.mark.parametrize("rule", ["best", "one_standard_error"])
@pytest.mark.parametrize("outer", [OUTER, Validation("repeated", 3, 2), BLOCKS])
def test_the_one_alternative_that_knows_is_chosen_in_every_fold(
    outer: Validation, rule: str
) -> None:
    noise = [alternative(str(n), n) for n in range(3)]
    nested = found([*noise, alternative("informed", 9, signal=4, width=3)], outer, rule=rule)
    assert nested.chosen == (("informed",),) * (outer.folds * outer.repeats)
    assert nested.scores.accuracy > 0.95
    assert nested.scores.out_of_fold.sizes == {"sample": 80, "repeat": outer.repeats}
    assert nested.left_out == ()


def test_one_alternative_has_the_score_of_plain_cross_validation() -> None:
    for outer in (OUTER, Validation("repeated", 3, 2), BLOCKS):
        one = alternative("one", 3, signal=1)
        plain = cross_validation.cross_validate(one.classifier, one.features, outer, seed=5)
        nested = found([one], outer).scores
        assert nested.out_of_fold.equals(plain.out_of_fold)
        assert nested.accuracy_se == plain.accuracy_se


def test_the_rule_decides_between_the_better_and_the_simpler() -> None:
    better = alternative("better", 2, signal=2.1, span=48)
    simpler = alternative("simpler", 2, signal=2.0, span=24)
    assert set(found([better, simpler], rule="one_standard_error").chosen) == {("simpler",)}
    assert ("better",) in found([better, simpler], rule="best").chosen


def test_an_average_is_of_the_five_best_and_predicts_their_mean() -> None:
    several = [alternative(str(n), n, signal=n and 1 + n / 2) for n in range(6)]
    nested = found(several, rule="average")
    singles = [found([one]).scores.out_of_fold["probability"] for one in several]
    for fold, names in enumerate(nested.chosen):
        assert sorted(names) == list("12345")
        of_fold = nested.scores.out_of_fold["fold"].to_numpy() == fold
        mean = np.mean([singles[int(name)].to_numpy()[of_fold] for name in names], axis=0)
        probability = nested.scores.out_of_fold["probability"].to_numpy()[of_fold]
        np.testing.assert_allclose(probability, mean)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [(OUTER, INNER), (BLOCKS, Validation("blocks", 2, block_km=10.0))],
)
def test_no_choice_has_seen_the_samples_that_it_is_scored_on(
    outer: Validation, inner: Validation
) -> None:
    values = np.stack([np.arange(80), np.random.default_rng(2).normal(size=80)], axis=1)
    spies = [Alternative(str(n), Spy(), samples(values), n) for n in range(2)]
    Spy.seen.clear()
    nested = found(spies, outer, inner)
    # Each outer fold: the inner fits and predictions of both, then one fit and one prediction.
    each = 2 * 2 * inner.folds + 2
    assert len(Spy.seen) == each * outer.folds
    groups = independent_units(spies[0].features, outer)
    tests = []
    for start in range(0, len(Spy.seen), each):
        *inside, train, test = Spy.seen[start : start + each]
        tests.append(test)
        assert train | test == set(range(80))
        assert not set(groups[list(train)]) & set(groups[list(test)])
        for learnt, predicted in zip(inside[::2], inside[1::2], strict=True):
            assert not (learnt | predicted) & test
            assert learnt | predicted == train
    assert sorted(number for test in tests for number in test) == list(range(80))
    assert len(nested.chosen) == outer.folds


@pytest.mark.parametrize("count", [2, 4])  # fewer alternatives than inner folds, and more
@pytest.mark.parametrize("outer", [Validation("repeated", 2, 2), BLOCKS])
def test_same_seed_same_numbers_however_many_threads(count: int, outer: Validation) -> None:
    several = [alternative(str(n), n, signal=0.5) for n in range(count)]
    one, two, other = (found(several, outer, n_jobs=j, seed=s) for j, s in ((1, 5), (2, 5), (1, 6)))
    assert one.chosen == two.chosen
    assert one.scores.out_of_fold.equals(two.scores.out_of_fold)
    assert not one.scores.out_of_fold.equals(other.scores.out_of_fold)


def test_inner_folds_are_one_for_all_alternatives_and_others_in_each_outer_fold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds: list[int] = []

    def noting(*args: object, seed: int, **kwargs: object) -> cross_validation.Scores:
        seeds.append(seed)
        return cross_validation.cross_validate(*args, seed=seed, **kwargs)

    monkeypatch.setattr(nesting, "cross_validate", noting)
    for seed in (5, 6):
        found([alternative(str(n), n) for n in range(2)], seed=seed)
    assert seeds[::2] == seeds[1::2]
    assert len(set(seeds)) == 2 * OUTER.folds


def test_samples_are_matched_by_their_ids() -> None:
    several = [alternative(str(n), n, signal=1) for n in range(3)]
    order = np.random.default_rng(4).permutation(80)
    shuffled = [
        several[0],
        Alternative("1", GaussianNB(), several[1].features.isel(sample=order), 4),
        several[2],
    ]
    straight, matched = found(several), found(shuffled)
    assert matched.chosen == straight.chosen
    assert matched.scores.out_of_fold.equals(straight.scores.out_of_fold)


def test_samples_that_an_alternative_lacks_are_left_out_of_all_and_named() -> None:
    first, second = (alternative(name, n, signal=1) for n, name in enumerate("ab"))
    without = Alternative("a", GaussianNB(), first.features.isel(sample=slice(2, None)), 4)
    lacking = Alternative("b", GaussianNB(), second.features.isel(sample=slice(None, 70)), 4)
    nested = found([without, lacking])
    assert nested.left_out == ("P000", "P001", *(f"P{n:03d}" for n in range(70, 80)))
    assert list(nested.scores.out_of_fold["ID"].to_numpy()) == [f"P{n:03d}" for n in range(2, 70)]


@pytest.mark.parametrize(
    ("count", "outer", "key"),
    [(6, Validation("kfold", 4), "validation.folds=3"), (8, OUTER, "validation.inner=3")],
)
def test_too_few_samples_of_a_class_are_refused_before_any_fit(
    count: int, outer: Validation, key: str
) -> None:
    few = Alternative("few", Spy(), alternative("few", 1, count=count).features, 4)
    Spy.seen.clear()
    with pytest.raises(DataError, match=f"got 3 .*{key}"):
        found([few], outer, Validation("kfold", 4))
    assert not Spy.seen


def test_alternatives_without_a_common_sample_are_refused() -> None:
    halves = [
        Alternative("half", GaussianNB(), alternative("x", 1).features.isel(sample=part), 4)
        for part in (slice(40), slice(40, None))
    ]
    with pytest.raises(DataError, match="got 0 that all alternatives have"):
        found(halves)


def test_an_interruption_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "_received", [SIGINT])
    with pytest.raises(KeyboardInterrupt):
        found([alternative("one", 1)])


def test_samples_that_all_have_stand_in_the_order_of_the_first() -> None:
    first, second = alternative("first", 1, count=3), alternative("second", 2, count=3)
    second.features["ID"] = ("sample", ["P002", "other", "P001"])
    common, left_out = nesting._in_common([first, second])
    assert left_out == ("P000", "other")
    assert [each.features["ID"].values.tolist() for each in common] == [["P001", "P002"]] * 2
    assert common[0].features[0, 0] == first.features[1, 0]
    assert common[1].features[0, 0] == second.features[2, 0]
