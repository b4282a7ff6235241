"""Features: the named ``(sample, feature)`` matrix made of a series.

Contract: a float32 DataArray without NaN, dims ``sample`` and ``feature``, with coordinates ``ID``,
``Lat``, ``Lon``, ``Target`` (sample) and ``feature``. Four kinds of features, in this order:

- the flat series: ``B4_d-335`` is B4 on season day -335, the days from the end of the reference season, so
  that the same feature means the same time of the season in every country and every year. Days come one
  after the other, all bands of the first day, then of the next;
- statistics over time: ``NDVI_min``, all bands of the first statistic, then of the next;
- harmonics: ``NDVI_cos1``, ordered as statistics are, see `cropland.features.harmonics`;
- static columns (``Lon``, ``Lat``), once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import date
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from cropland.config.groups import Features
from cropland.config.schema import filled, require
from cropland.features.harmonics import HARMONICS, check_weeks, fit_harmonics
from cropland.observations.bands import STATIC, BandSet
from cropland.observations.points import COLUMNS

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)

STATISTICS: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "min": lambda values: values.min(axis=1),
    "max": lambda values: values.max(axis=1),
    "median": lambda values: np.median(values, axis=1),
    "std": lambda values: values.std(axis=1),
    "amplitude": lambda values: np.ptp(values, axis=1),
}
"""Statistics over time, of values with shape (point, time, band)."""


def matrix(
    series: xr.Dataset,
    band_set: BandSet,
    kind: Features,
    *,
    reference_end: date,
    min_observations: int = 1,
    max_gap_days: int | None = None,
) -> xr.DataArray:
    """Make features of a series, one row a point.

    Parameters
    ----------
    series : xarray.Dataset
        As `cropland.features.series.aligned` gives it.
    band_set : BandSet
        Its static columns are appended.
    kind : Features
        The flat series, statistics over time, harmonics, or several of them.
    reference_end : date
        Last day of the reference season: the season day 0.
    min_observations : int
        Points with fewer in the window are left out, see `unobserved`.
    max_gap_days : int, optional
        Points with a longer gap are left out too; `series` may be without gaps where it is None.

    Returns
    -------
    xarray.DataArray
        The contract above.
    """
    enough = _is_observed(series, min_observations, max_gap_days)
    observed = series if enough.all() else series.isel(point=np.flatnonzero(enough))  # a copy
    values = observed["values"].transpose("point", "time", "band").to_numpy()
    measured = [str(band) for band in series["band"].to_numpy()]
    names: list[str] = []
    columns: list[NDArray[np.float32]] = []
    if kind.flat:
        days = _season_days(series, reference_end)
        names += [f"{band}_d{day:+d}" for day in days for band in measured]
        columns.append(values.reshape(len(values), len(names)))
    if measured:
        for statistic in kind.statistics:
            names += [f"{band}_{statistic}" for band in measured]
            columns.append(STATISTICS[statistic](values))
        if kind.harmonics:
            names += [f"{band}_{name}" for name in HARMONICS for band in measured]
            fitted = fit_harmonics(values, np.array(_season_days(series, reference_end)))
            columns.append(fitted.reshape(len(values), len(HARMONICS) * len(measured)))
    columns += [observed[name].to_numpy()[:, None] for name in band_set.static]
    return xr.DataArray(
        np.concatenate(columns, axis=1, dtype=np.float32, casting="same_kind"),
        dims=("sample", "feature"),
        coords={
            **{name: ("sample", observed[name].to_numpy()) for name in COLUMNS},
            "feature": np.array([*names, *band_set.static], dtype=str),
        },
    )


def make_features(
    series: xr.Dataset,
    *,
    reference_end: date,
    flat: bool = True,
    statistics: Iterable[str] = (),
    harmonics: int = 0,
    static: Collection[str] = (),
) -> xr.DataArray:
    """Make features of a series, one row a point that was observed.

    Parameters
    ----------
    series : xarray.Dataset
        As `make_series` returns it.
    reference_end : date
        Last day of the reference season: day 0 in the names of features.
    flat : bool
        A feature for each band on each day: ``B4_d-335``.
    statistics : iterable of str
        Features over time, such as ``NDVI_max``: of ``min``, ``max``, ``median``, ``std``, ``amplitude``.
    harmonics : int
        2: the yearly and half-yearly course of each band, such as ``NDVI_amplitude1``; 0: none.
    static : collection of str
        Columns that do not change with time: ``Lon``, ``Lat``.

    Returns
    -------
    xarray.DataArray
        Float32, without NaN, dims ``sample`` and ``feature``, with the coordinates ``ID``, ``Lat``, ``Lon``
        and ``Target`` (sample). Points without an observation in the window are left out.

    Raises
    ------
    ConfigError
        No such statistic, no such static column, or no feature at all.
    WindowError
        Harmonics of a series of less than 39 weeks.

    Examples
    --------
    >>> end = toyland.reference.last
    >>> features = cropland.make_features(series, reference_end=end, flat=False, statistics=["max"])
    >>> features["feature"].to_numpy().tolist()
    ['B4_max', 'B8_max', 'NDVI_max']
    """
    unknown = set(static) - set(STATIC)
    require(
        not unknown, f"static: expected {' or '.join(STATIC)}, got {', '.join(sorted(unknown))}"
    )
    values = {"flat": flat, "statistics": tuple(statistics), "harmonics": harmonics}
    kind = filled(Features, {"name": "custom", **values}, "features.")
    if kind.harmonics:
        days = _season_days(series, reference_end)
        check_weeks((days[-1] - days[0] + np.diff(days[:2]).sum()) // 7)
    return matrix(series, BandSet((), tuple(static)), kind, reference_end=reference_end)


def is_observed(
    n_observations: NDArray[np.integer[Any]],
    longest_gap: NDArray[np.integer[Any]],
    min_observations: int,
    max_gap_days: int | None,
) -> NDArray[np.bool_]:
    """Return which points have as many observations in the window as features need, and at least one.

    Nor may a day of the window be more than `max_gap_days` from the nearest of them.
    """
    enough = np.asarray(n_observations >= max(1, min_observations))
    return enough if max_gap_days is None else enough & (longest_gap <= max_gap_days)


def unobserved(
    series: xr.Dataset, min_observations: int = 1, max_gap_days: int | None = None
) -> list[str]:
    """Return the IDs of the points that are observed less in the window than features need.

    A point that lacks a band wholly has no observation, see `cropland.features.series`.
    """
    enough = _is_observed(series, min_observations, max_gap_days)
    return [str(point) for point in series["ID"].to_numpy()[~enough]]


def labelled(table: Labelled) -> Labelled:
    """Return the samples of a matrix, or the points of a dataset, that have a label."""
    targets = table["Target"]
    return table.isel({targets.dims[0]: np.flatnonzero(targets.to_numpy() >= 0)})


def _is_observed(
    series: xr.Dataset, min_observations: int, max_gap_days: int | None
) -> NDArray[np.bool_]:
    counts = series["n_observations"].to_numpy()
    gaps = counts if max_gap_days is None else series["longest_gap"].to_numpy()
    return is_observed(counts, gaps, min_observations, max_gap_days)


def _season_days(series: xr.Dataset, reference_end: date) -> list[int]:
    days = series["time"].to_numpy() - np.datetime64(reference_end)
    return [int(day) for day in days // np.timedelta64(1, "D")]
