"""What to label next, to teach a model most: pixels of its map that it is unsure of, or does not know.

A map keeps no features, but what the model said of each pixel. Of many pixels that are drawn at random, the
entropy of the class says where labels are most uncertain (uncertainty sampling, Lewis & Gale 1994,
doi:10.1007/978-1-4471-2099-5_1), and the dissimilarity to the training points where the model speaks of
land that it was not shown (Meyer & Pebesma 2021, doi:10.1111/2041-210X.13650); each is turned into a rank,
so that neither hides the other, and the higher one counts. Candidates nearer to one that comes before them
than the least distance are passed over. `next_points.chosen` then takes, of the first of them,
those that differ in where they are and in what the layers say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.maps.assessment import next_points
from cropland.maps.assessment import sample as mapsample
from cropland.maps.finished_map import CLASSES
from cropland.maps.layers import (
    APPLICABILITY,
    DISSIMILARITY,
    OBSERVATIONS,
    PROBABILITY,
    UNCERTAINTY,
)
from cropland.support import reading

if TYPE_CHECKING:
    from cropland.maps.finished_map import MapFolder

POINTS = "next_points.csv"
_POOL = 10
"""Candidates that are looked at for each that is chosen."""


def chosen(made: MapFolder, count: int, *, candidates: int, min_distance: int, seed: int) -> str:
    """Choose pixels to label next, none of the sample in the map's folder: that one assesses.

    Parameters
    ----------
    made : MapFolder
        The map.
    count : int
        How many.
    candidates : int
        Pixels drawn at random to choose from; all where the map has no more.
    min_distance : int
        Metres between any two that are chosen, at least.
    seed : int
        Decides the candidates, and where the clustering begins.

    Returns
    -------
    str
        A points file, ``ID,Lat,Lon``, the most worthwhile first.

    Raises
    ------
    DataError
        A layer that is missing, a sample's design that is none, or too few pixels so far apart.
    """
    strata = mapsample.counted(made, [tuple(CLASSES.values())])
    number = min(candidates, int(strata.totals[0]))
    rows, columns, _ = mapsample.drawn(made, strata, [number], seed)
    sampled, sample = _sampled(made, rows, columns)
    rows, columns = rows[~sampled], columns[~sampled]
    priority, x = _seen(made, rows, columns)
    side = abs(float(made.grid.resolution.x))
    place = np.asarray(side * np.stack([columns, rows], axis=1), np.float64)
    apart = _apart(place, priority, min_distance, _POOL * count)
    if len(apart) < count:
        raise DataError(
            f"expected {count} pixels that are {min_distance} m apart among {len(rows)} of {made.path}, got "
            f"{len(apart)}; ask for fewer, for more candidates, or for a smaller min_distance"
        )
    x = np.concatenate([x, place], axis=1)
    best = apart[
        next_points.chosen(priority[apart], _scaled(x)[apart], count, seed=seed, pool=_POOL)
    ]
    lon, lat = made.lonlat(rows[best] + 0.5, columns[best] + 0.5)
    mark = mapsample.mark_of("N", made.facts.key, seed, count, candidates, min_distance, sample)
    digits = len(str(count))
    lines = [
        f"{mark}-{n:0{digits}d},{y:.7f},{x:.7f}"
        for n, (x, y) in enumerate(zip(lon, lat, strict=True), start=1)
    ]
    return "\n".join(["ID,Lat,Lon", *lines]) + "\n"


def _sampled(
    made: MapFolder, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], str | None]:
    """Tell which pixels are units of the sample in the map's folder, and which sample that is."""
    path = made.path / mapsample.DESIGN
    if not reading.is_file(path):
        return np.zeros(len(rows), np.bool_), None
    design = mapsample.read(path)
    row, column, inside = made.pixels(design.lon, design.lat)
    units = np.ravel_multi_index((row[inside], column[inside]), made.grid.shape)
    places = np.ravel_multi_index((rows, columns), made.grid.shape)
    return np.isin(places, units), design.mark


def _seen(
    made: MapFolder, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the priority of pixels, (pixel,), and what layers say of them, (pixel, layer)."""

    def read(name: str) -> NDArray[np.float64]:
        return made.values(name, rows, columns).astype(np.float64)

    priority = _rank(read(UNCERTAINTY.name))
    said = [read(PROBABILITY.name), np.log1p(read(OBSERVATIONS.name))]
    if made.facts.outside_applicability is not None:
        unlike = read(DISSIMILARITY.name)
        outside = read(APPLICABILITY.name) == 0
        priority = np.maximum(priority, outside * _rank(unlike))
        said.append(unlike)
    return priority, np.stack(said, axis=1)


def _rank(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the share of values that are not larger, between 0 and 1; 0 stays 0."""
    share = np.searchsorted(np.sort(values), values, side="right") / len(values)
    return np.asarray(np.where(values > 0, share, 0.0))


def _apart(
    place: NDArray[np.float64], priority: NDArray[np.float64], min_distance: int, most: int
) -> NDArray[np.int64]:
    """Take pixels in the order of their priority, each so far from all before it, until there are `most`."""
    from scipy.spatial import cKDTree

    tree = cKDTree(place)
    free = np.ones(len(place), np.bool_)
    taken: list[int] = []
    for at in np.argsort(-priority, kind="stable"):
        if free[at]:
            taken.append(int(at))
            # Those at exactly the least distance are far enough.
            near = np.nextafter(min_distance, 0) if min_distance else 0
            free[tree.query_ball_point(place[at], near)] = False
        if len(taken) == most:
            break
    return np.array(taken)


def _scaled(x: NDArray[np.float64]) -> NDArray[np.float32]:
    """Bring every column to the same spread; one that is the same everywhere says nothing."""
    spread = x.std(axis=0)
    return np.asarray((x - x.mean(axis=0)) / np.where(spread > 0, spread, 1), np.float32)
