"""Ctrl-C and SIGTERM, remembered: a library that catches the exception cannot make them unheard."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any

_PARENT_SECONDS = 0.3
_received: list[int] = []


@contextmanager
def listening() -> Iterator[None]:
    """Raise `KeyboardInterrupt` on Ctrl-C and `SystemExit` on SIGTERM, and remember both."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: signal.getsignal(number) for number in numbers}
    hook = sys.unraisablehook
    try:
        for number in numbers:
            signal.signal(number, _receive)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook
        _received.clear()


def end_at_once() -> None:
    """Make another Ctrl-C end the process: closing after the first one may take a while."""
    signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))


def check() -> None:
    """Raise again what has been received; long work calls this between its steps."""
    if _received:
        _stop(_received[-1])


def call(function: Callable[[], Any]) -> None:
    """Call a function; an error that came after a signal is taken for the signal."""
    try:
        function()
    except Exception:
        check()
        raise


def _receive(number: int, _: FrameType | None) -> None:
    _received.append(number)
    # What is cleaned up on the way out may meet the exception too, where nobody can handle it.
    sys.unraisablehook = lambda _: None
    _stop(number)


def _stop(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


@cache
def end_with_parent() -> None:
    """End a worker when the process that started it has been killed.

    It would go on otherwise, and the same sweep started again would run its candidate twice.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
