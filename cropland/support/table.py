"""Tables on a terminal: whole within its width, whatever that is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.markdown import Markdown, TableElement
from rich.table import Table as RichTable
from rich.text import Text

from cropland.errors import visible

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

    Row = Sequence[str]

_BREAK = re.compile(r"(?<![±…]) (?![±…%]|(?:w|ha)\b)|(?<=[^\W\d]) (?=±)")
"""Blanks at which a cell may be wrapped: not those within a number and its error, a range, or a unit."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_GAPS = (2, 1)
"""Blanks between columns: fewer where the table does not fit otherwise."""
_INDENT = "  "


@dataclass(frozen=True)
class Table:
    """A table that fits the console: it wraps at blanks, and cuts neither words, dates nor numbers.

    Attributes
    ----------
    heads : sequence of str
        Of the columns.
    rows : sequence of sequence of str
        Cells as plain text: brackets are no markup, and control characters are shown as escapes.
    title : str
        A line above; may be empty.
    settings : collection of str
        Heads of columns that go into a line above where all rows are alike.
    sections : collection of int
        Rows below which there is an empty line.
    """

    heads: Sequence[str]
    rows: Sequence[Row]
    title: str = ""
    settings: Collection[str] = ()
    sections: Collection[int] = ()

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterable[RenderableType]:
        """Yield the title, what all rows share, and the table; records where it is too narrow for one."""
        columns = [[visible(row[at]) for row in self.rows] for at in range(len(self.heads))]
        shared = [at for at, cells in enumerate(columns) if self._is_shared(at, cells)]
        if len(self.rows) == 1 and self._width(columns) > options.max_width:
            shared = [at for at, head in enumerate(self.heads) if head in self.settings]
        if self.title:
            yield Text(self.title, style="italic")
        if shared:
            words = [f"{self.heads[at]} {columns[at][0]}" for at in shared]
            words[0] = f"all: {words[0]}" if len(self.rows) > 1 else words[0]
            yield Text(_listed(words, options.max_width))
        kept = [at for at in range(len(columns)) if at not in shared]
        heads, cells = [self.heads[at] for at in kept], [columns[at] for at in kept]
        for gap in _GAPS:
            if widths := _widths(heads, cells, options.max_width - gap * (len(kept) - 1)):
                yield self._table(heads, cells, widths, gap)
                return
        yield _records(heads, cells, options.max_width)

    def _is_shared(self, at: int, cells: Row) -> bool:
        return self.heads[at] in self.settings and len(cells) > 1 and len(set(cells)) == 1

    def _width(self, columns: Sequence[Row]) -> int:
        """Return the width of the table in which no cell is wrapped."""
        widths = (
            max(_longest(head), *map(cell_len, cells))
            for head, cells in zip(self.heads, columns, strict=True)
        )
        return sum(widths) + _GAPS[0] * (len(columns) - 1)

    def _table(
        self, heads: Row, columns: Sequence[Row], widths: Sequence[int], gap: int
    ) -> RichTable:
        table = RichTable(
            box=SIMPLE_HEAD, padding=(0, gap - 1, 0, 0), show_edge=False, pad_edge=False
        )
        for head, cells, width in zip(heads, columns, widths, strict=True):
            table.add_column(
                Text(_wrapped(head, width)),
                justify="right" if _is_of_numbers(cells) else "left",
                width=width,
                vertical="top",
                no_wrap=True,
            )
        for number, row in enumerate(zip(*columns, strict=True)):
            texts = (Text(_wrapped(cell, width)) for cell, width in zip(row, widths, strict=True))
            table.add_row(*texts, end_section=number in self.sections)
        return table


def _listed(parts: Sequence[str], width: int) -> str:
    """Return parts with commas between them; one that does not fit into a line begins the next.

    >>> _listed(["points 90", "model forest"], 20).splitlines()
    ['points 90,', 'model forest']
    """
    *first, last = parts
    return _in_lines([*(f"{part}," for part in first), last], width)


def _in_lines(parts: Iterable[str], width: int) -> str:
    """Return parts with blanks between them; one that does not fit into a line begins the next."""
    lines = [""]
    for part in parts:
        longer = f"{lines[-1]} {part}".strip()
        if cell_len(longer) > width and lines[-1]:
            lines.append(part)
        else:
            lines[-1] = longer
    return "\n".join(lines)


class _TableOfMarkdown(TableElement):
    """A table of a Markdown text, which fits the console."""

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterable[RenderableType]:
        header = self.header.row.cells if self.header and self.header.row else []
        heads = [cell.content.plain for cell in header]
        body = self.body.rows if self.body else []
        rows = [[cell.content.plain for cell in row.cells] for row in body]
        with_error = {head for at, head in enumerate(heads) if any("±" in row[at] for row in rows)}
        yield Table(heads, rows, settings=set(heads[1:]) - with_error)
        yield Text()


class MarkdownText(Markdown):
    """A text in Markdown on a terminal; its tables are whole, its links are not followed."""

    elements = Markdown.elements | {"table_open": _TableOfMarkdown}

    def __init__(self, text: str) -> None:
        super().__init__(text, hyperlinks=False)


def _widths(heads: Row, columns: Sequence[Row], room: int) -> list[int]:
    """Return the widths of columns that together fit; none where words would have to be cut.

    The widest is made narrower first.
    """
    least = [max(map(_longest, (head, *cells))) for head, cells in zip(heads, columns, strict=True)]
    widths = [
        max(_longest(head), *map(cell_len, cells), 0)
        for head, cells in zip(heads, columns, strict=True)
    ]
    while sum(widths) > room:
        can = [at for at, width in enumerate(widths) if width > least[at]]
        if not can:
            return []
        widths[max(can, key=lambda at: widths[at])] -= 1
    return widths


def _records(heads: Row, columns: Sequence[Row], width: int) -> Text:
    """Return rows below each other: the first cell, then a line for each of the others."""
    lines: list[str] = []
    for first, *others in zip(*columns, strict=True):
        lines += _wrapped(first, width).split("\n") if first else []
        for head, cell in zip(heads[1:], others, strict=True):
            words = _wrapped(f"{head}: {cell}" if cell else "", width - len(_INDENT))
            lines += [f"{_INDENT}{line}" for line in words.split("\n") if line]
    return Text("\n".join(lines))


def _is_of_numbers(cells: Row) -> bool:
    return not any(cell[:1].isalpha() or _DATE.search(cell) for cell in cells)


def _longest(text: str) -> int:
    """Return the width of the longest part of a text that is not wrapped."""
    return max(map(cell_len, _BREAK.split(text)))


def _wrapped(text: str, width: int) -> str:
    """Return a text in lines of at most a width."""
    return _in_lines(_BREAK.split(text), width)
