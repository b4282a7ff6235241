"""A Zarr folder whose chunks are checked as they are read.

In: a folder that `cropland.untrusted.stores.check_zarr` has passed. Promised: a chunk of Blosc is as long as
it says; the decoder does not check that, and would read what lies behind it in memory. What other codecs
unpack to is known when it is there: it may fill the memory, as any file may.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zarr.storage import LocalStore

from cropland.untrusted.codecs import CHUNK_BYTES
from cropland.untrusted.stores import CHUNK, StoredArray

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer

_HEADER_BYTES = 16
_DECODED, _LENGTH = slice(4, 8), slice(12, 16)
"""Where a chunk of Blosc says how many bytes it has in memory and in the file."""


class ChunkStore(LocalStore):
    """A Zarr folder to be read; a chunk that was cut off is a `ValueError`.

    Parameters
    ----------
    folder : Path
        The folder.
    arrays : mapping of str to StoredArray
        Its arrays by path.
    """

    def __init__(self, folder: Path, arrays: Mapping[str, StoredArray]) -> None:
        super().__init__(folder, read_only=True)
        self._blosc = frozenset(
            path for path, stored in arrays.items() if str(stored.codec).endswith("blosc")
        )

    async def get(self, key: str, *arguments: Any, **options: Any) -> Buffer | None:
        """Read a file, as Zarr asks for it."""
        return self._checked(key, await super().get(key, *arguments, **options))

    def get_sync(self, key: str, *arguments: Any, **options: Any) -> Buffer | None:
        """Read a file, as Zarr asks for it."""
        return self._checked(key, super().get_sync(key, *arguments, **options))

    def _checked(self, key: str, content: Buffer | None) -> Buffer | None:
        parts = CHUNK.fullmatch(key)
        if content is None or parts is None or (parts[1] or parts[3] or "") not in self._blosc:
            return content
        header = content[:_HEADER_BYTES].to_bytes()
        decoded, length = (int.from_bytes(header[at], "little") for at in (_DECODED, _LENGTH))
        if len(content) != length or decoded > CHUNK_BYTES or not header:
            raise ValueError(f"the chunk {key} is not as long as it says, or too long")
        return content
