from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cropland.errors import DataError
from cropland.maps.extent import Extent, Tile
from cropland.maps.tile_store import TileStore

CONTENT = {"class": np.arange(6, dtype=np.uint8).reshape(2, 3), "truth": np.eye(2, dtype=np.int64)}


@pytest.fixture
def tiles() -> list[Tile]:
    return Extent.of_box((48.30, 32.20, 48.303, 32.203), 10).tiles(16)


def test_what_was_written_is_read_and_not_missing(tiles: list[Tile], tmp_path: Path) -> None:
    store = TileStore(tmp_path / "tiles")
    assert store.missing(tiles) == tiles
    store.write(tiles[1], CONTENT)
    assert store.missing(tiles) == [tiles[0], *tiles[2:]]
    found = store.read(tiles[1])
    assert found.keys() == CONTENT.keys()
    assert all((found[name] == CONTENT[name]).all() for name in CONTENT)


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_a_broken_tile_is_missing(keep: int, tiles: list[Tile], tmp_path: Path) -> None:
    store = TileStore(tmp_path)
    store.write(tiles[0], CONTENT)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:keep])
    assert store.missing(tiles) == tiles
    assert not list(tmp_path.iterdir())


def test_a_tile_with_a_flipped_bit_is_missing(tiles: list[Tile], tmp_path: Path) -> None:
    store = TileStore(tmp_path)
    store.write(tiles[0], {"class": np.arange(10_000, dtype=np.uint16)})
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert store.missing(tiles) == tiles


def test_tiles_that_were_exchanged_are_missing(tiles: list[Tile], tmp_path: Path) -> None:
    store = TileStore(tmp_path / "tiles-1")
    for tile in tiles[:3]:
        store.write(tile, CONTENT)
    first, second, _ = sorted(store.folder.iterdir())
    first.rename(tmp_path / "aside")
    second.rename(first)
    (tmp_path / "aside").rename(second)
    with pytest.raises(DataError, match="it is another tile"):
        store.read(tiles[0])
    assert store.missing(tiles[:3]) == tiles[:2]
    other = TileStore(tmp_path / "tiles-2")
    store.folder.rename(other.folder)
    assert other.missing(tiles[:3]) == tiles[:3]


def test_a_tile_has_the_same_bytes_every_time(tiles: list[Tile], tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        TileStore(tmp_path / name / "tiles").write(tiles[0], CONTENT)
        written.append(next((tmp_path / name / "tiles").iterdir()).read_bytes())
    assert written[0] == written[1]


def test_what_cannot_be_kept_or_read_is_said(tiles: list[Tile], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write .*set output to where"):
        TileStore(tmp_path / "file").write(tiles[0], CONTENT)
    with pytest.raises(DataError, match="cannot be read .*run the same command again"):
        TileStore(tmp_path).read(tiles[0])
