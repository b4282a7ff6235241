"""What is too large for memory is worked on by blocks: identical numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cropland.config.groups import Features, Series
from cropland.errors import DataError
from cropland.features import series
from cropland.features.recipe import Recipe
from cropland.features.window import Window
from cropland.observations import point_blocks, ragged_array
from cropland.observations.archive import Archive
from cropland.observations.bands import BandSet

RECIPE = Recipe(
    reference_end="2020-12-31",
    span=2,
    end_offset_days=-60,
    bands=("B4", "NDVI", "SCL", "Lat"),
    series=Series("clear", True, 5),
    features=Features("any", True, ("median", "std"), harmonics=2),
    classes=(4, 5, 9),
)
"""Two weeks: not every point is observed in them."""
WINDOW = Window(date(2020, 6, 1), date(2020, 6, 1) + timedelta(days=60), uses_future=False)


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Gives a way to set what may be in memory."""
    return lambda most: monkeypatch.setattr(point_blocks, "MOST_BYTES", most)


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many points the blocks have that are worked on."""
    found: list[int] = []
    part = Archive.part

    def counted(self: Archive, first: int, end: int) -> Archive:
        found.append(end - first)
        return part(self, first, end)

    monkeypatch.setattr(Archive, "part", counted)
    return found


def reopened(opened: Archive) -> Archive:
    """The same archive with nothing in memory."""
    return Archive(opened.dataset)


@pytest.mark.parametrize("most", [10_000, 50_000, 200_000])
def test_features_by_blocks_are_those_of_the_whole(
    toy_archive: Archive, limited: Callable[[int], None], sizes: list[int], most: int
) -> None:
    whole = RECIPE.samples(toy_archive)
    assert not sizes and 0 < len(whole.unobserved) < 80
    limited(most)
    again = reopened(toy_archive)
    made = RECIPE.samples(again)
    assert len(sizes) > 1 and sum(sizes) == 80
    np.testing.assert_array_equal(
        RECIPE.interpolated_share(again), RECIPE.interpolated_share(toy_archive)
    )
    xr.testing.assert_identical(made.matrix, whole.matrix)
    assert made.matrix.dtype == whole.matrix.dtype == np.float32
    assert made.unobserved == whole.unobserved
    np.testing.assert_array_equal(made.n_observations, whole.n_observations)
    assert not again.in_memory  # no column was read as a whole


@pytest.mark.parametrize("clear", [False, True])
def test_series_by_blocks_are_those_of_the_whole(
    toy_archive: Archive, limited: Callable[[int], None], sizes: list[int], clear: bool
) -> None:
    def aligned(opened: Archive) -> xr.Dataset:
        names = BandSet.of(["B8", "NDVI", "SCL"])
        return series.aligned(opened, WINDOW, names, step_days=3, clear=clear)

    whole = aligned(toy_archive)
    limited(100_000)
    xr.testing.assert_identical(aligned(reopened(toy_archive)), whole)
    assert len(sizes) > 1


def test_bands_that_some_blocks_miss_change_nothing(
    toy_points: pd.DataFrame, toy_rows: pd.DataFrame, limited: Callable[[int], None]
) -> None:
    # Of every fifth point a third of B4 is no data, and point P007 has no B8 at all.
    rows = toy_rows.copy()
    number = rows["ID"].str[1:].astype(int)
    rows.loc[(number % 5 == 0) & (rows.index % 3 == 0), "B4"] = 0
    rows.loc[number == 7, "B8"] = 0
    marks = {"source": "files", "country": "toyland", "fingerprint": "f00"}
    opened = Archive(ragged_array.from_table(toy_points, rows).assign_attrs(marks))
    recipe = replace(RECIPE, span=20)
    whole = recipe.samples(opened)
    assert "P007" in whole.unobserved
    limited(0)
    made = recipe.samples(reopened(opened))
    xr.testing.assert_identical(made.matrix, whole.matrix)
    assert made.unobserved == whole.unobserved


def test_what_fits_is_read_as_a_whole(toy_archive: Archive, sizes: list[int]) -> None:
    RECIPE.samples(toy_archive)
    assert not sizes
    assert {"B4", "B8", "NDVI", "SCL"} <= toy_archive.in_memory


def test_what_is_made_and_what_is_in_memory_count(
    toy_archive: Archive, limited: Callable[[int], None]
) -> None:
    rows = toy_archive.dataset.sizes["observation"]
    limited(rows * (40 + 8))  # one band
    assert point_blocks.fits_in_memory(toy_archive, ["B4"], 0)
    assert not point_blocks.fits_in_memory(toy_archive, ["B4"], 1)
    toy_archive.values("B8")
    assert not point_blocks.fits_in_memory(toy_archive, ["B4"], 0)
    assert point_blocks.fits_in_memory(toy_archive, ["B8"], 0)


def test_answers_come_in_the_order_of_points_and_few_at_once(
    toy_archive: Archive, limited: Callable[[int], None]
) -> None:
    limited(0)
    begun: list[int] = []

    def work(part: Archive) -> str:
        begun.append(1)
        return str(part.points["ID"].to_numpy()[0])

    answers: Iterator[Any] = point_blocks.map_blocks(toy_archive, ["B4"], work)
    assert next(answers) == (slice(0, 1), "P000")
    from dask.system import CPU_COUNT

    assert len(begun) <= 4 * CPU_COUNT
    assert [name for _, name in answers] == list(toy_archive.points["ID"].to_numpy())[1:]


def test_what_fails_in_a_block_fails_as_it_would_have(
    toy_archive: Archive, limited: Callable[[int], None]
) -> None:
    limited(0)
    with pytest.raises(DataError, match="has no B11; it has B2, B3, B4, B8, SCL"):
        replace(RECIPE, bands=("B11",)).samples(toy_archive)

    def work(part: Archive) -> None:
        raise DataError("as it is")

    with pytest.raises(DataError, match="as it is"):
        list(point_blocks.map_blocks(toy_archive, [], work))
