"""A STAC API and a server of COGs on loopback, or a static catalogue in a folder; the landscape is its truth.

Items are those of Earth Search. The COGs hold only the pixels of an area, in each granule's own UTM zone, and
are made when they are first asked for. From processing baseline 04.00 on stored numbers carry 1000 more.

``python tests/standins/stac.py --country conf/country/iran.yaml --first 2020-01-01 --last 2020-02-29
--box 32.200 32.206 48.300 48.308`` serves until it is ended and prints its address on the first line.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np
import rasterio
import shapely
from omegaconf import OmegaConf
from pyproj import Transformer

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # to start as a program
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cropland.config.countries import Box, country
from cropland.sources.simulation.profile import Profile
from standins.granules import BANDS, PIXEL_METRES, Granule, Granules

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "sentinel-2-c1-l2a"
KEYS = {
    "B2": "blue",
    "B3": "green",
    "B4": "red",
    "B5": "rededge1",
    "B6": "rededge2",
    "B7": "rededge3",
    "B8": "nir",
    "B8A": "nir08",
    "B11": "swir16",
    "B12": "swir22",
    "SCL": "scl",
}
"""Earth Search's names."""
OFFSET_FROM = 4.0
COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
Trouble = Literal["truncate", "reset", "hang", "drip", "short", "garbage"]


@dataclass
class Fault:
    """What goes wrong with requests whose path contains something.

    Attributes
    ----------
    path
        Part of the path.
    kind
        An HTTP status, or what happens to the body: ``short`` is a range that says that it is shorter than
        asked for.
    times
        How often; None is always.
    retry_after
        Seconds, in the header of that name.
    skip
        How many such requests go well first.
    code
        Of an object storage, in the body.
    """

    path: str
    kind: int | Trouble
    times: int | None = 1
    retry_after: float | None = None
    skip: int = 0
    code: str | None = None


@dataclass(frozen=True)
class Request:
    """A request as it came in, and when (monotonic seconds)."""

    method: str
    path: str
    body: Any
    byte_range: str | None
    authorization: str | None
    at: float


@dataclass
class Catalogue:
    """The items and COGs of a landscape's granules.

    Attributes
    ----------
    granules
        The truth.
    area
        What the COGs show.
    folder
        Takes up the COGs.
    bands
        Bands of each item.
    baselines
        First day of use → processing baseline.
    applied
        Granules whose offset was subtracted, and whose items say so.
    mistagged
        Granules whose offset was subtracted, and whose items do not say so.
    reprocessed
        Granules that were processed once more: a second item of the same instant, its name ending in ``_1``.
    lacking
        Granule → bands that its item has no asset of.
    projection
        Which field tells the zone.
    """

    granules: Granules
    area: Box
    folder: Path
    bands: Sequence[str] = BANDS
    baselines: Mapping[str, str] = field(
        default_factory=lambda: {"0001-01-01": "02.14", "2022-01-25": "05.09"}
    )
    applied: Collection[str] = ()
    mistagged: Collection[str] = ()
    reprocessed: Collection[str] = ()
    lacking: Mapping[str, Collection[str]] = field(default_factory=dict)
    projection: Literal["proj:code", "proj:epsg"] = "proj:code"

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sources = {granule.name: granule for granule in self.granules.granules}
        self._sources |= {f"{name}_1": self._sources[name] for name in self.reprocessed}
        self._lock = threading.Lock()
        self.items = [self._item(name, granule) for name, granule in self._sources.items()]

    def grid(self, epsg: int, metres: int) -> tuple[rasterio.Affine, tuple[int, int]]:
        """Return affine and shape of the area's pixels in a zone, its edges snapped to 20 m."""
        area = shapely.box(self.area.west, self.area.south, self.area.east, self.area.north)
        ring = np.array(shapely.segmentize(area, 0.001).exterior.coords)
        x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(*ring.T)
        west, south = (np.floor(edge.min() / 20) * 20 for edge in (x, y))
        east, north = (np.ceil(edge.max() / 20) * 20 for edge in (x, y))
        shape = round((north - south) / metres), round((east - west) / metres)
        return rasterio.Affine(metres, 0, west, 0, -metres, north), shape

    def cog(self, name: str, band: str) -> Path:
        """Return the file of an item's band, made where it is not there yet."""
        path = self.folder / "cogs" / name / f"{band}.tif"
        with self._lock:
            if not path.exists():
                self._write(path, name, band)
        return path

    def _write(self, path: Path, name: str, band: str) -> None:
        granule = self._sources[name]
        affine, shape = self.grid(granule.epsg, PIXEL_METRES[band])
        values = self.granules.image(granule, band, granule.epsg, tuple(affine)[:6], shape)
        if band != "SCL" and self._carries_offset(name):
            values = np.where(values > 0, values + 1000, 0).astype(values.dtype)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with rasterio.open(
            part,
            "w",
            driver="COG",
            dtype=values.dtype,
            count=1,
            height=shape[0],
            width=shape[1],
            crs=f"EPSG:{granule.epsg}",
            transform=affine,
            nodata=0,
            compress="deflate",
            blocksize=256,
        ) as made:
            made.write(values, 1)
        part.rename(path)

    def _carries_offset(self, name: str) -> bool:
        source = self._sources[name].name
        done = source in self.applied or source in self.mistagged
        return float(self._baseline(name)) >= OFFSET_FROM and not done

    def _baseline(self, name: str) -> str:
        day = str(self._sources[name].time)[:10]
        return self.baselines[max(first for first in self.baselines if first <= day)]

    def _item(self, name: str, granule: Granule) -> dict[str, Any]:
        ring = self.granules.footprint(granule)
        baseline = self._baseline(name)
        zone = {"proj:code": f"EPSG:{granule.epsg}", "proj:epsg": granule.epsg}[self.projection]
        bands = [band for band in self.bands if band not in self.lacking.get(granule.name, ())]
        moment = f"{granule.time}.024000Z"
        return {
            "type": "Feature",
            "stac_version": "1.0.0",
            "stac_extensions": [
                f"https://stac-extensions.github.io/{each}/schema.json"
                for each in ("eo/v1.1.0", "projection/v1.1.0", "raster/v1.1.0", "grid/v1.1.0")
            ],
            "id": name,
            "collection": COLLECTION,
            "geometry": {"type": "Polygon", "coordinates": [[list(corner) for corner in ring]]},
            "bbox": list(shapely.Polygon(ring).bounds),
            "properties": {
                "datetime": moment,
                "created": "2024-05-01T00:00:00Z"
                if name == granule.name
                else "2024-06-01T00:00:00Z",
                "platform": "sentinel-2b",
                "grid:code": f"MGRS-{granule.tile}",
                self.projection: zone,
                "s2:processing_baseline": baseline,
                "s2:sequence": "0" if name == granule.name else "1",
                "earthsearch:boa_offset_applied": granule.name in self.applied,
            },
            "assets": {KEYS[band]: self._asset(name, granule, band, baseline) for band in bands},
            "links": [],
        }

    def _asset(self, name: str, granule: Granule, band: str, baseline: str) -> dict[str, Any]:
        metres = PIXEL_METRES[band]
        affine, shape = self.grid(granule.epsg, metres)
        raster: dict[str, Any] = {"nodata": 0, "data_type": "uint8" if band == "SCL" else "uint16"}
        if band != "SCL":
            # As Earth Search has it: the offset is declared even where it was subtracted.
            raster |= {"scale": 0.0001, "offset": -0.1 if float(baseline) >= OFFSET_FROM else 0}
        return {
            "href": f"cogs/{name}/{band}.tif",
            "type": COG_TYPE,
            "roles": ["data"],
            "gsd": metres,
            "proj:shape": list(shape),
            "proj:transform": list(affine)[:6],
            "raster:bands": [raster],
        }

    def write_folder(self, folder: Path) -> Path:
        """Write everything as a static catalogue with relative links; give its folder."""
        (folder / "items").mkdir(parents=True)
        for item in self.items:
            for band in self.bands:
                if KEYS[band] in item["assets"]:
                    target = folder / item["assets"][KEYS[band]]["href"]
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(self.cog(item["id"], band).read_bytes())
            path = folder / "items" / f"{item['id']}.json"
            path.write_text(json.dumps(_linked(item, "../")))
        links = [
            {"rel": "item", "href": f"./items/{item['id']}.json", "type": "application/geo+json"}
            for item in self.items
        ]
        catalogue = {
            "type": "Catalog",
            "id": "standin",
            "stac_version": "1.0.0",
            "description": "The simulated landscape.",
            "links": [{"rel": "root", "href": "./catalog.json"}, *links],
        }
        (folder / "catalog.json").write_text(json.dumps(catalogue))
        return folder


class StacStandin(Catalogue):
    """A catalogue that is served; the parameters are those of `Catalogue`.

    Attributes
    ----------
    url
        The address of the API.
    faults
        What goes wrong; the first that fits a request is taken.
    log
        Requests, in the order in which they came.
    page_items
        Most items of a page.
    get_only
        Status with which a search by POST is refused; 0 where it is not.
    pages
        Most pages of a search: the last one does not say that there are more.
    """

    page_items = 10
    get_only = 0
    pages: int | None = None
    hang_seconds = 30.0

    def __enter__(self) -> Self:
        self.faults: list[Fault] = []
        self.log: list[Request] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.standin = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._ended = threading.Event()
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def asked(self, part: str) -> list[Request]:
        """Return the requests whose path contains something."""
        return [request for request in self.log if part in request.path]

    def heard(self, request: Request) -> Fault | None:
        """Note a request; give what goes wrong with it."""
        with self._lock:
            self.log.append(request)
            for fault in self.faults:
                if fault.path not in request.path or fault.times == 0:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def wait(self) -> None:
        """Hang, but not longer than the stand-in lives."""
        self.ended(self.hang_seconds)

    def ended(self, seconds: float) -> bool:
        """Wait; tell whether the stand-in's life has ended."""
        return self._ended.wait(seconds)

    @property
    def landing(self) -> dict[str, Any]:
        """The landing page."""
        conforms = ("core", "collections", "ogcapi-features", "item-search")
        return {
            "type": "Catalog",
            "id": "standin",
            "title": "Stand-in",
            "stac_version": "1.0.0",
            "description": "The simulated landscape.",
            "conformsTo": [f"https://api.stacspec.org/v1.0.0/{each}" for each in conforms],
            "links": [
                self._link("self", "/"),
                self._link("root", "/"),
                self._link("data", "/collections"),
                self._link("search", "/search", method="GET"),
                self._link("search", "/search", method="POST"),
            ],
        }

    @property
    def collection(self) -> dict[str, Any]:
        """The only collection."""
        root = self._link("root", "/")
        items = self._link("items", f"/collections/{COLLECTION}/items")
        return collection_of([root, items])

    def search(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Return a page of what a search finds."""
        found = [item for item in self.items if all(fits(item) for fits in _conditions(query))]
        start, most = int(query.get("token", 0)), int(query.get("limit", self.page_items))
        end = start + min(most, self.page_items)
        links = []
        if end < len(found) and (self.pages is None or end < self.pages * self.page_items):
            body = {**query, "token": str(end)}
            if self.get_only:
                listed = {
                    name: ",".join(map(str, value)) if isinstance(value, list) else value
                    for name, value in body.items()
                }
                links.append(self._link("next", f"/search?{urlencode(listed)}", method="GET"))
            else:
                links.append(self._link("next", "/search", method="POST", body=body, merge=False))
        features = [_linked(item, f"{self.url}/") for item in found[start:end]]
        return {
            "type": "FeatureCollection",
            "features": features,
            "links": links,
            "numberMatched": len(found),
            "numberReturned": len(features),
        }

    def _link(self, rel: str, path: str, **more: Any) -> dict[str, Any]:
        return {"rel": rel, "href": self.url + path, "type": "application/json", **more}


def collection_of(links: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the collection of an API."""
    return {
        "type": "Collection",
        "id": COLLECTION,
        "title": "Sentinel-2 L2A",
        "stac_version": "1.0.0",
        "description": "The simulated landscape.",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [["2015-06-27T10:25:31Z", None]]},
        },
        "links": links,
    }


def _linked(item: dict[str, Any], prefix: str) -> dict[str, Any]:
    assets = {
        key: {**asset, "href": asset["href"] if ":" in asset["href"] else prefix + asset["href"]}
        for key, asset in item["assets"].items()
    }
    return {**item, "assets": assets}


def _conditions(query: Mapping[str, Any]) -> Iterator[Callable[[dict[str, Any]], bool]]:
    """Return what items must fulfil."""
    if query.get("collections"):
        yield lambda item: item["collection"] in query["collections"]
    if query.get("ids"):
        yield lambda item: item["id"] in query["ids"]
    if query.get("datetime"):
        start, end = (query["datetime"].split("/") * 2)[:2]
        low, high = _instant(start, "0001"), _instant(end, "9999")
        yield lambda item: low <= _instant(item["properties"]["datetime"], "") <= high
    where = None
    if query.get("bbox"):
        where = shapely.box(*query["bbox"])
    if query.get("intersects"):
        where = shapely.from_geojson(json.dumps(query["intersects"]))
    if where is not None:
        shape = where
        yield lambda item: shapely.from_geojson(json.dumps(item["geometry"])).intersects(shape)


def _instant(text: str, otherwise: str) -> str:
    """Write an instant so that texts are in the order of time."""
    if text in ("", ".."):
        return otherwise
    head, _, fraction = text.removesuffix("Z").removesuffix("+00:00").partition(".")
    return f"{head}.{fraction:0<6}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    standin: StacStandin

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients leave when they have what they want."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # which waits 40 ms between a header and its body
    wbufsize = -1
    server: _Server

    def log_message(self, *_: Any) -> None:
        """Say nothing; the log is the stand-in's."""

    def do_HEAD(self) -> None:
        self._answer(None)

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: Any) -> None:
        standin, parts = self.server.standin, urlsplit(self.path)
        headers = self.headers["Range"], self.headers["Authorization"]
        said = Request(self.command, parts.path, body, *headers, time.monotonic())
        fault = standin.heard(said)
        if fault is not None and isinstance(fault.kind, int):
            more = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            body = (
                f"<Error><Code>{fault.code}</Code></Error>"
                if fault.code
                else '{"description":"a fault"}'
            )
            self._send(body.encode(), fault.kind, more)
            return
        trouble = None if fault is None else fault.kind
        query = dict(parse_qsl(parts.query)) if body is None else body
        if match := re.fullmatch(r"/cogs/([^/]+)/([^/]+)\.tif", parts.path):
            self._send_file(standin.cog(*match.groups()).read_bytes(), trouble)
        else:
            if standin.get_only and body is not None:
                self._send(b'{"description":"no POST here"}', standin.get_only)
                return
            page = self._page(parts.path, query)
            missing = b'{"description":"not found"}'
            sent = missing if page is None else json.dumps(page).encode()
            self._send(sent, 404 if page is None else 200, trouble=trouble)

    def _page(self, path: str, query: Mapping[str, Any]) -> dict[str, Any] | None:
        standin = self.server.standin
        if path == "/search":
            return standin.search(_typed(query))
        pages = {
            "/": standin.landing,
            "": standin.landing,
            "/collections": {"collections": [standin.collection], "links": []},
            f"/collections/{COLLECTION}": standin.collection,
        }
        return pages.get(path)

    def _send_file(self, content: bytes, trouble: Trouble | None) -> None:
        match = re.match(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        if match is None:
            self._send(content, 200, {"Accept-Ranges": "bytes"}, trouble=trouble)
            return
        first, last = int(match[1]), min(int(match[2] or len(content)), len(content) - 1)
        if trouble == "short":
            last, trouble = (first + last) // 2, None
        span = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
        self._send(content[first : last + 1], 206, span, trouble=trouble)

    def _send(
        self,
        content: bytes,
        status: int,
        headers: Mapping[str, str] | None = None,
        trouble: Trouble | None = None,
    ) -> None:
        if trouble == "garbage":
            content, trouble = bytes(len(content)), None
        if trouble == "hang":
            self.server.standin.wait()
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if trouble == "drip":
            self._drip(content)
            return
        self.wfile.write(content if trouble is None else content[: len(content) // 2])
        if trouble is not None:
            self.wfile.flush()
            self.close_connection = True
        if trouble == "reset":
            # Closing with unsent data and no time to linger sends a reset instead of an end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _drip(self, content: bytes) -> None:
        for byte in content:
            if self.server.standin.ended(0.05):
                return
            self.wfile.write(bytes([byte]))


def _typed(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that a query of a GET would have as a POST."""
    typed = dict(query)
    for name, of in (("bbox", float), ("collections", str), ("ids", str)):
        if isinstance(typed.get(name), str):
            typed[name] = [of(each) for each in typed[name].split(",")]
    if isinstance(typed.get("intersects"), str):
        typed["intersects"] = json.loads(typed["intersects"])
    return typed


def _settings(file: Path) -> dict[str, Any]:
    """Read a file of conf/, dates as texts."""
    return dict(OmegaConf.to_container(OmegaConf.load(file)))


def _main() -> None:
    parser = argparse.ArgumentParser(description="Serve a simulated country as a STAC API.")
    parser.add_argument("--country", type=Path, required=True, help="a file of conf/country")
    parser.add_argument("--first", type=date.fromisoformat, required=True)
    parser.add_argument("--last", type=date.fromisoformat, required=True)
    parser.add_argument("--box", type=float, nargs=4, metavar=("SOUTH", "NORTH", "WEST", "EAST"))
    parser.add_argument("--bands", nargs="+", default=BANDS)
    parser.add_argument("--baseline", default=None, help="of every image")
    asked = parser.parse_args()
    land = country(_settings(asked.country))
    settings = _settings(ROOT / "conf" / "source" / "simulated.yaml")
    profile = Profile(**settings["profiles"].get(land.name, {}))
    granules = Granules(land, profile, asked.first, asked.last)
    area = Box(*asked.box) if asked.box else land.box
    more = {"baselines": {"0001-01-01": asked.baseline}} if asked.baseline else {}
    with (
        tempfile.TemporaryDirectory() as folder,
        StacStandin(granules, area, Path(folder), asked.bands, **more) as standin,
    ):
        sys.stdout.write(f"{standin.url}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    _main()
