"""Writing: files whole or not at all, tables as Markdown."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from cropland.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a file under another name and move it to its place: what is killed leaves no half of it.

    Raises
    ------
    DataError
        It cannot be written.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise DataError(
            f"cannot write {path}: {error}; set output to a file that can be written"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def count(number: int, noun: str, nouns: str | None = None) -> str:
    """Count things in words.

    >>> count(1, "part"), count(2, "part"), count(3, "retry", "retries")
    ('1 part', '2 parts', '3 retries')
    """
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
