from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from pyproj import Geod
from standins.toyland import TOYLAND

from cropland.errors import ConfigError, DataError
from cropland.maps import extent as extents
from cropland.maps.extent import Extent
from cropland.sources import grid as grids

SQUARE = [[48.30, 32.20], [48.31, 32.20], [48.31, 32.21], [48.30, 32.21], [48.30, 32.20]]
TRIANGLE = [[48.30, 32.20], [48.31, 32.20], [48.30, 32.21], [48.30, 32.20]]
BOX = (48.30, 32.20, 48.31, 32.21)


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def written(folder: Path, content: object) -> Path:
    path = folder / "area.geojson"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_tiles_cover_a_grid_once() -> None:
    extent = Extent.of_box(BOX, 10)
    covered = np.zeros(extent.grid.shape, int)
    for tile in extent.tiles(30):
        height, width = tile.grid.shape
        covered[tile.row : tile.row + height, tile.column : tile.column + width] += 1
        assert tile.grid == extent.grid[tile.row : tile.row + height, tile.column :][:, :width]
        assert extent.mask(tile).all()
    assert (covered == 1).all()


def test_pixels_are_inside_an_outline_where_their_centres_are(tmp_path: Path) -> None:
    extent = Extent.of_file(written(tmp_path, polygon(TRIANGLE)), 20)
    inside = np.zeros(extent.grid.shape, bool)
    for tile in extent.tiles(16):
        height, width = tile.grid.shape
        inside[tile.row : tile.row + height, tile.column : tile.column + width] = extent.mask(tile)
    lon, lat = extents.degrees(extent.grid)
    # A triangle's slanted edge is straight in degrees, and almost so on the grid.
    clearly = np.abs((lon - 48.30) + (lat - 32.20) - 0.01) > 2e-5
    expected = (lon > 48.30) & (lat > 32.20) & ((lon - 48.30) + (lat - 32.20) < 0.01)
    assert (inside == expected)[clearly].all()


def test_tiles_without_a_pixel_inside_are_left_out(tmp_path: Path) -> None:
    extent = Extent.of_file(written(tmp_path, polygon(TRIANGLE)), 10)
    everywhere = Extent(extent.grid)
    assert 0.5 < len(extent.tiles(10)) / len(everywhere.tiles(10)) < 0.65


@pytest.mark.parametrize(
    "wrapped",
    [
        {"type": "Feature", "properties": {}, "geometry": polygon(SQUARE)},
        {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "properties": {}, "geometry": polygon(TRIANGLE)},
                {"type": "Feature", "properties": {}, "geometry": polygon(SQUARE)},
                {"type": "Feature", "properties": {}, "geometry": None},
            ],
        },
        {"type": "MultiPolygon", "coordinates": [[SQUARE], [TRIANGLE]]},
    ],
)
def test_features_and_collections_are_read(wrapped: dict[str, Any], tmp_path: Path) -> None:
    extent = Extent.of_file(written(tmp_path, wrapped), 10)
    assert extent.grid == Extent.of_file(written(tmp_path, polygon(SQUARE)), 10).grid


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not a GeoJSON"),
        (
            {"type": "FeatureCollection", "features": []},
            "holds no polygon with an area, but nothing",
        ),
        ({"type": "Point", "coordinates": [48.3, 32.2]}, "no polygon with an area, but Point"),
        ({"type": "Polygon", "coordinates": [[[1, 2]]]}, "holds an invalid geometry"),
        ({"type": "Circle"}, "holds an invalid geometry"),
        ([1, 2], "holds an invalid geometry"),
        (polygon([SQUARE[0], [float("nan"), 32.2], *SQUARE[1:]]), "it has NaN"),
        (polygon(SQUARE) | {"crs": "EPSG:14326"}, "expected longitude and latitude"),
        (polygon([[3e5, 4e6], [4e5, 4e6], [4e5, 5e6], [3e5, 4e6]]), "which are not degrees"),
        (
            polygon(SQUARE) | {"crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::32639"}}},
            "expected longitude and latitude",
        ),
    ],
)
def test_what_is_no_area_is_refused(content: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said) as caught:
        Extent.of_file(written(tmp_path, content), 10)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("corners", "place"),
    [
        ([[0, 0], [1, 1], [1, 0], [0, 1]], "0.5 0.5"),
        ([[0, 0], [4, 4], [4, 0], [0, 1]], "0.8 0.8"),
        ([[0, 0], [3, 0], [3, 3], [1, 3], [1, 1], [2, 1], [2, 2], [0, 2]], "1 2"),
    ],
    ids=["bow-tie", "one corner", "over itself"],
)
def test_a_polygon_whose_edges_cross_is_refused_with_the_place(
    tmp_path: Path, corners: list[list[float]], place: str
) -> None:
    with pytest.raises(DataError) as caught:
        Extent.of_file(written(tmp_path, polygon(corners)), 10)
    said = f"(Self-intersection[{place}]: put the corners in order around it); give a GeoJSON"
    assert said in str(caught.value)


def test_a_ring_is_closed_where_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    ring = [[48.300, 32.200], [48.304, 32.200], [48.304, 32.204], [48.300, 32.204]]
    unclosed = {"type": "Polygon", "coordinates": [ring]}
    closed = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    extent = Extent.of_file(written(tmp_path / "open", unclosed), 10)
    assert extent.outline == Extent.of_file(written(tmp_path, closed), 10).outline
    # 0.004 degrees squared at 32.2 degrees north: 443.6 by 377 m
    assert extent.outline is not None and extent.outline.area == pytest.approx(167_200, rel=0.01)


def test_swapped_coordinates_that_are_no_degrees_are_said(tmp_path: Path) -> None:
    swapped = [[lat, lon + 60] for lon, lat in SQUARE]
    with pytest.raises(DataError, match=r"its coordinates are swapped; GeoJSON has \[lon,lat\]"):
        Extent.of_file(written(tmp_path, polygon(swapped)), 10)


@pytest.mark.parametrize("box", [(48.4, 32.2, 48.3, 32.3), (48.3, 32.3, 48.4, 32.2), (0, 0, 0, 1)])
def test_a_box_that_is_none_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(ConfigError, match=r"box must be \[west, south, east, north\]"):
        Extent.of_box(box, 10)


@pytest.mark.parametrize(
    "geometry",
    [
        polygon([[*corner, 12.5] for corner in SQUARE]),
        polygon([*SQUARE[:2], [48.32, 32.205], [48.31, 32.2], *SQUARE[2:]]),
        {
            "type": "GeometryCollection",
            "geometries": [polygon(SQUARE), {"type": "Point", "coordinates": [48.3, 32.2]}],
        },
    ],
    ids=["heights", "spike", "collection"],
)
def test_only_the_flat_polygons_of_a_geometry_count(
    geometry: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "area.geojson"
    path.write_text("\ufeff" + json.dumps(geometry))
    extent = Extent.of_file(path, 10)
    assert extent.grid == Extent.of_file(written(tmp_path, polygon(SQUARE)), 10).grid
    again = pickle.loads(pickle.dumps(extent))
    assert again.grid == extent.grid and again.outline == extent.outline


@pytest.mark.parametrize("box", [(-180, -90, 180, 90), (10, 80, 11, 85), (-179.9, 10, 179.9, 11)])
def test_what_no_utm_grid_can_show_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(ConfigError, match="cut it in parts"):
        Extent.of_box(box, 1000)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((10, 83.5, 11, 84), None),
        ((10, -84, 11, -83.5), None),
        ((10, 83.5, 11, 84.1), "cut it in parts"),
        ((10, -84.1, 11, -83.5), "cut it in parts"),
        ((10, 50, 30, 50.1), None),
        ((10, 50, 30.1, 50.1), "cut it in parts"),
        ((170, 50, -169.9, 50.1), "box must be"),
        ((10, 50, 10, 50.1), "box must be"),
        ((10, 50, 11, 50), "box must be"),
        ((10, 83, 11, 90.5), "box must be"),
        ((10, -90.5, 11, -83), "box must be"),
        ((179, 50, 180.5, 51), "box must be"),
        ((-180.5, 50, -179, 51), "box must be"),
    ],
)
def test_a_box_may_be_20_degrees_wide_and_reach_to_84(
    box: tuple[float, float, float, float], reason: str | None
) -> None:
    if reason is None:
        assert Extent.of_box(box, 10_000).n_pixels > 1
        return
    with pytest.raises(ConfigError, match=reason):
        Extent.of_box(box, 10_000)


def test_pixels_of_another_grid_are_those_that_an_extent_covers() -> None:
    whole = Extent.of_box((48.29, 32.19, 48.32, 32.22), 30).grid
    part = Extent.of_box(BOX, 10).within(whole)
    lon, lat = extents.degrees(part.grid)
    assert 48.2995 < lon.min() < 48.3005 and 32.2095 < lat.max() < 32.2105
    assert part.grid.resolution == whole.resolution
    with pytest.raises(DataError, match="lies outside the cube, which covers lat"):
        Extent.of_box((10, 10, 10.1, 10.1), 10).within(whole)


WIDE = (48.0, 50.0, 54.0, 51.0)
"""Six degrees of longitude: in UTM its parallels bend by more than four kilometres."""


def test_the_edges_of_a_wide_outline_are_parallels(tmp_path: Path) -> None:
    west, south, east, north = WIDE
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    extent = Extent.of_file(written(tmp_path, polygon(corners)), 1000)
    [tile] = extent.tiles(1000)
    lon, lat = extents.degrees(extent.grid)
    # Of what would be cut off by straight lines between points 1 degree apart 120 m show.
    depth = np.minimum.reduce([lon - west, east - lon, lat - south, north - lat])
    clearly = np.abs(depth) > 0.0002
    assert (extent.mask(tile) == (depth > 0))[clearly].all()


def test_a_wide_extent_covers_of_a_grid_of_another_projection_all_that_lies_in_it() -> None:
    # A straight edge in UTM bends by six kilometres of Web Mercator.
    extent = Extent.of_box(WIDE, 1000)
    edges = (5_310_000, 6_400_000, 6_040_000, 6_680_000)
    grid = GeoBox.from_bbox(edges, "EPSG:3857", resolution=1000)
    part = extent.within(grid)
    *_, inside = grids.pixels(extent.grid, *extents.degrees(grid))
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    left, top = grid.wld2pix(part.grid.transform.c, part.grid.transform.f)
    found = np.array([top, top + part.grid.shape[0], left, left + part.grid.shape[1]])
    assert np.abs(found - [rows[0], rows[-1] + 1, columns[0], columns[-1] + 1]).max() <= 1
    [tile] = part.tiles(1000)
    height, width = tile.grid.shape
    covered = inside[round(top) :, round(left) :][:height, :width]
    assert (part.mask(tile) != covered).mean() < 1e-4


def test_hectares_are_those_in_the_middle_of_a_grid() -> None:
    # 150 km east of the central meridian, on a sphere of the ellipsoid's mean radius there.
    edges = (500_000, 3_540_000, 800_000, 3_580_000)
    grid = GeoBox.from_bbox(edges, "EPSG:32639", resolution=10)
    scale = 0.9996 * (1 + (150_000 / 0.9996) ** 2 / (2 * 6_369_000**2))
    assert extents.hectares(grid) == pytest.approx(0.01 / scale**2, rel=1e-6)


@pytest.mark.parametrize("place", [(48.3, 32.2), (45.02, 32.2), (51.0, -60.0)])
def test_areas_are_those_of_the_ellipsoid(place: tuple[float, float]) -> None:
    lon, lat = place
    grid = Extent.of_box((lon, lat, lon + 0.01, lat + 0.01), 10).grid
    edges = grid.extent.to_crs("EPSG:4326", resolution=10)
    geodesic, _ = Geod(ellps="WGS84").geometry_area_perimeter(edges.geom)
    found = extents.hectares(grid) * np.prod(grid.shape)
    assert found == pytest.approx(abs(geodesic) / 1e4, rel=1e-5)


def test_coordinates_of_pixels_are_those_of_their_centres() -> None:
    grid = GeoBox.from_bbox((300_000, 3_500_000, 300_020, 3_500_010), "EPSG:32639", resolution=10)
    lon, lat = extents.degrees(grid)
    assert lon.shape == lat.shape == (1, 2)
    assert lon[0, 0] < lon[0, 1]


ACROSS = [
    ((179.96, -16.9, -179.97, -16.85), "EPSG:32760"),  # Taveuni, Fiji
    ((179.99, 68.9, -179.9, 68.92), "EPSG:32601"),  # Chukotka
]


@pytest.mark.parametrize(("box", "crs"), ACROSS, ids=["Fiji", "Chukotka"])
def test_a_box_across_180_degrees_is_one_grid(
    box: tuple[float, float, float, float], crs: str
) -> None:
    west, south, east, north = box
    grid = Extent.of_box(box, 10).grid
    assert str(grid.crs) == crs
    lon, lat = extents.degrees(grid)
    assert {-1.0, 1.0} == set(np.sign(lon).ravel())
    # No wider than what was asked for, and a little for the pixels and for the turn of the zone.
    ground = np.radians(east + 360 - west) * 6_378_137 * np.cos(np.radians(south))
    assert 1 < grid.shape[1] * 10 / ground < 1.05
    covered = grids.box_of(grid)
    assert covered.west < west and covered.east > east and covered.width < 0.3
    assert covered.south < south and covered.north > north
    rows, columns, inside = grids.pixels(grid, lon, lat)
    assert inside.all()
    assert (rows == np.arange(grid.shape[0])[:, None]).all() and (
        columns[0] == np.arange(grid.shape[1])
    ).all()


def test_polygons_that_a_file_cuts_at_180_degrees_are_one_area(tmp_path: Path) -> None:
    def square(west: float, east: float) -> list[list[float]]:
        return [[west, -17], [east, -17], [east, -16.99], [west, -16.99], [west, -17]]

    parts = [
        polygon(square(179.995, 180))["coordinates"],
        polygon(square(-180, -179.995))["coordinates"],
    ]
    cut = written(tmp_path, {"type": "MultiPolygon", "coordinates": parts})
    extent = Extent.of_file(cut, 10)
    whole = Extent.of_box((179.995, -17, -179.995, -16.99), 10)
    assert extent.grid == whole.grid
    [tile] = extent.tiles(500)
    lon, _ = extents.degrees(extent.grid)
    seen = lon[extent.mask(tile)] % 360
    assert seen.min() == pytest.approx(179.995, abs=1e-4)
    assert seen.max() == pytest.approx(180.005, abs=1e-4)
    assert extent.mask(tile).mean() > 0.9


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((20.1, 10.1, 20.11, 10.11), None),
        ((20.39, 10.39, 20.42, 10.42), None),  # across a corner of the country's box
        ((26.1, 10.1, 26.11, 10.11), "lon 26.10…26.11, lies outside the box of toyland"),
        ((20.1, 9.1, 20.11, 9.11), "the area, lat 9.10…9.11"),
        (
            (179.99, 10.1, -179.99, 10.11),
            None,
        ),  # what is across 180 degrees is compared by latitude
        ((179.99, 50.1, -179.99, 50.11), "conf/country/toyland.yaml"),
    ],
)
def test_an_area_outside_the_country_of_the_model_is_remarked_on(
    box: tuple[float, float, float, float], said: str | None
) -> None:
    notes = extents.notes_on_place(Extent.of_box(box, 100).grid, TOYLAND)
    assert [note for note in notes if said is None or said not in note] == []
    assert len(notes) == (said is not None)
