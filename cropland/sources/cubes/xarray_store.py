"""Cubes in Zarr (version 2 or 3) and NetCDF, read without Dask: one process reads one part at a time."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import odc.geo.xr  # noqa: F401  (gives datasets their .odc)
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from cropland.errors import DataError
from cropland.observations.bands import sensor_band_of
from cropland.sources.cubes import file_names
from cropland.sources.cubes.attributes import check_stored, check_texts, no_data
from cropland.sources.cubes.contract import (
    CubeReader,
    check_grid,
    in_order,
)
from cropland.sources.cubes.gaps import check_coordinates, empty_chunks
from cropland.sources.cubes.numbers import zero_no_data
from cropland.support.words import some
from cropland.untrusted import chunks  # noqa: F401  (checks the chunks that Zarr reads)
from cropland.untrusted.codecs import DAMAGED
from cropland.untrusted.hdf5 import check_netcdf
from cropland.untrusted.stores import METADATA, StoredArray, check_zarr

_BROKEN = (*DAMAGED, TypeError, ImportError, AttributeError, ArithmeticError)
"""What xarray and the libraries behind it raise of what they cannot open."""
_LONGEST = 5_000_000
"""Elements of a coordinate."""
_REMEDY = "write it again"
_EVEN = 0.01
_DIMS = ("time", "y", "x")
_COORDINATES = (*_DIMS, "band", "granule")


@dataclass(frozen=True, eq=False)
class XarrayStore(CubeReader):
    """An open store.

    Attributes
    ----------
    dataset : xarray.Dataset
        Lazy, north up, values as stored.
    places : mapping of str to (str, int or None)
        By band: its variable, and its position along ``band`` where there is such a dimension.
    order : ndarray of int, shape (image,)
        Positions of the images in the store that count, ascending by time.
    """

    dataset: xr.Dataset
    places: Mapping[str, tuple[str, int | None]]
    order: NDArray[np.intp]

    def read(
        self, bands: Sequence[str], images: slice, rows: slice, columns: slice
    ) -> dict[str, NDArray[Any]]:
        """Read a part, each variable once: a chunk may hold several bands."""
        where, back = _steps(self.order[images])
        values: dict[str, NDArray[Any]] = {}
        for name in {self.places[band][0] for band in bands}:
            layers = {band: self.places[band][1] for band in bands if self.places[band][0] == name}
            part = self.dataset[name].variable.isel(time=where, y=rows, x=columns)
            if None not in layers.values():
                part = part.isel(band=list(layers.values()))
            stored = part.load().transpose("band", *_DIMS, missing_dims="ignore").to_numpy()
            stacked = stored.reshape(-1, *stored.shape[-3:])
            for band, layer in zip(layers, stacked, strict=True):
                ordered = layer if back is None else layer[back]
                values[band] = zero_no_data(band, ordered, no_data(part, name))
        return values


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a Zarr store."""
    return any((path / name).is_file() for name in METADATA)


def open_store(path: Path) -> XarrayStore:
    """Open a Zarr folder or a NetCDF file.

    Raises
    ------
    DataError
        It is broken, or lacks times, a grid or bands.
    """
    dataset, arrays = _dataset(path)
    _check_dims(dataset, path)
    check_coordinates(arrays, _COORDINATES, f"the cube {path}")
    check_texts(dataset, f"the cube {path}")
    rows = dataset["y"].to_numpy()
    if len(rows) > 1 and rows[0] < rows[-1]:
        dataset = dataset.isel(y=slice(None, None, -1))
    places = _places(dataset, path)
    fills = {
        band: no_data(dataset[name].variable, f"{name} of the cube {path}")
        for band, (name, _) in places.items()
    }
    stored = {band: arrays[name] for band, (name, _) in places.items() if name in arrays}
    gaps = empty_chunks(stored, fills, f"the cube {path}")
    times = _times(dataset, path)
    named = "granule" in dataset.coords and dataset["granule"].dims == ("time",)
    names = dataset["granule"].to_numpy().astype(str) if named else times.astype(str)
    positions, notes = file_names.newest_images(names.tolist(), times)
    order = np.array(positions, np.intp)
    return XarrayStore(
        dataset=dataset[list({name for name, _ in places.values()})],
        places=places,
        order=order,
        grid=_grid(dataset, path),
        block=_block(dataset[next(iter(places.values()))[0]].variable),
        bands=in_order(places),
        times=times[order],
        granules=names[order],
        files=_files(path),
        notes=(*notes, *gaps),
    )


def _dataset(path: Path) -> tuple[xr.Dataset, dict[str, StoredArray]]:
    """Open lazily, values as stored: decoded, no data would make floats of all digital numbers."""
    how: dict[str, Any]
    if path.is_dir():
        arrays = check_zarr(path, _REMEDY, longest=_LONGEST)
        # Metadata that are gathered may be older than the arrays, and on disk gain some milliseconds.
        how = {"engine": "zarr", "consolidated": False}
    else:
        engine, arrays = check_netcdf(path, _REMEDY, longest=_LONGEST)
        how = {"engine": engine}
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"Variable\(s\) referenced in grid_mapping")  # no CRS
            dataset = xr.open_dataset(
                path, chunks=None, mask_and_scale=False, decode_coords="all", **how
            )
        for name in _COORDINATES:
            if name in dataset.variables:
                dataset.variables[name].load()
        return dataset, arrays
    except (*_BROKEN, MemoryError) as error:
        reason = str(error) or "there is not enough memory"
        raise DataError(
            f"the cube {path} cannot be read ({reason}); expected a Zarr group or a NetCDF file that xarray "
            f"can open: {_REMEDY}"
        ) from error


def _check_dims(dataset: xr.Dataset, path: Path) -> None:
    missing = [name for name in _DIMS if name not in dataset.dims or name not in dataset.coords]
    if missing:
        raise DataError(
            f"the cube {path} needs dimensions time, y and x with coordinates; it has no "
            f"{' and no '.join(missing)} among {some(dataset.dims)}: rename them and write it again"
        )


def _places(dataset: xr.Dataset, path: Path) -> dict[str, tuple[str, int | None]]:
    """Find the variable of each band, and its position in it."""
    places: dict[str, tuple[str, int | None]] = {}
    names: list[str] = []
    for name, variable in dataset.data_vars.items():
        extra = [dim for dim in variable.dims if dim not in _DIMS]
        if variable.ndim - len(extra) < len(_DIMS) or extra not in ([], ["band"]):
            continue
        # Without a coordinate xarray gives numbers, which name no band.
        layers = list(map(str, variable["band"].to_numpy())) if extra else [str(name)]
        names += layers
        for position, layer in enumerate(layers):
            band = sensor_band_of(layer)
            if band in places:
                both = " and ".join(sorted((str(places[band][0]), str(name))))
                raise DataError(f"the cube {path} has {band} twice, in {both}; keep one")
            if band is not None:
                check_stored(variable, f"{layer} of the cube {path}")
                places[band] = (str(name), position if extra else None)
    if not places:
        raise DataError(
            f"the cube {path} has no Sentinel-2 band: expected variables, or a coordinate band, named B1 to "
            f"B12, B8A and SCL; it has {some(names) or 'none over time, y and x'}"
        )
    return places


def _times(dataset: xr.Dataset, path: Path) -> NDArray[np.datetime64]:
    times = dataset["time"].to_numpy()
    if not np.issubdtype(times.dtype, np.datetime64) or np.isnat(times).any():
        raise DataError(
            f"the cube {path} has times that are no dates ({times.dtype}: {some(times, 2)}); expected "
            f"datetime64, as pandas.to_datetime gives it"
        )
    return times.astype("datetime64[s]")


def _grid(dataset: xr.Dataset, path: Path) -> GeoBox:
    # odc looks at the ends only
    even = all(_is_even(dataset[name].to_numpy()) for name in ("y", "x"))
    try:
        grid = dataset.odc.geobox if even else None
    except _BROKEN as error:
        raise DataError(
            f"the CRS of the cube {path} cannot be read ({error}); {_REMEDY}"
        ) from error
    if not isinstance(grid, GeoBox):
        raise DataError(
            f"the cube {path} has no regular grid: expected y and x evenly spaced, and at least two of each"
        )
    return check_grid(grid, path)


def _is_even(coordinates: NDArray[Any]) -> bool:
    """Return whether coordinates are evenly spaced, to a hundredth of a pixel."""
    if coordinates.dtype.kind not in "iuf":
        return False
    steps = np.diff(coordinates.astype(np.float64))
    if not len(steps):
        return True
    return bool(steps.mean() and np.allclose(steps, steps.mean(), rtol=_EVEN, atol=0))


def _block(variable: xr.Variable) -> tuple[int, int]:
    """Return the rows and columns of a chunk; 1 where there are none."""
    lengths = variable.encoding.get("chunks") or variable.encoding.get("chunksizes")
    sides = dict(zip(variable.dims, lengths or [1] * variable.ndim, strict=True))
    return int(sides["y"]), int(sides["x"])


def _files(path: Path) -> tuple[Path, ...]:
    """Return what changes with the store: the file, or the metadata of the group and its arrays."""
    if not path.is_dir():
        return (path,)
    files = (folder / name for folder in (path, *path.iterdir()) for name in METADATA)
    return tuple(file for file in files if file.is_file())


def _steps(
    order: NDArray[np.intp],
) -> tuple[slice | NDArray[np.intp], NDArray[np.intp] | None]:
    """Return what to read of time, and where each image is in that; None = as it stands.

    Slices are read several times as fast as positions, and positions must ascend.
    """
    if (np.diff(order) == 1).all():
        return slice(int(order[0]), int(order[-1]) + 1), None
    ascending = np.sort(order)
    back = np.searchsorted(ascending, order)
    if ascending[-1] - ascending[0] == len(order) - 1:
        return slice(int(ascending[0]), int(ascending[-1]) + 1), back
    return ascending, back
