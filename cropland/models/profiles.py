"""The year of each class: median and quantiles of a band on each date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cropland.errors import DataError
from cropland.features.matrix import labelled
from cropland.training.out_of_fold import CLASSES

if TYPE_CHECKING:
    import xarray as xr

QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def profiles(series: xr.Dataset, band: str) -> pd.DataFrame:
    """Compute median and quantiles of a band over the year, for the labelled points of each class.

    Parameters
    ----------
    series : xarray.Dataset
        As `cropland.features.series.aligned` returns it.
    band : str
        One of its bands.

    Returns
    -------
    pandas.DataFrame
        A row for each class and date: ``class``, ``time``, ``n`` (points), ``q05``, ``q25``, ``median``,
        ``q75``, ``q95``.

    Raises
    ------
    DataError
        No labelled point was observed.
    """
    points = labelled(series)
    values = points["values"].sel(band=band).transpose("point", "time").to_numpy()
    seen, target = ~np.isnan(values).any(axis=1), points["Target"].to_numpy()
    if not seen.any():
        raise DataError(
            f"no labelled point has a value of {band}; choose a window with observations"
        )
    tables = []
    for label, name in CLASSES.items():
        of_class = values[seen & (target == label)].astype(np.float64)
        if len(of_class):
            quantiles = np.quantile(of_class, list(QUANTILES.values()), axis=0)
            columns = {"class": name, "time": series["time"].to_numpy(), "n": len(of_class)}
            tables.append(pd.DataFrame(columns | dict(zip(QUANTILES, quantiles, strict=True))))
    return pd.concat(tables, ignore_index=True)
