"""The competition of a country's candidates: who may be compared, who wins, and why each other lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from cropland.errors import DataError
from cropland.features import matrix
from cropland.learning import choice
from cropland.learning.cross_validation import independent
from cropland.models import contenders
from cropland.support import signals
from cropland.training import candidate as candidates
from cropland.training import out_of_fold
from cropland.training.candidate_data import Material

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cropland.config.commands.promote import Promote
    from cropland.config.countries import Country
    from cropland.config.groups import Rule
    from cropland.learning.choice import Estimate
    from cropland.learning.cross_validation import Scores
    from cropland.observations.archive import Archive
    from cropland.tracking.records import TrackedRun
    from cropland.tracking.store import Store

_AT_ONCE = 16
_SCIKIT_LEARN_ONLY = "a registered model holds classes of scikit-learn only"


@dataclass(frozen=True, eq=False)
class Finalist:
    """A candidate that has been scored again.

    Attributes
    ----------
    run : Run
        Its run.
    material : Material
        The candidate and its archives.
    scores : Scores
        Its scores here and now, by scikit-learn's own estimator.
    fast : bool
        Whether its run was scored by a faster twin of that estimator.
    """

    run: TrackedRun
    material: Material
    scores: Scores
    fast: bool = False


@dataclass(frozen=True, eq=False)
class Result:
    """How a competition ended.

    Attributes
    ----------
    winner : Finalist
        The candidate chosen.
    estimate : Estimate
        Its accuracy, corrected for its having been chosen among all that could have been.
    table : DataFrame
        Every candidate, best first: what it was, its scores, and a verdict that says why it lost.
    """

    winner: Finalist
    estimate: Estimate
    table: pd.DataFrame

    @property
    def compared(self) -> int:
        """How many candidates the winner was chosen from."""
        return int(self.table["eligible"].sum())


def compete(
    command: Promote,
    country: Country,
    archive: Archive,
    store: Store,
    say: Callable[[str], None],
) -> Result:
    """Let the candidates of a country compete.

    Raises
    ------
    DataError
        No candidate has been scored on this archive by this validation, or none may win.
    """
    runs = contenders.comparable(command, country, archive, store)
    table = contenders.tabulated(runs, command)
    right = contenders.out_of_fold(table, runs, store)
    units = _units(right, archive, command)
    table = contenders.on_common_points(table, right, units)
    rule = command.promotion.rule
    _bar_foreign(table, runs, command, country, store, say)
    eligible, chosen = _finalists(table, command, country)
    say(f"{country.name}: {len(eligible)} candidates; scoring {len(chosen)} finalists again")
    finalists = []
    for run_id in chosen:
        signals.heed()
        finalists.append(_again(runs[run_id], command, country, store))
    again = pd.DataFrame(
        {
            run_id: out_of_fold.right_of(finalist.scores.out_of_fold).reindex(right.index)
            for run_id, finalist in zip(chosen, finalists, strict=True)
        }
    )
    scored = contenders.on_common_points(eligible.loc[chosen], again, units).loc[chosen]
    winner = finalists[
        choice.choose(scored["accuracy"], scored["accuracy_se"], _rank(scored), rule)
    ]
    _give_verdicts(table, scored, winner.run.run_id, rule)
    estimate = choice.bbc_cv(
        right[eligible.index].to_numpy(),
        _rank(eligible),
        rule,
        groups=units,
        bootstraps=command.promotion.bootstraps,
        seed=command.seed,
    )
    return Result(winner, estimate, table)


def _units(right: pd.DataFrame, archive: Archive, command: Promote) -> NDArray[np.int64] | None:
    """Give the spatial block of each point, where whole blocks were left out."""
    if command.validation.block_km is None or right.empty:
        return None
    points = matrix.labelled(archive.points)
    blocks = pd.Series(independent(points, command.validation), index=points["ID"].to_numpy())
    return blocks[right.index].to_numpy()


def _rank(table: pd.DataFrame) -> np.ndarray:
    return choice.simplicity(table["n_features"], table["span"])


def _finalists(
    table: pd.DataFrame, command: Promote, country: Country
) -> tuple[pd.DataFrame, list[str]]:
    """Give those that may win, and who is scored again: the best, and those that the rule would take next."""
    eligible, most = table[table["eligible"]], command.promotion.finalists
    if eligible.empty:
        raise DataError(
            f"none of {len(table)} candidates of {country.name} may be promoted: the best of them "
            f"{table['verdict'].iloc[0]}; run a sweep of others, or see promotion.future"
        )
    best = eligible.iloc[0]  # the table is sorted
    if command.promotion.rule == "best":
        return eligible, list(eligible.index[:most])
    border = choice.border(best["accuracy"], best["accuracy_se"])
    near = eligible[eligible["accuracy"] >= border]
    near = near.sort_values(["n_features", "span", "accuracy"], ascending=[True, True, False])
    simplest = near.index.drop(best.name, errors="ignore")[: most - 1]
    return eligible, [str(best.name), *simplest]


def _bar_foreign(
    table: pd.DataFrame,
    runs: Mapping[str, TrackedRun],
    command: Promote,
    country: Country,
    store: Store,
    say: Callable[[str], None],
) -> None:
    """Bar candidates of classes that are not scikit-learn's, where one would be scored again; say so."""
    eligible, chosen = _finalists(table, command, country)
    if not any(_foreign(runs[run_id], store) for run_id in chosen):
        return
    barred = _foreigners(eligible.index, runs, store)
    names = ", ".join(sorted(set(barred.values())))
    say(f"{country.name}: {len(barred)} candidates of {names} take no part: {_SCIKIT_LEARN_ONLY}")
    for run_id, name in barred.items():
        table.loc[run_id, "verdict"] = f"is of {name}: {_SCIKIT_LEARN_ONLY}"
        table.loc[run_id, "eligible"] = False


def _foreign(run: TrackedRun, store: Store) -> str:
    """Name the class of a candidate that no registered model can hold, if it has one."""
    model = candidates.from_yaml(store.read(run, "config.yaml")).configuration.model
    return next(iter(model.foreign), "")


def _foreigners(
    run_ids: Iterable[str], runs: Mapping[str, TrackedRun], store: Store
) -> dict[str, str]:
    """Name the class of each of some candidates that has one which no registered model can hold."""

    def named(run_id: str) -> str:
        try:
            return _foreign(runs[run_id], store)
        except DataError:  # has lost its configuration, which is said if it comes to that
            return ""

    asked = list(run_ids)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = dict(zip(asked, pool.map(named, asked), strict=True))
    return {run_id: name for run_id, name in found.items() if name}


def _again(run: TrackedRun, command: Promote, country: Country, store: Store) -> Finalist:
    """Score a candidate again, by scikit-learn's own estimator, on the data that are here."""
    text = store.read(run, "config.yaml")
    material = rebuilt(text, command, country)
    fast = candidates.from_yaml(text).configuration.model.fast
    return Finalist(run, material, material.scores(), fast)


def rebuilt(text: str, command: Promote, country: Country) -> Material:
    """Make a candidate again of the configuration that its run has kept, on the data that are here.

    Of scikit-learn's own classes only: a faster one gives way to its twin, and what the run was allowed
    beside them is not allowed here.
    """
    here = {name: getattr(command, name) for name in ("source", "paths", "tracking", "n_jobs")}
    made = candidates.from_yaml(text, **here, validation=command.validation)
    model = replace(made.configuration.model.plain, allow=())
    configuration = replace(made.configuration, model=model)
    return Material.of(replace(made, country=country, configuration=configuration))


def _give_verdicts(table: pd.DataFrame, scored: pd.DataFrame, winner: str, rule: Rule) -> None:
    """Say of each candidate that could have won why it did not."""
    table["accuracy_again"] = scored["accuracy"]
    score = table["accuracy_again"].fillna(table["accuracy"])
    best = scored.sort_values("accuracy").iloc[-1]
    limit = choice.border(best["accuracy"], best["accuracy_se"])
    won = table.loc[winner]
    eligible = table.index[table["eligible"]]
    verdicts = []
    for row in table.loc[eligible, ["n_features", "span"]].assign(score=score).itertuples():
        if row.Index == winner:
            verdict = "winner"
        elif rule == "best" and row.score < score[winner]:
            verdict = f"is {score[winner] - row.score:.4f} less accurate than the winner"
        elif row.score < limit:
            verdict = f"is more than one standard error below the best ({limit:.4f})"
        elif (row.n_features, row.span) != (won["n_features"], won["span"]):
            verdict = (
                f"has {row.n_features} features over {row.span} weeks where the winner does with "
                f"{won['n_features']} over {won['span']}"
            )
        else:
            verdict = "is as simple as the winner and not more accurate"
        verdicts.append(verdict)
    table.loc[eligible, "verdict"] = verdicts
