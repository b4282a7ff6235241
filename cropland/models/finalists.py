"""Finalists: the candidates that are scored again or averaged, and whether they are what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, get_args

import pandas as pd

from cropland.config.groups import Rule
from cropland.errors import ConfigError, DataError
from cropland.learning import choice
from cropland.models import other_rules, selection, stored_runs
from cropland.models.stored_runs import LISTED_ONLY
from cropland.support import signals
from cropland.support.words import command_line, count
from cropland.training import candidates, out_of_fold

if TYPE_CHECKING:
    from cropland.config.commands.promote import Promote
    from cropland.config.countries import Country
    from cropland.config.groups import Validation
    from cropland.learning.cross_validation import Scores
    from cropland.models.contenders import Field
    from cropland.tracking.records import TrackedRun
    from cropland.tracking.store import Store
    from cropland.training.candidate_data import CandidateData

T = TypeVar("T")
_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class Finalist:
    """A candidate that may be selected, or is a member of an average.

    Attributes
    ----------
    run : TrackedRun
        Its run.
    material : CandidateData
        The candidate and its archives.
    scores : Scores
        Its scores by scikit-learn's own estimator: of now, or of its run where that has used it.
    fast : bool
        Whether its run was scored by a faster twin of that estimator.
    """

    run: TrackedRun
    material: CandidateData
    scores: Scores
    fast: bool = False


def score_again(
    run: TrackedRun, material: CandidateData, validation: Validation, *, fast: bool
) -> Finalist:
    """Score a candidate on the data that are here, by scikit-learn's own estimator."""
    signals.check()
    return Finalist(run, material, material.scores(validation), fast)


def of_run(
    run: TrackedRun, material: CandidateData, store: Store, validation: Validation
) -> Finalist | str:
    """Return a candidate with the predictions that its run has kept, nothing fitted; or why it has none."""
    try:
        labels = out_of_fold.labels_of(material.archive)
        stored = out_of_fold.read(store.read(run, out_of_fold.FILE), labels)
    except DataError as error:
        return f"cannot be read: {error}"
    order = pd.Index(stored["ID"].to_numpy()).get_indexer(material.labelled["ID"].to_numpy())
    if len(order) != stored.sizes["sample"] or (order < 0).any():
        return f"has a {out_of_fold.FILE} of other points than those that are here"
    predicted = stored.isel(sample=order)
    return Finalist(run, material, selection.scores_of(predicted, material.archive, validation))


def finalist_ids(field: Field, command: Promote, country: Country) -> list[str]:
    """Return the run ids of the best and those that the rule would take next, or of an average."""
    eligible, most = field.eligible, command.promotion.finalists
    if eligible.empty and field.damage:
        fault = next(field.damage[run_id] for run_id in field.table.index if run_id in field.damage)
        raise DataError(
            f"no candidate of {country.name} can be promoted: {fault}; score them again: "
            f"{command_line('train')} with the same settings and force=true"
        )
    if eligible.empty:
        raise DataError(
            f"none of {count(len(field.table), 'candidate')} of {country.name} may be promoted: the best of "
            f"them {field.table['verdict'].iloc[0]}; run a sweep of others, or see promotion.future"
        )
    if command.promotion.rule == "average":
        return other_rules.chosen_by("average", eligible, command.promotion.members)
    best = eligible.iloc[0]  # the table is sorted
    if command.promotion.rule == "best":
        return list(eligible.index[:most])
    border = choice.border(best["accuracy"], best["accuracy_se"])
    near = eligible[eligible["accuracy"] >= border]
    near = near.sort_values(["n_features", "span", "accuracy"], ascending=[True, True, False])
    simplest = near.index.drop(best.name, errors="ignore")[: most - 1]
    return [str(best.name), *simplest]


def without_unlisted(
    field: Field,
    runs: Mapping[str, TrackedRun],
    command: Promote,
    country: Country,
    store: Store,
    say: Callable[[str], None],
) -> Field:
    """Exclude candidates of classes that no registered model holds, where one would be chosen."""
    ids = set(finalist_ids(field, command, country))
    for rule in get_args(Rule):  # what the others would select is shown too
        ids.update(other_rules.chosen_by(rule, field.eligible, command.promotion.members))
    if not any(_unlisted(runs[run_id], store) for run_id in ids):
        return field
    eligible = list(field.eligible.index)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        names = list(pool.map(lambda run_id: _unlisted(runs[run_id], store), eligible))
    classes = {run_id: name for run_id, name in zip(eligible, names, strict=True) if name}
    unlisted = ", ".join(sorted(set(classes.values())))
    excluded = f"{count(len(classes), 'candidate')} of {unlisted}"
    say(f"{country.name}: excluded: {excluded}: {LISTED_ONLY}")
    return field.without(
        {run_id: f"is of {name}: {LISTED_ONLY}" for run_id, name in classes.items()}
    )


def _unlisted(run: TrackedRun, store: Store) -> str:
    """Return the class of a candidate that no registered model can hold, empty where it has none."""
    try:
        candidate = candidates.from_run(store, run)
    except (ConfigError, DataError):  # a finalist is refused for it
        return ""
    return stored_runs.unlisted_class(candidate.configuration.model)


def checked(
    field: Field,
    runs: Mapping[str, TrackedRun],
    command: Promote,
    country: Country,
    say: Callable[[str], None],
    make: Callable[[TrackedRun], T | str],
) -> tuple[Field, dict[str, T]]:
    """Return what is made of each finalist's run, and the field without those that are not what they say."""
    made: dict[str, T] = {}
    while True:
        finalists = finalist_ids(field, command, country)
        faults: dict[str, str] = {}
        for run_id in finalists:
            if run_id in made:
                continue
            signals.check()
            result = make(runs[run_id])
            if isinstance(result, str):
                faults[run_id] = result
            else:
                made[run_id] = result
        if not faults:
            return field, {run_id: made[run_id] for run_id in finalists}
        for run_id, fault in faults.items():
            say(f"{country.name}: run {run_id} is left out: it {fault}")
        field = field.without_damaged(
            {run_id: f"run {run_id} {faults[run_id]}" for run_id in faults}
        )


def is_fast(run: TrackedRun, store: Store) -> bool:
    """Return whether a run was scored by a faster twin of a class of scikit-learn."""
    return stored_runs.is_fast(candidates.text_of(store, run))
