"""Points of GeoJSON, GeoPackage and Parquet files: their attributes, and where they are in WGS 84."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.errors import ShapelyError

from cropland.errors import DataError
from cropland.support import reading
from cropland.support.coordinates import distance_text, metres, tolerance
from cropland.support.words import some
from cropland.untrusted import documents
from cropland.untrusted.geometries import point_of_wkb
from cropland.untrusted.projections import LINKED_CRS, check_crs

if TYPE_CHECKING:
    Geometries = NDArray[np.object_]

_WGS84 = "OGC:CRS84"
_MOST_BYTES = 1_000_000_000
_ENVELOPE_BYTES = (0, 32, 48, 48, 64)
"""Of a GeoPackage's geometry, by the code in its header."""
_KINDS_OF_POINTS = ("POINT", "MULTIPOINT", "GEOMETRY")
_MOST_CELLS = 200_000_000
_LONGEST_VALUE = 10_000_000
"""Bytes of a text or geometry in a GeoPackage."""
_COMPUTED = (2, 3)
"""What SQLite's `table_xinfo` calls columns that are generated, virtual or stored."""
_UNREADABLE = (ShapelyError, ProjError, sqlite3.Error, ValueError, OSError)
"""Errors of reading content that is not what its name says, whose words say why."""


def read(path: Path, remedy: str) -> pd.DataFrame:
    """Read the points of a file, or the rows of a Parquet file without geometries.

    Returns
    -------
    DataFrame
        A row a feature, numbered from 1: its attributes, and ``Lat`` and ``Lon`` in degrees (WGS 84) of its
        geometry; attributes of these names must say the same.

    Raises
    ------
    DataError
        The file is not what its name says, has geometries that are no points or nowhere, several layers of
        points, a CRS that is unknown, or attributes ``Lat`` and ``Lon`` of another place than its geometry.
    """
    reading.check_file(path, remedy)
    try:
        table, geometries, crs = READERS[path.suffix.lower()](path)
        table.index = pd.RangeIndex(1, len(table) + 1, name="feature")
        return table if geometries is None else _placed(table, geometries, crs, path)
    except (*_UNREADABLE, *reading.BUILT_OTHERWISE) as error:
        is_misplaced = isinstance(error, reading.BUILT_OTHERWISE)
        why = f"something is missing or misplaced in its {path.suffix}" if is_misplaced else error
        raise DataError(f"{path} cannot be read as points: {why}; {remedy}") from error


def _placed(table: pd.DataFrame, geometries: Geometries, crs: Any, path: Path) -> pd.DataFrame:
    """Return a table with the coordinates of its geometries."""
    kinds = shapely.get_type_id(geometries)
    points = np.where(kinds == 4, shapely.get_geometry(geometries, 0), geometries)
    single = (kinds == 0) | ((kinds == 4) & (shapely.get_num_geometries(geometries) == 1))
    bad = np.flatnonzero(~single | shapely.is_empty(points) | shapely.is_missing(geometries))
    if len(bad):
        geometry = geometries[bad[0]]
        kind = "no geometry" if geometry is None or geometry.is_empty else f"a {geometry.geom_type}"
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise DataError(
            f"{path} has {kind} in feature {bad[0] + 1}{more}; expected a point in each: take centroids first"
        )
    x, y = shapely.get_x(points), shapely.get_y(points)
    text = crs if isinstance(crs, str) else CRS.from_json_dict(crs).to_wkt()
    check_crs(text, str(path), "save it in longitude and latitude")
    given = CRS.from_user_input(crs)
    if not given.equals(CRS.from_user_input(_WGS84), ignore_axis_order=True):
        x, y = Transformer.from_crs(given, _WGS84, always_xy=True).transform(x, y)
    _check_attributes(table, x, y, path)
    others = table.drop(columns=[name for name in table if str(name).lower() in ("lat", "lon")])
    return others.assign(Lat=y, Lon=x)


def _check_attributes(
    table: pd.DataFrame, lon: NDArray[np.float64], lat: NDArray[np.float64], path: Path
) -> None:
    """Check that attributes of latitude and longitude, where there are some, say what geometries say."""
    names = {str(name).lower(): name for name in reversed(table.columns)}
    if "lat" not in names or "lon" not in names:
        return
    lats, lons = (
        pd.to_numeric(table[names[name]], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        for name in ("lat", "lon")
    )
    distance = metres(lats, lons, lat, lon)
    other = np.flatnonzero(distance > tolerance(lats, lons))
    if len(other):
        row = other[0]
        raise DataError(
            f"{path} has attributes Lat and Lon of another place than the geometry in {len(other):,} of "
            f"{len(table):,} features: feature {row + 1} has Lat {lats[row]:.6g}, Lon {lons[row]:.6g} and "
            f"its point is at Lat {lat[row]:.6g}, Lon {lon[row]:.6g}, {distance_text(distance[row])} apart; "
            f"correct one of the two, or leave the attributes out"
        )


def _geojson(path: Path) -> tuple[pd.DataFrame, Geometries | None, Any]:
    content = documents.plain_json(documents.read_bytes(path, _MOST_BYTES))
    if not isinstance(content, dict) or content.get("type") != "FeatureCollection":
        raise ValueError("it is no FeatureCollection of GeoJSON")
    features = content["features"]
    if not features:
        raise ValueError("it has no feature")
    rows = [
        ({"id": feature["id"]} if "id" in feature else {}) | (feature.get("properties") or {})
        for feature in features
    ]
    # The member `id` of a feature stands for an attribute that is not there in any case.
    named = [
        {key: row[key] for key in row if key != "id" or not _has_other_id(row)} for row in rows
    ]
    names = set().union(*named)
    if len(names) * len(named) > _MOST_CELLS:
        raise ValueError(f"it has {len(names):,} attributes of {len(named):,} features: keep fewer")
    texts = [json.dumps(feature.get("geometry")) for feature in features]
    geometries = [None if text == "null" else shapely.from_geojson(text) for text in texts]
    system = content.get("crs") or {}
    if system.get("type") == "link":
        raise ValueError(LINKED_CRS)
    crs = (system.get("properties") or {}).get("name", _WGS84)
    return pd.DataFrame(named, dtype=object), np.array(geometries, dtype=object), crs


def _has_other_id(row: dict[str, Any]) -> bool:
    return any(name != "id" and name.lower() == "id" for name in row)


def _geopackage(path: Path) -> tuple[pd.DataFrame, Geometries | None, Any]:
    """Read the one layer of points of a GeoPackage (OGC 12-128r19)."""
    if path.with_name(f"{path.name}-wal").exists():
        raise ValueError("another program has not written all of it yet: close it there")
    address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as database:
        database.set_authorizer(_allowed)
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        _check_kept(database, "gpkg_geometry_columns")
        _check_kept(database, "gpkg_spatial_ref_sys")
        layers = _select(
            database,
            "SELECT table_name, column_name, geometry_type_name, srs_id FROM gpkg_geometry_columns",
        ).fetchall()
        points = [layer for layer in layers if layer[2].upper() in _KINDS_OF_POINTS]
        if len(points) != 1:
            names = some(f"{layer[0]} ({layer[2].lower()})" for layer in layers) or "none"
            raise ValueError(f"expected one layer of points, it has {names}: keep one")
        name, column, _, srs = points[0]
        _check_kept(database, name)
        crs = _select(
            database,
            "SELECT organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys "
            "WHERE srs_id = ?",
            srs,
        ).fetchone()
        cursor = _select(database, f"SELECT * FROM {_quoted(name)}")
        columns = [description[0] for description in cursor.description]
        table = pd.DataFrame(cursor.fetchall(), columns=columns, dtype=object)
    reading.check_columns(columns, path)
    geometries = np.array([_of_blob(blob) for blob in table.pop(column)], dtype=object)
    if crs is None:
        raise ValueError("it does not say its CRS: write it with one")
    known = str(crs[0]).upper() in ("EPSG", "ESRI", "OGC")
    return table, geometries, f"{crs[0]}:{crs[1]}" if known else crs[2]


def _check_kept(database: sqlite3.Connection, name: str) -> None:
    """Check that a table computes none of its columns when it is read."""
    columns = database.execute(f"PRAGMA table_xinfo({_quoted(name)})").fetchall()
    if computed := [column[1] for column in columns if column[6] in _COMPUTED]:
        raise ValueError(f"its column {some(computed)} is computed: save the layer without it")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _select(database: sqlite3.Connection, query: str, *values: object) -> sqlite3.Cursor:
    try:
        return database.execute(query, values)
    except sqlite3.DatabaseError as error:
        if "prohibited" in str(error) or "authorized" in str(error):
            raise ValueError("its layer is a view, which computes: save it as a table") from error
        raise


def _allowed(action: int, name: str | None, _: str | None, __: str | None, view: str | None) -> int:
    """Return whether a query may do something: read tables; no view, no function, no other file."""
    reads = action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ) and view is None
    reads |= action == sqlite3.SQLITE_PRAGMA and name == "table_xinfo"
    return sqlite3.SQLITE_OK if reads else sqlite3.SQLITE_DENY


def _of_blob(blob: bytes | None) -> Any:
    """Return the geometry of a GeoPackage's binary: a header of 8 bytes, an envelope, then WKB."""
    if blob is None:
        return None
    if blob[:2] != b"GP":
        raise ValueError("a geometry of it is none of a GeoPackage")
    return point_of_wkb(blob[8 + _ENVELOPE_BYTES[blob[3] >> 1 & 7] :])


def _parquet(path: Path) -> tuple[pd.DataFrame, Geometries | None, Any]:
    """Read Parquet; with geometries by GeoParquet 1.1, as WKB or as pairs of coordinates."""
    import pyarrow.parquet as pq

    table = reading.read_parquet(path, "save it as GeoParquet")
    table = table.reset_index(drop=table.index.name is None)
    described = (pq.read_schema(path).metadata or {}).get(b"geo")
    if described is None:
        return table, None, None
    geo = documents.plain_json(described)
    column = geo["primary_column"]
    facts = geo["columns"][column]
    values = table.pop(column).to_numpy()
    crs = facts.get("crs", _WGS84)
    if crs is None:
        raise ValueError("it does not say its CRS: write it with one")
    geometries = [_of_parquet(value, facts["encoding"]) for value in values]
    return table, np.array(geometries, dtype=object), crs


def _of_parquet(value: Any, encoding: str) -> Any:
    if value is None:
        return None
    if encoding == "WKB":
        return point_of_wkb(value)
    if encoding == "point":
        return shapely.Point(value["x"], value["y"])
    raise ValueError(f"its geometries are encoded as {encoding!r}, expected WKB or point")


READERS: dict[str, Callable[[Path], tuple[pd.DataFrame, Geometries | None, Any]]] = {
    ".geojson": _geojson,
    ".json": _geojson,
    ".gpkg": _geopackage,
    ".parquet": _parquet,
    ".geoparquet": _parquet,
}
"""How a file is read, by its suffix: its table, its geometries, and their CRS."""


def text_of(column: Iterable[Any]) -> list[str]:
    """Write attributes as text, empty where there is none; whole numbers without decimals.

    >>> text_of(["007", 7, 7.0, None, float("nan"), True])
    ['007', '7', '7', '', '', 'True']
    """
    return [_text(value) for value in column]


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
