"""The field of a competition: which candidates may be compared, and their scores on the same points."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from cropland.errors import DataError, visible
from cropland.learning.statistics import standard_errors
from cropland.models.stored_runs import PARAMS
from cropland.support import terminal
from cropland.support.words import command_line, count
from cropland.tracking.records import ARCHIVE, COMPARISON, IDENTITY
from cropland.training import identity, out_of_fold
from cropland.training.candidates import fold_words
from cropland.training.report import best_first
from cropland.training.variation import shortened, varied

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cropland.config.commands.promote import Promote
    from cropland.config.countries import Country
    from cropland.observations.archive import Archive
    from cropland.tracking.records import TrackedRun
    from cropland.tracking.store import Store

MISSING_ALLOWED = 0.02
"""Share of the points that a candidate may lack and still be compared with those that have them."""
_AT_ONCE = 8
_LONGEST = 500
_ROUNDING = 1e-6
"""Of accuracies: the same mean, computed in another order."""


@dataclass(frozen=True, eq=False)
class Field:
    """The candidates of a competition.

    Attributes
    ----------
    table : DataFrame
        Every candidate, best first, as `tabulated` returns it; the index is the run id.
    probability : xarray.DataArray, dims (point, candidate, repeat)
        Of cropland, out of fold, of the candidates that may be selected, on the points that all have; with
        coords ``ID`` and ``Target`` of points, ``candidate`` are run ids.
    units : ndarray of int, shape (point,), optional
        The unit of each point, where several share one: a pixel, or a spatial block that was left out whole.
    damage : mapping of str to str
        What is wrong with the files of candidates that are excluded for it, by run id.
    """

    table: pd.DataFrame
    probability: xr.DataArray
    units: NDArray[np.int64] | None
    damage: Mapping[str, str] = field(default_factory=dict)

    @property
    def eligible(self) -> pd.DataFrame:
        """The candidates that may be selected, best first."""
        return self.table[self.table["eligible"]]

    @property
    def right(self) -> pd.DataFrame:
        """Share of the repeats in which candidates were right, shape (point, candidate)."""
        is_right = (self.probability > 0.5) == (self.probability["Target"] == 1)
        points, names = self.probability["ID"].to_numpy(), self.probability["candidate"].to_numpy()
        return pd.DataFrame(is_right.mean("repeat").to_numpy(), points, names)

    def without(self, reasons: Mapping[str, str]) -> Field:
        """Return the field with some candidates excluded: the reason of each by its run id."""
        table = self.table.copy()
        for run_id, reason in reasons.items():
            table.loc[run_id, ["verdict", "eligible"]] = reason, False
        return replace(self, table=table)

    def without_damaged(self, faults: Mapping[str, str]) -> Field:
        """Return the field without candidates whose files are damaged: what is wrong by run id."""
        return replace(self.without(faults), damage={**self.damage, **faults})

    def on_common_points(self) -> Field:
        """Return the field scored on the points that all have: a missing hard point is no merit.

        ``accuracy``, ``accuracy_se`` and ``brier`` of the table are replaced; what a run had by itself is
        kept as ``accuracy_of_run``.
        """
        table = self.table.assign(accuracy_of_run=self.table["accuracy"])
        if self.probability.size:
            right, squares = self.right, (self.probability - self.probability["Target"]) ** 2
            values = right.to_numpy()
            table.loc[right.columns, "accuracy"] = values.mean(axis=0)
            table.loc[right.columns, "accuracy_se"] = standard_errors(values, self.units)
            table.loc[right.columns, "brier"] = squares.mean(["point", "repeat"]).to_numpy()
        return replace(self, table=best_first(table, "name"))


def comparable(
    command: Promote, country: Country, archive: Archive, store: Store
) -> dict[str, TrackedRun]:
    """Find the newest finished run of each candidate that may be compared, by its id.

    Raises
    ------
    DataError
        There is none; the message says what there is in its place.
    """
    comparison = identity.comparison(archive, country, command.validation, command.seed)
    newest = store.finished_of(comparison)
    if not newest:
        raise DataError(_no_candidate(command, country, archive, store))
    _note_others(command, country, archive, store, comparison)
    return {run.run_id: run for run in newest.values()}


def _note_others(
    command: Promote, country: Country, archive: Archive, store: Store, comparison: str
) -> None:
    """Print in a line how many candidates of a country cannot be compared, and why."""
    words = _fold_words(command)
    condition = (
        f"params.country = '{country.name}' and attributes.status = 'FINISHED' and "
        f"tags.{COMPARISON} != '{comparison}'"
    )
    newest: dict[str, TrackedRun] = {}
    for run in store.search(condition):
        newest.setdefault(run.tags.get(IDENTITY, run.run_id), run)
    reasons: Counter[str] = Counter()
    for run in newest.values():
        folds = " ".join(fold_words(run.params))
        if run.tags.get(ARCHIVE) != archive.fingerprint:
            reasons["on other observations"] += 1
        else:
            reasons["by another version of the code" if folds == words else f"by {folds}"] += 1
    if reasons:
        others = count(len(newest), "other finished candidate")
        every = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
        left_out = "is left out" if len(newest) == 1 else "are left out"
        terminal.print_note(terminal.notes(), f"{others} of {country.name} {left_out}: {every}")


def _fold_words(command: Promote) -> str:
    """Return what decides the folds of a command as words for the command line."""
    params: dict[str, object] = {"validation": command.validation.name, "seed": command.seed}
    params |= {f"validation.{key}": value for key, value in asdict(command.validation).items()}
    return " ".join(fold_words(params))


def _no_candidate(command: Promote, country: Country, archive: Archive, store: Store) -> str:
    """Return in words that there is no candidate, and what there is in its place."""
    words = _fold_words(command)
    condition = f"params.country = '{country.name}' and attributes.status = 'FINISHED'"
    scored = [run for run in store.search(condition) if COMPARISON in run.tags]
    same_archive = [run for run in scored if run.tags.get(ARCHIVE) == archive.fingerprint]
    others = {" ".join(fold_words(run.params)) for run in same_archive}
    train = f"run {command_line('train')} with the same settings"
    if words in others:
        instead = f"the existing ones were scored by another version of the code; {train} again"
    elif others:
        instead = f"there are some by {' or by '.join(sorted(others))}; promote with these settings"
    elif scored:
        there_are = "there is" if len(scored) == 1 else "there are"
        instead = (
            f"{there_are} {len(scored)} on other observations; {train}, or correct source and paths"
        )
    else:
        instead = f"there are none at all; {train}"
    return f"no finished candidate of {country.name} by {words} on this archive: {instead}"


def varied_settings(runs: Iterable[TrackedRun]) -> list[str]:
    """Return the settings, such as ``model.max_depth``, that differ among candidates and `PARAMS` lacks."""
    keys = varied(run.params for run in runs)
    return [key for key in keys if key not in (*PARAMS, "period") and key.isprintable()]


def tabulated(runs: Iterable[TrackedRun], command: Promote) -> pd.DataFrame:
    """Tabulate candidates, best first; the index is the run id.

    Settings that differ among them have columns. ``verdict`` is the reason why one may not be selected, empty
    where it is ``eligible``.
    """
    runs = list(runs)
    settings = varied_settings(runs)
    rows = [
        {
            "run_id": run.run_id,
            "name": run.name,
            **{key: shortened(visible(run.params.get(key, "")), _LONGEST) for key in settings},
            "window_end": run.tags["window_end"],
            **{name: run.params[name] for name in PARAMS},
            **{name: run.metrics[name] for name in ("accuracy", "accuracy_se", "brier")},
            **{name: int(run.metrics[name]) for name in ("n_features", "n_samples")},
            "uses_future": run.tags["uses_future"] == "true",
        }
        for run in runs
    ]
    table = pd.DataFrame(rows).astype({"span": int}).set_index("run_id")
    table["verdict"] = _exclusions(table, command)
    table["eligible"] = table["verdict"] == ""
    return best_first(table, "name")


def _exclusions(table: pd.DataFrame, command: Promote) -> pd.Series[str]:
    """Return the reason why each candidate may not be selected, empty where it may."""
    verdict = pd.Series("", index=table.index)
    if command.promotion.future == "forbid":
        verdict[table["uses_future"]] = (
            "has a window that ends after the reference season (future=forbid)"
        )
    verdict[table["training"] == "others"] = (
        "learns from other countries only: a test, no model of this one"
    )
    # Only those that may be selected decide how many points there are: the future may know more of them.
    number = table["n_samples"].where(verdict == "")
    few = number < (1 - MISSING_ALLOWED) * number.max()
    scored = "was scored on " + table["n_samples"].astype(str)
    return verdict.where(~few, scored + f" of {number.max():.0f} points only")


def predictions(
    runs: Iterable[TrackedRun], store: Store, labels: pd.Series[Any], repeats: int
) -> tuple[xr.DataArray, dict[str, str]]:
    """Read the out-of-fold probabilities of candidates in all `repeats`, on points with these `labels` by ID.

    Returns
    -------
    xarray.DataArray, dims (point, candidate, repeat)
        As a `Field` has it.
    dict of str to str
        Why the predictions of a candidate cannot be read, by its run id.
    """

    def read(run: TrackedRun) -> pd.DataFrame | str:
        try:
            table = out_of_fold.probabilities(store.read(run, out_of_fold.FILE), labels)
        except DataError as error:
            return str(error)
        if table.shape[1] != repeats:
            return f"{out_of_fold.FILE} of run {run.name!r} has {table.shape[1]} repeats, not {repeats}"
        is_right = (table.to_numpy() > 0.5) == (labels[table.index].to_numpy() == 1)[:, None]
        accuracy = run.metrics["accuracy"]
        if not math.isclose(is_right.mean(), accuracy, abs_tol=_ROUNDING):
            return (
                f"{out_of_fold.FILE} of run {run.name!r} has an accuracy of {is_right.mean():.4f}, the run "
                f"says {accuracy:.4f}"
            )
        return table

    runs = list(runs)
    tables: dict[str, pd.DataFrame] = {}
    lost: dict[str, str] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for run, table in zip(runs, pool.map(read, runs), strict=True):
            if isinstance(table, str):
                lost[run.run_id] = table
            else:
                tables[run.run_id] = table
    return on_common_points(tables, labels), lost


def on_common_points(tables: Mapping[str, pd.DataFrame], labels: pd.Series[Any]) -> xr.DataArray:
    """Join probabilities of candidates by run id, shape (point, repeat), on the points that all have."""
    every = list(tables.values())
    points = every[0].index if every else pd.Index([], dtype=object)
    for table in every:
        if not table.index.equals(points):
            points = points.intersection(table.index)
    values = [(t if t.index.equals(points) else t.loc[points]).to_numpy() for t in every]
    return xr.DataArray(
        np.stack(values, axis=1) if values else np.empty((0, 0, 1)),
        dims=("point", "candidate", "repeat"),
        coords={
            "candidate": list(tables),
            "ID": ("point", points.to_numpy()),
            "Target": ("point", labels.reindex(points).to_numpy()),
        },
    )
