"""Fetching: what fails is asked again, what is too large is halved, what was fetched stays."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.sources.download.chunks import Chunk, cut, missing, pack
from cropland.sources.download.fetching import Tally, fetch, observe
from cropland.sources.download.parts import Parts
from cropland.sources.retries import Attempts, GivenUp, Transient
from cropland.sources.service import Seen, TooLarge

RANDOM = np.random.default_rng(3)
PLACES = np.unique(pack(RANDOM.uniform(48, 49, 30), RANDOM.uniform(32, 33, 30)))
DAYS = (date(2020, 1, 1), date(2020, 3, 31))
CHUNKS = list(cut(PLACES, DAYS, 6, 1))


class Daily:
    """Sees each place once a day; `before` may raise instead."""

    client = "daily 1"

    def __init__(
        self, attempts: Attempts, before: Callable[[NDArray[Any], date, date], None]
    ) -> None:
        self.attempts, self.before = attempts, before
        self.under_way = self.most = 0
        self._lock = threading.Lock()

    def points(
        self, lonlat: NDArray[np.float64], first: date, last: date, bands: Sequence[str]
    ) -> Seen:
        def ask() -> Seen:
            with self._lock:
                self.under_way += 1
                self.most = max(self.most, self.under_way)
            try:
                self.before(lonlat, first, last)
            finally:
                with self._lock:
                    self.under_way -= 1
            return seen(lonlat, first, last)

        return self.attempts.run("the days", ask)


def seen(lonlat: NDArray[np.float64], first: date, last: date) -> Seen:
    """The first place is never seen."""
    days = np.arange(first, last + timedelta(days=1), dtype="M8[D]")
    visible = np.flatnonzero(pack(*lonlat.T) != PLACES[0])
    place = np.repeat(visible, len(days)).astype(np.int32)
    time = np.tile(days.astype("M8[s]"), len(visible))
    value = (pack(*lonlat.T)[place] % 997 + time.astype(int) % 991).astype(np.uint16)
    unseen = {int(each): "outside" for each in np.setdiff1d(np.arange(len(lonlat)), visible)}
    return Seen(place, time, time.astype(str), {"B4": value}, unseen)


def rows(parts: Parts) -> list[tuple[Any, ...]]:
    found = [parts.rows(part) for part in parts]
    return sorted(
        row
        for each in found
        for row in zip(
            each.places.tolist(),
            each.time.astype(int).tolist(),
            each.values["B4"].tolist(),
            strict=True,
        )
    )


def truth() -> list[tuple[Any, ...]]:
    lonlat = Chunk(PLACES, *DAYS).lonlat
    all_of_it = seen(lonlat, *DAYS)
    return sorted(
        zip(
            PLACES[all_of_it.place].tolist(),
            all_of_it.time.astype(int).tolist(),
            all_of_it.values["B4"].tolist(),
            strict=True,
        )
    )


def fetched(
    parts: Parts, before: Callable[..., None] = lambda *_: None, **patience: Any
) -> tuple[Tally, Daily]:
    attempts = Attempts(**{"workers": 4, "first_seconds": 0.001, "most_seconds": 0.01, **patience})
    service = Daily(attempts, before)
    there = ((part.places, part.days) for part in parts)
    todo = [c for some, gap in missing(PLACES, DAYS, there) for c in cut(some, gap, 6, 1)]
    return fetch(todo, service, parts, ["B4"], attempts), service  # type: ignore[arg-type]


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path / "there")


def test_everything_is_fetched_once(parts: Parts) -> None:
    tally, _ = fetched(parts)
    assert (tally.chunks, tally.failures) == (len(CHUNKS), [])
    assert rows(parts) == truth()
    assert tally.observations == len(truth())
    assert {why for part in parts for why in part.unseen.values()} == {"outside"}


def test_a_second_time_nothing_is_asked(parts: Parts) -> None:
    fetched(parts)

    def never(*_: object) -> None:
        pytest.fail("asked again")

    assert fetched(parts, never)[0].chunks == 0


def test_a_storm_of_refusals_is_waited_out_with_fewer_requests_at_once(parts: Parts) -> None:
    allowed, under_way, lock = 2, [0], threading.Lock()
    stormy = Counter[str]()

    def busy(*_: object) -> None:
        with lock:
            under_way[0] += 1
            over = under_way[0] > allowed
        threading.Event().wait(0.002)
        with lock:
            under_way[0] -= 1
        if over:
            stormy["over"] += 1
            raise Transient("429 Too Many Requests", busy=True)

    tally, _ = fetched(parts, busy, workers=12, tries=5)
    assert stormy["over"] > 0
    assert tally.failures == []
    assert rows(parts) == truth()


def test_what_is_too_large_is_halved_until_it_is_not(parts: Parts) -> None:
    def slow(lonlat: NDArray[Any], first: date, last: date) -> None:
        if len(lonlat) * ((last - first).days + 1) > 40:
            raise TooLarge("Computation timed out.")

    tally, _ = fetched(parts, slow)
    assert tally.chunks == len(CHUNKS)
    assert rows(parts) == truth()
    assert sum(len(part.unseen) for part in parts) == sum(PLACES[0] in c.places for c in CHUNKS)


def test_one_place_is_halved_by_days() -> None:
    asked = []

    def slow(_: object, first: date, last: date) -> None:
        asked.append((last - first).days + 1)
        if asked[-1] > 25:
            raise TooLarge("Computation timed out.")

    lonlat = Chunk(PLACES[:1], *DAYS).lonlat
    found = observe(Daily(Attempts(), slow), lonlat, *DAYS, ["B4"])  # type: ignore[arg-type]
    assert asked == [91, 45, 22, 23, 46, 23, 23]
    assert found.unseen == {0: "outside"}


def test_what_is_too_large_in_any_size_is_an_error() -> None:
    def never(*_: object) -> None:
        raise TooLarge("User memory limit exceeded.")

    lonlat = Chunk(PLACES[:2], *DAYS).lonlat
    with pytest.raises(
        DataError, match=r"even one point × \d days is too much .*fewer source.bands"
    ):
        observe(Daily(Attempts(), never), lonlat, *DAYS, ["B4"])  # type: ignore[arg-type]


def test_one_chunk_that_goes_on_failing_does_not_keep_the_others(parts: Parts) -> None:
    def broken(lonlat: NDArray[Any], first: date, _: date) -> None:
        if first == DAYS[0] and pack(*lonlat.T)[0] == CHUNKS[0].places[0]:
            raise Transient("500 Internal error")

    tally, service = fetched(parts, broken, tries=3)
    assert tally.chunks == len(CHUNKS) - 1
    assert len(tally.failures) == 1
    assert "the days failed 3 times, at last with: 500 Internal error" in tally.failures[0]
    assert service.attempts.retries == 2
    assert fetched(parts)[0].chunks == 1
    assert rows(parts) == truth()


def test_a_refusal_stops_all_and_keeps_what_is_there(parts: Parts) -> None:
    asked = Counter[str]()

    def expiring(*_: object) -> None:
        asked["all"] += 1
        if asked["all"] > 5:
            raise DataError("the credentials have expired")

    with pytest.raises(DataError, match="expired"):
        fetched(parts, expiring, workers=1)
    assert len(list(parts)) == 5
    assert asked["all"] < len(CHUNKS)
    fetched(parts)
    assert rows(parts) == truth()


def test_a_service_that_never_answers_is_not_asked_for_every_chunk(parts: Parts) -> None:
    asked = Counter[str]()

    def down(*_: object) -> None:
        asked["all"] += 1
        raise Transient("connection refused")

    with pytest.raises(GivenUp, match="connection refused"):
        fetched(parts, down, workers=1, tries=2)
    assert asked["all"] < 2 * len(CHUNKS)
