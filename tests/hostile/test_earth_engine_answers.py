"""Answers in the place of Earth Engine's that have no end or another form."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from datetime import date
from typing import Any

import ee
import numpy as np
import pytest
from hostile.claims import refused
from odc.geo.geobox import GeoBox
from standins.earthengine import EarthEngineStandin
from standins.earthengine_calls import patient, source_of
from standins.granules import Granules
from standins.web import Web, says, serving

from cropland.config.countries import Box, Country, Reference
from cropland.sources.earthengine import service as service_module
from cropland.sources.earthengine.cubes import TileReader
from cropland.sources.earthengine.service import EarthEngineService
from cropland.sources.earthengine.transport import HttpTransport
from cropland.sources.service import TooLarge
from cropland.sources.simulation.profile import Profile
from cropland.untrusted.addresses import Links

FIRST, LAST = date(2022, 1, 6), date(2022, 1, 12)
PLACE = np.array([[24.0, 10.05]])
ROW = {"p": 0, "t": 1641801600000, "i": "image", "B2": 1234, "SCL": 4}
COLUMNS = ("B2", "SCL")


@pytest.fixture(scope="module")
def standin() -> Iterator[EarthEngineStandin]:
    reference = Reference("2022-01-01", "2022-12-31")
    edge = Country("edge", "Edge", Box(10.0, 10.1, 23.95, 24.15), reference)
    with EarthEngineStandin(Granules(edge, Profile(), FIRST, LAST)) as running:
        yield running


@pytest.fixture
def service(standin: EarthEngineStandin, monkeypatch: pytest.MonkeyPatch) -> EarthEngineService:
    monkeypatch.setattr(ee.deprecation, "_FetchDataCatalogStac", dict)
    return EarthEngineService.connect(source_of(standin.url), patient())


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as server:
        yield server


def points(service: EarthEngineService) -> Any:
    return service.points(PLACE, FIRST, LAST, COLUMNS)


def page(*rows: Any, **more: Any) -> dict[str, Any]:
    return {"features": [{"properties": row} for row in rows]} | more


def test_rows_of_the_right_form_are_taken(
    service: EarthEngineService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ee.data, "computeFeatures", lambda _: page(ROW))
    assert points(service).values["B2"].tolist() == [1234]


@pytest.mark.parametrize(
    "answer",
    [
        "text",
        b"bytes",
        ["x"],
        {"features": 5},
        {"features": ["x"]},
        {"features": [{}]},
        page("x"),
        page({}),
        page(ROW | {"p": 5}),
        page(ROW | {"p": -1}),
        page(ROW | {"p": "x"}),
        page(ROW | {"p": [0]}),
        page(ROW | {"t": "soon"}),
        page(ROW | {"t": 10**30}),
        page(ROW | {"B2": "x"}),
        page(ROW | {"B2": [1, 2]}),
        page(ROW | {"B2": {}}),
        page(ROW, ROW | {"i": 5}, nextPageToken="x"),
    ],
    ids=lambda answer: str(answer)[:60],
)
def test_rows_of_another_form_are_one_line(
    service: EarthEngineService, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(service_module, "MOST_PAGES", 3)
    monkeypatch.setattr(ee.data, "computeFeatures", lambda _: answer)
    refused(lambda: points(service))


@pytest.mark.parametrize("row", [{"p": 0}, ROW | {"i": [1]}])
def test_rows_of_another_form_on_several_pages_are_one_line(
    service: EarthEngineService, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any]
) -> None:
    pages = [page(row), page(row, nextPageToken="x")]
    monkeypatch.setattr(ee.data, "computeFeatures", lambda _: pages.pop())
    refused(lambda: points(service))


def test_pages_end(service: EarthEngineService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "MOST_PAGES", 5)
    asked: list[str] = []

    def compute(query: dict[str, Any]) -> dict[str, Any]:
        asked.append(str(query.get("pageToken")))
        return page(nextPageToken=f"page {len(asked)}")

    monkeypatch.setattr(ee.data, "computeFeatures", compute)
    assert "does not end after 5 pages; ask for fewer days" in refused(lambda: points(service))
    assert len(asked) == 5


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"features":' + b"[" * 200_000,
        b'{"features":[{"properties":{"p":' + b"9" * 5_000 + b"}}]}",
        b'{"features":[{"properties":{"p":0,"t":1e400,"i":"a"}}]}',
        b"\xff\xfe",
    ],
    ids=lambda content: str(content[:30]),
)
def test_an_answer_that_is_no_json_of_earth_engine_is_one_line(
    standin: EarthEngineStandin,
    service: EarthEngineService,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
) -> None:
    monkeypatch.setattr(standin, "answer", lambda *_: content)
    refused(lambda: points(service))


def npy(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        npy(np.zeros((4, 4), "u2")),
        npy(np.zeros((2, 4), [("B2", "u2"), ("SCL", "u1")])),
        npy(np.zeros((4, 4), [("B2", "u2")])),
        npy(np.array([[{}]], object)),
        npy(np.zeros((4, 4), [("B2", "u2"), ("SCL", "u1")])).replace(b"(4, 4)", b"(10**9, 10**9)"),
        npy(np.zeros((4, 4), "u2"))[:60],
        b"PK\x03\x04",
        b"{}",
    ],
    ids=lambda content: str(content[-60:-30]),
)
def test_a_tile_of_another_form_is_one_line(
    standin: EarthEngineStandin,
    service: EarthEngineService,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
) -> None:
    tile = GeoBox.from_bbox((300_000, 1_199_960, 300_040, 1_200_000), "EPSG:32635", shape=(4, 4))
    monkeypatch.setattr(standin, "answer", lambda *_: content)
    reader = TileReader(source_of(standin.url), service._connection, COLUMNS)
    refused(lambda: reader.read("image", tile))


def test_an_answer_that_is_too_long_is_asked_for_in_parts(web: Web) -> None:
    packed = gzip.compress(bytes(80 << 20))
    web.answers["/long"] = says(packed, Content_Encoding="gzip")
    with pytest.raises(TooLarge, match="answers with more than 67,108,864 bytes"):
        HttpTransport(1, 5.0, Links(web.url)).request(f"{web.url}/long")
