"""The exports of a country as one table: what only all of them together show.

Files may overlap, lack columns that others have, and carry the offset of processing baseline 04.00 or not.
What is changed or left out here is counted, and said in a sentence; both become attributes of the archive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.observations import band_values, bands, baseline_offset, ragged_array
from cropland.observations.baseline_offset import FIRST_DAY
from cropland.support.words import count, some

if TYPE_CHECKING:
    from cropland.sources.exports.file import ExportRows

_OFFSET_REMEDY = "set source.remove_offset=true to take it off, or export the harmonised collection"


@dataclass
class JoinedRows:
    """Rows of all exports of a country.

    Attributes
    ----------
    table : DataFrame
        ``point``, ``time`` and the columns that any export has.
    file : ndarray of int, shape (row,)
        Which file a row is from: positions in `names`.
    names : list of str
        Names of the files.
    lacking : dict of str to list of str
        Column → names of the files without it, where other files have it.
    counts : dict of str to int
        How many values and rows were left out or changed, by name; none is not kept.
    notes : list of str
        The same in sentences, and what cannot be told.
    """

    table: pd.DataFrame
    file: NDArray[np.intp]
    names: list[str]
    lacking: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def band_names(self) -> list[str]:
        """Names of its Sentinel-2 bands."""
        return [str(name) for name in self.table if name in bands.STANDARD_NAMES]

    @property
    def measured(self) -> list[str]:
        """Names of its bands, indices and ``SCL``."""
        return [str(name) for name in self.table if bands.band_of(str(name)) == name]

    @property
    def attributes(self) -> dict[str, Any]:
        """What an archive keeps of how its rows were joined."""
        return {"columns_lacking": self.lacking, "counts": self.counts, "notes": self.notes}

    def count(self, name: str, number: int, sentence: str = "") -> None:
        """Keep a count by its name, and what it means, where it is not none."""
        if number:
            self.counts[name] = int(number)
            if sentence:
                self.notes.append(sentence)


def join(
    parts: Sequence[ExportRows],
    *,
    remove_offset: bool,
    sample: Sequence[ExportRows] | None = None,
) -> JoinedRows:
    """Join the rows of exports, sorted by point and time.

    An index is computed from its bands in the rows of files without it. Rows that are there twice, with the
    same point, time and values, are kept once; rows in which all bands are no data are left out.

    Parameters
    ----------
    parts : sequence of ExportRows
        Of the points that are wanted, see `ExportRows.of_points`.
    remove_offset : bool
        Take 1000 off the bands of rows from 2022-01-25 on, in files that carry it.
    sample : sequence of ExportRows, optional
        Rows of some points of the same files, by which these are seen to carry it; `parts`, where it is left
        out. With one sample the answer does not depend on the points that are wanted.
    """
    joined = JoinedRows(
        table=pd.concat([part.table for part in parts], ignore_index=True),
        file=np.repeat(np.arange(len(parts)), [len(part.table) for part in parts]),
        names=[part.export.path.name for part in parts],
        notes=[note for part in parts for note in part.notes],
    )
    order = ragged_array.order_of(joined.table["point"].to_numpy(), joined.table["time"].to_numpy())
    if not isinstance(order, slice):
        joined.table = joined.table.iloc[order].reset_index(drop=True)
        joined.file = joined.file[order]
    joined.count("n_fill_values", sum(part.n_fill_values for part in parts))
    _check_offset(joined, remove_offset, parts if sample is None else sample)
    _fill_indices(joined, parts)
    _note_lacking(joined, parts)
    left_out = _empty_rows(joined) | _repeated_rows(joined)
    if left_out.any():
        joined.table, joined.file = joined.table[~left_out], joined.file[~left_out]
    return joined


def _check_offset(joined: JoinedRows, remove: bool, sample: Sequence[ExportRows]) -> None:
    """Say which files carry the offset of processing baseline 04.00; take it off if `remove`."""
    after = (joined.table["time"] >= FIRST_DAY).to_numpy()
    later_files = np.unique(joined.file[after])
    words = _offsets_in_words(sample) if len(later_files) else {}
    n_removed = 0
    for number in later_files:
        rows = after & (joined.file == number)
        seen = words.get(number, "")
        if seen and remove:
            _subtract_offset(joined, rows)
            n_removed += int(np.count_nonzero(rows))
            seen = f"1000 was taken off all bands of {np.count_nonzero(rows):,} rows"
        elif seen:
            seen = f"{seen}: {_OFFSET_REMEDY}"
        if seen:
            joined.notes.append(f"{joined.names[number]}, from 2022-01-25 on: {seen}")
    joined.count("n_rows_offset_removed", n_removed)
    if remove and not n_removed:
        joined.notes.append(
            "source.remove_offset=true, but no export carries the offset of processing baseline 04.00: "
            "nothing was taken off"
        )


def _offsets_in_words(sample: Sequence[ExportRows]) -> dict[int, str]:
    """Return, by the number of a file, what shows that it carries the offset; nothing where it does not."""
    table = pd.concat([part.table for part in sample], ignore_index=True)
    file = np.repeat(np.arange(len(sample)), [len(part.table) for part in sample])
    after = (table["time"] >= FIRST_DAY).to_numpy()
    words = {}
    for number in np.unique(file[after]).tolist():
        rows = after & (file == number)
        words[number] = _offset_in_words(table, ~after | rows, rows)
    return words


def _offset_in_words(
    table: pd.DataFrame, compared: NDArray[np.bool_], after: NDArray[np.bool_]
) -> str:
    """Return what shows that rows carry the offset, nothing where they do not."""
    values = {str(name): table[name].to_numpy() for name in table if name in bands.STANDARD_NAMES}
    steps = baseline_offset.steps_of_points(
        table["point"].to_numpy(), table["time"].to_numpy(), values, compared
    )
    if len(steps) and steps.mean() > baseline_offset.CHANCE:
        return (
            f"all bands are about 1000 higher than before at {steps.sum():,} of "
            f"{count(len(steps), 'point')}; this is the offset of processing baseline 04.00"
        )
    later = {name: numbers[after] for name, numbers in values.items()}
    if not len(steps) and baseline_offset.may_carry_offset(later):
        return (
            "hardly a value of the visible bands is below 1000, and no point has values of the 60 days "
            "before; this may be the offset of processing baseline 04.00"
        )
    return ""


def _subtract_offset(joined: JoinedRows, rows: NDArray[np.bool_]) -> None:
    """Take the offset off rows: data stay at least 1; indices are computed again from what is left."""
    table = joined.table
    for name in joined.band_names:
        values = table[name].to_numpy(copy=True)
        values[rows] = baseline_offset.subtracted(values[rows])
        table[name] = values
    for name in filter(bands.is_index, joined.measured):
        with_index = np.flatnonzero(rows & table[name].notna())
        if not _compute_index(table, name, with_index) and len(with_index):
            lacking = some(part for part in bands.parts_of(name) if part not in table)
            joined.notes.append(
                f"{name} of {len(with_index):,} rows was made of bands with the offset, and cannot be "
                f"computed again without {lacking}: no data there"
            )
            table.loc[with_index, name] = np.nan


def _fill_indices(joined: JoinedRows, parts: Sequence[ExportRows]) -> None:
    """Compute indices from their bands in the rows of files that do not have them.

    Where a file has an index, a missing value may be a mask: it stays missing.
    """
    for name in joined.measured:
        lacking = [number for number, part in enumerate(parts) if name not in part.table]
        if lacking and bands.is_index(name):
            _compute_index(joined.table, name, np.flatnonzero(np.isin(joined.file, lacking)))


def _compute_index(table: pd.DataFrame, name: str, rows: NDArray[np.intp]) -> bool:
    """Compute an index in some rows; return whether its bands are columns, without which nothing is done."""
    parts = bands.parts_of(name)
    if not set(parts) <= set(table.columns):
        return False
    measured = {part: band_values.as_data(table[part].to_numpy()[rows]) for part in parts}
    values = table[name].to_numpy(copy=True)
    values[rows] = bands.index(name, measured)
    table[name] = values
    return True


def _note_lacking(joined: JoinedRows, parts: Sequence[ExportRows]) -> None:
    """Keep which files lack a column that others have; say it of bands, indices and ``SCL``."""
    for name in map(str, joined.table.columns):
        sources = set(bands.parts_of(name))
        files = [
            part.export.path.name
            for part in parts
            if len(part.table) and name not in part.table and not sources <= set(part.table)
        ]
        if files:
            joined.lacking[name] = files
            if name in joined.measured:
                joined.notes.append(f"{some(files, 3)}: no {name}, which other exports have")
    if bands.SCENE_CLASS in joined.table:
        joined.count("n_rows_without_scl", joined.table[bands.SCENE_CLASS].isna().sum())


def _empty_rows(joined: JoinedRows) -> NDArray[np.bool_]:
    """Return which rows have neither data in a band or index nor a scene class."""
    rows = np.arange(len(joined.table) if joined.measured else 0)
    for name in joined.measured:
        values = joined.table[name].to_numpy()[rows]
        no_data = (values == bands.NO_DATA) & (name in bands.STANDARD_NAMES)
        rows = rows[np.isnan(values) | no_data]
    empty = np.zeros(len(joined.table), np.bool_)
    empty[rows] = True
    joined.count("n_rows_empty", len(rows), f"{len(rows):,} rows without any data are left out")
    return empty


def _repeated_rows(joined: JoinedRows) -> NDArray[np.bool_]:
    """Return which rows have the point, time and values of an earlier one; count other values too."""
    table = joined.table
    point, time = table["point"].to_numpy(), table["time"].to_numpy()
    alike = np.flatnonzero((np.diff(point) == 0) & (np.diff(time) == np.timedelta64(0)))
    again = np.union1d(alike, alike + 1)  # rows are sorted
    repeated = np.zeros(len(table), np.bool_)
    columns = joined.measured or table.columns.difference(["point", "time"]).to_list()
    repeated[again] = table.iloc[again].duplicated(["point", "time", *columns]).to_numpy()
    number = int(np.count_nonzero(repeated))
    joined.count(
        "n_rows_repeated",
        number,
        f"{number:,} rows are there twice, with the same point, time and values: read once",
    )
    _count_contradicting(joined, again[~repeated[again]])
    return repeated


def _count_contradicting(joined: JoinedRows, rows: NDArray[np.intp]) -> None:
    """Count rows that have the point and time of a row of an earlier file, and other values."""
    alike = joined.table.iloc[rows][["point", "time"]].assign(file=joined.file[rows])
    first = alike.groupby(["point", "time"])["file"].transform("first")
    number = int((alike["file"] != first).sum())
    joined.count(
        "n_rows_contradicting",
        number,
        f"{number:,} rows have the point and time of a row of another file, and other values: the row of the "
        f"file whose name comes first counts",
    )
