from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator

import pytest
from hydra.errors import HydraException

from cropland import cli
from cropland.errors import ConfigError
from cropland.support import signals


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the test runner's handlers, environment and garbage collector."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(signals, "_heard", [])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    yield
    gc.enable()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_an_error_that_a_user_can_mend_is_one_line() -> None:
    def main() -> None:
        raise ConfigError("expected a,\n got b")

    with pytest.raises(SystemExit) as caught:
        cli.launch(main)
    assert caught.value.code == "cropland: expected a, got b"


def test_an_interruption_is_seen_behind_another_error() -> None:
    def main() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise HydraException("wrapped") from None

    with pytest.raises(SystemExit) as caught:
        cli.launch(main)
    assert caught.value.code == cli.INTERRUPTED


@pytest.mark.parametrize("early", [False, True])
def test_every_error_shows_its_traceback_when_asked(
    monkeypatch: pytest.MonkeyPatch, early: bool
) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")

    def main() -> None:
        error = ConfigError("expected a")
        if early:  # as the sweep's callback stops
            raise SystemExit("cropland: expected a") from error
        raise error

    with pytest.raises(ConfigError):
        cli.launch(main)
