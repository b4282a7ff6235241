from __future__ import annotations

import io
import os
import sys

import pytest

from cropland.support import streams, terminal


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("ascii", "0.91 +/- 0.02, a...b, Sud, 3 deg, <=, ?"),
        ("cp1252", "0.91 ± 0.02, a…b, Süd, 3°, <=, ?"),
        ("utf-8", "0.91 ± 0.02, a…b, Süd, 3°, ≤, 🌾"),
    ],
)
@pytest.mark.parametrize("errors", ["strict", "backslashreplace"])
def test_signs_that_a_terminal_lacks_become_plain(
    monkeypatch: pytest.MonkeyPatch, encoding: str, text: str, errors: str
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding, errors))
    with streams.tolerant():
        terminal.screen().print("0.91 ± 0.02, a…b, Süd, 3°, ≤, 🌾")
    assert written.getvalue().decode(encoding) == f"{text}\n"


def closed_pipe() -> io.TextIOWrapper:
    """Return a stream whose reader has left."""
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


def test_a_command_goes_on_when_nobody_reads_its_output(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = closed_pipe()
    monkeypatch.setattr(sys, "stdout", pipe)
    done = []
    with streams.tolerant():
        for line in ("one", "two"):
            terminal.tables().print(line)
            done.append(line)
    assert done == ["one", "two"]
    pipe.close()


def test_what_is_left_in_the_buffer_of_a_closed_pipe_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipe = closed_pipe()
    monkeypatch.setattr(sys, "stdout", pipe)
    with streams.tolerant():
        sys.stdout.write("x")
    pipe.close()


def test_what_is_printed_plainly_into_a_closed_pipe_ends_quietly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipe = closed_pipe()
    monkeypatch.setattr(sys, "stdout", pipe)
    with pytest.raises(SystemExit) as caught, streams.tolerant():
        sys.stdout.write("x" * 100_000)
    assert caught.value.code == 141
    pipe.close()


def test_a_command_goes_on_without_standard_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has none where a shell has closed them, as by ``>&-``."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with streams.tolerant():
        print("a result")  # noqa: T201  as Hydra does
        terminal.screen().print("a result")
        terminal.print_note(terminal.notes(), "a note")
        streams.show_error(KeyError, KeyError(), None)


@pytest.mark.parametrize("path", ["a [x]/b", "[/red]", "[bold]", "a:smile:b"])
def test_brackets_of_a_path_are_no_markup(capsys: pytest.CaptureFixture[str], path: str) -> None:
    terminal.screen().print(f"[yellow]note[/] {path}")
    terminal.screen().print(path, markup=False)
    assert capsys.readouterr().out == f"note {path}\n{path}\n"
