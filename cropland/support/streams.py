"""Standard output and standard error: signs that their encoding lacks, and pipes that nobody reads."""

from __future__ import annotations

import codecs
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

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


@contextmanager
def tolerant() -> Iterator[None]:
    """Write plain signs for those that a stream cannot encode; end quietly where its reader has left."""
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "backslashreplace"):
            stream.reconfigure(errors="plain")
    try:
        yield
    except BrokenPipeError as error:
        silence(sys.stdout)
        raise SystemExit(_PIPE_CLOSED) from error
    finally:
        for stream in (sys.stdout, sys.stderr):
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
