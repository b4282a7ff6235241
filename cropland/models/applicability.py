"""Area of applicability: how dissimilar a sample is to the training samples, and where a model may be used.

The dissimilarity index (DI) and the area of applicability of Meyer & Pebesma 2021,
doi:10.1111/2041-210X.13650.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from cropland.errors import DataError
from cropland.untrusted import arrays
from cropland.untrusted.documents import read_bytes

_ROWS = 512
"""Rows of a block: with their products with some hundred training samples they stay in the cache."""

_CLOSE = 5e-3
"""A DI below so many times the squared norm is measured again: single precision errs there by 3e-4."""

_DAMAGED = (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile)
"""Errors of reading a damaged archive; of a password, RuntimeError."""


@dataclass(frozen=True, eq=False)
class Applicability:
    """The training samples of a model, as the distances of others to them are computed.

    Attributes
    ----------
    mean : ndarray of float32, shape (feature,)
        Of the training samples.
    scale : ndarray of float32, shape (feature,)
        Importance, relative to the largest, over standard deviation; 0 where a feature is not used.
    points : ndarray of float32, shape (training sample, feature of a scale above 0)
        The training samples, standardised and weighted by importance.
    mean_distance : float
        Of all pairs of them: a DI of 1.
    threshold : float
        The largest DI inside the area of applicability.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    points: NDArray[np.float32]
    mean_distance: float
    threshold: float

    @classmethod
    def of(
        cls, x: NDArray[np.float32], importance: NDArray[np.float64], fold: NDArray[np.int64]
    ) -> Applicability:
        """Compute the area of applicability of training samples.

        Parameters
        ----------
        x : ndarray of float32, shape (sample, feature)
            The training samples; a feature that is constant among them is not used.
        importance : ndarray of float64, shape (feature,)
            Of any unit. What is below 0 counts as 0; if nothing is above, all features count alike.
        fold : ndarray of int, shape (sample,)
            The fold in which cross-validation leaves each sample out; below 0 for one that is always among
            the training samples. The threshold is the largest distance, of those that are left out, to the
            nearest sample of another fold that is within the upper whisker (75th percentile + 1.5
            interquartile ranges).

        Raises
        ------
        DataError
            Numbers that are not finite, or samples that are all alike.
        """
        if not (np.isfinite(x).all() and np.isfinite(importance).all()):
            raise DataError(
                "expected finite training samples and importances, got others; leave them out"
            )
        weight = np.maximum(importance, 0)
        weight = weight / weight.max() if weight.any() else np.ones(len(weight))
        # In double precision it is exactly 0 where a feature is constant.
        deviation = x.std(axis=0, dtype=np.float64)
        deviation[deviation == 0] = np.inf
        mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
        scale = (weight / deviation).astype(np.float32)
        points = _weighted(x, mean, scale)
        nearest, mean_distance = _between_folds(points, fold)
        if not mean_distance > 0:
            raise DataError(
                f"expected training samples that differ in what is important, got {len(x)} that are all "
                f"alike; use other features or samples"
            )
        tested = nearest[fold >= 0] / mean_distance
        return cls(mean, scale, points, mean_distance, _upper_whisker(tested))

    def dissimilarity(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the DI: the distance to the nearest training sample, over the mean distance of these.

        Samples have the features of the fit, shape (sample, feature); the DI has shape (sample,). It is
        within 1e-3 of double precision, or a millionth of a large one; not finite where a sample is not, or
        where squares overflow.
        """
        dissimilarity = np.empty(len(x), dtype=np.float32)
        half = np.square(self.points, dtype=np.float64).sum(axis=1).astype(np.float32) / 2
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(x), _ROWS):
                block = _weighted(x[start : start + _ROWS], self.mean, self.scale)
                dissimilarity[start : start + _ROWS] = self._nearest(block, half)
        return dissimilarity

    def is_inside(self, x: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which samples are inside the area of applicability, shape (sample,)."""
        return np.asarray(self.dissimilarity(x) <= self.threshold)

    def write(self, path: Path) -> None:
        """Write a NumPy archive (.npz)."""
        with path.open("wb") as file:
            np.savez(file, **asdict(self))

    @classmethod
    def read(cls, path: Path, n_features: int) -> Applicability:
        """Read a file that `write` has written.

        Raises
        ------
        DataError
            It cannot be read, or is not that of a model with so many features.
        """
        try:
            data = read_bytes(path, arrays.LARGEST_BYTES)
            with arrays.open_archive(data) as archive:
                stored = {
                    name: arrays.array(archive, f"{name}.npy") for name in cls.__dataclass_fields__
                }
        except _DAMAGED as error:
            raise DataError(
                f"{path} is not an area of applicability: {error}; log the model again"
            ) from error
        mean, scale, points = (stored[name] for name in ("mean", "scale", "points"))
        n_used = int((scale > 0).sum())
        if not mean.shape == scale.shape == (n_features,) or points.shape[1:] != (n_used,):
            raise DataError(
                f"{path} is of another model: expected {n_features} features, got means of shape "
                f"{mean.shape}, scales of {scale.shape} and samples of {points.shape}; log the model again"
            )
        _check_numbers(path, stored)
        distance, threshold = (float(stored.pop(name)) for name in ("mean_distance", "threshold"))
        return cls(**stored, mean_distance=distance, threshold=threshold)

    def _nearest(
        self, block: NDArray[np.float32], half: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the DI of weighted samples; `half` are the halved squared norms of the training samples.

        |a - b|² = |a|² - 2 (ab - |b|²/2), so that nearly all of the work is one product of matrices. Where
        the two terms nearly cancel, differences are taken instead.
        """
        product = block @ self.points.T
        product -= half
        squares = np.einsum("sf,sf->s", block, block)
        found = np.sqrt(np.maximum(squares - 2 * product.max(axis=1), 0))
        close = np.flatnonzero(found * self.mean_distance < _CLOSE * squares)
        if len(close):
            found[close] = cdist(block[close], self.points).min(axis=1)
        return np.asarray(found / np.float32(self.mean_distance))


def _check_numbers(path: Path, stored: Mapping[str, NDArray[Any]]) -> None:
    """Check that an area has samples, a distance and a threshold, all of numbers in single precision."""
    if fault := _fault_of(stored):
        raise DataError(f"{path} is not an area of applicability: {fault}; log the model again")


def _fault_of(stored: Mapping[str, NDArray[Any]]) -> str:
    """Return what is wrong with the arrays of an area, empty where nothing is."""
    limits = np.finfo(np.float32)
    least = {"scale": 0.0, "mean_distance": limits.tiny, "threshold": 0.0}
    for name, values in stored.items():
        if values.dtype.kind != "f":
            return f"{name} is of type {values.dtype}, expected finite numbers"
        if name in ("mean_distance", "threshold") and values.shape != ():
            return f"{name} has {values.size} numbers, expected one"
        wrong = values[~(np.abs(values) <= limits.max)]
        if wrong.size:
            return f"{name} is {wrong.flat[0]:.3g}, expected finite numbers up to {limits.max:.3g}"
        small = values[values < least.get(name, -np.inf)]
        if small.size:
            return f"{name} is {small.flat[0]:.3g}, expected {least[name]:.3g} or more"
    return "" if len(stored["points"]) else "points is empty, expected training samples"


def warnings_of(
    what: str, n_all: int, n_labelled: int, n_outside: int, *, remedy: str
) -> list[str]:
    """Return what a user of predictions must be warned of: that more than half of them are of no use.

    Parameters
    ----------
    what : str
        What was predicted: ``points`` or ``pixels``.
    n_all, n_labelled, n_outside : int
        How many there are, have a label, and have one outside the area of applicability.
    remedy : str
        What to look at where labels are missing.
    """
    warnings: list[str] = []
    if 2 * n_labelled < n_all:
        warnings.append(f"{(n_all - n_labelled) / n_all:.0%} of the {what} have no label: {remedy}")
    if 2 * n_outside > n_labelled:
        warnings.append(
            f"{n_outside / n_labelled:.0%} of the {what} with a label are outside the area of applicability: "
            f"the scores of the model say nothing about them; label points like them, and train again"
        )
    return warnings


def _weighted(
    x: NDArray[np.float32], mean: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return samples so scaled that dissimilarity is their distance; features of no weight are dropped."""
    used = slice(None) if (scale > 0).all() else np.flatnonzero(scale)  # a slice copies nothing
    weighted = x[:, used] - mean[used]
    weighted *= scale[used]
    return weighted


def _between_folds(
    points: NDArray[np.float32], fold: NDArray[np.int64]
) -> tuple[NDArray[np.float64], float]:
    """Return each sample's distance to the nearest of another fold, and the mean distance of all pairs."""
    nearest, total = np.empty(len(points)), 0.0
    exact = points.astype(np.float64)
    for start in range(0, len(exact), _ROWS):
        block = slice(start, start + _ROWS)
        distances = cdist(exact[block], exact)
        total += distances.sum()
        distances[fold[block, None] == fold] = np.inf
        nearest[block] = distances.min(axis=1)
    return nearest, float(total / (len(points) * (len(points) - 1)))


def _upper_whisker(values: NDArray[np.float64]) -> float:
    """Return the largest value that is no outlier of a box plot."""
    low, high = np.percentile(values, [25, 75])
    return float(values[values <= high + 1.5 * (high - low)].max())
