"""The competition of a country's candidates: who may be compared, which is selected, why not the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cropland.errors import ConfigError, DataError
from cropland.features import matrix
from cropland.learning import choice
from cropland.learning.folds import independent_units
from cropland.models import contenders, stored_runs
from cropland.models.contenders import Field
from cropland.models.stored_runs import LISTED_ONLY
from cropland.support import signals
from cropland.support.words import command_line, count, some
from cropland.training import candidates

if TYPE_CHECKING:
    from cropland.config.commands.promote import Promote
    from cropland.config.countries import Country
    from cropland.config.groups import RuleOfOne, Validation
    from cropland.learning.cross_validation import Scores
    from cropland.learning.statistics import Estimate
    from cropland.observations.archive import Archive
    from cropland.tracking.records import TrackedRun
    from cropland.tracking.store import Store
    from cropland.training.candidate_data import CandidateData

_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class Finalist:
    """A candidate that has been scored again.

    Attributes
    ----------
    run : TrackedRun
        Its run.
    material : CandidateData
        The candidate and its archives.
    scores : Scores
        Its scores here and now, by scikit-learn's own estimator.
    fast : bool
        Whether its run was scored by a faster twin of that estimator.
    """

    run: TrackedRun
    material: CandidateData
    scores: Scores
    fast: bool = False


@dataclass(frozen=True, eq=False)
class Result:
    """The result of a competition.

    Attributes
    ----------
    selected : Finalist
        The candidate that the rule chose.
    estimate : Estimate
        Its accuracy, corrected for its having been chosen among all that could have been.
    table : DataFrame
        Every candidate, best first: its settings, its scores, and a verdict: why it was not selected.
    finalists : tuple of Finalist
        All that were scored again, the selected one among them.
    """

    selected: Finalist
    estimate: Estimate
    table: pd.DataFrame
    finalists: tuple[Finalist, ...]

    @property
    def n_tried(self) -> int:
        """How many candidates the selected one was chosen from."""
        return int(self.table["eligible"].sum())


def compete(
    command: Promote,
    country: Country,
    archive: Archive,
    store: Store,
    say: Callable[[str], None],
) -> Result:
    """Select the best candidate of a country by the rule of a promotion.

    Raises
    ------
    DataError
        No candidate has been scored on this archive by this validation, or none may be selected.
    """
    rule = command.promotion.rule
    if rule == "average":
        raise ConfigError("promotion.rule=average: an average cannot be registered; take best")
    runs = contenders.comparable(command, country, archive, store)
    runs = stored_runs.possible_runs(runs, country, say)
    field = _scored(runs, command, archive, store, say)
    field = _without_unlisted(field, runs, command, country, store, say)
    field, materials = _materials(field, runs, command, country, store, say)
    say(
        f"{country.name}: {count(len(field.eligible), 'candidate')}; scoring "
        f"{count(len(materials), 'finalist')} again"
    )
    finalists = {run_id: _again(runs[run_id], materials[run_id], store) for run_id in materials}
    again = _scored_again(field, finalists)
    position = choice.choose(
        again["accuracy"], again["accuracy_se"], _rank(again), rule, brier=again["brier"]
    )
    selected = finalists[again.index[position]]
    estimate = choice.bbc_cv(
        field.probability.sel(candidate=list(field.eligible.index)).to_numpy(),
        field.probability["Target"].to_numpy(),
        _rank(field.eligible),
        rule,
        groups=field.units,
        bootstraps=command.promotion.bootstraps,
        seed=command.seed,
    )
    table = _with_verdicts(field, again, selected.run.run_id, rule)
    return Result(selected, estimate, table, tuple(finalists.values()))


def _scored(
    runs: Mapping[str, TrackedRun],
    command: Promote,
    archive: Archive,
    store: Store,
    say: Callable[[str], None],
) -> Field:
    """Return all candidates, scored on the points that those have which may be selected."""
    table = contenders.tabulated(runs.values(), command)
    points = matrix.labelled(archive.points)
    labels = pd.Series(points["Target"].to_numpy(), index=points["ID"].to_numpy())
    probability, lost = contenders.predictions(
        [runs[run_id] for run_id in table.index[table["eligible"]]], store, labels
    )
    if lost:
        say(
            f"{command_line('train')} with force=true scores again what is left out: "
            f"{some(sorted(set(lost.values())))}"
        )
    units = None
    if probability.size:
        numbers = units_of(archive, command.validation)[probability["ID"].to_numpy()].to_numpy()
        units = numbers if len(np.unique(numbers)) < len(numbers) else None
    field = Field(table, probability, units)
    return field.without_damaged(lost).on_common_points()


def units_of(archive: Archive, validation: Validation) -> pd.Series[Any]:
    """Return the number of each labelled point's pixel, or of its spatial block, by its ID."""
    points = matrix.labelled(archive.points)
    return pd.Series(independent_units(points, validation), index=points["ID"].to_numpy())


def _rank(table: pd.DataFrame) -> np.ndarray:
    return choice.simplicity(table["n_features"], table["span"])


def _finalists(field: Field, command: Promote, country: Country) -> list[str]:
    """Return the run ids of who is scored again: the best, and those that the rule would take next."""
    eligible, most = field.eligible, command.promotion.finalists
    if eligible.empty and field.damage:
        fault = next(field.damage[run_id] for run_id in field.table.index if run_id in field.damage)
        raise DataError(
            f"no candidate of {country.name} can be promoted: {fault}; score them again: "
            f"{command_line('train')} with the same words and force=true"
        )
    if eligible.empty:
        raise DataError(
            f"none of {count(len(field.table), 'candidate')} of {country.name} may be promoted: the best of "
            f"them {field.table['verdict'].iloc[0]}; run a sweep of others, or see promotion.future"
        )
    best = eligible.iloc[0]  # the table is sorted
    if command.promotion.rule == "best":
        return list(eligible.index[:most])
    border = choice.border(best["accuracy"], best["accuracy_se"])
    near = eligible[eligible["accuracy"] >= border]
    near = near.sort_values(["n_features", "span", "accuracy"], ascending=[True, True, False])
    simplest = near.index.drop(best.name, errors="ignore")[: most - 1]
    return [str(best.name), *simplest]


def _without_unlisted(
    field: Field,
    runs: Mapping[str, TrackedRun],
    command: Promote,
    country: Country,
    store: Store,
    say: Callable[[str], None],
) -> Field:
    """Exclude candidates of classes that no registered model holds, where one would be a finalist."""
    if not any(_unlisted(runs[run_id], store) for run_id in _finalists(field, command, country)):
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


def _materials(
    field: Field,
    runs: Mapping[str, TrackedRun],
    command: Promote,
    country: Country,
    store: Store,
    say: Callable[[str], None],
) -> tuple[Field, dict[str, CandidateData]]:
    """Return the data of the finalists, and the field without those that are not what they say."""
    materials: dict[str, CandidateData] = {}
    while True:
        finalists = _finalists(field, command, country)
        faults: dict[str, str] = {}
        for run_id in finalists:
            if run_id in materials:
                continue
            signals.check()
            material = stored_runs.material_of(runs[run_id], command, country, store)
            if isinstance(material, str):
                faults[run_id] = material
            else:
                materials[run_id] = material
        if not faults:
            return field, {run_id: materials[run_id] for run_id in finalists}
        for run_id, fault in faults.items():
            say(f"{country.name}: run {run_id} is left out: it {fault}")
        field = field.without_damaged(
            {run_id: f"run {run_id} {faults[run_id]}" for run_id in faults}
        )


def _again(run: TrackedRun, material: CandidateData, store: Store) -> Finalist:
    """Score a candidate again, by scikit-learn's own estimator, on the data that are here."""
    signals.check()
    fast = stored_runs.is_fast(candidates.text_of(store, run))
    return Finalist(run, material, material.scores(), fast)


def _scored_again(field: Field, finalists: Mapping[str, Finalist]) -> pd.DataFrame:
    """Return the finalists' rows of the table, with their scores of now on the points that all have."""
    points, target = (field.probability[name].to_numpy() for name in ("ID", "Target"))
    predicted = {run_id: finalist.scores.out_of_fold for run_id, finalist in finalists.items()}
    tables = {
        run_id: pd.DataFrame(each["probability"].to_numpy(), each["ID"].to_numpy()).loc[points]
        for run_id, each in predicted.items()
    }
    probability = contenders.on_common_points(tables, pd.Series(target, points))
    order = list(finalists)
    return (
        Field(field.table.loc[order], probability, field.units).on_common_points().table.loc[order]
    )


def _with_verdicts(
    field: Field, again: pd.DataFrame, selected: str, rule: RuleOfOne
) -> pd.DataFrame:
    """Return the table with the reason why each candidate that could have been selected was not."""
    table = field.table.assign(accuracy_again=again["accuracy"])
    best = again.sort_values("accuracy").iloc[-1]
    limit = choice.border(best["accuracy"], best["accuracy_se"])
    scored = table.loc[table["eligible"], ["n_features", "span"]].assign(
        score=table["accuracy_again"].fillna(table["accuracy"])
    )
    winner = next(scored.loc[[selected]].itertuples(index=False))
    rows = scored.itertuples(index=False)
    verdicts = pd.Series([_verdict(row, winner, limit, rule) for row in rows], scored.index)
    table["verdict"] = verdicts.reindex(table.index).fillna(table["verdict"])
    table.loc[selected, "verdict"] = "selected"
    return table


def _verdict(row: Any, selected: Any, limit: float, rule: RuleOfOne) -> str:
    """Return in words why a candidate was not selected."""
    if rule == "best" and row.score < selected.score:
        return f"is {selected.score - row.score:.4f} less accurate than the selected one"
    if row.score < limit:
        return f"is more than one standard error below the best ({limit:.4f})"
    if (row.n_features, row.span) != (selected.n_features, selected.span):
        return (
            f"has {row.n_features} features over {row.span} weeks, the selected one "
            f"{selected.n_features} over {selected.span}"
        )
    return "is as simple as the selected one and not more accurate"
