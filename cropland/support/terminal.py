"""The two consoles of a command: notes on standard error, results on standard output."""

from __future__ import annotations

import sys

from rich.console import Console

SIMULATED = "Simulated data: not valid for any real country"
"""The line below every result of ``source=simulated``."""
_PIPED_COLUMNS = 150
"""The width of a table that goes to a file: as much as the widest needs."""


def notes() -> Console:
    """Return the console for progress and notes, on standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def screen() -> Console:
    """Return the console for lines of results, on standard output; long lines are left to the terminal."""
    return Console(highlight=False, soft_wrap=True)


def tables() -> Console:
    """Return the console for tables of results, on standard output, as wide as the terminal is."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_COLUMNS)
