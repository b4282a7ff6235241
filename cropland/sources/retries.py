"""Asking a service again: what is worth another attempt, and how long to wait for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from cropland.errors import DataError
from cropland.sources.limiter import Limiter

log = logging.getLogger(__name__)
T = TypeVar("T")
_LONGEST_SECONDS = 300.0
"""Of what a service may ask to wait."""


class Transient(Exception):
    """A failure that may not come again.

    Attributes
    ----------
    busy : bool
        The service has too much to do.
    wait_seconds : float
        How long it asks not to be called.
    """

    def __init__(self, message: str, *, busy: bool = False, wait_seconds: float = 0.0) -> None:
        super().__init__(" ".join(message.split()))
        self.busy = busy
        self.wait_seconds = wait_seconds


class GivenUp(DataError):
    """A request that failed too often; others may still be answered."""


class Stopped(Exception):
    """Work was called off while it waited."""


@dataclass(eq=False)
class Attempts:
    """How patiently a service is asked; one for all threads of a download.

    Pickled, it is the same patience with nothing under way: other processes have requests of their own.

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
    limiter : Limiter
        Of the requests under way.
    """

    workers: int = 20
    tries: int = 7
    first_seconds: float = 1.0
    most_seconds: float = 60.0
    stop: threading.Event = field(default_factory=threading.Event)
    retries: int = field(default=0, init=False)
    limiter: Limiter = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.limiter = Limiter(self.workers, self.first_seconds)
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Attempts, self.patience

    @property
    def patience(self) -> tuple[int, int, float, float]:
        """Its settings: `workers`, `tries`, `first_seconds` and `most_seconds`."""
        return self.workers, self.tries, self.first_seconds, self.most_seconds

    @property
    def answers(self) -> int:
        """Number of requests that were answered."""
        return self.limiter.answers

    def run(self, what: str, ask: Callable[[], T]) -> T:
        """Ask until there is an answer, and return it.

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
        patience = _Patience(self.tries, self.limiter)
        backoff = wait_random_exponential(self.first_seconds, self.most_seconds)
        retrying = Retrying(
            retry=retry_if_exception_type(Transient),
            # Jitter is added to what the service asks for, too: not all shall come back at once.
            wait=lambda state: backoff(state) + _asked_to_wait(state),
            stop=patience,
            sleep=self._sleep,
            before_sleep=self._count,
            reraise=True,
        )
        try:
            answer: T = retrying(self._once, ask)
        except Transient as error:
            raise GivenUp(
                f"{what} failed {patience.failures} times, at last with: {error}; run the same command "
                "again later, what was fetched is kept"
            ) from error
        return answer

    def _once(self, ask: Callable[[], T]) -> T:
        with self.limiter.turn(self._check):
            try:
                answer = ask()
            except Transient as error:
                if error.busy:
                    self.limiter.shrink()
                raise
        self.limiter.grow()
        return answer

    def _count(self, state: RetryCallState) -> None:
        log.debug("attempt %d failed and is repeated: %s", state.attempt_number, _failure(state))
        with self._lock:
            self.retries += 1

    def _sleep(self, seconds: float) -> None:
        self.stop.wait(seconds)
        self._check()

    def _check(self) -> None:
        if self.stop.is_set():
            raise Stopped


class _Patience:
    """Stops after too many failures; what a busy service has answered to others makes up for them."""

    def __init__(self, tries: int, limiter: Limiter) -> None:
        self._tries = tries
        self._limiter = limiter
        self._answers = limiter.answers
        self.failures = 0

    def __call__(self, state: RetryCallState) -> bool:
        """Return whether it is enough."""
        error, answers = _failure(state), self._limiter.answers
        if error is not None and error.busy and answers != self._answers:
            self.failures = 0
        self._answers = answers
        self.failures += 1
        return self.failures >= self._tries


def _failure(state: RetryCallState) -> Transient | None:
    """Return what the last attempt failed with."""
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, Transient) else None


def _asked_to_wait(state: RetryCallState) -> float:
    """Return the seconds for which a service asks not to be called, within reason."""
    error = _failure(state)
    return 0.0 if error is None else min(error.wait_seconds, _LONGEST_SECONDS)
