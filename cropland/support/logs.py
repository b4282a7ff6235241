"""Handlers and format of log records: ``train.log`` in a run folder, and the console.

``conf/hydra/job_logging/`` names them. Modules log by ``logging.getLogger(__name__)``; what a user must know
is printed besides (`cropland.support.terminal`).
"""

from __future__ import annotations

import logging
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cropland.errors import visible
from cropland.secret_text import without_secrets
from cropland.untrusted.texts import terminal_text

if TYPE_CHECKING:
    from io import TextIOWrapper

PACKAGE = "cropland"
_unwritable: set[str] = set()
_made_verbose: set[logging.Logger] = set()


class LineFormatter(logging.Formatter):
    """Formats a record as one line, without secrets; ``%(host)s`` is the name of this machine.

    A traceback takes further lines.
    """

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
    ) -> None:
        super().__init__(fmt, datefmt, style, defaults={"host": socket.gethostname()})

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return visible(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, with its traceback where it has one."""
        return terminal_text(without_secrets(super().format(record)))


class RunFolderHandler(logging.FileHandler):
    """Writes records to a file, which is made with its folder for the first of them.

    Where it cannot be written, one line says so and work goes on.
    """

    def __init__(self, filename: str) -> None:
        super().__init__(filename, encoding="utf-8", delay=True)

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            super().emit(record)
        except OSError:  # of opening the file; that of writing comes by `handleError` itself
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Print once that the file cannot be written; other errors are of whoever logs."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif self.baseFilename not in _unwritable and sys.stderr is not None:
            _unwritable.add(self.baseFilename)
            sys.stderr.write(
                f"warning {self.baseFilename} is incomplete: {error.strerror or error}\n"
            )


class ConsoleHandler(logging.Handler):
    """Writes to standard error: warnings of libraries; with ``verbose=true`` all records of this package.

    And those of loggers that ``hydra.verbose`` names.

    This package prints its own warnings.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        of_package = record.name.partition(".")[0] == PACKAGE
        is_shown = record.levelno >= logging.WARNING and not of_package
        if sys.stderr is None or not (
            is_shown or logging.getLogger(record.name).isEnabledFor(logging.DEBUG)
        ):
            return
        try:
            sys.stderr.write(f"{self.format(record)}\n")  # what it is now: a bar replaces it
        except Exception:
            self.handleError(record)


def set_verbose(verbose: bool) -> None:
    """Make the console show all records of this package, or only warnings of libraries, as at the start."""
    logger = logging.getLogger(PACKAGE)
    if verbose or logger in _made_verbose:
        logger.setLevel(logging.DEBUG if verbose else logging.NOTSET)
    _made_verbose.clear()
    _made_verbose.update([logger] if verbose else [])


@contextmanager
def timed(log: logging.Logger, step: str) -> Iterator[None]:
    """Log how long a step has taken, when it has ended."""
    began = time.monotonic()
    yield
    log.debug("%s: %.2f s", step, time.monotonic() - began)


def is_verbose() -> bool:
    """Return whether ``verbose`` or ``hydra.verbose`` asks for records of this package or of all."""
    loggers = logging.root.manager.loggerDict
    named = [logging.root, *(loggers[name] for name in list(loggers) if name.startswith(PACKAGE))]
    return any(getattr(logger, "level", logging.NOTSET) == logging.DEBUG for logger in named)
