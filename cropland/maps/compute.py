"""Tiles computed on a Dask cluster, each tried again where it fails."""

from __future__ import annotations

import math
import time
import traceback
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.errors import CroplandError, one_line
from cropland.maps.layers import NO_DATA, TOO_FEW
from cropland.models.fitted import PIXELS_AT_ONCE
from cropland.models.prediction import Prediction
from cropland.support.streams import without_controls
from cropland.support.warning_filter import without_noise

if TYPE_CHECKING:
    from distributed import Client, Future

    from cropland.features.pixel_series import Images
    from cropland.maps.extent import Extent, Tile
    from cropland.maps.imagery import Imagery
    from cropland.models.fitted import Fitted

_REPORT_SECONDS = 0.5
"""How often a worker reports how far a tile is."""
_reading = {"share": 0.7}
"""The share of a tile's time that reading its images took, of the last one that this process has mapped."""
_HOPELESS = 10
"""Tiles that failed for good before any was finished: the rest is not tried."""
_PIXELS = 4 * PIXELS_AT_ONCE
"""Pixels that are predicted between two reports."""
Arrays = dict[str, "NDArray[Any]"]


@dataclass(frozen=True, eq=False)
class Work:
    """All that a worker needs to map any tile.

    Attributes
    ----------
    fitted : Fitted
        The model.
    imagery : Imagery
        Where images come from.
    extent : Extent
        What is mapped.
    reference_end : date, optional
        End of the season to map; the model's own, where it is left out.
    """

    fitted: Fitted
    imagery: Imagery
    extent: Extent
    reference_end: date | None


class TileShares:
    """What of some tiles is done, by their pixels."""

    def __init__(self, tiles: Sequence[Tile]) -> None:
        self._pixels = {tile.name: math.prod(tile.grid.shape) for tile in tiles}
        self._done = dict.fromkeys(self._pixels, 0.0)

    def note(self, name: str, share: float) -> None:
        """Note the share of a tile that is done; one that is tried again does not go back."""
        self._done[name] = max(self._done[name], share)

    @property
    def total(self) -> float:
        """The share of all of them, 0 to 1."""
        done = sum(pixels * self._done[name] for name, pixels in self._pixels.items())
        return done / sum(self._pixels.values())


@without_noise()
@without_controls()
def map_tile(
    work: Work,
    tile: Tile,
    report: Callable[[float], None] = lambda share: None,  # noqa: ARG005
) -> Arrays:
    """Compute the layers of a tile.

    Parameters
    ----------
    report : callable
        Called with the share of the work that is done, 0 to 1.

    Returns
    -------
    dict of str to ndarray of shape (row, column)
        ``class`` uint8, `TOO_FEW` or, without any observation, `NO_DATA` where it is not known;
        ``probability`` float32, NaN there;
        ``observations`` int32, -1 outside the outline; ``dissimilarity`` float32 where the model knows it.
        Of a simulated source also ``truth`` (2, 2), pixels by true and mapped class; of images with values
        that are no data, as no band can have them, ``n_fill_values``, how many. Of a model with prediction
        sets ``n_cannot_tell``, pixels of which neither class can be excluded.

    Raises
    ------
    DataError
        The images cannot be read.
    """
    inside = work.extent.mask(tile)
    began, usual = time.monotonic(), _reading["share"]
    images = work.imagery.of(tile.grid, inside, lambda share: report(usual * share))
    read = time.monotonic()
    arrays: Arrays = {
        "class": np.full(inside.shape, NO_DATA, np.uint8),
        "probability": np.full(inside.shape, np.nan, np.float32),
        "observations": np.where(inside, 0, -1).astype(np.int32),
    }
    if work.fitted.threshold is not None:
        arrays["dissimilarity"] = np.full(inside.shape, np.nan, np.float32)
    if work.fitted.sets is not None:
        arrays["n_cannot_tell"] = np.array(0)
    if images is None:
        return arrays
    predicted = _predicted(work, images, lambda share: report(usual + (1 - usual) * share))
    _reading["share"] = (read - began) / (time.monotonic() - began)
    probability = predicted.probability
    unknown = np.where(predicted.n_observations > 0, TOO_FEW, NO_DATA)
    label = np.where(np.isnan(probability), unknown, probability > 0.5).astype(np.uint8)
    arrays["class"][inside] = label
    arrays["probability"][inside] = probability
    arrays["observations"][inside] = predicted.n_observations
    if "dissimilarity" in arrays:
        arrays["dissimilarity"][inside] = predicted.dissimilarity
    if "n_cannot_tell" in arrays:
        arrays["n_cannot_tell"] = np.array(predicted.cannot_tell.sum())
    if images.n_fill_values:
        arrays["n_fill_values"] = np.array(images.n_fill_values)
    truth = work.imagery.truth(images.lon, images.lat)
    if truth is not None:
        known = label < TOO_FEW
        pairs = np.bincount(2 * truth[known] + label[known], minlength=4)
        arrays["truth"] = pairs.reshape(2, 2)
    return arrays


def _predicted(work: Work, images: Images, report: Callable[[float], None]) -> Prediction:
    """Predict pixels, some blocks of the model at a time, and report the share that is done."""
    n_pixels = len(images.lat)
    prediction = Prediction.empty(n_pixels)
    for start in range(0, n_pixels, _PIXELS):
        block = slice(start, min(start + _PIXELS, n_pixels))
        part = images.part(block)
        prediction.fill(block, work.fitted.predict_images(part, reference_end=work.reference_end))
        report(block.stop / n_pixels)
    return prediction


def _map_tile(work: Work, tile: Tile, topic: str) -> Arrays:
    """Compute the layers of a tile in a worker, which reports how far it is."""
    from distributed import get_worker

    worker, reported = get_worker(), time.monotonic()

    def report(share: float) -> None:
        nonlocal reported
        if time.monotonic() - reported > _REPORT_SECONDS:
            reported = time.monotonic()
            worker.log_event(topic, (tile.name, share))

    return map_tile(work, tile, report)


def map_tiles(
    client: Client,
    work: Work,
    tiles: Sequence[Tile],
    tries: int,
    report: Callable[[str, float], None] = lambda name, share: None,  # noqa: ARG005
) -> Iterator[tuple[Tile, Arrays | str]]:
    """Compute tiles on a cluster; yield each as it is finished, or why it has failed `tries` times.

    What has failed is sent again after all others, so that a service that was away has time to come back.

    Parameters
    ----------
    report : callable
        Called, in another thread, with the name of a tile and the share of it that is done.
    """
    from distributed import as_completed

    topic = f"tiles-{uuid.uuid4().hex}"
    client.subscribe_topic(topic, lambda event: report(*event[1]))
    # No more than there are threads: a tile that only waits is not lost with the worker of another.
    threads = max(1, sum(client.nthreads().values()))
    work = replace(work, imagery=replace(work.imagery, processes=threads))
    scattered = client.scatter(work, broadcast=True, hash=False)
    waiting = deque(tiles)
    attempts: Counter[str] = Counter()
    by_future: dict[Future[Arrays], Tile] = {}
    running = as_completed(loop=client.loop)
    finished = failed = 0

    def send() -> None:
        if waiting and not (failed >= _HOPELESS and not finished):
            tile = waiting.popleft()
            attempts[tile.name] += 1
            future = client.submit(_map_tile, scattered, tile, topic, pure=False)
            by_future[future] = tile
            running.add(future)

    for _ in range(threads):
        send()
    for future in running:
        tile, error = by_future.pop(future), _error(future)
        if future.cancelled():  # what all tiles need was on the worker that is gone
            scattered = client.scatter(work, broadcast=True, hash=False)
        if error is not None and attempts[tile.name] < tries:
            waiting.append(tile)
        elif error is not None:
            failed += 1
            yield tile, _reason(error)
        else:
            finished += 1
            yield tile, future.result()
        future.release()
        send()
    for tile in waiting:
        yield tile, "not tried, since none of the first tiles could be mapped"


def _error(future: Future[Arrays]) -> BaseException | None:
    if future.cancelled():
        return RuntimeError(
            "the worker was lost; too little memory for its tile? use a smaller chunk"
        )
    error: BaseException | None = future.exception()
    return error


def _reason(error: BaseException) -> str:
    """Return why a tile failed: the message of an error of ours, else where it happened too."""
    if isinstance(error, CroplandError):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)
    place = f" ({where[-1].name}, line {where[-1].lineno})" if where else ""
    return one_line(f"{type(error).__name__}: {error}{place}")
