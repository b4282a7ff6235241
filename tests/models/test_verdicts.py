"""Why candidates are selected or not, of a table that is written here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from cropland.commands.promote import _warnings, decision_in_words
from cropland.config.groups import Rule
from cropland.learning.statistics import Comparison
from cropland.models.promotion import Decision, is_better
from cropland.models.verdicts import difference, excluded, is_perfect, with_verdicts

TABLE = pd.DataFrame(
    {
        "name": ["barred", "one", "two", "three", "four"],
        "accuracy": [0.99, 0.90, 0.90, 0.89, 0.80],
        "accuracy_se": 0.02,
        "brier": [0.01, 0.08, 0.09, 0.07, 0.20],
        "n_features": [9, 50, 50, 10, 5],
        "span": 24,
        "eligible": [False, True, True, True, True],
        "verdict": ["learns from others", "", "", "", ""],
    },
    list("bcdef"),
)


def again(**accuracy: float) -> pd.DataFrame:
    """The rows of finalists, scored again."""
    return TABLE.loc[list(accuracy)].assign(accuracy=list(accuracy.values()))


def result(rule: Rule, scored: pd.DataFrame, *selected: str) -> Any:
    """A result of which only what sentences are made of is there."""
    table = with_verdicts(TABLE, scored, selected, rule)
    members = [SimpleNamespace(run=SimpleNamespace(run_id=run_id)) for run_id in selected]
    chosen = SimpleNamespace(
        members=members,
        validation=SimpleNamespace(repeats=5, folds=3),
        calibration=SimpleNamespace(brier=(0.065, 0.06)),
        scores=SimpleNamespace(accuracy=0.9),
    )
    return SimpleNamespace(selected=chosen, table=table, best=table.loc["c"])


def test_the_reasons_of_the_best() -> None:
    found = result("best", again(c=0.88, d=0.90), "d")
    assert found.table["verdict"].to_dict() == {
        "b": "learns from others",
        "c": "is 0.0200 less accurate than the selected one",
        "d": "selected",
        "e": "is not a finalist: accuracy 0.8900, Brier score 0.0700",
        "f": "is not a finalist: accuracy 0.8000, Brier score 0.2000",
    }
    assert difference(found, "best") == (
        "scored again in 5 × 3 folds, the selected is more accurate than the best tried: 0.9000 and 0.8800"
    )
    assert excluded(found) == "more accurate but excluded: barred (0.990), which learns from others"
    tie = result("best", again(c=0.90, d=0.90), "c")
    assert tie.table["verdict"]["d"] == (
        "is as accurate as the selected one, with a Brier score of 0.0900 against 0.0800"
    )
    assert difference(tie, "best") == "it is the best tried"


def test_the_reasons_of_the_simplest_and_of_members() -> None:
    found = result("one_standard_error", again(c=0.90, e=0.885), "e")
    verdicts = found.table["verdict"]
    assert verdicts["d"] == "is not a finalist: 50 features over 24 weeks"
    assert verdicts["f"] == "is more than one standard error below the best (0.8800)"
    assert difference(found, "one_standard_error") == (
        "scored again in 5 × 3 folds, the selected is the simplest within one standard error of the best: "
        "10 features over 24 weeks, the best tried has 50 over 24"
    )
    every = result("one_standard_error", again(c=0.90, d=0.90, e=0.885), "e")
    assert every.table["verdict"]["d"] == (
        "has 50 features over 24 weeks, the selected one 10 over 24"
    )
    mean = result("average", again(), "e", "c")
    assert (
        mean.table["verdict"]["d"] == "is not a member: Brier score 0.0900 against at most 0.0800"
    )
    assert difference(mean, "average") == (
        "the rule averages the 2 candidates with the lowest Brier scores: their mean has 0.0650, the best "
        "tried 0.0800"
    )
    assert not is_perfect(mean)


def test_a_perfect_score_and_bands_that_are_places_are_warned_of() -> None:
    places = SimpleNamespace(candidate=SimpleNamespace(band_set=SimpleNamespace(static=("Lon",))))
    scores = SimpleNamespace(accuracy=1.0)
    selected = SimpleNamespace(scores=scores, materials=(places, places))
    promoted: Any = SimpleNamespace(result=SimpleNamespace(selected=selected))
    perfect, static = _warnings(promoted)
    assert "check for leakage" in perfect
    assert static.startswith("the selected model uses Lon; it has learnt where the labelled points")


@pytest.mark.parametrize(
    ("against", "words"),
    [
        (Comparison(0.02, 0.01, 9, 1, 0.02), None),
        (Comparison(0.01, 0.01, 5, 1, 0.2), "is not better by more than one standard error (+0.01"),
        (Comparison(0.0, 0.0, 0, 0, 1.0), "is not better by more than one standard error (+0.0000"),
        (Comparison(0.1, float("nan"), 5, 1, 0.2), "is not better by more than one standard error"),
        (
            Comparison(-0.02, 0.01, 1, 9, 0.02),
            "is less accurate (-0.0200 ± 0.0100, McNemar p = 0.02",
        ),
        ("its window is outside", "it cannot be compared with the selected: its window is outside"),
    ],
    ids=["better", "tie", "equal", "one unit", "worse", "not comparable"],
)
def test_a_champion_is_replaced_by_what_is_clearly_better_only(
    against: Comparison | str, words: str | None
) -> None:
    assert is_better(against) == (words is None)
    if words:
        kept: Any = SimpleNamespace(version="1", against=against, decision=Decision.KEPT)
        line = decision_in_words(kept)
        assert line.startswith("version 1 stays champion: ") and words in line
        assert line.endswith("; force=true replaces it")
