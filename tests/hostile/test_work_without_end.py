"""Files that were sent, small on the disk, that would keep a program busy without end or fill its memory."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hostile.claims import refused

from cropland.config.countries import Box, Country, Reference
from cropland.config.groups import Paths
from cropland.config.sources import Files
from cropland.maps.outline import read_polygons
from cropland.observations import points
from cropland.sources.exports.source import inputs
from cropland.support import reading
from cropland.untrusted import geometries


def written(folder: Path, content: Any) -> Path:
    path = folder / "sent.geojson"
    path.write_text(json.dumps(content))
    return path


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": rings}


def test_an_outline_that_crosses_itself_everywhere_is_one_line(tmp_path: Path) -> None:
    ring = [
        [48.242 + 1e-3 * math.cos(7 * k) * (1 + k % 3), 32.2345 + 1e-3 * math.sin(7 * k)]
        for k in range(2_000)
    ]
    path = written(tmp_path, polygon([*ring, ring[0]]))
    said = refused(lambda: read_polygons(path))
    assert "crosses itself in more than 5,000 places, such as near longitude 48.24" in said
    assert 'repair it (in QGIS: "Fix geometries")' in said


def test_an_outline_that_touches_itself_too_often_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = [corner for n in range(20) for corner in ((n, n), (n, n + 1))]
    down = [corner for n in reversed(range(20)) for corner in ((n + 1, n), (n, n))]
    path = written(tmp_path, polygon([*up, (20, 20), *down]))
    assert read_polygons(path).area == pytest.approx(20)
    monkeypatch.setattr(geometries, "_MOST_TOUCHES", 18)
    assert "touch themselves in 19 corners" in refused(lambda: read_polygons(path))


def test_an_outline_with_hundreds_of_small_loops_is_read(tmp_path: Path) -> None:
    edge = [
        [x + dx, y]
        for x in range(300)
        for dx, y in ((0, 0), (0.6, 0), (0.6, -0.01), (0.3, 0.005), (0.31, 0.005))
    ]
    ring = [[48 + x * 1e-4, 32 + y * 1e-4] for x, y in [*edge, (300, 0), (300, 300), (0, 300)]]
    area = read_polygons(written(tmp_path, polygon([*ring, ring[0]])))
    assert area.geom_type == "MultiPolygon" and area.area == pytest.approx(9e-4, rel=0.001)


@pytest.mark.parametrize(
    ("name", "bound", "message"),
    [
        ("_MOST_PLACES", 9, "has 10 places, expected at most 9: simplify its polygons"),
        ("_LONGEST_DEGREES", 7, "has edges of 8 degrees in all, expected at most 7: cut it"),
        ("_MOST_CROSSINGS", 1, "near longitude 3, latitude 1; dissolve and simplify them"),
        ("_MOST_PAIRS", 20, "too often to join its polygons"),
    ],
)
def test_outlines_have_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, bound: int, message: str
) -> None:
    monkeypatch.setattr(geometries, name, bound)
    squares = [shapely.box(2, 1, 3, 2), shapely.box(2.5, 1.5, 3.5, 2.5)]
    path = written(tmp_path, json.loads(shapely.to_geojson(shapely.MultiPolygon(squares))))
    assert message in refused(lambda: read_polygons(path))


def test_parquet_of_more_rows_than_a_table_has_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_MOST_ROWS", 2)
    pq.write_table(pa.table({"ID": ["a", "a", "a"]}), tmp_path / "sent.parquet")
    said = refused(lambda: reading.read_parquet(tmp_path / "sent.parquet", "export it again"))
    assert "it has 3 rows of 1 columns, expected at most 2 rows" in said
    assert "values: split it" in said


@pytest.mark.parametrize("read", [read_polygons, lambda path: points.read(path, labelled=True)])
def test_a_coordinate_system_behind_a_link_is_one_line(tmp_path: Path, read: Any) -> None:
    feature = {
        "type": "Feature",
        "properties": {"ID": "a", "Target": 1},
        "geometry": {"type": "Point", "coordinates": [48, 32]},
    }
    link = {"type": "link", "properties": {"href": "http://127.0.0.1/4326", "type": "proj4"}}
    path = written(tmp_path, {"type": "FeatureCollection", "crs": link, "features": [feature]})
    assert "is named by a link, which is not followed; save it in longitude" in refused(
        lambda: read(path)
    )


def test_a_table_that_is_one_line_is_seen_before_it_is_hashed(tmp_path: Path) -> None:
    names = ("Train.csv", "E_Toy_2019-07-01_2020-06-30.csv")
    for name in names:
        (tmp_path / name).write_text("ID,Lat,Lon,Target\n")
    source = Files(name="files", prefix="E", labelled="Train.csv", unlabelled="Test.csv")
    box = Country("toy", "Toy", Box(10, 40, 40, 60), Reference("2020-01-01", "2020-12-31"))
    paths = Paths(data=str(tmp_path), archive="", runs="")
    for name in names:
        before = (tmp_path / name).read_bytes()
        with (tmp_path / name).open("ab") as stream:
            stream.truncate(10**12)
        said = refused(lambda: inputs(source, paths, box))
        assert f"{name} cannot be read as CSV: it has a line of more than 10,000,000" in said
        (tmp_path / name).write_bytes(before)


def test_points_that_are_a_device_are_no_regular_file(tmp_path: Path) -> None:
    (tmp_path / "Train.csv").write_text("ID,Lat,Lon,Target\na,1,1,1\n")
    (tmp_path / "Test.csv").symlink_to("/dev/zero")
    said = refused(lambda: points.read_points(tmp_path))
    assert "Test.csv, what is there is no regular file" in said
