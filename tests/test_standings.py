"""The field of a competition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cropland.standings import on_common_points


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
