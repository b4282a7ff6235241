"""Where exports say that their rows are: it must agree with the points files.

IDs are all that joins rows and points. Coordinates of an export show where these join the wrong ones; they
are compared, and otherwise not used, since exports round them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations.pixels import pixels
from cropland.support import columns
from cropland.support.coordinates import distance_text, metres, tolerance
from cropland.support.words import count, some

if TYPE_CHECKING:
    from cropland.sources.exports.file import ExportRows

    Coordinates = tuple[NDArray[np.float64], NDArray[np.float64]]

COLUMNS = ("lat", "lon")
"""Names of the columns, in any case."""
_GEOMETRY = ".geo"
"""The column of geometries in Earth Engine's tables, as GeoJSON."""
_POINT = r'"coordinates"\s*:\s*\[\s*(?P<lon>[^,\[\]\s]+)\s*,\s*(?P<lat>[^,\[\]\s]+)'
_ELSEWHERE_METRES = 1000.0
_NAMED = 3


def coordinates(table: pd.DataFrame) -> Coordinates | None:
    """Return latitude and longitude of the rows of an export, None where it does not say so.

    Returns
    -------
    tuple of ndarray of float64, shape (row,)
        Degrees; NaN where there is no number.
    """
    by_name = {str(name).strip().lower(): name for name in reversed(table.columns)}
    if all(name in by_name for name in COLUMNS):
        return _numbers(table[by_name["lat"]]), _numbers(table[by_name["lon"]])
    if _GEOMETRY not in by_name:
        return None
    codes, different = pd.factorize(
        columns.as_text(table[by_name[_GEOMETRY]]), use_na_sentinel=False
    )
    places = pd.Series(different, dtype="str").str.extract(_POINT)
    lat, lon = _numbers(places["lat"]), _numbers(places["lon"])
    # Tables without geometries have the column too.
    return None if np.isnan(lat).all() else (lat[codes], lon[codes])


def _numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    return pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def check(parts: Sequence[ExportRows], points: pd.DataFrame) -> list[str]:
    """Check that exports and points files agree on where points are.

    Parameters
    ----------
    parts : sequence of ExportRows
        Rows of the points, see `ExportRows.of_points`.
    points : DataFrame
        The points, as `cropland.observations.points` returns them.

    Returns
    -------
    list of str
        What a user must know: places that are 30 m to 1 km apart.

    Raises
    ------
    DataError
        Rows of one ID are at two places, or places are more than 1 km from those of the points files.
    """
    return [note for part in parts for note in _notes_of_file(part, points)]


def _notes_of_file(part: ExportRows, points: pd.DataFrame) -> Iterator[str]:
    if part.coordinates is None:
        return
    file, point = part.export.path, part.table["point"].to_numpy()
    lacking = np.isnan(part.coordinates[0] + part.coordinates[1])
    if n_lacking := np.count_nonzero(lacking):
        yield (
            f"{file.name}: Lat and Lon of {n_lacking:,} rows are no decimal degrees, and not compared with "
            f"the points files"
        )
    rows = _changes(point, *part.coordinates)
    rows = rows[~lacking[rows]]
    point, lat, lon = point[rows], part.coordinates[0][rows], part.coordinates[1][rows]
    first_row = np.full(len(points), -1)
    first_row[point[::-1]] = np.arange(len(point))[::-1]  # the first one is written last
    observed = np.flatnonzero(first_row >= 0)
    if not len(observed):
        return
    first, place = first_row[observed], first_row[point]
    near = tolerance(lat[first], lon[first])
    _check_single(points["ID"].to_numpy()[point], lat, lon, place, near, file)
    known = points.iloc[observed]
    different = _check_expected(known, lat[first], lon[first], near, file)
    if n_off := np.count_nonzero(different > near):
        worst = int(np.argmax(different))
        yield (
            f"{file.name} has other places than the points files for {n_off:,} of "
            f"{count(len(known), 'point')}, up to {distance_text(different[worst])} apart, such as "
            f"{known['ID'].iloc[worst]}"
        )


def _changes(*arrays: NDArray[Any]) -> NDArray[np.intp]:
    """Return in which rows any of several columns has another value than in the row before."""
    changed = np.zeros(len(arrays[0]), np.bool_)
    changed[:1] = True
    for values in arrays:
        changed[1:] |= values[1:] != values[:-1]
    return np.flatnonzero(changed)


def _check_single(
    ids: NDArray[np.object_],
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    place: NDArray[np.intp],
    near: float,
    file: Path,
) -> None:
    """Check that all rows of a point are near the one, its first, that `place` names."""
    other = np.flatnonzero((lat != lat[place]) | (lon != lon[place]))
    distance = metres(lat[other], lon[other], lat[place[other]], lon[place[other]])
    other, distance = other[distance > near], distance[distance > near]
    if len(other):
        row, first = other[0], place[other[0]]
        raise DataError(
            f"{file} has rows of two places for {count(len(set(ids[other])), 'ID')}: {ids[row]} is at "
            f"{_place(lat[first], lon[first])} and at {_place(lat[row], lon[row])}, "
            f"{distance_text(distance[0])} apart; give each place an ID of its own"
        )


def _check_expected(
    points: pd.DataFrame,
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    near: float,
    file: Path,
) -> NDArray[np.float64]:
    """Check that points are where the points files have them; return distances in metres."""
    lats, lons = points["Lat"].to_numpy(), points["Lon"].to_numpy()
    distance = metres(lat, lon, lats, lons)
    if n_far := np.count_nonzero(distance > max(near, _ELSEWHERE_METRES)):
        at = int(np.argmax(distance))
        raise DataError(
            f"{file} has other places than the points files for {n_far:,} of "
            f"{count(len(points), 'point')}: {points['ID'].iloc[at]} is at {_place(lat[at], lon[at])} there "
            f"and at {_place(lats[at], lons[at])} in the points file, {distance_text(distance[at])} apart; "
            f"are IDs numbered anew, or the coordinates of one of the two wrong? correct them, or leave Lat "
            f"and Lon out of the export if the points file is right"
        )
    return distance


def _place(lat: float, lon: float) -> str:
    return f"Lat {lat:.6g}, Lon {lon:.6g}"


def copies(table: pd.DataFrame, measured: Sequence[str], points: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence on points at different places whose observations are all equal.

    Parameters
    ----------
    table : DataFrame
        Rows of exports, sorted by ``point`` and ``time``.
    measured : sequence of str
        Names of its bands, indices and ``SCL``.
    points : DataFrame
        The points, to whose rows ``point`` points.
    """
    if not measured:
        return
    point = table["point"].to_numpy()
    begins = _changes(point)
    # Copies begin with the same row: the series of few points are compared as a whole.
    alike = table.iloc[begins].duplicated(["time", *measured], keep=False).to_numpy()
    if not alike.any():
        return
    rows = table[np.isin(point, point[begins[alike]])]
    series = pd.DataFrame(
        {
            "point": rows["point"].to_numpy(),
            "hash": pd.util.hash_pandas_object(rows[["time", *measured]], index=False).to_numpy(),
            "rows": 1,
        }
    )
    series = series.groupby("point", as_index=False).sum()
    of_points = points.iloc[series["point"]]
    series["pixel"] = pixels(of_points["Lat"].to_numpy(), of_points["Lon"].to_numpy())
    n_pixels = series.groupby(["hash", "rows"])["pixel"].transform("nunique").to_numpy()
    same = of_points[n_pixels > 1]
    if len(same):
        effect = "; copies raise a score" if (same["Target"] >= 0).any() else ""
        yield (
            f"{len(same):,} points have the same observations as another point at another place: "
            f"{some(same['ID'], _NAMED)}{effect}"
        )
