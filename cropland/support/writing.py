"""Files and folders written whole or not at all."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cropland.errors import DataError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield another name to write a file or a folder to; at the end it is moved to its place.

    What fails or is killed leaves no half of it at its place. A file that is there is replaced; a folder
    that is there stays, since somebody else was faster.

    Raises
    ------
    OSError
        It cannot be written.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        if not (partial.is_dir() and path.exists()):
            partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        shutil.rmtree(partial, ignore_errors=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file under another name and move it to its place.

    Raises
    ------
    DataError
        It cannot be written.
    """
    try:
        with whole(path) as partial:
            partial.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise DataError(
            f"cannot write {path}: {error}; free space, or set output to where it can be written"
        ) from error
