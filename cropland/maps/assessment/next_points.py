"""Next points: which samples are worth a label, because a model is unsure of them and they differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from cropland.errors import DataError


def chosen(
    uncertainty: NDArray[np.float64],
    x: NDArray[np.float32],
    count: int,
    *,
    seed: int,
    pool: int = 10,
) -> NDArray[np.int64]:
    """Choose samples to label next, uncertain ones that are not alike.

    After Zhdanov 2019, Diverse mini-batch active learning, arXiv:1901.05954: the most uncertain samples
    are clustered by k-means with their uncertainty as weight, one cluster a sample wanted. Of each cluster
    the most uncertain sample is taken, not the one nearest to its centre: a label helps there most.

    Parameters
    ----------
    uncertainty : ndarray of float, shape (sample,)
        Such as ``1 - abs(2 * probability - 1)``; 0 is certain.
    x : ndarray of float32, shape (sample, feature)
        Where distance means unlikeness, such as `models.applicability.Applicability.weighted` gives it.
    count : int
        How many to choose.
    seed : int
        Decides where the clustering begins.
    pool : int
        How many of the most uncertain samples are looked at for each that is chosen.

    Returns
    -------
    ndarray of int, shape (count,)
        Their positions, the most uncertain first, of equals the first. Certain ones are among them only
        where there are too few others.

    Raises
    ------
    DataError
        Fewer samples than wanted, none wanted, or numbers that cannot be used.
    """
    _check(uncertainty, x, count, pool)
    order: NDArray[np.int64] = np.argsort(-uncertainty, kind="stable")
    uncertain = int(np.count_nonzero(uncertainty))
    shortlist: NDArray[np.int64] = order[: max(count, min(pool * count, uncertain))]
    if len(shortlist) == count:
        return shortlist
    labels = _clusters(x[shortlist], uncertainty[shortlist], count, seed)
    first = np.unique(labels, return_index=True)[1]
    # Where many samples are the same there are fewer clusters than samples wanted.
    rest = np.delete(np.arange(len(shortlist)), first)[: count - len(first)]
    return np.asarray(shortlist[np.sort(np.concatenate([first, rest]))])


def _clusters(
    x: NDArray[np.float32], weight: NDArray[np.float64], count: int, seed: int
) -> NDArray[np.int32]:
    different = len(np.unique(x, axis=0))
    means = KMeans(min(count, different), random_state=seed)
    labels: NDArray[np.int32] = means.fit_predict(x, sample_weight=weight)
    return labels


def _check(uncertainty: NDArray[np.float64], x: NDArray[np.float32], count: int, pool: int) -> None:
    if uncertainty.ndim != 1 or x.ndim != 2 or len(x) != len(uncertainty):
        raise DataError(
            f"expected an uncertainty and a row of features a sample, got arrays of shapes "
            f"{uncertainty.shape} and {x.shape}; give those of the same samples"
        )
    if not 1 <= count <= len(x):
        raise DataError(
            f"expected to choose between 1 and {len(x)} samples, for there are no more, got {count}; "
            f"ask for fewer or give more"
        )
    if pool < 1:
        raise DataError(f"expected a pool of at least 1 sample for each, got {pool}; take 10")
    if not (np.isfinite(uncertainty).all() and (uncertainty >= 0).all() and np.isfinite(x).all()):
        raise DataError(
            "expected finite features, and finite uncertainties from 0 up, got others; leave out the "
            "samples that have them"
        )
