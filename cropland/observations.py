"""Raw observations as a long table, the way that a registered model takes them: one row an observation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from cropland.archive import Archive

_OF_POINT = ("ID", "Lat", "Lon")


def of_points(archive: Archive, at: NDArray[np.int64], columns: Iterable[str]) -> pd.DataFrame:
    """Give the observations of some of an archive's points.

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
        One row an observation, as stored; a point without any has no row.
    """
    starts, sizes = archive.offsets[at], np.diff(archive.offsets)[at]
    # Rows of each point, one after the other: its start, and a count that begins anew at each point.
    rows = np.arange(sizes.sum()) + np.repeat(starts - np.cumsum(sizes) + sizes, sizes)
    table = {}
    for name in columns:
        if name in _OF_POINT:
            table[name] = np.repeat(archive.points[name].to_numpy()[at], sizes)
        elif name == "Timestamp":
            table[name] = np.datetime_as_string(archive.times[rows], unit="s")
        else:
            table[name] = archive.raw(name)[rows]
    return pd.DataFrame(table)
