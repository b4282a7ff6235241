"""Progress: what is shown on a terminal and in a pipe, and how much time is left."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cropland.support import progress
from cropland.support.progress import Meter, working


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that have passed."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), width=80, force_terminal=terminal)


def text(shown: Console) -> str:
    return shown.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_time_left_follows_from_the_share_that_is_done(clock: list[float]) -> None:
    shown = console(terminal=False)
    with Meter(shown, "tiles", 4) as meter:
        clock[0] += 15
        meter.show(0, 0, share=0.2)
        clock[0] += 30
        meter.show(1, 1, share=0.5)
    assert text(shown).splitlines() == [
        "0/4 tiles, about 60 s left",
        "1/4 tiles, about 45 s left",
    ]


def test_a_bar_moves_within_a_thing_that_is_begun() -> None:
    meter = Meter(console(terminal=True), "tiles", 6)
    meter.show(2, 0, share=0.0)  # two were there before
    assert meter._bar.tasks[0].completed == 2
    meter.show(3, 1, share=0.5)
    assert meter._bar.tasks[0].completed == 4
    assert meter._bar.tasks[0].fields["counted"] == "3/6"


def test_work_that_cannot_be_counted_is_shown_on_terminals_only() -> None:
    for terminal in (True, False):
        shown = console(terminal=terminal)
        with working(shown, "starting [2] workers"):
            pass
        assert ("starting [2] workers" in text(shown)) is terminal


def test_a_terminal_shows_one_bar_at_a_time() -> None:
    shown = console(terminal=True)
    with working(shown, "promoting"):
        (outer,) = progress._shown
        with Meter(shown, "points", 3):
            assert not outer.live.is_started
        assert outer.live.is_started
    assert not progress._shown
