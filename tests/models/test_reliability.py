from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from standins.figures import kept_figures

from cropland.learning.statistics import wilson
from cropland.models import diagnostic_figures
from cropland.models.reliability import reliability_bins, reliability_figure

PROBABILITY = np.repeat([0.2, 0.8], 50)
LABELS = np.tile([1, 0, 0, 0, 0], 10).tolist() + [1] * 50
"""A fifth of the points with .2 is cropland, as said; of those with .8 all are."""


def test_bins_have_shares_and_intervals_and_count_the_mean_of_repeats() -> None:
    bins = reliability_bins(PROBABILITY, LABELS)
    assert bins["n"].tolist() == [50, 50] and bins["share"].tolist() == pytest.approx([0.2, 1.0])
    assert bins["probability"].tolist() == pytest.approx([0.2, 0.8])
    expected = wilson(10, 50), wilson(50, 50)
    assert bins["low"].tolist() == pytest.approx([one.low for one in expected])
    assert bins["high"].tolist() == pytest.approx([one.high for one in expected])
    repeats = np.stack([PROBABILITY, PROBABILITY], axis=1)
    pd.testing.assert_frame_equal(reliability_bins(repeats, LABELS), bins)


def test_bins_hold_as_many_points_each_and_twenty_at_least() -> None:
    random = np.random.default_rng(1)
    for number, sizes in ((1000, [100] * 10), (60, [20] * 3), (7, [7])):
        bins = reliability_bins(random.random(number), random.integers(0, 2, number))
        assert bins["n"].tolist() == sizes
    assert reliability_bins(np.full(100, 0.5), np.arange(100) % 2)["n"].tolist() == [100]


def test_the_figure_has_a_line_a_forecast_with_its_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = kept_figures(monkeypatch, diagnostic_figures)
    forecasts = {"as predicted": PROBABILITY, "calibrated": np.where(PROBABILITY > 0.5, 1, 0.2)}
    reliability_figure(forecasts, LABELS, title="Toyland", simulated=True)
    assert drawn[0].get_suptitle().startswith("Toyland (SIMULATED data)\n")
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == [
        "perfectly calibrated",
        "bars: 95 % interval (Wilson)",
        "as predicted\nBrier score 0.1000, expected calibration error 0.100",
        "calibrated\nBrier score 0.0800, expected calibration error 0.000",
    ]
