"""How much is printed: notes and progress, or warnings and results only."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from cropland.support import terminal
from cropland.support.progress import Meter


@pytest.fixture(autouse=True)
def amount() -> Iterator[None]:
    yield
    terminal.set_amount(verbose=False, quiet=False)


def test_quiet_prints_warnings_failures_and_results(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.set_amount(verbose=False, quiet=True)
    notes, screen = terminal.notes(), terminal.screen()
    notes.print("making the archive")
    terminal.print_note(notes, "a note")
    terminal.print_note(screen, "a note beside a result")
    with Meter(notes, "tiles", 2) as meter:
        meter.show(1, 1)
    terminal.print_warning(notes, "a warning")
    terminal.print_failure(notes, "failed", "tile 1")
    notes.print("after it")
    screen.print("the result")
    assert capsys.readouterr() == ("the result\n", "warning a warning\nfailed tile 1\n")


def test_verbose_is_of_this_package_and_ends_with_the_command() -> None:
    logger = logging.getLogger("cropland.training")
    terminal.set_amount(verbose=True, quiet=False)
    assert logger.isEnabledFor(logging.DEBUG)
    assert not logging.getLogger("mlflow").isEnabledFor(logging.DEBUG)
    terminal.set_amount(verbose=False, quiet=False)
    assert logging.getLogger("cropland").level == logging.NOTSET
    logging.getLogger("cropland").setLevel(logging.DEBUG)  # by hydra.verbose
    terminal.set_amount(verbose=False, quiet=True)
    assert logger.isEnabledFor(logging.DEBUG)
    logging.getLogger("cropland").setLevel(logging.NOTSET)


def test_a_width_of_zero_is_not_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    for console in (terminal.screen(), terminal.notes(), terminal.tables()):
        console.print("x" * 70)
    assert capsys.readouterr() == (f"{'x' * 70}\n" * 2, f"{'x' * 70}\n")
