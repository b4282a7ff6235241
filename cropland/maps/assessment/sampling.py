"""Sampling: a stratified random sample of a map's pixels, from how large to which ones.

Strata are counted block by block, and pixels are drawn by their rank among a block's pixels of a stratum,
so that a map of billions of pixels is never in memory.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cropland.errors import ConfigError, DataError
from cropland.support.words import count

Allocation: TypeAlias = Literal["proportional", "equal"]

MINIMUM = 50
"""Units of a rare class: the least of the 50 to 100 that Olofsson et al. 2014, section 5.1, give it."""


def sample_size(proportions: ArrayLike, users_accuracies: ArrayLike, standard_error: float) -> int:
    """Compute how many units give the overall accuracy with a standard error.

    Olofsson et al. 2014, doi:10.1016/j.rse.2014.02.015, eq. 13 (Cochran 1977, eq. 5.25), for a map of so
    many pixels that their number does not matter. A sample that is not allocated in proportion to the
    strata can miss the standard error by a little.

    Parameters
    ----------
    proportions : array_like of float, shape (stratum,)
        Share of each map class in the map; their sum is 1.
    users_accuracies : array_like of float, shape (stratum,)
        User's accuracy that is conjectured of each class, between 0 and 1.
    standard_error : float
        That the overall accuracy is to have.
    """
    share, accuracy = np.asarray(proportions, float), np.asarray(users_accuracies, float)
    deviation = float(share @ np.sqrt(accuracy * (1 - accuracy)))
    return math.ceil(round((deviation / standard_error) ** 2, 6))  # 625.0000000001 is 625


def allocate(
    counts: ArrayLike, size: int, allocation: Allocation = "proportional", *, minimum: int = MINIMUM
) -> NDArray[np.int64]:
    """Divide a sample among strata.

    ``proportional`` gives each stratum its share of the pixels, but no fewer units than `minimum`; what
    the rare ones get more is taken from the others (Olofsson et al. 2014, section 5.1). ``equal`` gives
    each the same. No stratum gets more units than it has pixels, and one without pixels gets none.

    Parameters
    ----------
    counts : array_like of int, shape (stratum,)
        Pixels of each stratum.
    size : int
        Units to divide.
    allocation : {"proportional", "equal"}
        How.
    minimum : int
        Fewest units of a stratum, at least 2.

    Returns
    -------
    ndarray of int, shape (stratum,)
        Units of each stratum; their sum is `size`.

    Raises
    ------
    ConfigError
        A size that does not give every stratum its minimum.
    DataError
        Fewer pixels than units.
    """
    pixels = np.asarray(counts, np.int64)
    lowest = np.minimum(pixels, minimum)
    _check_divisible(pixels, lowest, size)
    weights = pixels if allocation == "proportional" else np.ones_like(pixels)
    return _rounded(_divided(weights, lowest, pixels, size), size)


def draw(counts: ArrayLike, sizes: ArrayLike, seed: int) -> list[list[NDArray[np.int64]]]:
    """Draw the pixels of a stratified random sample, without replacement.

    Each stratum has random numbers of its own: what is drawn from it depends on its pixels, its size and
    the seed, not on other strata. The same map cut into other blocks gives other pixels.

    Parameters
    ----------
    counts : array_like of int, shape (block, stratum)
        Pixels of each stratum in each block of the map.
    sizes : array_like of int, shape (stratum,)
        Units to draw from each stratum, as `allocate` returns them; no more than it has pixels.
    seed : int
        Decides the pixels.

    Returns
    -------
    list of list of ndarray of int
        By block and stratum, the ranks from 0 to take, ascending: ``np.flatnonzero(strata == h)[ranks]``
        are their places in a flattened block.
    """
    pixels, units = np.asarray(counts, np.int64), np.asarray(sizes, np.int64)
    randoms = np.random.default_rng(seed).spawn(len(units))
    by_stratum = [
        _by_block(random.choice(of.sum(), size, replace=False, shuffle=False), of)
        for random, size, of in zip(randoms, units, pixels.T, strict=True)
    ]
    return [list(ranks) for ranks in zip(*by_stratum, strict=True)]


def _by_block(ranks: NDArray[np.int64], pixels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Cut ranks over all blocks, in any order, into ranks within each block."""
    ranks, ends = np.sort(ranks), np.cumsum(pixels)
    parts = np.split(ranks, np.searchsorted(ranks, ends[:-1]))
    return [part - start for part, start in zip(parts, ends - pixels, strict=True)]


def _check_divisible(pixels: NDArray[np.int64], lowest: NDArray[np.int64], size: int) -> None:
    """Check that a size lies between what the strata must get and what they can."""
    if size > pixels.sum():
        raise DataError(
            f"expected at least {count(size, 'pixel')} to draw as many units, got {pixels.sum()}; draw fewer"
        )
    if size < lowest.sum():
        raise ConfigError(
            f"expected at least {lowest.sum()} units, the minima of {np.sum(pixels > 0)} strata together, "
            f"got {size}; draw more, which a smaller standard error asks for, or give a lower minimum"
        )


def _divided(
    weights: NDArray[np.int64], lowest: NDArray[np.int64], highest: NDArray[np.int64], size: int
) -> NDArray[np.float64]:
    """Compute ``clip(factor * weights, lowest, highest)`` with the factor that makes its sum the size.

    The sum is a broken line over the factor, with its bends where a stratum leaves a bound.
    """
    filled = weights > 0
    bounds = np.concatenate([lowest[filled], highest[filled]])
    bends = np.unique(bounds / np.tile(weights[filled], 2))
    sums = np.clip(bends[:, None] * weights, lowest, highest).sum(axis=1)
    return np.asarray(np.clip(np.interp(size, sums, bends) * weights, lowest, highest))


def _rounded(shares: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """Round to whole units that sum to the size, up where the remainders are largest."""
    shares = shares.round(6)  # 149.9999999999 is 150
    units = np.floor(shares).astype(np.int64)
    largest = np.argsort(units - shares, kind="stable")
    units[largest[: size - units.sum()]] += 1
    return units
