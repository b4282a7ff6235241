"""What a sweep ends with: the closing table on screen and the note of its parent run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

import pandas as pd
from pandas.api.types import is_float_dtype

from cropland.learning.statistics import LEAKAGE
from cropland.support.table import Table
from cropland.support.terminal import titled
from cropland.support.words import count, country_title, markdown_table
from cropland.training.outcome import SCORED, Outcome
from cropland.training.variation import is_number, labels, varied, word
from cropland.untrusted.texts import markdown_text

_MOST_NAMED = 4
"""Countries whose accuracy the first words of a description name."""
VARIED = ("window_end", "span", "bands", "series", "features", "model", "training", "validation")
LABELS = {
    "window_end": "end of the window",
    "span": "span (weeks)",
    "bands": "band set",
    "features": "feature set",
}
_FIELDS = tuple(field.name for field in fields(Outcome) if field.name != "settings")
_NO_WINDOW = {"window_end": "", "span": 0}
"""What stands there of a nested choice, which has several windows."""
_DIGITS = 9
_HEADS = {
    "span": "span",
    "window_end": "window end",
    "bands": "bands",
    "model": "model",
}
"""Settings that the closing table always shows, and their heads."""
_TAKEN = ("country", "points", *_HEADS.values(), "features", "tried")
"""Heads of the columns that tables of the best always have."""


def tabulated(outcomes: Sequence[Outcome], by: Iterable[str] = ()) -> pd.DataFrame:
    """Tabulate outcomes, in their order.

    Columns are the fields of an outcome, then its other settings that varied or that `by` names: a number, or
    a text, which is empty where a candidate has no such setting.
    """
    table = pd.DataFrame([{name: getattr(one, name) for name in _FIELDS} for one in outcomes])
    if table.empty:
        return table
    for key in dict.fromkeys([*varied(one.every_setting for one in outcomes), *by]):
        if key not in table:
            cells = [_cell(one.settings, key) for one in outcomes]
            table[key] = pd.Series(cells, table.index, dtype=object)
    return table


def _cell(settings: Mapping[str, object], key: str) -> object:
    value = settings.get(key, "")
    return value if is_number(value) else word(value)


def scored(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Tabulate the outcomes that have a score, best first, as ``promotion.rule=best`` orders them."""
    table = tabulated(outcomes)
    if table.empty:
        return table
    return best_first(table[table["status"].isin(SCORED)].reset_index(drop=True))


def best_first(table: pd.DataFrame, *then: str) -> pd.DataFrame:
    """Return candidates best first, as ``promotion.rule=best`` orders them, then by other columns.

    Scores are compared to nine digits: equal ones may have been added up in another order.
    """
    keys = ["accuracy", "brier", "n_features", "span", *then]
    return table.sort_values(
        keys,
        ascending=[False, *[True] * (len(keys) - 1)],
        key=lambda column: column.round(_DIGITS) if is_float_dtype(column) else column,
    )


def best(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return the best candidate of each country, with ``tried``, how many it was chosen from."""
    table = scored(outcomes)
    if table.empty:
        return table
    tried = table.groupby("country")["accuracy"].size().rename("tried")
    return table.drop_duplicates("country").join(tried, on="country").sort_values("country")


def closing_table(outcomes: Sequence[Outcome], *, simulated: bool = False) -> Table:
    """Return the best candidate of each country for a screen, with what varied."""
    rows = best(outcomes).to_dict("records")
    candidates = scored(outcomes)
    settings, varying = _HEADS | _others(candidates), varying_settings(candidates)
    cells = [
        (
            row["country"],
            f"{row['accuracy']:.3f} ± {row['accuracy_se']:.3f}",
            str(row["n_points"]),
            f"{row['span']} w" if row["span"] else "–",
            f"{row['window_end']}{_months(row['period'])}" or "–",
            *(word(row[key]) or "–" for key in list(settings)[2:]),
            str(row["n_features"]),
            str(row["tried"]),
        )
        for row in rows
    ]
    return Table(
        ["country", "accuracy ± s.e.", "points", *settings.values(), "features", "tried"],
        cells,
        title=titled("Best candidate of each country", simulated=simulated),
        settings=["points", *(head for key, head in _HEADS.items() if key not in varying)],
    )


def varying_settings(table: pd.DataFrame) -> list[str]:
    """Return the settings of a table that have more than one value in some country."""
    if table.empty:
        return []
    return [
        name
        for name in (*VARIED, *_settings(table))
        if (with_value(table, name).groupby("country")[name].nunique() > 1).any()
    ]


def with_value(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of candidates that have one value of a setting."""
    return table[table[name] != _NO_WINDOW[name]] if name in _NO_WINDOW else table


def _settings(table: pd.DataFrame) -> list[str]:
    """Return the columns of settings that are no fields: they varied, if only among those without a score."""
    return [key for key in map(str, table) if key not in _FIELDS]


def _others(table: pd.DataFrame) -> dict[str, str]:
    """Return the heads of what varied and has no column in tables of the best by itself."""
    keys = dict.fromkeys((*varying_settings(table), *_settings(table)))
    names = labels([key for key in keys if key not in _HEADS], taken=_TAKEN)
    return names | {key: LABELS[key] for key in names if key in LABELS}


def evidence_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """Return for each country how much of the series of its best candidate was observed, in words."""
    return [
        f"{row['country']}: {row['observations_per_point']:g} observations per point (minimum "
        f"{row['observations_least']:g}), {row['interpolated_share']:.0%} of the days of the series "
        "interpolated"
        for row in best(outcomes).to_dict("records")
        if row["observations_per_point"] > 0  # a nested choice has several windows
    ]


def leakage_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a warning of the countries whose best candidate has all points right."""
    perfect = [row["country"] for row in best(outcomes).to_dict("records") if row["accuracy"] == 1]
    if not perfect:
        return []
    return [f"{', '.join(perfect)}: {LEAKAGE}"]


def note(outcomes: Sequence[Outcome]) -> str:
    """Write the description of a parent run, in Markdown."""
    others = _others(scored(outcomes))
    heads = ["country", "accuracy ± s.e.", "points", "span", "window end", "bands", "model"]
    heads += [*map(markdown_text, others.values()), "tried"]
    rows = [
        [
            markdown_text(str(value))
            for value in (
                *(row["country"], f"{row['accuracy']:.3f} ± {row['accuracy_se']:.3f}"),
                *(row["n_points"], f"{row['span']} weeks" if row["span"] else "–"),
                row["window_end"] or "–",
                *(row["bands"], row["model"]),
                *(word(row[key]) or "–" for key in others),
                row["tried"],
            )
        ]
        for row in best(outcomes).to_dict("records")
    ]
    remark = "The accuracy of the best of many candidates is optimistic; promotion corrects it."
    lines = evidence_lines(outcomes) + leakage_lines(outcomes)
    observed = [f"- {markdown_text(line)}" for line in lines]
    return "\n".join([_lead(outcomes), "", markdown_table(heads, rows), "", *observed, "", remark])


def _lead(outcomes: Sequence[Outcome]) -> str:
    """Return in words what a sweep has found, and what to do next."""
    rows = best(outcomes).to_dict("records")
    tried = f"{count(len(outcomes), 'candidate')} ({counted(outcomes)})"
    if not rows:
        return f"{tried}; none has a score."
    scores = [
        f"{markdown_text(country_title(row['country']))} {row['accuracy']:.3f}" for row in rows
    ]
    if len(scores) > _MOST_NAMED:
        accuracies = [row["accuracy"] for row in rows]
        spread = f"{min(accuracies):.3f} to {max(accuracies):.3f}"
        scores = [f"{spread} in {count(len(rows), 'country', 'countries')}"]
    nested = any(one.validation == "nested" for one in outcomes)
    again = "" if nested else " `cropland promote` selects and registers the best of each country."
    return f"{tried}; best accuracy **{', '.join(scores)}**.{again}"


def counted(outcomes: Sequence[Outcome]) -> str:
    """Return how many candidates have each status, the most frequent first."""
    counts = Counter(outcome.status for outcome in outcomes)
    said = {"outside": "with a window that cannot be used"}
    return ", ".join(f"{n} {said.get(status, status)}" for status, n in counts.most_common())


def _months(period: int | str) -> str:
    """Return a period in months; nothing for a date, which is there already, or the season's own end."""
    return "" if isinstance(period, str) or not period else f" ({period:+d} months)"
