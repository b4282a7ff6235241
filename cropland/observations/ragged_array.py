"""Ragged arrays of observations, as archives hold them: of a long table, or of rows with their points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from cropland.observations.band_values import MISSING_SCENE_CLASS, dtype_of
from cropland.observations.bands import NO_DATA, SCENE_CLASS, STANDARD_NAMES


def from_table(points: pd.DataFrame, observations: pd.DataFrame) -> xr.Dataset:
    """Return the ragged array of a long table.

    Parameters
    ----------
    points : DataFrame
        As `cropland.observations.points` gives it.
    observations : DataFrame
        Columns ``ID``, ``time`` (datetime64) and one for each band; any order of rows. Rows of the
        same point and time keep their order.

    Returns
    -------
    xarray.Dataset
        The contract of `cropland.observations.archive`, without its attributes.
    """
    columns = {
        str(name): packed(str(name), observations[name].to_numpy())
        for name in observations.columns
        if name not in ("ID", "time")
    }
    codes, different = pd.factorize(observations["ID"])  # a point has many rows
    where = pd.Index(points["ID"]).get_indexer(different)[codes]
    return from_rows(points, where, observations["time"].to_numpy(), columns)


def from_rows(
    points: pd.DataFrame,
    where: NDArray[np.integer[Any]],
    time: NDArray[np.datetime64],
    columns: Mapping[str, NDArray[Any]],
) -> xr.Dataset:
    """Return the ragged array of rows.

    Parameters
    ----------
    points : DataFrame
        As `cropland.observations.points` gives it.
    where : ndarray of int, shape (row,)
        Position of each row's point.
    time : ndarray of datetime64, shape (row,)
        Its moment.
    columns : mapping of str to ndarray of shape (row,)
        Bands and others, as they are to be stored.

    Returns
    -------
    xarray.Dataset
        The contract of `cropland.observations.archive`, without its attributes.
    """
    order = order_of(where, time)
    return xr.Dataset(
        {
            "ID": ("point", points["ID"].to_numpy(dtype=str)),
            "Lat": ("point", points["Lat"].to_numpy(), {"units": "degrees_north"}),
            "Lon": ("point", points["Lon"].to_numpy(), {"units": "degrees_east"}),
            "Target": ("point", points["Target"].to_numpy()),
            "row_size": ("point", np.bincount(where, minlength=len(points)).astype(np.int32)),
            "time": ("observation", time.astype("datetime64[s]")[order]),
            **{name: ("observation", values[order]) for name, values in columns.items()},
        }
    )


def order_of(
    where: NDArray[np.integer[Any]], time: NDArray[np.datetime64]
) -> NDArray[np.intp] | slice:
    """Return what sorts rows by point and time; equal ones keep their order, sorted ones need no copy."""
    point_step, time_step = np.diff(where), np.diff(time)
    in_order = (point_step > 0) | ((point_step == 0) & (time_step >= np.timedelta64(0)))
    return slice(None) if in_order.all() else np.lexsort((time, where))


def packed(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Convert to the stored type: digital numbers uint16, ``SCL`` uint8, other numbers float32."""
    if not np.issubdtype(values.dtype, np.number):
        return np.asarray(values.astype(str))
    if name == SCENE_CLASS:
        return np.asarray(np.nan_to_num(values, nan=MISSING_SCENE_CLASS).astype(dtype_of(name)))
    if name in STANDARD_NAMES:
        filled = np.nan_to_num(values, nan=NO_DATA)
        whole = (filled >= 0) & (filled <= np.iinfo(np.uint16).max) & (filled == np.floor(filled))
        if whole.all():
            return np.asarray(filled.astype(dtype_of(name)))
    return np.asarray(values.astype(np.float32))
