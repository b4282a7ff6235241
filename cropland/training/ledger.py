"""Progress of a sweep: a ledger that every job writes to, whatever runs it, and what is shown of it."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cropland.errors import DataError
from cropland.support import terminal
from cropland.support.progress import Meter
from cropland.support.words import count
from cropland.training.outcome import Outcome
from cropland.training.variation import assignments

if TYPE_CHECKING:
    from rich.console import Console

LEDGER = "outcomes.jsonl"
_POLL_SECONDS = 0.2
_OUTSIDE_NAMED = 2
_NAMED = ("span", "period", "bands")


class Ledger:
    """The outcomes of a sweep, one JSON line each, in the order in which they came.

    Jobs append to it from any process on the machine, one at a time, so that lines stay whole.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LEDGER

    def begin(self, known: Iterable[Outcome]) -> None:
        """Write what is known beforehand, in the place of an earlier sweep in the same folder."""
        self.path.unlink(missing_ok=True)
        for outcome in known:
            self.append(outcome)

    def append(self, outcome: Outcome) -> None:
        """Add an outcome.

        Raises
        ------
        DataError
            It cannot be written.
        """
        line = (json.dumps(asdict(outcome)) + "\n").encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as stream:
                with suppress(OSError):  # some network file systems have no locks
                    fcntl.flock(stream, fcntl.LOCK_EX)
                end = os.fstat(stream.fileno()).st_size
                try:
                    while line:  # a disk may have room for a part of it
                        line = line[stream.write(line) :]
                except OSError:
                    stream.truncate(end)
                    raise
        except OSError as error:
            raise DataError(
                f"cannot write {self.path}: {error.strerror or error}; free space there, or make it "
                f"writable, and run the same command again: finished runs are kept"
            ) from error

    def read(self) -> list[Outcome]:
        """Return all outcomes so far."""
        return self.read_on(0)[0]

    def read_on(self, start: int) -> tuple[list[Outcome], int]:
        """Return the outcomes from a byte on, and the byte after the last whole line.

        Raises
        ------
        DataError
            A line is damaged.
        """
        if not self.path.exists():
            return [], start
        with self.path.open("rb") as stream:
            stream.seek(start)
            whole, newline, _ = stream.read().rpartition(b"\n")
        try:
            outcomes = [Outcome(**json.loads(line)) for line in whole.splitlines()]
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{self.path} has a line that is damaged ({error}); run the same command again: "
                "finished runs are kept"
            ) from error
        return outcomes, start + len(whole) + len(newline)


class Watch:
    """Shows a ledger as it grows: a bar on a terminal, a line now and then elsewhere.

    Failed candidates are named as they come, with what their sweep varies, and the first of those that cannot
    be scored; those that are already there are counted. A search shows trials, of `per_trial` candidates
    each; their `total` may not be known.
    """

    def __init__(
        self,
        ledger: Ledger,
        total: int | None,
        console: Console,
        varied: Iterable[str] = (),
        per_trial: int = 0,
    ) -> None:
        self._ledger = ledger
        self._per_step = per_trial or 1
        self._varied = [key for key in varied if key not in _NAMED]
        self._console = console
        self._read_to = 0
        self._seen = 0
        self._ran = 0
        self._known = 0
        self._of = f" of {total}" if total and not per_trial else ""
        self._noted: set[tuple[str, str]] = set()
        self._outside: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._meter = Meter(console, "trials" if per_trial else "candidates", total)

    def __enter__(self) -> Watch:
        """Start watching."""
        self._look()
        self._print_known(self._of)
        self._meter.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *raised: Any) -> None:
        """Show the last outcomes and stop."""
        self._stop.set()
        self._thread.join()
        try:
            self._look()
            self._print_known()
        finally:
            self._meter.__exit__(*raised)

    def _loop(self) -> None:
        with suppress(DataError):  # which the look at the end raises again, where it is answered
            while not self._stop.wait(_POLL_SECONDS):
                self._look()

    def _look(self) -> None:
        outcomes, self._read_to = self._ledger.read_on(self._read_to)
        for outcome in outcomes:
            self._say(outcome)
        self._seen += len(outcomes)
        self._meter.show(self._seen // self._per_step, self._ran // self._per_step)

    def _say(self, outcome: Outcome) -> None:
        window = f"span={outcome.span} period={outcome.period} bands=" if outcome.span else ""
        varied = assignments(outcome.every_setting, self._varied)
        name = " ".join([f"{outcome.country} {window}{outcome.bands}", *varied])
        if outcome.status == "finished":
            self._ran += 1
            if outcome.message and (outcome.country, outcome.message) not in self._noted:
                self._noted.add((outcome.country, outcome.message))
                terminal.print_note(self._console, f"{name}: {outcome.message}")
        elif outcome.status == "failed":
            self._ran += 1
            terminal.print_failure(self._console, "failed", f"{name}: {outcome.message}")
        elif outcome.status == "outside":
            self._say_outside(name, outcome)
        else:
            self._known += 1

    def _print_known(self, of: str = "") -> None:
        """Print how many candidates have been found to be there, if any."""
        if self._known:
            are = "is" if self._known == 1 else "are"
            what = f"{self._known}{of} candidates" if of else count(self._known, "candidate")
            self._console.print(
                f"{what} {are} already there: skipped; force=true runs them again", soft_wrap=True
            )
        self._known = 0

    def _print(self, status: str, name: str, outcome: Outcome) -> None:
        self._console.print(
            f"{status} {terminal.literal(name)}: {terminal.literal(outcome.message)}"
        )

    def _say_outside(self, name: str, outcome: Outcome) -> None:
        """Print the first windows of a country that are outside; a study has many, by design."""
        self._outside[outcome.country] += 1
        number = self._outside[outcome.country]
        if number <= _OUTSIDE_NAMED:
            self._print("[cyan]skipped[/]", name, outcome)
        elif number == _OUTSIDE_NAMED + 1:
            self._console.print(
                f"[cyan]skipped[/] further candidates of {outcome.country} whose window cannot be used are "
                "counted, and not listed"
            )
