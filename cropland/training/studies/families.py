"""Which features with which model? Families beside a baseline, on the same folds of each validation.

The first validation of the sweep decides; the others, as ``blocks``, say whether a difference holds there.
Cells are those of `tables`, one a panel, family and validation, with more columns: ``brier_difference`` and
its standard error, and ``only_family`` and ``only_baseline``, the points that only one of them has right.
``p_value`` is that of McNemar's exact test of these in the first validation; in the others, and where whole
blocks are left out, so that points depend on each other, that of the difference over its standard error.
``p_holm`` is corrected for the comparisons of a panel and validation.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from cropland.learning.statistics import compare, holm, mcnemar, standard_error
from cropland.support.words import country_title
from cropland.training.studies import comparison, families_figure
from cropland.training.studies import families_words as words
from cropland.training.studies.paired import leaves_out_blocks
from cropland.training.studies.tables import (
    Conclusion,
    files,
    note,
    records,
    select_each,
    with_means,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cropland.config.groups import Study
    from cropland.training.studies.tables import Row

    Scores = Callable[[str], pd.DataFrame]


class Samples(Protocol):
    """The samples of candidates, see `cropland.training.study_samples`."""

    def right(self, run_id: str) -> pd.Series[float]:
        """Return in what share of the repeats each point was right, by its ID."""

    def scores(self, run_id: str) -> pd.DataFrame:
        """Return columns ``right``, ``brier`` and ``unit`` of each point, by its ID."""

    def right_with_fewer(self, run_id: str, shares: Sequence[float]) -> pd.DataFrame:
        """Return the same as `right` with a share of the labels, a column for each."""


FEWER = (0.25, 0.5)
"""Shares of the labels that a learning curve has beside all of them."""
_VALUES = ["accuracy", "brier", "n_features", "difference", "brier_difference"]
_ERRORS = ["accuracy_se", "difference_se", "brier_difference_se"]
_COUNTS = ["only_family", "only_baseline"]
_CURVE = ["baseline", "family", "lead", "baseline_gain", "family_gain", "change"]
_CURVE_ERRORS = [f"{name}_se" for name in _CURVE]


def conclude(study: Study, table: pd.DataFrame, samples: Samples, remark: str) -> Conclusion:
    """Compare families with a baseline, and say whether to use one of them instead.

    Parameters
    ----------
    study : Study
        The question, with the columns whose words make a family, and a baseline.
    table : DataFrame
        Candidates, see `tables`, in the order of the sweep, those without a score among them.
    samples : Samples
        What is known of their samples.
    remark : str
        A line below the title; may be empty.
    """
    table = _by_folds(comparison.add_variants(table, study.by), study.by)
    scored = table.dropna(subset="accuracy")
    first, baseline = str(table["validation"].iloc[0]), str(study.baseline)
    deciding = scored[scored["validation"] == first]
    based = deciding.loc[deciding["variant"] == baseline, "country"]
    scored = scored[scored["country"].isin(based)]
    if set(scored["variant"]) <= {baseline}:
        return _without_families(study, table, first, samples, remark)
    cells = _cells(scored, baseline, first, cache(samples.scores))
    overall = str(cells["panel"].iloc[-1])
    family = words.best_family(cells, overall, first)
    curve = _learning_curve(cells, first, baseline, family, samples)
    parts = [
        words.verdicts(cells, overall, first, baseline),
        *words.family_table(cells, overall, first, baseline),
        *words.country_table(cells, first, baseline),
        *words.learning_curve(curve, overall, baseline, family),
        *words.left_out(table),
    ]
    picture = families_figure.draw(
        cells,
        curve[curve["panel"] == overall],
        [name for name in words.order(cells, overall, first) if name != baseline],
        (baseline, family),
        title=study.title,
        remark=remark,
    )
    kept = files(cells, picture)
    if len(curve):
        kept["learning_curve.csv"] = curve.to_csv(index=False, float_format="%.6g").encode()
    return Conclusion(note(study, parts, remark), kept)


def _by_folds(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return candidates with the seed and settings of folds that were swept in the name of the validation."""
    keys = [key for key in map(str, table) if key == "seed" or key.startswith("validation.")]
    names = table["validation"].astype(str)
    for key in keys:
        if key not in by:
            word = key.removeprefix("validation.")
            names += [f" {word}={value}" if value != "" else "" for value in table[key]]
    return table.assign(validation=names)


def _without_families(
    study: Study, table: pd.DataFrame, first: str, samples: Samples, remark: str
) -> Conclusion:
    """Show what was scored where no family can be compared with the baseline, and why."""
    scored = table.dropna(subset="accuracy")
    deciding = scored[scored["validation"] == first]
    shown = scored if deciding.empty else deciding
    if set(shown["variant"]) == {study.baseline}:
        study = replace(study, baseline=None)  # a table of differences would be empty
    plain = comparison.conclude(study, shown, samples.right, remark)
    return replace(plain, note="\n\n".join([plain.note, *words.left_out(table)]))


def _cells(table: pd.DataFrame, baseline: str, first: str, scores: Scores) -> pd.DataFrame:
    """Return a cell for each country, family and validation, and for the mean over countries."""
    cells = select_each(table, ["country", "variant", "validation"], "best").sort_index()
    cells = cells.assign(panel=cells["country"].map(country_title))
    keys = ["country", "validation"]
    bases = cells[cells["variant"] == baseline].set_index(keys)["run_id"].to_dict()
    pairs = [
        _paired(scores(cell["run_id"]), bases.get((cell["country"], cell["validation"])), scores)
        if cell["variant"] != baseline
        else {}
        for cell in records(cells)
    ]
    names = ["difference", "difference_se", "brier_difference", "brier_difference_se"]
    cells = cells.join(pd.DataFrame(pairs, cells.index).reindex(columns=[*names, *_COUNTS]))
    cells = with_means(cells, ["variant", "validation"], _VALUES, _ERRORS, _COUNTS)
    cells["p_value"] = [_p_value(cell, first) for cell in records(cells)]
    by_test = cells.groupby(["panel", "validation"])["p_value"]
    return cells.assign(p_holm=by_test.transform(lambda values: holm(values.to_numpy())))


def _p_value(cell: Row, first: str) -> float:
    """Return the p-value of a difference, see above; NaN without one."""
    if pd.isna(cell["difference"]):
        return np.nan
    if cell["validation"] == first and not leaves_out_blocks(first):
        return mcnemar(int(cell["only_family"]), int(cell["only_baseline"]))
    if cell["difference"] == 0:
        return 1.0
    if cell["difference_se"] == 0:  # as of few blocks that are alike: no error is known
        return np.nan
    return math.erfc(abs(cell["difference"]) / cell["difference_se"] / math.sqrt(2))


def _paired(own: pd.DataFrame, base: str | None, scores: Scores) -> dict[str, float]:
    """Compute the difference of a run to its baseline's on the points that both have."""
    if base is None:
        return {}
    common = own.index.intersection(scores(base).index)
    if common.empty:
        return {}
    own, other = own.loc[common], scores(base).loc[common]
    units = own["unit"].to_numpy(np.int64)
    pair = compare(own["right"].to_numpy(), other["right"].to_numpy(), units)
    brier = (own["brier"] - other["brier"]).to_numpy()
    return {
        "difference": pair.difference,
        "difference_se": pair.standard_error,
        "brier_difference": float(brier.mean()),
        "brier_difference_se": standard_error(brier, units),
        "only_family": pair.only_first,
        "only_baseline": pair.only_second,
    }


def _learning_curve(
    cells: pd.DataFrame, first: str, baseline: str, family: str | None, samples: Samples
) -> pd.DataFrame:
    """Compute the accuracy of baseline and family with fewer labels, and how their difference changes.

    Returns
    -------
    pandas.DataFrame
        A row for each panel and share of the labels: ``panel``, ``share``, ``baseline`` and ``family``
        (accuracies), ``lead`` (the family's minus the baseline's), and, from that share to all labels,
        ``baseline_gain``, ``family_gain`` and ``change`` (of the lead), each with its standard error.
    """
    runs = cells[(cells["validation"] == first) & cells["country"].notna()]
    by_panel = runs.pivot(index="panel", columns="variant", values="run_id")
    chosen = by_panel.dropna(subset=[family]) if family else by_panel[:0]
    rows = [
        {"panel": panel, **row}
        for panel, own in chosen.iterrows()
        for row in _curve(own[baseline], own[str(family)], samples)
    ]
    curve = pd.DataFrame(rows, columns=["panel", "share", *_CURVE, *_CURVE_ERRORS])
    if len(by_panel) > curve["panel"].nunique():  # a mean is of all countries
        return curve
    return with_means(curve, ["share"], _CURVE, _CURVE_ERRORS)


def _curve(baseline: str, family: str, samples: Samples) -> list[dict[str, float]]:
    """Compute the learning curve of a country, see `_learning_curve`; nothing where there can be none."""
    base, own = (samples.right_with_fewer(run, FEWER) for run in (baseline, family))
    scores = samples.scores(family)
    if base.empty or own.empty or scores.empty:
        return []
    base[1.0], own[1.0] = samples.scores(baseline)["right"], scores["right"]
    tables = pd.concat({"baseline": base, "family": own, "lead": own - base}, axis=1).dropna()
    units = scores["unit"].reindex(tables.index).to_numpy(np.int64)
    rows = []
    for share in (*FEWER, 1.0):
        values = {name: tables[name][share] for name in ("baseline", "family", "lead")}
        values |= {
            f"{name}_gain": tables[name][1.0] - values[name] for name in ("baseline", "family")
        }
        values["change"] = tables["lead"][1.0] - values["lead"]
        errors = {
            f"{name}_se": standard_error(value.to_numpy(), units) for name, value in values.items()
        }
        means = {name: float(value.mean()) for name, value in values.items()}
        rows.append({"share": share, **means, **errors})
    return rows
