"""What the other rules would have selected, from the stored predictions: nothing is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from cropland.config.groups import Rule
from cropland.learning import choice, correction
from cropland.learning.statistics import standard_error

if TYPE_CHECKING:
    import pandas as pd

    from cropland.config.commands.promote import Promote
    from cropland.learning.statistics import Estimate
    from cropland.models.contenders import Field
    from cropland.tracking.records import TrackedRun


@dataclass(frozen=True, eq=False)
class Alternative:
    """What another rule would have selected.

    Attributes
    ----------
    names : tuple of str
        The names of the candidates: one, or the members of an average.
    accuracy, accuracy_se : float
        Of the mean of the predictions that their runs have kept, and its standard error.
    n_points : int
        The points that these are of.
    estimate : Estimate
        The accuracy, corrected for the choice.
    """

    names: tuple[str, ...]
    accuracy: float
    accuracy_se: float
    n_points: int
    estimate: Estimate


def alternatives(
    field: Field, runs: Mapping[str, TrackedRun], command: Promote
) -> dict[Rule, Alternative]:
    """Return what each other rule would have selected."""
    rules: tuple[Rule, ...] = get_args(Rule)
    return {
        rule: _alternative(field, runs, command, rule)
        for rule in rules
        if rule != command.promotion.rule
    }


def _alternative(
    field: Field, runs: Mapping[str, TrackedRun], command: Promote, rule: Rule
) -> Alternative:
    chosen = chosen_by(rule, field.eligible, command.promotion.members)
    mean = field.probability.sel(candidate=chosen).mean("candidate")
    right = ((mean > 0.5) == (mean["Target"] == 1)).mean("repeat").to_numpy()
    return Alternative(
        names=tuple(runs[run_id].name for run_id in chosen),
        accuracy=float(right.mean()),
        accuracy_se=standard_error(right, field.units),
        n_points=len(right),
        estimate=corrected(field, command, rule),
    )


def chosen_by(rule: Rule, table: pd.DataFrame, members: int) -> list[str]:
    """Return the run ids that a rule chooses by the scores of a table: one, or the members of an average."""
    rank = choice.simplicity(table["n_features"], table["span"])
    if rule == "average":
        return list(table.index[choice.members(table["brier"], rank, members)])
    scores = table["accuracy"], table["accuracy_se"]
    return [str(table.index[choice.choose(*scores, rank, rule, brier=table["brier"])])]


def corrected(field: Field, command: Promote, rule: Rule) -> Estimate:
    """Compute the accuracy of what a rule chooses among the eligible, corrected for the choice."""
    eligible, promotion = field.eligible, command.promotion
    return correction.bbc_cv(
        field.probability.sel(candidate=list(eligible.index)).to_numpy(),
        field.probability["Target"].to_numpy(),
        choice.simplicity(eligible["n_features"], eligible["span"]),
        rule,
        members=promotion.members,
        groups=field.units,
        bootstraps=promotion.bootstraps,
        seed=command.seed,
    )
