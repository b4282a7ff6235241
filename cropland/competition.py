"""The competition of a country's candidates: who may be compared, who wins, and why each other lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from cropland import candidate as candidates
from cropland import features, predictions, selection
from cropland.errors import DataError
from cropland.material import Material
from cropland.tracking import COMPARISON, IDENTITY
from cropland.validation import independent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from mlflow.entities import Run

    from cropland.archive import Archive
    from cropland.commands import Promote
    from cropland.config import Rule
    from cropland.countries import Country
    from cropland.selection import Estimate
    from cropland.tracking import Store
    from cropland.validation import Scores

MISSING_ALLOWED = 0.02
"""Share of the points that a candidate may lack and still be compared with those that have them."""
_AT_ONCE = 16
_PARAMS = ("span", "window_end", "bands", "series", "features", "model", "training")


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
        Its scores by the exact estimator.
    """

    run: Run
    material: Material
    scores: Scores


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
    runs = _comparable(command, country, archive, store)
    table = _table(runs, command)
    eligible = table[table["eligible"]]
    if eligible.empty:
        raise DataError(
            f"none of {len(table)} candidates of {country.name} may be promoted, the best of them because "
            f"it {table['verdict'].iloc[0]}; run a sweep that may, or change promotion.future"
        )
    rule = command.promotion.rule
    chosen = _finalists(eligible, rule, command.promotion.finalists)
    say(f"{country.name}: {len(eligible)} candidates; scoring {len(chosen)} finalists again")
    finalists = [_again(runs[run_id], command, store) for run_id in chosen]
    position = selection.choose(
        [finalist.scores.accuracy for finalist in finalists],
        [finalist.scores.accuracy_se for finalist in finalists],
        _rank(eligible.loc[chosen]),
        rule,
    )
    winner = finalists[position]
    _give_verdicts(table, finalists, winner, rule)
    return Result(winner, _corrected(eligible, runs, winner, command, store), table)


def _comparable(
    command: Promote, country: Country, archive: Archive, store: Store
) -> dict[str, Run]:
    """Find the newest finished run of each candidate that may be compared, by its id."""
    mark = candidates.comparison(archive, country, command.validation, command.seed)
    newest: dict[str, Run] = {}
    for run in store.search(f"tags.{COMPARISON} = '{mark}' and attributes.status = 'FINISHED'"):
        newest.setdefault(run.data.tags[IDENTITY], run)
    if not newest:
        raise DataError(_none(command, country, archive, store))
    return {run.info.run_id: run for run in newest.values()}


def _none(command: Promote, country: Country, archive: Archive, store: Store) -> str:
    """Say that there is no candidate, and what there is in its place."""
    chosen = command.validation
    there = store.search(f"params.country = '{country.name}' and attributes.status = 'FINISHED'")
    others = sorted(
        {
            f"validation={run.data.params['validation']} validation.folds="
            f"{run.data.params['validation.folds']} seed={run.data.params['seed']}"
            for run in there
            if run.data.tags.get("archive") == archive.fingerprint
        }
    )
    found = f"there are some with {' or '.join(others)}" if others else "there are none at all"
    return (
        f"no finished candidate of {country.name} on this archive by validation={chosen.name} "
        f"validation.folds={chosen.folds} seed={command.seed} and this version of the code; {found}: run "
        f"scripts/train.py with the same source, or give promote.py the validation that was used"
    )


def _table(runs: dict[str, Run], command: Promote) -> pd.DataFrame:
    """Tabulate candidates, best first, with the reason where one may not win; the index is the run id."""
    rows = [
        {
            "run_id": run.info.run_id,
            "name": run.info.run_name,
            **{name: run.data.params[name] for name in _PARAMS},
            **{name: run.data.metrics[name] for name in ("accuracy", "accuracy_se")},
            "n_features": int(run.data.params["n_features"]),
            "n_samples": int(run.data.params["n_samples"]),
            "uses_future": run.data.tags["uses_future"] == "true",
        }
        for run in runs.values()
    ]
    table = pd.DataFrame(rows).astype({"span": int}).set_index("run_id")
    table["verdict"] = _barred(table, command)
    table["eligible"] = table["verdict"] == ""
    return table.sort_values(
        ["accuracy", "n_features", "span", "name"], ascending=[False, True, True, True]
    )


def _barred(table: pd.DataFrame, command: Promote) -> list[str]:
    """Say of each candidate why it may not win, or nothing where it may."""
    most = table["n_samples"].max()
    verdicts = []
    for row in table.itertuples():
        if row.training == "others":
            verdicts.append("learns from other countries only: a test, no model of this one")
        elif command.promotion.future == "forbid" and row.uses_future:
            verdicts.append("has a window that ends after the reference season (future=forbid)")
        elif row.n_samples < (1 - MISSING_ALLOWED) * most:
            verdicts.append(f"was scored on {row.n_samples} of {most} points only")
        else:
            verdicts.append("")
    return verdicts


def _rank(table: pd.DataFrame) -> np.ndarray:
    return selection.simplicity(table["n_features"], table["span"])


def _finalists(eligible: pd.DataFrame, rule: Rule, most: int) -> list[str]:
    """Choose who is scored again: the best, and those that the rule would take next."""
    best = eligible.iloc[0]  # the table is sorted
    if rule == "best":
        return list(eligible.index[:most])
    near = eligible[eligible["accuracy"] >= best["accuracy"] - best["accuracy_se"]]
    near = near.sort_values(["n_features", "span", "accuracy"], ascending=[True, True, False])
    return list(dict.fromkeys([str(best.name), *near.index[:most]]))


def _again(run: Run, command: Promote, store: Store) -> Finalist:
    """Score a candidate again, by the exact estimator of its configuration."""
    material = rebuilt(store.read(run, "config.yaml"), command)
    labelled = features.labelled(material.samples().matrix)
    return Finalist(run, material, material.scores(labelled))


def rebuilt(text: str, command: Promote) -> Material:
    """Make a candidate again of the configuration that its run has kept, on the data that are here."""
    here = {name: getattr(command, name) for name in ("source", "paths", "tracking", "n_jobs")}
    return Material.of(candidates.from_yaml(text, **here, validation=command.validation))


def _give_verdicts(
    table: pd.DataFrame, finalists: Sequence[Finalist], winner: Finalist, rule: Rule
) -> None:
    """Say of each candidate that could have won why it did not."""
    table["accuracy_again"] = pd.Series(
        {finalist.run.info.run_id: finalist.scores.accuracy for finalist in finalists}
    )
    score = table["accuracy_again"].fillna(table["accuracy"])
    best = max(finalists, key=lambda finalist: finalist.scores.accuracy)
    limit = best.scores.accuracy - best.scores.accuracy_se
    won = table.loc[winner.run.info.run_id]
    for run_id in table.index[table["eligible"]]:
        row = table.loc[run_id]
        if run_id == won.name:
            verdict = "winner"
        elif rule == "best" and score[run_id] < score[won.name]:
            verdict = f"is {score[won.name] - score[run_id]:.4f} less accurate than the winner"
        elif score[run_id] < limit:
            verdict = f"is more than one standard error below the best ({limit:.4f})"
        elif (row["n_features"], row["span"]) != (won["n_features"], won["span"]):
            verdict = (
                f"has {row['n_features']} features over {row['span']} weeks where the winner does with "
                f"{won['n_features']} over {won['span']}"
            )
        else:
            verdict = "is as simple as the winner and not more accurate"
        table.loc[run_id, "verdict"] = verdict


def _corrected(
    eligible: pd.DataFrame,
    runs: dict[str, Run],
    winner: Finalist,
    command: Promote,
    store: Store,
) -> Estimate:
    """Correct the winner's score for its having been chosen, from all out-of-fold predictions."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        read = pool.map(lambda run_id: store.read(runs[run_id], predictions.FILE), eligible.index)
        right = pd.concat([predictions.right(text) for text in read], axis=1, join="inner")
    archived = features.labelled(winner.material.archive.points)
    places = pd.Series(independent(archived, command.validation), index=archived["ID"].to_numpy())
    return selection.bbc_cv(
        right.to_numpy(),
        _rank(eligible),
        command.promotion.rule,
        groups=None if command.validation.block_km is None else places[right.index].to_numpy(),
        bootstraps=command.promotion.bootstraps,
        seed=command.seed,
    )
