"""How many requests may be under way at once.

A service that says it has too much to do is asked less: the number shrinks by a third and grows by one for
each round of answers (additive increase, multiplicative decrease, as TCP does it).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SHRINK = 2 / 3
_POLL_SECONDS = 0.5


class Limiter:
    """Limits the requests under way; its methods may be called from several threads.

    Parameters
    ----------
    most : int
        Most requests under way.
    round_seconds : float
        Shrinks at most once in this time: answers to what was sent before tell nothing new.

    Attributes
    ----------
    answers : int
        Number of requests that were answered.
    """

    def __init__(self, most: int, round_seconds: float) -> None:
        self._most = most
        self._round_seconds = round_seconds
        self._allowed = float(most)
        self._under_way = 0
        self.answers = 0
        self._shrunk_at = -1e9
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, check: Callable[[], None]) -> Iterator[None]:
        """Wait until one more request may be sent, and count it as long as it is under way.

        Parameters
        ----------
        check : callable
            Called while waiting, and before the request; raises where the work was stopped.
        """
        with self._changed:
            while self._under_way >= max(1, int(self._allowed)):
                check()
                self._changed.wait(_POLL_SECONDS)
            check()
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def grow(self) -> None:
        """Count an answer, and allow a little more."""
        with self._changed:
            self.answers += 1
            self._allowed = min(self._most, self._allowed + 1 / self._allowed)
            self._changed.notify_all()

    def shrink(self) -> None:
        """Allow a third less, since the service is busy."""
        with self._changed:
            now = time.monotonic()
            if now - self._shrunk_at > self._round_seconds:
                self._shrunk_at = now
                self._allowed = max(1.0, self._allowed * _SHRINK)
