"""Applicability: how unlike its training samples a sample is, and where a model may be asked at all.

The dissimilarity index (DI) and the area of applicability of Meyer & Pebesma 2021,
doi:10.1111/2041-210X.13650.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from cropland.errors import DataError

_ROWS = 512
"""Rows of a block: with their products with some hundred training samples they stay in the cache."""

_CLOSE = 5e-3
"""A DI below so many times the squared norm is measured again: single precision errs there by 3e-4."""

_BROKEN = (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What reading an archive can raise; of an unknown compression or a password, RuntimeError."""

_REMEDY = "make it again from the training samples"


@dataclass(frozen=True, eq=False)
class Applicability:
    """What is kept of training samples to tell how unlike them others are.

    Attributes
    ----------
    mean : ndarray of float32, shape (feature,)
        Of the training samples.
    scale : ndarray of float32, shape (feature,)
        Importance, relative to the largest, over standard deviation; 0 where a feature is not looked at.
    points : ndarray of float32, shape (training sample, feature of a scale above 0)
        The training samples as `weighted` gives them.
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
        """Learn from training samples.

        Parameters
        ----------
        x : ndarray of float32, shape (sample, feature)
            The training samples; a feature that is constant among them is not looked at.
        importance : ndarray of float64, shape (feature,)
            Of any unit. What is below 0 counts as 0; if nothing is above, all features count alike.
        fold : ndarray of int, shape (sample,)
            The fold in which cross-validation leaves each sample out; below 0 for one that is never left out,
            but always learnt from. The threshold is the largest distance, of those that are left out, to the
            nearest sample of another fold that is within the upper whisker (75th percentile + 1.5
            interquartile ranges).

        Raises
        ------
        DataError
            Shapes that do not belong together, numbers that are not finite, a single fold, or samples
            that are all alike.
        """
        _check_training(x, importance, fold)
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
                f"alike; take other features or samples"
            )
        tested = nearest[fold >= 0] / mean_distance
        return cls(mean, scale, points, mean_distance, _upper_whisker(tested))

    def weighted(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Put samples, shape (sample, feature), where the distance between them is what dissimilarity is.

        Standardised by the training samples and weighted by importance; features of no weight are dropped.

        Raises
        ------
        DataError
            They have another number of features than the training samples.
        """
        if x.ndim != 2 or x.shape[1] != len(self.mean):
            raise DataError(
                f"expected samples of the {len(self.mean)} features of the training samples, got an "
                f"array of shape {x.shape}; give the features that the model was fitted on"
            )
        return _weighted(x, self.mean, self.scale)

    def dissimilarity(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the DI: the distance to the nearest training sample over the training samples' mean distance.

        Of samples as `weighted` takes them, shape (sample, feature), to an ndarray of shape (sample,). It is
        within 1e-3 of double precision, or a millionth of what is large; not finite where a sample is not,
        or where squares overflow.
        """
        found = np.empty(len(x), dtype=np.float32)
        half = np.square(self.points, dtype=np.float64).sum(axis=1).astype(np.float32) / 2
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(x), _ROWS):
                block = self.weighted(x[start : start + _ROWS])
                found[start : start + _ROWS] = self._nearest(block, half)
        return found

    def inside(self, x: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Tell which samples lie in the area of applicability; one whose DI is not finite does not."""
        return self.dissimilarity(x) <= self.threshold

    def write(self, path: Path) -> None:
        """Write a NumPy archive (.npz)."""
        with path.open("wb") as file:
            np.savez(file, **asdict(self))

    @classmethod
    def read(cls, path: Path, n_features: int) -> Applicability:
        """Read what `write` has written.

        Raises
        ------
        DataError
            It cannot be read, or is not that of a model with so many features.
        """
        try:
            with path.open("rb") as file, NpzFile(file, allow_pickle=False) as stored:
                # What is no array in the archive comes as bytes.
                arrays = {name: np.asarray(stored[name]) for name in cls.__dataclass_fields__}
        except _BROKEN as error:
            raise DataError(f"{path} is no area of applicability: {error}; {_REMEDY}") from error
        if wrong := _wrong(arrays, n_features):
            raise DataError(f"{path} is not the model's area of applicability: {wrong}; {_REMEDY}")
        distance, threshold = (float(arrays.pop(name)) for name in ("mean_distance", "threshold"))
        return cls(**arrays, mean_distance=distance, threshold=threshold)

    def _nearest(
        self, block: NDArray[np.float32], half: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Give the DI of weighted samples; `half` are the halved squared norms of the training samples.

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


def _weighted(
    x: NDArray[np.float32], mean: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float32]:
    used = slice(None) if (scale > 0).all() else np.flatnonzero(scale)  # a slice copies nothing
    weighted = x[:, used] - mean[used]
    weighted *= scale[used]
    return weighted


def _between_folds(
    points: NDArray[np.float32], fold: NDArray[np.int64]
) -> tuple[NDArray[np.float64], float]:
    """Give each sample's distance to the nearest of another fold, and the mean distance of all pairs."""
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
    """Give the largest value that is no outlier of a box plot."""
    low, high = np.percentile(values, [25, 75])
    return float(values[values <= high + 1.5 * (high - low)].max())


def _check_training(
    x: NDArray[np.float32], importance: NDArray[np.float64], fold: NDArray[np.int64]
) -> None:
    if x.ndim != 2 or importance.shape != x.shape[1:] or fold.shape != x.shape[:1]:
        raise DataError(
            f"expected samples by features, an importance a feature and a fold a sample, got arrays of "
            f"shapes {x.shape}, {importance.shape} and {fold.shape}; give those of one model"
        )
    if not (np.isfinite(x).all() and np.isfinite(importance).all()):
        raise DataError(
            "expected finite training samples and importances, got others; leave them out"
        )
    if len(np.unique(fold)) < 2 or fold.max() < 0:
        raise DataError(
            f"expected training samples of at least 2 folds, got {len(np.unique(fold))}; give the folds "
            f"of a cross-validation"
        )


def _wrong(arrays: Mapping[str, NDArray[Any]], n_features: int) -> str | None:
    """Say what is wrong with the arrays of a file."""
    mean, scale, points = (arrays[name] for name in ("mean", "scale", "points"))
    if any(each.dtype != np.float32 for each in (mean, scale, points)):
        return "mean, scale and points are not all float32"
    if mean.shape != (n_features,) or scale.shape != (n_features,):
        return f"expected {n_features} features, got means of shape {mean.shape}, scales of {scale.shape}"
    if points.ndim != 2 or not len(points) or points.shape[1] != (scale > 0).sum():
        return f"points of shape {points.shape} do not fit {(scale > 0).sum()} features of a weight"
    numbers = [arrays["mean_distance"], arrays["threshold"]]
    if any(each.dtype != np.float64 or each.shape != () for each in numbers):
        return "mean_distance and threshold are not each a float64"
    if not all(np.isfinite(each).all() for each in arrays.values()):
        return "some numbers are not finite"
    if (scale < 0).any() or not numbers[0] > 0 or numbers[1] < 0:
        return "a scale or the threshold is negative, or the mean distance is not positive"
    return None
