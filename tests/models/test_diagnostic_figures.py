from __future__ import annotations

import io
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib import image
from matplotlib.figure import Figure
from sklearn.tree import DecisionTreeClassifier
from standins.figures import kept_figures

from cropland.config.countries import Box
from cropland.config.groups import Validation
from cropland.features.harmonics import HARMONICS
from cropland.models import diagnostic_figures as figures
from cropland.models import importance, importance_figure, profiles
from cropland.support.terminal import SIMULATED

BOX = Box(south=10.0, north=10.4, west=20.0, east=20.4)
CURVE = pd.DataFrame(
    {"n_labels": [20, 40, 80], "accuracy": [0.8, 0.85, 0.9], "accuracy_se": [0.02, 0.02, 0.01]}
)


def measured(names: list[str]) -> xr.Dataset:
    target = (np.arange(40) % 2).astype(np.int8)
    values = np.random.default_rng(1).normal(size=(40, len(names))).astype(np.float32)
    values[:, 0] += 3 * target
    features = xr.DataArray(
        values,
        dims=("sample", "feature"),
        coords={
            "Target": ("sample", target),
            "Lat": ("sample", np.linspace(10, 11, len(target))),
            "Lon": ("sample", np.full(len(target), 20.0)),
            "feature": names,
        },
    )
    return importance.measure(
        DecisionTreeClassifier(random_state=1),
        features,
        Validation("kfold", 2),
        reference_end=date(2020, 6, 30),
        seed=1,
    )


def profiles_of(band: str, dates: list[str]) -> pd.DataFrame:
    values = np.random.default_rng(1).random((20, len(dates), 1)).astype(np.float32)
    series = xr.Dataset(
        {"values": (("point", "time", "band"), values)},
        coords={
            "Target": ("point", np.arange(20) % 2),
            "time": np.array(dates, dtype="datetime64[s]"),
            "band": [band],
        },
    )
    return profiles.profiles(series, band)


def confusion(rows: list[list[int]]) -> pd.DataFrame:
    names = ["cropland", "other"]
    return pd.DataFrame(
        rows, index=pd.Index(names, name="truth"), columns=[f"predicted {name}" for name in names]
    )


def is_drawn(picture: bytes) -> bool:
    """Whether it is a PNG with something on it, of a size that can be read."""
    pixels = image.imread(io.BytesIO(picture))
    return min(pixels.shape[:2]) > 300 and np.ptp(pixels[..., :3]) > 0.5


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are drawn, in place of their pictures."""
    return kept_figures(monkeypatch, figures)


@pytest.mark.parametrize(
    "names",
    [
        ["B4_d-20"],
        [f"{band}_d{day}" for band in ("B4", "NDVI", "SCL_4") for day in range(-330, 0, 30)],
        ["NDVI_min", "NDVI_max", "B4_min"],
        [f"{band}_{name}" for name in HARMONICS for band in ("B4", "NDVI", "BSI")],
        ["Lon", "Lat"],
    ],
    ids=["one band and date", "a year", "statistics only", "harmonics", "static only"],
)
def test_importance_is_drawn_of_any_features(names: list[str]) -> None:
    found = measured(names)
    assert is_drawn(importance_figure.importance_figure(found, title="Toyland", simulated=False))


def test_a_profile_is_drawn_of_any_dates() -> None:
    for dates in (["2020-01-01"], ["2020-01-01", "2020-01-06"], ["2019-03-01", "2020-06-30"]):
        given = profiles_of("NDVI", dates)
        assert is_drawn(figures.profile_figure(given, "NDVI", title="Toyland", simulated=False))


def test_a_learning_curve_and_a_confusion_matrix_are_drawn() -> None:
    assert is_drawn(figures.learning_curve_figure(CURVE, title="Toyland", simulated=False))
    assert is_drawn(figures.learning_curve_figure(CURVE[:1], title="Toyland", simulated=False))
    for rows in ([[192, 8], [10, 190]], [[0, 0], [3, 12_345]]):
        assert is_drawn(figures.confusion_figure(confusion(rows), title="Toyland", simulated=True))


@pytest.mark.parametrize(
    ("title", "simulated", "expected"),
    [
        ("Toyland", False, "Toyland"),
        ("Toyland", True, f"Toyland (SIMULATED data)\n{SIMULATED}"),
        ("Toyland\nforest", False, "Toyland\nforest"),
        ("Toyland\nforest", True, f"Toyland (SIMULATED data)\nforest\n{SIMULATED}"),
    ],
)
def test_titles_say_what_is_simulated(
    drawn: list[Figure], title: str, simulated: bool, expected: str
) -> None:
    figures.learning_curve_figure(CURVE, title=title, simulated=simulated)
    assert drawn[0].get_suptitle() == expected


def test_every_figure_says_that_it_is_simulated(drawn: list[Figure]) -> None:
    chosen = {"title": "Toyland", "simulated": True}
    importance_figure.importance_figure(measured(["B4_d-20"]), **chosen)
    figures.confusion_figure(confusion([[1, 2], [3, 4]]), **chosen)
    figures.profile_figure(profiles_of("B4", ["2020-01-01"]), "B4", **chosen)
    for figure in drawn:
        first, *_, last = figure.get_suptitle().splitlines()
        assert (first, last) == ("Toyland (SIMULATED data)", SIMULATED)


def test_a_profile_names_unit_classes_and_numbers_of_points(drawn: list[Figure]) -> None:
    units = {
        "B4": "B4, reflectance × 10,000",
        "NDVI": "NDVI",
        "SCL_4": "share of SCL_4 (vegetation)",
    }
    for band in units:
        given = profiles_of(band, ["2020-01-01", "2020-03-01"])
        figures.profile_figure(given, band, title="Toyland", simulated=False)
    assert [figure.axes[0].get_ylabel() for figure in drawn] == list(units.values())
    legend = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert {"cropland, median of 10 points", "other, median of 10 points"} <= set(legend)


def test_a_confusion_matrix_shows_counts_and_shares_of_the_row(drawn: list[Figure]) -> None:
    figures.confusion_figure(confusion([[192, 8], [100, 300]]), title="Toyland", simulated=False)
    texts = [text.get_text() for text in drawn[0].axes[0].texts]
    assert texts == ["192\n96.0%", "8\n4.0%", "100\n25.0%", "300\n75.0%"]
    names = [label.get_text() for label in drawn[0].axes[0].get_yticklabels()]
    assert names == ["cropland\n(n = 200)", "other\n(n = 400)"]


def test_a_confusion_matrix_of_repeats_says_how_many_points_they_are_of(
    drawn: list[Figure],
) -> None:
    counts = confusion([[990, 10], [52, 948]])
    figures.confusion_figure(counts, 5, title="Toyland", simulated=False)
    names = [label.get_text() for label in drawn[0].axes[0].get_yticklabels()]
    assert names == ["cropland\n(n = 200\n× 5 repeats)", "other\n(n = 200\n× 5 repeats)"]


def test_numbers_of_the_colours_of_importance_do_not_overlap(drawn: list[Figure]) -> None:
    found = measured([f"{band}_{name}" for name in HARMONICS for band in ("B4", "NDVI")])
    found["importance"] = found["importance"].copy(data=np.full((2, len(found["when"])), 0.0195))
    found["importance_se"] = xr.zeros_like(found["importance"])
    importance_figure.importance_figure(found, title="Toyland", simulated=False)
    drawn[0].draw_without_rendering()
    labels = [label for label in drawn[0].axes[-1].get_xticklabels() if label.get_text()]
    boxes = [label.get_window_extent() for label in labels]
    assert len(boxes) > 2 and all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_names_of_two_years_of_months_and_statistics_do_not_overlap(drawn: list[Figure]) -> None:
    names = [f"B4_d{day}" for day in range(-690, 0, 30)] + ["B4_median", "B4_amplitude", "Lon"]
    found = measured(names)
    found["importance_se"] = -xr.ones_like(found["importance"])
    importance_figure.importance_figure(found, title="Toyland", simulated=False)
    labels = drawn[0].axes[0].get_xticklabels()
    assert [label.get_text() for label in labels[:3]] == ["Aug\n2018", "Sep", "Oct"]
    boxes = [label.get_window_extent() for label in labels]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_importance_is_coloured_where_it_is_larger_than_its_error(drawn: list[Figure]) -> None:
    names = [f"{band}_d{day}" for band in ("B2", "B4", "NDVI") for day in (-40, -10)]
    found = measured(names)
    drop = np.array([[0.03, 0.001], [np.nan, 0.01], [-0.002, 0.0]])
    found["importance"] = found["importance"].copy(data=drop)
    found["importance_se"] = found["importance"].copy(data=np.full((3, 2), 0.004))
    importance_figure.importance_figure(found, title="Toyland", simulated=False)
    cells = drawn[0].axes[0]
    assert [text.get_text() for text in cells.texts] == ["3.0", "1.0"]
    assert "white: no such feature" in cells.get_xlabel()
    assert cells.images[-1].get_clim() == (0, pytest.approx(3.0))


def test_importance_has_no_cells_where_none_is_larger_than_its_error(drawn: list[Figure]) -> None:
    found = measured([f"{band}_d{day}" for band in ("B4", "NDVI") for day in (-40, -10)])
    found["importance_se"] = found["importance"].copy(data=np.ones((2, 2)))
    importance_figure.importance_figure(found, title="Toyland", simulated=False)
    assert [bool(panel.images) for panel in drawn[0].axes] == [False, False]
    assert "none drops by more than 2 s.e." in drawn[0].get_suptitle().replace("\n", " ")
    names = [label.get_text() for label in drawn[0].axes[1].get_yticklabels()]
    assert names == ["B4", "NDVI"]


def test_of_many_bands_the_most_important_are_drawn_and_counted(drawn: list[Figure]) -> None:
    found = measured([f"B{number}_d-10" for number in range(1, 16)])
    found["importance_band"] = found["importance_band"].copy(data=np.arange(15) / 100)
    found["importance_se"] = -xr.ones_like(found["importance"])
    importance_figure.importance_figure(found, title="Toyland", simulated=False)
    labels = [label.get_text() for label in drawn[0].axes[0].get_yticklabels()]
    assert labels == [f"B{number}" for number in range(4, 16)]
    assert "the 12 bands of 15 with the largest drops" in drawn[0].get_suptitle().replace("\n", " ")
