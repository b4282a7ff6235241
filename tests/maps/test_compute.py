from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from standins.toy_model import learnt, toy_archive, with_member

from cropland.errors import DataError
from cropland.features.pixel_series import Images
from cropland.learning.calibration import PredictionSets
from cropland.maps import compute
from cropland.maps import extent as extents
from cropland.maps.assemble import PixelCounts
from cropland.maps.extent import Extent

processes = pytest.mark.processes  # a cluster asks the system for its processors


@dataclass(frozen=True)
class Requests:
    """Imagery that is shared by processes."""

    processes: int = 0


@dataclass
class Flaky:
    """Work whose tiles fail a given number of times, in one thread."""

    failures: dict[str, int]
    imagery: Requests = Requests()


def flaky(work: Flaky, tile: extents.Tile, _: object) -> dict[str, Any]:
    assert work.imagery.processes == 1
    left = work.failures.get(tile.name, 0)
    work.failures[tile.name] = left - 1
    if left > 0:
        raise DataError("the service was away")
    return {"class": np.zeros(tile.grid.shape, np.uint8)}


@processes
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


@processes
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


def test_pixels_with_too_few_observations_have_a_class_of_their_own(
    toy_points: pd.DataFrame, toy_rows: pd.DataFrame
) -> None:
    fitted = learnt(toy_archive(toy_points, toy_rows), ("B4", "B8"))
    careful = with_member(fitted, min_observations=3)
    # Four pixels, seen on five days, on two, on none; the last is outside of the outline.
    seen = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]])
    days = np.datetime64("2020-06-01T10:00:00") + np.arange(5) * np.timedelta64(5, "D")
    values = {"B4": (800 * seen).astype(np.uint16), "B8": (4500 * seen).astype(np.uint16)}
    images = Images(days, values, np.full(3, 10.2), np.full(3, 20.2))
    inside = np.array([[True, True], [True, False]])
    work: Any = SimpleNamespace(
        fitted=careful,
        extent=SimpleNamespace(mask=lambda _: inside),
        imagery=SimpleNamespace(of=lambda *_: images, truth=lambda *_: np.array([1, 0, 0])),
        reference_end=None,
    )
    made = compute.map_tile(work, SimpleNamespace(grid=None))  # type: ignore[arg-type]
    label = made["class"][0, 0]
    assert label in (0, 1) and made["class"].tolist() == [[label, 2], [255, 255]]
    assert made["observations"].tolist() == [[5, 2], [0, -1]]
    assert np.isnan(made["probability"]).tolist() == [[False, True], [True, True]]
    assert made["truth"].sum() == made["truth"][1, label] == 1  # of a pixel with a class alone
    assert "n_cannot_tell" not in made
    work.fitted = replace(careful, sets=PredictionSets(0.95, cropland=0.0, other=0.0))
    made_again = compute.map_tile(work, SimpleNamespace(grid=None))  # type: ignore[arg-type]
    assert made_again["n_cannot_tell"] == 1  # the only pixel with a class
    work.fitted = with_member(fitted, max_gap_days=60)
    assert compute.map_tile(work, SimpleNamespace(grid=None))["class"].tolist() == [
        [2, 2],
        [255, 255],
    ]
    work.fitted = fitted
    of_before = compute.map_tile(work, SimpleNamespace(grid=None))  # type: ignore[arg-type]
    assert of_before["class"][0, 1] in (0, 1)
    tile: Any = SimpleNamespace(grid=Extent.of_box((48.3, 32.2, 48.3002, 32.2002), 10).grid[:2, :2])
    counts = PixelCounts()
    counts.add(tile, made, None)
    assert counts.pixels == {0: 0, 1: 0, 2: 1, 255: 1} | {label: 1}
    assert counts.known == 1


def test_a_tile_reports_what_share_of_it_is_done_and_is_the_same(
    monkeypatch: pytest.MonkeyPatch, toy_points: pd.DataFrame, toy_rows: pd.DataFrame
) -> None:
    days = np.datetime64("2020-06-01T10:00:00") + np.arange(5) * np.timedelta64(5, "D")
    bands = {"B4": [[800, 3000, 900]] * 5, "B8": [[4500, 3100, 700]] * 5}
    images = Images(
        days,
        {name: np.array(values, np.uint16) for name, values in bands.items()},
        np.full(3, 10.2),
        np.full(3, 20.2),
    )

    def of(_: object, __: object, report: Any) -> Images:
        report(0.5)
        return images

    work: Any = SimpleNamespace(
        fitted=learnt(toy_archive(toy_points, toy_rows), ("B4", "B8")),
        extent=SimpleNamespace(mask=lambda _: np.ones((1, 3), np.bool_)),
        imagery=SimpleNamespace(of=of, truth=lambda *_: None),
        reference_end=None,
    )
    tile: Any = SimpleNamespace(grid=None)
    whole = compute.map_tile(work, tile)
    monkeypatch.setattr(compute, "_PIXELS", 2)
    monkeypatch.setitem(compute._reading, "share", 0.4)
    shares: list[float] = []
    parts = compute.map_tile(work, tile, shares.append)
    assert shares == pytest.approx([0.2, 0.8, 1.0])  # half of the images, then two pixels of three
    for name, array in whole.items():
        np.testing.assert_array_equal(parts[name], array)


def test_what_is_done_of_tiles_counts_by_their_pixels() -> None:
    tiles = Extent.of_box((48.3, 32.2, 48.304, 32.2037), 10).tiles(16)
    shares = compute.TileShares(tiles)
    first = tiles[0]
    shares.note(first.name, 0.5)
    shares.note(first.name, 0.1)  # it is tried again
    n_pixels = sum(tile.grid.shape[0] * tile.grid.shape[1] for tile in tiles)
    assert shares.total == pytest.approx(0.5 * 16 * 16 / n_pixels)
