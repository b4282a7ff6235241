"""The field of a competition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cropland.errors import DataError
from cropland.models.contenders import on_common_points, out_of_fold


def field(**accuracies: float) -> pd.DataFrame:
    """Candidates as a store knows them, by name."""
    table = pd.DataFrame({"accuracy": accuracies, "accuracy_se": 0.01, "n_features": 5, "span": 12})
    return table.assign(name=table.index)


def test_a_hard_point_that_is_missing_is_no_merit() -> None:
    # `lucky` never saw point d, which nobody has right; on the others it is no better.
    right = pd.DataFrame({"lucky": [1.0, 1.0, 0.0], "whole": [1.0, 1.0, 1.0]}, index=list("abc"))
    found = on_common_points(field(lucky=0.9, whole=0.75), right, None)
    assert found.index.tolist() == ["whole", "lucky"]
    assert found["accuracy"].tolist() == pytest.approx([1, 2 / 3])
    assert found["accuracy_of_run"].tolist() == [0.75, 0.9]
    assert found.loc["lucky", "accuracy_se"] == pytest.approx(np.std([1, 1, 0], ddof=1) / 3**0.5)


def test_who_may_not_win_keeps_the_score_of_its_run() -> None:
    right = pd.DataFrame({"in": [1.0, 0.0]}, index=list("ab"))
    found = on_common_points(field(**{"in": 0.9, "out": 0.8}), right, None)
    assert found["accuracy"].to_dict() == {"out": 0.8, "in": 0.5}
    assert found.loc["out", "accuracy_se"] == 0.01


def test_blocks_are_what_a_standard_error_is_over() -> None:
    right = pd.DataFrame({"one": [1.0, 1.0, 0.0, 0.0]}, index=list("abcd"))
    together = on_common_points(field(one=0.5), right, np.array([0, 0, 1, 1]))
    alone = on_common_points(field(one=0.5), right, None)
    assert together.loc["one", "accuracy_se"] > 1.5 * alone.loc["one", "accuracy_se"]


class Kept:
    """A store in which a run is its predictions, or none."""

    def read(self, run: str, name: str) -> str:
        if not run:
            raise DataError(f"has lost its {name}")
        return "ID,Target,label\n" + run


def test_predictions_are_compared_on_points_that_all_have_and_what_is_lost_is_barred() -> None:
    runs = {"first": "b,1,1\na,0,1\nc,1,1\n", "second": "c,1,0\nb,1,1\n", "lost": ""}
    table = field(first=0.7, second=0.5, lost=0.9).assign(verdict="", eligible=True)
    right = out_of_fold(table, runs, Kept())  # type: ignore[arg-type]
    assert right.to_dict("index") == {
        "b": {"first": 1.0, "second": 1.0},
        "c": {"first": 1.0, "second": 0.0},
    }
    assert table["eligible"].to_dict() == {"first": True, "second": True, "lost": False}
    assert table.loc["lost", "verdict"] == "has lost its predictions.csv"


def test_the_order_of_lines_in_a_file_does_not_matter() -> None:
    runs = {"first": "b,1,1\na,0,1\n", "second": "a,0,0\nb,1,1\n"}
    table = field(first=0.7, second=0.5).assign(verdict="", eligible=True)
    right = out_of_fold(table, runs, Kept())  # type: ignore[arg-type]
    assert right.to_dict("list") == {"first": [0.0, 1.0], "second": [1.0, 1.0]}
    assert right.index.tolist() == ["a", "b"]
