from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure
from rich.console import Console

from cropland.support import figure_style
from cropland.training import report, sweep_figure
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


def test_of_equally_accurate_ones_the_lowest_brier_score_is_the_best() -> None:
    equals = [outcome("iran", 0.9, span=span, brier=0.1 - span / 1000) for span in (12, 24)]
    assert report.best(equals)["span"].tolist() == [24]
    assert report.best([*equals, outcome("iran", 0.9, span=48)])["span"].tolist() == [24]


def test_a_perfect_score_is_suspicious() -> None:
    outcomes = [outcome("iran", 1.0), outcome("iran", 0.9), outcome("sudan", 0.9)]
    line = "iran: a perfect score: check for leakage"
    assert report.leakage_lines(outcomes) == [line]
    assert f"- {line}" in report.note(outcomes)
    assert report.leakage_lines(outcomes[1:]) == []


def test_nothing_scored_is_no_table() -> None:
    assert report.best([MANY[3]]).empty
    assert report.best([]).empty
    assert sweep_figure.draw([]) is None
    assert sweep_figure.draw([MANY[0]]) is None


def test_the_closing_table_says_what_was_chosen_and_from_how_many() -> None:
    console = Console(file=io.StringIO(), width=140)
    console.print(report.closing_table(MANY))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "0.950" in text and "2020-06-30 " in text and "2020-03-31 " in text


def test_on_a_terminal_of_80_columns_no_value_is_cut_off() -> None:
    widest = outcome("afghanistan", 0.9, bands="visible_nir_ndvi", n_points=1500, n_features=1340)
    lines = printed([widest, *MANY], 80)
    assert "…" not in "".join(lines) and all(len(line) <= 80 for line in lines)
    row = next(line.split() for line in lines if line.startswith("afghanistan"))
    assert row[:7] == ["afghanistan", "0.900", "±", "0.010", "1500", "12", "w"]
    assert row[-3:] == ["visible_nir_ndvi", "1340", "1"]
    assert lines[1] == "all: model forest"


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
        sweep_figure.draw(MANY, simulated=simulated)
    head = "Accuracy by span (weeks)"
    assert drawn == [
        f"{head} (SIMULATED data)\nbars: ± 1 s.e.\nSimulated data: not valid for any real country",
        f"{head}\nbars: ± 1 s.e.",
    ]


def test_the_note_counts_every_outcome() -> None:
    text = report.note(MANY)
    assert "| iran | 0.950 ± 0.010 | 500 | 48 weeks | 2020-06-30 | ndvi | forest | 3 |" in text
    for said in (
        "3 finished",
        "1 already there",
        "1 failed",
        "1 with a window that cannot be used",
    ):
        assert said in text


def test_each_country_says_how_much_of_its_series_was_observed() -> None:
    seen = {"observations_per_point": 10.5, "observations_least": 5.0, "interpolated_share": 0.843}
    outcomes = [outcome("iran", 0.9), outcome("iran", 0.95, **seen), outcome("sudan", 0.9)]
    line = (
        "iran: 10.5 observations per point (minimum 5), 84% of the days of the series interpolated"
    )
    assert report.evidence_lines(outcomes) == [line]
    assert f"- {line}" in report.note(outcomes).splitlines()


def test_the_figure_has_a_panel_a_country() -> None:
    one = sweep_figure.draw(MANY[:3])
    both = sweep_figure.draw(MANY)
    assert one is not None and both is not None
    five = sweep_figure.draw([outcome(c, 0.9, span=span) for c in "abcde" for span in (12, 24)])
    assert five is not None
    pictures = [image.imread(io.BytesIO(picture)) for picture in (one, both, five)]
    assert pictures[2].shape[0] > 1.5 * pictures[1].shape[0]  # a second row
    assert all(np.ptp(picture) > 0.5 and picture.shape[1] <= 1900 for picture in pictures)


def test_a_sweep_of_many_lines_is_still_a_figure(recwarn: pytest.WarningsRecorder) -> None:
    outcomes = [
        outcome("iran", 0.9 + span / 1000, span=span, window_end=f"2020-{month:02d}-01")
        for span in range(4, 94)
        for month in (1, 2)
    ]
    drawn = sweep_figure.draw(outcomes)
    assert drawn is not None
    assert not recwarn.list  # matplotlib warns where the legend leaves no room for the axes


def depths(**changes: Any) -> list[Outcome]:
    """Six candidates that differ in parameters of their model only; the best has depth 4 and 40 trees."""
    return [
        outcome(
            "afghanistan",
            0.9 + 0.01 * (depth == 4) + 0.001 * (trees == 40),
            settings={"model.max_depth": depth, "model.n_estimators": trees, "seed": 2023},
            **changes,
        )
        for depth in (16, 2, 4)
        for trees in (10, 40)
    ]


def printed(outcomes: list[Outcome], width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(report.closing_table(outcomes))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("width", [80, 150])
def test_what_varied_is_a_column_of_the_closing_table(width: int) -> None:
    lines = printed(depths(bands="visible_nir_ndvi"), width)
    assert all(len(line) <= width for line in lines)
    heads = next(line for line in lines if "max_depth" in line)
    assert "n_estimators" in heads and "seed" not in heads
    (row,) = [line for line in lines if line.startswith("afghanistan")]
    assert row.split()[-4:] == ["4", "40", "10", "6"]
    assert ("visible_nir_ndvi" in row) is (width == 150)  # else in a line above
    assert "visible_nir_ndvi" in "".join(lines)


def test_names_of_files_that_varied_are_columns_too() -> None:
    outcomes = [outcome("iran", 0.9, features="statistics"), outcome("iran", 0.8)]
    (row,) = [line for line in printed(outcomes, 80) if line.startswith("iran")]
    assert row.split()[-3:] == ["statistics", "10", "2"]


def test_what_varied_is_a_column_where_one_candidate_has_a_score() -> None:
    found = [
        outcome("iran", 0.9, settings={"model.n_neighbors": 3}),
        outcome("iran", float("nan"), "failed", settings={"model.n_neighbors": 900}),
    ]
    (row,) = [line for line in printed(found, 80) if line.startswith("iran")]
    assert row.split()[-3:] == ["3", "10", "1"]
    assert sweep_figure.draw(found) is None


def test_a_parameter_with_the_name_of_a_column_has_its_whole_name() -> None:
    found = [outcome("iran", 0.9 + n / 100, settings={"model.points": n}) for n in (1, 2)]
    lines = printed(found, 150)
    assert "model.points" in lines[2]
    assert lines[-1].split()[:4] == ["iran", "0.920", "±", "0.010"] and "500" in lines[-1]


def test_what_varied_is_in_the_description() -> None:
    lead, _, head, _, row, *_ = report.note(depths()).splitlines()
    assert head.endswith("| model | max_depth | n_estimators | tried |")
    assert row.endswith("| forest | 4 | 40 | 6 |")
    assert lead.startswith(f"{len(depths())} candidates (")
    assert lead.endswith("`cropland promote` selects and registers the best of each country.")


def test_what_varied_is_a_column_of_the_csv() -> None:
    outcomes = [
        outcome("iran", 0.9, settings={"model.max_depth": value, "model.C": 1})
        for value in (None, 4, True, "sqrt")
    ]
    table = report.tabulated(outcomes)
    assert table["model.max_depth"].tolist() == ["null", 4, "true", "sqrt"]
    assert "model.C" not in table and "settings" not in table
    assert report.tabulated(outcomes, ["model.C", "model.degree"])["model.C"].tolist() == [1] * 4


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are drawn."""
    figures: list[Figure] = []
    monkeypatch.setattr(figure_style, "png", lambda figure: figures.append(figure) or b"")
    return figures


def test_the_axis_of_a_figure_has_numbers_in_their_order(drawn: list[Figure]) -> None:
    sweep_figure.draw(depths())
    (panel,) = drawn[0].axes
    assert panel.get_xlabel() == "max_depth"
    lines = [container.lines[0] for container in panel.containers]  # type: ignore[attr-defined]
    assert [list(line.get_xdata()) for line in lines] == [[2, 4, 16], [2, 4, 16]]
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["10", "40"]
    assert drawn[0].legends[0].get_title().get_text() == "n_estimators"


def test_panels_of_several_countries_have_the_same_axis_of_numbers(drawn: list[Figure]) -> None:
    spans = {"iran": (48, 72), "sudan": (48,)}
    sweep_figure.draw([outcome(c, 0.9, span=span) for c, some in spans.items() for span in some])
    for panel in drawn[0].axes:
        assert panel.get_xlim() == pytest.approx((48 - 1.44, 72 + 1.44))
        assert list(panel.get_xticks()) == [48, 72]


def test_numbers_make_the_axis_and_names_the_lines(drawn: list[Figure]) -> None:
    sweep_figure.draw(
        [
            outcome("iran", 0.9, bands=bands, settings={"model.C": number})
            for bands in ("ndvi", "all")
            for number in (0.01, 100, 1)
        ]
    )
    (panel,) = drawn[0].axes
    assert (panel.get_xlabel(), panel.get_xscale()) == ("C", "log")
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["0.01", "1", "100"]
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["all", "ndvi"]


def test_texts_of_an_axis_stand_in_one_order_whatever_a_line_lacks(drawn: list[Figure]) -> None:
    tried = [("svm", "ndvi"), ("forest", "ndvi"), ("knn", "ndvi"), ("knn", "all"), ("svm", "all")]
    sweep_figure.draw([outcome("iran", 0.9, model=model, bands=bands) for model, bands in tried])
    (panel,) = drawn[0].axes
    lines = [container.lines[0] for container in panel.containers]  # type: ignore[attr-defined]
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["all", "ndvi"]
    assert [list(line.get_xdata()) for line in lines] == [[1], [0, 1], [0, 1]]


def test_a_nested_choice_has_no_place_among_windows(drawn: list[Figure]) -> None:
    nested = outcome(
        "iran", 0.9, span=0, period="", window_end="", bands="nested choice", validation="nested"
    )
    sweep_figure.draw([nested, outcome("iran", 0.8)])
    assert drawn[0].axes[0].get_xlabel() == "band set"
    assert "| 500 | – | – | nested choice |" in report.note([nested])


def test_a_value_has_one_colour_in_every_country(drawn: list[Figure]) -> None:
    tried = [("iran", 12, "b"), ("iran", 24, "b"), ("sudan", 12, "a"), ("sudan", 24, "b")]
    sweep_figure.draw(
        [outcome(country, 0.9, span=span, bands=band) for country, span, band in tried]
    )
    colours: dict[str, set[Any]] = {"a": set(), "b": set()}
    for panel in drawn[0].axes:
        for handle, name in zip(*panel.get_legend_handles_labels(), strict=True):
            colours[name].add(handle.lines[0].get_color())  # type: ignore[attr-defined]
    assert [len(found) for found in colours.values()] == [1, 1] and colours["a"] != colours["b"]
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["a", "b"]
