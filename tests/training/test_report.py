from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure
from rich.console import Console

from cropland.support import figure_style
from cropland.training import report
from cropland.training.outcome import Outcome


def outcome(country: str, accuracy: float, status: Any = "finished", **changes: Any) -> Outcome:
    values: dict[str, Any] = {
        "country": country,
        "span": 12,
        "period": 0,
        "bands": "ndvi",
        "series": "raw",
        "features": "flat",
        "model": "forest",
        "training": "own",
        "validation": "kfold",
        "window_end": "2020-06-30",
        "uses_future": False,
        "status": status,
        "accuracy": accuracy,
        "accuracy_se": 0.01,
        "n_features": 10,
        "n_points": 500,
    }
    return Outcome(**(values | changes))


MANY = [
    outcome("iran", 0.9),
    outcome("iran", 0.95, span=24, n_features=20),
    outcome("iran", 0.95, "already there", span=48, n_features=5),
    outcome("iran", float("nan"), "failed", span=96),
    outcome("sudan", 0.97, bands="visible_nir", period="2020-03-31", window_end="2020-03-31"),
    outcome("sudan", float("nan"), "outside", span=96),
]


def test_the_best_of_each_country_and_of_ties_the_one_with_fewest_features() -> None:
    best = report.best(MANY)
    assert best["country"].tolist() == ["iran", "sudan"]
    assert best["span"].tolist() == [48, 12]
    assert best["tried"].tolist() == [3, 1]


def test_nothing_scored_is_no_table() -> None:
    assert report.best([MANY[3]]).empty
    assert report.best([]).empty
    assert report.figure([]) is None
    assert report.figure([MANY[0]]) is None


def test_the_closing_table_says_what_was_chosen_and_from_how_many() -> None:
    console = Console(file=io.StringIO(), width=140)
    console.print(report.closing_table(MANY))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "0.950" in text and "2020-06-30 (+0 months)" in text and "2020-03-31 " in text


def test_on_a_terminal_of_80_columns_no_value_is_cut_off() -> None:
    console = Console(file=io.StringIO(), width=80)
    widest = outcome("afghanistan", 0.9, bands="visible_nir_ndvi", n_points=1500, n_features=1340)
    console.print(report.closing_table([widest, *MANY]))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in text and all(len(line) <= 80 for line in text.splitlines())
    row = next(line.split() for line in text.splitlines() if line.startswith("afghanistan"))
    expected = ["afghanistan", "0.900", "±", "0.010", "1500", "12", "w", "2020-06-30"]
    assert row[:8] == expected and row[-3:] == ["forest", "1340", "1"]


@pytest.mark.parametrize("simulated", [True, False])
def test_titles_of_tables_say_whether_data_are_simulated(*, simulated: bool) -> None:
    title = report.closing_table(MANY, simulated=simulated).title
    assert ("SIMULATED" in str(title)) is simulated


def test_the_figure_of_a_simulated_sweep_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def texts(figure: Figure) -> bytes:
        drawn.append("" if figure._suptitle is None else figure._suptitle.get_text())
        return b""

    monkeypatch.setattr(figure_style, "png", texts)
    for simulated in (True, False):
        report.figure(MANY, simulated=simulated)
    assert drawn == ["Simulated data: not valid for any real country", ""]


def test_the_note_counts_every_outcome() -> None:
    text = report.note(MANY)
    assert "| iran | 0.950 ± 0.010 | 500 | 48 weeks | 2020-06-30 | ndvi | forest | 3 |" in text
    for said in ("3 finished", "1 already there", "1 failed", "1 outside"):
        assert said in text


def test_each_country_says_how_much_of_its_series_was_observed() -> None:
    seen = {"observations_per_point": 10.5, "observations_least": 5.0, "interpolated_share": 0.843}
    outcomes = [outcome("iran", 0.9), outcome("iran", 0.95, **seen), outcome("sudan", 0.9)]
    line = "iran: 10.5 observations a point (least 5), 84% of the series' days interpolated"
    assert report.evidence_lines(outcomes) == [line]
    assert f"- {line}" in report.note(outcomes).splitlines()


def test_the_figure_has_a_panel_a_country() -> None:
    one = report.figure(MANY[:3])
    both = report.figure(MANY)
    assert one is not None and both is not None
    narrow, wide = (image.imread(io.BytesIO(picture)) for picture in (one, both))
    assert wide.shape[1] > 1.5 * narrow.shape[1]
    assert np.ptp(wide) > 0.5


def test_a_sweep_of_many_lines_is_still_a_figure(recwarn: pytest.WarningsRecorder) -> None:
    outcomes = [
        outcome("iran", 0.9 + span / 1000, span=span, window_end=f"2020-{month:02d}-01")
        for span in range(4, 94)
        for month in (1, 2)
    ]
    drawn = report.figure(outcomes)
    assert drawn is not None
    assert not recwarn.list  # matplotlib warns where the legend leaves no room for the axes
