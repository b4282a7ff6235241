from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure
from standins.figures import kept_figures

from cropland.errors import DataError
from cropland.models import diagnostic_figures, label_figure
from cropland.models.label_check import LabelCheck, in_markdown, label_check, listed, near_pairs
from cropland.models.profiles import profiles
from cropland.support.terminal import SIMULATED

TARGET = {"a": 1, "b": 0, "c": 1, "d": 0, "e": 1, "f": 0}


def points() -> xr.Dataset:
    """Six labelled points about 111 m apart, and one without a label among them."""
    ids = [*TARGET, "unlabelled"]
    columns = {
        "ID": ids,
        "Lat": 10 + 0.001 * np.arange(7),
        "Lon": np.full(7, 20.0),
        "Target": [*TARGET.values(), -1],
    }
    return xr.Dataset({name: ("point", values) for name, values in columns.items()})


def out_of_fold(**probability: list[float]) -> xr.Dataset:
    """Predictions of points by their ID, a number a repeat."""
    values = np.array(list(probability.values()))
    by = ("sample", "repeat")
    return xr.Dataset(
        {"probability": (by, values), "label": (by, (values > 0.5).astype(np.int8))},
        coords={
            "ID": ("sample", list(probability)),
            "Target": ("sample", [TARGET[point] for point in probability]),
        },
    )


# Both have a and b wrong; c in one of three repeats only; d the first only; e is missing from the second.
FIRST = out_of_fold(
    a=[0.4, 0.3, 0.6], b=[0.9, 0.9, 0.9], c=[0.9, 0.4, 0.9], d=[0.8] * 3, e=[0.1] * 3, f=[0.1] * 3
)
SECOND = out_of_fold(f=[0.2], d=[0.3], c=[0.2], b=[0.7], a=[0.25])


def check() -> LabelCheck:
    return label_check([("forest", FIRST), ("svm", SECOND)], points())


def test_a_label_is_looked_at_where_every_finalist_has_it_wrong_in_most_repeats() -> None:
    found = check()
    expected = pd.DataFrame(
        {
            "ID": ["b", "a"],  # the most confident error first
            "Lat": [10.001, 10.0],
            "Lon": [20.0, 20.0],
            "Target": [0, 1],
            "probability": [0.8, (1.3 / 3 + 0.25) / 2],
            "probability forest": [0.9, 1.3 / 3],
            "probability svm": [0.7, 0.25],
        }
    )
    assert found.table is not None
    pd.testing.assert_frame_equal(found.table, expected, check_dtype=False)
    assert found.metrics() == {"n_labels_to_look_at": 2.0}
    assert found.files()["labels_to_look_at.csv"].splitlines()[1] == (
        "b,10.001000,20.000000,0,0.800000,0.900000,0.700000"
    )
    assert in_markdown(found, figures=True).startswith(
        "Labels to look at: 2 of 5 (40.0%), contradicted by all 2 finalists out of fold.\n\nThe most "
        "confident errors first: `b`, `a`; all are in"
    )


def test_a_card_names_no_figure_that_is_not_drawn() -> None:
    drawn, plain = (in_markdown(check(), figures=figures) for figures in (True, False))
    assert "labels_to_look_at.png" in drawn and "points.html" in drawn
    assert "all are in `labels_to_look_at.csv`. They are never dropped" in plain


def test_a_list_that_cannot_be_is_not_read() -> None:
    text = check().files()["labels_to_look_at.csv"]
    assert listed(text)["ID"].tolist() == ["b", "a"]
    for wrong, message in (
        ("a\n1\n", "cannot be read"),
        (text.replace("20.0", "920.0"), "out of range"),
    ):
        with pytest.raises(DataError, match=message):
            listed(wrong)


def test_none_is_said_and_one_finalist_makes_no_list() -> None:
    right = out_of_fold(a=[0.9], b=[0.1])
    none = label_check([("forest", right), ("svm", SECOND)], points())
    assert none.line() == "labels to look at: none of 2 is contradicted by all 2 finalists"
    assert (
        none.metrics() == {"n_labels_to_look_at": 0.0} and "labels_to_look_at.csv" in none.files()
    )
    alone = label_check([("forest", FIRST)], points())
    assert (alone.table, alone.metrics(), alone.files()) == (None, {}, {})
    assert "not listed, which takes at least 2 finalists (1 here)" in in_markdown(
        alone, figures=True
    )


def test_near_pairs_that_disagree_are_counted_and_said_from_ten_pairs_on() -> None:
    lat = 10 + 0.001 * np.arange(12)  # 110.6 m: next ones are near, those after them are not
    lon, target = np.full(12, 20.0), np.arange(12) // 4 % 2
    assert near_pairs(lat, lon, target) == (11, 2)
    assert near_pairs(lat, lon, np.ones(12)) == (11, 0)
    assert near_pairs(lat, lon, target, metres=250.0) == (21, 6)
    assert near_pairs(np.full(3, 60.0), np.full(3, 20.0), np.array([1, 0, 0])) == (3, 2)
    many = LabelCheck(None, 12, 1, n_pairs=11, n_disagreeing=2)
    assert "Of 11 pairs of labelled points closer than 200 m, 18% have different" in in_markdown(
        many, figures=True
    )
    assert "closer" not in in_markdown(check(), figures=True)  # five pairs


@pytest.mark.parametrize("n_labels", [1, 6, 30])
def test_the_first_twelve_labels_are_drawn_by_name_among_both_classes(
    monkeypatch: pytest.MonkeyPatch, n_labels: int
) -> None:
    drawn: list[Figure] = kept_figures(monkeypatch, diagnostic_figures)
    values = np.random.default_rng(1).random((40, 3, 1)).astype(np.float32)
    ids = [f"P{number:02}" for number in range(40)]
    series = xr.Dataset(
        {"values": (("point", "time", "band"), values)},
        coords={
            "ID": ("point", ids),
            "Target": ("point", np.arange(40) % 2),
            "time": np.array(["2020-01-01", "2020-04-01", "2020-08-01"], dtype="datetime64[s]"),
            "band": ["NDVI"],
        },
    )
    table = pd.DataFrame({"ID": ids[::-1], "Target": 0, "probability": 0.9})[:n_labels]
    year = profiles(series, "NDVI")
    label_figure.label_figure(table, series, year, "NDVI", title="Toyland", simulated=True)
    panels = [panel for panel in drawn[0].axes if panel.get_visible()]
    assert [panel.get_title().splitlines()[0] for panel in panels] == ids[::-1][: min(n_labels, 12)]
    np.testing.assert_allclose(panels[0].get_lines()[-1].get_ydata(), values[39, :, 0])
    assert drawn[0].get_suptitle().replace("\n", " ") == (
        f"Toyland (SIMULATED data) {min(n_labels, 12)} of {n_labels} labels that all finalists have "
        f"wrong, the most confident first {SIMULATED}"
    )
