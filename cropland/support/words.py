"""Numbers, times, lists, tables and commands as text."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

SEARCH_PATH = "hydra.searchpath="
"""The override that names further folders of configuration."""
_WHERE = ("--config-dir", "-cd", "--config-path", "-cp")
_WHAT = ("--config-name", "-cn")
"""Options of Hydra that say where a configuration is, and which one it is."""


def count(number: int, noun: str, nouns: str | None = None) -> str:
    """Count things in words.

    >>> count(1, "part"), count(2, "part"), count(1065, "retry", "retries")
    ('1 part', '2 parts', '1,065 retries')
    """
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def country_title(name: str) -> str:
    """Return the title of a country that is known by its name only.

    >>> country_title("south_sudan")
    'South Sudan'
    """
    return name.replace("_", " ").strip().title()


def ha(value: float, like: float | None = None) -> str:
    """Write hectares: whole ones, and of few some digits, or as many as those of another value.

    >>> ha(12345.6), ha(3.14159), ha(0), ha(8.7, like=151)
    ('12,346', '3.14', '0.00', '9')
    """
    size = abs(value if like is None else like)
    return f"{value:,.{0 if size >= 100 else 1 if size >= 10 else 2}f}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table whose cells are Markdown; others' texts are escaped before (`markdown_text`)."""
    lines = [head, ["---"] * len(head), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def in_words(seconds: float) -> str:
    """Write a time in the words that its accuracy deserves.

    >>> in_words(7), in_words(130), in_words(8000)
    ('7 s', '2 min', '2.2 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def some(names: Iterable[object], show: int = 8) -> str:
    """List names, and no more than a reader takes in.

    >>> some("abc", show=2)
    'a, b, … (3 in all)'
    """
    every = [str(name) for name in names]
    more = f", … ({len(every)} in all)" if len(every) > show else ""
    return f"{', '.join(every[:show])}{more}"


def shell_word(text: str) -> str:
    """Quote a text as one word of a shell.

    >>> print(shell_word("span=24"), shell_word("a=b c"), shell_word("a='b c'"))
    span=24 'a=b c' "a='b c'"
    """
    if "'" in text and not set(text) & set('"$`\\!'):
        return f'"{text}"'
    return shlex.quote(text)


def command_line(name: str, *words: str) -> str:
    """Return a command of Cropland to type next, as the present one was typed.

    It is started by its script, or not, and has the options that say where the configuration is.
    """
    script = Path(sys.argv[0])
    by_script = (script.parent.name, script.suffix) == ("scripts", ".py")
    start = f"python scripts/{name.replace('-', '_')}.py" if by_script else f"cropland {name}"
    present = script.stem if by_script else sys.argv[0].removeprefix("cropland ")
    options = [*_options(same_command=name == present), *words]
    if not any(word.startswith(SEARCH_PATH) for word in words):
        options += [word for word in sys.argv[1:] if word.startswith(SEARCH_PATH)]
    return " ".join([start, *map(shell_word, options)])


def _options(*, same_command: bool) -> list[str]:
    """Return the options of the present command that another one needs too."""
    words = [part for word in sys.argv[1:] for part in _split_option(word)]
    options = [
        part
        for option, value in pairwise(words)
        if option in _WHERE or (same_command and option in _WHAT)
        for part in (option, value)
    ]
    return [*(["-m"] if same_command and {"-m", "--multirun"} & set(words) else []), *options]


def option(*names: str) -> str | None:
    """Return the value of an option of the present command, under any of its names; None without it."""
    words = [part for word in sys.argv[1:] for part in _split_option(word)]
    return next((value for word, value in pairwise(words) if word in names), None)


def _split_option(word: str) -> list[str]:
    """Split an option from the value that is written with it."""
    option, equals, value = word.partition("=")
    return [option, value] if equals and option in (*_WHERE, *_WHAT) else [word]
