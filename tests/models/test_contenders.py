"""The field of a competition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cropland.errors import DataError
from cropland.models.contenders import Field, predictions
from cropland.tracking.records import TrackedRun


def scored(
    right: pd.DataFrame, units: np.ndarray | None = None, **accuracies: float
) -> pd.DataFrame:
    """The table of candidates, scored on common points: their accuracies in a store, by name."""
    table = pd.DataFrame({"accuracy": accuracies, "accuracy_se": 0.01, "n_features": 5, "span": 12})
    return Field(table.assign(name=table.index), right, units).on_common_points().table


def test_a_hard_point_that_is_missing_is_no_merit() -> None:
    # `lucky` never saw point d, which nobody has right; on the others it is no better.
    right = pd.DataFrame({"lucky": [1.0, 1.0, 0.0], "whole": [1.0, 1.0, 1.0]}, index=list("abc"))
    table = scored(right, lucky=0.9, whole=0.75)
    assert table.index.tolist() == ["whole", "lucky"]
    assert table["accuracy"].tolist() == pytest.approx([1, 2 / 3])
    assert table["accuracy_of_run"].tolist() == [0.75, 0.9]
    assert table.loc["lucky", "accuracy_se"] == pytest.approx(np.std([1, 1, 0], ddof=1) / 3**0.5)


def test_who_may_not_win_keeps_the_score_of_its_run() -> None:
    right = pd.DataFrame({"in": [1.0, 0.0]}, index=list("ab"))
    table = scored(right, **{"in": 0.9, "out": 0.8})
    assert table["accuracy"].to_dict() == {"out": 0.8, "in": 0.5}
    assert table.loc["out", "accuracy_se"] == 0.01


def test_blocks_are_what_a_standard_error_is_over() -> None:
    right = pd.DataFrame({"one": [1.0, 1.0, 0.0, 0.0]}, index=list("abcd"))
    together = scored(right, np.array([0, 0, 1, 1]), one=0.5)
    alone = scored(right, one=0.5)
    assert together.loc["one", "accuracy_se"] > 1.5 * alone.loc["one", "accuracy_se"]


def test_an_excluded_candidate_has_its_reason_and_the_field_before_is_as_it_was() -> None:
    table = pd.DataFrame({"verdict": "", "eligible": True}, index=["first", "second"])
    field = Field(table, pd.DataFrame(), None)
    smaller = field.without({"second": "is of another package"})
    assert smaller.eligible.index.tolist() == ["first"]
    assert smaller.table["verdict"].to_dict() == {"first": "", "second": "is of another package"}
    assert field.eligible.index.tolist() == ["first", "second"]


class Kept:
    """A store in which the tag of a run is its predictions, or there are none."""

    def read(self, run: TrackedRun, name: str) -> str:
        if not run.tags["lines"]:
            raise DataError(f"has lost its {name}")
        return "ID,Target,label\n" + run.tags["lines"]


def accuracy_of(lines: str) -> float:
    """The share of lines whose label is the target."""
    pairs = [line.split(",")[1:] for line in lines.splitlines()]
    return sum(target == label for target, label in pairs) / len(pairs) if pairs else 0.5


def read(**lines: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """Read the predictions of runs with such lines."""
    store: Any = Kept()
    runs = [
        TrackedRun(name, name, {}, {"lines": text}, {"accuracy": accuracy_of(text)}, "")
        for name, text in lines.items()
    ]
    return predictions(runs, store, pd.Series({"a": 0, "b": 1, "c": 1}))


def test_predictions_are_compared_on_points_that_all_have_and_what_is_lost_is_named() -> None:
    right, lost = read(first="b,1,1\na,0,1\nc,1,1\n", second="c,1,0\nb,1,1\n", lost="")
    assert right.to_dict("index") == {
        "b": {"first": 1.0, "second": 1.0},
        "c": {"first": 1.0, "second": 0.0},
    }
    assert lost == {"lost": "has lost its predictions.csv"}


def test_the_order_of_lines_in_a_file_does_not_matter() -> None:
    right, lost = read(first="b,1,1\na,0,1\n", second="a,0,0\nb,1,1\n")
    assert right.to_dict("list") == {"first": [0.0, 1.0], "second": [1.0, 1.0]}
    assert right.index.tolist() == ["a", "b"]
    assert not lost
