from __future__ import annotations

import os
import signal
import sys

import pytest

from cropland.support import signals


def test_without_a_signal_nothing_is_raised() -> None:
    with signals.listening():
        signals.check()
        with pytest.raises(ValueError, match="x"):
            signals.call(lambda: int("x"))


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_that_was_caught_is_raised_later(
    number: signal.Signals, raised: type[BaseException]
) -> None:
    def failing() -> None:
        raise ValueError("x")

    with signals.listening():
        with pytest.raises(raised):
            os.kill(os.getpid(), number)
        with pytest.raises(raised):
            signals.check()
        with pytest.raises(raised):
            signals.call(failing)


def test_what_listening_changes_is_restored() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    hook = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt), signals.listening():
        os.kill(os.getpid(), signal.SIGINT)
    assert [signal.getsignal(number) for number in numbers] == before
    assert sys.unraisablehook is hook
    signals.check()


def test_a_second_interruption_ends_the_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    with signals.listening():
        signals.end_at_once()
        os.kill(os.getpid(), signal.SIGINT)
    assert codes == [130]
