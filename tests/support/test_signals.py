from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from cropland.support import signals


@pytest.fixture(autouse=True)
def handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the handlers of the test runner."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(signals, "_heard", [])
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_nothing_heard_is_nothing_heeded() -> None:
    signals.heed()


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_that_was_swallowed_is_heeded_later(
    number: signal.Signals, raised: type[BaseException]
) -> None:
    signals.listen()
    with pytest.raises(raised):
        os.kill(os.getpid(), number)
    with pytest.raises(raised):
        signals.heed()
