"""The Zarr store of an archive: it gives out no byte that was not written, and opens the dataset.

Only `archive` imports it, when an archive is opened: a model needs no Zarr.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr
from zarr.abc.store import ByteRequest, Store

from cropland.errors import DamageError, DataError
from cropland.observations import archive_files
from cropland.untrusted import chunks  # noqa: F401  (checks the chunks that Zarr reads)
from cropland.untrusted.stores import METADATA

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer, BufferPrototype

    from cropland.observations.archive_files import Files


_BROKEN = (
    *(FileNotFoundError, NotADirectoryError),
    *(ValueError, TypeError, AttributeError, LookupError, RecursionError),
)
"""What xarray and Zarr raise of a folder that is no archive."""
_SMALL_BYTES = 100_000
"""A file that is read in less time than a thread takes to start."""


class CheckedStore(Store):
    """A read-only Zarr store of the files that an archive was written with.

    Parameters
    ----------
    folder : Path
        The archive.
    files : mapping of str to (int, int)
        As `archive_files.check` returns them.
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = False

    def __init__(self, folder: Path, files: Files) -> None:
        super().__init__(read_only=True)
        self.folder = folder
        self.files = files

    def __eq__(self, other: object) -> bool:
        """Return whether both are one: two may have been opened before and after a change."""
        return self is other

    __hash__ = object.__hash__

    def read(self, name: str) -> bytes:
        """Read a file.

        Raises
        ------
        DamageError
            It is not as it was written; who opens the archive next is told by a file in it.
        DataError
            It cannot be read.
        """
        try:
            return archive_files.read(self.folder, name, self.files)
        except DamageError as error:
            raise archive_files.keep_damage(self.folder, error) from error
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
        if key not in self.files and key.rpartition("/")[2] in METADATA:
            return None
        is_small = key in self.files and self.files[key][0] < _SMALL_BYTES
        content = self.read(key) if is_small else await asyncio.to_thread(self.read, key)
        return prototype.buffer.from_bytes(content)

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

    def list(self) -> AsyncIterator[str]:
        """Raise an error: what there is stands in the metadata."""
        raise NotImplementedError

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Raise an error."""
        raise NotImplementedError

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Raise an error."""
        raise NotImplementedError


def open_dataset(path: Path, fingerprint: str | None = None) -> xr.Dataset:
    """Open an archive lazily, as `archive.open_archive` does, whose errors it raises without a remedy.

    The names and sizes of its files and its metadata are checked before.
    """
    try:
        store = CheckedStore(path, archive_files.check(path))
        dataset: xr.Dataset = xr.open_zarr(store, chunks=None, consolidated=True, zarr_format=2)
        mark, *_ = [dataset.attrs[name] for name in ("fingerprint", "country", "source")]
    except _BROKEN as error:
        raise DamageError(f"the archive {path} cannot be read ({error})") from error
    except OSError as error:
        raise DataError(
            f"the archive {path} cannot be read ({error.strerror or error}); make it readable, or set "
            f"paths.archive to another folder"
        ) from error
    if fingerprint not in (None, mark):
        raise DamageError(f"the archive {path} is damaged: its fingerprint is another, {mark}")
    return dataset


def is_undamaged(path: Path, fingerprint: str) -> bool:
    """Return whether an archive is there, of a fingerprint and without damage that is seen on opening."""
    try:
        open_dataset(path, fingerprint)
    except DataError:
        return False
    return True
