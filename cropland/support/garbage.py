"""The garbage collector, which stays off while a command imports what it needs."""

from __future__ import annotations

import gc


def collect_garbage() -> None:
    """Turn the collector on; it passes over what has been imported so far."""
    gc.enable()
    gc.freeze()
