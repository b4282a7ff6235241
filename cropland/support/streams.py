"""Standard output and standard error: control characters, signs that their encoding lacks, closed pipes."""

from __future__ import annotations

import codecs
import io
import os
import sys
import traceback
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import IO, Any, TextIO, cast

from cropland.untrusted.texts import terminal_text

_PIPE_CLOSED = 141
"""The exit code of a program that SIGPIPE ends."""
_PLAIN = {
    "±": "+/-",
    "…": "...",
    "–": "-",
    "—": "-",
    "−": "-",
    "·": "-",
    "×": "x",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "°": " deg",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
}


class _EscapedStream:
    """A stream on which control characters are shown as escapes.

    Warnings, logs, tracebacks and what libraries print may hold texts of others. The consoles of
    `cropland.support.terminal`, which escape such texts themselves, write to ``rich_proxied_file``, the
    stream behind it.
    """

    def __init__(self, stream: IO[str]) -> None:
        self.rich_proxied_file = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)

    def write(self, text: str) -> int:
        """Write a text; return its length."""
        self.rich_proxied_file.write(terminal_text(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts."""
        for line in lines:
            self.write(line)


def behind(stream: IO[str]) -> IO[str]:
    """Return the stream behind all that stand before it."""
    while hasattr(stream, "rich_proxied_file"):
        stream = stream.rich_proxied_file
    return stream


def _unescaped(stream: IO[str]) -> IO[str]:
    """Return a stream without the escapes of this module; a bar keeps its own, which prints above it."""
    while isinstance(stream, _EscapedStream):
        stream = stream.rich_proxied_file
    return stream


def show_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Write the traceback of an error that nobody has caught, its control characters as escapes."""
    if sys.stderr is not None:  # as where a shell has closed it
        sys.stderr.write(terminal_text("".join(traceback.format_exception(kind, error, trace))))


@contextmanager
def without_controls() -> Iterator[None]:
    """Show control characters as escapes on standard output and standard error."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        cast("TextIO", stream and _EscapedStream(_unescaped(stream))) for stream in before
    )
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


@contextmanager
def tolerant() -> Iterator[None]:
    """Show control characters as escapes, and plain signs for those that a stream cannot encode.

    A command ends quietly where the reader of a stream has left.
    """
    codecs.register_error("plain", _plain)
    for stream in map(behind, (sys.stdout, sys.stderr)):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "backslashreplace"):
            stream.reconfigure(errors="plain")
    try:
        with without_controls():
            yield
    except BrokenPipeError as error:
        silence(sys.stdout)
        raise SystemExit(_PIPE_CLOSED) from error
    finally:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            try:
                stream.flush()
            except BrokenPipeError:  # Python would say so at its end
                silence(stream)


def silence(stream: IO[str]) -> None:
    """Write what else goes to a stream nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Return plain signs for what cannot be encoded, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign) or _letters(sign) for sign in signs), error.end


def _letters(sign: str) -> str:
    """Return what is left of a sign without its accents."""
    return unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode() or "?"
