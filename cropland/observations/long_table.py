"""Raw observations as a long table, the way that a registered model takes them: one row an observation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.observations.band_values import MISSING_SCENE_CLASS
from cropland.observations.bands import SCENE_CLASS

if TYPE_CHECKING:
    from cropland.observations.archive import Archive

_OF_POINT = ("ID", "Lat", "Lon")


def of_points(archive: Archive, at: NDArray[np.int64], columns: Iterable[str]) -> pd.DataFrame:
    """Return the observations of some of an archive's points.

    Parameters
    ----------
    archive : Archive
        Where they are.
    at : ndarray of int
        Positions of the points.
    columns : iterable of str
        ``ID``, ``Timestamp`` (ISO text), ``Lat``, ``Lon`` and what the archive stores.

    Returns
    -------
    DataFrame
        One row an observation, as stored, NaN where ``SCL`` is missing; a point without any has no row.
    """
    starts, sizes = archive.offsets[at], np.diff(archive.offsets)[at]
    # Rows of each point, one after the other: its start, and a count from each point's first.
    rows = np.arange(sizes.sum()) + np.repeat(starts - np.cumsum(sizes) + sizes, sizes)

    def stored(name: str) -> NDArray[Any]:
        """Read no more than these rows: a column of a million points is gigabytes."""
        values: NDArray[Any] = archive.dataset[name][rows].to_numpy()
        if name == SCENE_CLASS and (missing := values == MISSING_SCENE_CLASS).any():
            return np.where(missing, np.nan, values)
        return values

    table = {}
    for name in columns:
        if name in _OF_POINT:
            table[name] = np.repeat(archive.points[name].to_numpy()[at], sizes)
        elif name == "Timestamp":
            table[name] = np.datetime_as_string(stored("time"), unit="s")
        else:
            table[name] = stored(name)
    return pd.DataFrame(table)


def as_export(archive: Archive, columns: Iterable[str]) -> pd.DataFrame:
    """Write an archive as an export is written: ``ID``, ``Timestamp`` with a blank, and some columns."""
    every = np.arange(archive.dataset.sizes["point"])
    names = list(columns)
    stored = [name for name in names if name in archive.stored or name in _OF_POINT]
    table = of_points(archive, every, ("ID", "Timestamp", *stored))
    table["Timestamp"] = table["Timestamp"].str.replace("T", " ")
    for name in names:
        if name not in table:
            table[name] = archive.values(name)
    return table
