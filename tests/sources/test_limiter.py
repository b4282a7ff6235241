"""How many requests may be under way."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from cropland.sources import limiter as limiters
from cropland.sources.limiter import Limiter


def allowed(limiter: Limiter) -> int:
    """Return how many turns are given before one has to wait."""
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise InterruptedError

    with ExitStack() as turns:
        for taken in range(100):
            timer = threading.Timer(0.05, stop.set)
            timer.start()
            try:
                turns.enter_context(limiter.turn(check))
            except InterruptedError:
                return taken
            finally:
                timer.cancel()
    raise AssertionError("no limit")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiters, "_POLL_SECONDS", 0.01)


def test_no_more_than_the_most_are_under_way_and_turns_come_back() -> None:
    limiter = Limiter(4, 0.0)
    assert allowed(limiter) == 4
    assert allowed(limiter) == 4


def test_a_busy_service_is_asked_a_third_less_down_to_one() -> None:
    limiter = Limiter(9, 0.0)
    limiter.shrink()
    assert allowed(limiter) == 6
    for _ in range(20):
        limiter.shrink()
    assert allowed(limiter) == 1


def test_within_a_round_it_shrinks_once() -> None:
    limiter = Limiter(9, 60.0)
    limiter.shrink()
    limiter.shrink()
    assert allowed(limiter) == 6


def test_a_round_of_answers_allows_one_more_up_to_the_most() -> None:
    limiter = Limiter(4, 0.0)
    limiter.shrink()
    assert allowed(limiter) == 2
    for _ in range(3):
        limiter.grow()
    assert allowed(limiter) == 3
    for _ in range(50):
        limiter.grow()
    assert allowed(limiter) == 4
    assert limiter.answers == 53
