"""Files and folders written whole or not at all."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from cropland.errors import DataError

log = logging.getLogger(__name__)
_HEADER_BYTES, _SHOWN = 1_000, 60
_FLUSHED_AT_ONCE = 16
_CANNOT_FLUSH = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)
"""Errors of file systems that have no such operation, or none of folders."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def whole(path: Path, keeps: Callable[[Path], bool] = lambda _: True) -> Iterator[Path]:
    """Yield another name to write a file or a folder to; at the end it is moved to its place.

    What fails or is killed, also by a power cut, leaves no half of it at its place. A file that is there is
    replaced; a folder that is there stays, since somebody else was faster, unless `keeps` says that it is to
    be replaced.

    Raises
    ------
    OSError
        It cannot be written.
    """
    partial, old = (path.with_name(f".{path.name}.{uuid.uuid4().hex}") for _ in range(2))
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        _flush(partial)
        if partial.is_dir() and path.exists():
            if keeps(path):
                return
            path.replace(old)
        partial.replace(path)
        _flush_one(path.parent)
        log.debug("wrote %s", path)
    finally:
        for name in (partial, old):
            with suppress(OSError):
                name.unlink(missing_ok=True)
            shutil.rmtree(name, ignore_errors=True)


def _flush(path: Path) -> None:
    """Write a file, or a folder with all that is in it, through to the disk: some 4 ms a file."""
    contents = list(path.rglob("*")) if path.is_dir() else []
    if len(contents) > 1:  # together they take a seventh of the time
        with ThreadPoolExecutor(_FLUSHED_AT_ONCE) as threads:
            list(threads.map(_flush_one, contents))
    _flush_one(path)


def _flush_one(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # a folder that may be written to, but not listed
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise
    finally:
        os.close(descriptor)


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
        if not _is_temporary(error):
            raise
        where = tempfile.tempdir or os.environ.get("TMPDIR", "/tmp")
        raise DataError(
            f"cannot write temporary files to {where}: {error.strerror or error}; make room there, or set "
            f"TMPDIR to another folder"
        ) from error


def _is_temporary(error: OSError) -> bool:
    """Return whether an error is of a temporary file: Python does not name one that has no room."""
    if tempfile.tempdir is None:  # none can be used
        return True
    path = error.filename if error.filename2 is None else error.filename2
    if path is None:
        return error.errno in _NO_ROOM
    return str(path).startswith(tempfile.tempdir)


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
    _check_place(path, inputs, "output", "points.csv")
    if path.exists():
        _check_alike(path, columns)


def check_new(path: Path, inputs: Iterable[Path], key: str, example: str, *, force: bool) -> None:
    """Check, before any work, that a file can be written and replaces none, unless that is wanted.

    Parameters
    ----------
    path : Path
        The file, as a user names it.
    inputs : iterable of Path
        Files that the command reads, or would read: none of them is ever replaced.
    key, example : str
        The setting that names the file, and a value of it for messages.
    force : bool
        Whether a file that is there is replaced.

    Raises
    ------
    DataError
        It cannot be written, is one of the inputs, or is there.
    """
    _check_place(path, inputs, key, example)
    if os.path.lexists(path) and not path.is_file():
        raise DataError(f"{key} {path} exists and is not a file; set {key} to another name")
    if path.exists() and not force:
        raise DataError(
            f"{key} {path} already exists; set {key} to another name, or add force=true to replace it"
        )


def _check_place(path: Path, inputs: Iterable[Path], key: str, example: str) -> None:
    """Check that the file that a key names can be written and is none of those that are read."""
    if path.is_dir():
        raise DataError(f"{key} {path} is a folder; set {key} to a file, as in {key}={example}")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise DataError(
            f"cannot write {path}: {folder} is not a folder that you can write to; set {key}"
        )
    there = path.exists()
    for given in inputs:
        is_same = there and given.exists() and given.samefile(path)
        if is_same or given.resolve() == path.resolve():
            raise DataError(
                f"{key} {path} is the file {given}, which this command reads; set {key} to another"
            )


def _check_alike(path: Path, columns: Sequence[str]) -> None:
    """Raise an error for a file to replace that is not a CSV of some columns."""
    remedy = "set output to another name, or move that file away"
    if not path.is_file():
        raise DataError(f"output {path} exists and is not a file; {remedy}")
    try:
        with path.open("rb") as stream:
            header = stream.readline(_HEADER_BYTES).decode("utf-8-sig", "replace").strip()
    except OSError as error:
        raise DataError(
            f"output {path} exists and cannot be read: {error.strerror}; {remedy}"
        ) from error
    names = header.split(",")
    if path.stat().st_size and (names[:2] != list(columns[:2]) or not set(names) <= set(columns)):
        is_text = header.isprintable() and "\ufffd" not in header
        content = f"its first line is {header[:_SHOWN]!r}" if is_text else "it is not a CSV file"
        raise DataError(f"output {path} exists and holds no predictions: {content}; {remedy}")
