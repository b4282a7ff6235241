from __future__ import annotations

import gzip
import json
import pickle
import re
import socket
import struct
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ee
import httplib2
import numpy as np
import pandas as pd
import pytest
import requests
import urllib3
import xarray as xr
from google.auth.exceptions import RefreshError, TransportError
from googleapiclient.errors import HttpError
from pyproj import Transformer
from standins.earthengine import (
    EarthEngineStandin,
    Refusal,
    Reset,
    Truncation,
)
from standins.granules import Granules

from cropland.config.countries import Box, Country, Reference
from cropland.config.sources import EarthEngine
from cropland.errors import ConfigError, CroplandError, DataError
from cropland.sources.earthengine import cubes, graphs
from cropland.sources.earthengine import service as earthengine
from cropland.sources.earthengine.connection import Connection
from cropland.sources.earthengine.refusals import StalePage, meaning_of
from cropland.sources.earthengine.service import EarthEngineService
from cropland.sources.earthengine.transport import HttpTransport
from cropland.sources.grid import grid_of
from cropland.sources.retries import Attempts, GivenUp, TooLarge, Transient
from cropland.sources.service import NO_IMAGE, Finding, Seen
from cropland.sources.simulation.profile import Profile

BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12", "SCL")
FIRST, LAST = date(2022, 1, 6), date(2022, 2, 14)
FAR_AWAY = (30.0, 10.0)
SMALL = Box(10.0490, 10.0515, 24.1035, 24.1065)
BODY = b"0123456789" * 1000


def source_of(address: str, **changes: Any) -> EarthEngine:
    values: dict[str, Any] = {
        "name": "earthengine",
        "project": "my-project",
        "collection": "COPERNICUS/S2_SR_HARMONIZED",
        "endpoint": address,
        "points_per_request": 25,
        "bands": BANDS,
        "margin_days": 0,
        "labelled": "Train.csv",
        "unlabelled": "Test.csv",
        "workers": 4,
        "tries": 3,
        "wait_seconds": 0.01,
        "timeout_seconds": 5.0,
    }
    return EarthEngine(**values | changes)


def patient() -> Attempts:
    return Attempts(workers=4, tries=3, first_seconds=0.01, most_seconds=0.02)


@pytest.fixture(autouse=True)
def catalogue_of_deprecated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the client a request to Google, as its own tests do."""
    monkeypatch.setattr(ee.deprecation, "_FetchDataCatalogStac", dict)


class Answers(BaseHTTPRequestHandler):
    """Answers a path in the way that its name says."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.paths.append(self.path)  # type: ignore[attr-defined]
        getattr(self, self.path.strip("/"), self.something)()

    def something(self) -> None:
        """Answer as a web server does that has nothing to do with it."""
        self.head(self.server.status, Content_Length="13")  # type: ignore[attr-defined]
        self.wfile.write(b"<html></html>")

    def head(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content_Length": str(len(BODY))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.flush()

    def whole(self) -> None:
        self.head()
        self.wfile.write(BODY)

    def together(self) -> None:
        self.server.barrier.wait(5)  # type: ignore[attr-defined]
        self.whole()

    def zipped(self) -> None:
        body = gzip.compress(BODY)
        self.head(Content_Length=str(len(body)), Content_Encoding="gzip")
        self.wfile.write(body)

    def chunked(self) -> None:
        self.pieces(BODY, end=b"0\r\n\r\n")

    def truncated(self) -> None:
        self.head()
        self.wfile.write(BODY[:500])
        self.close_connection = True

    def truncated_chunks(self) -> None:
        self.pieces(gzip.compress(BODY)[:-20], end=b"", Content_Encoding="gzip")
        self.close_connection = True

    def pieces(self, body: bytes, end: bytes, **headers: str) -> None:
        self.send_response(200)
        for name, value in ({"Transfer_Encoding": "chunked"} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n" + end)

    def reset(self) -> None:
        self.head()
        self.wfile.write(BODY[:500])
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        socket.socket(fileno=self.connection.detach()).close()

    def silent(self) -> None:
        self.server.done.wait(5)  # type: ignore[attr-defined]
        self.close_connection = True

    def dripping(self) -> None:
        self.head()
        self.close_connection = True
        for byte in BODY:
            if self.server.done.wait(0.05):  # type: ignore[attr-defined]
                return
            self.wfile.write(bytes([byte]))

    def elsewhere(self) -> None:
        self.head(302, Location="/whole", Content_Length="0")

    def used_up(self) -> None:
        self.head(X_Earth_Engine_Quota_Status="parallelism_restricted=true")
        self.wfile.write(BODY)


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Clients that give up are what is tested."""


@pytest.fixture
def server() -> Iterator[Any]:
    running: Any = Quiet(("127.0.0.1", 0), Answers)
    running.connections, running.paths, running.done, running.status = 0, [], threading.Event(), 200
    running.url = f"http://127.0.0.1:{running.server_address[1]}"
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    yield running
    running.done.set()
    running.shutdown()
    running.server_close()


@pytest.mark.parametrize("form", ["whole", "zipped", "chunked"])
def test_a_whole_answer_arrives_in_any_form_and_its_connection_is_used_again(
    server: Any, form: str
) -> None:
    transport = HttpTransport(2, 5.0)
    for _ in range(3):
        head, body = transport.request(f"{server.url}/{form}")
        assert (head.status, body) == (200, BODY)
    assert server.connections == 1


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ("truncated", ConnectionError),
        ("truncated_chunks", ConnectionError),
        ("reset", ConnectionError),
        ("silent", TimeoutError),
        ("dripping", TimeoutError),
    ],
)
def test_an_answer_that_is_not_whole_is_an_error_in_time(
    server: Any, form: str, error: type[OSError]
) -> None:
    begun = time.monotonic()
    with pytest.raises(error):
        HttpTransport(2, 0.3).request(f"{server.url}/{form}")
    assert time.monotonic() - begun < 2


def test_nobody_there_is_an_error_of_the_connection() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConnectionError):
        HttpTransport(2, 1.0).request(address)


def test_as_many_connections_are_kept_as_there_are_workers(server: Any) -> None:
    transport, workers = HttpTransport(16, 5.0), 16
    server.barrier = threading.Barrier(workers)
    with ThreadPoolExecutor(workers) as pool:
        for _ in range(2):
            list(pool.map(transport.request, [f"{server.url}/together"] * workers))
    assert server.connections == workers


def test_no_redirection_is_followed_since_headers_hold_a_token(server: Any) -> None:
    head, _ = HttpTransport(2, 5.0).request(f"{server.url}/elsewhere")
    assert head.status == 302
    assert server.paths == ["/elsewhere"]


def test_the_header_of_a_used_up_quota_is_remembered_and_kept_from_the_client(server: Any) -> None:
    transport = HttpTransport(2, 5.0)
    transport.request(f"{server.url}/whole")
    assert not transport.restricted
    head, _ = transport.request(f"{server.url}/used_up")
    assert transport.restricted
    assert "x-earth-engine-quota-status" not in head


def refused(text: str, status: int, **headers: str) -> Exception:
    """Give the error that the client raises for an answer."""
    answer = httplib2.Response({"status": str(status)} | headers)
    try:
        raise HttpError(answer, json.dumps({"error": {"message": text}}).encode())
    except HttpError as error:
        try:
            raise ee.EEException(error.reason)
        except ee.EEException as raised:
            return raised


BUSY = (
    (429, "Too Many Requests: the request rate or concurrency limit was exceeded."),
    (400, "Too many concurrent aggregations."),
    (403, "Quota exceeded for quota metric 'Requests'"),
    (429, "whatever it says"),
)
TOO_LARGE = (
    (400, "Computation timed out."),
    (400, "User memory limit exceeded."),
    (400, "Request payload size exceeds the limit: 10485760 bytes."),
    (400, "Too many aggregations in this request."),
    (400, "Collection query aborted after accumulating over 5000 elements."),
    (400, "Output of image computation is too large (12 bands for 9 pixels = 90 MiB > 48 MiB)."),
    (400, "Total request size (60000000 bytes) must be less than or equal to 50331648 bytes."),
    (500, "Computation timed out."),
)


@pytest.mark.parametrize(("status", "text"), BUSY)
def test_a_busy_service_is_asked_less(status: int, text: str) -> None:
    meant = meaning_of(refused(text, status), "my-project")
    assert isinstance(meant, Transient)
    assert meant.busy


@pytest.mark.parametrize(("status", "text"), TOO_LARGE)
def test_what_is_too_large_is_to_be_split(status: int, text: str) -> None:
    assert isinstance(meaning_of(refused(text, status), "my-project"), TooLarge)


@pytest.mark.parametrize(
    "error",
    [
        *(
            refused("An internal error has occurred", status)
            for status in (408, 500, 502, 503, 504)
        ),
        ConnectionResetError("reset"),
        TimeoutError("no answer"),
        socket.gaierror(-2, "Name or service not known"),
        requests.ConnectionError("no route"),
        urllib3.exceptions.ProtocolError("broken"),
        TransportError("no network"),
        RefreshError("try later", retryable=True),
        json.JSONDecodeError("Expecting value", "<html>", 0),
    ],
    ids=repr,
)
def test_what_may_not_come_again_is_asked_again(error: Exception) -> None:
    meant = meaning_of(error, "my-project")
    assert isinstance(meant, Transient)
    assert not meant.busy


def test_a_service_says_how_long_it_wants_to_be_left_alone() -> None:
    for wait, seconds in (("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0)):
        for status in (429, 503):
            meant = meaning_of(refused("slow down", status, **{"retry-after": wait}), "my-project")
            assert isinstance(meant, Transient)
            assert meant.wait_seconds == seconds


def test_a_page_that_the_service_forgot_is_no_refusal() -> None:
    assert isinstance(meaning_of(refused("Invalid page token.", 400), "my-project"), StalePage)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ee.EEException("Please authorize access to your account"),
            "run `earthengine authenticate`",
        ),
        (RefreshError("invalid_grant"), "expired .* `earthengine authenticate`.* is kept"),
        (refused("Request had invalid authentication credentials.", 401), "expired .* is kept"),
        (ee.EEException("ee.Initialize: no project found."), "source.project=NAME"),
        (
            refused("Project 'projects/p' is not registered to use Earth Engine.", 403),
            "my-project is not registered .*https://code.earthengine.google.com/register",
        ),
        (
            refused(
                "Earth Engine API has not been used in project 123 before or it is disabled.", 403
            ),
            "not enabled in the project my-project; enable it at https://console.cloud.google.com",
        ),
        (
            refused("Caller does not have required permission to use project my-project.", 403),
            "may not use the project my-project.* roles Service Usage Consumer",
        ),
        (
            refused(
                "ImageCollection.load: ImageCollection asset 'COPERNICUS/S9' not found (does not exist or "
                "caller does not have access).",
                404,
            ),
            "no collection COPERNICUS/S9 .*source.collection",
        ),
        (
            refused(
                "Image.select: Band pattern 'B99' did not match any bands. Available: [B1]", 400
            ),
            "no band B99; correct source.bands",
        ),
        (
            refused("Something else.\nOf two lines.", 400),
            r"refuses \(400\): Something else. Of two",
        ),
    ],
)
def test_what_only_a_user_can_mend_is_said_in_one_line(error: Exception, said: str) -> None:
    meant = meaning_of(error, "my-project")
    assert isinstance(meant, CroplandError)
    with pytest.raises(type(meant), match=said):
        raise meant
    assert "\n" not in str(meant)


def test_a_long_refusal_is_shortened() -> None:
    assert len(str(meaning_of(refused("word " * 1000, 400), "my-project"))) < 400


@pytest.mark.parametrize(
    ("endpoint", "given"),
    [
        ("https://earthengine-highvolume.googleapis.com", True),
        ("https://earthengine.googleapis.com/", True),
        ("http://earthengine.googleapis.com", False),
        ("https://earthengine.googleapis.com.example.org", False),
        ("https://earthenginegoogleapis.com", False),
        (r"https://example.org\.googleapis.com", False),
        ("https://example.org#.googleapis.com", False),
        ("http://127.0.0.1:8000", False),
    ],
)
def test_credentials_are_looked_for_only_where_google_is_asked(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, given: bool
) -> None:
    looked_for = []
    monkeypatch.setattr(ee.data, "get_persistent_credentials", lambda: looked_for.append(1))
    said = Connection(source_of(endpoint), patient()).sign_in()
    assert bool(looked_for) == given
    assert ("none are sent" in said) != given


def test_no_credentials_are_answered_with_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise ee.EEException("Please authorize access to your Earth Engine account by running")

    monkeypatch.setattr(ee.data, "get_persistent_credentials", none)
    source = source_of("https://earthengine.googleapis.com")
    with pytest.raises(DataError, match="run `earthengine authenticate`"):
        EarthEngineService.connect(source, patient())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"project": None}, "source.project=NAME"),
        ({"project": "projects/x"}, "source.project must be the id .* got 'projects/x'"),
        ({"endpoint": "127.0.0.1:80"}, "source.endpoint must be an address like https://HOST"),
    ],
)
def test_a_bad_setting_is_answered_before_any_request(
    server: Any, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        EarthEngineService.connect(source_of(server.url, **changes), patient())
    assert server.paths == []


@pytest.mark.parametrize("status", [200, 404])
def test_another_service_at_the_endpoint_is_told_from_earth_engine(
    server: Any, status: int
) -> None:
    server.status = status
    with pytest.raises(ConfigError, match="source.endpoint is not Earth Engine"):
        EarthEngineService.connect(source_of(server.url), patient())


def test_credentials_that_cannot_be_read_are_answered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "credentials").write_text("{half")
    monkeypatch.setattr(ee.oauth, "get_credentials_path", lambda: str(tmp_path / "credentials"))
    with pytest.raises(DataError, match="credentials cannot be read .* authenticate --force"):
        Connection(source_of("https://earthengine.googleapis.com"), patient()).sign_in()


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied", "/home/me/credentials"),
        IsADirectoryError(21, "Is a directory", "/home/me/credentials"),
        OSError("no certificates at /home/me/credentials"),
    ],
    ids=repr,
)
def test_a_fault_of_this_machine_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    looked_for = []

    def fails() -> None:
        looked_for.append(1)
        raise error

    monkeypatch.setattr(ee.data, "get_persistent_credentials", fails)
    with pytest.raises(DataError, match="this machine .*/home/me/credentials.* mend it"):
        Connection(source_of("https://earthengine.googleapis.com"), patient()).sign_in()
    assert looked_for == [1]


@pytest.fixture(scope="module")
def granules() -> Granules:
    """Of a box in two zones: tiles on both sides of 24° east."""
    reference = Reference("2022-01-01", "2022-12-31")
    return Granules(
        Country("edge", "Edge", Box(10.0, 10.1, 23.95, 24.15), reference), Profile(), FIRST, LAST
    )


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Twelve places on both sides of the zones' edge."""
    random = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "ID": [f"P{number:02}" for number in range(12)],
            "Lon": random.uniform(23.95, 24.15, 12).round(7),
            "Lat": random.uniform(10.0, 10.1, 12).round(7),
        }
    )


@pytest.fixture
def standin(granules: Granules) -> Iterator[EarthEngineStandin]:
    with EarthEngineStandin(granules) as running:
        yield running


@pytest.fixture
def service(standin: EarthEngineStandin) -> EarthEngineService:
    return EarthEngineService.connect(source_of(standin.url), patient())


def places_of(table: pd.DataFrame) -> Any:
    return table[["Lon", "Lat"]].to_numpy()


def rows_of(seen: Seen, table: pd.DataFrame) -> pd.DataFrame:
    """Give rows as the truth has them: a service may give them in any order."""
    rows = pd.DataFrame(
        {
            "ID": table["ID"].to_numpy()[seen.place],
            "time": seen.time,
            "granule": seen.granule.astype(object),
            **seen.values,
        }
    )
    return rows.sort_values(["ID", "time", "granule"], ignore_index=True)


def test_connecting_takes_three_requests_and_sends_no_token(standin: EarthEngineStandin) -> None:
    EarthEngineService.connect(source_of(standin.url), patient())
    assert len(standin.requests) == 3
    assert not any("authorization" in map(str.lower, each.headers) for each in standin.requests)


def test_the_list_of_deprecated_collections_is_waited_for_not_longer_than_for_a_connection(
    standin: EarthEngineStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = []

    def slow() -> None:
        waits.append(socket.getdefaulttimeout())
        raise TimeoutError("timed out")

    monkeypatch.setattr(ee.deprecation, "_FetchDataCatalogStac", slow)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EarthEngineService.connect(source_of(standin.url), patient())
    assert (waits, socket.getdefaulttimeout()) == ([10.0], None)


def test_rows_are_those_that_the_landscape_shows(
    service: EarthEngineService, granules: Granules, table: pd.DataFrame
) -> None:
    seen = service.points(places_of(table), FIRST, LAST, BANDS)
    pd.testing.assert_frame_equal(rows_of(seen, table), granules.observations(table))
    assert seen.unseen == {}
    assert seen.notes == ()
    assert {tile.epsg for tile in granules.granules} == {32634, 32635}


def test_days_are_both_included_and_no_others(
    service: EarthEngineService, granules: Granules, table: pd.DataFrame
) -> None:
    days = np.unique(granules.observations(table)["time"].to_numpy().astype("datetime64[D]"))
    first, last = (day.item() for day in days[[1, 3]])
    seen = service.points(places_of(table), first, last, ("B8", "SCL"))
    assert np.unique(seen.time.astype("datetime64[D]")).tolist() == days[1:4].tolist()
    assert list(seen.values) == ["B8", "SCL"]


def test_all_bands_and_images_of_a_chunk_are_one_request(
    service: EarthEngineService, standin: EarthEngineStandin, table: pd.DataFrame
) -> None:
    service.points(places_of(table), FIRST, LAST, BANDS)
    assert len(standin.posts()) == 1
    assert standin.posts()[0].body["workloadTag"] == "cropland"


@pytest.mark.parametrize(
    "fault",
    [
        Reset(path="computeFeatures", nth=2),
        Truncation(path="computeFeatures", nth=2),
        Refusal(path="computeFeatures", nth=2, status=429, message="Too Many Requests"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_only_the_page_that_failed_is_asked_again(
    service: EarthEngineService,
    standin: EarthEngineStandin,
    granules: Granules,
    table: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    fault: Any,
) -> None:
    truth = granules.observations(table)
    monkeypatch.setattr(earthengine, "PAGE_ROWS", len(truth) // 3 + 1)
    standin.faults.append(fault)
    seen = service.points(places_of(table), FIRST, LAST, BANDS)
    pd.testing.assert_frame_equal(rows_of(seen, table), truth)
    pages = [each.body.get("pageToken") for each in standin.posts()]
    assert len(pages) == 4
    assert pages[1] == pages[2]


def test_a_page_that_the_service_forgot_is_asked_for_anew_from_the_first(
    service: EarthEngineService,
    standin: EarthEngineStandin,
    granules: Granules,
    table: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth = granules.observations(table)
    monkeypatch.setattr(earthengine, "PAGE_ROWS", len(truth) // 3 + 1)
    forgotten = {"path": "computeFeatures", "status": 400, "message": "Invalid page token."}
    standin.faults.append(Refusal(nth=3, **forgotten))
    seen = service.points(places_of(table), FIRST, LAST, BANDS)
    pd.testing.assert_frame_equal(rows_of(seen, table), truth)
    assert [bool(each.body.get("pageToken")) for each in standin.posts()] == [
        *(False, True, True),
        *(False, True, True),
    ]
    standin.faults.append(Refusal(nth=2, times=9, **forgotten))
    with pytest.raises(GivenUp, match="failed 3 times, at last with: Invalid page token"):
        # From the second page on it knows nothing any more.
        monkeypatch.setattr(earthengine, "PAGE_ROWS", 5)
        service.points(places_of(table), FIRST, LAST, BANDS)


def test_rows_that_come_twice_are_kept_once_and_must_be_the_same() -> None:
    row = {"p": 0, "t": 1_600_000_000_000, "i": "A", "B8": 3000, "SCL": 4}
    other = row | {"t": 1_500_000_000_000, "i": "B"}
    assert graphs.distinct_rows(iter([row, other, dict(row)])) == [row, other]
    with pytest.raises(DataError, match="different values of image A"):
        graphs.distinct_rows(iter([row, row | {"B8": 3001}]))


def test_a_place_without_rows_is_told_why(
    service: EarthEngineService, standin: EarthEngineStandin, granules: Granules
) -> None:
    inside, hidden = (24.1, 10.05), (24.1, 10.06)
    images = service.points(np.array([inside, FAR_AWAY]), FIRST, LAST, BANDS)
    assert images.unseen == {1: "no image in these dates"}
    # What is all masked has been flown over and not seen.
    standin.catalogue.granules = Hidden(granules)  # type: ignore[assignment]
    seen = service.points(np.array([hidden]), FIRST, LAST, BANDS)
    assert len(seen) == 0
    assert seen.unseen[0].startswith("outside the swath of all ")
    flown_over = int(seen.unseen[0].split()[5])
    assert 0 < flown_over <= len(granules.granules)


class Hidden:
    """Granules that see nothing at all."""

    def __init__(self, granules: Granules) -> None:
        self.granules = granules.granules
        self._at = granules.at

    def at(self, lonlat: Any, numbers: Any = None) -> Any:
        return {band: values * 0 for band, values in self._at(lonlat, numbers).items()}


def test_all_places_without_rows_are_told_why_by_one_request(
    service: EarthEngineService, standin: EarthEngineStandin, granules: Granules
) -> None:
    standin.catalogue.granules = Hidden(granules)  # type: ignore[assignment]
    places = np.array([FAR_AWAY, (24.1, 10.05), (23.96, 10.05)] * 5)
    alone = [service.points(places[[number]], FIRST, LAST, BANDS).unseen[0] for number in range(3)]
    assert alone[0] == NO_IMAGE
    assert alone[1] != alone[2]
    assert all(why.startswith("outside the swath of all ") for why in alone[1:])
    before = len(standin.posts("value:compute"))
    seen = service.points(places, FIRST, LAST, BANDS)
    assert seen.unseen == dict(enumerate(alone * 5))
    assert len(standin.posts("value:compute")) - before == 1


def test_pages_that_overlap_give_each_row_once_and_one_page_alone_is_not_searched(
    service: EarthEngineService,
    granules: Granules,
    table: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth, read, searched = granules.observations(table), ee.data.computeFeatures, []

    def overlapping(asked: Any) -> Any:
        page = read(asked)
        last.extend(page["features"][-1:])
        return page | {"features": [*last[-2:-1], *page["features"]]}

    def watched(rows: Any) -> Any:
        searched.append(1)
        return distinct(rows)

    last: list[Any] = []
    distinct = graphs.distinct_rows
    monkeypatch.setattr(graphs, "distinct_rows", watched)
    monkeypatch.setattr(ee.data, "computeFeatures", overlapping)
    for size, searches in ((5000, 0), (len(truth) // 3 + 1, 1)):
        last.clear()
        monkeypatch.setattr(earthengine, "PAGE_ROWS", size)
        seen = service.points(places_of(table), FIRST, LAST, BANDS)
        pd.testing.assert_frame_equal(rows_of(seen, table), truth)
        assert len(searched) == searches


def darkened(values: Any, darker: int) -> Any:
    """Give what is to be seen of reflectance that is so much darker: where there is any, at least 1."""
    return np.where(values > 0, np.maximum(values.astype(int) - darker, 1), 0)


def test_reflectance_of_zero_is_no_lack_of_data(
    service: EarthEngineService,
    standin: EarthEngineStandin,
    granules: Granules,
    table: pd.DataFrame,
) -> None:
    truth = granules.observations(table)
    standin.catalogue.darker = darker = int(truth["B4"].median())
    found = rows_of(service.points(places_of(table), FIRST, LAST, BANDS), table)
    for band in BANDS:
        expected = truth[band] if band == "SCL" else darkened(truth[band], darker)
        np.testing.assert_array_equal(found[band], expected, err_msg=band)
    assert (found["B4"] == 1).mean() > 0.4


def test_the_scene_class_of_zero_stays_zero(service: EarthEngineService) -> None:
    # Class 1 is a defective pixel. The stand-in has no class 0 that is seen, the graph tells.
    asked = graphs.unmasked(ee.Image("A"), ("B4", "SCL", "B8")).serialize(for_cloud_api=True)
    assert re.search(r"\[\s*1,\s*0,\s*1\s*\]", asked)


def test_reflectance_of_zero_is_no_lack_of_data_in_a_cube_either(
    service: EarthEngineService, standin: EarthEngineStandin
) -> None:
    edge = Box(10.0490, 10.0515, 24.0585, 24.0625)  # of a tile
    # In any order, without the scene class too.
    for bands in (("B4", "SCL", "B8"), ("B8",), ("SCL",)):
        cube = service.cube(grid_of(edge), FIRST, date(2022, 1, 20), bands)
        standin.catalogue.darker = 0
        bright = cube.compute()
        standin.catalogue.darker = darker = 3000
        dark = cube.compute()
        for band in bands:
            values = bright[band].values
            expected = values if band == "SCL" else darkened(values, darker)
            np.testing.assert_array_equal(dark[band], expected, err_msg=band)
            assert dark[band].dtype == bright[band].dtype
        if bands[0] != "SCL":
            assert (bright[bands[0]] == 0).any() and (dark[bands[0]] == 1).any()


def test_a_request_that_takes_too_long_there_is_too_large(
    granules: Granules, table: pd.DataFrame
) -> None:
    with EarthEngineStandin(granules, slow_above=100) as standin:
        service = EarthEngineService.connect(source_of(standin.url), patient())
        with pytest.raises(TooLarge, match="Computation timed out"):
            service.points(places_of(table), FIRST, LAST, BANDS)
        assert len(service.points(places_of(table)[:2], FIRST, LAST, BANDS))


def test_a_used_up_quota_is_noted_once_and_the_client_does_not_warn(
    granules: Granules, table: pd.DataFrame
) -> None:
    with (
        EarthEngineStandin(granules, quota_restricted=True) as standin,
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        service = EarthEngineService.connect(source_of(standin.url), patient())
        read = [service.points(places_of(table)[:1], FIRST, LAST, BANDS) for _ in range(3)]
    assert [len(seen.notes) for seen in read] == [1, 0, 0]
    assert "my-project has used up its noncommercial quota" in read[0].notes[0]
    assert not [each for each in warned if "quota" in str(each.message)]


def test_a_collection_that_will_go_is_noted_with_its_successor(
    service: EarthEngineService, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "COPERNICUS/S2_SR_HARMONIZED"
    going = ee.deprecation.DeprecatedAsset(name, "COPERNICUS/S3", None, None)
    monkeypatch.setattr(ee.deprecation, "deprecated_assets", {name: going})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        seen = service.points(places_of(table)[:1], FIRST, LAST, BANDS)
    assert seen.notes == (
        f"Earth Engine will give up the collection {name}; its successor is COPERNICUS/S3",
    )


def test_credentials_that_expire_on_the_way_end_it_with_what_to_do(
    granules: Granules, table: pd.DataFrame
) -> None:
    with EarthEngineStandin(granules, expire_after=1) as standin:
        service = EarthEngineService.connect(source_of(standin.url), patient())
        service.points(places_of(table), FIRST, LAST, BANDS)
        with pytest.raises(DataError, match="expired .*`earthengine authenticate`.* is kept"):
            service.points(places_of(table), FIRST, LAST, BANDS)
        assert len(standin.posts()) <= 4


@pytest.mark.parametrize(
    ("changes", "bands", "said"),
    [
        ({"collection": "COPERNICUS/S9"}, BANDS, "no collection COPERNICUS/S9"),
        ({}, ("B99", "SCL"), "no band B99; correct source.bands"),
    ],
)
def test_what_the_service_does_not_have_is_told(
    standin: EarthEngineStandin,
    table: pd.DataFrame,
    changes: dict[str, Any],
    bands: tuple[str, ...],
    said: str,
) -> None:
    service = EarthEngineService.connect(source_of(standin.url, **changes), patient())
    with pytest.raises(ConfigError, match=said):
        service.points(places_of(table), FIRST, LAST, bands)
    assert len(standin.posts()) == 1


@pytest.fixture
def cube(service: EarthEngineService) -> xr.Dataset:
    return service.cube(grid_of(SMALL), FIRST, date(2022, 1, 20), BANDS)


def test_a_cube_shows_at_its_pixels_what_points_there_show(
    service: EarthEngineService, cube: xr.Dataset
) -> None:
    assert cube.sizes["time"] > 3
    assert {band: cube[band].dtype.name for band in ("B8", "B11", "SCL")} == {
        "B8": "uint16",
        "B11": "uint16",
        "SCL": "uint8",
    }
    assert cube.odc.geobox == grid_of(SMALL)
    order = np.lexsort((cube["granule"], cube["time"]))
    np.testing.assert_array_equal(order, np.arange(cube.sizes["time"]))
    where = [(2, 3), (11, 7), (20, 25)]
    to_degrees = Transformer.from_crs(str(cube.odc.geobox.crs), 4326, always_xy=True)
    centres = np.array([to_degrees.transform(cube["x"][x], cube["y"][y]) for y, x in where])
    seen = service.points(centres, FIRST, date(2022, 1, 20), BANDS)
    loaded = cube.compute()
    assert len(seen) == sum(int((loaded["SCL"][:, y, x] > 0).sum()) for y, x in where)
    steps = {name: step for step, name in enumerate(loaded["granule"].values)}
    for band, values in seen.values.items():
        pixels = [
            loaded[band].values[steps[name], *where[place]]
            for name, place in zip(seen.granule, seen.place, strict=True)
        ]
        np.testing.assert_array_equal(pixels, values, err_msg=band)


def test_a_tile_of_a_granule_is_one_request_and_none_before_it_is_computed(
    standin: EarthEngineStandin, service: EarthEngineService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cubes, "TILE_PIXELS", 20)
    cube = service.cube(grid_of(SMALL), FIRST, date(2022, 1, 10), BANDS)
    tiles = np.prod([-(-cube.sizes[axis] // 20) for axis in ("y", "x")]) * cube.sizes["time"]
    assert standin.posts("computePixels") == []
    whole = cube.compute()
    assert len(standin.posts("computePixels")) == tiles > cube.sizes["time"]
    index = (cube["B8"].astype(float) - cube["B4"]) / (cube["B8"] + cube["B4"] + 1)
    index.mean("time").compute()
    assert len(standin.posts("computePixels")) == 2 * tiles
    monkeypatch.undo()
    assert service.cube(grid_of(SMALL), FIRST, date(2022, 1, 10), BANDS).compute().identical(whole)


def test_a_tile_that_is_too_large_or_fails_is_asked_for_in_halves_or_again(
    standin: EarthEngineStandin, cube: xr.Dataset
) -> None:
    whole = cube.isel(time=[0]).compute()
    large = {"path": "computePixels", "status": 400, "message": "User memory limit exceeded."}
    standin.faults += [Refusal(**large), Truncation(path="computePixels", nth=2)]
    before = len(standin.posts("computePixels"))
    assert cube.isel(time=[0]).compute().identical(whole)
    # The whole, a half that comes broken, the same again, and the other half.
    assert len(standin.posts("computePixels")) - before == 4
    standin.faults.append(Refusal(times=99, **large))
    with pytest.raises(DataError, match="even a small tile: User memory limit exceeded"):
        cube.isel(time=[0]).compute()


def test_a_box_without_images_has_no_cube(service: EarthEngineService) -> None:
    with pytest.raises(DataError, match="has no image of lat .* ask for other days"):
        service.cube(grid_of(SMALL), date(2021, 1, 1), date(2021, 1, 31), BANDS)


def test_a_service_goes_to_another_process_and_connects_there(
    standin: EarthEngineStandin, service: EarthEngineService, table: pd.DataFrame
) -> None:
    sent = pickle.dumps(service)
    there, again = pickle.loads(sent), pickle.loads(sent)
    assert there._connection is again._connection
    assert len(standin.requests) == 6
    assert len(there.points(places_of(table), FIRST, LAST, BANDS))


def examined(
    address: str, place: tuple[float, float] = (24.1, 10.05), **changes: Any
) -> list[Finding]:
    unconnected = EarthEngineService(source_of(address, **changes), patient())
    return list(unconnected.examine(*place, FIRST, LAST))


def test_an_examination_ends_with_observations(standin: EarthEngineStandin) -> None:
    found = examined(standin.url)
    assert [(each.step, each.ok) for each in found] == [
        ("credentials", True),
        ("project", True),
        ("API", True),
        ("collection", True),
        ("quota", True),
        ("observations", True),
    ]
    assert found[2].text.startswith(
        f"earthengine-api {ee.__version__} speaks with http://127.0.0.1"
    )
    assert "COPERNICUS/S2_SR_HARMONIZED has" in found[3].text
    assert "from 2022-01-06 to 2022-02-14 in" in found[5].text


@pytest.mark.parametrize(
    ("step", "changes", "fault", "said"),
    [
        ("credentials", {"endpoint": "ftp://host"}, None, "source.endpoint must be an address"),
        ("project", {"project": None}, None, "source.project=NAME"),
        (
            "API",
            {},
            {"path": "algorithms", "message": "Project is not registered to use Earth Engine."},
            "register it at",
        ),
        ("collection", {"collection": "COPERNICUS/S9"}, None, "correct source.collection"),
        ("collection", {}, {"path": "compute", "message": "Refused."}, r"refuses \(403\): Refused"),
        (
            "observations",
            {},
            {"path": "computeFeatures", "nth": 2, "message": "Refused."},
            r"refuses \(403\): Refused",
        ),
    ],
)
def test_an_examination_ends_with_the_first_failure_and_how_to_mend_it(
    standin: EarthEngineStandin,
    step: str,
    changes: dict[str, Any],
    fault: dict[str, Any] | None,
    said: str,
) -> None:
    if fault:
        standin.faults.append(Refusal(status=403, times=9, **fault))
    *before, last = examined(changes.pop("endpoint", standin.url), **changes)
    assert all(each.ok for each in before)
    assert (last.step, last.ok) == (step, False)
    assert re.search(said, last.text)


def test_an_examination_tells_of_a_place_without_images_and_of_a_used_up_quota(
    granules: Granules,
) -> None:
    with EarthEngineStandin(granules, quota_restricted=True) as standin:
        assert "used up its noncommercial quota" in examined(standin.url)[4].text
        last = examined(standin.url, FAR_AWAY)[-1]
    assert (last.step, last.ok) == ("collection", False)
    assert "no image of [30.0, 10.0] from 2022-01-06 to 2022-02-14" in last.text
