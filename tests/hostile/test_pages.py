"""Pages show what others wrote as it is, and run nothing of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from standins import browser, pages

from cropland.config.countries import Box
from cropland.errors import visible
from cropland.models.points_map import points_map
from cropland.support.map_layers import ImageLayer, PointLayer
from cropland.support.map_page import comparison_page, image_page
from cropland.support.map_plot import mercator

TEMPLATE, TAG, SCRIPT, IMAGE = (
    *("{{7*7}}", "{% x", "</script><script>alert(1)</script>"),
    "<img src=x onerror=alert(2)>",
)
COLUMN, COMMENT, FORMULA, ENTITY = "@{ID}{safe}", "<!--<script>", "$$\\frac$$", "&lt;b&gt;\u2028'\""
STRANGE = (TEMPLATE, TAG, SCRIPT, IMAGE, COLUMN, COMMENT, FORMULA, ENTITY)
BOUNDS = (0.0, 0.0, 1e5, 1e5)
"""Metres of Web Mercator, some 0.9 degrees."""
BOX = Box(south=10.0, north=10.4, west=20.0, east=20.4)

_METRES_PER_PIXEL = """((number) => {
  const {model: {x_range: x, y_range: y}, frame} = [...Bokeh.index.roots][0].child_views[number]
  return (x.end - x.start) / frame.bbox.width / ((y.end - y.start) / frame.bbox.height)
})"""
"""Of a plot: those of its width by those of its height."""
needs_browser = pytest.mark.skipif(browser.PROGRAM is None, reason=browser.MISSING)


def points_page(texts: Sequence[str]) -> str:
    """A page whose title, note and IDs are these texts; the first point lies in its middle."""
    table = pd.DataFrame(
        {"ID": texts, "Target": 1, "label": 1, "probability": 0.9, "to_look_at": False}
    )
    shifts = np.arange(len(texts)) / 100
    table = table.assign(Lat=10.2 + shifts, Lon=20.2 + shifts)
    joined = " ".join(texts)
    return points_map(table, title=joined, box=BOX, note=joined).decode()


def image_layers(texts: Sequence[str]) -> list[ImageLayer]:
    """An image for each text, whose legend and values are this text."""
    return [
        ImageLayer(
            name=text,
            label=text,
            codes=np.zeros((4, 4), np.uint8),
            colours=np.full((256, 4), 99, np.uint8),
            words=[f"value {text}"] * 256,
            classes={0: text} if n % 2 else {},
            ends=(text, text),
        )
        for n, text in enumerate(texts)
    ]


def images_page(texts: Sequence[str], points: Sequence[PointLayer] = ()) -> str:
    """A page whose title, note, facts and images are these texts."""
    joined = " ".join(texts)
    facts: Mapping[str, str] = dict(zip(texts, texts, strict=True))
    return image_page(
        image_layers(texts), BOUNDS, title=joined, note=joined, facts=facts, points=points
    )


def compared_page(texts: Sequence[str]) -> str:
    """A page of two maps whose names, title, note and images are these texts."""
    layers, joined = image_layers(texts), " ".join(texts)
    pairs = list(zip(layers[::2], layers[1::2], strict=True))
    names = (texts[0], texts[1])
    return comparison_page(pairs, BOUNDS, names=names, title=joined, note=joined, facts={})


def one_point(text: str, at: float) -> PointLayer:
    """A layer of a point, so many degrees east and north of 0, whose name and text are the same."""
    place = np.array([at])
    return PointLayer(text, place, place, {"ID": [text]}, ["#000000"])


WRITERS = pytest.mark.parametrize("write", [points_page, images_page, compared_page])
Writer = Callable[[Sequence[str]], str]


def scripts(page: str) -> list[str]:
    """The scripts of a page that a browser would run."""
    return re.findall(r"<script>(.*?)</script>", page, re.DOTALL)


def policy(page: str) -> dict[str, list[str]]:
    """What a page's policy allows, by kind."""
    [text] = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    return {kind: values for kind, *values in (part.split() for part in text.split(";"))}


@WRITERS
def test_a_page_runs_its_own_scripts_only(write: Writer) -> None:
    page = write(STRANGE)
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts(page)]
    expected = {f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests}
    allowed = policy(page)
    assert set(allowed["script-src"]) == expected and len(expected) > 2
    assert allowed["default-src"] == allowed["base-uri"] == allowed["form-action"] == ["'none'"]


@WRITERS
def test_data_reach_a_page_as_json_and_title_only(write: Writer) -> None:
    page, other = write(STRANGE), write(["plain"] * len(STRANGE))
    assert scripts(page) == scripts(other)
    for kind in ("CustomJS", "CustomJSHover"):  # which a browser would compile
        assert not pages.models(page, kind)
    inert = re.compile(
        r'(?<=<script type="application/json" id="page">).*?(?=</script>)', re.DOTALL
    )
    title = re.compile(r"(?<=<title>).*?(?=</title>)")
    frames = [title.sub("", inert.sub("", text)) for text in (page, other)]
    assert frames[0] == frames[1]
    [data] = inert.findall(page)
    assert not set(data) & set("<>&\u2028") and json.loads(data)


@needs_browser
@pytest.mark.processes
def test_a_browser_shows_the_texts_of_points_as_they_are(tmp_path: Path) -> None:
    with browser.page(points_page(STRANGE), tmp_path) as page:
        joined = " ".join(map(visible, STRANGE))
        assert page.value("document.title") == joined and page.text().count(joined) == 2
        for n, text in enumerate(STRANGE):
            page.point_at(*page.value(_pixel(20.2 + n / 100, 10.2 + n / 100)))
            page.wait(f"({browser.TEXT})(document.body).includes({json.dumps(_row('ID', text))})")
        assert "place:  10.27000° N, 20.27000° E" in page.text()
        assert page.events == []


@needs_browser
@pytest.mark.processes
def test_a_browser_shows_the_texts_of_images_as_they_are(tmp_path: Path) -> None:
    with browser.page(images_page(STRANGE), tmp_path) as page:
        joined = " ".join(map(visible, STRANGE))
        assert page.text().count(joined) == 2
        page.point_at(400, 400)
        for text in STRANGE:
            row = json.dumps(f"{text}:  value {text}")
            page.wait(f"({browser.TEXT})(document.body).includes({row})")
        # The controls work, though the policy lets the browser compile nothing.
        page.value(f"{_MODEL}('layer').active = 3; {_MODEL}('opacity').value = 40")
        shown = [page.value(f"{_MODEL}('layer {n}').visible") for n in range(len(STRANGE))]
        assert shown == [n == 3 for n in range(len(STRANGE))]
        assert page.value(f"{_MODEL}('legend 3').visible && !{_MODEL}('legend 0').visible")
        assert page.value(f"{_MODEL}('layer 3').glyph.global_alpha.value") == 0.4
        assert page.events == []


@needs_browser
@pytest.mark.processes
def test_points_over_a_map_are_switched_and_say_what_they_are(tmp_path: Path) -> None:
    points = [one_point("first", 0.3), one_point("second", 0.6)]
    with browser.page(images_page(["plain"], points), tmp_path) as page:
        page.point_at(*page.value(_pixel(0.6, 0.6)))
        page.wait(f"({browser.TEXT})(document.body).includes('ID:  second')")
        page.value(f"{_MODEL}('points').active = [1]")
        shown = [page.value(f"{_MODEL}('points {n}').visible") for n in (0, 1)]
        assert shown == [False, True]
        # No host answers here: the page says so, and stays as it is.
        page.ask("Network.enable")
        page.ask("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0,
                 uploadThroughput=0)  # fmt: skip
        page.value(f"{_MODEL}('background').value = 'streets'")
        page.wait(f"{_MODEL}('background note').visible")
        page.value(f"{_MODEL}('background').value = 'none'")
        assert not page.value(f"{_MODEL}('background note').visible")
        assert not [event for event in page.events if not event.startswith("error Failed to load")]


@needs_browser
@pytest.mark.processes
def test_two_maps_beside_each_other_move_and_change_together(tmp_path: Path) -> None:
    with browser.page(compared_page(["a", "b", "c", "d"]), tmp_path) as page:
        frames = (
            "[...Bokeh.index.roots][0].child_views.slice(0, 2).map(({frame}) => frame.bbox.width)"
        )
        left, right = page.value(frames)
        assert left > 300 and abs(left - right) < 40
        names = [f"{side}layer {n}" for side in ("", "second ") for n in (0, 1)]
        page.value(f"{_MODEL}('layer').active = 1; {_MODEL}('opacity').value = 40")
        shown = [page.value(f"{_MODEL}('{name}').visible") for name in names]
        assert shown == [False, True, False, True]
        assert page.value(f"{_MODEL}('second layer 1').glyph.global_alpha.value") == 0.4
        ranges = (
            "[...Bokeh.index.roots][0].child_views.slice(0, 2).map(({model}) => model.x_range.id)"
        )
        assert len(set(page.value(ranges))) == 1
        for width in (1280, 1000):  # a metre is as long to the east as to the north
            page.ask("Emulation.setDeviceMetricsOverride", width=width, height=700,
                     deviceScaleFactor=1, mobile=False)  # fmt: skip
            for number in (0, 1):
                page.wait(f"Math.abs({_METRES_PER_PIXEL}({number}) - 1) < 0.001")
        page.point_at(300, 400)
        for text in "abcd":
            page.wait(f"({browser.TEXT})(document.body).includes('{text}:  value {text}')")
        assert page.events == []


@needs_browser
@pytest.mark.processes
def test_a_browser_runs_nothing_that_is_planted_in_a_page(tmp_path: Path) -> None:
    planted = "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)>"
    place = '<div id="plot">'
    text = points_page(["plain"]).replace(place, planted + place)
    with browser.page(text, tmp_path) as page:
        assert len(page.events) >= 3
        assert all("Content Security Policy" in event for event in page.events)


_MODEL = "Bokeh.documents[0].get_model_by_name"


def _row(name: str, text: str) -> str:
    """A line of a tooltip, as `browser.Page.text` returns it."""
    return f"{name}:  {visible(text)}"


def _pixel(lon: float, lat: float) -> str:
    """The pixel of the window at a place, as an expression."""
    x, y = (float(part[0]) for part in mercator(np.array([lon]), np.array([lat])))
    scales = f"[frame.x_scale.compute({x!r}), frame.y_scale.compute({y!r})]"
    return f"(({{frame}}) => {scales})([...Bokeh.index.roots][0].child_views[0])"
