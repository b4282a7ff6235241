"""Figures draw what others wrote as it is: what Matplotlib would take for a formula, and for no character."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from maps.landscapes import grid, written

from cropland.maps.assessment.figure import assessment
from cropland.maps.quicklook import quicklook
from cropland.models import diagnostic_figures
from cropland.support import figure_style
from cropland.training.studies import comparison, past_only, time_range

FORMULA = "$\\frac$ \x1b[31m"
"""Begins a formula that cannot be read."""


def cells(variant: str) -> pd.DataFrame:
    """Two candidates of a study, one of them a variant of this name."""
    table = pd.DataFrame({"variant": [variant, "other"], "accuracy": [0.9, 0.8]})
    return table.assign(
        panel=FORMULA, accuracy_se=0.01, standing=["best", "below"], span=12,
        window_end=["2020-01-01", "2020-02-01"], country=FORMULA,
    )  # fmt: skip


def of_a_comparison(_folder: Path) -> bytes:
    table = cells(FORMULA)
    return comparison.draw(
        table, [FORMULA, "other"], baseline=FORMULA, title=FORMULA, remark=FORMULA
    )


def of_windows(_folder: Path) -> bytes:
    table = cells(FORMULA)
    chosen, references = table.head(1), {FORMULA: date(2020, 2, 1)}
    return time_range.draw(table, chosen, references, title=FORMULA, remark=FORMULA)


def of_the_past(_folder: Path) -> bytes:
    return past_only.draw(cells(past_only.ALL), {FORMULA: FORMULA}, title=FORMULA, remark=FORMULA)


def of_a_learning_curve(_folder: Path) -> bytes:
    curve = pd.DataFrame({"n_labels": [20, 40], "accuracy": [0.8, 0.9], "accuracy_se": [0.1, 0.1]})
    return diagnostic_figures.learning_curve_figure(curve, title=FORMULA, simulated=False)


def of_an_assessment(_folder: Path) -> bytes:
    interval = (3.0, 2.0, 4.0)
    areas = [("cropland", interval, None, None)]
    return assessment(areas, {FORMULA: interval}, title=FORMULA, remark=FORMULA)


def of_a_map(folder: Path) -> bytes:
    layers = written(folder, grid(8, 8), {"class": np.zeros((8, 8), np.uint8)})
    return quicklook(layers, title=FORMULA, subtitle=[FORMULA], note=FORMULA)


@pytest.mark.parametrize(
    "draw",
    [
        *(of_a_comparison, of_windows, of_the_past, of_a_learning_curve, of_an_assessment),
        of_a_map,
    ],
)
def test_a_figure_draws_formulas_as_texts(draw: Callable[[Path], bytes], tmp_path: Path) -> None:
    assert draw(tmp_path).startswith(b"\x89PNG")


def test_texts_of_a_figure_are_shown_character_by_character() -> None:
    figure = figure_style.new(2, 2)
    panel = figure.subplots()
    panel.plot(["$x$", "$\\y"], [1, 2], label="a\x1bb")
    panel.legend()
    panel.set_title("$x$\n\u202ey")
    figure_style.png(figure)
    labels = [tick.get_text() for tick in panel.get_xticklabels()]
    assert labels == ["$x$", "$\\y"]
    assert panel.get_title() == "$x$\n\\u202ey"
    [label] = panel.get_legend().get_texts()
    assert label.get_text() == "a\\x1bb"
    assert not any(text.get_parse_math() for text in (panel.title, *panel.get_xticklabels(), label))
