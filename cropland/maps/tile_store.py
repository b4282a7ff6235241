"""Finished tiles of a map on disk, each whole or not there, so that a map that was stopped goes on."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.support.writing import write_whole

if TYPE_CHECKING:
    from cropland.maps.extent import Tile

_BROKEN = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
_TILE = "tile"
"""The array that says which tile of which map it is: the checksums of a ZIP archive do not know its name."""


@dataclass(frozen=True)
class TileStore:
    """The finished tiles of one map.

    Attributes
    ----------
    folder : Path
        Where they lie; its name holds what decides their content.
    """

    folder: Path

    def missing(self, tiles: Sequence[Tile]) -> list[Tile]:
        """Return the tiles that are not there or cannot be read; what cannot be read is deleted."""
        names = {path.name for path in self.folder.glob("*.npz")}
        return [
            tile for tile in tiles if f"{tile.name}.npz" not in names or not self._is_whole(tile)
        ]

    def write(self, tile: Tile, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write a tile.

        Raises
        ------
        DataError
            It cannot be written.
        """
        content = io.BytesIO()
        named = {**arrays, _TILE: np.array(self._identity(tile))}
        np.savez_compressed(content, allow_pickle=False, **named)
        write_whole(self._path(tile), content.getvalue())

    def read(self, tile: Tile) -> dict[str, NDArray[Any]]:
        """Read a tile.

        Raises
        ------
        DataError
            It is not there any more, broken, or another tile.
        """
        try:
            with np.load(self._path(tile), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            if str(arrays.pop(_TILE)) != self._identity(tile):
                raise ValueError("it is another tile")
            return arrays
        except _BROKEN as error:
            raise DataError(
                f"tile {self._path(tile)} cannot be read ({error}); run the same command again"
            ) from error

    def _is_whole(self, tile: Tile) -> bool:
        try:
            self.read(tile)
        except DataError:
            self._path(tile).unlink(missing_ok=True)
            return False
        return True

    def _identity(self, tile: Tile) -> str:
        return f"{self.folder.name}/{tile.name}"

    def _path(self, tile: Tile) -> Path:
        return self.folder / f"{tile.name}.npz"
