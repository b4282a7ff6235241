"""How far long work has come: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from cropland.support import logs
from cropland.support.words import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

log = logging.getLogger(__name__)
_LINE_SECONDS = 10.0
_ENOUGH = 3
_ENOUGH_SECONDS, _ENOUGH_SHARE = 3.0, 0.02
_BAR = 20
_shown: list[Progress] = []
"""Bars of this process, the innermost last: a terminal shows one at a time."""


@contextmanager
def working(console: Console, what: str) -> Iterator[None]:
    """Show what is being done, and since when, on a terminal, where it cannot be counted; log its time."""
    bar = Progress(
        SpinnerColumn("line"),
        TextColumn("[progress.description]{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        refresh_per_second=4,
        disable=not _is_bar(console),
    )
    bar.add_task(escape(what), total=None)
    _start(bar)
    try:
        with logs.timed(log, what):
            yield
    finally:
        _stop(bar)


def _is_bar(console: Console) -> bool:
    """Return whether bars are shown: not beside records, which workers write without knowing of a bar."""
    return console.is_terminal and not console.quiet and not logs.is_verbose()


def _start(bar: Progress) -> None:
    if _shown:
        _shown[-1].stop()
    _shown.append(bar)
    bar.start()


def _stop(bar: Progress) -> None:
    bar.stop()
    if bar in _shown:
        _shown.remove(bar)
    if _shown:
        _shown[-1].start()


class Meter:
    """Shows how many of some things are done.

    The time left is the mean time of those that took work × those still to come; where the share of the work
    that is done is known, it follows from that.

    Parameters
    ----------
    console : Console
        Where to.
    noun : str
        What is counted, in the plural.
    total : int, optional
        How many there are, where that is known.
    """

    def __init__(self, console: Console, noun: str, total: int | None) -> None:
        self._console = console
        self._noun = noun
        self._total = total
        self._began = self._line_at = time.monotonic()
        self._is_bar = _is_bar(console)
        self._bar = Progress(
            TextColumn("[progress.description]{task.description}"),
            BarColumn(_BAR),
            TextColumn("{task.fields[counted]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[more]}", table_column=Column()),
            console=console,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # else results would leave their pipe
            refresh_per_second=4,
            disable=not self._is_bar,
        )
        counted = self._counted(0)
        self._task = self._bar.add_task(noun, total=total, left="", more="", counted=counted)

    def __enter__(self) -> Meter:
        """Start showing."""
        _start(self._bar)
        return self

    def __exit__(self, *_: Any) -> None:
        """Stop showing."""
        _stop(self._bar)

    def show(self, done: int, worked: int, more: str = "", share: float | None = None) -> None:
        """Show where the work is.

        Parameters
        ----------
        done : int
            How many are done.
        worked : int
            How many of these took work, as against those that were there already.
        more : str
            What else to say.
        share : float, optional
            Of all the work, with what has been begun; by it the bar moves between two things that are done.
        """
        left = self._left(done, worked) if share is None else self._left_of(share)
        left = "" if done == self._total else left
        completed = float(done)
        if share is not None and self._total is not None:
            completed = self._total - (1 - share) * (self._total - (done - worked))
        self._bar.update(
            self._task, completed=completed, left=left, more=more, counted=self._counted(done)
        )
        now = time.monotonic()
        if not self._is_bar and now - self._line_at > _LINE_SECONDS:
            self._line_at = now
            outlook = ", ".join(filter(None, (left or "no estimate yet", more)))
            self._console.print(f"{self._counted(done)} {self._noun}, {outlook}")

    def _counted(self, done: int) -> str:
        return str(done) if self._total is None else f"{done}/{self._total}"

    def _left_of(self, share: float) -> str:
        seconds = time.monotonic() - self._began
        if share < _ENOUGH_SHARE or seconds < _ENOUGH_SECONDS:
            return ""
        return f"about {in_words(seconds / share * (1 - share))} left"

    def _left(self, done: int, worked: int) -> str:
        if worked < _ENOUGH or self._total is None:
            return ""
        seconds = (time.monotonic() - self._began) / worked * (self._total - done)
        return f"about {in_words(seconds)} left"
