"""How long work takes and how much it writes, by what finished runs took; unknown where there is none."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.support.words import count, in_words
from cropland.tracking.experiments import local_path
from cropland.tracking.records import KIND

if TYPE_CHECKING:
    from cropland.tracking.store import Store

_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def time_of(store: Store, kind: str, number: int = 1) -> str:
    """Return how long some runs of a kind take, in words."""
    seconds = store.seconds_of(f"tags.{KIND} = '{kind}'")
    if not seconds:
        return f"time: unknown, no {kind} has finished in this experiment yet"
    median = statistics.median(seconds)
    if median * number < 0.5:
        return f"time: under 1 s after the start (median of {count(len(seconds), 'finished run')})"
    return (
        f"time: about {in_words(median * number)} (finished runs took {in_words(median)}, median of "
        f"{len(seconds)})"
    )


def bytes_in(folder: Path) -> int:
    """Return the size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def bytes_of_a_run(store: Store, condition: str) -> int | None:
    """Return the size of the files of the newest finished run that meets a condition, where it is known."""
    runs = store.newest_finished(condition, most=1)
    folder = local_path(runs[0].artifact_uri) if runs else None
    return bytes_in(folder) if folder is not None and folder.is_dir() else None


def size(n_bytes: float) -> str:
    """Write a number of bytes.

    >>> size(1234), size(5.6e7), size(12)
    ('1.2 kB', '56 MB', '12 bytes')
    """
    for unit, name in _UNITS:
        if n_bytes >= unit:
            number = n_bytes / unit
            return f"{number:.{0 if number >= 10 else 1}f} {name}"
    return f"{n_bytes:.0f} bytes"
