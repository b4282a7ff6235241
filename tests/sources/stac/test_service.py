"""Every row and pixel of a STAC catalogue is compared with the granules that its stand-in serves."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import planetary_computer
import pystac
import pytest
import rasterio
import requests
from pyproj import Transformer
from standins.granules import Granules
from standins.stac import COLLECTION, Catalogue, Fault, StacStandin
from urllib3 import HTTPResponse

from cropland.config.countries import Box, Country, Reference
from cropland.config.sources import Catalog, Stac
from cropland.errors import ConfigError, DataError
from cropland.sources.grid import grid_of
from cropland.sources.retries import Attempts, GivenUp, Stopped
from cropland.sources.service import Seen
from cropland.sources.simulation.profile import Profile
from cropland.sources.stac import ranges
from cropland.sources.stac.assets import asset_of
from cropland.sources.stac.boxes import bounds_around, in_box, overlap
from cropland.sources.stac.cogs import Cogs
from cropland.sources.stac.ranges import RangedFile
from cropland.sources.stac.service import StacService
from cropland.sources.stac.transport import RangeTransport, Span

FIRST, LAST = date(2022, 1, 6), date(2022, 2, 14)
BANDS = ("B2", "B4", "B8A", "SCL")
AREA = Box(10.047, 10.053, 24.102, 24.108)
"""Beside the edge of zones 34 and 35, where two tiles overlap."""
OUTSIDE = (24.12, 10.05)
INNER = Box(10.0490, 10.0515, 24.1035, 24.1065)


@pytest.fixture(scope="module")
def granules() -> Granules:
    reference = Reference("2022-01-01", "2022-12-31")
    edge = Country("edge", "Edge", Box(10.0, 10.1, 23.95, 24.15), reference)
    return Granules(edge, Profile(), FIRST, LAST)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Nine places, in no order."""
    random = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "ID": [f"P{number}" for number in range(9)],
            "Lon": random.uniform(24.1025, 24.1075, 9).round(7),
            "Lat": random.uniform(10.0475, 10.0525, 9).round(7),
        }
    )


@pytest.fixture(scope="module")
def truth(granules: Granules, table: pd.DataFrame) -> pd.DataFrame:
    return granules.observations(table)[["ID", "time", "granule", *BANDS]]


@pytest.fixture(scope="module")
def cogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takes up COGs that several tests ask for."""
    return tmp_path_factory.mktemp("cogs")


@pytest.fixture
def standin(granules: Granules, cogs: Path) -> Iterator[StacStandin]:
    with StacStandin(granules, AREA, cogs, BANDS) as served:
        yield served


def source_of(catalog: str, **changes: Any) -> Stac:
    values: dict[str, Any] = {
        "name": "stac",
        "catalog": catalog,
        "collection": COLLECTION,
        "leave_out": (),
        "sign": None,
        "catalogs": {"known": Catalog("http://127.0.0.1:1/v1", COLLECTION, False)},
        "bands": BANDS,
        "margin_days": 0,
        "labelled": "Train.csv",
        "unlabelled": "Test.csv",
        "workers": 4,
        "tries": 4,
        "wait_seconds": 0.01,
        "timeout_seconds": 5.0,
    }
    return Stac(**values | changes)


def patient() -> Attempts:
    return Attempts(workers=4, tries=4, first_seconds=0.01, most_seconds=0.05)


def service_of(catalog: str, **changes: Any) -> StacService:
    return StacService.connect(source_of(catalog, **changes), patient())


def seen_of(
    service: StacService, table: pd.DataFrame, first: date = FIRST, last: date = LAST
) -> Seen:
    return service.points(table[["Lon", "Lat"]].to_numpy(), first, last, BANDS)


def rows_of(seen: Seen, table: pd.DataFrame) -> pd.DataFrame:
    columns = {"ID": table["ID"].to_numpy()[seen.place], "time": seen.time, "granule": seen.granule}
    rows = pd.DataFrame(columns | dict(seen.values))
    return rows.astype({"granule": object}).sort_values(
        ["ID", "time", "granule"], ignore_index=True
    )


def assert_rows(seen: Seen, table: pd.DataFrame, expected: pd.DataFrame) -> None:
    expected = expected.sort_values(["ID", "time", "granule"], ignore_index=True)
    pd.testing.assert_frame_equal(rows_of(seen, table), expected, check_dtype=False)
    assert {band: values.dtype for band, values in seen.values.items()} == {
        band: np.dtype("uint8" if band == "SCL" else "uint16") for band in BANDS
    }


def clear(truth: pd.DataFrame) -> str:
    """Name the clearest granule from after the change of baselines."""
    late = truth[truth["time"] >= "2022-01-26"]
    return str(late.groupby("granule")["B2"].max().idxmin())


def test_rows_are_those_of_the_granules(
    standin: StacStandin, granules: Granules, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    assert set(granules.zones) == {32634, 32635}
    baselines = {item["properties"]["s2:processing_baseline"] for item in standin.items}
    assert baselines == {"02.14", "05.09"}
    standin.page_items = 5
    seen = seen_of(service_of(standin.url), table)
    assert_rows(seen, table, truth)
    assert (seen.unseen, seen.notes) == ({}, ())
    assert len(standin.asked("/search")) == -(-len(granules.granules) // 5)


def test_days_are_included_to_their_last_second(
    standin: StacStandin, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    day = truth["time"].iloc[0].date()
    seen = seen_of(service_of(standin.url), table, day, day)
    assert_rows(seen, table, truth[truth["time"].dt.date == day])


@pytest.mark.parametrize("catalogue", [True, False])
def test_a_folder_gives_the_same_rows(
    granules: Granules,
    cogs: Path,
    tmp_path: Path,
    table: pd.DataFrame,
    truth: pd.DataFrame,
    catalogue: bool,
) -> None:
    made = Catalogue(granules, AREA, cogs, BANDS, projection="proj:epsg")
    folder = made.write_folder(tmp_path / "catalogue")
    if not catalogue:
        (folder / "catalog.json").unlink()
    seen = seen_of(service_of(str(folder)), table)
    assert_rows(seen, table, truth)


def test_a_busy_search_is_left_alone_and_asked_again(
    standin: StacStandin, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    standin.page_items = 5
    standin.faults += [
        Fault("/search", 429, times=2, retry_after=0.3),
        Fault("/search", 503, skip=1),
        Fault("/search", "truncate", skip=2),
        Fault("/search", "reset", skip=3),
    ]
    service = service_of(standin.url)
    assert_rows(seen_of(service, table), table, truth)
    first, again = (request.at for request in standin.asked("/search")[:2])
    assert again - first >= 0.3


@pytest.mark.parametrize("kind", [429, 503, 500, "truncate", "reset", "hang", "drip"])
@pytest.mark.parametrize("skip", [0, 1, 2])
def test_a_failing_cog_never_gives_wrong_rows(
    standin: StacStandin,
    table: pd.DataFrame,
    truth: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    kind: Any,
    skip: int,
) -> None:
    # So that even files as small as these take several requests, each of which may fail.
    monkeypatch.setattr(ranges, "LEAST_BYTES", 500)
    granule = clear(truth)
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    standin.faults += [
        Fault(f"{granule}/B4", kind, times=2, skip=skip),
        Fault(f"{granule}/SCL", kind, skip=min(skip, 1)),
    ]
    attempts = patient()
    service = StacService.connect(source_of(standin.url, timeout_seconds=0.3), attempts)
    seen = seen_of(service, table, day, day)
    assert_rows(seen, table, truth[truth["time"].dt.date == day])
    assert not seen.notes
    assert [fault.times for fault in standin.faults] == [0, 0]
    assert attempts.retries == 3


def test_whichever_read_fails_a_cog_is_read_rightly_or_not_at_all(
    standin: StacStandin, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    give, left = RangedFile._bytes, [-1]

    def fail_in_turn(file: RangedFile, first: int, size: int) -> bytes:
        left[0] -= 1
        if left[0] == -1:
            raise GivenUp("a fault")
        return give(file, first, size)

    monkeypatch.setattr(RangedFile, "_bytes", fail_in_turn)
    cogs, lonlat = Cogs(Attempts(tries=1), 5.0), table[["Lon", "Lat"]].to_numpy()
    href = f"{standin.url}/cogs/{standin.items[0]['id']}/B2.tif"
    whole = cogs.at(href, lonlat)
    reads = -1 - left[0]
    assert reads > 10
    for number in range(reads):
        left[0] = number
        with pytest.raises(GivenUp, match="a fault"):
            cogs.at(href, lonlat)
    np.testing.assert_array_equal(cogs.at(href, lonlat), whole)


@pytest.mark.parametrize("kind", [503, "truncate"])
def test_a_cog_that_always_fails_is_named(
    standin: StacStandin, table: pd.DataFrame, truth: pd.DataFrame, kind: Any
) -> None:
    granule = clear(truth)
    standin.faults.append(Fault(f"{granule}/B4", kind, times=None))
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    with pytest.raises(GivenUp, match=rf"cogs/{granule}/B4\.tif failed 4 times"):
        seen_of(service_of(standin.url), table, day, day)


def test_a_refusal_is_not_asked_again(standin: StacStandin, table: pd.DataFrame) -> None:
    standin.faults.append(Fault("/SCL.tif", 403, times=None))
    with pytest.raises(GivenUp, match=r"is refused \(HTTP 403\).*source\.sign=true"):
        seen_of(service_of(standin.url), table)
    assert len({request.path for request in standin.asked(".tif")}) == 1


@pytest.mark.parametrize("way", ["no asset", "not found"])
def test_a_missing_band_is_no_data_with_a_note(
    granules: Granules, cogs: Path, table: pd.DataFrame, truth: pd.DataFrame, way: str
) -> None:
    granule = clear(truth)
    lacking = {granule: ["B4"]} if way == "no asset" else {}
    with StacStandin(granules, AREA, cogs, BANDS, lacking=lacking) as standin:
        if way == "not found":
            standin.faults.append(Fault(f"{granule}/B4", 404, times=None))
        seen = seen_of(service_of(standin.url), table)
    assert_rows(seen, table, truth.assign(B4=truth["B4"].where(truth["granule"] != granule, 0)))
    assert seen.notes == ("1 image has no B4: no data there",)


def test_without_scene_classes_any_band_tells_that_a_place_was_seen(
    granules: Granules, cogs: Path, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    granule = clear(truth)
    with StacStandin(granules, AREA, cogs, BANDS, lacking={granule: ["SCL"]}) as standin:
        seen = seen_of(service_of(standin.url), table)
    assert_rows(seen, table, truth.assign(SCL=truth["SCL"].where(truth["granule"] != granule, 0)))
    assert seen.notes == ("1 image has no SCL: no data there",)


def test_what_many_images_lack_is_one_note(
    granules: Granules, cogs: Path, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    lacking = {name: ["B4"] for name in sorted(set(truth["granule"]))[:3]}
    with StacStandin(granules, AREA, cogs, BANDS, lacking=lacking) as standin:
        seen = seen_of(service_of(standin.url), table)
    assert seen.notes == ("3 images have no B4: no data there",)


@pytest.mark.parametrize("option", ["applied", "mistagged"])
def test_an_offset_that_was_subtracted_is_not_subtracted_again(
    granules: Granules, tmp_path: Path, table: pd.DataFrame, truth: pd.DataFrame, option: str
) -> None:
    granule = clear(truth)
    rows = truth[truth["granule"] == granule]
    day = rows["time"].iloc[0].date()
    changes: dict[str, Any] = {option: [granule]}
    with StacStandin(granules, AREA, tmp_path, BANDS, **changes) as standin:
        # One place, and a band that tells nothing: the decision is the tile's.
        seen = seen_of(service_of(standin.url), table, day, day)
        alone = service_of(standin.url).points(
            table[["Lon", "Lat"]].to_numpy()[:1], day, day, ["B8A", "SCL"]
        )
    assert_rows(seen, table, truth[truth["time"].dt.date == day])
    mine = rows[rows["ID"] == "P0"]["B8A"].to_numpy()
    np.testing.assert_array_equal(alone.values["B8A"][alone.granule == granule], mine)


def test_nothing_is_read_to_harmonise_what_claims_no_offset(
    standin: StacStandin, table: pd.DataFrame
) -> None:
    service = service_of(standin.url)
    lonlat = table[["Lon", "Lat"]].to_numpy()
    service.points(lonlat, date(2022, 1, 6), date(2022, 1, 20), ["B8A", "SCL"])
    assert standin.asked("/SCL.tif")
    assert not standin.asked("/B4.tif")
    service.points(lonlat, date(2022, 1, 26), date(2022, 2, 5), ["B8A", "SCL"])
    assert standin.asked("/B4.tif")


def test_a_reprocessed_image_is_another_granule(
    granules: Granules, cogs: Path, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    granule = clear(truth)
    again = truth[truth["granule"] == granule].assign(granule=f"{granule}_1")
    with StacStandin(granules, AREA, cogs, BANDS, reprocessed=[granule]) as standin:
        seen = seen_of(service_of(standin.url), table)
    assert len(again) > 0
    assert_rows(seen, table, pd.concat([truth, again]))


def test_a_place_without_rows_is_told_why(
    standin: StacStandin, table: pd.DataFrame, truth: pd.DataFrame
) -> None:
    service = service_of(standin.url)
    none = seen_of(service, table, date(2021, 5, 1), date(2021, 5, 31))
    assert len(none) == 0
    assert set(none.values) == set(BANDS)
    assert none.unseen == dict.fromkeys(range(9), "no image in these dates")
    lonlat = np.array([OUTSIDE, table.loc[0, ["Lon", "Lat"]]], float)
    some = service.points(lonlat, FIRST, LAST, BANDS)
    assert set(some.place) == {1}
    mine = truth[truth["ID"] == "P0"]
    for band in BANDS:
        np.testing.assert_array_equal(some.values[band], mine[band])
    assert some.unseen == {0: f"outside the swath of all {len(standin.items)} images"}


def test_links_are_signed_before_each_use_and_never_shown(
    standin: StacStandin, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed: list[str] = []

    def sign(href: str) -> str:
        signed.append(href)
        return f"{href}?sig=secret{len(signed)}"

    monkeypatch.setattr(planetary_computer, "sign_url", sign)
    standin.faults.append(Fault("/SCL.tif", 503, times=None))
    with pytest.raises(DataError) as caught:
        seen_of(service_of(standin.url, sign=True), table)
    assert "/SCL.tif failed" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(signed) >= 4


def pixels_of(cube: Any, granules: Granules) -> dict[str, np.ndarray[Any, Any]]:
    """Give what the granules show at the centres of a cube's pixels, shape (time, y, x)."""
    x, y = np.meshgrid(cube["x"], cube["y"])
    crs = int(cube["spatial_ref"])
    lon, lat = Transformer.from_crs(crs, 4326, always_xy=True).transform(x.ravel(), y.ravel())
    numbers = {granule.name: granule.number for granule in granules.granules}
    at = granules.at(
        np.stack([lon, lat], 1), [numbers[str(name)] for name in cube["granule"].values]
    )
    return {band: at[band].T.reshape(-1, *x.shape) for band in BANDS}


def test_a_cube_shows_the_pixels_of_each_granule(standin: StacStandin, granules: Granules) -> None:
    service = service_of(standin.url)
    before = len(standin.asked(".tif"))
    cube = service.cube(grid_of(INNER), date(2022, 1, 20), date(2022, 2, 5), BANDS)
    assert len(standin.asked(".tif")) == before
    assert {name: cube[name].dtype for name in BANDS} == {
        name: np.dtype("uint8" if name == "SCL" else "uint16") for name in BANDS
    }
    assert cube["B2"].dims == ("time", "y", "x")
    assert cube["time"].dtype == "datetime64[s]"
    order = list(zip(cube["time"].values, cube["granule"].values, strict=True))
    assert order == sorted(order)
    assert len(order) > 4
    loaded, expected = cube.compute(), pixels_of(cube, granules)
    zones = {granule.name: granule.epsg for granule in granules.granules}
    assert {zones[str(name)] for name in cube["granule"].values} == {32634, 32635}
    for band in BANDS:
        np.testing.assert_array_equal(loaded[band], expected[band], err_msg=band)


def test_a_cubes_failures_are_asked_again_or_raised(
    standin: StacStandin, truth: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "LEAST_BYTES", 500)
    granule = clear(truth)
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    cube = service_of(standin.url).cube(grid_of(INNER), day, day, BANDS)
    whole = cube.compute()
    standin.faults += [
        Fault(f"{granule}/B4", 503),
        Fault(f"{granule}/B2", "truncate", skip=1),
        Fault(f"{granule}/B8A", "reset", skip=1),
    ]
    assert cube.compute().identical(whole)
    assert [fault.times for fault in standin.faults] == [0, 0, 0]
    standin.faults.append(Fault(f"{granule}/B8A", 503, times=None))
    with pytest.raises(GivenUp, match="B8A.tif failed"):
        cube.compute()


def test_a_band_that_is_missing_is_no_data_in_a_cube(
    granules: Granules, cogs: Path, truth: pd.DataFrame
) -> None:
    granule = clear(truth)
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    with StacStandin(granules, AREA, cogs, BANDS, lacking={granule: ["B4"]}) as standin:
        standin.faults.append(Fault(f"{granule}/B8A", 404, times=None))
        cube = service_of(standin.url).cube(grid_of(INNER), day, day, BANDS)
        image = cube.isel(time=(cube["granule"] == granule).to_numpy()).compute()
    assert (image["B4"] == 0).all()
    assert (image["B8A"] == 0).all()
    assert (image["B2"] > 0).all()


def test_a_cube_without_images_says_what_there_is(standin: StacStandin) -> None:
    with pytest.raises(DataError, match=r"no image of lat .* which has .*2015-06-27 … today"):
        service_of(standin.url).cube(grid_of(INNER), date(2021, 5, 1), date(2021, 5, 31), BANDS)


def large(standin: StacStandin) -> tuple[str, np.ndarray[Any, Any]]:
    """Serve a COG of 64 blocks of noise; give its address, and a place in each block."""
    path = standin.folder / "cogs" / "large" / "B2.tif"
    affine = rasterio.Affine(10, 0, 300_000, 0, -10, 1_200_000)
    if not path.exists():
        path.parent.mkdir(parents=True)
        noise = np.random.default_rng(7).integers(1, 9999, (1024, 1024), np.uint16)
        options = {"crs": "EPSG:32635", "transform": affine, "compress": "deflate"}
        options |= {"driver": "COG", "count": 1, "dtype": "uint16", "blocksize": 128}
        with rasterio.open(path, "w", height=1024, width=1024, **options) as made:
            made.write(noise, 1)
    middles = np.stack(np.meshgrid(*[np.arange(64.5, 1024, 128)] * 2), -1).reshape(-1, 2).T
    places = Transformer.from_crs(32635, 4326, always_xy=True).transform(*(affine * middles))
    return f"{standin.url}/cogs/large/B2.tif", np.stack(places, 1)


class Host:
    """Gives bytes of a file, as many as it likes, in place of a transport."""

    def __init__(self, content: bytes, most: int) -> None:
        self.asked: list[tuple[int, int | None]] = []
        self._content, self._most = content, most

    def span(self, _: str, first: int, end: int | None, size: int | None) -> Span:
        assert size in (None, len(self._content))
        self.asked.append((first, end))
        until = min(first + self._most, len(self._content) if end is None else end)
        return Span(first, self._content[first:until], len(self._content))


def answering(
    monkeypatch: pytest.MonkeyPatch, status: int, content: bytes, span: str | None
) -> RangedFile:
    """Open a file whose host always gives one answer."""
    answer = requests.Response()
    answer.status_code = status

    def get(*_: Any, **__: Any) -> requests.Response:
        answer.raw = HTTPResponse(BytesIO(content), preload_content=False)
        return answer

    if span is not None:
        answer.headers["Content-Range"] = span
    monkeypatch.setattr(requests.Session, "get", get)
    return RangedFile(RangeTransport(patient(), 1.0), "http://host/file")


def test_a_host_without_ranges_gives_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    file = answering(monkeypatch, 200, b"0123456789", None)
    assert (file.read(4), file.read(4), file.read(4), file.read(4)) == (
        b"0123",
        b"4567",
        b"89",
        b"",
    )
    assert (file.seek(-3, 2), file.read(2)) == (7, b"78")
    assert file.error is None


@pytest.mark.parametrize(
    ("content", "span"),
    [
        (b"0123", "bytes 0-9/10"),
        (b"0123456789", "bytes 5-14/20"),
        (b"0123456789", None),
        (b"", "bytes 0--1/10"),
    ],
)
def test_bytes_that_are_not_those_asked_for_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, content: bytes, span: str | None
) -> None:
    file = answering(monkeypatch, 206, content, span)
    assert file.read(4) == b""
    assert isinstance(file.error, GivenUp)
    assert "failed 4 times" in str(file.error)
    assert file.read(4) == b""


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_a_host_that_sends_less_than_asked_for_is_asked_on(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(ranges, "LEAST_BYTES", 5)
    content = bytes(range(200))
    file = RangedFile(Host(content, most), "file")  # type: ignore[arg-type]
    assert (file.read(20), file.seek(150), file.read(100)) == (content[:20], 150, content[150:])
    assert file.error is None


def test_only_the_header_and_the_last_ranges_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "LEAST_BYTES", 10)
    content = bytes(1000)
    host = Host(content, 1000)
    file = RangedFile(host, "file")  # type: ignore[arg-type]
    for first in (*range(0, 1000, 10), 990, 0):
        file.seek(first)
        assert len(file.read(10)) == 10
        assert sum(map(len, file._ranges.values())) <= 10 * (ranges.KEPT + 1)
    assert len(host.asked) == 100
    file.seek(500)
    file.read(10)
    assert len(host.asked) == 101


def test_a_range_that_fails_is_asked_again_alone(standin: StacStandin) -> None:
    href, lonlat = large(standin)
    attempts = patient()
    whole = Cogs(attempts, 5.0).at(href, lonlat)
    assert (whole > 0).all()
    requests_sent = len(standin.asked(".tif"))
    assert attempts.answers == requests_sent > 60
    # More failures than a request has tries, each of another request.
    standin.faults += [Fault("/B2.tif", 500, skip=skip) for skip in range(1, 11)]
    np.testing.assert_array_equal(Cogs(attempts, 5.0).at(href, lonlat), whole)
    assert attempts.retries == 10
    assert len(standin.asked(".tif")) == 2 * requests_sent + 10


def test_work_that_is_called_off_stops_within_a_cog(
    standin: StacStandin, table: pd.DataFrame
) -> None:
    attempts = Attempts(first_seconds=60.0)
    standin.faults.append(Fault("/B2.tif", 503, times=None))
    threading.Timer(0.2, attempts.stop.set).start()
    with pytest.raises(Stopped):
        Cogs(attempts, 5.0).at(
            f"{standin.url}/cogs/{standin.items[0]['id']}/B2.tif", table[["Lon", "Lat"]].to_numpy()
        )


def test_short_ranges_give_the_same_pixels(standin: StacStandin) -> None:
    href, lonlat = large(standin)
    whole = Cogs(patient(), 5.0).at(href, lonlat)
    standin.faults.append(Fault("/B2.tif", "short", times=40))
    np.testing.assert_array_equal(Cogs(patient(), 5.0).at(href, lonlat), whole)
    assert standin.faults[0].times == 0


@pytest.mark.parametrize("fault", [403, 400, "garbage", "no baseline"])
def test_an_image_that_cannot_be_read_stops_only_its_chunk_and_may_be_passed_over(
    standin: StacStandin, table: pd.DataFrame, truth: pd.DataFrame, fault: Any
) -> None:
    granule = clear(truth)
    day = truth[truth["granule"] == granule]["time"].iloc[0].date()
    if fault == "no baseline":
        item = next(each for each in standin.items if each["id"] == granule)
        del item["properties"]["s2:processing_baseline"]
    else:
        standin.faults.append(Fault(f"{granule}/B4", fault, times=None))
    message = rf"image {granule}: .*source\.leave_out=\[{granule}\]"
    with pytest.raises(GivenUp, match=message):
        seen_of(service_of(standin.url), table, day, day)
    with pytest.raises(GivenUp, match=message):
        service_of(standin.url).cube(grid_of(INNER), day, day, BANDS).compute()
    service = service_of(standin.url, leave_out=(granule,))
    others = truth[(truth["granule"] != granule) & (truth["time"].dt.date == day)]
    seen = seen_of(service, table, day, day)
    assert_rows(seen, table, others)
    assert seen.notes == (f"{granule} is passed over (source.leave_out)",)
    if len(others):
        assert granule not in service.cube(grid_of(INNER), day, day, BANDS)["granule"]


def test_places_whose_images_are_all_passed_over_are_told_so(
    standin: StacStandin, table: pd.DataFrame
) -> None:
    names = tuple(item["id"] for item in standin.items)
    seen = seen_of(service_of(standin.url, leave_out=names), table)
    assert set(seen.unseen.values()) == {
        f"all {len(names)} images are passed over (source.leave_out)"
    }


def test_a_signature_that_expires_amid_a_read_is_made_anew(
    standin: StacStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache: dict[str, Any] = {}
    monkeypatch.setattr(planetary_computer.sas, "TOKEN_CACHE", cache)
    made: list[str] = []

    def sign(href: str) -> str:
        if "host" not in cache:
            made.append(f"token{len(made)}")
            cache["host"] = SimpleNamespace(token=made[-1])
        return f"{href}?{cache['host'].token}"

    monkeypatch.setattr(planetary_computer, "sign_url", sign)
    href, lonlat = large(standin)
    whole = Cogs(patient(), 5.0).at(href, lonlat)
    cogs = Cogs(patient(), 5.0, sign=True)
    standin.faults += [Fault("/B2.tif", 403, skip=5), Fault("/B2.tif", 403, skip=30)]
    np.testing.assert_array_equal(cogs.at(href, lonlat), whole)
    assert made == ["token0", "token1", "token2"]
    standin.faults = [Fault("/B2.tif", 403, times=None)]
    with pytest.raises(DataError, match="is refused"):
        cogs.at(href, lonlat)
    assert len(made) == 4


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([179.5, -17, -179.5, -16], [True, True, False, False]),
        ([179.5, -17, 0, -179.5, -16, 900], [True, True, False, False]),
        ([-1, -17, 1, -16], [False, False, True, False]),
        (None, [True] * 4),
    ],
)
def test_boxes_may_lie_across_the_antimeridian(
    box: list[float] | None, expected: list[bool]
) -> None:
    lonlat = np.array([[179.9, -16.5], [-179.9, -16.5], [0, -16.5], [179.9, 40]])
    assert in_box(box, lonlat).tolist() == expected
    assert [overlap(box, bounds_around(place[None])) for place in lonlat] == expected


def test_no_search_goes_beyond_the_earth() -> None:
    assert bounds_around(np.array([[180.0, 90.0], [179.0, 89.0]])) == (178.999, 88.999, 180.0, 90.0)
    assert bounds_around(np.array([[-180.0, -90.0]])) == (-180.0, -90.0, -179.999, -89.999)


def test_cogs_are_read_in_another_process_too(standin: StacStandin, table: pd.DataFrame) -> None:
    there: Cogs = pickle.loads(pickle.dumps(Cogs(patient(), 5.0)))
    href = f"{standin.url}/cogs/{standin.items[0]['id']}/B2.tif"
    standin.faults.append(Fault("/B2.tif", 503))
    assert (there.at(href, table[["Lon", "Lat"]].to_numpy()) > 0).any()


@pytest.mark.parametrize(
    ("catalog", "changes", "message"),
    [
        (
            "{url}",
            {"collection": "sentinel-2-c1"},
            "no collection .* did you mean 'sentinel-2-c1-l2a'",
        ),
        ("{url}/cogs", {}, "answers HTTP 404"),
        ("{url}/collections", {}, "answers, but not as a STAC API"),
        ("known", {}, "nobody answers at http://127.0.0.1:1/v1"),
        ("earth_serch", {}, "must be a name in source.catalogs, .* got '.*earth_serch'"),
        ("{empty}", {}, "has no item"),
        ("{folder}", {"collection": "other"}, "set source.collection to one of sentinel-2-c1-l2a"),
        ("{broken}", {}, "no STAC catalogue that can be read"),
    ],
)
def test_what_is_no_catalogue_is_answered_in_one_line(
    standin: StacStandin, tmp_path: Path, catalog: str, changes: dict[str, Any], message: str
) -> None:
    folders = {name: tmp_path / name for name in ("empty", "folder", "broken")}
    for path in folders.values():
        path.mkdir()
    item = pystac.Item.from_dict(standin.items[0])
    item.save_object(False, str(folders["folder"] / "item.json"))
    (folders["broken"] / "item.json").write_text("{")
    with pytest.raises(DataError, match=message) as caught:
        service_of(catalog.format(url=standin.url, **folders), **changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "band", "key"),
    [
        (["nir", "nir08", "nir09"], "B8", "nir"),
        (["nir", "nir08", "nir09"], "B8A", "nir08"),
        (["rededge1", "rededge2", "rededge3"], "B7", "rededge3"),
        (["B08", "B8A", "B11"], "B8", "B08"),
        (["B08", "B8A", "B11"], "B8A", "B8A"),
        (["B02_20m", "B02_10m", "B02_60m"], "B2", "B02_10m"),
        (["SCL_60m", "SCL_20m"], "SCL", "SCL_20m"),
        (["B2", "B8"], "B2", "B2"),
        (["blue-jp2", "visual"], "B2", None),
    ],
)
def test_bands_are_found_by_the_keys_of_each_catalogue(
    keys: list[str], band: str, key: str | None
) -> None:
    item = SimpleNamespace(assets={each: pystac.Asset(each) for each in keys})
    found = asset_of(item, band)  # type: ignore[arg-type]
    assert (found and found.href) == key


@pytest.mark.parametrize(
    "told",
    [
        {"eo:bands": [{"name": "x", "common_name": "nir08"}]},
        {"bands": [{"eo:common_name": "nir08"}]},
        {"bands": [{"name": "B8A"}]},
    ],
)
def test_bands_are_found_by_what_assets_say(told: dict[str, Any]) -> None:
    three = {key: value * 3 for key, value in told.items()}
    assets = {
        "preview": pystac.Asset("preview", extra_fields=three),
        "thumb": pystac.Asset("thumb", roles=["thumbnail"], extra_fields=told),
        "jp2": pystac.Asset("jp2", media_type="image/jp2", extra_fields=told),
        "image": pystac.Asset("image", media_type=pystac.MediaType.COG, extra_fields=told),
    }
    found = asset_of(SimpleNamespace(assets=assets), "B8A")  # type: ignore[arg-type]
    assert found is not None
    assert found.href == "image"


def test_an_examination_goes_step_by_step(standin: StacStandin) -> None:
    service = StacService(source_of(standin.url), patient())
    findings = list(service.examine(24.105, 10.05, date(2022, 1, 26), LAST))
    steps = ["catalogue", "collection", "images", "bands", "numbers", "observations"]
    assert [finding.step for finding in findings] == steps
    assert all(finding.ok for finding in findings)
    assert "STAC API 1.0.0" in findings[0].text
    assert "minus 1000" in findings[4].text
    standin.faults.append(Fault("/search", 403, times=None))
    *_, last = service.examine(24.105, 10.05, FIRST, LAST)
    assert (last.step, last.ok) == ("images", False)


def test_a_band_that_no_image_has_is_refused(
    granules: Granules, table: pd.DataFrame, cogs: Path
) -> None:
    lacking = {granule.name: ("B4",) for granule in granules.granules}
    with StacStandin(granules, AREA, cogs, BANDS, lacking=lacking) as served:
        service = StacService(source_of(served.url), patient())
        lonlat = table[["Lon", "Lat"]].to_numpy()
        with pytest.raises(ConfigError, match=r"none of \d+ images of .* has B4; leave it out of"):
            service.points(lonlat, FIRST, LAST, BANDS)
