"""Importance: what a candidate's classifier looks at, by band and time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone

from cropland.learning.choice import standard_error
from cropland.learning.cross_validation import cropland_probability, independent, splits, together
from cropland.observations.bands import STATIC

if TYPE_CHECKING:
    from numpy.random import Generator

    from cropland.config.groups import Validation
    from cropland.learning.classifiers import Classifier

_ALL = ""
_CHUNK_BYTES = 64 * 2**20
_DATED = re.compile(r"(.+)_d([+-]\d+)")
_STATISTIC = re.compile(r"(SCL_\d+|[^_]+)_(.+)")


def measure(
    classifier: Classifier,
    features: xr.DataArray,
    validation: Validation,
    *,
    reference_end: date,
    seed: int,
    n_jobs: int = 1,
    repeats: int = 3,
    taught: xr.DataArray | None = None,
) -> xr.Dataset:
    """Measure what the accuracy loses where groups of features are permuted among left-out samples.

    Permutation importance (Breiman 2001, doi:10.1023/A:1010933404324, section 10) on out-of-fold samples,
    all features of a group by one permutation. What other groups also tell is not missed: a band's
    neighbouring months stand in for each other, so that a month of a band may show nothing where the whole
    band shows much.

    Parameters
    ----------
    classifier : Classifier
        Unfitted; each fold fits a clone of its own.
    features : xarray.DataArray
        Labelled samples, as `cropland.features.matrix.labelled` gives them.
    validation : Validation
        How they are split.
    reference_end : date
        The season day 0, to tell calendar months.
    seed : int
        Decides folds and permutations.
    n_jobs : int
        Folds at once, in threads; the numbers do not depend on it.
    repeats : int
        Permutations of each group in each fold.
    taught : xarray.DataArray, optional
        Labelled samples of elsewhere, which every fold learns from too.

    Returns
    -------
    xarray.Dataset
        Dims ``band`` and ``when``: calendar months such as ``2019-11``, then statistics, then ``static``;
        NaN where there is no such feature. Attribute ``accuracy``: with nothing permuted.

        - ``importance`` (band, when), ``importance_band``, ``importance_when``: drop in accuracy, the mean
          over samples and permutations;
        - ``importance_se``, ``importance_se_band``, ``importance_se_when``: its standard error, over points
          or spatial blocks;
        - ``impurity``, ``impurity_band``, ``impurity_when``, where the classifier has
          ``feature_importances_``: their sums, the mean over folds. They say what the trees split by when
          they learnt, not what helps on new samples.
    """
    x, y = features.to_numpy(), features["Target"].to_numpy()
    groups = _groups(features, reference_end)
    columns = [np.array(each) for each in groups.values()]
    units = independent(features, validation)
    folds = list(splits(y, units, validation, seed))
    found = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(_permuted)(
            clone(classifier),
            x,
            y,
            fold,
            taught,
            columns,
            repeats,
            np.random.default_rng([seed, number]),
        )
        for number, fold in enumerate(folds)
    )
    right, lost = np.zeros(len(y)), np.zeros((len(columns), len(y)))
    for (_, test), (right_test, lost_test, _) in zip(folds, found, strict=True):
        right[test] += right_test / validation.repeats
        lost[:, test] += lost_test / validation.repeats
    variables = _tables(groups, lost.mean(axis=1), "importance", "drop in accuracy")
    errors = np.array([standard_error(row, units) for row in lost])
    variables |= _tables(groups, errors, "importance_se", "its standard error")
    if impurity := [each for *_, each in found if each is not None]:
        sums = np.array([np.mean(impurity, axis=0)[each].sum() for each in columns])
        variables |= _tables(groups, sums, "impurity", "share of the decrease in impurity")
    told = {"accuracy": float(right.mean()), "n_samples": len(y), "repeats": repeats}
    return xr.Dataset(variables, attrs=told)


def _groups(features: xr.DataArray, reference_end: date) -> dict[tuple[str, str], list[int]]:
    """Group features by (band, when), by (band, all) and by (all, when)."""
    groups: dict[tuple[str, str], list[int]] = {}
    for number, name in enumerate(features["feature"].to_numpy()):
        band, when = _parted(str(name), reference_end)
        for group in ((band, when), (band, _ALL), (_ALL, when)):
            groups.setdefault(group, []).append(number)
    return groups


def _tables(
    groups: Iterable[tuple[str, str]], values: NDArray[np.float64], name: str, meaning: str
) -> dict[str, xr.DataArray]:
    """Lay out a value for each group as ``name``, ``name_band`` and ``name_when``."""
    by_group = dict(zip(groups, values, strict=True))
    bands = [band for band, when in by_group if when == _ALL]
    whens = sorted((when for band, when in by_group if band == _ALL), key=_order)
    table = pd.Series(by_group).unstack().reindex(index=[*bands, _ALL], columns=[*whens, _ALL])
    both = xr.DataArray(
        table.to_numpy(),
        coords={"band": table.index.to_numpy(str), "when": table.columns.to_numpy(str)},
        attrs={"long_name": meaning, "units": "1"},
    )
    parts = {
        name: both[:-1, :-1],
        f"{name}_band": both[:-1, -1].drop_vars("when"),
        f"{name}_when": both[-1, :-1].drop_vars("band"),
    }
    return {key: part.assign_attrs(both.attrs) for key, part in parts.items()}


def _parted(name: str, reference_end: date) -> tuple[str, str]:
    """Part a feature's name into its band, and its month, its statistic or ``static``."""
    if name in STATIC:
        return name, "static"
    if dated := _DATED.fullmatch(name):
        return dated[1], f"{reference_end + timedelta(days=int(dated[2])):%Y-%m}"
    statistic = _STATISTIC.fullmatch(name)
    return (statistic[1], statistic[2]) if statistic else (name, "static")


def _order(when: str) -> tuple[int, str]:
    """Months come first, in their order; then statistics in the order of their names' appearance."""
    month = when[:4].isdigit()
    return (0, when) if month else (2 if when == "static" else 1, "")


def _permuted(
    classifier: Classifier,
    x: NDArray[np.float32],
    y: NDArray[np.int8],
    fold: tuple[NDArray[np.int64], NDArray[np.int64]],
    taught: xr.DataArray | None,
    columns: Sequence[NDArray[np.int64]],
    repeats: int,
    random: Generator,
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64] | None]:
    """Fit a fold; tell which left-out samples are right, and what each loses by each group."""
    train, test = fold
    classifier.fit(*together(x[train], y[train], taught))
    right = (cropland_probability(classifier, x[test]) > 0.5) == y[test]
    still = np.zeros((len(columns), len(test)))
    copies = [
        (group, random.permutation(test)) for group in range(len(columns)) for _ in range(repeats)
    ]
    size = max(1, _CHUNK_BYTES // x[test].nbytes)
    for chunk in (copies[start : start + size] for start in range(0, len(copies), size)):
        values = np.repeat(x[test][None], len(chunk), axis=0)
        for copy, (group, order) in zip(values, chunk, strict=True):
            copy[:, columns[group]] = x[np.ix_(order, columns[group])]
        rows = values.reshape(-1, x.shape[1])
        said = (cropland_probability(classifier, rows) > 0.5).reshape(len(chunk), -1)
        np.add.at(still, [group for group, _ in chunk], said == y[test])
    return right, right - still / repeats, impurity(classifier, x.shape[1])


def impurity(classifier: Classifier, n_features: int) -> NDArray[np.float64] | None:
    """Give the impurity importance of each feature, by the last step where there are several."""
    last = getattr(classifier, "steps", [("", classifier)])[-1][1]
    found = getattr(last, "feature_importances_", None)
    return found if found is not None and len(found) == n_features else None
