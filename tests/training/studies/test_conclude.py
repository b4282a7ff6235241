from __future__ import annotations

import io
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import image

from cropland.config.countries import Choice
from cropland.config.groups import Study
from cropland.errors import ConfigError, DataError
from cropland.training.studies import comparison, past_only, time_range
from cropland.training.studies import conclude as answers
from cropland.training.studies.tables import Conclusion

REFERENCES = {name: date(2020, 6, 30) for name in ("iran", "south_sudan", "sudan")}
ENDS = {-6: "2019-12-31", 0: "2020-06-30", 2: "2020-08-31"}
RIGHT = {
    "half": pd.Series([1.0, 1, 1, 0], index=["a", "b", "c", "d"]),
    "third": pd.Series([0.0, 0, 0, 1, 1], index=["d", "c", "b", "a", "e"]),  # in another order
    "elsewhere": pd.Series([1.0], index=["z"]),
}


class Samples:
    """The samples of toy candidates."""

    def right(self, run_id: str) -> pd.Series[float]:
        return RIGHT.get(run_id, RIGHT["half"])

    def scores(self, run_id: str) -> pd.DataFrame:
        raise NotImplementedError

    def right_with_fewer(self, run_id: str, shares: object) -> pd.DataFrame:
        raise NotImplementedError


def row(country: str, accuracy: float, span: int = 48, period: int = 0, **changes: Any) -> Any:
    values = {
        "country": country,
        "span": span,
        "period": period,
        "window_end": ENDS[period],
        "bands": "ndvi",
        "series": "raw",
        "features": "flat",
        "model": "forest",
        "validation": "kfold",
        "training": "own",
        "run_id": f"{country} {span} {period} {accuracy}",
        "accuracy": accuracy,
        "accuracy_se": 0.02,
        "brier": 0.1,
        "n_features": span * 2,
        "n_points": 400,
        "fit_seconds": 0.5,
        "features_mb": 1.5,
        "uses_future": period > 0,
    }
    return values | changes


def conclude(
    figure: Any, rows: list[Any], *, simulated: bool = False, drawn: bool = False, **changes: Any
) -> Conclusion:
    """Conclude a study of toy candidates; most claims are about words and need no picture."""
    by = ("bands",) if figure == "comparison" else ()
    values: dict[str, Any] = {"name": "toy", "title": "Which is best?", "figure": figure, "by": by}
    with pytest.MonkeyPatch.context() as patch:
        for question in (time_range, comparison, past_only) if not drawn else ():
            patch.setattr(question, "draw", lambda *_, **__: b"")
        return answers.conclude(
            Study(**(values | changes)),
            pd.DataFrame(rows),
            references=REFERENCES,
            simulated=simulated,
            samples=Samples(),
        )


def cells(conclusion: Conclusion, **where: Any) -> pd.DataFrame:
    table = pd.read_csv(io.BytesIO(conclusion.files["study.csv"]), dtype={"period": str})
    for name, value in where.items():
        table = table[table[name] == value]
    return table


def lines(conclusion: Conclusion, start: str) -> list[str]:
    return [line for line in conclusion.note.splitlines() if line.startswith(f"| {start} |")]


WINDOWS = [
    row("sudan", 0.90, 12, 0),
    row("sudan", 0.95, 24, -6),  # the shortest within 0.02 of the best
    row("sudan", 0.94, 24, 2),
    row("sudan", 0.96, 48, 2),
    row("iran", 0.80, 12, 2),
    row("iran", 0.70, 48, -6),
]


def test_the_planted_window_of_each_country_is_chosen() -> None:
    found = conclude("time_range", WINDOWS)
    assert found.windows == {"iran": Choice(12, 2), "sudan": Choice(24, -6)}
    assert (
        "**Sudan 24 weeks to 2019-12-31**, 0.950 ± 0.020. A longer span adds +0.010" in found.note
    )
    assert lines(found, "Sudan") == [
        "| Sudan | 24 weeks to 2019-12-31 | 0.950 ± 0.020 | 400 | within the season | 48 weeks to 2020-08-31 "
        "| 0.960 ± 0.020 | 4 |"
    ]
    assert cells(found, chosen=True)["run_id"].tolist() == [
        WINDOWS[1]["run_id"],
        WINDOWS[4]["run_id"],
    ]


def test_each_span_has_its_best_accuracy_and_a_dash_where_none_was_scored() -> None:
    found = conclude("time_range", WINDOWS)
    assert lines(found, "24 weeks") == ["| 24 weeks | — | 0.950 ± 0.020 | 400 |"]
    assert lines(found, "48 weeks") == ["| 48 weeks | 0.700 ± 0.020 | 0.960 ± 0.020 | 400 |"]


def test_the_longest_window_has_no_longer_one_to_gain_from() -> None:
    assert "No longer span was tried." in conclude("time_range", WINDOWS[3:4]).note


VARIANTS = [
    row("sudan", 0.80, bands="scl", accuracy_se=0.04, run_id="half", n_features=10),
    row("sudan", 0.70, bands="ndvi", accuracy_se=0.01, run_id="third"),
    row("sudan", 0.79, bands="all", n_features=500, run_id="half"),
    row("iran", 0.90, bands="scl", accuracy_se=0.03, run_id="half", n_features=20),
    row("iran", 0.94, bands="ndvi", accuracy_se=0.01, run_id="third"),
]


def test_the_mean_over_countries_and_its_standard_error() -> None:
    found = conclude("comparison", VARIANTS)
    (mean,) = cells(found, panel="mean of 2 countries", variant="scl").to_dict("records")
    assert mean["accuracy"] == pytest.approx(0.85)
    assert mean["accuracy_se"] == pytest.approx(0.025)  # sqrt(0.03² + 0.04²) / 2
    assert lines(found, "scl") == [
        "| scl | 0.900 ± 0.030 | 0.800 ± 0.040 | 0.850 ± 0.025 | 400 | 15 | 0.50 | 1.5 |"
    ]


def test_the_points_of_countries_are_a_column_once_where_they_are_equal() -> None:
    rows = [row("iran", 0.9, bands="a"), row("sudan", 0.8, bands="a", n_points=398)]
    rows += [row("iran", 0.9, bands="b"), row("sudan", 0.8, bands="b")]
    found = conclude("comparison", rows)
    head = next(line for line in found.note.splitlines() if line.startswith("| variant |"))
    at = head.split(" | ").index("points")
    points = [lines(found, name)[0].split(" | ")[at] for name in ("a", "b")]
    assert points == ["400, 398", "400"]


def test_a_variant_that_a_country_lacks_has_no_mean() -> None:
    found = conclude("comparison", VARIANTS)
    assert lines(found, "all") == ["| all | — | 0.790 ± 0.020 | — | 400 | 500 | 0.50 | 1.5 |"]


def test_variants_stand_in_the_order_of_their_first_appearance() -> None:
    note = conclude("comparison", VARIANTS).note
    assert note.index("| scl |") < note.index("| ndvi |") < note.index("| all |")


def test_the_best_is_said_with_the_simplest_of_those_as_good() -> None:
    note = conclude("comparison", VARIANTS).note
    assert "Best by country: Iran ndvi; Sudan scl." in note
    assert "On the mean of 2 countries **scl** is best, 0.850 ± 0.025." in note
    assert "No other lies within one standard error of it." in note
    alike = [*VARIANTS[:1], *VARIANTS[2:3], row("sudan", 0.78, bands="blue", n_features=5)]
    note = conclude("comparison", alike).note
    assert "In Sudan **scl** is best, 0.800 ± 0.040." in note
    assert "of it: all, blue; the simplest of all these is **blue** (5 features)" in note
    equal = [VARIANTS[0] | {"n_features": 500}, VARIANTS[2]]
    assert "Within one standard error of it: all.\n" in conclude("comparison", equal).note


def test_equally_accurate_variants_leave_the_simplest_the_best() -> None:
    same = [
        row("iran", 0.9, bands="all", n_features=9),
        row("iran", 0.9, bands="few", n_features=3),
    ]
    standing = cells(conclude("comparison", same)).set_index("variant")["standing"]
    assert standing.to_dict() == {"all": "alike", "few": "best"}


def test_of_equally_accurate_ones_the_lower_brier_score_is_the_best_as_in_a_promotion() -> None:
    same = [
        row(country, 0.9, bands=bands, n_features=count, brier=brier)
        for country in ("iran", "sudan")
        for bands, count, brier in (("all", 9, 0.08), ("few", 3, 0.09))
    ]
    found = cells(conclude("comparison", same))
    assert found.loc[found["standing"] == "best", "variant"].tolist() == ["all"] * 3
    unknown = [one | {"brier": np.nan if one["bands"] == "all" else 0.2} for one in same]
    assert "**few** is best" in conclude("comparison", unknown).note


def test_of_several_windows_of_a_variant_the_rule_takes_one() -> None:
    found = conclude("comparison", [*WINDOWS[:4], row("sudan", 0.5, bands="scl")])
    assert cells(found, variant="ndvi")["span"].tolist() == [24]


def test_differences_are_paired_on_the_points_in_common() -> None:
    # scl is right on a, b, c of a…d; ndvi on a (and on e, which scl has not): 3/4 − 1/4.
    found = conclude("comparison", VARIANTS, baseline="ndvi")
    (iran,) = cells(found, country="iran", variant="scl").to_dict("records")
    assert iran["difference"] == pytest.approx(0.5)
    assert iran["difference_se"] == pytest.approx(np.std([0, 1, 1, 0], ddof=1) / 2, rel=1e-4)
    assert iran["p_value"] == pytest.approx(0.5)  # McNemar, 2 against 0
    cell = "+0.500 ± 0.289 (p 0.500)"
    assert lines(found, "scl")[1] == f"| scl | {cell} | {cell} | +0.500 ± 0.204 | 400 |"
    assert len(lines(found, "ndvi")) == 1  # the baseline is not compared with itself
    assert "**scl** minus the baseline **ndvi**: +0.500 ± 0.204." in found.note


def test_without_a_point_in_common_there_is_no_difference() -> None:
    rows = [*VARIANTS[:2], row("sudan", 0.9, bands="all", run_id="elsewhere")]
    found = conclude("comparison", rows, baseline="ndvi")
    assert lines(found, "all")[1] == "| all | — | 400 |"


def test_a_baseline_that_was_not_scored_is_named() -> None:
    note = conclude("comparison", VARIANTS, baseline="ndvy").note
    assert "The baseline 'ndvy' has no scored candidate; did you mean 'ndvi'?" in note


def test_variants_may_be_told_apart_by_several_columns() -> None:
    found = conclude("comparison", WINDOWS, by=("bands", "span"), baseline="ndvi · 12")
    assert lines(found, "ndvi · 24")[0].startswith("| ndvi · 24 | — | 0.950 ± 0.020 | — |")
    assert len(lines(found, "ndvi · 24")) == 2


def test_left_out_blocks_are_a_warning_beside_paired_differences() -> None:
    blocks = [one | {"validation": "blocks"} for one in VARIANTS]
    assert "whole blocks" in conclude("comparison", blocks, baseline="ndvi").note
    assert "whole blocks" not in conclude("comparison", VARIANTS, baseline="ndvi").note


PAST = [
    row("sudan", 0.95, 24, 2, run_id="half"),
    row("sudan", 0.80, 12, -6, run_id="other"),
    row("sudan", 0.81, 48, 0, run_id="third"),
    row("iran", 0.90, 12, 0),
    row("south_sudan", 0.70, 12, 2),
]


def test_the_past_is_set_against_all() -> None:
    found = conclude("past_only", PAST)
    assert "**Sudan** +0.500 ± 0.289 (p 0.500)" in found.note
    choices = cells(found, country="sudan").set_index("variant")["span"].to_dict()
    assert choices == {"all windows": 24, "the past only": 48}


def test_a_country_may_choose_the_past_or_have_none() -> None:
    found = conclude("past_only", PAST)
    assert "**Iran** the same window; **South Sudan** no window of the past" in found.note
    assert lines(found, "the past only")[0].split(" | ")[2] == "—"
    alone = conclude("past_only", PAST[-1:])
    assert "**South Sudan** no window of the past" in alone.note


KINDS = {"time_range": WINDOWS, "comparison": VARIANTS, "past_only": PAST}


@pytest.mark.parametrize("figure", KINDS)
@pytest.mark.parametrize("countries", [1, 3])
def test_every_kind_ends_with_a_picture_and_a_note_with_whole_tables(
    figure: str, countries: int
) -> None:
    rows = KINDS[figure] + [row("south_sudan", 0.6, bands="scl"), row("iran", 0.8)]
    if countries == 1:
        rows = [one for one in rows if one["country"] == "sudan"]
    found = conclude(figure, rows, simulated=True, drawn=True)
    assert np.ptp(image.imread(io.BytesIO(found.files["study.png"]))) > 0.5
    assert found.note.startswith("**Which is best? (SIMULATED data)**")
    assert "Simulated data: not valid for any real country." in found.note
    assert "optimistic; promotion corrects them" in found.note
    blocks = [part for part in found.note.split("\n\n") if part.startswith("|")]
    assert blocks
    for block in blocks:
        assert len({line.count(" | ") for line in block.splitlines()}) == 1, block
        assert set(block.splitlines()[1]) == set("| -")


def test_the_note_of_real_data_does_not_speak_of_a_simulation() -> None:
    assert "imulated" not in conclude("time_range", WINDOWS).note


def test_a_bar_in_a_name_does_not_break_its_table() -> None:
    found = conclude("comparison", [row("iran", 0.9, bands="a|b"), row("iran", 0.8, bands="c")])
    assert lines(found, "a\\|b")


def test_many_variants_fit() -> None:
    rows = [row("iran", 0.7 + number / 100, bands=f"b{number}") for number in range(27)]
    found = conclude("comparison", rows, drawn=True)
    assert "b25, b24" in found.note
    assert image.imread(io.BytesIO(found.files["study.png"])).shape[0] > 800


@pytest.mark.parametrize("rows", [[], [row("iran", float("nan"))]])
def test_nothing_scored_is_an_error(rows: list[Any]) -> None:
    with pytest.raises(DataError, match=f"study toy expected .* none among {len(rows)}"):
        conclude("time_range", rows)


def test_a_comparison_of_nothing_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"name what was swept in study\.by"):
        conclude("comparison", VARIANTS, by=())


def test_a_figure_that_is_not_drawn_of_candidates_is_an_error() -> None:
    with pytest.raises(ConfigError, match="'submission'"):
        conclude("submission", VARIANTS)


def test_variants_may_be_told_apart_by_a_parameter_of_a_model() -> None:
    rows = [
        row("iran", 0.8 + 0.01 * number, **{"model.max_depth": depth})
        for number, depth in enumerate((2, "null", ""))
    ]
    found = conclude("comparison", rows, by=("model", "model.max_depth"), title="")
    assert lines(found, "forest · max_depth=2") and lines(found, "forest · max_depth=null")
    assert lines(found, "forest · max_depth=—")
    assert found.note.startswith("**Which model, max_depth?**")
