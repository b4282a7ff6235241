"""How far long work has come: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cropland.support import logs
from cropland.support.words import in_words

if TYPE_CHECKING:
    from rich.console import Console

_LINE_SECONDS = 10.0
_ENOUGH = 3


class Meter:
    """Shows how many of some things are done.

    The time left is the mean time of those that took work × those still to come.

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
        # Workers write records to the same terminal, without knowing of a bar.
        self._is_bar = console.is_terminal and not logs.is_verbose()
        self._bar = Progress(
            TextColumn("[progress.description]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[more]}"),
            console=console,
            transient=True,
            refresh_per_second=4,
            disable=not self._is_bar,
        )
        self._task = self._bar.add_task(noun, total=total, left="", more="")

    def __enter__(self) -> Meter:
        """Start showing."""
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        """Stop showing."""
        self._bar.stop()

    def show(self, done: int, worked: int, more: str = "") -> None:
        """Show where the work is.

        Parameters
        ----------
        done : int
            How many are done.
        worked : int
            How many of these took work, as against those that were there already.
        more : str
            What else to say.
        """
        left = self._left(done, worked)
        self._bar.update(self._task, completed=done, left=left, more=more)
        now = time.monotonic()
        if not self._is_bar and now - self._line_at > _LINE_SECONDS:
            self._line_at = now
            outlook = ", ".join(filter(None, (left or "no estimate yet", more)))
            of = "" if self._total is None else f"/{self._total}"
            self._console.print(f"{done}{of} {self._noun}, {outlook}")

    def _left(self, done: int, worked: int) -> str:
        if worked < _ENOUGH or self._total is None:
            return ""
        seconds = (time.monotonic() - self._began) / worked * (self._total - done)
        return f"about {in_words(seconds)} left"
