"""Asking a service again: what is worth another attempt, how long to wait, how many at once.

A service that says it has too much to do is asked less: the number of requests under way shrinks by a third
and grows by one for each round of answers (additive increase, multiplicative decrease, as TCP does it).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from cropland.errors import DataError

T = TypeVar("T")
_SHRINK = 2 / 3
_LONGEST_SECONDS = 300.0
"""Of what a service may ask to wait."""


class Transient(Exception):
    """A failure that may not come again.

    Attributes
    ----------
    busy : bool
        The service has too much to do.
    wait_seconds : float
        How long it asks to be left alone.
    """

    def __init__(self, message: str, *, busy: bool = False, wait_seconds: float = 0.0) -> None:
        super().__init__(" ".join(message.split()))
        self.busy = busy
        self.wait_seconds = wait_seconds


class TooLarge(Exception):
    """A request that the service will not answer unless it is made smaller."""


class GivenUp(DataError):
    """A request that failed too often; others may still be answered."""


class Stopped(Exception):
    """Work was called off while it waited."""


@dataclass
class Attempts:
    """How patiently a service is asked; one for all threads of a download.

    Attributes
    ----------
    workers : int
        Most requests under way.
    tries : int
        Attempts of a request. Where the service was only busy, those count between which it answered
        nothing else either.
    first_seconds, most_seconds : float
        The wait after the first failure, doubled (with jitter) up to the most.
    stop : threading.Event
        Set to call everything off.
    retries : int
        How often something was asked again.
    """

    workers: int = 20
    tries: int = 7
    first_seconds: float = 1.0
    most_seconds: float = 60.0
    stop: threading.Event = field(default_factory=threading.Event)
    retries: int = 0
    _answers: int = 0
    _allowed: float = 0.0
    _under_way: int = 0
    _shrunk_at: float = -1e9
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self._allowed = float(self.workers)

    def run(self, what: str, ask: Callable[[], T]) -> T:
        """Ask until there is an answer.

        Parameters
        ----------
        what : str
            Names the request in an error.
        ask : callable
            Makes the request once; raises `Transient` where another attempt may help.

        Raises
        ------
        GivenUp
            It failed too often.
        Stopped
            The work was called off.
        """
        patience = _Patience(self)
        backoff = wait_random_exponential(self.first_seconds, self.most_seconds)
        retrying = Retrying(
            retry=retry_if_exception_type(Transient),
            wait=lambda state: max(backoff(state), _asked_to_wait(state, backoff(state))),
            stop=patience,
            sleep=self._sleep,
            before_sleep=self._again,
            reraise=True,
        )
        try:
            answer: T = retrying(self._once, ask)
        except Transient as error:
            raise GivenUp(
                f"{what} failed {patience.failures} times, at last with: {error}; give the same command "
                f"again later, what was fetched is kept"
            ) from error
        return answer

    def _once(self, ask: Callable[[], T]) -> T:
        with self._turn():
            try:
                answer = ask()
            except Transient as error:
                if error.busy:
                    self._shrink()
                raise
        with self._changed:
            self._answers += 1
            self._allowed = min(self.workers, self._allowed + 1 / self._allowed)
            self._changed.notify_all()
        return answer

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._changed:
            while self._under_way >= max(1, int(self._allowed)):
                self._check()
                self._changed.wait(0.5)
            self._check()
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _shrink(self) -> None:
        with self._changed:
            now = time.monotonic()
            # Answers to what was sent before the last shrinking say nothing new.
            if now - self._shrunk_at > self.first_seconds:
                self._shrunk_at = now
                self._allowed = max(1.0, self._allowed * _SHRINK)

    def _again(self, _: RetryCallState) -> None:
        with self._changed:
            self.retries += 1

    def _sleep(self, seconds: float) -> None:
        self.stop.wait(seconds)
        self._check()

    def _check(self) -> None:
        if self.stop.is_set():
            raise Stopped

    @property
    def answers(self) -> int:
        """How many requests were answered."""
        return self._answers


class _Patience:
    """Stops after too many failures; what a busy service has answered to others makes up for them."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._answers = attempts.answers
        self.failures = 0

    def __call__(self, state: RetryCallState) -> bool:
        """Tell whether it is enough."""
        error = state.outcome.exception() if state.outcome else None
        busy = isinstance(error, Transient) and error.busy
        if busy and self._attempts.answers != self._answers:
            self.failures = 0
        self._answers = self._attempts.answers
        self.failures += 1
        return self.failures >= self._attempts.tries


def _asked_to_wait(state: RetryCallState, jitter: float) -> float:
    """Give the time that a service asks to be left alone, within reason; not all come back at once."""
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, Transient) or not error.wait_seconds:
        return 0.0
    return min(error.wait_seconds, _LONGEST_SECONDS) + jitter
