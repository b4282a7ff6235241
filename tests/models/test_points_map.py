from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
from standins import pages

from cropland.config.countries import Box
from cropland.models import diagnostic_figures as figures
from cropland.models.points_map import MOST_DRAWN, points_map, predictions_map
from cropland.support.map_plot import from_mercator

BOX = Box(south=10.0, north=10.4, west=20.0, east=20.4)


def points() -> pd.DataFrame:
    """Right, wrong, unpredicted and unlabelled points; one of the wrong ones with a bad name."""
    rows = [
        ("right1", 1, 1, 0.9),
        ("right0", 0, 0, 0.2),
        ("missed", 1, 0, 0.4),
        ("contradicted", 1, 0, 0.1),
        ("<script>alert('x')</script>", 0, 1, 0.8),
        ("unseen", 1, np.nan, np.nan),
        ("unlabelled", np.nan, np.nan, np.nan),
        ("guessed", np.nan, 1, 0.7),
    ]
    table = pd.DataFrame(rows, columns=["ID", "Target", "label", "probability"])
    lat, lon = np.linspace(10.1, 10.3, 8), np.linspace(20.3, 20.1, 8)
    return table.assign(Lat=lat, Lon=lon, to_look_at=table["ID"] == "contradicted")


def layers(page: bytes) -> dict[str, dict[str, Any]]:
    """The points of each layer of a page, by the first word of its name in the list."""
    text = page.decode()
    [choice] = pages.models(text, "CheckboxGroup")
    names = [each.removeprefix("predicted ").split()[0].strip(",") for each in choice["labels"]]
    assert choice["active"] == list(range(len(names)))
    return dict(zip(names, pages.sources(text), strict=True))


def test_each_point_stands_once_in_its_layer() -> None:
    page = points_map(points(), title="Toyland", box=BOX)
    assert "3, labels to look at among them" in page.decode()  # of all that are misclassified
    found = layers(page)
    assert {name: rows["ID"] for name, rows in found.items()} == {
        "unlabelled": ["unlabelled", "guessed"],
        "other": ["right0"],
        "cropland": ["right1", "unseen"],
        "misclassified": ["missed", "<script>alert('x')</script>"],
        "labels": ["contradicted"],
    }
    missed = {name: values[0] for name, values in found["misclassified"].items()}
    told = {"label": "cropland", "prediction": "other", "probability of cropland": "0.40"}
    assert told.items() <= missed.items()
    lon, lat = from_mercator(missed["x"], missed["y"])
    assert (lon, lat) == pytest.approx((20.3 - 0.4 / 7, 10.1 + 0.4 / 7))
    assert missed["colour"] == figures.COLOURS["cropland"]


def test_predicted_points_stand_in_the_colour_of_their_class_beside_labels_to_look_at() -> None:
    rows = [
        ("yes", 1, 0.9, True, False),
        ("no", 0, 0.1, None, None),
        ("unsure", 1, 0.6, True, True),
        ("strange", 0, 0.1, False, True),
        ("unseen", None, np.nan, None, None),
        ("nowhere", None, np.nan, None, None),
    ]
    names = ["ID", "label", "probability", "inside_applicability", "cannot_tell"]
    kinds = {"label": "Int64", "inside_applicability": "boolean", "cannot_tell": "boolean"}
    table = pd.DataFrame(rows, columns=names).astype(kinds)
    table = table.assign(Lat=[10.1] * 5 + [np.nan], Lon=[20.1] * 5 + [np.nan])
    wrong = pd.DataFrame(
        {"ID": ["w"], "Lat": [10.2], "Lon": [20.2], "Target": [1.0], "probability": [0.04]}
    )
    found = layers(predictions_map(table, wrong, title="Toyland", boxes=[BOX, BOX]))
    assert {
        name: list(zip(rows["ID"], rows["prediction"], strict=True)) for name, rows in found.items()
    } == {
        "no": [("unseen", "–")],
        "other": [("no", "other")],
        "cropland": [("yes", "cropland")],
        "cannot": [("unsure", "cropland")],
        "outside": [("strange", "other")],
        "labels": [("w", "other")],
    }
    assert found["outside"]["colour"] == found["other"]["colour"] == [figures.COLOURS["other"]]
    wrong_of = found["labels"]
    assert wrong_of["label"] == ["cropland"] and wrong_of["probability of cropland"] == ["0.04"]
    page = predictions_map(table, wrong, title="Toyland", boxes=[BOX]).decode()
    assert "points with a ring included" in page and "outside the area of applicability inc" in page
    assert "labels" not in layers(predictions_map(table, wrong[:0], title="Toyland", boxes=[BOX]))


def test_of_very_many_points_a_sample_is_drawn_which_the_page_says() -> None:
    count = MOST_DRAWN + 1
    table = pd.DataFrame({"ID": np.arange(count).astype(str), "label": 1.0, "probability": 0.9})
    table = table.assign(Lat=10.2, Lon=20.2, inside_applicability=True, cannot_tell=False)
    table.loc[0, "cannot_tell"] = True
    table.loc[1:2, "label"] = 0.0
    none = table[:0].assign(Target=1.0)
    page = predictions_map(pd.concat([table, table[3:]]), none, title="", boxes=[BOX]).decode()
    [choice] = pages.models(page, "CheckboxGroup")
    assert choice["labels"] == [
        "predicted other (2)",
        "predicted cropland (5,000 of 9,996, drawn at random)",
        "cannot tell, purple ring (1)",
    ]
    sizes = [len(each["ID"]) for each in pages.sources(page)]
    assert sizes == [2, MOST_DRAWN, 1]


def test_neither_names_nor_titles_become_code() -> None:
    page = points_map(
        points(), title="<b>Toy</b> {{ 6 * 7 }}{% if %}", box=BOX, note="<i>"
    ).decode()
    assert "<script>alert" not in page and "<b>Toy" not in page
    assert "<title>&lt;b&gt;Toy&lt;/b&gt; {{ 6 * 7 }}{% if %}</title>" in page
    head = pages.models(page, "Div")[0]["text"]
    assert "<h1>&lt;b&gt;Toy&lt;/b&gt; {{ 6 * 7 }}{% if %}</h1>" in head and "&lt;i&gt;" in head


def test_a_page_needs_no_network_until_a_background_is_chosen() -> None:
    page = points_map(points(), title="Toyland", box=BOX).decode()
    tiles = pages.models(page, "TileRenderer")
    assert [each["visible"] for each in tiles] == [False, False]
    sources = pages.models(page, "WMTSTileSource")
    assert pages.hosts(page) == {urlsplit(each["url"]).hostname for each in sources}
