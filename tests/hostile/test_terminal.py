"""What others wrote commands no terminal, whoever prints it."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from cropland.errors import CroplandError, exit_on_error
from cropland.support import streams, terminal
from cropland.support.progress import Meter

TITLE = "\x1b]0;title\x07\x9b31m\u202e"
"""Names a window, writes in red, turns the direction of writing."""
SHOWN = "\\x1b]0;title\\x07\\x9b31m\\u202e"


def table(text: str) -> Table:
    made = Table(text, title=text)
    made.add_row(Text(text))
    return made


@contextmanager
def colours() -> Iterator[io.StringIO]:
    """A terminal with colours in place of standard output and standard error."""
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "isatty", lambda: True)
        patch.setenv("TERM", "xterm-256color")
        patch.setenv("COLUMNS", "200")
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
            patch.delenv(name, raising=False)
        for name in ("stdout", "stderr"):
            patch.setattr(sys, name, stream)
        with streams.tolerant():
            yield stream


@pytest.mark.parametrize(
    "show",
    [
        lambda console: console.print(f"[red]failed[/] {TITLE}"),
        lambda console: console.print(TITLE, markup=False),
        lambda console: console.print(table(TITLE)),
        lambda console: console.print(Markdown(f"**{TITLE}**")),
        lambda console: console.print(Text(TITLE)),
        lambda console: terminal.print_note(console, TITLE),
        lambda console: terminal.print_warning(console, TITLE),
    ],
)
@pytest.mark.parametrize("make", [terminal.notes, terminal.screen, terminal.tables])
def test_a_console_prints_colours_of_its_own_only(
    make: Callable[[], Console], show: Callable[[Console], None]
) -> None:
    with colours() as screen:
        show(make())
    said = screen.getvalue()
    assert "\\x1b]0;title" in said and "\\x9b31m" in said and "\\u202e" in said
    assert not set(said) & {"\x07", "\x9b", "\u202e"} and "\x1b]" not in said


def test_a_note_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_note(terminal.screen(), "a\nnote b\rnote c")
    assert capsys.readouterr().out == "note a\\nnote b\\rnote c\n"


def test_a_bar_still_moves_the_cursor() -> None:
    with colours() as screen, Meter(terminal.notes(), TITLE, 3) as meter:
        meter.show(1, 1, TITLE)
        sys.stdout.write(f"{TITLE}\n")
        sys.stdout.write("\x1b]8;;http://host\x1b\\link\x1b]8;;\x1b\\\n")
    said = screen.getvalue()
    assert "\x1b[?25l" in said and "\x1b[2K" in said  # hides the cursor, deletes a line
    assert "\\x1b[?25l" not in said
    assert "\x07" not in said and "\x1b]" not in said and "\u202e" not in said


def warn() -> None:
    sys.stderr.write(warnings.formatwarning(TITLE, UserWarning, "some.py", 1))


def log() -> None:
    record = logging.LogRecord("library", logging.ERROR, "some.py", 1, TITLE, None, None)
    assert logging.lastResort is not None
    logging.lastResort.emit(record)


def write_lines() -> None:
    sys.stderr.writelines([TITLE, "\n"])


def fail() -> None:
    with pytest.raises(SystemExit), exit_on_error():
        raise RuntimeError(TITLE)


def fail_at_last() -> None:
    error = RuntimeError(TITLE)
    streams.show_error(type(error), error, None)


@pytest.mark.parametrize("write", [warn, log, write_lines, fail, fail_at_last])
def test_what_libraries_print_is_shown(
    write: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with streams.tolerant():
        write()
    said = capsys.readouterr().err
    assert SHOWN in said and not set(said) & set("\x1b\x07\x9b\u202e")
    assert said.endswith("\n")


def test_what_a_worker_prints_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    streams.without_controls()(log)()
    assert capsys.readouterr().err == f"{SHOWN}\n"


def test_streams_are_as_they_were_afterwards() -> None:
    before = sys.stdout, sys.stderr
    with streams.tolerant():
        with streams.tolerant():
            assert streams.behind(sys.stdout) is before[0]
        assert sys.stdout is not before[0]
    assert (sys.stdout, sys.stderr) == before


def test_an_error_is_one_line_that_shows_what_came() -> None:
    assert str(CroplandError(f"no country {TITLE}\r\n of this name")) == (
        f"no country {SHOWN} of this name"
    )
