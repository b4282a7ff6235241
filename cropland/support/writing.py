"""Files written whole or not at all."""

from __future__ import annotations

import uuid
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
