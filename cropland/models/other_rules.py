"""What the other rules would have selected, from the stored predictions: nothing is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from cropland.config.groups import Rule
from cropland.learning import choice, correction
from cropland.models import selection
from cropland.training import out_of_fold

if TYPE_CHECKING:
    import pandas as pd

    from cropland.config.commands.promote import Promote
    from cropland.learning.cross_validation import Scores
    from cropland.learning.statistics import Estimate
    from cropland.models.contenders import Field
    from cropland.observations.archive import Archive
    from cropland.tracking.records import TrackedRun
    from cropland.tracking.store import Store


@dataclass(frozen=True, eq=False)
class Alternative:
    """What another rule would have selected.

    Attributes
    ----------
    names : tuple of str
        The names of the candidates: one, or the members of an average.
    scores : Scores
        Their scores, of the predictions that their runs have kept, not calibrated.
    estimate : Estimate
        The accuracy, corrected for the choice.
    """

    names: tuple[str, ...]
    scores: Scores
    estimate: Estimate


def alternatives(
    field: Field,
    runs: Mapping[str, TrackedRun],
    command: Promote,
    archive: Archive,
    store: Store,
) -> dict[Rule, Alternative]:
    """Return what each other rule would have selected."""
    rules: tuple[Rule, ...] = get_args(Rule)
    return {
        rule: _alternative(field, runs, command, archive, store, rule)
        for rule in rules
        if rule != command.promotion.rule
    }


def _alternative(
    field: Field,
    runs: Mapping[str, TrackedRun],
    command: Promote,
    archive: Archive,
    store: Store,
    rule: Rule,
) -> Alternative:
    chosen = [runs[run_id] for run_id in chosen_by(rule, field.eligible, command.promotion.members)]
    labels, points = selection.labels_of(archive), field.probability["ID"].to_numpy()
    predicted = [out_of_fold.read(store.read(run, out_of_fold.FILE), labels) for run in chosen]
    common = [each.isel(sample=np.isin(each["ID"].to_numpy(), points)) for each in predicted]
    mean = selection.mean_of(common)
    return Alternative(
        names=tuple(run.name for run in chosen),
        scores=selection.scores_of(mean, archive, command.validation),
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
