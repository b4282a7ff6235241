from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pystac
import pytest
from standins.stac import StacStandin
from standins.stac_calls import FIRST, assert_rows, seen_of, service_of

from cropland.errors import DataError
from cropland.sources.retries import GivenUp

OPEN_SEARCH = {
    "rel": "search",
    "href": "http://127.0.0.1:1/opensearch.xml",
    "type": "application/opensearchdescription+xml",
}
CORE = "https://api.stacspec.org/v1.0.0/core"


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
        ("known", {}, "nothing answers at http://127.0.0.1:1/v1"),
        ("earth_serch", {}, "name in source.catalogs \\(known\\), .* got 'earth_serch'"),
        ("{empty}", {}, "has no item"),
        ("{folder}", {"collection": "other"}, "set source.collection to one of sentinel-2-c1-l2a"),
        ("{broken}", {}, r"item\.json is not a readable STAC item"),
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


def landing_page(
    monkeypatch: pytest.MonkeyPatch, standin: StacStandin, **changes: Any
) -> dict[str, Any]:
    """Change what a stand-in says of itself; None takes a key away."""
    page = standin.landing | changes
    page = {key: value for key, value in page.items() if value is not None}
    monkeypatch.setattr(StacStandin, "landing", page)
    return page


@pytest.mark.parametrize("conforms", [None, [CORE]], ids=["none", "core"])
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("as it was", 0),
        ("OpenSearch first", 0),
        ("GET only", 405),
        ("GET unsaid", 405),
        ("GET unsaid", 403),
    ],
)
def test_a_landing_page_is_searched_by_its_own_link(
    standin: StacStandin,
    table: pd.DataFrame,
    truth: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    conforms: list[str] | None,
    kind: str,
    status: int,
) -> None:
    links = standin.landing["links"]
    others = [link for link in links if link["rel"] != "search"]
    get, post = (link for link in links if link["rel"] == "search")
    del get["method"]  # it is the default
    links = {
        "as it was": links,
        "OpenSearch first": [OPEN_SEARCH, *others, post],
        "GET only": [*others, get],
        "GET unsaid": [*others, post],
    }[kind]
    standin.get_only = status if kind.startswith("GET") else 0
    landing_page(monkeypatch, standin, conformsTo=conforms, links=links)
    last = FIRST + timedelta(days=9)
    seen = seen_of(service_of(standin.url), table, FIRST, last)
    assert_rows(seen, table, truth[truth["time"].dt.date <= last])
    refused = [each for each in standin.asked("/search") if each.method == "POST"]
    assert len(refused) == {"GET only": 0, "GET unsaid": 1}.get(kind, len(refused))


def test_a_landing_page_without_a_search_is_one_line(
    standin: StacStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = [link for link in standin.landing["links"] if link["rel"] != "search"]
    landing_page(monkeypatch, standin, links=[OPEN_SEARCH, *links])
    with pytest.raises(DataError, match="no search for items .* folder") as caught:
        service_of(standin.url)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("counted", ["numberMatched", "context"])
def test_more_matches_than_items_are_said(
    standin: StacStandin, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, counted: str
) -> None:
    search = StacStandin.search

    def answer(self: StacStandin, query: Any) -> dict[str, Any]:
        page = search(self, query)
        matched = page.pop("numberMatched")
        return page | (
            {"context": {"matched": matched}} if counted == "context" else {counted: matched}
        )

    monkeypatch.setattr(StacStandin, "search", answer)
    assert seen_of(service_of(standin.url), table).notes == ()
    standin.pages, standin.page_items = 1, 5
    (note,) = seen_of(service_of(standin.url), table).notes
    assert f"says that {len(standin.items)} images match" in note
    assert "gave only 5 and no next page: images may be missing" in note


@pytest.mark.parametrize(
    "page",
    [[], {"features": None}, {"code": "NotFound", "description": "none"}, {"items": []}],
    ids=["list", "null", "error", "other"],
)
def test_an_answer_that_is_no_list_of_images_is_not_taken_for_none(
    standin: StacStandin, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, page: Any
) -> None:
    monkeypatch.setattr(StacStandin, "search", lambda *_: page)
    with pytest.raises(DataError, match="answers a search with no list of images but"):
        seen_of(service_of(standin.url), table)


def test_a_next_page_that_is_the_same_again_ends_a_search(
    standin: StacStandin, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = StacStandin.search
    first: list[Any] = []

    def answer(self: StacStandin, query: Any) -> dict[str, Any]:
        first[:] = first or [search(self, query)]
        return first[0]

    monkeypatch.setattr(StacStandin, "search", answer)
    last = FIRST + timedelta(days=9)
    seen = seen_of(service_of(standin.url), table, FIRST, last)
    assert len(standin.asked("/search")) <= 2
    assert len(seen)


@pytest.mark.parametrize(
    "change",
    [
        lambda item: item.pop("properties"),
        lambda item: item["properties"].update(datetime=None),
        lambda item: item["properties"].update(datetime="yesterday"),
        lambda item: item["assets"].update(blue={"href": None}),
    ],
    ids=["no properties", "no time", "no date", "no address"],
)
def test_an_item_that_cannot_be_read_is_named_and_may_be_left_out(
    standin: StacStandin, table: pd.DataFrame, truth: pd.DataFrame, change: Any
) -> None:
    name = standin.items[0]["id"]
    day = truth[truth["granule"] == name]["time"].iloc[0].date()
    page = standin.search({"ids": [name]})
    change(page["features"][0])
    standin.search = lambda query: page  # type: ignore[method-assign]
    with pytest.raises(GivenUp, match=rf"image {name}: .*cannot be read .*leave_out=\[{name}\]"):
        seen_of(service_of(standin.url), table, day, day)
    seen = seen_of(service_of(standin.url, leave_out=(name,)), table, day, day)
    assert seen.notes == (f"{name} is excluded (source.leave_out)",)
