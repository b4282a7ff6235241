from __future__ import annotations

import pickle
import socket
import warnings
from typing import Any

import ee
import pandas as pd
import pytest
from standins.earthengine import (
    EarthEngineStandin,
)
from standins.earthengine_calls import (
    BANDS,
    FIRST,
    LAST,
    patient,
    places_of,
    source_of,
)
from standins.granules import Granules

from cropland.errors import ConfigError, DataError
from cropland.sources.earthengine import connection
from cropland.sources.earthengine.connection import Connection
from cropland.sources.earthengine.service import EarthEngineService


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
    monkeypatch.setattr(connection, "valid_credentials", lambda: looked_for.append(1))
    said = Connection(source_of(endpoint), patient()).sign_in()
    assert bool(looked_for) == given
    assert ("none are sent" in said) != given


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

    monkeypatch.setattr(connection, "valid_credentials", fails)
    with pytest.raises(DataError, match="this machine .*/home/me/credentials.* fix it"):
        Connection(source_of("https://earthengine.googleapis.com"), patient()).sign_in()
    assert looked_for == [1]


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


def test_a_service_goes_to_another_process_and_connects_there(
    standin: EarthEngineStandin, service: EarthEngineService, table: pd.DataFrame
) -> None:
    sent = pickle.dumps(service)
    there, again = pickle.loads(sent), pickle.loads(sent)
    assert there._connection is again._connection
    assert len(standin.requests) == 6
    assert len(there.points(places_of(table), FIRST, LAST, BANDS))
