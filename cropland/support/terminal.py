"""The two consoles of a command: notes on standard error, results on standard output.

What they print may come from data or from another's store: its control characters are shown as escapes.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.segment import Segment

from cropland.errors import visible
from cropland.support import logs
from cropland.support.streams import behind, silence
from cropland.untrusted.texts import terminal_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import IO

    from rich.console import ConsoleOptions, RenderableType
    from rich.text import Text

_BRACKET = re.compile(r"(?<!\\)\[(?!(?:red|yellow|green|cyan)\]|/\])")
SIMULATED = "Simulated data: not valid for any real country"
"""The line below every result of ``source=simulated``."""
_QUIET: set[str] = set()
_PIPED_COLUMNS = 100
"""The width of a table that goes to a file or a pipe, where COLUMNS says nothing."""


class _Console(Console):
    def __init__(self, **how: Any) -> None:
        super().__init__(emoji=False, highlight=False, **how)
        self._width = self._width or None  # COLUMNS=0 is no width: nothing would be printed

    def render_str(self, text: str, **how: Any) -> Text:
        """Read as markup only the colours that this project writes: paths have brackets too."""
        marked = how.get("markup") is not False
        return super().render_str(_BRACKET.sub(r"\\[", text) if marked else text, **how)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Show control characters of texts as escapes, and no links; those of bars are Rich's own."""
        for text, style, control in super().render(renderable, options):
            yield Segment(
                text if control else terminal_text(text),
                style.update_link(None) if style and style.link else style,
                control,
            )

    @property
    def file(self) -> IO[str]:
        """The stream to write to, without what escapes the texts of others."""
        return behind(super().file)

    @file.setter
    def file(self, stream: IO[str]) -> None:
        self._file = stream

    def on_broken_pipe(self) -> None:
        """Ignore a closed pipe, as in ``… | head``: what is shown is kept elsewhere too."""
        silence(self.file)


def titled(title: str, *, simulated: bool) -> str:
    """Return the title of a table or figure, which says so where its data are simulated."""
    return f"{title} (SIMULATED data)" if simulated else title


def literal(value: object) -> str:
    """Return a value as text for a line of a console: brackets are no markup, and line breaks are escapes."""
    return escape(visible(str(value)))


def set_amount(*, verbose: bool, quiet: bool) -> None:
    """Set how much this process prints: also records of what it does, or no notes and no progress."""
    logs.set_verbose(verbose)
    _QUIET.clear()
    _QUIET.update(["quiet"] if quiet else [])


def is_quiet() -> bool:
    """Return whether errors, warnings and results are all that is printed."""
    return bool(_QUIET)


def print_note(console: Console, text: str) -> None:
    """Print what a user should know, on one line, unless quiet; nothing in it is markup."""
    if not is_quiet():
        console.print(f"[yellow]note[/] {literal(text)}", soft_wrap=True)


def print_warning(console: Console, text: str) -> None:
    """Print what may make a result useless, on one line; nothing in it is markup."""
    _print_always(console, f"[yellow]warning[/] {literal(text)}")


def print_failure(console: Console, what: str, text: str) -> None:
    """Print what has failed, and why, on one line; nothing in the text is markup."""
    _print_always(console, f"[red]{what}[/] {literal(text)}")


def _print_always(console: Console, line: str) -> None:
    """Print a line, also on a console that is quiet."""
    before, console.quiet = console.quiet, False
    console.print(line, soft_wrap=True)
    console.quiet = before


def note_not_simulated(countries: Sequence[str]) -> None:
    """Print which countries ``source=simulated`` leaves out, if any."""
    if countries:
        print_note(
            notes(),
            f"left out, since the simulation has no profile of it: {', '.join(countries)}; give its data by "
            f"source=files",
        )


def notes() -> Console:
    """Return the console for progress and notes, on standard error; none of them is printed when quiet."""
    return _Console(stderr=True, soft_wrap=True, quiet=is_quiet())


def screen() -> Console:
    """Return the console for lines of results, on standard output; long lines are left to the terminal."""
    return _Console(soft_wrap=True)


def tables() -> Console:
    """Return the console for tables of results, on standard output, as wide as COLUMNS or the terminal."""
    is_known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").lstrip("0").isdigit()
    return _Console(width=None if is_known else _PIPED_COLUMNS)
