"""Earth Engine's REST API (v1) on loopback: it evaluates what is posted, over simulated granules.

Wrong dates, bands or points give wrong data. Faults are queued in `EarthEngineStandin.faults`; what was
asked is in `EarthEngineStandin.requests`. As a process of its own it prints its address first:

    python tests/standins/earthengine.py iran 2018-07-01 2021-06-30 --latency 2 --limit 20
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import gzip
import io
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ee
import numpy as np

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from standins.elements import Catalogue, Collection, Image, Refused, as_json  # noqa: E402
from standins.expressions import Evaluator  # noqa: E402
from standins.granules import Granules  # noqa: E402

MOST_ROWS, DEFAULT_ROWS = 5000, 1000
TOO_MANY = (
    "Too Many Requests: Request was rejected because the request rate or concurrency limit was "
    "exceeded."
)
EXPIRED = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
    "valid authentication credential."
)
QUOTA_HEADER = "x-earth-engine-quota-status"
_SHIPPED = Path(ee.__file__).parent / "tests"
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_WORTH_PACKING = 1000


@dataclass(kw_only=True)
class Fault:
    """Something goes wrong with requests whose path contains `path`.

    Attributes
    ----------
    path
        Part of the path; all requests by default.
    nth
        With which of those that come once the fault is queued it begins, from 1.
    times
        How many of them it meets in a row.
    seen
        How many such requests have come so far.
    """

    path: str = ""
    nth: int = 1
    times: int = 1
    seen: int = 0

    def meets(self, path: str) -> bool:
        """Count a request and tell whether it is met."""
        if self.path not in path:
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


@dataclass(kw_only=True)
class Refusal(Fault):
    """It is answered with an error."""

    status: int
    message: str = "An internal error has occurred"
    headers: Mapping[str, str] = field(default_factory=dict)


class Reset(Fault):
    """The connection is reset in the middle of the answer."""


class Truncation(Fault):
    """The connection ends in the middle of the answer."""


class Silence(Fault):
    """The connection ends before the answer begins."""


@dataclass(kw_only=True)
class Hang(Fault):
    """The answer is kept back for so long."""

    seconds: float


class DroppedPage(Fault):
    """A page of features comes without its features, though another follows or not."""


@dataclass(frozen=True)
class Request:
    """What was asked: `time` in seconds since the epoch, `body` as it was posted."""

    method: str
    path: str
    body: Any
    headers: Mapping[str, str]
    time: float


class EarthEngineStandin:
    """The service, serving from ``with`` on.

    Parameters
    ----------
    granules
        What there is to see.
    latency
        Seconds that an answer to a POST takes, its evaluation included.
    limit
        Most POSTs at once: one more is answered 429.
    slow_above
        Points × days of a request above which it is answered "Computation timed out.", with 400.
    quota_restricted
        Whether each answer says that the project's quota is used up.
    expire_after
        After so many POSTs each is answered 401.

    Attributes
    ----------
    faults : list of Fault
        Yet to come, or past; those that met a request are in `met`.
    requests : list of Request
        All that were received.
    live, peak : int
        POSTs under way: now, and the most so far; those that exceeded the limit do not count.
    """

    def __init__(
        self,
        granules: Granules,
        *,
        latency: float = 0.0,
        limit: int = 40,
        slow_above: float | None = None,
        quota_restricted: bool = False,
        expire_after: int | None = None,
    ) -> None:
        self.catalogue = Catalogue(granules)
        self.latency, self.limit, self.slow_above = latency, limit, slow_above
        self.quota_restricted, self.expire_after = quota_restricted, expire_after
        self.faults: list[Fault] = []
        self.met: list[Fault] = []
        self.requests: list[Request] = []
        self.live = self.peak = 0
        self._posts = 0
        self._lock = threading.Lock()
        self._evaluating = threading.Lock()
        self._closing = threading.Event()
        self._lists: dict[str, Collection] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.standin = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        # Polls seldom, but `shutdown` waits for a poll.
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def posts(self, path: str = "") -> list[Request]:
        """Return the POSTs whose path contains `path`."""
        return [each for each in self.requests if each.method == "POST" and path in each.path]

    def received(self, request: Request) -> Fault | None:
        """Note a request and give the first fault that it meets."""
        with self._lock:
            self.requests.append(request)
            self._posts += request.method == "POST"
            # All count it, the first one decides.
            met = [fault for fault in self.faults if fault.meets(request.path)]
            self.met += met[:1]
        return met[0] if met else None

    @contextlib.contextmanager
    def turn(self, method: str) -> Iterator[None]:
        """Hold a place among the requests under way, or refuse."""
        if method != "POST":
            yield
            return
        with self._lock:
            if self.expire_after is not None and self._posts > self.expire_after:
                raise Refused(EXPIRED, 401)
            if self.live >= self.limit:
                raise Refused(TOO_MANY, 429)
            self.live += 1
            self.peak = max(self.peak, self.live)
        try:
            yield
        finally:
            with self._lock:
                self.live -= 1

    def wait(self, seconds: float) -> None:
        """Let time pass, no longer than the service lives."""
        if seconds > 0:
            self._closing.wait(seconds)

    def answer(self, path: str, body: Any, fault: Fault | None) -> bytes:
        """Answer a request.

        Raises
        ------
        Refused
            As the service would.
        """
        if isinstance(fault, Refusal):
            raise Refused(fault.message, fault.status)
        if path == "/$discovery/rest":
            return _discovery(self.url)
        if path.endswith("/algorithms"):
            return _algorithms()
        # One after another: threads that take turns at the interpreter would take longer.
        with self._evaluating:
            if path.endswith("/value:compute"):
                return json.dumps({"result": as_json(self._value(body))}).encode()
            if path.endswith("/table:computeFeatures"):
                return self._page(body, isinstance(fault, DroppedPage))
            if path.endswith("/image:computePixels"):
                return self._pixels(body)
        raise Refused(f"The stand-in has nothing at {path}", 404)

    def _value(self, body: Mapping[str, Any]) -> Any:
        value = Evaluator(self.catalogue, self.slow_above).run(body["expression"])
        if isinstance(value, Collection) and len(value.items) > MOST_ROWS:
            raise Refused(f"Collection query aborted after accumulating over {MOST_ROWS} elements.")
        return value

    def _page(self, body: Mapping[str, Any], dropped: bool) -> bytes:
        size = min(int(body.get("pageSize") or DEFAULT_ROWS), MOST_ROWS)
        token = body.get("pageToken") or ""
        start = int(token) if token.isdigit() else -1 if token else 0
        asked = json.dumps(body["expression"], sort_keys=True)
        rows = self._lists.get(asked) or Evaluator(self.catalogue, self.slow_above).run(
            body["expression"]
        )
        if not 0 <= start <= len(rows.items):
            raise Refused(f"Invalid page token: {token!r}.")
        page: dict[str, Any] = {"type": "FeatureCollection"}
        features = [
            {**as_json(row), "id": str(start + number)}
            for number, row in enumerate(rows.items[start : start + size])
        ]
        if features and not dropped:  # an empty list is left out
            page["features"] = features
        with self._lock:
            self._lists.pop(asked, None)
            if start + size < len(rows.items):
                page["nextPageToken"] = str(start + size)
                self._lists[asked] = rows
        return json.dumps(page).encode()

    def _pixels(self, body: Mapping[str, Any]) -> bytes:
        image = Evaluator(self.catalogue).run(body["expression"])
        if not isinstance(image, Image):
            raise Refused("Invalid argument: the expression is not an image.")
        if body.get("fileFormat") != "NPY" or "grid" not in body:
            raise Refused("The stand-in writes fileFormat NPY, on a grid that is given")
        content = io.BytesIO()
        np.save(content, self.catalogue.pixels(image, body["grid"]))
        return content.getvalue()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    standin: EarthEngineStandin

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that left."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the screen clean: requests are kept by the stand-in."""

    def do_GET(self) -> None:
        self._serve(None)

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        self._serve(json.loads(content))

    def _serve(self, body: Any) -> None:
        standin, begun = self.server.standin, time.monotonic()
        path = self.path.split("?")[0]
        fault = standin.received(Request(self.command, path, body, dict(self.headers), time.time()))
        status, headers = 200, dict(fault.headers) if isinstance(fault, Refusal) else {}
        try:
            with standin.turn(self.command):
                try:
                    content = standin.answer(path, body, fault)
                finally:
                    kept_back = fault.seconds if isinstance(fault, Hang) else 0.0
                    latency = standin.latency if self.command == "POST" else 0.0
                    standin.wait(begun + latency + kept_back - time.monotonic())
        except Refused as error:
            status = error.status
            name = _STATUS.get(status, "UNKNOWN")
            told = {"code": status, "message": str(error), "status": name}
            content = json.dumps({"error": told}).encode()
        with contextlib.suppress(ConnectionError):
            self._reply(status, headers, content, fault)

    def _reply(
        self, status: int, headers: dict[str, str], content: bytes, fault: Fault | None
    ) -> None:
        npy = content.startswith(b"\x93NUMPY")
        headers["Content-Type"] = (
            "application/octet-stream" if npy else "application/json; charset=UTF-8"
        )
        packed = "gzip" in self.headers.get("Accept-Encoding", "")
        if packed and len(content) > _WORTH_PACKING:
            content = gzip.compress(content, 1)
            headers["Content-Encoding"] = "gzip"
        if self.server.standin.quota_restricted:
            headers[QUOTA_HEADER] = "parallelism_restricted=true"
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        if isinstance(fault, Reset | Truncation | Silence):
            self._break_off(content, fault)
            return
        self.end_headers()
        self.wfile.write(content)

    def _break_off(self, content: bytes, fault: Fault) -> None:
        self.close_connection = True
        if not isinstance(fault, Silence):
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
        if isinstance(fault, Reset):
            # What was sent must arrive first: a reset overtakes it.
            time.sleep(0.02)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)


@cache
def _discovery(url: str) -> bytes:
    """Return what the client learns the API from; it ships with a description of an older version."""
    described = (_SHIPPED / "cloud_api_discovery_document.json").read_text()
    here = described.replace("v1alpha", "v1").replace("https://earthengine.googleapis.com", url)
    return here.encode()


@cache
def _algorithms() -> bytes:
    return (_SHIPPED / "algorithms.json").read_bytes()


def main() -> None:
    """Serve a country until the process is ended."""
    parser = argparse.ArgumentParser(
        description="Earth Engine's stand-in; prints its address first."
    )
    parser.add_argument("country", help="a file of conf/country, without .yaml")
    parser.add_argument("first", type=date.fromisoformat, help="first day, YYYY-MM-DD")
    parser.add_argument("last", type=date.fromisoformat, help="last day, included")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds an answer takes")
    parser.add_argument("--limit", type=int, default=40, help="most requests at once")
    given = parser.parse_args()
    granules = Granules.of(given.country, given.first, given.last)
    with EarthEngineStandin(granules, latency=given.latency, limit=given.limit) as standin:
        # Rows by the thousand would have all objects looked through again and again.
        gc.freeze()
        gc.set_threshold(500_000, 20, 50)
        sys.stdout.write(f"{standin.url}\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
