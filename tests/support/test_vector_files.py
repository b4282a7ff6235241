"""Points of GeoJSON, GeoPackage and GeoParquet, written here by the letter of their standards."""

from __future__ import annotations

import json
import sqlite3
import struct
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import CRS, Transformer

from cropland.errors import DataError
from cropland.observations import points
from cropland.support import vector_files

UTM = 32639
ROWS = [("a", 32.25, 48.5, 1), ("007", -1.5, 51.25, 0)]
EXPECTED = {
    "ID": ["a", "007"],
    "Lat": [32.25, -1.5],
    "Lon": [48.5, 51.25],
    "Target": [1, 0],
}


def xy(epsg: int) -> list[tuple[float, float]]:
    to = Transformer.from_crs(4326, epsg, always_xy=True)
    return [(lon, lat) if epsg == 4326 else to.transform(lon, lat) for _, lat, lon, _ in ROWS]


def geojson(path: Path, epsg: int = 4326, names: tuple[str, str] = ("ID", "Target")) -> Path:
    content: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {names[0]: row[0], names[1]: row[3], "note": None},
                "geometry": {"type": "Point", "coordinates": [*place, 12.0]},
            }
            for row, place in zip(ROWS, xy(epsg), strict=True)
        ],
    }
    if epsg != 4326:
        name = {"name": f"urn:ogc:def:crs:EPSG::{epsg}"}
        content["crs"] = {"type": "name", "properties": name}
    path.write_text(json.dumps(content))
    return path


def geopackage(path: Path, epsg: int = 4326, kind: str = "POINT") -> Path:
    """Write a GeoPackage: one point with an envelope before its WKB, one without."""
    envelopes = [(0b0000_0011, struct.pack("<4d", 0, 1, 2, 3)), (0b0000_0001, b"")]
    with sqlite3.connect(path) as database:
        database.executescript(
            "CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT, srs_id INTEGER, organization TEXT, "
            "organization_coordsys_id INTEGER, definition TEXT);"
            "CREATE TABLE gpkg_geometry_columns (table_name TEXT, column_name TEXT, "
            "geometry_type_name TEXT, srs_id INTEGER, z TINYINT, m TINYINT);"
            'CREATE TABLE "my points" (fid INTEGER PRIMARY KEY, geom BLOB, id TEXT, target INTEGER)'
        )
        database.execute(
            "INSERT INTO gpkg_spatial_ref_sys VALUES ('x', ?, 'EPSG', ?, '')", (epsg, epsg)
        )
        database.execute(
            "INSERT INTO gpkg_geometry_columns VALUES ('my points', 'geom', ?, ?, 0, 0)",
            (kind, epsg),
        )
        for row, place, (flags, envelope) in zip(ROWS, xy(epsg), envelopes, strict=True):
            header = b"GP\0" + bytes([flags]) + struct.pack("<i", epsg) + envelope
            blob = header + shapely.to_wkb(shapely.Point(place))
            database.execute(
                'INSERT INTO "my points" (geom, id, target) VALUES (?, ?, ?)',
                (blob, row[0], row[3]),
            )
    database.close()
    return path


def geoparquet(path: Path, epsg: int = 4326, encoding: str = "WKB") -> Path:
    places = [shapely.Point(place) for place in xy(epsg)]
    geometry: list[Any] = [shapely.to_wkb(place) for place in places]
    if encoding == "point":
        geometry = [{"x": place.x, "y": place.y} for place in places]
    table = pa.table(
        {"ID": [row[0] for row in ROWS], "Target": [row[3] for row in ROWS], "where": geometry}
    )
    column: dict[str, Any] = {"encoding": encoding, "geometry_types": ["Point"]}
    if epsg != 4326:
        column["crs"] = CRS.from_epsg(epsg).to_json_dict()
    geo = {"version": "1.1.0", "primary_column": "where", "columns": {"where": column}}
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    return path


@pytest.mark.parametrize("epsg", [4326, UTM])
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("p.geojson", geojson),
        ("p.json", geojson),
        ("p.gpkg", geopackage),
        ("p.parquet", geoparquet),
    ],
)
def test_points_of_every_format_are_those_of_csv(
    tmp_path: Path, name: str, write: Any, epsg: int
) -> None:
    table = points.read(write(tmp_path / name, epsg), labelled=True)
    assert table[["ID", "Target"]].to_dict("list") == {
        "ID": EXPECTED["ID"],
        "Target": EXPECTED["Target"],
    }
    # To the last digit where nothing is transformed, else to a tenth of a millimetre.
    tolerance = 0 if epsg == 4326 else 1e-9
    for axis in ("Lat", "Lon"):
        assert table[axis].tolist() == pytest.approx(EXPECTED[axis], abs=tolerance, rel=0)
    assert (points.read(tmp_path / name, labelled=False)["Target"] == -1).all()


def test_a_geopackage_may_bear_any_name_and_must_be_written_to_the_end(tmp_path: Path) -> None:
    path = geopackage(tmp_path / "my #1 (größte?) points.gpkg")
    assert points.read(path, labelled=True).to_dict("list") == EXPECTED
    path.with_name(f"{path.name}-wal").write_bytes(b"")
    with pytest.raises(DataError, match="another program has not written all of it yet"):
        points.read(path, labelled=True)


def test_pairs_of_coordinates_in_geoparquet_are_read(tmp_path: Path) -> None:
    table = points.read(geoparquet(tmp_path / "p.parquet", encoding="point"), labelled=True)
    assert table.to_dict("list") == EXPECTED


def test_parquet_without_geometries_is_a_table(tmp_path: Path) -> None:
    frame = pd.DataFrame(EXPECTED | {"ID": [7, 8]}).rename(columns={"Lat": "lat"}).set_index("ID")
    frame.to_parquet(tmp_path / "p.parquet")
    table = points.read(tmp_path / "p.parquet", labelled=True)
    assert table.to_dict("list") == EXPECTED | {"ID": ["7", "8"]}


def test_names_in_another_case_are_taken_and_two_of_a_name_refused(tmp_path: Path) -> None:
    path = geojson(tmp_path / "p.geojson", names=("Id", "TARGET"))
    assert points.read(path, labelled=True).to_dict("list") == EXPECTED
    (tmp_path / "p.csv").write_text("id,LAT,lon,Id\na,1,2,b\n")
    with pytest.raises(DataError, match="has ID twice, as id and as Id; keep one"):
        points.read(tmp_path / "p.csv", labelled=False)


def test_the_id_of_a_feature_stands_for_an_attribute_that_is_not_there(tmp_path: Path) -> None:
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [48.5, 32.25]}}
    features = [feature | {"id": 12, "properties": {"target": 1}}]
    path = tmp_path / "p.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert points.read(path, labelled=True)["ID"].tolist() == ["12"]
    features[0]["properties"] = {"target": 1, "Id": "own"}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert points.read(path, labelled=True)["ID"].tolist() == ["own"]


def wrong(path: Path, geometry: object) -> Path:
    feature = {"type": "Feature", "properties": {"ID": "a", "Target": 1}, "geometry": geometry}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        (None, "no geometry in feature 1"),
        ({"type": "Point", "coordinates": []}, "no geometry in feature 1"),
        (
            {"type": "LineString", "coordinates": [[0, 0], [1, 1]]},
            "a LineString in feature 1; expected a point in each: take centroids first",
        ),
        ({"type": "MultiPoint", "coordinates": [[0, 0], [1, 1]]}, "a MultiPoint in feature 1"),
        (
            {"type": "Point", "coordinates": [500, 0]},
            "a Lon outside -180…180: '500' in feature 1",
        ),
    ],
)
def test_what_is_no_point_is_named_by_its_feature(
    tmp_path: Path, geometry: object, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        points.read(wrong(tmp_path / "p.geojson", geometry), labelled=True)


def test_what_is_not_what_its_name_says_is_one_line(tmp_path: Path) -> None:
    for suffix in vector_files.READERS:
        path = tmp_path / f"points{suffix}"
        path.write_text("ID,Lat,Lon,Target\na,1,2,1\n")
        with pytest.raises(DataError, match="cannot be read as (points|Parquet): "):
            points.read(path, labelled=True)
    (tmp_path / "none.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(DataError, match="it has no feature"):
        points.read(tmp_path / "none.geojson", labelled=True)
    with pytest.raises(DataError, match="it has my points \\(polygon\\): keep one"):
        points.read(geopackage(tmp_path / "polygons.gpkg", kind="POLYGON"), labelled=True)
    for name in ("points.shp", "points.xlsx", "points.kml"):
        (tmp_path / name).write_bytes(b"\0\1")
        with pytest.raises(DataError, match="save it as CSV, GeoJSON, GeoPackage or Parquet"):
            points.read(tmp_path / name, labelled=True)


@pytest.mark.parametrize(
    "rest", ["", ', "features": [1]', ', "features": [{}], "crs": "EPSG:4326"']
)
def test_a_geojson_that_is_built_otherwise_is_answered_in_words(tmp_path: Path, rest: str) -> None:
    path = tmp_path / "points.geojson"
    path.write_text(f'{{"type": "FeatureCollection"{rest}}}')
    with pytest.raises(
        DataError, match="something is missing or misplaced in its .geojson; export"
    ):
        vector_files.read(path, "export it again")


@pytest.mark.parametrize(("lat", "error"), [(32.35, True), (32.2501, False), (None, False)])
def test_attributes_of_another_place_than_the_geometry_are_refused(
    tmp_path: Path, lat: float | None, error: bool
) -> None:
    path = geojson(tmp_path / "places.geojson")
    content = json.loads(path.read_text())
    content["features"][0]["properties"] |= {"LAT": lat, "lon": 48.50001}
    path.write_text(json.dumps(content))
    if error:
        expected = (
            "in 1 of 2 features: feature 1 has Lat 32.35, Lon 48.5 and its point is at Lat 32.25"
        )
        with pytest.raises(DataError, match=rf"{expected}, Lon 48.5, 11.1 km apart"):
            vector_files.read(path, "")
    else:
        assert vector_files.read(path, "")["Lat"].tolist() == EXPECTED["Lat"]
