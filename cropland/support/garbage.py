"""The garbage collector, which stays off while a command imports what it needs."""

from __future__ import annotations

import gc

_THRESHOLDS = 50_000, 20, 100
"""Of the three generations. Python's own (700, 10, 10) would look through late imports a thousand
times."""


def collect_garbage() -> None:
    """Enable the garbage collector; it ignores what has been imported so far."""
    gc.set_threshold(*_THRESHOLDS)
    gc.enable()
    gc.freeze()
