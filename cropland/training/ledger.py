"""Progress of a sweep: a ledger that every job writes to, whatever runs it, and what is shown of it."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from cropland.support import terminal
from cropland.support.progress import Meter
from cropland.training.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

LEDGER = "outcomes.jsonl"
_POLL_SECONDS = 0.2
_OUTSIDE_NAMED = 2


class Ledger:
    """The outcomes of a sweep, one JSON line each, in the order in which they came.

    Jobs append to it from any process on the machine; one write a line keeps lines whole.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LEDGER

    def append(self, outcome: Outcome) -> None:
        """Add an outcome."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(asdict(outcome)) + "\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    def read(self) -> list[Outcome]:
        """Return all outcomes so far."""
        return self.read_on(0)[0]

    def read_on(self, start: int) -> tuple[list[Outcome], int]:
        """Return the outcomes from a byte on, and the byte after the last whole line."""
        if not self.path.exists():
            return [], start
        with self.path.open("rb") as stream:
            stream.seek(start)
            whole, newline, _ = stream.read().rpartition(b"\n")
        outcomes = [Outcome(**json.loads(line)) for line in whole.splitlines()]
        return outcomes, start + len(whole) + len(newline)


class Watch:
    """Shows a ledger as it grows: a bar on a terminal, a line now and then elsewhere.

    Skipped and failed candidates are named as they come.
    """

    def __init__(self, ledger: Ledger, total: int, console: Console) -> None:
        self._ledger = ledger
        self._console = console
        self._read_to = 0
        self._seen = 0
        self._ran = 0
        self._said: set[tuple[str, str]] = set()
        self._outside: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._meter = Meter(console, "candidates", total)

    def __enter__(self) -> Watch:
        """Start watching."""
        self._meter.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *raised: Any) -> None:
        """Show the last outcomes and stop."""
        self._stop.set()
        self._thread.join()
        self._look()
        self._meter.__exit__(*raised)

    def _loop(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            self._look()

    def _look(self) -> None:
        outcomes, self._read_to = self._ledger.read_on(self._read_to)
        for outcome in outcomes:
            self._say(outcome)
        self._seen += len(outcomes)
        self._meter.show(self._seen, self._ran)

    def _say(self, outcome: Outcome) -> None:
        window = f"span={outcome.span} period={outcome.period} bands=" if outcome.span else ""
        name = f"{outcome.country} {window}{outcome.bands}"
        if outcome.status == "finished":
            self._ran += 1
            if outcome.message and (outcome.country, outcome.message) not in self._said:
                self._said.add((outcome.country, outcome.message))
                terminal.print_note(self._console, f"{name}: {outcome.message}")
        elif outcome.status == "failed":
            self._ran += 1
            self._console.print(f"[red]failed[/] {name}: {escape(outcome.message)}")
        elif outcome.status == "outside":
            self._say_outside(name, outcome)
        else:
            self._console.print(f"[cyan]skipped[/] {name}: {escape(outcome.message)}")

    def _say_outside(self, name: str, outcome: Outcome) -> None:
        """Print the first windows of a country that are outside; a study has many, by design."""
        self._outside[outcome.country] += 1
        count = self._outside[outcome.country]
        if count <= _OUTSIDE_NAMED:
            self._console.print(f"[cyan]skipped[/] {name}: {escape(outcome.message)}")
        elif count == _OUTSIDE_NAMED + 1:
            self._console.print(
                f"[cyan]skipped[/] further windows of {outcome.country} outside its archive are only counted"
            )
