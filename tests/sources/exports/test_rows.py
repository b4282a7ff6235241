"""What only all exports of a country together show."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cropland.sources.exports.file import Export, ExportRows
from cropland.sources.exports.rows import JoinedRows, join

DAYS = pd.to_datetime(["2021-12-20", "2022-01-10", "2022-02-10", "2022-03-10"])


def part(name: str, days: Any, points: Any = (0, 1), **columns: Any) -> ExportRows:
    """Make the rows of a file: each point on each day, columns as they are or one value."""
    rows = pd.MultiIndex.from_product([points, pd.DatetimeIndex(days)], names=["point", "time"])
    table = rows.to_frame(index=False).assign(**columns)
    return ExportRows(Export(Path(name), date(2021, 1, 1), date(2022, 12, 31)), table, 0, ())


def joined(*parts: ExportRows, remove_offset: bool = False) -> JoinedRows:
    return join(parts, remove_offset=remove_offset)


def series(by: float = 0.0) -> ExportRows:
    """Make two points in one file, brighter by some number from 2022-01-25 on."""
    later = by * np.tile([0, 0, 1, 1], 2)
    return part("one.csv", DAYS, B2=500.0 + later, B4=900.0 + later, B8=2700.0 + later, NDVI=0.5)


def test_an_index_is_computed_where_a_file_lacks_it() -> None:
    rows = joined(
        part("one.csv", DAYS[:2], B4=1000.0, B8=3000.0, NDVI=0.25),
        part("two.csv", DAYS[2:], B4=800.0, B8=3200.0),
    )
    np.testing.assert_allclose(rows.table["NDVI"], [0.25, 0.25, 0.6, 0.6] * 2)
    assert rows.lacking == {}
    assert rows.notes == []


def test_an_index_that_is_masked_stays_masked() -> None:
    masked = np.tile([0.5, np.nan], 2)
    rows = joined(
        part("one.csv", DAYS[:2], B4=800.0, B8=2400.0, NDVI=masked),
        part("two.csv", DAYS[2:], B4=800.0, B8=3200.0),
    )
    np.testing.assert_allclose(rows.table["NDVI"], [0.5, np.nan, 0.6, 0.6] * 2)


def test_a_column_that_one_file_lacks_is_kept_with_that_file() -> None:
    rows = joined(
        part("one.csv", DAYS[:2], B4=800.0, B8=2400.0, SCL=4.0, NDVI=0.5),
        part("two.csv", DAYS[2:], B4=800.0),
    )
    assert rows.lacking == {name: ["two.csv"] for name in ("B8", "SCL", "NDVI")}
    assert rows.notes == [
        f"two.csv: no {name}, which other exports have" for name in ("B8", "SCL", "NDVI")
    ]
    assert rows.counts == {"n_rows_without_scl": 4}
    assert rows.table["SCL"].isna().tolist() == [False, False, True, True] * 2


def test_rows_that_are_there_twice_are_read_once() -> None:
    rows = joined(
        part("one.csv", DAYS[:3], B4=[1.0, 2, 3, 4, 5, 6]),
        part("two.csv", DAYS[2:], B4=[3.0, 30, 6, 60]),
    )
    assert rows.table["B4"].tolist() == [1, 2, 3, 30, 4, 5, 6, 60]
    assert rows.counts == {"n_rows_repeated": 2}
    assert rows.notes == ["2 rows are there twice, with the same point, time and values: read once"]


def test_rows_of_one_moment_with_other_values_stay_and_are_counted_across_files() -> None:
    rows = joined(
        part("one.csv", DAYS[:1], B4=[1000.0, 2000.0]),
        part("two.csv", DAYS[:1], B4=[1000.0, 2500.0]),
    )
    assert rows.table["B4"].tolist() == [1000, 2000, 2500]
    assert rows.counts == {"n_rows_repeated": 1, "n_rows_contradicting": 1}
    within_one = joined(part("one.csv", DAYS[[0, 0]], [0], B4=[1000.0, 1100.0]))
    assert len(within_one.table) == 2
    assert within_one.counts == {}


def test_rows_without_any_data_are_left_out() -> None:
    nothing = np.tile([np.nan, 0.0, 700.0, np.nan], 2)
    rows = joined(part("one.csv", DAYS, B4=nothing, B8=np.tile([np.nan, np.nan, 0, 800], 2)))
    assert rows.table["time"].nunique() == 2
    assert rows.counts == {"n_rows_empty": 4}
    with_class = joined(part("one.csv", DAYS, B4=nothing, SCL=0.0))
    assert len(with_class.table) == 8  # the sensor had no data, and says so


def test_a_step_of_1000_in_every_band_is_said() -> None:
    rows = joined(series(by=1000))
    assert rows.notes == [
        "one.csv, from 2022-01-25 on: all bands are about 1000 higher than before at 2 of 2 points; this is "
        "the offset of processing baseline 04.00: set source.remove_offset=true to take it off, or export "
        "the harmonised collection"
    ]
    assert rows.table["B4"].tolist() == [900, 900, 1900, 1900] * 2


def test_the_offset_is_taken_off_where_the_source_says_so() -> None:
    rows = joined(series(by=1000), remove_offset=True)
    assert rows.table["B4"].tolist() == [900] * 8
    assert rows.counts == {"n_rows_offset_removed": 4}
    assert rows.notes == ["one.csv, from 2022-01-25 on: 1000 was taken off all bands of 4 rows"]
    # An index of bands with the offset is wrong: it is computed again, in these rows.
    np.testing.assert_allclose(rows.table["NDVI"], [0.5] * 8)
    wrong = series(by=1000)
    wrong.table["NDVI"] = np.tile([0.5, 0.5, 0.32, 0.32], 2)
    np.testing.assert_allclose(joined(wrong, remove_offset=True).table["NDVI"], [0.5] * 8)


def test_the_offset_is_taken_off_the_files_that_carry_it() -> None:
    later = {"B2": 480.0, "B4": 880.0, "B8": 2650.0}
    with_offset = {band: value + 1000 for band, value in later.items()}
    rows = joined(
        part("before.csv", DAYS[:2], range(4), B2=500.0, B4=900.0, B8=2700.0),
        part("kept.csv", DAYS[2:], (0, 1), **with_offset),
        part("removed.csv", DAYS[2:], (2, 3), **later),
        remove_offset=True,
    )
    assert rows.table["B4"].tolist() == [900, 900, 880, 880] * 4
    assert rows.counts == {"n_rows_offset_removed": 4}
    assert rows.notes == ["kept.csv, from 2022-01-25 on: 1000 was taken off all bands of 4 rows"]


def test_an_index_with_the_offset_whose_bands_are_missing_is_no_data() -> None:
    later = np.tile([0.0, 0, 1000, 1000], 2)
    rows = joined(
        part("one.csv", DAYS, B2=500.0 + later, B4=900.0 + later, NDVI=0.5), remove_offset=True
    )
    np.testing.assert_array_equal(rows.table["NDVI"], [0.5, 0.5, np.nan, np.nan] * 2)
    assert rows.notes[0] == (
        "NDVI of 4 rows was made of bands with the offset, and cannot be computed again without B8: no data "
        "there"
    )


def test_a_file_carries_the_offset_whichever_points_are_wanted() -> None:
    one = part("one.csv", DAYS, [0], B2=[900.0, 900, 1200, 1200], B4=[2000.0, 2000, 1900, 1900])
    assert joined(one, remove_offset=True).counts == {}
    rows = join([one], remove_offset=True, sample=[series(by=1000)])
    assert rows.table["B4"].tolist() == [2000, 2000, 900, 900]


def test_values_below_the_offset_stay_data() -> None:
    dark = series(by=1000)
    dark.table.loc[[2, 3], "B2"] = [960.0, 0.0]
    assert joined(dark, remove_offset=True).table["B2"].tolist()[:4] == [500, 500, 1, 0]


def test_no_offset_is_no_note_and_is_said_where_it_was_to_be_taken_off() -> None:
    assert joined(series(by=200)).notes == []
    rows = joined(series(by=200), remove_offset=True)
    assert rows.notes == [
        "source.remove_offset=true, but no export carries the offset of processing baseline 04.00: nothing "
        "was taken off"
    ]
    assert rows.table["B4"].tolist() == [900, 900, 1100, 1100] * 2


@pytest.mark.parametrize(("darkest", "notes"), [(1100.0, 1), (150.0, 0)])
def test_what_cannot_be_compared_is_said_where_nothing_is_dark(darkest: float, notes: int) -> None:
    rows = joined(part("late.csv", DAYS[2:], B2=darkest, B4=1900.0, B8=3700.0))
    assert len(rows.notes) == notes
    assert all("this may be the offset" in note for note in rows.notes)


@pytest.mark.parametrize(("with_step", "notes"), [(1, 0), (2, 1)])
def test_a_step_at_one_point_in_twenty_is_chance(with_step: int, notes: int) -> None:
    by = np.zeros((20, 4))
    by[:with_step, 2:] = 1000
    values = {band: low + by.ravel() for band, low in (("B2", 500.0), ("B4", 900.0))}
    assert len(joined(part("one.csv", DAYS, range(20), **values)).notes) == notes


def test_a_file_without_visible_data_does_not_tell_that_it_carries_the_offset() -> None:
    infrared = part("later.csv", DAYS[2:], B4=0.0, B8=3000.0)
    assert joined(infrared).notes == []
    rows = joined(infrared, remove_offset=True)
    assert rows.counts == {}
    assert rows.table["B8"].tolist() == [3000.0] * 4
