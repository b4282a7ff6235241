"""The field of a competition: which candidates may be compared, and how they stand on the same points."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd

from cropland.errors import DataError
from cropland.learning.choice import standard_errors
from cropland.tracking.records import ARCHIVE, COMPARISON
from cropland.training import candidate as candidates
from cropland.training import out_of_fold as predictions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cropland.config.commands.promote import Promote
    from cropland.config.countries import Country
    from cropland.observations.archive import Archive
    from cropland.tracking.records import TrackedRun
    from cropland.tracking.store import Store

MISSING_ALLOWED = 0.02
"""Share of the points that a candidate may lack and still be compared with those that have them."""
_AT_ONCE = 8
_PARAMS = ("span", "window_end", "bands", "series", "features", "model", "training")


def comparable(
    command: Promote, country: Country, archive: Archive, store: Store
) -> dict[str, TrackedRun]:
    """Find the newest finished run of each candidate that may be compared, by its id.

    Raises
    ------
    DataError
        There is none; the message says what there is in its place.
    """
    mark = candidates.comparison(archive, country, command.validation, command.seed)
    newest = store.finished_of(mark)
    if not newest:
        raise DataError(_none(command, country, archive, store))
    return {run.run_id: run for run in newest.values()}


def _none(command: Promote, country: Country, archive: Archive, store: Store) -> str:
    """Say that there is no candidate, and what there is in its place."""
    asked: dict[str, object] = {"validation": command.validation.name, "seed": command.seed}
    asked |= {f"validation.{key}": value for key, value in asdict(command.validation).items()}
    words = " ".join(candidates.words_of(asked))
    condition = f"params.country = '{country.name}' and attributes.status = 'FINISHED'"
    there = [run for run in store.search(condition) if COMPARISON in run.tags]
    here = [run for run in there if run.tags.get(ARCHIVE) == archive.fingerprint]
    others = {" ".join(candidates.words_of(run.params)) for run in here}
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


def tabulated(runs: dict[str, TrackedRun], command: Promote) -> pd.DataFrame:
    """Tabulate candidates, best first, with the reason where one may not win; the index is the run id."""
    rows = [
        {
            "run_id": run.run_id,
            "name": run.name,
            **{name: run.params[name] for name in _PARAMS},
            **{name: run.metrics[name] for name in ("accuracy", "accuracy_se")},
            "n_features": int(run.params["n_features"]),
            "n_samples": int(run.params["n_samples"]),
            "uses_future": run.tags["uses_future"] == "true",
        }
        for run in runs.values()
    ]
    table = pd.DataFrame(rows).astype({"span": int}).set_index("run_id")
    table["verdict"] = _barred(table, command)
    table["eligible"] = table["verdict"] == ""
    return _best_first(table)


def _best_first(table: pd.DataFrame) -> pd.DataFrame:
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


def out_of_fold(table: pd.DataFrame, runs: Mapping[str, TrackedRun], store: Store) -> pd.DataFrame:
    """Read where each candidate that may win was right, shape (point, candidate); bar what has lost it."""

    def read(run_id: str) -> pd.Series[float] | str:
        try:
            return predictions.right(store.read(runs[run_id], predictions.FILE))
        except DataError as error:
            return str(error)

    allowed = list(table.index[table["eligible"]])
    there: dict[str, pd.Series[float]] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for run_id, found in zip(allowed, pool.map(read, allowed), strict=True):
            if isinstance(found, str):
                table.loc[run_id, ["verdict", "eligible"]] = found, False
                continue
            first = next(iter(there.values()), found)
            # Of thousands of candidates nearly all have the same points: their IDs are kept once.
            there[run_id] = (
                found.set_axis(first.index) if first.index.equals(found.index) else found
            )
    return pd.concat(there, axis=1, join="inner") if there else pd.DataFrame()


def on_common_points(
    table: pd.DataFrame, right: pd.DataFrame, units: NDArray[np.int64] | None
) -> pd.DataFrame:
    """Score those that may win on the points that all of them have: a hard one that is missing is no merit.

    Parameters
    ----------
    table : DataFrame
        As `tabulated` gives it; ``accuracy`` and ``accuracy_se`` are replaced, what a run had by itself is
        kept as ``accuracy_of_run``.
    right : DataFrame, shape (point, candidate)
        As `out_of_fold` gives it.
    units : ndarray of int, shape (point,), optional
        The spatial block of each point, where whole ones were left out.
    """
    table = table.assign(accuracy_of_run=table["accuracy"])
    if not right.empty:
        values = right.to_numpy()
        table.loc[right.columns, "accuracy"] = values.mean(axis=0)
        table.loc[right.columns, "accuracy_se"] = standard_errors(values, units)
    return _best_first(table)
