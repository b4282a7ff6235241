"""What goes wrong for a user: one line that says what was expected, what came and what to do."""

from __future__ import annotations

import difflib
import errno
import sys
import traceback
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from cropland.secret_text import without_secrets

LONGEST_MESSAGE = 2_000
_LONGEST_TEXT = 10 * LONGEST_MESSAGE
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_JOINERS = "\u200c\u200d"
"""They have no shape of their own and are part of words, as in Persian and Hindi."""


class CroplandError(Exception):
    """An error that its user can fix; its message is one line and is shown without a traceback."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows in place of a traceback."""
        return [f"cropland: {self}"]


class ConfigError(CroplandError):
    """A configuration that cannot be run: an unknown name, a bad value, a broken rule."""


class DataError(CroplandError):
    """A points file, an export or an archive that is not what it should be."""


class DamageError(DataError):
    """An archive whose files are not those that were written.

    Attributes
    ----------
    damage : str
        The archive and what is wrong with it, without the remedy.
    """

    def __init__(self, damage: str, remedy: str = "") -> None:
        super().__init__(f"{damage}; {remedy}" if remedy else damage)
        self.damage = one_line(damage)


class WindowError(CroplandError):
    """A window that does not lie inside its archive; a sweep skips it, a single run stops."""


class TrackingError(CroplandError):
    """A tracking store that cannot be reached or used."""


def visible(text: str) -> str:
    r"""Return a text whose control characters are shown as escapes, so that it commands no terminal.

    Among them are line breaks, and what turns the direction of writing; letters and blanks of every script
    stay.

    >>> print(visible("Iran\x1b[2J\u202e\n"))
    Iran\x1b[2J\u202e\n
    """
    if text.isprintable():
        return text
    return "".join(sign if _is_ordinary(sign) else ascii(sign)[1:-1] for sign in text)


def _is_ordinary(sign: str) -> bool:
    return sign.isprintable() or sign in _JOINERS or unicodedata.category(sign) == "Zs"


def one_line(message: str) -> str:
    """Return a message on one line, without secrets; no value can make it long, or control the terminal."""
    line = " ".join(message.split())
    if len(line) > _LONGEST_TEXT:
        line = f"{line[: _LONGEST_TEXT // 2]} … {line[-_LONGEST_TEXT // 2 :]}"
    line = visible(without_secrets(line))
    if len(line) > LONGEST_MESSAGE:
        half = LONGEST_MESSAGE // 2
        line = f"{line[:half]} … {line[-half:]}"
    return line


def nearest(name: str, known: Iterable[str], *, show: int = 8) -> str:
    """Return the known names that are nearest to an unknown one.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is.
    show : int
        How many names to list where none is near.

    Returns
    -------
    str
        A clause such as ``did you mean 'iran'?`` or ``there are: a, b, …``.
    """
    names = sorted(set(known))
    folded = {known_name.lower(): known_name for known_name in names}
    like = name[
        : 2 * max(map(len, names), default=0)
    ].lower()  # what is much longer is none of them
    close = difflib.get_close_matches(like, folded, n=8, cutoff=0.6)
    if close:
        # Swapped letters (NVDI) are the likeliest typing error, and difflib does not know them.
        close.sort(key=lambda found: sorted(found) != sorted(like))
        return f"did you mean {' or '.join(repr(folded[c]) for c in close[:3])}?"
    return f"there are: {', '.join(names[:show])}{', …' if len(names) > show else ''}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Return the message that a configuration has no such key, and the nearest."""
    names = list(known)
    if not names:  # as in windows: {}, to which a command line adds
        return f"{key} is not there yet; add it with a plus, as in +{key}=…"
    return f"unknown key {key!r}; {nearest(key, names)}"


def no_value(key: str) -> str:
    """Return the message that a key of a configuration has no value."""
    return f"{key} has no value; give it one, as in {key}=…"


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Leave with one line on an error; Hydra would add lines of its own, or warn and go on."""
    try:
        yield
    except CroplandError as error:
        raise SystemExit(f"cropland: {error}") from error
    except Exception as error:
        message = _message_of(error)
        if message is None:
            traceback.print_exc()
            raise SystemExit(1) from error
        raise SystemExit(f"cropland: {one_line(message)}") from error


def _message_of(error: Exception) -> str | None:
    """Return the message of a system error that its user can fix; None for other errors."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        where = error.filename or "what was to be written"
        return f"there is no room for {where}: {error.strerror}; make room, there and in TMPDIR"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}; choose another place, or fix this one"
    if isinstance(error, UnicodeEncodeError) and error.encoding == sys.getfilesystemencoding():
        path, encoding = error.object, error.encoding
        return (
            f"{path!r} cannot be a path in {encoding}, the encoding of this shell; set PYTHONUTF8=1"
        )
    return None
