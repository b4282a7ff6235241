"""Verdicts: why each candidate was selected or not, and the selected beside the best tried, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from cropland.learning.choice import TOLERANCE, border
from cropland.support.words import count

if TYPE_CHECKING:
    from cropland.config.groups import Rule
    from cropland.models.competition import Result
    from cropland.models.selection import Selected

SELECTED = "selected"
RULES: dict[Rule, str] = {
    "best": "the highest accuracy, then the lowest Brier score, then the fewest features",
    "one_standard_error": "the simplest within one standard error of the best (fewest features, then "
    "shortest span)",
    "average": "the mean probability of the candidates with the lowest Brier score",
}


def with_verdicts(
    table: pd.DataFrame, again: pd.DataFrame, selected: Sequence[str], rule: Rule
) -> pd.DataFrame:
    """Return a table of candidates with the reason why each that could have been selected was not.

    Parameters
    ----------
    table : DataFrame
        Every candidate, best first, see `contenders.Field`.
    again : DataFrame
        The rows of those that were scored again, with these scores; empty for an average.
    selected : sequence of str
        Run ids of the selected.
    rule : Rule
        How they were chosen.
    """
    table = table.assign(accuracy_again=again["accuracy"])
    rows = table[table["eligible"]].drop(index=list(selected)).itertuples()
    if rule == "average":
        most = table.loc[list(selected), "brier"].max()
        verdicts = {row.Index: _no_member(row, most) for row in rows}
    else:
        selected_again = again.loc[selected[0]]
        judge = _not_best if rule == "best" else _not_simplest
        limits = [_limit(part) for part in (table[table["eligible"]], again)]
        scores = dict(again.iterrows())
        verdicts = {
            row.Index: judge(row, scores[row.Index], selected_again, limits[1])
            if row.Index in scores
            else judge(row, None, selected_again, limits[0])
            for row in rows
        }
    words = pd.Series(verdicts | dict.fromkeys(selected, SELECTED), dtype=object)
    return table.assign(verdict=words.reindex(table.index).fillna(table["verdict"]))


def _limit(table: pd.DataFrame) -> float:
    """Return the lowest accuracy within one standard error of the best."""
    best = table.sort_values("accuracy").iloc[-1]
    return float(border(best["accuracy"], best["accuracy_se"]))


def _no_member(row: Any, most: float) -> str:
    return f"is not a member: Brier score {row.brier:.4f} against at most {most:.4f}"


def _not_best(row: Any, again: Any, selected_again: Any, _: float) -> str:
    """Return in words why a candidate is not the best; `again` are its scores as a finalist."""
    if again is None:
        return f"is not a finalist: accuracy {row.accuracy:.4f}, Brier score {row.brier:.4f}"
    if again["accuracy"] < selected_again["accuracy"] - TOLERANCE:
        return f"is {selected_again['accuracy'] - again['accuracy']:.4f} less accurate than the selected one"
    if again["brier"] > selected_again["brier"] + TOLERANCE:
        return (
            f"is as accurate as the selected one, with a Brier score of {again['brier']:.4f} against "
            f"{selected_again['brier']:.4f}"
        )
    return _less_simple(row, selected_again)


def _not_simplest(row: Any, again: Any, selected_again: Any, limit: float) -> str:
    """Return in words why a candidate is not the simplest within one standard error of the best."""
    if (row if again is None else again).accuracy < limit:
        return f"is more than one standard error below the best ({limit:.4f})"
    if again is None:  # the finalists that were simpler may have lost since
        return f"is not a finalist: {row.n_features} features over {row.span} weeks"
    return _less_simple(row, selected_again)


def _less_simple(row: Any, selected_again: Any) -> str:
    if (row.n_features, row.span) != (selected_again["n_features"], selected_again["span"]):
        return (
            f"has {row.n_features} features over {row.span} weeks, the selected one "
            f"{selected_again['n_features']} over {selected_again['span']}"
        )
    return "is as simple as the selected one and not more accurate"


def difference(result: Result, rule: Rule) -> str:
    """Return in a sentence how the selected differs from the best tried."""
    selected, best, table = result.selected, result.best, result.table
    ids = [member.run.run_id for member in selected.members]
    if ids == [best.name]:
        again = best["accuracy_again"]
        is_other = abs(again - best["accuracy"]) > TOLERANCE
        repeats = f": accuracy {again:.4f} in {_folds(selected)} folds" if is_other else ""
        return f"it is the best tried{repeats}"
    if rule == "average":
        return (
            f"the rule averages the {count(len(ids), 'candidate')} with the lowest Brier scores: their mean "
            f"has {selected.calibration.brier[0]:.4f}, the best tried {best['brier']:.4f}"
        )
    own, folds = table.loc[ids[0]], f"scored again in {_folds(selected)} folds"
    if rule == "one_standard_error":
        return (
            f"{folds}, the selected is the simplest within one standard error of the best: "
            f"{own['n_features']} features over {own['span']} weeks, the best tried has "
            f"{best['n_features']} over {best['span']}"
        )
    if own["accuracy_again"] > best["accuracy_again"] + TOLERANCE:
        return (
            f"{folds}, the selected is more accurate than the best tried: {own['accuracy_again']:.4f} and "
            f"{best['accuracy_again']:.4f}"
        )
    return (
        f"{folds}, the selected is as accurate as the best tried, with a lower Brier score or fewer "
        f"features"
    )


def _folds(selected: Selected) -> str:
    return f"{selected.validation.repeats} × {selected.validation.folds}"


def excluded(result: Result) -> str:
    """Return in words which more accurate candidate may not be selected; empty where there is none."""
    others = result.table[~result.table["eligible"]]
    better = others[others["accuracy"] > result.best["accuracy"] + TOLERANCE]
    if better.empty:
        return ""
    first = better.iloc[0]
    return f"more accurate but excluded: {first['name']} ({first['accuracy']:.3f}), which {first['verdict']}"


def is_perfect(result: Result) -> bool:
    """Return whether the selected has no point wrong, which is a reason for doubt."""
    return result.selected.scores.accuracy >= 1 - TOLERANCE


PERFECT = (
    "every point is right out of fold: check for leakage, such as a band made of the labels, copies of "
    "points, or points side by side in different folds"
)
