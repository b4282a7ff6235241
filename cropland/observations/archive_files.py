"""Files of an archive and their checksums: written with it, compared when it is opened and read.

``checksums.json`` lists the files of an archive: name → bytes, CRC-32C. When the archive is opened, their
names and sizes and the checksums of the group's metadata, which hold those of all columns, are compared with
it; a chunk when it is read. Other files in the folder, such as a file manager's, are not read.
Zarr's codec ``crc32c`` notices changed bytes only: a lost chunk is read as fill values, and a chunk that
belongs elsewhere as it stands. CRC-32C takes a twentieth of the time of SHA-256.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import google_crc32c

from cropland.errors import DamageError, DataError
from cropland.untrusted.documents import plain_json, read_bytes
from cropland.untrusted.stores import METADATA, check_zarr

Files = Mapping[str, tuple[int, int]]
CHECKSUMS = "checksums.json"
DAMAGE = "damage.txt"
"""Written to an archive by who reads a damaged chunk, so that the next one who opens it knows."""
_NOT_REGULAR = -1
_LONGEST_DAMAGE = 2_000
_MOST_BYTES = 100_000_000


def write_checksums(folder: Path) -> None:
    """Write sizes and checksums of all files of a folder into it."""
    files = {}
    for name in _sizes(folder):
        content = (folder / name).read_bytes()
        files[name] = (len(content), google_crc32c.value(content))
    (folder / CHECKSUMS).write_text(json.dumps(files))


def check(folder: Path) -> Files:
    """Check the names and sizes of all files of an archive, and its metadata.

    Returns
    -------
    mapping of str to (int, int)
        Bytes and CRC-32C of its files by their names, with ``/`` between folders.

    Raises
    ------
    DamageError
        A file is lost, is no plain file, or is not as it was written; or the archive is not encoded as this
        project does.
    OSError
        It cannot be read.
    """
    sizes = _sizes(folder)
    if sizes.get(CHECKSUMS, _NOT_REGULAR) == _NOT_REGULAR:
        raise _damage(folder, f"{CHECKSUMS} is missing (archives of earlier versions have none)")
    files = _read_checksums(folder)
    if DAMAGE in sizes:
        is_text = 0 < sizes[DAMAGE] < _LONGEST_DAMAGE
        raise DamageError(
            (folder / DAMAGE).read_text(errors="replace")
            if is_text
            else f"the archive {folder} is damaged"
        )
    _check_sizes(folder, sizes, files)
    for name in METADATA:
        if name in files:
            read(folder, name, files)
    try:
        check_zarr(folder, "it is not read", consolidated=True)
    except DataError as error:
        raise DamageError(str(error)) from error
    return files


def read(folder: Path, name: str, files: Files) -> bytes:
    """Read a file of an archive, no link and nothing but a file, and compare it with size and checksum.

    Raises
    ------
    DamageError
        It is lost, or its bytes are not those that were written.
    OSError
        It cannot be read.
    """
    if name not in files:
        raise _damage(folder, f"{name} is missing")
    n_bytes, checksum = files[name]
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            content = stream.read(n_bytes + 1)
    except FileNotFoundError:
        raise _damage(folder, f"{name} is missing") from None
    if len(content) != n_bytes or google_crc32c.value(content) != checksum:
        raise _damage(folder, f"{name} is not as it was written")
    return content


def keep_damage(folder: Path, error: DamageError) -> DamageError:
    """Write damage into the archive, for who opens it next, and return the error to raise."""
    marker = folder / DAMAGE
    with suppress(OSError), marker.open("x") as stream:
        stream.write(error.damage)
    remedy = "give the command again"
    if not marker.exists():
        remedy = "delete it, or set paths.archive to another folder"
    return DamageError(error.damage, f"{remedy}: the archive is made again from its source")


def _read_checksums(folder: Path) -> Files:
    """Read the sizes and checksums of the files of an archive."""
    try:
        files = plain_json(read_bytes(folder / CHECKSUMS, _MOST_BYTES))
        return {name: (int(n_bytes), int(checksum)) for name, (n_bytes, checksum) in files.items()}
    except (ValueError, TypeError, AttributeError):
        raise _damage(folder, f"{CHECKSUMS} is not as it was written") from None


def _sizes(folder: Path, prefix: str = "") -> dict[str, int]:
    """Return the bytes of all files by name; links, pipes and devices have -1."""
    sizes: dict[str, int] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                sizes |= _sizes(Path(entry.path), f"{name}/")
            else:
                is_file = entry.is_file(follow_symlinks=False)
                sizes[name] = entry.stat().st_size if is_file else _NOT_REGULAR
    return sizes


def _check_sizes(folder: Path, sizes: Mapping[str, int], files: Files) -> None:
    """Check that all files are there, with their sizes; name the first that is not."""
    changed = sorted(name for name, (n_bytes, _) in files.items() if sizes.get(name) != n_bytes)
    if not changed:
        return
    name, *others = changed
    if name not in sizes:
        fault = f"{name} is missing"
    elif sizes[name] == _NOT_REGULAR:
        fault = f"{name} is no plain file"
    else:
        fault = f"{name} has {sizes[name]} bytes instead of {files[name][0]}"
    raise _damage(folder, fault + (f", and {len(others)} more" if others else ""))


def _damage(folder: Path, what: str) -> DamageError:
    return DamageError(f"the archive {folder} is damaged: {what}")
