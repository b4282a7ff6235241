from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ee
import httplib2
import pytest
from google.auth.exceptions import RefreshError, TransportError
from googleapiclient.errors import HttpError

from cropland.config import EarthEngine
from cropland.errors import ConfigError, CroplandError, DataError
from cropland.sources.attempts import Attempts, TooLarge, Transient
from cropland.sources.connection import Connection
from cropland.sources.earthengine import EarthEngineService
from cropland.sources.refusals import StalePage, meaning
from cropland.sources.transport import Transport

BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12", "SCL")
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
    transport = Transport(2, 5.0)
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
        Transport(2, 0.3).request(f"{server.url}/{form}")
    assert time.monotonic() - begun < 2


def test_nobody_there_is_an_error_of_the_connection() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConnectionError):
        Transport(2, 1.0).request(address)


def test_as_many_connections_are_kept_as_there_are_workers(server: Any) -> None:
    transport, workers = Transport(16, 5.0), 16
    server.barrier = threading.Barrier(workers)
    with ThreadPoolExecutor(workers) as pool:
        for _ in range(2):
            list(pool.map(transport.request, [f"{server.url}/together"] * workers))
    assert server.connections == workers


def test_no_redirection_is_followed_since_headers_hold_a_token(server: Any) -> None:
    head, _ = Transport(2, 5.0).request(f"{server.url}/elsewhere")
    assert head.status == 302
    assert server.paths == ["/elsewhere"]


def test_the_header_of_a_used_up_quota_is_remembered_and_kept_from_the_client(server: Any) -> None:
    transport = Transport(2, 5.0)
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
    meant = meaning(refused(text, status), "my-project")
    assert isinstance(meant, Transient)
    assert meant.busy


@pytest.mark.parametrize(("status", "text"), TOO_LARGE)
def test_what_is_too_large_is_to_be_split(status: int, text: str) -> None:
    assert isinstance(meaning(refused(text, status), "my-project"), TooLarge)


@pytest.mark.parametrize(
    "error",
    [
        *(
            refused("An internal error has occurred", status)
            for status in (408, 500, 502, 503, 504)
        ),
        ConnectionResetError("reset"),
        TimeoutError("no answer"),
        TransportError("no network"),
        RefreshError("try later", retryable=True),
        json.JSONDecodeError("Expecting value", "<html>", 0),
    ],
    ids=repr,
)
def test_what_may_not_come_again_is_asked_again(error: Exception) -> None:
    meant = meaning(error, "my-project")
    assert isinstance(meant, Transient)
    assert not meant.busy


def test_a_service_says_how_long_it_wants_to_be_left_alone() -> None:
    for wait, seconds in (("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0)):
        for status in (429, 503):
            meant = meaning(refused("slow down", status, **{"retry-after": wait}), "my-project")
            assert isinstance(meant, Transient)
            assert meant.wait_seconds == seconds


def test_a_page_that_the_service_forgot_is_no_refusal() -> None:
    assert isinstance(meaning(refused("Invalid page token.", 400), "my-project"), StalePage)


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
    meant = meaning(error, "my-project")
    assert isinstance(meant, CroplandError)
    with pytest.raises(type(meant), match=said):
        raise meant
    assert "\n" not in str(meant)


def test_a_long_refusal_is_shortened() -> None:
    assert len(str(meaning(refused("word " * 1000, 400), "my-project"))) < 400


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
