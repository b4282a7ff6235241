"""What is asked again, and after which wait; see also the downloads' tests."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import pytest

from cropland.sources.retries import Attempts, GivenUp, Stopped, Transient


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collects the waits in place of waiting."""
    slept: list[float] = []
    monkeypatch.setattr(Attempts, "_sleep", lambda _, seconds: slept.append(seconds))
    return slept


def failing(times: int, **how: Any) -> Any:
    """Return a request that fails some times and is answered then."""
    left = [times]

    def ask() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise Transient("no", **how)
        return "answer"

    return ask


def test_a_wait_is_what_the_service_asks_for_and_jitter(waits: list[float]) -> None:
    attempts = Attempts(tries=4, first_seconds=1.0, most_seconds=2.0)
    assert attempts.run("it", failing(3, wait_seconds=50.0)) == "answer"
    assert all(50.0 <= wait <= 52.0 for wait in waits)
    assert (len(waits), attempts.retries, attempts.answers) == (3, 3, 1)


def test_a_service_cannot_ask_for_hours(waits: list[float]) -> None:
    Attempts(most_seconds=2.0).run("it", failing(1, wait_seconds=1e6))
    assert 300.0 <= waits[0] <= 302.0


def test_too_many_failures_name_the_request(waits: list[float]) -> None:
    with pytest.raises(GivenUp, match="it failed 3 times, at last with: no; run the same command"):
        Attempts(tries=3).run("it", failing(3))
    assert len(waits) == 2


def test_answers_to_others_make_up_for_a_busy_service(waits: list[float]) -> None:
    attempts, failures = Attempts(tries=3), failing(8, busy=True)

    def ask() -> str:
        attempts.limiter.grow()  # somebody else is answered
        answer: str = failures()
        return answer

    assert attempts.run("it", ask) == "answer"


def test_pickled_it_is_the_same_patience_with_nothing_under_way(waits: list[float]) -> None:
    attempts = Attempts(3, 4, 0.5, 7.0)
    attempts.run("it", failing(1))
    there = pickle.loads(pickle.dumps(attempts))
    assert there.patience == attempts.patience == (3, 4, 0.5, 7.0)
    assert (there.retries, there.answers, there.stop.is_set()) == (0, 0, False)


def test_a_busy_service_that_answers_nobody_is_given_up() -> None:
    attempts = Attempts(workers=2, tries=3, first_seconds=0.001, most_seconds=0.002)
    asked = []

    def busy() -> None:
        asked.append(1)
        raise Transient("429", busy=True)

    with pytest.raises(GivenUp, match="failed 3 times"):
        attempts.run("it", busy)
    assert len(asked) == 3


def test_work_that_is_called_off_stops_waiting() -> None:
    attempts = Attempts(first_seconds=60, most_seconds=60)
    threading.Timer(0.1, attempts.stop.set).start()

    def ask() -> None:
        raise Transient("503")

    with pytest.raises(Stopped):
        attempts.run("it", ask)
