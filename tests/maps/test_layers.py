from __future__ import annotations

import numpy as np
from rasterio.enums import Resampling

from cropland.maps import layers
from cropland.support import figure_style


def test_the_classes_look_as_in_every_figure() -> None:
    assert layers.CLASS.classes == {
        1: ("cropland", figure_style.CROPLAND),
        0: ("other", figure_style.OTHER),
        2: ("too few observations", "#999999"),
    }
    assert layers.CLASSES == {"cropland": 1, "other": 0}


def test_the_colours_of_a_scale_grow_lighter_or_darker_all_along() -> None:
    for layer in (layers.PROBABILITY, layers.UNCERTAINTY):
        table = layer.colours
        assert table is not None
        light = [np.dot(table[percent][:3], (0.2126, 0.7152, 0.0722)) for percent in range(101)]
        rise = np.diff(light[::10])
        assert (rise > 0).all() or (rise < 0).all(), layer.name


def test_other_types_have_no_colour_table() -> None:
    assert layers.OBSERVATIONS.colours is layers.DISSIMILARITY.colours is None


def test_each_layer_is_reduced_as_its_values_allow() -> None:
    for layer in layers.LAYERS.values():
        expected = Resampling.mode if layer.classes else Resampling.average
        assert layer.resampling == expected, layer.name


def test_what_stands_for_no_data_is_no_value_of_a_layer() -> None:
    found = {name: (layer.dtype, layer.nodata) for name, layer in layers.LAYERS.items()}
    exact = {name: found.pop(name) for name in ("probability_exact", "dissimilarity")}
    assert found.pop("observations") == ("uint16", 65535)
    assert found == dict.fromkeys(
        ("class", "probability", "uncertainty", "applicability"), ("uint8", 255)
    )
    assert all(dtype == "float32" and np.isnan(nodata) for dtype, nodata in exact.values())
