"""Tables of studies: candidates, the cells that are chosen of them, and how both are written.

Contract. A table of candidates has one row a candidate with a score and the fields of `Outcome`, among them
``country span period window_end run_id accuracy accuracy_se brier n_points n_features fit_seconds
features_mb uses_future validation``. A table of cells has one row a panel and variant:

- ``panel``: title of a country, or of the mean of all; ``variant``: what is compared;
- ``accuracy``, ``accuracy_se``: shares of points;
- ``difference``, ``difference_se``, ``p_value``: paired with the baseline; NaN where there is none;
- ``standing``: in its panel, ``best``, ``alike`` (within one standard error of the best) or ``below``;
- the columns of its candidate; of a mean, NaN but for the costs and ``brier``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cropland.learning import choice
from cropland.support.words import markdown_table
from cropland.untrusted.texts import markdown_text

if TYPE_CHECKING:
    from cropland.config.countries import Choice
    from cropland.config.groups import RuleOfOne, Study

    Row = Mapping[str, Any]

NONE = "—"
_OPTIMISTIC = "Accuracies of chosen candidates are optimistic; promotion corrects them."
COSTS = {
    "n_features": ("features", "{:.0f}"),
    "fit_seconds": ("seconds a fold", "{:.2f}"),
    "features_mb": ("MB of features", "{:.1f}"),
}
"""Columns of what a variant costs: their titles and how their means are written."""


@dataclass(frozen=True)
class Conclusion:
    """The answer of a study.

    Attributes
    ----------
    note : str
        Markdown: the question, its answer, the table.
    files : dict of str to bytes
        ``study.png`` and ``study.csv``.
    windows : dict of str to Choice
        Each country's chosen window, where the study chooses windows.
    """

    note: str
    files: dict[str, bytes]
    windows: dict[str, Choice] = field(default_factory=dict)


def select_each(
    table: pd.DataFrame, by: list[str], rule: RuleOfOne = "one_standard_error"
) -> pd.DataFrame:
    """Return a candidate of each group, groups in order; the index stays that of the table."""
    return table.loc[[select(group, rule) for _, group in table.groupby(by)]]


def select(table: pd.DataFrame, rule: RuleOfOne = "one_standard_error") -> Any:
    """Return the label of the row that a rule chooses."""
    rank = choice.simplicity(table["n_features"], table["span"])
    brier = table["brier"].fillna(1)  # the highest for runs of earlier versions, which have none
    position = choice.choose(table["accuracy"], table["accuracy_se"], rank, rule, brier=brier)
    return table.index[position]


def with_means(
    cells: pd.DataFrame,
    by: Sequence[str],
    values: Sequence[str],
    errors: Sequence[str],
    counts: Sequence[str] = (),
) -> pd.DataFrame:
    """Return cells with the means over countries of what all of them have below; of one country none.

    Parameters
    ----------
    cells : DataFrame
        A row a panel, that is a country, and thing that is compared.
    by : sequence of str
        The columns that name such a thing.
    values, errors, counts : sequence of str
        Columns: values of which the mean is taken; standard errors, which are those of means then, as
        countries are independent of each other; counts, which are added up.

    Returns
    -------
    pandas.DataFrame
        The ``panel`` of means is their title; they stand in the order of their first rows.
    """
    number = cells["panel"].nunique()
    rows = [
        {"panel": f"mean of {number} countries"}
        | dict(zip(by, key, strict=True))
        | dict(own[list(values)].mean(skipna=False))
        | dict(np.sqrt((own[list(errors)] ** 2).sum(skipna=False)) / number)
        | dict(own[list(counts)].sum(skipna=False))
        for key, own in cells.groupby(list(by), sort=False)
        if len(own) == number > 1
    ]
    return pd.concat([cells, *([pd.DataFrame(rows)] if rows else [])], ignore_index=True)


def markdown(
    head: str,
    cells: pd.DataFrame,
    variants: Sequence[str],
    write: Callable[[Row], str],
    *,
    costs: bool = False,
) -> str:
    """Return a table of variants by panels, with their points and what they cost: the mean over countries."""
    panels = list(cells["panel"].unique())
    words = {(cell["variant"], cell["panel"]): write(cell) for cell in records(cells)}
    rows = []
    for name in variants:
        words_of = [words.get((name, panel), NONE) for panel in panels]
        points = numbers_of_points(cells.loc[cells["variant"] == name, "n_points"])
        rows.append([markdown_text(name), *words_of, points])
    if costs:
        mean = cells[cells["country"].notna()].groupby("variant")[list(COSTS)].mean()
        for name, row in zip(variants, rows, strict=True):
            row += [form.format(mean.loc[name, cost]) for cost, (_, form) in COSTS.items()]
    titles = [title for title, _ in COSTS.values()] if costs else []
    return markdown_table([head, *map(markdown_text, panels), "points", *titles], rows)


def numbers_of_points(numbers: pd.Series[float]) -> str:
    """Return the numbers of labelled points in some countries, once where they are equal; a mean has none."""
    known = numbers.dropna().astype(int)
    return ", ".join(map(str, known if known.nunique() > 1 else known.unique())) or NONE


def note(study: Study, parts: Sequence[str], remark: str) -> str:
    """Return the description of a study's run, in Markdown."""
    caveat = f"{remark[:1].upper()}{remark[1:]}. {_OPTIMISTIC}" if remark else _OPTIMISTIC
    return "\n\n".join([f"**{markdown_text(study.title)}**", *parts, caveat])


def files(table: pd.DataFrame, picture: bytes) -> dict[str, bytes]:
    """Return the artifacts of a study: its table and its figure."""
    text = table.to_csv(index=False, float_format="%.6g")
    return {"study.png": picture, "study.csv": text.encode()}


def window_words(row: Row) -> str:
    """Return the window of a candidate in words, for a line of Markdown."""
    return f"{row['span']} weeks to {markdown_text(str(row['window_end']))}"


def window_score(row: Row) -> str:
    """Return the window of a candidate and its score."""
    return f"{window_words(row)}, {score(row)}"


def score(row: Row) -> str:
    """Return an accuracy with its standard error."""
    return f"{row['accuracy']:.3f} ± {_number(row['accuracy_se'])}"


def difference(row: Row) -> str:
    """Return a paired difference, with its p-value where it is of one country."""
    if pd.isna(row["difference"]):
        return NONE
    words, p = f"{row['difference']:+.3f} ± {_number(row['difference_se'])}", row["p_value"]
    return words if pd.isna(p) else f"{words} (p {'<' if p < 0.001 else ''}{max(p, 0.001):.3f})"


def _number(value: float) -> str:
    return NONE if pd.isna(value) else f"{value:.3f}"


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table."""
    return [dict(row) for row in table.to_dict("records")]  # type: ignore[arg-type]
