"""The competition of a country's candidates: who may be compared, who wins, and why each other lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cropland import candidate as candidates
from cropland import features, predictions, selection, signals
from cropland.errors import DataError
from cropland.material import Material
from cropland.tracking import ARCHIVE, COMPARISON, IDENTITY
from cropland.validation import independent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
_ROUNDING = 2e-6
"""Scores are tracked with six digits: what they put at the border is decided by exact ones."""
_FOLDS = ("folds", "repeats", "block_km")


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
    right = _out_of_fold(table, runs, store)
    eligible = table[table["eligible"]]
    if eligible.empty:
        raise DataError(
            f"none of {len(table)} candidates of {country.name} may be promoted: the best of them "
            f"{table['verdict'].iloc[0]}; run a sweep of others, or see promotion.future"
        )
    rule = command.promotion.rule
    chosen = _finalists(eligible, rule, command.promotion.finalists)
    say(f"{country.name}: {len(eligible)} candidates; scoring {len(chosen)} finalists again")
    finalists = []
    for run_id in chosen:
        signals.heed()
        finalists.append(_again(runs[run_id], command, country, store))
    position = selection.choose(
        [finalist.scores.accuracy for finalist in finalists],
        [finalist.scores.accuracy_se for finalist in finalists],
        _rank(eligible.loc[chosen]),
        rule,
    )
    winner = finalists[position]
    _give_verdicts(table, finalists, winner, rule)
    return Result(winner, _corrected(eligible, right, winner, command), table)


def kept(run: Run, name: str, store: Store) -> str:
    """Read what a run has kept of itself.

    Raises
    ------
    DataError
        It is not there any more.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.utils.file_utils import local_file_uri_to_path

    uri = str(run.info.artifact_uri)
    try:
        if uri.startswith("file:"):  # MLflow's own way copies each file first
            folder = local_file_uri_to_path(uri)  # type: ignore[no-untyped-call]
            return Path(folder, name).read_text(encoding="utf-8")
        return store.read(run, name)
    except (OSError, MlflowException) as error:
        raise DataError(f"run {run.info.run_name!r} has lost its {name}") from error


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
    asked = asdict(command.validation) | {"seed": command.seed}
    words = _folds({key if key == "seed" else f"validation.{key}": asked[key] for key in asked})
    words = f"validation={command.validation.name} {words}"
    condition = f"params.country = '{country.name}' and attributes.status = 'FINISHED'"
    there = [run for run in store.search(condition) if COMPARISON in run.data.tags]
    here = [run for run in there if run.data.tags.get(ARCHIVE) == archive.fingerprint]
    others = {
        f"validation={run.data.params['validation']} {_folds(run.data.params)}" for run in here
    }
    train = "run scripts/train.py with the same words"
    if words in others:
        found = f"those that are there were scored by another version of the code; {train} again"
    elif others:
        found = f"there are some by {' or by '.join(sorted(others))}; give promote.py these words"
    elif there:
        found = f"there are {len(there)} on other observations; {train}, or mend source and paths"
    else:
        found = f"there are none at all; {train}"
    return f"no finished candidate of {country.name} by {words} on this archive: {found}"


def _folds(params: Mapping[str, object]) -> str:
    """Write what decides the folds of a candidate as words for the command line."""
    values = {f"validation.{name}": params.get(f"validation.{name}") for name in _FOLDS}
    values |= {"seed": params.get("seed")}
    return " ".join(
        f"{key}={value}"
        for key, value in values.items()
        if value is not None and (key, str(value)) != ("validation.repeats", "1")
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


def _barred(table: pd.DataFrame, command: Promote) -> pd.Series[str]:
    """Say of each candidate why it may not win, or nothing where it may."""
    verdict = pd.Series("", index=table.index)
    if command.promotion.future == "forbid":
        verdict[table["uses_future"]] = (
            "has a window that ends after the reference season (future=forbid)"
        )
    verdict[table["training"] == "others"] = (
        "learns from other countries only: a test, no model of this one"
    )
    # Only those that may win say how many points there are: the future may know more of them.
    count = table["n_samples"].where(verdict == "")
    few = count < (1 - MISSING_ALLOWED) * count.max()
    scored = "was scored on " + table["n_samples"].astype(str)
    return verdict.where(~few, scored + f" of {count.max():.0f} points only")


def _out_of_fold(table: pd.DataFrame, runs: Mapping[str, Run], store: Store) -> pd.DataFrame:
    """Read where each candidate that may win was right, shape (point, candidate); bar what has lost it."""

    def read(run_id: str) -> pd.Series[float] | str:
        try:
            return predictions.right(kept(runs[run_id], predictions.FILE, store))
        except DataError as error:
            return str(error)

    allowed = list(table.index[table["eligible"]])
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = dict(zip(allowed, pool.map(read, allowed), strict=True))
    for run_id, lost in found.items():
        if isinstance(lost, str):
            table.loc[run_id, ["verdict", "eligible"]] = lost, False
    there = {run_id: right for run_id, right in found.items() if not isinstance(right, str)}
    return pd.concat(there, axis=1, join="inner") if there else pd.DataFrame()


def _rank(table: pd.DataFrame) -> np.ndarray:
    return selection.simplicity(table["n_features"], table["span"])


def _finalists(eligible: pd.DataFrame, rule: Rule, most: int) -> list[str]:
    """Choose who is scored again: the best, and those that the rule would take next."""
    best = eligible.iloc[0]  # the table is sorted
    if rule == "best":
        return list(eligible.index[:most])
    margin = np.nan_to_num(best["accuracy_se"]) + _ROUNDING
    near = eligible[eligible["accuracy"] >= best["accuracy"] - margin]
    near = near.sort_values(["n_features", "span", "accuracy"], ascending=[True, True, False])
    simplest = near.index.drop(best.name, errors="ignore")[: max(most - 1, 1)]
    return [str(best.name), *simplest]


def _again(run: Run, command: Promote, country: Country, store: Store) -> Finalist:
    """Score a candidate again, by the exact estimator of its configuration."""
    material = rebuilt(kept(run, "config.yaml", store), command, country)
    labelled = features.labelled(material.samples().matrix)
    return Finalist(run, material, material.scores(labelled))


def rebuilt(text: str, command: Promote, country: Country) -> Material:
    """Make a candidate again of the configuration that its run has kept, on the data that are here."""
    here = {name: getattr(command, name) for name in ("source", "paths", "tracking", "n_jobs")}
    made = candidates.from_yaml(text, **here, validation=command.validation)
    return Material.of(replace(made, country=country))


def _give_verdicts(
    table: pd.DataFrame, finalists: Sequence[Finalist], winner: Finalist, rule: Rule
) -> None:
    """Say of each candidate that could have won why it did not."""
    table["accuracy_again"] = pd.Series(
        {finalist.run.info.run_id: finalist.scores.accuracy for finalist in finalists}
    )
    score = table["accuracy_again"].fillna(table["accuracy"])
    best = max(finalists, key=lambda finalist: finalist.scores.accuracy)
    limit = best.scores.accuracy - np.nan_to_num(best.scores.accuracy_se) - _ROUNDING
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
    eligible: pd.DataFrame, right: pd.DataFrame, winner: Finalist, command: Promote
) -> Estimate:
    """Correct the winner's score for its having been chosen, from all out-of-fold predictions."""
    archived = features.labelled(winner.material.archive.points)
    places = pd.Series(independent(archived, command.validation), index=archived["ID"].to_numpy())
    return selection.bbc_cv(
        right[eligible.index].to_numpy(),
        _rank(eligible),
        command.promotion.rule,
        groups=None if command.validation.block_km is None else places[right.index].to_numpy(),
        bootstraps=command.promotion.bootstraps,
        seed=command.seed,
    )
