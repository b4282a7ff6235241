"""Files and folders written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cropland.errors import DataError

_HEADER_BYTES, _SHOWN = 1_000, 60


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


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder for files that are needed for a moment, and delete it.

    Raises
    ------
    DataError
        It cannot be made, or files in it cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    except OSError as error:
        where = os.environ.get("TMPDIR", "/tmp")
        raise DataError(
            f"cannot write temporary files to {where}: {error.strerror or error}; make room there, or set "
            f"TMPDIR to another folder"
        ) from error


def check_output(path: Path, inputs: Iterable[Path], columns: Sequence[str]) -> None:
    """Check, before any work, that a table can be written to a file and replaces nothing but its like.

    Parameters
    ----------
    path : Path
        The file, as a user names it.
    inputs : iterable of Path
        Files that the command reads, or would read.
    columns : sequence of str
        Columns of such tables, of which the first two are always there: a file that has others is not
        replaced. An empty file is.

    Raises
    ------
    DataError
        It cannot be written, is one of the inputs, or holds something else.
    """
    if path.is_dir():
        raise DataError(f"output {path} is a folder; set output to a file, as in output=points.csv")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise DataError(
            f"cannot write {path}: {folder} is no folder that you may write to; set output"
        )
    there = path.exists()
    for given in inputs:
        is_same = there and given.exists() and given.samefile(path)
        if is_same or given.resolve() == path.resolve():
            raise DataError(
                f"output {path} is the file {given}, which this command reads; set output to another"
            )
    if there:
        _check_alike(path, columns)


def _check_alike(path: Path, columns: Sequence[str]) -> None:
    """Refuse to replace a file that is no CSV of some columns."""
    remedy = "set output to another name, or move that file away"
    if not path.is_file():
        raise DataError(f"output {path} is there and no file; {remedy}")
    try:
        with path.open("rb") as stream:
            header = stream.readline(_HEADER_BYTES).decode("utf-8-sig", "replace").strip()
    except OSError as error:
        raise DataError(
            f"output {path} is there and cannot be read: {error.strerror}; {remedy}"
        ) from error
    names = header.split(",")
    if path.stat().st_size and (names[:2] != list(columns[:2]) or not set(names) <= set(columns)):
        is_text = header.isprintable() and "\ufffd" not in header
        content = f"its first line is {header[:_SHOWN]!r}" if is_text else "it is no CSV"
        raise DataError(f"output {path} is there and holds no predictions: {content}; {remedy}")
