"""Files of an archive: their sizes and checksums, and the Zarr store that compares what it reads with them.

``checksums.json`` is written with an archive and lists its other files: name → bytes, CRC-32C. When an
archive is opened, the names and sizes of all files and the checksums of the metadata are compared with it;
a chunk when it is read. Zarr's codec ``crc32c`` notices changed bytes only: it reads a lost chunk as fill
values, and a chunk that belongs elsewhere as it stands. CRC-32C takes a twentieth of the time of SHA-256.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import google_crc32c
import xarray as xr
from zarr.abc.store import ByteRequest, Store

from cropland.errors import DataError

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer, BufferPrototype

CHECKSUMS = "checksums.json"
DAMAGE = "damage.txt"
"""Written to an archive by who reads a damaged chunk, so that the next one who opens it knows."""
_METADATA = (".zgroup", ".zattrs", ".zarray", ".zmetadata", "zarr.json")
_NOT_REGULAR = -1
_LONGEST_DAMAGE = 2_000


class DamageError(DataError):
    """Files of an archive are not those that were written.

    Attributes
    ----------
    damage : str
        The archive and what is wrong with it, without the remedy.
    """

    def __init__(self, damage: str, remedy: str = "") -> None:
        super().__init__(f"{damage}; {remedy}" if remedy else damage)
        self.damage = damage


class CheckedStore(Store):
    """A read-only Zarr store of the files that an archive was written with.

    Parameters
    ----------
    folder : Path
        The archive.
    files : mapping of str to (int, int)
        Bytes and CRC-32C of its files by their names, with ``/`` between folders.
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = True

    def __init__(self, folder: Path, files: Mapping[str, tuple[int, int]]) -> None:
        super().__init__(read_only=True)
        self.folder = folder
        self.files = files

    def __eq__(self, other: object) -> bool:
        """Return whether both are one: two may have been opened before and after a change."""
        return self is other

    __hash__ = object.__hash__

    def read(self, name: str) -> bytes:
        """Read a file and compare it with its checksum.

        Raises
        ------
        DamageError
            It is lost, or its bytes are not those that were written; the next process that opens the
            archive is told by a file in it.
        DataError
            It cannot be read.
        """
        try:
            return _read(self.folder, name, self.files)
        except DamageError as error:
            marker = self.folder / DAMAGE
            with suppress(OSError), marker.open("x") as stream:
                stream.write(error.damage)
            remedy = "give the command again, the archive" if marker.exists() else "delete it, it"
            raise DamageError(error.damage, f"{remedy} is made again from its source") from error
        except OSError as error:
            raise DataError(
                f"{name} of the archive {self.folder} cannot be read ({error.strerror}); give the command "
                f"again, or delete the archive: it is made again from its source"
            ) from error

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read a file; None where there is no such metadata, an error where there is no such chunk."""
        if byte_range is not None:
            raise NotImplementedError("an archive's chunks are read whole")
        if key not in self.files and key.rpartition("/")[2] in _METADATA:
            return None
        return prototype.buffer.from_bytes(await asyncio.to_thread(self.read, key))

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Read files."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        """Return whether a file was written."""
        return key in self.files

    async def set(self, key: str, value: Buffer) -> None:
        """Raise an error: an archive is never changed."""
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        """Raise an error: an archive is never changed."""
        raise NotImplementedError

    async def list(self) -> AsyncIterator[str]:
        """Return the names of all files."""
        for name in self.files:
            yield name

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Return the names that begin with something."""
        for name in self.files:
            if name.startswith(prefix):
                yield name

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Return the names within a folder."""
        start = f"{prefix.rstrip('/')}/" if prefix else ""
        inside = (name[len(start) :] for name in self.files if name.startswith(start))
        for name in dict.fromkeys(name.partition("/")[0] for name in inside):
            yield name


def write_checksums(folder: Path) -> None:
    """Write sizes and checksums of all files of a folder into it."""
    files = {}
    for name in _sizes(folder):
        content = (folder / name).read_bytes()
        files[name] = (len(content), google_crc32c.value(content))
    (folder / CHECKSUMS).write_text(json.dumps(files))


def open_dataset(path: Path, fingerprint: str | None = None) -> xr.Dataset:
    """Open an archive lazily, after a check of the names and sizes of its files and of its metadata.

    Parameters
    ----------
    path : Path
        Its folder.
    fingerprint : str, optional
        What it must have; None = any.

    Raises
    ------
    DamageError
        A file is lost, is no plain file, or is not as it was written; or it is another archive.
    """
    try:
        dataset: xr.Dataset = xr.open_zarr(
            _checked(path), chunks=None, consolidated=True, zarr_format=2
        )
        stored = [dataset.attrs[name] for name in ("fingerprint", "country", "source")]
    except (OSError, ValueError, KeyError) as error:
        raise DamageError(f"the archive {path} cannot be read ({error})") from error
    if fingerprint not in (None, stored[0]):
        raise DamageError(f"the archive {path} is damaged: its fingerprint is another, {stored[0]}")
    return dataset


def is_undamaged(path: Path, fingerprint: str) -> bool:
    """Return whether an archive is there, of a fingerprint and without damage that is seen on opening."""
    try:
        open_dataset(path, fingerprint)
    except DataError:
        return False
    return True


def _checked(folder: Path) -> CheckedStore:
    """Return an archive's store, or raise a `DamageError`."""
    files, present = _listed(folder), _sizes(folder)
    if 0 < present.get(DAMAGE, _NOT_REGULAR) < _LONGEST_DAMAGE:
        raise DamageError((folder / DAMAGE).read_text())
    written = {name: n_bytes for name, (n_bytes, _) in files.items()}
    if written != present:
        raise _damage(folder, _difference(written, present))
    for name in files:
        if name.rpartition("/")[2] in _METADATA:
            _read(folder, name, files)
    return CheckedStore(folder, files)


def _listed(folder: Path) -> dict[str, tuple[int, int]]:
    """Read the sizes and checksums of the files of an archive."""
    try:
        files = json.loads((folder / CHECKSUMS).read_bytes())
        return {name: (int(n_bytes), int(checksum)) for name, (n_bytes, checksum) in files.items()}
    except FileNotFoundError:
        lost = f"{CHECKSUMS} is missing, which archives of earlier versions have not"
        raise _damage(folder, lost) from None
    except (ValueError, TypeError, AttributeError):
        raise _damage(folder, f"{CHECKSUMS} is not as it was written") from None


def _sizes(folder: Path, prefix: str = "") -> dict[str, int]:
    """Return the bytes of all files but the checksums, by name; links, pipes and devices have -1."""
    sizes: dict[str, int] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                sizes |= _sizes(Path(entry.path), f"{name}/")
            elif name != CHECKSUMS:
                is_file = entry.is_file(follow_symlinks=False)
                sizes[name] = entry.stat().st_size if is_file else _NOT_REGULAR
    return sizes


def _difference(written: Mapping[str, int], present: Mapping[str, int]) -> str:
    """Return the first file, by name, that is not there as it was written."""
    different = written.items() ^ present.items()
    name = min(name for name, _ in different)
    others = len({name for name, _ in different}) - 1
    if name not in present:
        text = f"{name} is missing"
    elif name not in written:
        text = f"{name} was not written with it"
    elif present[name] == _NOT_REGULAR:
        text = f"{name} is no plain file"
    else:
        text = f"{name} has {present[name]} bytes instead of {written[name]}"
    return text + (f", and {others} more" if others else "")


def _read(folder: Path, name: str, files: Mapping[str, tuple[int, int]]) -> bytes:
    """Read a file, no link and nothing but a file, and compare it with its size and checksum."""
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


def _damage(folder: Path, what: str) -> DamageError:
    return DamageError(f"the archive {folder} is damaged: {what}")
