"""The field of a competition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cropland.errors import DataError
from cropland.models.contenders import Field, on_common_points, predictions
from cropland.tracking.records import TrackedRun


def scored(
    right: pd.DataFrame, units: np.ndarray | None = None, **accuracies: float
) -> pd.DataFrame:
    """The table of candidates, scored on common points: their accuracies in a store, by name."""
    table = pd.DataFrame({"accuracy": accuracies, "accuracy_se": 0.01, "brier": 0.1})
    table = table.assign(n_features=5, span=12, name=table.index)
    tables = {str(name): (right[[name]] + 0.5) / 2 for name in right}
    probability = on_common_points(tables, pd.Series(1, right.index))
    return Field(table, probability, units).on_common_points().table


def test_a_hard_point_that_is_missing_is_no_merit() -> None:
    # `lucky` never saw point d, which nobody has right; on the others it is no better.
    right = pd.DataFrame({"lucky": [1.0, 1.0, 0.0], "whole": [1.0, 1.0, 1.0]}, index=list("abc"))
    table = scored(right, lucky=0.9, whole=0.75)
    assert table.index.tolist() == ["whole", "lucky"]
    assert table["accuracy"].tolist() == pytest.approx([1, 2 / 3])
    assert table["accuracy_of_run"].tolist() == [0.75, 0.9]
    assert table["brier"].tolist() == pytest.approx([0.25**2, (2 * 0.25**2 + 0.75**2) / 3])
    assert table.loc["lucky", "accuracy_se"] == pytest.approx(np.std([1, 1, 0], ddof=1) / 3**0.5)


def test_who_may_not_win_keeps_the_score_of_its_run() -> None:
    right = pd.DataFrame({"in": [1.0, 0.0]}, index=list("ab"))
    table = scored(right, **{"in": 0.9, "out": 0.8})
    assert table["accuracy"].to_dict() == {"out": 0.8, "in": 0.5}
    assert table.loc["out", "accuracy_se"] == 0.01


def test_of_equals_that_were_added_up_in_another_order_the_lower_brier_score_is_first() -> None:
    hits = np.arange(60) % 6
    tables = {
        name: pd.DataFrame(np.where(np.arange(5) < shuffled[:, None], sure, 1 - sure))
        for name, shuffled, sure in (
            ("surer", np.random.default_rng(0).permutation(hits), 0.9),
            ("milder", np.random.default_rng(1000).permutation(hits), 0.6),
        )
    }
    probability = on_common_points(tables, pd.Series(1, range(60)))
    table = pd.DataFrame({"accuracy": 0.5, "accuracy_se": 0.01, "brier": 0.1}, index=list(tables))
    table = table.assign(n_features=5, span=12, name=table.index)
    found = Field(table, probability, None).on_common_points().table
    assert found.loc["surer", "accuracy"] > found.loc["milder", "accuracy"]  # by a last digit
    assert found["accuracy"].tolist() == pytest.approx([0.5, 0.5])
    assert found.index.tolist() == ["milder", "surer"]


def test_blocks_are_what_a_standard_error_is_over() -> None:
    right = pd.DataFrame({"one": [1.0, 1.0, 0.0, 0.0]}, index=list("abcd"))
    together = scored(right, np.array([0, 0, 1, 1]), one=0.5)
    alone = scored(right, one=0.5)
    assert together.loc["one", "accuracy_se"] > 1.5 * alone.loc["one", "accuracy_se"]


def test_an_excluded_candidate_has_its_reason_and_the_field_before_is_as_it_was() -> None:
    table = pd.DataFrame({"verdict": "", "eligible": True}, index=["first", "second"])
    field = Field(table, on_common_points({}, pd.Series()), None)
    smaller = field.without({"second": "is of another package"})
    assert smaller.eligible.index.tolist() == ["first"]
    assert smaller.table["verdict"].to_dict() == {"first": "", "second": "is of another package"}
    assert field.eligible.index.tolist() == ["first", "second"]


HEAD = "ID,Target,label,probability,repeat\n"


class Kept:
    """A store in which the tag of a run is its predictions, or there are none."""

    def read(self, run: TrackedRun, name: str) -> str:
        if not run.tags["lines"]:
            raise DataError(f"has lost its {name}")
        return HEAD + run.tags["lines"]


def accuracy_of(lines: str) -> float:
    """The share of lines whose label is the target."""
    pairs = [line.split(",")[1:3] for line in lines.splitlines()]
    return sum(target == label for target, label in pairs) / len(pairs) if pairs else 0.5


def read(repeats: int = 1, **lines: str) -> tuple[xr.DataArray, dict[str, str]]:
    """Read the predictions of runs with such lines, ``ID,Target,label`` and what follows."""
    store: Any = Kept()
    runs = [
        TrackedRun(name, name, {}, {"lines": text}, {"accuracy": accuracy_of(text)}, "")
        for name, text in lines.items()
    ]
    return predictions(runs, store, pd.Series({"a": 0, "b": 1, "c": 1}), repeats)


def test_predictions_are_compared_on_points_that_all_have_and_what_is_lost_is_named() -> None:
    probability, lost = read(
        first="b,1,1,0.8,0\na,0,1,0.7,0\nc,1,1,0.6,0\n",
        second="c,1,0,0.1,0\nb,1,1,0.9,0\n",
        lost="",
    )
    assert probability["ID"].to_numpy().tolist() == ["b", "c"]
    assert probability["candidate"].to_numpy().tolist() == ["first", "second"]
    assert probability.to_numpy().tolist() == [[[0.8], [0.9]], [[0.6], [0.1]]]
    assert lost == {"lost": "has lost its predictions.csv"}


def test_the_order_of_lines_in_a_file_does_not_matter() -> None:
    probability, lost = read(
        repeats=2,
        first="b,1,1,0.8,1\nb,1,0,0.4,0\na,0,1,0.9,0\na,0,0,0.3,1\n",
        second="a,0,0,0.3,1\na,0,1,0.9,0\nb,1,0,0.4,0\nb,1,1,0.8,1\n",
    )
    assert probability.to_numpy().tolist() == [[[0.9, 0.3]] * 2, [[0.4, 0.8]] * 2]
    assert probability["Target"].to_numpy().tolist() == [0, 1]
    assert not lost


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("a,0,0,0.3,0\nb,1,1,0.8,1\n", "has not every point once in each repeat"),
        ("a,0,0,0.3,0\na,0,0,0.3,0\n", "has not every point once in each repeat"),
        ("a,0,0,0.7,0\nb,1,1,0.8,0\n", "has labels that are not the more probable class"),
        ("a,0,0,,0\nb,1,1,0.8,0\n", "has labels that are not the more probable class"),
        ("a,0,0,-2,0\nb,1,1,0.8,0\n", "has labels that are not the more probable class"),
        ("a,1,1,0.8,0\nb,1,1,0.8,0\n", "has other points or labels than the archive"),
        ("a,0,0,0.3,0\na,0,0,0.3,1\nb,1,1,0.8,0\nb,1,1,0.8,1\n", "has 2 repeats, not 1"),
    ],
)
def test_a_candidate_whose_predictions_cannot_be_is_left_out_with_a_line(
    lines: str, fault: str
) -> None:
    probability, lost = read(other=lines, whole="a,0,0,0.3,0\nb,1,1,0.8,0\n")
    assert probability["candidate"].to_numpy().tolist() == ["whole"]
    assert fault in lost["other"]


def test_a_probability_that_rounding_has_moved_to_a_half_keeps_its_label() -> None:
    probability, lost = read(one="a,0,0,0.5,0\nb,1,1,0.5,0\n")
    assert not lost
    assert (probability.to_numpy().ravel() > 0.5).tolist() == [False, True]
