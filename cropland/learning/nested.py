"""Nested cross-validation: the score of a whole choice among alternatives, not of one of them.

The best of many cross-validated scores is too good, for it was chosen for being high. Here the choice is
made anew inside each outer fold, by an inner cross-validation of its training part alone, and scored on
the part that no choice has seen (Varma & Simon 2006, doi:10.1186/1471-2105-7-91; Cawley & Talbot 2010,
JMLR 11, 2079-2107).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone

from cropland.errors import DataError
from cropland.learning import choice
from cropland.learning.cross_validation import (
    Scores,
    cross_validate,
    fit_fold,
    gather,
    summarise,
)
from cropland.learning.folds import independent_units, splits
from cropland.support import signals

if TYPE_CHECKING:
    import xarray as xr

    from cropland.config.groups import Rule, Validation
    from cropland.learning.classifiers import Classifier


@dataclass(frozen=True, eq=False)
class Alternative:
    """One of the candidates that are chosen from.

    Attributes
    ----------
    name : str
        Its name in `NestedScores.chosen`.
    classifier : Classifier
        Unfitted; every fit is of a clone.
    features : xarray.DataArray
        Labelled samples, the contract of `cropland.features.matrix`.
    span : int
        Length of its window, weeks: of two with as many features the shorter is the simpler.
    """

    name: str
    classifier: Classifier
    features: xr.DataArray
    span: int


@dataclass(frozen=True, eq=False)
class NestedScores:
    """The scores of a choice.

    Attributes
    ----------
    scores : Scores
        Of the alternatives chosen, on the outer test parts. ``fit_seconds`` is the time of an outer fold, its
        choice included.
    chosen : tuple of tuple of str
        Names of the alternatives chosen in each outer fold, in their order: one, or the
        members of an average.
    left_out : tuple of str
        IDs of samples that not all alternatives have; they take no part.
    """

    scores: Scores
    chosen: tuple[tuple[str, ...], ...]
    left_out: tuple[str, ...]


def cross_validate_choice(
    alternatives: Sequence[Alternative],
    validation: Validation,
    *,
    inner: Validation,
    rule: Rule,
    seed: int,
    n_jobs: int = 1,
) -> NestedScores:
    """Compute the scores of the choice among alternatives by nested cross-validation.

    Parameters
    ----------
    alternatives : sequence of Alternative
        What is chosen from; at least one.
    validation : Validation
        The outer folds.
    inner : Validation
        How the training part of each outer fold is split again.
    rule : Rule
        How the inner scores decide, see `cropland.learning.choice`.
    seed : int
        Decides the outer folds, and with their number the inner ones: the same for all alternatives.
    n_jobs : int
        Fits at once, in threads; the numbers do not depend on it.

    Raises
    ------
    DataError
        Too few samples of a class, or too few spatial blocks, for the outer or the inner folds.
    """
    common, left_out = _in_common(alternatives)
    samples = common[0].features
    y, groups = samples["Target"].to_numpy(), independent_units(samples, validation)
    _check(y, validation.folds, "validation.folds")
    folds = list(splits(y, groups, validation, seed))
    for train, _ in folds:
        _check(y[train], inner.folds, "validation.inner")

    chosen, predicted = [], []
    started = time.perf_counter()
    for number, (train, test) in enumerate(folds):
        signals.check()
        selected = _choose(common, train, inner, rule, _inner_seed(seed, number), n_jobs)
        chosen.append(tuple(each.name for each in selected))
        probabilities = [
            fit_fold(clone(each.classifier), each.features.to_numpy(), y, train, test, None)[0]
            for each in selected
        ]
        predicted.append(np.asarray(np.mean(probabilities, axis=0, dtype=np.float64)))
    seconds = (time.perf_counter() - started) / len(folds)

    out_of_fold = gather(samples, folds, predicted, validation.repeats)
    return NestedScores(
        summarise(out_of_fold, groups, fit_seconds=seconds), tuple(chosen), left_out
    )


def _in_common(
    alternatives: Sequence[Alternative],
) -> tuple[list[Alternative], tuple[str, ...]]:
    """Return the alternatives with the samples that all have, in the first one's order; and the other IDs."""
    positions = [
        {str(name): row for row, name in enumerate(each.features["ID"].to_numpy())}
        for each in alternatives
    ]
    shared = set.intersection(*map(set, positions))
    kept = [name for name in positions[0] if name in shared]
    common = [
        _only(each, [rows[name] for name in kept])
        for each, rows in zip(alternatives, positions, strict=True)
    ]
    return common, tuple(sorted(set.union(*map(set, positions)) - shared))


def _only(alternative: Alternative, rows: list[int]) -> Alternative:
    """Return an alternative with some of its rows, in their order; all of them need no copy."""
    if rows == list(range(alternative.features.sizes["sample"])):
        return alternative
    return replace(alternative, features=alternative.features.isel(sample=rows))


def _check(y: NDArray[np.int8], folds: int, key: str) -> None:
    """Check that each class has a sample for each fold."""
    least = int(np.bincount(y, minlength=2).min())
    if least < folds:
        raise DataError(
            f"expected {folds} or more points of each class for nested validation, as many as {key} says, "
            f"got {least} that all alternatives have; add points or set {key}={max(2, least)}"
        )


def _inner_seed(seed: int, number: int) -> int:
    """Return the seed of an outer fold's inner folds; it leaves room for one of each repeat above it."""
    return int(np.random.default_rng([seed, number]).integers(2**31))


def _choose(
    alternatives: Sequence[Alternative],
    train: NDArray[np.int64],
    inner: Validation,
    rule: Rule,
    seed: int,
    n_jobs: int,
) -> list[Alternative]:
    """Return the alternatives that cross-validation of an outer fold's training part chooses."""
    # Few alternatives would leave cores idle: then it is the folds of each that are fitted at once.
    many = len(alternatives) >= inner.folds * inner.repeats
    across, within = (n_jobs, 1) if many else (1, n_jobs)
    scores = Parallel(n_jobs=across, prefer="threads")(
        delayed(_inner_score)(each, train, inner, seed, within) for each in alternatives
    )
    accuracy, standard_error, brier = zip(*scores, strict=True)
    rank = choice.simplicity(
        [each.features.sizes["feature"] for each in alternatives],
        [each.span for each in alternatives],
    )
    if rule == "average":
        return [alternatives[position] for position in choice.members(brier, rank)]
    return [alternatives[choice.choose(accuracy, standard_error, rank, rule, brier=brier)]]


def _inner_score(
    alternative: Alternative, train: NDArray[np.int64], inner: Validation, seed: int, n_jobs: int
) -> tuple[float, float, float]:
    """Compute accuracy, its standard error and Brier score of an alternative within the training part."""
    known = alternative.features.isel(sample=train)
    scores = cross_validate(alternative.classifier, known, inner, seed=seed, n_jobs=n_jobs)
    return scores.accuracy, scores.accuracy_se, scores.brier
