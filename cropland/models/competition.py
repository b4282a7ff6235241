"""The competition of a country's candidates: who may be compared, and what is selected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from cropland.models import contenders, other_rules, selection, stored_runs, verdicts
from cropland.models.contenders import Field
from cropland.models.finalists import (
    Finalist,
    checked,
    is_fast,
    of_run,
    score_again,
    without_unlisted,
)
from cropland.models.selection import Selected
from cropland.support.words import command_line, count, some
from cropland.training import out_of_fold

if TYPE_CHECKING:
    from cropland.config.commands.promote import Promote
    from cropland.config.countries import Country
    from cropland.config.groups import Rule
    from cropland.learning.statistics import Estimate
    from cropland.models.other_rules import Alternative
    from cropland.observations.archive import Archive
    from cropland.tracking.records import TrackedRun
    from cropland.tracking.store import Store
    from cropland.training.candidate_data import CandidateData

    _Choice: TypeAlias = tuple[Field, list[Finalist], pd.DataFrame, Selected]


@dataclass(frozen=True, eq=False)
class Result:
    """The result of a competition.

    Attributes
    ----------
    selected : Selected
        What the rule chose.
    estimate : Estimate
        Its accuracy, corrected for its having been chosen among all that could have been.
    table : DataFrame
        Every candidate, best first: its settings, its scores, and a verdict: why it was not selected.
    finalists : tuple of Finalist
        All that were scored again, the selected one among them; of an average its members.
    others : mapping of Rule to Alternative
        What the other rules would have selected.
    """

    selected: Selected
    estimate: Estimate
    table: pd.DataFrame
    finalists: tuple[Finalist, ...]
    others: Mapping[Rule, Alternative]

    @property
    def best(self) -> pd.Series[Any]:
        """The row of the best candidate that could have been selected, by the scores of its run."""
        return self.table[self.table["eligible"]].iloc[0]

    @property
    def n_tried(self) -> int:
        """How many candidates the selected was chosen from."""
        return int(self.table["eligible"].sum())


def compete(
    command: Promote,
    country: Country,
    archive: Archive,
    store: Store,
    say: Callable[[str], None],
) -> Result:
    """Select a candidate of a country, or several, by the rule of a promotion.

    Raises
    ------
    DataError
        No candidate has been scored on this archive by this validation, or none may be selected.
    """
    rule = command.promotion.rule
    field, runs = field_of(command, country, archive, store, say)
    select = _average if rule == "average" else _one
    field, finalists, again, selected = select(field, runs, command, country, store, say)
    say(f"{country.name}: calibration {selected.kind}: {selected.calibration.reason}")
    ids = [member.run.run_id for member in selected.members]
    return Result(
        selected,
        other_rules.corrected(field, command, rule),
        verdicts.with_verdicts(field.table, again, ids, rule),
        tuple(finalists),
        other_rules.alternatives(field, runs, command),
    )


def field_of(
    command: Promote,
    country: Country,
    archive: Archive,
    store: Store,
    say: Callable[[str], None],
) -> tuple[Field, dict[str, TrackedRun]]:
    """Return the candidates that may be compared, and their runs by id.

    Raises
    ------
    DataError
        No candidate has been scored on this archive by this validation, or none may be selected.
    """
    runs = contenders.comparable(command, country, archive, store)
    runs = stored_runs.possible_runs(runs, country, say)
    field = _scored(runs, command, archive, store, say)
    return without_unlisted(field, runs, command, country, store, say), runs


def _one(
    field: Field,
    runs: Mapping[str, TrackedRun],
    command: Promote,
    country: Country,
    store: Store,
    say: Callable[[str], None],
) -> _Choice:
    """Select one of the finalists by their scores in repeated folds."""

    def material_of(run: TrackedRun) -> CandidateData | str:
        return stored_runs.material_of(run, command, country, store)

    field, materials = checked(field, runs, command, country, say, material_of)
    folds = selection.repeated(command.validation, command.promotion.repeats)
    say(
        f"{country.name}: {count(len(field.eligible), 'candidate')}; scoring "
        f"{count(len(materials), 'finalist')} again in {folds.repeats} × {folds.folds} folds"
    )
    finalists = [
        score_again(runs[run_id], material, folds, fast=is_fast(runs[run_id], store))
        for run_id, material in materials.items()
    ]
    again = _scored_again(field, finalists)
    (chosen,) = other_rules.chosen_by(command.promotion.rule, again, 1)
    selected = next(finalist for finalist in finalists if finalist.run.run_id == chosen)
    return field, finalists, again, Selected.of([selected], folds, command.promotion)


def _average(
    field: Field,
    runs: Mapping[str, TrackedRun],
    command: Promote,
    country: Country,
    store: Store,
    say: Callable[[str], None],
) -> _Choice:
    """Select the members of an average by the predictions that runs have kept."""

    def member_of(run: TrackedRun) -> Finalist | str:
        material = stored_runs.material_of(run, command, country, store)
        if isinstance(material, str):
            return material
        if is_fast(run, store):
            return score_again(run, material, command.validation, fast=True)
        return of_run(run, material, store, command.validation)

    field, members = checked(field, runs, command, country, say, member_of)
    wanted, number = command.promotion.members, len(members)
    fewer = f", fewer than promotion.members={wanted}" if number < wanted else ""
    of = count(len(field.eligible), "candidate")
    say(f"{country.name}: {of}; the mean probability of {number}{fewer}")
    finalists = list(members.values())
    selected = Selected.of(finalists, command.validation, command.promotion)
    return field, finalists, field.table.iloc[:0], selected


def _scored(
    runs: Mapping[str, TrackedRun],
    command: Promote,
    archive: Archive,
    store: Store,
    say: Callable[[str], None],
) -> Field:
    """Return all candidates, scored on the points that those have which may be selected."""
    table = contenders.tabulated(runs.values(), command)
    probability, lost = contenders.predictions(
        [runs[run_id] for run_id in table.index[table["eligible"]]],
        store,
        out_of_fold.labels_of(archive),
        command.validation.repeats,
    )
    if lost:
        say(
            f"{command_line('train')} with force=true scores again what is left out: "
            f"{some(sorted(set(lost.values())))}"
        )
    units = None
    if probability.size:
        every = out_of_fold.units_of(archive, command.validation)
        numbers = every[probability["ID"].to_numpy()].to_numpy()
        units = numbers if len(np.unique(numbers)) < len(numbers) else None
    field = Field(table, probability, units)
    return field.without_damaged(lost).on_common_points()


def _scored_again(field: Field, finalists: Sequence[Finalist]) -> pd.DataFrame:
    """Return the finalists' rows of the table, with their scores of now on the points that all have."""
    points, target = (field.probability[name].to_numpy() for name in ("ID", "Target"))
    predicted = {finalist.run.run_id: finalist.scores.out_of_fold for finalist in finalists}
    tables = {
        run_id: pd.DataFrame(each["probability"].to_numpy(), each["ID"].to_numpy()).loc[points]
        for run_id, each in predicted.items()
    }
    probability = contenders.on_common_points(tables, pd.Series(target, points))
    order = list(predicted)
    again = Field(field.table.loc[order], probability, field.units).on_common_points()
    return again.table.loc[order]
