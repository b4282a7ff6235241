"""Writing: files whole or not at all, numbers as text, tables as Markdown."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

from cropland.errors import DataError


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file under another name and move it to its place: what is killed leaves no half of it.

    Raises
    ------
    DataError
        It cannot be written.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(content.encode() if isinstance(content, str) else content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot write {path}: {error}; free space, or set output to where it can be written"
        ) from error


def count(number: int, noun: str, nouns: str | None = None) -> str:
    """Count things in words.

    >>> count(1, "part"), count(2, "part"), count(3, "retry", "retries")
    ('1 part', '2 parts', '3 retries')
    """
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"


def ha(value: float, like: float | None = None) -> str:
    """Write hectares: whole ones, and of few some digits, or as many as those of another value.

    >>> ha(12345.6), ha(3.14159), ha(0), ha(8.7, like=151)
    ('12,346', '3.14', '0.00', '9')
    """
    size = abs(value if like is None else like)
    return f"{value:,.{0 if size >= 100 else 1 if size >= 10 else 2}f}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
