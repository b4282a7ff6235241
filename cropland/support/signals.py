"""Ctrl-C and SIGTERM, remembered: a library that swallows the exception cannot make them unheard."""

from __future__ import annotations

import signal
import sys
from types import FrameType

_heard: list[int] = []


def listen() -> None:
    """Raise `KeyboardInterrupt` on Ctrl-C and `SystemExit` on SIGTERM, and remember both."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _hear)


def heed() -> None:
    """Raise again what has been heard; long work calls this between its steps."""
    if _heard:
        _stop(_heard[-1])


def _hear(number: int, _: FrameType | None) -> None:
    _heard.append(number)
    # What is cleaned up on the way out may meet the exception too, where nobody can handle it.
    sys.unraisablehook = lambda _: None
    _stop(number)


def _stop(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
