"""Points, areas and maps that somebody sent: GeoJSON, GeoPackage, Parquet, JSON and CSV built to do harm."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hostile.claims import BRIEFLY, answered, damaged, refused
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from cropland.config.countries import Box, Country, Reference
from cropland.maps.facts import FACTS, MapFacts
from cropland.maps.outline import read_polygons
from cropland.maps.plan import plan_map
from cropland.observations import points
from cropland.support import reading

SQUARE = [[48.3, 32.2], [48.31, 32.2], [48.31, 32.21], [48.3, 32.2]]
DEEP = "[" * 200_000
LONG = "9" * 5_000
NESTED = struct.pack("<BII", 1, 7, 1) * 200_000 + shapely.to_wkb(shapely.Point(1, 2))


def feature(kind: str, coordinates: Any, **others: Any) -> dict[str, Any]:
    """A feature of a point or an area, and what else it has."""
    geometry = {"type": kind, "coordinates": coordinates}
    properties = {"ID": "a", "Target": 1}
    return {"type": "Feature", "properties": properties, "geometry": geometry, **others}


def collection(*features: Any, **others: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features), **others}


POINT = json.dumps(collection(feature("Point", [48.3, 32.2])))
AREA = json.dumps(collection(feature("Polygon", [SQUARE])))


def of_points(path: Path) -> object:
    return points.read(path, labelled=True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[48.3, ", f"[{DEEP}, ", "nested deeper than 64 levels"),
        ("48.3, ", f"{LONG}, ", "a number of 5,000 digits"),
        ("48.3, ", "1e999, ", "too large"),
        ("48.3, ", "NaN, ", "it has NaN"),
        ('"type": "Feature"', '"type": "Feature", "type": "Feature"', "the key 'type' twice"),
        ('"type": "Feature"', r'"type": "Feature", "a": "\ud800"', "half a character"),
        ('"type": "Feature"', '"type": "Feature", "a": "\xe9"', "not UTF-8 text"),
    ],
)
@pytest.mark.parametrize(("read", "sent"), [(of_points, POINT), (read_polygons, AREA)])
def test_geojson_that_no_program_should_read_is_one_line(
    tmp_path: Path, read: Callable[[Path], object], sent: str, old: str, new: str, message: str
) -> None:
    path = tmp_path / "sent.geojson"
    path.write_bytes(sent.replace(old, new).encode("latin-1"))
    assert message in refused(lambda: read(path))


@pytest.mark.parametrize(
    "sent",
    [
        *([], "abc", 7, None, {"type": "FeatureCollection"}),
        *({"type": "FeatureCollection", "features": value} for value in ({}, "abc", 7, [7], [[]])),
        collection(feature("Point", "abc")),
        collection(feature("Polygon", "abc")),
        collection(feature("Polygon", [[["a", "b"]] * 4])),
        collection(feature("Polygon", {"a": 1})),
        collection(feature("Polygon", [[[10**299, 1]] * 4])),
        collection(feature("Point", [10**299, 1])),
        collection({"type": "Feature", "properties": [1], "geometry": {"type": "Point"}}),
        collection({"type": "Feature", "properties": None, "geometry": "Point"}),
        collection(feature("Point", [1, 2]), crs="abc"),
        collection(feature("Point", [1, 2]), crs={"properties": {"name": ["EPSG"]}}),
        collection(feature("Point", [1, 2]), crs={"properties": {"name": "+init=/tmp/x:1"}}),
        collection(feature("Point", [1, 2], properties={"ID": {"a": 1}, "Target": [1]})),
        collection(feature("Point", [1, 2], properties={"ID": 10**299, "Target": 10**299})),
        collection(feature("Point", [1, 2], properties={"ID": "a", "Lat": 10**299, "Lon": {}})),
    ],
    ids=lambda sent: json.dumps(sent)[:60],
)
def test_wrong_types_in_geojson_are_one_line(tmp_path: Path, sent: Any) -> None:
    path = tmp_path / "sent.geojson"
    path.write_text(json.dumps(sent))
    refused(lambda: of_points(path))
    refused(lambda: read_polygons(path))


def test_attributes_that_would_fill_the_memory_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "sent.geojson"
    features = [feature("Point", [1, 2], properties={f"a{n}": n}) for n in range(15_000)]
    path.write_text(json.dumps(collection(*features)))
    assert "15,000 attributes of 15,000 features" in refused(lambda: of_points(path))


VALUES = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.text(max_size=4)),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def altered(draw: st.DrawFn, sent: str) -> str:
    """A document of which one value is another."""
    content = json.loads(sent)
    places: list[tuple[Any, Any]] = []

    def visit(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], dict | list):
                visit(value[key])

    visit(content)
    whole, key = draw(st.sampled_from(places))
    whole[key] = draw(VALUES)
    return json.dumps(content)


@BRIEFLY
@given(sent=st.one_of(altered(POINT), altered(AREA), damaged(AREA.encode()).map(bytes)))
def test_whatever_stands_in_geojson(tmp_path: Path, sent: str | bytes) -> None:
    path = tmp_path / "sent.geojson"
    path.write_bytes(sent if isinstance(sent, bytes) else sent.encode())
    with answered():
        of_points(path)
    with answered():
        read_polygons(path)


def geopackage(path: Path, layer: str, geometry: object, columns: str, more: str = "") -> None:
    """Write a GeoPackage of one feature; its layer of points and its table of layers are made by SQL.

    `more` columns of the feature begin with a comma.
    """
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE columns (table_name, column_name, geometry_type_name, srs_id)"
        )
        database.execute("INSERT INTO columns VALUES ('places', 'geom', 'POINT', 4326)")
        database.execute(
            "CREATE TABLE gpkg_spatial_ref_sys (srs_id, organization, organization_coordsys_id, definition)"
        )
        database.execute("INSERT INTO gpkg_spatial_ref_sys VALUES (4326, 'EPSG', 4326, '')")
        database.execute(f"CREATE TABLE kept (geom, ID, Target{more})")
        database.execute("INSERT INTO kept (geom, ID, Target) VALUES (?, 'a', 1)", (geometry,))
        database.execute(layer)
        database.execute(columns)


TABLE = "ALTER TABLE kept RENAME TO places"
LAYERS = "ALTER TABLE columns RENAME TO gpkg_geometry_columns"
VIEW = "CREATE VIEW places AS SELECT geom, ID, Target FROM kept"
ENDLESS = (
    "CREATE VIEW places AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT geom, ID, Target FROM kept, n"
)
COMPUTED = (
    "CREATE VIEW gpkg_geometry_columns AS SELECT * FROM columns WHERE length(zeroblob(9)) > 1"
)
LONG_NAME = (
    "CREATE TABLE gpkg_geometry_columns AS SELECT CAST(zeroblob(11000000) AS TEXT) AS table_name, "
    "'geom' AS column_name, 'POINT' AS geometry_type_name, 4326 AS srs_id"
)
HEADER = b"GP\0\1" + struct.pack("<i", 4326)
GOOD = HEADER + shapely.to_wkb(shapely.Point(48.3, 32.2))


@pytest.mark.parametrize("kind", ["VIRTUAL", "STORED"])
def test_a_layer_that_computes_a_column_is_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sent.gpkg"
    computed = f", bomb TEXT GENERATED ALWAYS AS (hex(zeroblob(9))) {kind}"
    geopackage(path, TABLE, GOOD, LAYERS, computed)
    said = refused(lambda: points.read(path, labelled=True))
    assert "its column bomb is computed: save the layer without it" in said


def test_a_text_of_a_geopackage_has_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "sent.gpkg"
    geopackage(path, TABLE, GOOD, LONG_NAME)
    assert "too big" in refused(lambda: points.read(path, labelled=True))


def test_points_of_a_geopackage_are_read(tmp_path: Path) -> None:
    geopackage(tmp_path / "sent.gpkg", TABLE, GOOD, LAYERS)
    assert points.read(tmp_path / "sent.gpkg", labelled=True)["Lat"].tolist() == [32.2]


@pytest.mark.parametrize(
    ("layer", "geometry", "columns", "message"),
    [
        (VIEW, GOOD, LAYERS, "is a view, which computes: save it as a table"),
        (ENDLESS, GOOD, LAYERS, "is a view, which computes"),
        (TABLE, GOOD, COMPUTED, "is a view, which computes"),
        (TABLE, HEADER + NESTED, LAYERS, "it has a GeometryCollection; expected a point"),
        (TABLE, "text", LAYERS, "something is missing or misplaced|is none"),
        (TABLE, b"GP", LAYERS, "something is missing or misplaced|is none"),
        (TABLE, 7, LAYERS, "something is missing or misplaced|is none"),
    ],
    ids=["view", "endless", "computed", "nested", "text", "short", "number"],
)
def test_a_geopackage_that_does_more_than_hold_points_is_one_line(
    tmp_path: Path, layer: str, geometry: object, columns: str, message: str
) -> None:
    geopackage(tmp_path / "sent.gpkg", layer, geometry, columns)
    said = refused(lambda: of_points(tmp_path / "sent.gpkg"))
    assert any(part in said for part in message.split("|"))


def parquet(path: Path, metadata: dict[bytes, bytes], geometry: bytes = b"") -> None:
    table = pa.table({"ID": ["a"], "Target": [1], "geometry": [geometry]})
    pq.write_table(table.replace_schema_metadata(metadata), path)


def geo(**facts: Any) -> dict[bytes, bytes]:
    column = {"encoding": "WKB"} | facts
    return {
        b"geo": json.dumps({"primary_column": "geometry", "columns": {"geometry": column}}).encode()
    }


GRID = CRS("+proj=longlat +ellps=bessel +nadgrids=/tmp/grid.gsb").to_json_dict()


@pytest.mark.parametrize(
    ("metadata", "geometry"),
    [
        (geo(), NESTED),
        (geo(crs="+proj=longlat +nadgrids=/etc/passwd"), GOOD[8:]),
        (geo(crs=GRID), GOOD[8:]),
        ({b"geo": DEEP.encode()}, b""),
        ({b"geo": b"[1]"}, b""),
        ({b"pandas": DEEP.encode()}, b""),
        ({b"pandas": b"{}"}, b""),
        ({b"pandas": b'{"index_columns": [7], "columns": "x"}'}, b""),
        ({b"PANDAS_ATTRS": DEEP.encode()}, b""),
        ({b"ARROW:schema": b"/////w=="}, b""),
    ],
)
def test_parquet_with_odd_metadata_is_one_line(
    tmp_path: Path, metadata: dict[bytes, bytes], geometry: bytes
) -> None:
    path = tmp_path / "sent.parquet"
    parquet(path, metadata, geometry)
    refused(lambda: of_points(path))
    if b"geo" not in metadata:
        with answered():
            reading.read_parquet(path, "save it again")


def test_parquet_of_more_rows_than_there_is_memory_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet(tmp_path / "sent.parquet", {})
    monkeypatch.setattr(reading, "_MOST_CELLS", 2)
    said = refused(lambda: reading.read_parquet(tmp_path / "sent.parquet", "save fewer"))
    assert "it has 1 rows of 3 columns, expected at most" in said


@pytest.mark.parametrize(
    "text", [DEEP, '{"key": NaN}', '{"key": "a", "key": "b"}', "[" + LONG + "]"]
)
def test_a_sent_map_with_odd_facts_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / FACTS).write_text(text)
    assert "does not hold what it should (it " in refused(lambda: MapFacts.read(tmp_path))


def test_a_line_without_end_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "Train.csv.gz"
    path.write_bytes(gzip.compress(b"ID,Lat,Lon,Target" + b"," * 50_000_000))
    assert "a line of more than 10,000,000 characters" in refused(
        lambda: list(reading.rows_of(path, "fix it"))
    )


@pytest.mark.parametrize("name", ["Train.csv", "Train.geojson", "Train.gpkg", "Train.parquet"])
def test_only_regular_files_are_read(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "pipe", Path("/dev/zero"), tmp_path / name):
        (tmp_path / name).symlink_to(target)
        what = "there is none" if target == tmp_path / name else "is no regular file"
        assert what in refused(lambda: of_points(tmp_path / name))
        assert "is no file" in refused(lambda: read_polygons(tmp_path / name))
        (tmp_path / name).unlink()


def test_a_link_to_a_regular_file_is_read(tmp_path: Path) -> None:
    table = pd.DataFrame({"ID": ["a"], "Lat": [1.0], "Lon": [2.0], "Target": [1]})
    table.to_csv(tmp_path / "kept.csv", index=False)
    (tmp_path / "Train.csv").symlink_to(tmp_path / "kept.csv")
    assert points.read(tmp_path / "Train.csv", labelled=True)["ID"].tolist() == ["a"]


def test_a_box_of_half_a_continent_is_not_begun(tmp_path: Path) -> None:
    land = Country("land", "Land", Box(10, 40, 40, 60), Reference("2020-01-01", "2020-12-31"))
    given = {"geometry": None, "cube": None, "resolution": None, "tile_side": 5_000, "exact": False}
    command: Any = SimpleNamespace(
        box=(40, 10, 60, 40),
        most_pixels=10**9,
        source=SimpleNamespace(name="stac"),
        output=str(tmp_path),
        **given,
    )
    store: Any = None
    said = refused(lambda: plan_map(command, [land], store))
    assert "the area is 2,203 × 3,381 km, 74,472,733,584 pixels of 10 m in 3,060 tiles" in said
    assert "give most_pixels=74472733584 to map all of it" in said
    assert not any(tmp_path.iterdir())


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A GeoPackage and a GeoParquet file of one point."""
    folder = tmp_path_factory.mktemp("tables")
    geopackage(folder / "sent.gpkg", TABLE, GOOD, LAYERS)
    parquet(folder / "sent.parquet", geo(), GOOD[8:])
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


@BRIEFLY
@given(data=st.data())
def test_whatever_the_bytes_of_a_table(
    tmp_path: Path, tables: dict[str, bytes], data: st.DataObject
) -> None:
    for suffix, content in tables.items():
        path = tmp_path / f"sent{suffix}"
        path.write_bytes(data.draw(damaged(content)))
        with answered():
            of_points(path)
