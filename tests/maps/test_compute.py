from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from distributed import Client, LocalCluster

from cropland.errors import DataError
from cropland.maps import compute
from cropland.maps import extent as extents
from cropland.maps.extent import Extent

pytestmark = pytest.mark.processes  # a cluster asks the system for its processors


@dataclass(frozen=True)
class Requests:
    """Imagery that is shared by processes."""

    processes: int = 0


@dataclass
class Flaky:
    """Work whose tiles fail as often as is told, in one thread."""

    failures: dict[str, int]
    imagery: Requests = Requests()


def flaky(work: Flaky, tile: extents.Tile) -> dict[str, Any]:
    assert work.imagery.processes == 1
    left = work.failures.get(tile.name, 0)
    work.failures[tile.name] = left - 1
    if left > 0:
        raise DataError("the service was away")
    return {"class": np.zeros(tile.grid.shape, np.uint8)}


def test_a_tile_that_fails_is_tried_again_after_the_others_and_told_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compute, "map_tile", flaky)
    tiles = Extent.of_box((48.3, 32.2, 48.304, 32.2037), 10).tiles(16)
    told = Flaky({tiles[0].name: 2, tiles[1].name: 9})
    with (
        LocalCluster(1, processes=False, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        found = list(compute.map_tiles(client, told, tiles, 3))  # type: ignore[arg-type]
    assert len(found) == len(tiles)
    failed = [(tile.name, result) for tile, result in found if isinstance(result, str)]
    assert failed == [(tiles[1].name, "the service was away")]
    assert found[0][0] == tiles[2]  # the first two wait for their turn
    assert {tile.name for tile, result in found if isinstance(result, dict)} == {
        tile.name for tile in tiles if tile != tiles[1]
    }


def test_where_nothing_can_be_mapped_not_all_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "map_tile", flaky)
    tiles = Extent.of_box((48.3, 32.2, 48.32, 32.21), 10).tiles(16)
    told = Flaky(dict.fromkeys((tile.name for tile in tiles), 99))
    with (
        LocalCluster(1, processes=False, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        found = list(compute.map_tiles(client, told, tiles, 1))  # type: ignore[arg-type]
    assert [tile for tile, _ in found] and len(found) == len(tiles)
    tried = [each for _, each in found if "away" in each]
    assert len(tried) < len(tiles) / 2
