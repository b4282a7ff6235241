"""Calls of Earth Engine that several tests make: settings, patience, places and rows."""

from __future__ import annotations

import gzip
import socket
import struct
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pandas as pd

from cropland.config.sources import EarthEngine
from cropland.sources.retries import Attempts
from cropland.sources.service import Seen

BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12", "SCL")
FIRST, LAST = date(2022, 1, 6), date(2022, 2, 14)
FAR_AWAY = (30.0, 10.0)
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


def darkened(values: Any, darker: int) -> Any:
    """Give what is to be seen of reflectance that is so much darker: where there is any, at least 1."""
    return np.where(values > 0, np.maximum(values.astype(int) - darker, 1), 0)
