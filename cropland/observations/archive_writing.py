"""How an archive is written: block after block of its points, as one Zarr folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cropland.errors import DataError
from cropland.observations import archive_files

CONVENTIONS = {"Conventions": "CF-1.11", "featureType": "timeSeries"}
_ENCODING = {"time": {"units": "seconds since 1970-01-01", "dtype": "int64"}}
_FORMAT: dict[str, Any] = {"zarr_format": 2, "consolidated": True, "write_empty_chunks": True}
"""Chunks without data are written too, so that one that is missing was lost."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """An archive's dataset in blocks of points, where it is too large to be in memory at once.

    Attributes
    ----------
    n_points : int
        How many points the blocks have together.
    datasets : iterable of xarray.Dataset
        Block after block, by the contract of `observations.archive`. All have the same variables and types;
        what has neither points nor observations, and the attributes, are taken of the first.
    """

    n_points: int
    datasets: Iterable[xr.Dataset]


def store(blocks: Iterable[xr.Dataset], folder: Path, attributes: Mapping[str, Any]) -> None:
    """Write blocks to a new folder, each before the next one is asked for; at the end the checksums.

    Raises
    ------
    DataError
        They break the contract of `cropland.observations.archive`.
    """
    points: list[xr.Dataset] = []
    for number, block in enumerate(blocks):
        _check(block)
        points.append(_of_dim(block, "point"))
        if number == 0:
            _marked(block, attributes).to_zarr(folder, encoding=_ENCODING, **_FORMAT)
        else:
            rows = _marked(_of_dim(block, "observation"), attributes)
            rows.to_zarr(folder, append_dim="observation", **_FORMAT)
    ids = np.concatenate([some["ID"].to_numpy() for some in points])
    if len(np.unique(ids)) != len(ids):
        raise DataError("an archive's IDs must be unique")
    if len(points) > 1:  # they are small: once, at the end
        others = _marked(xr.concat(points[1:], "point"), attributes)
        others.to_zarr(folder, append_dim="point", **_FORMAT)
    archive_files.write_checksums(folder)


def _marked(dataset: xr.Dataset, attributes: Mapping[str, Any]) -> xr.Dataset:
    """Add the attributes that CF wants."""
    marked = dataset.assign_attrs(CONVENTIONS | dict(attributes))
    if "ID" in marked:
        marked["ID"].attrs["cf_role"] = "timeseries_id"
        marked["row_size"].attrs["sample_dimension"] = "observation"
    return marked


def _of_dim(dataset: xr.Dataset, dim: str) -> xr.Dataset:
    return dataset[
        [name for name, variable in dataset.data_vars.items() if variable.dims == (dim,)]
    ]


def _check(dataset: xr.Dataset) -> None:
    sizes = dataset["row_size"].to_numpy()
    times = dataset["time"].to_numpy()
    if sizes.sum() != len(times):
        raise DataError(f"an archive's row sizes sum to {sizes.sum()}, it has {len(times)} rows")
    starts = np.zeros(len(times) + 1, dtype=bool)
    starts[np.concatenate([[0], np.cumsum(sizes)])] = True
    if not ((np.diff(times) >= np.timedelta64(0)) | starts[1:-1]).all():
        raise DataError("an archive's observations must be sorted by time within each point")
