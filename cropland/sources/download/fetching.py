"""Fetching: chunks through a service into parts, several at once.

A chunk that is too large for its service is halved, by places, then by days, until it is answered. One that
goes on failing is left out and named at the end, since the others may go well; a refusal, such as expired
credentials, stops everything. Each part is stored as it comes, so nothing that was fetched is lost by what
comes after.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.sources.retries import GivenUp, Stopped
from cropland.sources.service import Seen, TooLarge, best_reason, join_seen
from cropland.support import signals

if TYPE_CHECKING:
    from cropland.sources.download.chunks import Chunk
    from cropland.sources.download.parts import Parts
    from cropland.sources.retries import Attempts
    from cropland.sources.service import Service

_SHORTEST_DAYS = 2
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 2.0
"""How long threads may take to finish what they write once all is called off."""
_WRITING = 4
_HOPELESS = 3
"""Chunks that may fail before any was fetched."""


Result = tuple[int, tuple[str, ...]] | str | Exception
"""Observations and notes of a chunk, why one was left out, or what stops everything."""


@dataclass
class Tally:
    """What became of a download.

    Attributes
    ----------
    chunks : int
        Those that were fetched.
    observations : int
        Rows in them.
    failures : list of str
        Why others were not.
    notes : list of str
        What a user should know, each once.
    """

    chunks: int = 0
    observations: int = 0
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def fetch(
    chunks: Sequence[Chunk],
    service: Service,
    parts: Parts,
    bands: Sequence[str],
    attempts: Attempts,
    on_change: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Fetch chunks, and store each as it comes.

    Parameters
    ----------
    chunks : sequence of Chunk
        What is missing.
    service : Service
        Who has it.
    parts : Parts
        Where it is kept.
    bands : sequence of str
        Bands to fetch.
    attempts : Attempts
        Says how many threads there are; is called off when this ends early.
    on_change : callable
        Called after each chunk, in the thread of the caller.

    Raises
    ------
    DataError
        The service refuses, or disk space ends.
    """
    crew = _Crew(service, parts, bands, attempts)
    for chunk in chunks:
        crew.waiting.put(chunk)
    # Some threads more than requests that may be under way: others ask while some write. Daemons, since a
    # request may take minutes, and Ctrl-C shall not.
    count = min(attempts.workers + _WRITING, len(chunks))
    threads = [threading.Thread(target=crew.work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        return _collect(crew.done, len(chunks), on_change)
    except BaseException:
        attempts.stop.set()
        _join(threads)
        raise


@dataclass(eq=False)
class _Crew:
    """What the threads of a download share: chunks that wait, and what became of others."""

    service: Service
    parts: Parts
    bands: Sequence[str]
    attempts: Attempts
    waiting: queue.SimpleQueue[Chunk] = field(default_factory=queue.SimpleQueue)
    done: queue.SimpleQueue[Result] = field(default_factory=queue.SimpleQueue)
    fetched: int = 0
    given_up: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self) -> None:
        """Fetch chunks until none waits, or all is called off."""
        while not self.attempts.stop.is_set():
            try:
                chunk = self.waiting.get_nowait()
            except queue.Empty:
                return
            try:
                seen = observe(self.service, chunk.lonlat, chunk.first, chunk.last, self.bands)
                self.parts.keep(chunk, seen, self.service.client)
            except Stopped:
                return
            except GivenUp as error:
                self._give_up(error)
            except Exception as error:
                self._call_off(error)
            else:
                with self.lock:
                    self.fetched += 1
                self.done.put((len(seen), seen.notes))

    def _give_up(self, error: GivenUp) -> None:
        """Count a chunk that is given up; where nothing was fetched yet, give up all."""
        with self.lock:
            self.given_up += 1
            hopeless = not self.fetched and self.given_up >= _HOPELESS
        if hopeless:
            self._call_off(error)
        else:
            self.done.put(str(error))

    def _call_off(self, error: Exception) -> None:
        self.attempts.stop.set()
        self.done.put(error)


def _collect(
    done: queue.SimpleQueue[Result], expected: int, on_change: Callable[[Tally], None]
) -> Tally:
    """Count what comes until all has come."""
    tally = Tally()
    while tally.chunks + len(tally.failures) < expected:
        signals.check()
        try:
            result = done.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            continue
        if isinstance(result, Exception):
            raise result
        if isinstance(result, str):
            tally.failures.append(result)
        else:
            observations, notes = result
            tally.chunks += 1
            tally.observations += observations
            tally.notes.extend(note for note in notes if note not in tally.notes)
        on_change(tally)
    return tally


def observe(
    service: Service,
    lonlat: NDArray[np.float64],
    first: date,
    last: date,
    bands: Sequence[str],
) -> Seen:
    """Observe places, in halves where the service finds them too much at once.

    Raises
    ------
    GivenUp
        Even one place and a few days are too much.
    """
    try:
        return service.points(lonlat, first, last, bands)
    except TooLarge as error:
        if len(lonlat) > 1:
            half = len(lonlat) // 2
            return _beside(
                observe(service, lonlat[:half], first, last, bands),
                observe(service, lonlat[half:], first, last, bands),
                half,
            )
        days = (last - first).days + 1
        if days < 2 * _SHORTEST_DAYS:
            raise GivenUp(
                f"even one point × {days} days is too much for the service ({error}); ask for fewer "
                f"source.bands"
            ) from error
        middle = first + timedelta(days=days // 2)
        return _after(
            observe(service, lonlat, first, middle - timedelta(days=1), bands),
            observe(service, lonlat, middle, last, bands),
        )


def _beside(first: Seen, second: Seen, offset: int) -> Seen:
    """Join what was seen of some places and of the places after them."""
    unseen = {place + offset: why for place, why in second.unseen.items()}
    moved = replace(second, place=(second.place + offset).astype(np.int32))
    return join_seen((first, moved), {**first.unseen, **unseen})


def _after(earlier: Seen, later: Seen) -> Seen:
    """Join what was seen of the same places in some days and in the days after them."""
    unseen = {
        place: best_reason(why, later.unseen[place])
        for place, why in earlier.unseen.items()
        if place in later.unseen
    }
    return join_seen((earlier, later), unseen)


def _join(threads: Iterable[threading.Thread]) -> None:
    until = time.monotonic() + _GRACE_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
