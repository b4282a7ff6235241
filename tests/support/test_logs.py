"""Log records on their way to a run folder and to a terminal."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cropland.support import logs, streams, terminal
from cropland.support.progress import Meter


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    """The root logger without handlers, from INFO on; as it was afterwards."""
    root = logging.getLogger()
    before = root.handlers, root.level
    root.handlers, root.level = [], logging.INFO
    logging.getLogger("cropland").setLevel(logging.NOTSET)
    root.manager._clear_cache()  # type: ignore[attr-defined]
    yield root
    root.handlers = before[0]
    root.setLevel(before[1])
    logging.getLogger("cropland").setLevel(logging.NOTSET)


def line_of(message: str, *given: object, format: str = "%(message)s", error: bool = False) -> str:
    """How a record is written."""
    record = logging.LogRecord("some", logging.INFO, "some.py", 1, message, given, None)
    if error:
        try:
            raise ValueError("http://ada:pw@host")
        except ValueError:
            record.exc_info = sys.exc_info()
    return logs.LineFormatter(format).format(record)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("scored", "scored"),
        ("store is http://ada:pw@host:5000/x", "store is http://…@host:5000/x"),
        ("GET /data.tif?se=2030&sig=abc", "GET /data.tif?se=2030&sig=…"),
        ("iran\nERROR forged", "iran\\nERROR forged"),
        ("iran\x1b]0;title\x07", "iran\\x1b]0;title\\x07"),
    ],
)
def test_a_record_is_one_line_without_secrets(message: str, line: str) -> None:
    assert line_of(message) == line
    assert line_of("%s", message) == line


def test_a_traceback_has_no_secrets_either() -> None:
    line = line_of("failed", error=True)
    assert line.startswith("failed\nTraceback ")
    assert line.endswith("ValueError: http://…@host")


def test_a_line_names_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs.socket, "gethostname", lambda: "node7")
    assert line_of("scored", format="%(host)s:%(message)s") == "node7:scored"


def test_the_file_is_made_with_its_folder_for_the_first_record(
    tmp_path: Path, root: logging.Logger
) -> None:
    path = tmp_path / "run" / "train.log"
    root.addHandler(logs.RunFolderHandler(str(path)))
    logging.getLogger("cropland.x").debug("below the level")
    assert not path.parent.exists()
    logging.getLogger("cropland.x").info("± one")
    logging.getLogger("cropland.y").info("two")
    assert path.read_text(encoding="utf-8") == "± one\ntwo\n"


def test_a_file_that_cannot_be_written_is_said_once(
    tmp_path: Path, root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").write_text("a file where the folder would be")
    path = tmp_path / "run" / "train.log"
    for _ in range(2):  # logging is set up anew for each job
        root.handlers = [logs.RunFolderHandler(str(path))]
        logging.getLogger("cropland.x").info("one")
    assert capsys.readouterr().err == f"warning {path} is incomplete: File exists\n"


def test_a_full_disk_is_said_once(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    root.addHandler(logs.RunFolderHandler("/dev/full"))
    for _ in range(2):
        logging.getLogger("cropland.x").info("one")
    assert capsys.readouterr().err == "warning /dev/full is incomplete: No space left on device\n"


def log_all() -> None:
    """Log at each level, in two modules of this package and in another one."""
    for name in ("cropland.training.x", "cropland.models.x", "library"):
        for level in (logging.DEBUG, logging.INFO, logging.WARNING):
            logging.getLogger(name).log(level, f"{name} {logging.getLevelName(level)}")


@pytest.mark.parametrize(
    ("verbose", "lines"),
    [
        (None, ["library WARNING"]),
        (
            "cropland.training",
            [
                *(f"cropland.training.x {level}" for level in ("DEBUG", "INFO", "WARNING")),
                "library WARNING",
            ],
        ),
        (
            "",
            [
                f"{name} {level}"
                for name in ("cropland.training.x", "cropland.models.x", "library")
                for level in ("DEBUG", "INFO", "WARNING")
            ],
        ),
    ],
    ids=["quiet", "a package", "all"],
)
def test_the_console_is_quiet_but_for_what_is_asked_for(
    verbose: str | None,
    lines: list[str],
    root: logging.Logger,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root.addHandler(logs.ConsoleHandler())
    assert not logs.is_verbose()
    if verbose is not None:
        logging.getLogger(verbose).setLevel(logging.DEBUG)
        assert logs.is_verbose()
    log_all()
    assert capsys.readouterr().err.splitlines() == lines
    logging.getLogger(verbose or "").setLevel(logging.NOTSET)


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """Return that it is one."""
        return True


def test_a_line_stands_above_the_bar(monkeypatch: pytest.MonkeyPatch, root: logging.Logger) -> None:
    """Also in a job, which escapes what libraries print."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    root.addHandler(logs.ConsoleHandler())
    with Meter(terminal.notes(), "candidates", 3) as meter:
        meter.show(1, 1)
        with streams.without_controls():
            logging.getLogger("library").warning("a line\x1b[31m")
    said = screen.getvalue()
    assert "\x1b[2K" in said  # a bar is there, and its line is deleted before another is written
    line = next(line for line in said.splitlines() if "a line" in line)
    assert line.endswith("a line\\x1b[31m")
    assert "candidates" not in line.rpartition("\x1b[2K")[2]


def test_where_all_is_shown_there_are_lines_instead_of_a_bar(
    monkeypatch: pytest.MonkeyPatch, root: logging.Logger
) -> None:
    """Workers write to the same terminal and know nothing of a bar."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    root.setLevel(logging.DEBUG)
    with Meter(terminal.notes(), "candidates", 3) as meter:
        meter.show(1, 1)
    assert "\x1b" not in screen.getvalue()
