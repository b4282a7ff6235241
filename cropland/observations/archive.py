"""The archive: all observations of a country's points from one source, stored once, opened lazily.

Contract, a CF discrete sampling geometry (``featureType = timeSeries``, contiguous ragged array,
CF conventions 1.11, section 9.3.3) in Zarr:

- dims ``point`` and ``observation``; the observations of a point stand together, in the order of the
  points, sorted by time;
- ``ID`` (point, str, unique), ``Lat`` and ``Lon`` (point, float64 degrees), ``Target`` (point, int8:
  1 cropland, 0 not, -1 unlabelled), ``row_size`` (point, int32): how many observations a point has;
- ``time`` (observation, datetime64[s], UTC);
- ``granule`` (observation, int32), where the source names images: which of ``granule_id`` (image, str);
- Sentinel-2 bands (observation): digital numbers, reflectance × 10,000, 0 = no data; uint16, or float32
  where a source gives fractions (NaN is no data too); ``SCL`` uint8, 255 where it is missing; anything else
  as the source had it;
- attributes ``source``, ``country``, ``fingerprint``, ``time_coverage_start`` and
  ``time_coverage_end`` (dates, both included), and what the source says of its provenance; of exports
  ``columns_lacking`` (column → files without it), ``counts`` (name → rows or values that were changed or left
  out) and ``notes`` (sentences).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from cropland.errors import DamageError, DataError
from cropland.observations import band_values, bands
from cropland.observations.points import COLUMNS
from cropland.support.fingerprint import fingerprint
from cropland.support.words import some
from cropland.support.writing import whole

if TYPE_CHECKING:
    from cropland.observations.archive_writing import Blocks

_NOT_BANDS = frozenset((*COLUMNS, "row_size", "time", "granule"))
_ROWS_AT_ONCE = 10_000_000
"""Scene classes read at once: 10 MB."""
_WITHOUT = {bands.SCENE_CLASS: "use series=raw and bands without SCL"}
"""What a user can do without a column."""


@dataclass(frozen=True, eq=False)
class Archive:
    """An open archive; what is read or computed once stays in memory for the next window.

    Attributes
    ----------
    dataset : xarray.Dataset
        The contract above, lazy.
    """

    dataset: xr.Dataset
    _values: dict[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)
    selections: dict[Hashable, Any] = field(default_factory=dict, repr=False)
    """What `cropland.features.series` has chosen of it, by window: it is forgotten with the archive."""

    @property
    def country(self) -> str:
        """Name of the country."""
        return str(self.dataset.attrs["country"])

    @property
    def source(self) -> str:
        """Name of the source that filled it."""
        return str(self.dataset.attrs["source"])

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides its content."""
        return str(self.dataset.attrs["fingerprint"])

    @property
    def first(self) -> date:
        """First day that it covers."""
        return date.fromisoformat(self.dataset.attrs["time_coverage_start"])

    @property
    def last(self) -> date:
        """Last day that it covers."""
        return date.fromisoformat(self.dataset.attrs["time_coverage_end"])

    @cached_property
    def stored(self) -> tuple[str, ...]:
        """Names of the bands and other columns that it holds."""
        return tuple(
            str(name)
            for name, variable in self.dataset.data_vars.items()
            if name not in _NOT_BANDS and variable.dims == ("observation",)
        )

    @cached_property
    def points(self) -> xr.Dataset:
        """``ID``, ``Lat``, ``Lon`` and ``Target`` of every point, in memory."""
        return self.dataset[list(COLUMNS)].load()

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Row at which each point's observations start, and the total: shape ``(point + 1,)``."""
        return np.concatenate([[0], np.cumsum(self.dataset["row_size"].to_numpy(), dtype=np.int64)])

    @cached_property
    def times(self) -> NDArray[np.datetime64]:
        """Moment of each observation, shape ``(observation,)``."""
        return self.dataset["time"].to_numpy()

    @cached_property
    def days(self) -> NDArray[np.int32]:
        """Day of each observation since 1970-01-01, shape ``(observation,)``."""
        return self.times.astype("datetime64[D]").astype(np.int32)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was found in its numbers when it was made."""
        return tuple(self.dataset.attrs.get("notes", ()))

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows and values that were left out or changed when it was made, by name."""
        return dict(self.dataset.attrs.get("counts", {}))

    def require(self, names: Iterable[str]) -> None:
        """Check that bands are stored, in every file that the archive was made from.

        Raises
        ------
        DataError
            Names the bands that are missing and lists those that are there, or names a file without them.
        """
        names = tuple(names)
        missing = [name for name in names if name not in self.stored]
        if missing:
            remedy = _WITHOUT.get(missing[0], "choose other bands")
            raise DataError(
                f"the archive of {self.country} ({self.source}) has no {', '.join(missing)}; "
                f"it has {', '.join(self.stored)}: {remedy}, or fetch {' and '.join(missing)}"
            )
        lacking = self.dataset.attrs.get("columns_lacking", {})
        for name in names:
            if name in lacking:
                raise DataError(
                    f"{some(lacking[name], 3)} has no {name}, other exports of {self.country} have it: "
                    f"export it again with {name}, or {_WITHOUT.get(name, 'choose other bands')}"
                )

    @cached_property
    def scene_classes(self) -> tuple[int, ...]:
        """Scene classes that occur anywhere, ascending; a `DataError` where they are not stored."""
        self.require([bands.SCENE_CLASS])
        classes: set[int] = set()
        for start in range(0, self.dataset.sizes["observation"], _ROWS_AT_ONCE):
            rows = self.dataset[bands.SCENE_CLASS][start : start + _ROWS_AT_ONCE]
            classes |= set(np.unique(rows.to_numpy()).tolist())
        return tuple(sorted(map(int, classes - {band_values.MISSING_SCENE_CLASS})))

    @property
    def in_memory(self) -> frozenset[str]:
        """Names of the bands and indices that `values` has in memory."""
        return frozenset(self._values)

    def part(self, first: int, end: int) -> Archive:
        """Return the points from `first` to before `end` as an archive of its own, lazy as this one is.

        Its rows are one slice of each column, since the observations of a point stand together.
        """
        rows = slice(int(self.offsets[first]), int(self.offsets[end]))
        return Archive(self.dataset.isel(point=slice(first, end), observation=rows))

    def values(self, name: str) -> NDArray[np.float32]:
        """Return a band, an index or ``SCL`` for every observation.

        Returns
        -------
        ndarray of float32, shape (observation,)
            Digital numbers, index values or scene classes; NaN where there is no data. ``SCL`` keeps its
            class 0, which says that the sensor had no data.
        """
        if name not in self._values:
            read = self._stored_values if name in self.stored else self._index
            self._values[name] = read(name)
        return self._values[name]

    def raw(self, name: str) -> NDArray[Any]:
        """Read a column for every observation as it is stored, shape ``(observation,)``."""
        values: NDArray[Any] = self.dataset[name].to_numpy()
        return values

    def _stored_values(self, name: str) -> NDArray[np.float32]:
        values = self.raw(name)
        if name in bands.STANDARD_NAMES:
            return band_values.as_data(values)
        as_float = values.astype(np.float32)
        if name == bands.SCENE_CLASS:
            as_float[values == band_values.MISSING_SCENE_CLASS] = np.nan
        return as_float

    def _index(self, name: str) -> NDArray[np.float32]:
        parts = bands.parts_of(name)
        self.require(parts)
        return bands.index(name, {part: self.values(part) for part in parts})


def write(dataset: xr.Dataset | Blocks, path: Path, attributes: dict[str, Any]) -> None:
    """Check a dataset against the contract and store it, whole or not at all.

    Two processes that write the same archive at once do no harm: the first one's stays. One that is damaged
    is replaced at the end.

    Raises
    ------
    DataError
        It breaks the contract, or cannot be written.
    """
    from cropland.observations import archive_store, archive_writing  # a model has neither

    blocks = [dataset] if isinstance(dataset, xr.Dataset) else dataset.datasets
    is_undamaged = partial(archive_store.is_undamaged, fingerprint=attributes["fingerprint"])
    try:
        with whole(path, keeps=is_undamaged) as folder:
            archive_writing.store(blocks, folder, attributes)
    except OSError as error:
        if not is_undamaged(path):
            raise DataError(
                f"cannot write the archive {path}: {error}; free space, or set "
                "paths.archive to a folder that can be written"
            ) from error


def open_archive(path: Path | str, fingerprint: str | None = None) -> Archive:
    """Open a stored archive lazily, a folder such as ``data/archive/files/iran-0123456789ab.zarr``.

    Parameters
    ----------
    path : Path or str
        Its folder.
    fingerprint : str, optional
        What it must have; None = any.

    Returns
    -------
    Archive
        All observations of a country's points; `Archive.dataset` has its contract. Reading its values raises
        a `DataError` where they are not those that were written.

    Raises
    ------
    DamageError
        It is damaged, or another archive; the message says to delete it, since it is made again from its
        source.
    DataError
        It cannot be read at present.

    Examples
    --------
    >>> archive = cropland.open_archive("toyland.zarr")
    >>> archive.country, archive.source, archive.stored
    ('toyland', 'files', ('B2', 'B3', 'B4', 'B8', 'SCL'))
    """
    from cropland.observations import archive_store

    try:
        return Archive(archive_store.open_dataset(Path(path), fingerprint))
    except DamageError as error:
        raise DamageError(error.damage, "delete it, it is made again from its source") from error


def in_memory(dataset: xr.Dataset, source: str, country: str) -> Archive:
    """Return an archive that is stored nowhere; its fingerprint is of its content alone.

    Parameters
    ----------
    dataset : xarray.Dataset
        The contract above, with the days that it covers.
    source, country : str
        Where its observations come from, and whose they are.
    """
    columns = ((name, dataset[name].to_numpy()) for name in sorted(map(str, dataset.data_vars)))
    mark = fingerprint(*(part for name, values in columns for part in (name, _bytes(values))))
    return Archive(dataset.assign_attrs(source=source, country=country, fingerprint=mark))


def _bytes(values: NDArray[Any]) -> bytes:
    """Return what numbers or texts consist of."""
    return values.tobytes() if values.dtype != object else repr(values.tolist()).encode()
