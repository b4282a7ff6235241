"""Folds of a cross-validation, and the units that they keep together: pixels, or spatial blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedGroupKFold

from cropland.errors import DataError
from cropland.observations.pixels import pixels

if TYPE_CHECKING:
    import xarray as xr

    from cropland.config.groups import Validation

    Fold = tuple[NDArray[np.int64], NDArray[np.int64]]

KILOMETRES_PER_DEGREE = 111.195
"""Of a great circle, mean Earth radius 6371.0 km."""


def independent_units(
    features: xr.Dataset | xr.DataArray, validation: Validation
) -> NDArray[np.int64]:
    """Return the number of the unit that each sample belongs to: its pixel, or its spatial block.

    Where no two samples share a pixel, the number of a pixel is that of its sample.

    Raises
    ------
    DataError
        It is not known where samples lie.
    """
    if not {"Lat", "Lon"} <= {*features.coords, *getattr(features, "data_vars", ())}:
        raise DataError(
            "expected samples with the coordinates Lat and Lon, as make_features returns them, got none; add "
            "them, since samples on one pixel share a fold"
        )
    if validation.block_km is None:
        return pixels(features["Lat"], features["Lon"])
    return spatial_blocks(features, validation.block_km)


def splits(
    y: NDArray[np.int8], groups: NDArray[np.int64], validation: Validation, seed: int
) -> Iterator[Fold]:
    """Yield the (train, test) positions of every fold, repeat after repeat.

    Folds are shuffled and stratified; whole groups are left out.
    """
    if validation.block_km is None:
        yield from _stratified(y, groups, validation, seed)
        return
    for repeat in range(validation.repeats):
        grouped = StratifiedGroupKFold(validation.folds, shuffle=True, random_state=seed + repeat)
        for train, test in grouped.split(y, y, groups):
            if len(np.unique(y[train])) < 2 or not len(test):
                raise DataError(
                    f"a fold of blocks of {validation.block_km} km leaves one class only; "
                    f"take a smaller validation.block_km or fewer folds"
                )
            yield train, test


def _stratified(
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


def spatial_blocks(features: xr.Dataset | xr.DataArray, block_km: float) -> NDArray[np.int64]:
    """Compute the number of each sample's spatial block: squares of `block_km`, counted from the south-west.

    Kilometres are measured on a sphere, longitude at the mean latitude of the samples. Samples on one pixel
    are in the block of the first of them.
    """
    lat, lon = features["Lat"].to_numpy(), features["Lon"].to_numpy()
    north = (lat - lat.min()) * KILOMETRES_PER_DEGREE
    east = (lon - lon.min()) * KILOMETRES_PER_DEGREE * np.cos(np.radians(lat.mean()))
    pixel = pixels(lat, lon)
    cells = np.stack([north // block_km, east // block_km], axis=1)[firsts(pixel)[pixel]]
    return np.unique(cells, axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def check_blocks(points: xr.Dataset, validation: Validation, country: str) -> None:
    """Check that points fall into at least as many spatial blocks as there are folds.

    Raises
    ------
    DataError
        They do not.
    """
    if validation.block_km is None:
        return
    count = len(np.unique(spatial_blocks(points, validation.block_km)))
    if count < validation.folds:
        raise DataError(
            f"the points of {country} fall into {count} blocks of {validation.block_km} km, fewer than "
            f"the {validation.folds} folds; take a smaller validation.block_km"
        )
