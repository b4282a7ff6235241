"""Permutation importance of a candidate's features, by band and time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone

from cropland.learning.cross_validation import with_other_samples
from cropland.learning.folds import independent_units, splits
from cropland.learning.probability import cropland_probability
from cropland.learning.statistics import standard_error
from cropland.observations.bands import STATIC

if TYPE_CHECKING:
    from numpy.random import Generator

    from cropland.config.groups import Validation
    from cropland.learning.classifiers import Classifier

    _FoldScores = tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64] | None]
    """Whether each left-out sample is right, (sample,); the share of permutations that it is lost by,
    (group, sample); the impurity importance, (feature,)."""

_ALL = ""
_CHUNK_BYTES = 64 * 2**20
_DATED = re.compile(r"(.+)_d([+-]\d+)")
_STATISTIC = re.compile(r"(SCL_\d+|[^_]+)_(.+)")
_HARMONIC = re.compile(r"(?:cos|sin|amplitude)([12])")
"""Features of one harmonic, which are permuted together: its phase is divided among them."""


def measure(
    classifier: Classifier,
    features: xr.DataArray,
    validation: Validation,
    *,
    reference_end: date,
    seed: int,
    n_jobs: int = 1,
    repeats: int = 3,
    other_samples: xr.DataArray | None = None,
) -> xr.Dataset:
    """Compute the drop in accuracy where groups of features are permuted among left-out samples.

    Permutation importance (Breiman 2001, doi:10.1023/A:1010933404324, section 10) on out-of-fold samples,
    all features of a group by one permutation. Correlated groups stand in for each other: a single month of
    a band may show no drop where the whole band shows a large one.

    Parameters
    ----------
    classifier : Classifier
        Unfitted; each fold fits a clone of its own.
    features : xarray.DataArray
        Labelled samples, as `cropland.features.matrix.labelled` returns them.
    validation : Validation
        How they are split.
    reference_end : date
        Day 0 of the season, for calendar months.
    seed : int
        Decides folds and permutations.
    n_jobs : int
        Folds at once, in threads; the numbers do not depend on it.
    repeats : int
        Permutations of each group in each fold.
    other_samples : xarray.DataArray, optional
        Labelled samples of other countries, which every fold is fitted on too.

    Returns
    -------
    xarray.Dataset
        Dims ``band`` and ``when``: calendar months such as ``2019-11``, then statistics and harmonics, then
        ``static``; NaN where there is no such feature. Attribute ``accuracy``: with nothing permuted.

        - ``importance`` (band, when), ``importance_band``, ``importance_when``: drop in accuracy, the mean
          over samples and permutations;
        - ``importance_se``, ``importance_se_band``, ``importance_se_when``: its standard error, over points
          or spatial blocks;
        - ``impurity``, ``impurity_band``, ``impurity_when``, where the classifier has
          ``feature_importances_``: their sums, the mean over folds. They show what the trees split by in
          training, not what helps on new samples.
    """
    x, y = features.to_numpy(), features["Target"].to_numpy()
    groups = _groups(features, reference_end)
    columns = [np.array(group) for group in groups.values()]
    units = independent_units(features, validation)
    folds = list(splits(y, units, validation, seed))

    def score(number: int, train: NDArray[np.int64], test: NDArray[np.int64]) -> _FoldScores:
        fitted = clone(classifier).fit(*with_other_samples(x[train], y[train], other_samples))
        copies = _permuted(x[test], columns, repeats, np.random.default_rng([seed, number]))
        return _scored(fitted, x[test], y[test], copies, (len(columns), repeats))

    results = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(score)(number, *fold) for number, fold in enumerate(folds)
    )
    right, lost = np.zeros(len(y)), np.zeros((len(columns), len(y)))
    for (_, test), (right_of_fold, lost_of_fold, _) in zip(folds, results, strict=True):
        right[test] += right_of_fold / validation.repeats
        lost[:, test] += lost_of_fold / validation.repeats
    variables = _tables(groups, lost.mean(axis=1), "importance", "drop in accuracy")
    errors = np.array([standard_error(row, units) for row in lost])
    variables |= _tables(groups, errors, "importance_se", "its standard error")
    shares = [share for _, _, share in results if share is not None]
    if shares:
        sums = np.array([np.mean(shares, axis=0)[group].sum() for group in columns])
        variables |= _tables(groups, sums, "impurity", "share of the decrease in impurity")
    attributes = {"accuracy": float(right.mean()), "n_samples": len(y), "repeats": repeats}
    return xr.Dataset(variables, attrs=attributes)


def impurity(classifier: Classifier, n_features: int) -> NDArray[np.float64] | None:
    """Return the impurity importance of each feature, by the last step where there are several."""
    last = getattr(classifier, "steps", [("", classifier)])[-1][1]
    shares = getattr(last, "feature_importances_", None)
    return shares if shares is not None and len(shares) == n_features else None


def _scored(
    fitted: Classifier,
    x: NDArray[np.float32],
    y: NDArray[np.int8],
    permuted: Iterable[tuple[list[int], NDArray[np.float32]]],
    shape: tuple[int, int],
) -> _FoldScores:
    """Score left-out samples with each group of features permuted; `shape` is (groups, repeats)."""
    n_groups, repeats = shape
    right = (cropland_probability(fitted, x) > 0.5) == y
    still_right = np.zeros((n_groups, len(y)))
    for groups, copies in permuted:
        probability = cropland_probability(fitted, copies.reshape(-1, x.shape[1]))
        label = (probability > 0.5).reshape(len(copies), -1)
        np.add.at(still_right, groups, label == y)
    return right, right - still_right / repeats, impurity(fitted, x.shape[1])


def _permuted(
    x: NDArray[np.float32], columns: Sequence[NDArray[np.int64]], repeats: int, random: Generator
) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
    """Yield the group permuted in each copy of samples, and the copies, as many as fit in memory."""
    permutations = [
        (group, random.permutation(len(x))) for group in range(len(columns)) for _ in range(repeats)
    ]
    size = max(1, _CHUNK_BYTES // x.nbytes)
    for start in range(0, len(permutations), size):
        chunk = permutations[start : start + size]
        copies = np.repeat(x[None], len(chunk), axis=0)
        for copy, (group, order) in zip(copies, chunk, strict=True):
            copy[:, columns[group]] = x[np.ix_(order, columns[group])]
        yield [group for group, _ in chunk], copies


def _groups(features: xr.DataArray, reference_end: date) -> dict[tuple[str, str], list[int]]:
    """Group features by (band, when), by (band, all) and by (all, when)."""
    groups: dict[tuple[str, str], list[int]] = {}
    for number, name in enumerate(features["feature"].to_numpy()):
        band, when = _split_name(str(name), reference_end)
        for group in ((band, when), (band, _ALL), (_ALL, when)):
            groups.setdefault(group, []).append(number)
    return groups


def _tables(
    groups: Iterable[tuple[str, str]], values: NDArray[np.float64], name: str, meaning: str
) -> dict[str, xr.DataArray]:
    """Return a value for each group as ``name``, ``name_band`` and ``name_when``."""
    by_group = dict(zip(groups, values, strict=True))
    bands = [band for band, when in by_group if when == _ALL]
    whens = sorted((when for band, when in by_group if band == _ALL), key=_order)
    values_of = pd.Series(by_group).unstack().reindex(index=[*bands, _ALL], columns=[*whens, _ALL])
    both = xr.DataArray(
        values_of.to_numpy(),
        coords={"band": values_of.index.to_numpy(str), "when": values_of.columns.to_numpy(str)},
        attrs={"long_name": meaning, "units": "1"},
    )
    tables = {
        name: both[:-1, :-1],
        f"{name}_band": both[:-1, -1].drop_vars("when"),
        f"{name}_when": both[-1, :-1].drop_vars("band"),
    }
    return {key: table.assign_attrs(both.attrs) for key, table in tables.items()}


def _split_name(name: str, reference_end: date) -> tuple[str, str]:
    """Split a feature's name into its band, and its month, statistic, harmonic or ``static``."""
    if name in STATIC:
        return name, "static"
    if dated := _DATED.fullmatch(name):
        return dated[1], f"{reference_end + timedelta(days=int(dated[2])):%Y-%m}"
    statistic = _STATISTIC.fullmatch(name)
    return (
        (statistic[1], _HARMONIC.sub(r"harmonic \1", statistic[2]))
        if statistic
        else (name, "static")
    )


def _order(when: str) -> tuple[int, str]:
    """Return a key that sorts months first, in their order, then statistics in the order of appearance."""
    month = when[:4].isdigit()
    return (0, when) if month else (2 if when == "static" else 1, "")
