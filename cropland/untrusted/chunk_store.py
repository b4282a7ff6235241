"""A Zarr folder whose chunks are checked as they are read.

In: a folder that `cropland.untrusted.stores.check_zarr` has passed. Promised: a chunk of Blosc is as long as
it says; the decoder does not check that, and would read what lies behind it in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zarr.storage import LocalStore

from cropland.untrusted.stores import CHUNK, StoredArray

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer

_HEADER_BYTES = 16
_LENGTH = slice(12, 16)
"""Where a chunk of Blosc says how many bytes it has."""


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
        if len(content) != int.from_bytes(header[_LENGTH], "little") or not header:
            raise ValueError(f"the chunk {key} is not as long as it says")
        return content
