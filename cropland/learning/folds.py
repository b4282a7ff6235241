"""Folds that are shuffled and stratified, and keep together the samples that are not independent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import RepeatedStratifiedKFold

if TYPE_CHECKING:
    from cropland.config.groups import Validation

    Fold = tuple[NDArray[np.int64], NDArray[np.int64]]


def stratified(
    y: NDArray[np.int8], units: NDArray[np.int64], validation: Validation, seed: int
) -> Iterator[Fold]:
    """Yield the (train, test) positions of every fold, repeat after repeat.

    They are those of scikit-learn's ``RepeatedStratifiedKFold``; of a unit with several samples, all follow
    the first one.

    Parameters
    ----------
    y : ndarray of int8, shape (sample,)
        Labels.
    units : ndarray of int, shape (sample,)
        The unit that each sample belongs to.
    validation : Validation
        How many folds and repeats.
    seed : int
        Decides the folds.
    """
    count = validation.folds
    splitter = RepeatedStratifiedKFold(
        n_splits=count, n_repeats=validation.repeats, random_state=seed
    )
    folds = splitter.split(y, y)
    if len(np.unique(units)) == len(y):
        yield from folds
        return
    for _ in range(validation.repeats):
        fold = np.empty(len(y), np.int64)
        for number in range(count):
            fold[next(folds)[1]] = number
        fold = _whole_units(fold, y, units, count)
        for number in range(count):
            yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def firsts(units: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position of the first sample of each unit, units in ascending order."""
    return np.unique(units, return_index=True)[1].astype(np.int64)


def _whole_units(
    fold: NDArray[np.int64], y: NDArray[np.int8], units: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Return the fold of each sample: that of its unit's first, or another where folds would be uneven.

    Of each class, folds have equally many units, or one more.
    """
    first, unit = np.unique(units, return_index=True, return_inverse=True)[1:]
    of_unit = fold[first]
    for label in np.unique(y):
        of_class = np.flatnonzero(y[first] == label)
        members = [list(of_class[of_unit[of_class] == number]) for number in range(count)]
        while len(max(members, key=len)) - len(min(members, key=len)) > 1:
            moved = max(members, key=len).pop()
            smallest = min(range(count), key=lambda number: len(members[number]))
            members[smallest].append(moved)
            of_unit[moved] = smallest
    return np.asarray(of_unit[unit], dtype=np.int64)
