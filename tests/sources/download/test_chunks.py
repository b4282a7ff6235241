"""Chunks: nothing is fetched twice, and nothing is forgotten."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cropland.sources.download.chunks import cut, missing, pack, unpack

YEAR = (date(2020, 1, 1), date(2020, 12, 31))
DAYS = st.tuples(st.dates(date(2019, 6, 1), date(2021, 6, 1)), st.integers(0, 400)).map(
    lambda pair: (pair[0], pair[0] + timedelta(days=pair[1]))
)


def days(first: date, last: date) -> set[date]:
    return {first + timedelta(days=n) for n in range((last - first).days + 1)}


@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=20))
def test_a_place_keeps_its_coordinates_to_a_centimetre(lonlat: list[tuple[float, float]]) -> None:
    lon, lat = np.array(lonlat).T
    assert np.abs(unpack(pack(lon, lat)) - np.array(lonlat)).max() <= 0.5000001e-7


def test_points_a_centimetre_apart_are_two_places() -> None:
    assert len(np.unique(pack(np.array([48.3, 48.3000001]), np.array([32.2, 32.2])))) == 2


@given(st.lists(st.tuples(st.sets(st.integers(0, 5), min_size=1), DAYS), max_size=6))
def test_what_is_fetched_and_what_is_missing_make_what_is_wanted(
    fetched: list[tuple[set[int], tuple[date, date]]],
) -> None:
    wanted = np.arange(6)
    there = [(np.array(sorted(places)), their_days) for places, their_days in fetched]
    lacking = list(missing(wanted, YEAR, there))
    for place in wanted:
        have = [days(*d) for places, d in there if place in places]
        gaps = [days(*d) for places, d in lacking if place in places]
        assert set().union(*have, *gaps) >= days(*YEAR)
        assert not set().union(*have) & set().union(*gaps)
        assert sum(map(len, gaps)) == len(set().union(*gaps)), "no day is fetched twice"
        assert set().union(*gaps) <= days(*YEAR)


@settings(deadline=None)  # it enumerates every place and day
@given(st.integers(1, 60), st.integers(1, 40), st.sampled_from([1, 3, 12]), st.integers(0, 800))
def test_chunks_are_all_of_what_is_cut_and_no_larger_than_asked(
    count: int, most: int, months: int, length: int
) -> None:
    random = np.random.default_rng(count)
    places = np.unique(pack(random.uniform(47.5, 49.5, count), random.uniform(-1, 1, count)))
    span = (date(2019, 2, 3), date(2019, 2, 3) + timedelta(days=length))
    chunks = list(cut(places, span, most, months))
    seen = [(p, d) for c in chunks for p in c.places.tolist() for d in days(c.first, c.last)]
    assert len(seen) == len(set(seen)) == len(places) * (length + 1)
    for chunk in chunks:
        assert 0 < len(chunk.places) <= most
        assert (chunk.last - chunk.first).days + 1 <= 31 * months
        assert len(np.unique(np.floor(chunk.lonlat), axis=0)) == 1


def test_a_thousand_points_in_sixteen_cells_for_three_years_are_141_requests() -> None:
    random = np.random.default_rng(0)
    places = pack(random.uniform(30, 34, 1000), random.uniform(-19, -15, 1000))
    chunks = list(cut(places, (date(2021, 1, 1), date(2023, 12, 31)), 25, 12))
    assert len(chunks) == 141  # the figure of docs/data.md


@pytest.mark.parametrize("there", [[], [(np.array([7]), YEAR)]])
def test_places_that_are_not_wanted_change_nothing(there: list[object]) -> None:
    assert [(p.tolist(), d) for p, d in missing(np.array([1, 1]), YEAR, there)] == [([1], YEAR)]  # type: ignore[arg-type]


def test_the_places_of_a_chunk_lie_near_each_other() -> None:
    # Two places in each corner of four cells; those in the north lie between those in the south.
    corners = [(lon, lat) for lon in (0.1, 0.8) for lat in (0.05, 0.85)]
    cells = [(east, north) for east in (48, 49) for north in (-1, 0)]
    lonlat = [
        (east + lon + near + 0.01 * (lat > 0.5), north + lat)
        for east, north in cells
        for lon, lat in corners
        for near in (0, 0.02)
    ]
    places = pack(*np.random.default_rng(1).permutation(np.array(lonlat)).T)
    chunks = list(cut(places, YEAR, 2, 12))
    assert [len(chunk.places) for chunk in chunks] == [2] * 16
    assert max(np.ptp(chunk.lonlat, axis=0).max() for chunk in chunks) == pytest.approx(0.02)
