"""Next points: the pixels of a map whose labels would help its model most.

A map keeps no features, but the model's predictions of each pixel. Of many pixels that are drawn at random,
the entropy of the class shows where labels are most uncertain (uncertainty sampling, Lewis & Gale 1994,
doi:10.1007/978-1-4471-2099-5_1), and the dissimilarity to the training points where the model predicts land
that was not in training (Meyer & Pebesma 2021, doi:10.1111/2041-210X.13650); each is turned into a rank, so
that neither hides the other, and the higher one counts. Candidates nearer to one that comes before them than
the least distance are excluded. `select_diverse` then takes, of the first of them, those that differ in
position and in the values of the layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.maps.assessment import sample as mapsample
from cropland.maps.layers import (
    APPLICABILITY,
    CLASSES,
    DISSIMILARITY,
    OBSERVATIONS,
    PROBABILITY,
    UNCERTAINTY,
)
from cropland.sources import grid as grids
from cropland.support import reading

if TYPE_CHECKING:
    from cropland.maps.finished_map import FinishedMap

POINTS = "next_points.csv"
_POOL = 10
"""Candidates that are considered for each point."""


def choose(
    finished_map: FinishedMap, count: int, *, candidates: int, min_distance: int, seed: int
) -> str:
    """Choose pixels to label next, none of the sample in the map's folder: that one is for the assessment.

    Parameters
    ----------
    finished_map : FinishedMap
        The map.
    count : int
        How many.
    candidates : int
        Pixels drawn at random to choose from; all where the map has no more.
    min_distance : int
        Metres between any two points, at least.
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
    strata = mapsample.count_strata(finished_map, [tuple(CLASSES.values())])
    number = min(candidates, int(strata.totals[0]))
    rows, columns, _ = mapsample.draw_pixels(finished_map, strata, [number], seed)
    sampled, sample = _sampled(finished_map, rows, columns)
    rows, columns = rows[~sampled], columns[~sampled]
    priority, x = _rate(finished_map, rows, columns)
    side = abs(float(finished_map.grid.resolution.x))
    place = np.asarray(side * np.stack([columns, rows], axis=1), np.float64)
    apart = _apart(place, priority, min_distance, _POOL * count)
    if len(apart) < count:
        raise DataError(
            f"expected {count} pixels that are {min_distance} m apart among {len(rows)} of "
            f"{finished_map.path}, got {len(apart)}; ask for fewer, for more candidates, or for a smaller "
            f"min_distance"
        )
    x = np.concatenate([x, place], axis=1)
    best = apart[select_diverse(priority[apart], _scaled(x)[apart], count, seed=seed)]
    lon, lat = grids.lonlat(finished_map.grid, rows[best] + 0.5, columns[best] + 0.5)
    mark = mapsample.mark_of(
        "N", finished_map.facts.key, seed, count, candidates, min_distance, sample
    )
    digits = len(str(count))
    lines = [
        f"{mark}-{n:0{digits}d},{y:.7f},{x:.7f}"
        for n, (x, y) in enumerate(zip(lon, lat, strict=True), start=1)
    ]
    return "\n".join(["ID,Lat,Lon", *lines]) + "\n"


def select_diverse(
    uncertainty: NDArray[np.float64],
    x: NDArray[np.float32],
    count: int,
    *,
    seed: int,
    pool: int = _POOL,
) -> NDArray[np.int64]:
    """Select samples to label next, uncertain ones that are not alike.

    After Zhdanov 2019, Diverse mini-batch active learning, arXiv:1901.05954: the most uncertain samples
    are clustered by k-means with their uncertainty as weight, one cluster a sample wanted. Of each cluster
    the most uncertain sample is taken, not the one nearest to its centre: a label helps there most.

    Parameters
    ----------
    uncertainty : ndarray of float, shape (sample,)
        Such as ``1 - abs(2 * probability - 1)``; 0 is certain.
    x : ndarray of float32, shape (sample, feature)
        Where distance means unlikeness.
    count : int
        How many to choose, of no fewer samples.
    seed : int
        Decides where the clustering begins.
    pool : int
        How many of the most uncertain samples are considered for each point.

    Returns
    -------
    ndarray of int, shape (count,)
        Their positions, the most uncertain first, of equals the first. Certain ones are among them only
        where there are too few others.
    """
    from sklearn.cluster import KMeans

    order: NDArray[np.int64] = np.argsort(-uncertainty, kind="stable")
    uncertain = int(np.count_nonzero(uncertainty))
    shortlist: NDArray[np.int64] = order[: max(count, min(pool * count, uncertain))]
    if len(shortlist) == count:
        return shortlist
    features, weight = x[shortlist], uncertainty[shortlist]
    means = KMeans(min(count, len(np.unique(features, axis=0))), random_state=seed)
    labels = means.fit_predict(features, sample_weight=weight)
    first = np.unique(labels, return_index=True)[1]
    # Where many samples are the same there are fewer clusters than samples wanted.
    rest = np.delete(np.arange(len(shortlist)), first)[: count - len(first)]
    return np.asarray(shortlist[np.sort(np.concatenate([first, rest]))])


def _sampled(
    finished_map: FinishedMap, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], str | None]:
    """Return which pixels are units of the sample in the map's folder, and the mark of that sample."""
    path = finished_map.path / mapsample.DESIGN
    if not reading.is_file(path):
        return np.zeros(len(rows), np.bool_), None
    design = mapsample.read(path)
    row, column, inside = grids.pixels(finished_map.grid, design.lon, design.lat)
    units = np.ravel_multi_index((row[inside], column[inside]), finished_map.grid.shape)
    places = np.ravel_multi_index((rows, columns), finished_map.grid.shape)
    return np.isin(places, units), design.mark


def _rate(
    finished_map: FinishedMap, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the priority of pixels, (pixel,), and the values of layers there, (pixel, layer)."""

    def read(name: str) -> NDArray[np.float64]:
        return finished_map.values(name, rows, columns).astype(np.float64)

    priority = _rank(read(UNCERTAINTY.name))
    values = [read(PROBABILITY.name), np.log1p(read(OBSERVATIONS.name))]
    if finished_map.facts.outside_applicability is not None:
        dissimilarity = read(DISSIMILARITY.name)
        outside = read(APPLICABILITY.name) == 0
        priority = np.maximum(priority, outside * _rank(dissimilarity))
        values.append(dissimilarity)
    return priority, np.stack(values, axis=1)


def _rank(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the share of values that are not larger, between 0 and 1; 0 stays 0."""
    share = np.searchsorted(np.sort(values), values, side="right") / len(values)
    return np.asarray(np.where(values > 0, share, 0.0))


def _apart(
    place: NDArray[np.float64], priority: NDArray[np.float64], min_distance: int, most: int
) -> NDArray[np.int64]:
    """Select pixels in the order of their priority, each so far from all before it, at most so many."""
    from scipy.spatial import cKDTree

    tree = cKDTree(place)
    free = np.ones(len(place), np.bool_)
    selected: list[int] = []
    for at in np.argsort(-priority, kind="stable"):
        if free[at]:
            selected.append(int(at))
            # Those at exactly the least distance are far enough.
            near = np.nextafter(min_distance, 0) if min_distance else 0
            free[tree.query_ball_point(place[at], near)] = False
        if len(selected) == most:
            break
    return np.array(selected)


def _scaled(x: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scale every column to the same spread; a constant one becomes 0."""
    spread = x.std(axis=0)
    return np.asarray((x - x.mean(axis=0)) / np.where(spread > 0, spread, 1), np.float32)
