from __future__ import annotations

import re
from typing import Any

import ee
import numpy as np
import pandas as pd
import pytest
from standins.earthengine import (
    EarthEngineStandin,
    Refusal,
    Reset,
    Truncation,
)
from standins.earthengine_calls import (
    BANDS,
    FAR_AWAY,
    FIRST,
    LAST,
    darkened,
    patient,
    places_of,
    rows_of,
    source_of,
)
from standins.granules import Granules

from cropland.errors import ConfigError, DataError
from cropland.sources.earthengine import graphs
from cropland.sources.earthengine import service as earthengine
from cropland.sources.earthengine.service import EarthEngineService
from cropland.sources.retries import GivenUp
from cropland.sources.service import NO_IMAGE, Finding, TooLarge


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


def test_a_request_that_takes_too_long_there_is_too_large(
    granules: Granules, table: pd.DataFrame
) -> None:
    with EarthEngineStandin(granules, slow_above=100) as standin:
        service = EarthEngineService.connect(source_of(standin.url), patient())
        with pytest.raises(TooLarge, match="Computation timed out"):
            service.points(places_of(table), FIRST, LAST, BANDS)
        assert len(service.points(places_of(table)[:2], FIRST, LAST, BANDS))


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
        f"earthengine-api {ee.__version__} connected to http://127.0.0.1"
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
