from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from maps.landscapes import HEIGHT, WIDTH, grid, landscape, written
from odc.geo.geobox import GeoBox
from standins import pages

from cropland.maps import layers as rasters
from cropland.maps.extent import Extent
from cropland.maps.page import page, training_points
from cropland.sources.grid import lonlat
from cropland.support.map_plot import mercator


def embedded(text: str) -> dict[str, Any]:
    """The layers of a page: an array of codes by name, and the edges in metres of Web Mercator."""
    [source] = pages.sources(text)
    return {name: values[0] for name, values in source.items()}


def values_of(text: str) -> dict[str, list[str]]:
    """The words of each code, by layer."""
    return dict(pages.content(text)["fields"])


def at_pixels(text: str, box: GeoBox) -> dict[str, np.ndarray]:
    """What each layer of a page shows in the centres of a grid's pixels."""
    data = embedded(text)
    left, bottom, width, height = (data.pop(name) for name in ("x", "y", "dw", "dh"))
    rows, columns = np.indices(box.shape) + 0.5
    x, y = mercator(*lonlat(box, rows, columns))
    shown = {}
    for name, codes in data.items():
        tall, wide = codes.shape
        row = ((y - bottom) / height * tall).astype(int)  # Bokeh counts from the south
        column = ((x - left) / width * wide).astype(int)
        shown[name] = codes[row.clip(0, tall - 1), column.clip(0, wide - 1)]
    return shown


def test_a_page_holds_the_values_of_its_layers(layers: dict[str, Path]) -> None:
    text = page(layers, title="Toyland", facts={})
    shown, words = at_pixels(text, grid(HEIGHT, WIDTH)), values_of(text)
    assert list(shown) == list(words) == [name.replace("_", " ") for name in layers]
    for name in layers:
        layer, codes = rasters.LAYERS[name], shown[name.replace("_", " ")]
        expected = landscape(HEIGHT, WIDTH)[name].astype(float)
        expected[expected == layer.nodata] = np.nan
        said = np.array(words[name.replace("_", " ")])[codes]
        assert (said[:2, :2] == "no data").all()
        if layer.classes:
            names = {value: name for value, (name, _) in layer.classes.items()}
            there = ~np.isnan(expected)
            right = said[there] == [names[int(value)] for value in expected[there]]
        else:
            numbers = [
                np.nan if each == "no data" else float(each.split()[-2 if layer.unit else -1])
                for each in said.ravel()
            ]
            values = np.reshape(numbers, expected.shape)
            tolerance = 0 if layer.dtype != "float32" else 0.01
            right = np.isclose(values, expected, rtol=0, atol=tolerance, equal_nan=True)
        # Where parcels meet, an image in another projection may show the one or the other.
        assert np.mean(right) > 0.9, name


def test_a_scale_without_an_end_is_not_stretched_by_one_strange_pixel(tmp_path: Path) -> None:
    values = {"dissimilarity": np.full((100, 100), 0.5, np.float32)}
    values["dissimilarity"][3, 3] = 900
    text = page(written(tmp_path, grid(100, 100), values), title="", facts={})
    codes = at_pixels(text, grid(100, 100))["dissimilarity"]
    words = values_of(text)["dissimilarity"]
    assert words[codes[50, 50]] == words[codes[3, 3]] == "≥ 0.50"
    assert words[0] == "0.00"


def test_more_days_than_codes_are_told_in_steps(tmp_path: Path) -> None:
    days = np.arange(400, dtype=np.uint16).reshape(20, 20)
    text = page(written(tmp_path, grid(20, 20), {"observations": days}), title="", facts={})
    words = values_of(text)["observations"]
    assert words[:3] == ["0 days", "2 days", "4 days"]
    shown = [
        int(words[code].split()[0])
        for code in at_pixels(text, grid(20, 20))["observations"].ravel()
    ]
    off = np.abs(np.array(shown) - days.ravel())
    assert np.mean(off <= 1) > 0.8 and off.max() <= 22  # a pixel beside it, at most


def test_a_large_map_is_reduced_for_its_page(tmp_path: Path) -> None:
    values = {"class": np.zeros((1600, 40), np.uint8)}
    text = page(written(tmp_path, grid(1600, 40), values), title="", facts={})
    assert max(embedded(text)["class"].shape) < 850
    assert "shown at</dt><dd>20 m a pixel" in str(pages.content(text))


def test_a_map_across_180_degrees_is_one_image(tmp_path: Path) -> None:
    box = Extent.of_box((179.96, -16.9, -179.97, -16.88), 100).grid
    west = lonlat(box, *(np.indices(box.shape) + 0.5))[0] > 0
    text = page(written(tmp_path, box, {"class": west.astype(np.uint8)}), title="", facts={})
    data = embedded(text)
    assert data["dw"] == pytest.approx(np.radians(0.07) * 6_378_137, rel=0.1)
    codes = data["class"][data["class"].shape[0] // 2]
    known = codes[codes != 255]
    assert known.tolist() == sorted(known, reverse=True) and set(known) == {0, 1}


def test_a_page_asks_no_network_for_anything_but_a_background(layers: dict[str, Path]) -> None:
    text = page(layers, title="Toyland", facts={"model": "3"}, note="simulated")
    assert pages.hosts(text) == {"tile.openstreetmap.org", "server.arcgisonline.com"}
    assert "default-src 'none'" in text
    assert [each["visible"] for each in pages.models(text, "TileRenderer")] == [False, False]
    [choice] = pages.models(text, "Select")
    assert choice["value"] == "none"


def test_words_from_outside_stay_words(layers: dict[str, Path]) -> None:
    strange = "</title></script><script>alert('{{data}}')</script>&amp;\"{{facts}}"
    text = page(layers, title=strange, facts={strange: strange}, note=strange)
    assert strange not in text
    plain = page(layers, title="", facts={"": ""}, note=" ")
    assert text.count("<script") == plain.count("<script")
    assert embedded(text).keys() == embedded(plain).keys()
    [head, *_, facts] = [each["text"] for each in pages.models(text, "Div")]
    # As text in the page's own HTML, whatever it says.
    assert head.count(html.escape(strange)) == 2 and facts.count(html.escape(strange)) == 2


def test_training_points_on_the_map_are_drawn_over_it(layers: dict[str, Path]) -> None:
    box = grid(HEIGHT, WIDTH)
    lon, lat = lonlat(box, np.array([5.0, 30.0]), np.array([5.0, 40.0]))
    points = pd.DataFrame(
        {
            "ID": ["right", "wrong", "elsewhere"],
            "Lat": [*lat, 0.0],
            "Lon": [*lon, 0.0],
            "Target": 1.0,
            "label": [1.0, 0.0, 1.0],
            "probability": [0.9, 0.2, 0.9],
            "to_look_at": False,
        }
    )
    text = page(layers, title="Toyland", facts={}, points=training_points(points, box))
    [choice] = pages.models(text, "CheckboxGroup")
    assert choice["labels"] == [
        "training points: cropland (1)",
        "training points: misclassified, black ring (1)",
    ]
    assert pages.content(text)["texts"] == ["ID", "label", "prediction", "probability of cropland"]
    assert training_points(points[2:], box) == []
