"""Studies: what a sweep with a question concludes, as a note, a table and a figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cropland.errors import ConfigError, DataError, nearest
from cropland.learning import choice
from cropland.support.words import markdown_table
from cropland.training import study_figures as drawings
from cropland.training.study_figures import titled

if TYPE_CHECKING:
    from cropland.config.groups import Rule, Study

    Right = Callable[[str], pd.Series]
    Row = Mapping[str, Any]

SIMULATED = "simulated landscape: speaks of no real country"
NONE = "—"
BETWEEN = " · "
"""Stands between the words of a variant."""
ALL, PAST, WORTH = drawings.ALL, drawings.PAST, "difference"
_OPTIMISTIC = "Accuracies of chosen candidates are optimistic; promotion corrects them."
_BLOCKS = (
    "Differences are over single points: where whole blocks were left out, their standard errors and "
    "p-values are too small."
)
_COSTS = {
    "n_features": ("features", "{:.0f}"),
    "fit_seconds": ("seconds a fold", "{:.2f}"),
    "features_mb": ("MB of features", "{:.1f}"),
}
"""Columns that say what a variant costs: their titles and how their means are written."""
_NAMED = 6


@dataclass(frozen=True)
class Conclusion:
    """What a study ends with.

    Attributes
    ----------
    note : str
        Markdown: the question, its answer, the table.
    files : dict of str to bytes
        ``study.png`` and ``study.csv``.
    chosen : dict of str to (int, str)
        Span and period of each country's chosen window, where the study chooses windows.
    """

    note: str
    files: dict[str, bytes]
    chosen: dict[str, tuple[int, str]] = field(default_factory=dict)


def conclude(
    study: Study,
    table: pd.DataFrame,
    *,
    references: Mapping[str, date],
    simulated: bool,
    right: Right,
) -> Conclusion:
    """Answer a study's question from its candidates.

    Parameters
    ----------
    study : Study
        The question and how it is answered.
    table : DataFrame
        One row a candidate: ``country span period window_end bands series features model validation
        training run_id accuracy accuracy_se n_features fit_seconds features_mb uses_future``.
    references : mapping of str to date
        Last day of each country's reference season.
    simulated : bool
        Whether the note and the figure must say that nothing here is real.
    right : callable
        Gives for a run the share of repeats in which each point was right, index ``ID``.

    Raises
    ------
    DataError
        No candidate has a score.
    ConfigError
        A comparison of nothing, or a figure that is not drawn of candidates.
    """
    scored = table.dropna(subset="accuracy").reset_index(drop=True) if len(table) else table
    if scored.empty:
        raise DataError(
            f"study {study.name} expected scored candidates, got none among {len(table)}; outcomes.csv in "
            f"the run folder says why each was left out"
        )
    remark = SIMULATED if simulated else ""
    if study.figure == "time_range":
        return _time_range(study, scored, references, remark)
    if study.figure == "comparison":
        return _comparison(study, scored, cache(right), remark)
    if study.figure == "past_only":
        return _past_only(study, scored, right, remark)
    raise ConfigError(
        f"study {study.name} has the figure {study.figure!r}, not drawn of candidates"
    )


def _time_range(
    study: Study, table: pd.DataFrame, references: Mapping[str, date], remark: str
) -> Conclusion:
    """Choose a window for each country."""
    chosen, best = _each(table, ["country"]), _each(table, ["country"], "best")
    tried = table.groupby("country").size()
    rows = [
        [
            *(titled(one["country"]), _window(one), _score(one)),
            "yes" if one["uses_future"] else "no",
            *(_window(top), _score(top), str(tried[one["country"]])),
        ]
        for one, top in zip(_records(chosen), _records(best), strict=True)
    ]
    head = ["country", "chosen window", "accuracy ± s.e.", "ends in the future"]
    spans = _each(table, ["span", "country"], "best")
    spans = spans.assign(
        panel=spans["country"].map(titled), variant=spans["span"].map("{} weeks".format)
    ).sort_values(["country", "span"])
    parts = [
        _windows_answer(chosen, table),
        markdown_table([*head, "most accurate window", "its accuracy ± s.e.", "tried"], rows),
        "The most accurate window of each span:",
        _wide("span", spans, [f"{span} weeks" for span in sorted(table["span"].unique())], _score),
    ]
    picture = drawings.time_range(table, chosen, references, title=study.title, remark=remark)
    marked = table.assign(chosen=table.index.isin(chosen.index))
    windows = {one["country"]: (int(one["span"]), str(one["period"])) for one in _records(chosen)}
    return Conclusion(_note(study, parts, remark), _files(marked, picture), windows)


def _windows_answer(chosen: pd.DataFrame, table: pd.DataFrame) -> str:
    """Say which windows were chosen, and what longer spans would add."""
    said, gains = [], []
    for one in _records(chosen):
        said.append(f"**{titled(one['country'])} {_window(one)}**, {_score(one)}")
        longer = table[(table["country"] == one["country"]) & (table["span"] > one["span"])]
        gains += list(longer["accuracy"] - one["accuracy"])
    more = (
        f"A longer span adds {max(gains):+.3f} at most." if gains else "No longer span was tried."
    )
    return (
        f"The simplest window within one standard error of each country's best: "
        f"{'; '.join(said)}. {more}"
    )


def _comparison(study: Study, table: pd.DataFrame, right: Right, remark: str) -> Conclusion:
    """Set variants beside each other, each with one candidate a country."""
    if not study.by:
        raise ConfigError(f"study {study.name} compares nothing; name columns in study.by")
    words = [table[name].astype(str) for name in study.by]
    table = table.assign(variant=[BETWEEN.join(parts) for parts in zip(*words, strict=True)])
    variants = list(table["variant"].unique())
    cells = _each(table, ["country", "variant"])
    cells = cells.assign(panel=cells["country"].map(titled))
    cells = _differences(cells, study.baseline, right)
    cells = _standings(pd.concat([cells, *_means(cells)], ignore_index=True))
    parts = [
        _variants_answer(cells, study.baseline),
        _wide("variant", cells, variants, _score, costs=True),
    ]
    if study.baseline in variants:
        others = [variant for variant in variants if variant != study.baseline]
        parts += [
            f"Accuracy minus that of the baseline **{study.baseline}**, point by point, with the p-value of "
            f"McNemar's exact test, each taken alone:",
            _wide("variant", cells, others, _difference),
        ]
    elif study.baseline:
        near = nearest(study.baseline, variants)
        parts.append(f"The baseline {study.baseline!r} has no scored candidate; {near}")
    if study.baseline:
        parts += _blocks(table)
    picture = drawings.comparison(
        cells, variants, baseline=study.baseline, title=study.title, remark=remark
    )
    return Conclusion(_note(study, parts, remark), _files(cells, picture))


def _differences(cells: pd.DataFrame, baseline: str | None, right: Right) -> pd.DataFrame:
    """Add the paired difference of each cell to its country's baseline, NaN where there is none."""
    bases = cells[cells["variant"] == baseline].set_index("country")["run_id"]
    found = [
        _paired(cell["run_id"], bases[cell["country"]], right)
        if cell["country"] in bases and cell["variant"] != baseline
        else (np.nan,) * 3
        for cell in _records(cells)
    ]
    names = ["difference", "difference_se", "p_value"]
    return cells.join(pd.DataFrame(found, columns=names, index=cells.index))


def _paired(first: str, second: str, right: Right) -> tuple[float, float, float]:
    """Give the difference of two runs on the points that both have, its standard error and p-value."""
    both = pd.concat([right(first), right(second)], axis=1, join="inner").to_numpy(np.float64)
    if not len(both):
        return (np.nan,) * 3
    found = choice.compare(both[:, 0], both[:, 1])
    return found.difference, found.standard_error, found.p_value


def _means(cells: pd.DataFrame) -> list[pd.DataFrame]:
    """Give the mean over countries of each variant that all of them have; none of one country.

    Countries are independent of each other: the standard error of the mean is the root of the sum of the
    squares of theirs, over their number.
    """
    count = cells["country"].nunique()
    errors, plain = ["accuracy_se", "difference_se"], ["accuracy", "difference"]
    costs = ["n_features", "fit_seconds", "features_mb"]
    rows = []
    for variant, own in cells.groupby("variant", sort=False):
        if len(own) == count > 1:
            row = dict(own[plain + costs].mean(skipna=False))
            row |= dict(np.sqrt((own[errors] ** 2).sum(skipna=False)) / count)
            rows.append({"panel": f"mean of {count} countries", "variant": variant, **row})
    return [pd.DataFrame(rows)] if rows else []


def _standings(cells: pd.DataFrame) -> pd.DataFrame:
    """Add each cell's standing in its panel: ``best``, ``alike`` (within its standard error), ``below``."""
    standing = pd.Series("below", index=cells.index)
    for _, own in cells.groupby("panel"):
        best = _chosen(own.assign(span=0), "best")
        border = choice.border(own["accuracy"][best], own["accuracy_se"][best])
        standing[own.index[own["accuracy"] >= border]] = "alike"
        standing[best] = "best"
    return cells.assign(standing=standing)


def _variants_answer(cells: pd.DataFrame, baseline: str | None) -> str:
    """Say which variant is best on the mean, what is as good, and what it is against the baseline."""
    tops = _records(cells[cells["standing"] == "best"])
    countries = [top for top in tops if pd.notna(top["country"])]
    said = []
    if len(countries) > 1:
        each = "; ".join(f"{top['panel']} {top['variant']}" for top in countries)
        said.append(f"Best by country: {each}.")
        if len(tops) == len(countries):
            return f"{said[0]} No variant was scored in every country."
    where = f"On the {tops[-1]['panel']}" if len(countries) > 1 else f"In {tops[-1]['panel']}"
    said.append(f"{where} **{tops[-1]['variant']}** is best, {_score(tops[-1])}.")
    own = cells[cells["panel"] == tops[-1]["panel"]].sort_values("accuracy", ascending=False)
    alike = list(own.loc[own["standing"] == "alike", "variant"])
    if alike:
        simplest = own.loc[_chosen(own.assign(span=0))]
        more = f" and {len(alike) - _NAMED} more" if len(alike) > _NAMED else ""
        said.append(
            f"Within one standard error of it: {', '.join(alike[:_NAMED])}{more}; the simplest of all "
            f"these is **{simplest['variant']}** ({simplest['n_features']:.0f} features)."
        )
    else:
        said.append("No other lies within one standard error of it.")
    others = _records(own.dropna(subset="difference"))
    if others:
        first = f"**{others[0]['variant']}** minus the baseline **{baseline}**"
        said.append(f"{first}: {_difference(others[0])}.")
    return " ".join(said)


def _past_only(study: Study, table: pd.DataFrame, right: Right, remark: str) -> Conclusion:
    """Set each country's best of all windows against its best of the past."""
    ends = [
        _each(every, ["country"], "best").assign(variant=name)
        for name, every in ((ALL, table), (PAST, table[~table["uses_future"].astype(bool)]))
    ]
    cells = pd.concat(ends, ignore_index=True)
    cells = cells.assign(panel=cells["country"].map(titled))
    cells = _differences(cells, PAST, cache(right))
    every = cells[cells["variant"] == ALL].assign(variant=WORTH)
    said = _worth(every, cells[cells["variant"] == PAST])
    answer = "; ".join(f"**{country}** {worth}" for country, worth in said.items())
    parts = [
        f"What windows that end after the reference season are worth, in accuracy (the best of all minus "
        f"the best of the past, point by point, with the p-value of McNemar's exact test): {answer}.",
        _wide(
            "windows",
            pd.concat([cells, every]),
            [ALL, PAST, WORTH],
            lambda cell: said[cell["panel"]] if cell["variant"] == WORTH else _window_score(cell),
        ),
        *_blocks(table),
    ]
    picture = drawings.past_only(cells, said, title=study.title, remark=remark)
    return Conclusion(_note(study, parts, remark), _files(cells, picture))


def _worth(every: pd.DataFrame, past: pd.DataFrame) -> dict[str, str]:
    """Say for each country what the best of all windows has over the best of the past."""
    bases = past.set_index("panel")["run_id"].to_dict()
    said = {one["panel"]: _difference(one) for one in _records(every)}
    said |= {country: "no window of the past" for country in said if country not in bases}
    same = every[every["panel"].map(bases) == every["run_id"]]
    return said | dict.fromkeys(same["panel"], "the same window")


def _each(table: pd.DataFrame, by: list[str], rule: Rule = "one_standard_error") -> pd.DataFrame:
    """Choose a candidate of each group, groups in order; the index stays that of the table."""
    return table.loc[[_chosen(group, rule) for _, group in table.groupby(by)]]


def _chosen(table: pd.DataFrame, rule: Rule = "one_standard_error") -> Any:
    """Give the label of the row that a rule chooses."""
    rank = choice.simplicity(table["n_features"], table["span"])
    return table.index[choice.choose(table["accuracy"], table["accuracy_se"], rank, rule)]


def _wide(
    head: str,
    cells: pd.DataFrame,
    variants: Sequence[str],
    say: Callable[[Row], str],
    *,
    costs: bool = False,
) -> str:
    """Write a table of variants by panels, with what they cost: the mean over countries."""
    panels = list(cells["panel"].unique())
    said = {(cell["variant"], cell["panel"]): say(cell) for cell in _records(cells)}
    rows = [[name, *(said.get((name, panel), NONE) for panel in panels)] for name in variants]
    if costs:
        mean = cells[cells["country"].notna()].groupby("variant")[list(_COSTS)].mean()
        for row in rows:
            row += [form.format(mean.loc[row[0], name]) for name, (_, form) in _COSTS.items()]
    titles = [title for title, _ in _COSTS.values()] if costs else []
    return markdown_table([head, *panels, *titles], rows)


def _blocks(table: pd.DataFrame) -> list[str]:
    """Warn of paired differences where points that are near each other were left out together."""
    return [_BLOCKS] if table["validation"].astype(str).str.contains("block").any() else []


def _note(study: Study, parts: Sequence[str], remark: str) -> str:
    caveat = f"{remark[:1].upper()}{remark[1:]}. {_OPTIMISTIC}" if remark else _OPTIMISTIC
    return "\n\n".join([f"**{study.title}**", *parts, caveat])


def _files(table: pd.DataFrame, picture: bytes) -> dict[str, bytes]:
    text = table.to_csv(index=False, float_format="%.6g")
    return {"study.png": picture, "study.csv": text.encode()}


def _window(row: Row) -> str:
    return f"{row['span']} weeks to {row['window_end']}"


def _window_score(row: Row) -> str:
    return f"{_window(row)}, {_score(row)}"


def _score(row: Row) -> str:
    return f"{row['accuracy']:.3f} ± {_number(row['accuracy_se'])}"


def _difference(row: Row) -> str:
    """Say a paired difference, with its p-value where it is of one country."""
    if pd.isna(row["difference"]):
        return NONE
    said, p = f"{row['difference']:+.3f} ± {_number(row['difference_se'])}", row["p_value"]
    return said if pd.isna(p) else f"{said} (p {'<' if p < 0.001 else ''}{max(p, 0.001):.3f})"


def _number(value: float) -> str:
    return NONE if pd.isna(value) else f"{value:.3f}"


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(row) for row in table.to_dict("records")]  # type: ignore[arg-type]
