"""Earth Engine's stand-in, asked by the real client, and its faults, met by a plain one."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pandas as pd
import pytest
import requests
from google.auth.credentials import AnonymousCredentials

from cropland.config.countries import Box, Country, Reference
from cropland.sources.simulation.profile import Profile
from standins.earthengine import (
    DroppedPage,
    EarthEngineStandin,
    Hang,
    Refusal,
    Reset,
    Silence,
    Truncation,
)
from standins.granules import BANDS, Granules

HERE = Country("here", "Here", Box(32.0, 32.5, 48.1, 48.6), Reference("2020-03-01", "2020-04-30"))
COLLECTION = "COPERNICUS/S2_SR_HARMONIZED"
PLACES = [[48.15, 32.1], [48.35, 32.25], [48.4, 32.3], [48.55, 32.45]]
TEXT = "".join(map(chr, np.random.default_rng(1).integers(97, 123, 20_000)))
CONSTANT = {"expression": {"result": "0", "values": {"0": {"constantValue": TEXT}}}}


@pytest.fixture(scope="module")
def granules() -> Granules:
    return Granules(HERE, Profile(), date(2020, 3, 1), date(2020, 4, 30))


@pytest.fixture
def standin(granules: Granules) -> Iterator[EarthEngineStandin]:
    with EarthEngineStandin(granules) as running:
        yield running


@pytest.fixture
def client(
    standin: EarthEngineStandin, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EarthEngineStandin]:
    """The real client connects to the stand-in."""
    monkeypatch.setattr(ee.deprecation, "_FetchDataCatalogStac", dict)
    ee.Reset()
    ee.data.setMaxRetries(0)
    ee.Initialize(credentials=AnonymousCredentials(), url=standin.url, project="standin")
    yield standin
    ee.Reset()


@pytest.fixture
def post(standin: EarthEngineStandin) -> Callable[..., requests.Response]:
    """Asks for a long text without the real client."""

    def ask(path: str = "value:compute", body: Any = CONSTANT, **more: Any) -> requests.Response:
        url = f"{standin.url}/v1/projects/standin/{path}"
        return requests.post(url, json=body, timeout=more.pop("timeout", 10), **more)

    return ask


def days(first: str, end: str) -> ee.ImageCollection:
    images = ee.ImageCollection(COLLECTION).filterDate(first, end)
    return images.filterBounds(ee.Geometry.MultiPoint(PLACES))


def graph(
    images: ee.ImageCollection, places: list[list[float]] = PLACES, **grid: Any
) -> ee.FeatureCollection:
    """Ask for each place and image with an observation: ``p``, ``t``, ``i`` and bands."""
    points = ee.FeatureCollection(
        [ee.Feature(ee.Geometry.Point(place), {"p": number}) for number, place in enumerate(places)]
    )

    def read(image: ee.Image) -> ee.FeatureCollection:
        rows = image.select(BANDS).reduceRegions(
            collection=points, reducer=ee.Reducer.first(), **{"scale": 10, **grid}
        )
        seen = rows.filter(ee.Filter.notNull(["SCL"]))
        about = {"t": image.get("system:time_start"), "i": image.get("system:index")}
        return seen.map(lambda row: ee.Feature(None, row.toDictionary(["p", *BANDS])).set(about))

    return ee.FeatureCollection(images.map(read)).flatten()


def pages(asked: ee.FeatureCollection, size: int = 5000) -> list[dict[str, Any]]:
    body: dict[str, Any] = {"expression": asked, "pageSize": size}
    answers = [ee.data.computeFeatures(body)]
    while "nextPageToken" in answers[-1]:
        body["pageToken"] = answers[-1]["nextPageToken"]
        answers.append(ee.data.computeFeatures(body))
    return answers


def rows(answers: list[dict[str, Any]]) -> pd.DataFrame:
    features = [feature for page in answers for feature in page.get("features", ())]
    table = pd.DataFrame([feature["properties"] for feature in features])
    return table.sort_values(["p", "t", "i"]).reset_index(drop=True)


def truth(granules: Granules, first: str, end: str) -> pd.DataFrame:
    """What the client should see of `PLACES`."""
    table = pd.DataFrame(PLACES, columns=["Lon", "Lat"]).assign(ID=range(len(PLACES)))
    seen = granules.observations(table)
    seen = seen[(seen["time"] >= first) & (seen["time"] < end)].reset_index(drop=True)
    milliseconds = seen["time"].astype("datetime64[ms]").astype("int64")
    return (
        seen.rename(columns={"ID": "p", "granule": "i"}).drop(columns="time").assign(t=milliseconds)
    )


def check(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        found, expected.sort_values(["p", "t", "i"])[found.columns], check_dtype=False
    )


# What is evaluated


def test_rows_are_the_truth(client: EarthEngineStandin, granules: Granules) -> None:
    found = rows(pages(graph(days("2020-03-01", "2020-05-01"))))
    expected = truth(granules, "2020-03-01", "2020-05-01")
    assert len(expected) > 50 and len(found.columns) == 3 + len(BANDS)
    check(found, expected)


def test_other_dates_give_other_rows(client: EarthEngineStandin, granules: Granules) -> None:
    # The last day is not included.
    found = rows(pages(graph(days("2020-03-05", "2020-04-01"))))
    check(found, truth(granules, "2020-03-05", "2020-04-01"))
    assert len(found) < len(truth(granules, "2020-03-01", "2020-05-01"))


def test_other_places_give_other_values(client: EarthEngineStandin, granules: Granules) -> None:
    moved = [[lon + 0.001, lat] for lon, lat in PLACES]
    found = rows(pages(graph(days("2020-03-01", "2020-04-01"), moved)))
    expected = truth(granules, "2020-03-01", "2020-04-01")
    assert len(found) == len(expected)
    assert (found["B8"] != expected["B8"]).mean() > 0.9


def test_a_foreign_grid_shifts_places_into_other_pixels(
    client: EarthEngineStandin, granules: Granules
) -> None:
    found = rows(pages(graph(days("2020-03-01", "2020-04-01"), crs="EPSG:4326", scale=30)))
    expected = truth(granules, "2020-03-01", "2020-04-01")
    assert (found["B8"] != expected["B8"]).mean() > 0.3


def test_masked_values_are_absent_unless_they_are_filled(
    client: EarthEngineStandin, granules: Granules
) -> None:
    seen = granules.at(np.array(PLACES))["SCL"]
    place, number = (int(each[0]) for each in np.nonzero(seen == 0))
    image = ee.Image(f"{COLLECTION}/{granules.granules[number].name}").select(["B4", "SCL"])
    point = ee.FeatureCollection([ee.Feature(ee.Geometry.Point(PLACES[place]), {"p": 7})])

    def read(of: ee.Image) -> dict[str, Any]:
        reduced = of.reduceRegions(point, ee.Reducer.first(), 10)
        return dict(reduced.getInfo()["features"][0]["properties"])

    assert read(image) == {"p": 7}
    assert read(image.unmask(0, False)) == {"p": 7, "B4": 0, "SCL": 0}


def test_a_single_band_is_named_by_the_reducer(
    client: EarthEngineStandin, granules: Granules
) -> None:
    number = int(np.flatnonzero(granules.at(np.array(PLACES[:1]))["SCL"][0])[0])
    image = ee.Image(f"{COLLECTION}/{granules.granules[number].name}").select("B4")
    point = ee.FeatureCollection([ee.Feature(ee.Geometry.Point(PLACES[0]))])
    found = image.reduceRegions(point, ee.Reducer.first(), 10).first().toDictionary().getInfo()
    assert found == {"first": int(granules.at(np.array(PLACES[:1]))["B4"][0, number])}


def test_collections_are_counted_filtered_and_joined(
    client: EarthEngineStandin, granules: Granules
) -> None:
    images = ee.ImageCollection(COLLECTION).filterDate("2020-03-01", "2020-05-01")
    names = [granule.name for granule in granules.granules]
    assert images.aggregate_array("system:index").getInfo() == names
    assert images.size().getInfo() == len(names)
    assert images.filter(ee.Filter.eq("MGRS_TILE", "39SUR")).size().getInfo() == sum(
        name.endswith("39SUR") for name in names
    )
    assert images.limit(3).merge(images.limit(2)).size().getInfo() == 5
    far = images.filterBounds(ee.Geometry.Point([10.0, 50.0]))
    assert far.size().getInfo() == 0
    times = images.limit(2, "system:time_start", False).aggregate_array("system:time_start")
    assert times.getInfo() == sorted(times.getInfo(), reverse=True)


def test_features_carry_what_they_were_given(client: EarthEngineStandin) -> None:
    feature = ee.Feature(ee.Geometry.Point([1, 2]), {"a": 1, "b": None}).set("c", "x")
    assert feature.getInfo() == {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [1.0, 2.0]},
        "properties": {"a": 1, "c": "x"},
    }
    assert feature.get("a").getInfo() == 1
    assert feature.select(["c"]).toDictionary().getInfo() == {"c": "x"}


def test_pixels_are_those_of_the_granule(client: EarthEngineStandin, granules: Granules) -> None:
    granule = next(each for each in granules.granules if each.epsg == 32639)
    affine = (10.0, 0.0, 255_000.0, 0.0, -10.0, 3_570_000.0)
    names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
    image = ee.Image(f"{COLLECTION}/{granule.name}").select(["SCL", "B4"]).unmask(0, False)
    asked = {
        "expression": image.toUint16(),
        "fileFormat": "NUMPY_NDARRAY",
        "grid": {
            "dimensions": {"width": 30, "height": 20},
            "affineTransform": dict(zip(names, affine, strict=True)),
            "crsCode": "EPSG:32639",
        },
    }
    pixels = ee.data.computePixels(asked)
    assert pixels.dtype.descr == [("SCL", "<u2"), ("B4", "<u2")] and pixels.shape == (20, 30)
    for band in ("SCL", "B4"):
        expected = granules.image(granule, band, 32639, affine, (20, 30))
        assert expected.any()
        np.testing.assert_array_equal(pixels[band], expected)
    asked["grid"]["dimensions"] = {"width": 4000, "height": 4000}
    with pytest.raises(ee.EEException, match="must be less than or equal to 50331648 bytes"):
        ee.data.computePixels(asked)


def test_what_it_cannot_do_it_says(client: EarthEngineStandin) -> None:
    images = ee.ImageCollection(COLLECTION)
    with pytest.raises(ee.EEException, match=r"no function Image\.sin"):
        images.first().sin().getInfo()
    with pytest.raises(ee.EEException, match=r"Band pattern 'B99' did not match any bands"):
        images.first().select("B99").getInfo()
    with pytest.raises(ee.EEException, match="asset 'NOTHING' not found"):
        ee.ImageCollection("NOTHING").size().getInfo()


# Pages


def test_pages_together_are_all_rows(client: EarthEngineStandin, granules: Granules) -> None:
    answers = pages(graph(days("2020-03-01", "2020-05-01")), size=20)
    assert [len(page["features"]) for page in answers[:-1]] == [20] * (len(answers) - 1)
    assert len(answers) == len(client.posts("computeFeatures")) > 3
    check(rows(answers), truth(granules, "2020-03-01", "2020-05-01"))


def test_no_rows_are_an_answer_without_features(client: EarthEngineStandin) -> None:
    (page,) = pages(graph(days("2019-01-01", "2019-02-01")))
    assert "features" not in page


def test_a_dropped_page_lacks_its_rows_only(client: EarthEngineStandin) -> None:
    asked = graph(days("2020-03-01", "2020-05-01"))
    whole = pages(asked, size=20)
    client.faults.append(DroppedPage(path="computeFeatures", nth=2))
    answers = pages(asked, size=20)
    assert "features" not in answers[1] and "nextPageToken" in answers[1]
    assert answers[:1] + answers[2:] == whole[:1] + whole[2:]


def test_an_unknown_page_token_is_refused(client: EarthEngineStandin) -> None:
    asked = graph(days("2020-03-01", "2020-05-01"))
    with pytest.raises(ee.EEException, match="page token"):
        ee.data.computeFeatures({"expression": asked, "pageToken": "999999"})


# Faults


def test_a_refusal_meets_the_request_it_is_meant_for(
    standin: EarthEngineStandin, post: Callable[..., requests.Response]
) -> None:
    fault = Refusal(
        path="value", nth=2, times=2, status=503, message="Down", headers={"Retry-After": "3"}
    )
    standin.faults.append(fault)
    answers = [post() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 503, 503, 200]
    assert answers[1].json()["error"] == {"code": 503, "message": "Down", "status": "UNAVAILABLE"}
    assert answers[1].headers["Retry-After"] == "3"
    assert standin.met == [fault, fault]
    assert answers[3].json() == {"result": TEXT}


@pytest.mark.parametrize("kind", [Reset, Truncation])
@pytest.mark.parametrize("packing", ["gzip", "identity"])
def test_an_answer_breaks_off_in_its_middle(
    standin: EarthEngineStandin,
    post: Callable[..., requests.Response],
    kind: type[Reset] | type[Truncation],
    packing: str,
) -> None:
    standin.faults.append(kind())
    answer = post(headers={"Accept-Encoding": packing}, stream=True)
    assert answer.status_code == 200
    with pytest.raises(requests.RequestException) as raised:
        _ = answer.content
    reset = "reset by peer" in str(raised.value)
    assert reset == (kind is Reset)
    assert post().json() == {"result": TEXT}


def test_a_connection_ends_without_an_answer(
    standin: EarthEngineStandin, post: Callable[..., requests.Response]
) -> None:
    standin.faults.append(Silence())
    with pytest.raises(requests.ConnectionError, match="without response"):
        post()
    assert post().ok


def test_an_answer_hangs(
    standin: EarthEngineStandin, post: Callable[..., requests.Response]
) -> None:
    standin.faults.append(Hang(seconds=0.4))
    with pytest.raises(requests.ReadTimeout):
        post(timeout=0.1)
    assert post(timeout=0.3).ok


def test_closing_does_not_wait_for_what_hangs(granules: Granules) -> None:
    with EarthEngineStandin(granules) as standin:
        standin.faults.append(Hang(seconds=30))
        url = f"{standin.url}/v1/projects/p/value:compute"
        asking = threading.Thread(
            target=lambda: requests.post(url, json=CONSTANT, timeout=10), daemon=True
        )
        asking.start()
        while not standin.live:
            time.sleep(0.005)
        begun = time.monotonic()
    asking.join(5)
    assert not asking.is_alive() and time.monotonic() - begun < 5


def test_more_at_once_than_allowed_are_too_many(
    standin: EarthEngineStandin, post: Callable[..., requests.Response]
) -> None:
    standin.limit, standin.latency = 2, 0.3
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: post(), range(5)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 3 and standin.peak == 2 and standin.live == 0
    assert "concurrency limit was exceeded" in refused[0].json()["error"]["message"]
    assert all(answer.elapsed.total_seconds() > 0.29 for answer in answers if answer.ok)


def test_credentials_expire(
    standin: EarthEngineStandin, post: Callable[..., requests.Response]
) -> None:
    standin.expire_after = 2
    assert [post().status_code for _ in range(4)] == [200, 200, 401, 401]


def test_a_used_up_quota_is_in_each_answer(
    standin: EarthEngineStandin, post: Callable[..., requests.Response]
) -> None:
    name = "x-earth-engine-quota-status"
    assert name not in post().headers
    standin.quota_restricted = True
    assert post().headers[name] == "parallelism_restricted=true"


def test_large_computations_time_out(client: EarthEngineStandin, granules: Granules) -> None:
    client.slow_above = 4 * 20
    with pytest.raises(ee.EEException, match="Computation timed out"):
        pages(graph(days("2020-03-01", "2020-04-01")))
    check(
        rows(pages(graph(days("2020-03-01", "2020-03-21")))),
        truth(granules, "2020-03-01", "2020-03-21"),
    )
    assert len(pages(graph(days("2020-03-01", "2020-04-01"), PLACES[:2]))) == 1


# What it tells of itself


def test_requests_are_kept(
    standin: EarthEngineStandin, post: Callable[..., requests.Response]
) -> None:
    before = time.time()
    post()
    (request,) = standin.posts("value:compute")
    assert (request.method, request.body) == ("POST", CONSTANT)
    assert request.path == "/v1/projects/standin/value:compute"
    assert before <= request.time <= time.time()
    assert standin.posts("computePixels") == []


def test_answers_are_packed_for_those_who_take_it(
    post: Callable[..., requests.Response],
) -> None:
    raw = post(stream=True, headers={"Accept-Encoding": "gzip"}).raw.read(decode_content=False)
    assert json.loads(gzip.decompress(raw)) == {"result": TEXT}
    assert "Content-Encoding" not in post(headers={"Accept-Encoding": "identity"}).headers


@pytest.mark.processes
def test_it_runs_as_a_process_of_its_own() -> None:
    program = Path(__file__).parent / "earthengine.py"
    command = [sys.executable, str(program), "sudan", "2020-01-01", "2020-01-31", "--limit", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            answer = requests.post(f"{url}/v1/projects/p/value:compute", json=CONSTANT, timeout=10)
            assert answer.json() == {"result": TEXT}
        finally:
            process.terminate()
