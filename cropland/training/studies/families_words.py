"""The words and tables of a comparison of families, in Markdown; cells as `families` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cropland.learning.statistics import Z_95
from cropland.support.words import count, country_title, markdown_table, some
from cropland.training.studies.paired import leaves_out_blocks
from cropland.training.studies.tables import NONE, numbers_of_points, records, score
from cropland.untrusted.texts import markdown_text

if TYPE_CHECKING:
    from cropland.training.studies.tables import Row

LEVEL = 0.05
"""Of a corrected p-value, below which a difference is called real."""
_NO_CURVE = "No learning curve: it needs a family to compare, and 80 labels of the points themselves a fold."


def best_family(cells: pd.DataFrame, panel: str, validation: str) -> str | None:
    """Return the family of a panel to set against the baseline; None where there is none.

    The most accurate of those that are better by more than chance, or of all where none is; of ties the one
    with the lower Brier score, then with fewer features.
    """
    rows = _compared(cells, panel, validation)
    better = rows[_is_better(rows)]
    rows = rows if better.empty else better
    rows = rows.assign(difference=rows["difference"].round(9)).sort_values(
        ["difference", "brier", "n_features"], ascending=[False, True, True], kind="stable"
    )
    return None if rows.empty else str(rows["variant"].iloc[0])


def _compared(cells: pd.DataFrame, panel: str, validation: str) -> pd.DataFrame:
    """Return the cells of a panel that have a difference in a validation."""
    of_panel = (cells["panel"] == panel) & (cells["validation"] == validation)
    return cells[of_panel].dropna(subset="difference")


def _is_better(rows: pd.DataFrame) -> pd.Series[bool]:
    return (rows["p_holm"] < LEVEL) & (rows["difference"] > 0)


def verdicts(cells: pd.DataFrame, overall: str, first: str, baseline: str) -> str:
    """Return the answer: a sentence for the mean, or the one country, then one for each country."""
    panels = list(dict.fromkeys(cells["panel"]))
    answer = _verdict(cells, overall, first, baseline)
    if len(panels) == 1:
        return f"{markdown_text(overall)}: {answer}"
    by_country = [
        f"- {markdown_text(panel)}: {_verdict(cells, panel, first, baseline)}"
        for panel in panels[:-1]
    ]
    heading = f"{overall[:1].upper()}{overall[1:]}"
    return "\n".join([f"{heading}: {answer}", "", *by_country])


def _verdict(cells: pd.DataFrame, panel: str, first: str, baseline: str) -> str:
    """Return whether to use a family instead of the baseline, in a sentence."""
    family, base = best_family(cells, panel, first), markdown_text(baseline)
    if family is None:
        return f"no family beside {base} was scored; nothing to compare."
    rows = _compared(cells, panel, first)
    (best,) = records(rows[rows["variant"] == family])
    comparisons = f" after {len(rows)} comparisons" if len(rows) > 1 else ""
    difference = f"{_points(best)} points (p {_p(best['p_holm'])}{comparisons})"
    others = cells[
        (cells["panel"] == panel) & (cells["variant"] == family) & (cells["validation"] != first)
    ].dropna(subset="difference")
    elsewhere = "".join(
        f", in {markdown_text(str(row['validation']))} {_points(row)}" for row in records(others)
    )
    name = f"**{markdown_text(family)}**"
    if not _is_better(rows).any():
        return (
            f"no family is better than **{base}** by more than chance: keep it. The best other family, "
            f"{name}: {difference}{elsewhere}.{_better_elsewhere(cells, panel, first)}"
        )
    claim = f"{name} is better than {base}, {difference}{elsewhere}"
    in_blocks = leaves_out_blocks(first)
    if others.empty and not in_blocks:
        return f"{claim}: use it near labelled points; other places were not tested."
    if (others["difference"] > others["difference_se"]).all():
        return f"{claim}: use it."
    if in_blocks:
        return (
            f"{claim}: use it in other places; it is not shown to be better near labelled points."
        )
    return f"{claim}: use it near labelled points; it is not shown to be better elsewhere."


def _better_elsewhere(cells: pd.DataFrame, panel: str, first: str) -> str:
    """Return which family is better in another validation, as in blocks, where the deciding one has none."""
    sentences = []
    for validation in dict.fromkeys(cells["validation"]):
        rows = _compared(cells, panel, validation)
        if validation != first and _is_better(rows).any():
            (best,) = records(rows[rows["variant"] == best_family(cells, panel, validation)])
            sentences.append(
                f" But in {markdown_text(validation)} **{markdown_text(best['variant'])}** is better, "
                f"{_points(best)} (p {_p(best['p_holm'])}): use it there."
            )
    return "".join(sentences)


def family_table(cells: pd.DataFrame, overall: str, first: str, baseline: str) -> list[str]:
    """Return the table of families with their differences to the baseline, the most accurate first."""
    others = [name for name in cells["validation"].unique() if name != first]
    of_panel = records(cells[cells["panel"] == overall])
    by_name = {(row["variant"], row["validation"]): row for row in of_panel}
    rows = [
        [
            markdown_text(name),
            f"{row['accuracy']:.3f}",
            _points(row),
            NONE if pd.isna(row["p_holm"]) else _p(row["p_holm"]).removeprefix("= "),
            *(_starred(by_name.get((name, validation))) for validation in others),
            _signed(row["brier_difference"], row["brier_difference_se"], 3),
        ]
        for name in order(cells, overall, first)
        if (row := by_name.get((name, first)))
    ]
    main, compared = markdown_text(first), len(_compared(cells, overall, first))
    ratio = "of a difference over its standard error"
    test = ratio if leaves_out_blocks(first) else "McNemar's exact test"
    caption = (
        f"Accuracy in {main}, and what each has more than the baseline **{markdown_text(baseline)}** on "
        f"the same folds, ± paired standard error: points of accuracy (1 = 0.01) by validation, and Brier "
        f"score in {main} (less is better). p: {test} in {main}; \\*: p < {LEVEL} {ratio}; both by Holm "
        f"for {count(compared, 'comparison')}."
    )
    head = ["family", "accuracy", first, "p", *others, "Brier score"]
    return [caption, markdown_table([*map(markdown_text, head)], rows)]


def order(cells: pd.DataFrame, overall: str, first: str) -> list[str]:
    """Return the families, the most accurate of a panel first, then those that it lacks."""
    rows = cells[cells["validation"] == first]
    own = rows[rows["panel"] == overall].sort_values("accuracy", ascending=False, kind="stable")
    return list(dict.fromkeys([*own["variant"], *rows["variant"]]))


def country_table(cells: pd.DataFrame, first: str, baseline: str) -> list[str]:
    """Return the table of differences by country, where there are several."""
    own = cells[cells["country"].notna() & (cells["validation"] == first)]
    countries = list(dict.fromkeys(own["country"]))
    if len(countries) == 1:
        return []
    by_name = {(row["variant"], row["country"]): row for row in records(own)}
    rows = [
        [markdown_text(name), *(_starred(by_name.get((name, country))) for country in countries)]
        for name in order(cells, str(cells["panel"].iloc[-1]), first)
        if name != baseline
    ]
    points = [numbers_of_points(own.loc[own["country"] == name, "n_points"]) for name in countries]
    rows.append(["labelled points", *points])
    caption = (
        f"By country, points in {markdown_text(first)}; \\* p < {LEVEL} by Holm for the comparisons of the "
        f"country:"
    )
    return [caption, markdown_table(["family", *map(country_title, countries)], rows)]


def _starred(row: Row | None) -> str:
    if row is None or pd.isna(row["difference"]):
        return NONE
    return f"{_points(row)}{' *' if row['p_holm'] < LEVEL else ''}"


def learning_curve(
    curve: pd.DataFrame, overall: str, baseline: str, family: str | None
) -> list[str]:
    """Return what more labels change, in sentences and a table; the curve as `families` makes it."""
    rows = records(curve[curve["panel"] == overall])
    if not rows:
        return [_NO_CURVE]
    names = {"family": markdown_text(str(family)), "baseline": markdown_text(baseline)}
    table = [
        [
            f"{row['share']:.0%}",
            *(
                score({"accuracy": row[key], "accuracy_se": row[f"{key}_se"]})
                for key in reversed(names)
            ),
            _points(row, "lead"),
        ]
        for row in rows
    ]
    first, half = rows[0], rows[-2]
    gains = [
        f"**{name}** gains {_points(half, f'{key}_gain')} points" for key, name in names.items()
    ]
    real = [
        f"**{name}**"
        for key, name in names.items()
        if half[f"{key}_gain"] > Z_95 * half[f"{key}_gain_se"]
    ]
    more = (
        f"more labels are likely to help {' and '.join(real)}"
        if real
        else "no more than chance, a few more labels will change little"
    )
    sentence = (
        f"Learning curve: from half of the labels to all {', '.join(gains)}: {more}. The lead of "
        f"**{names['family']}** {_trend(first)}."
    )
    return [sentence, markdown_table(["labels", *reversed(names.values()), "points"], table)]


def _trend(row: Row) -> str:
    """Return how a lead depends on the number of labels, of the row with the fewest."""
    change = _points(row, "change")
    if abs(row["change"]) <= Z_95 * row["change_se"]:
        return f"does not depend on the number of labels by more than chance ({change})"
    return f"{'grows' if row['change'] > 0 else 'shrinks'} with the labels ({change})"


def left_out(table: pd.DataFrame) -> list[str]:
    """Return which families were left out, where and why: candidates without a score."""
    unscored = table[table["accuracy"].isna()]
    if unscored.empty:
        return []
    reasons: dict[tuple[str, str], dict[str, None]] = {}
    for row in records(unscored):
        reasons.setdefault((row["country"], row["message"]), {})[row["variant"]] = None
    lines = [
        f"- {markdown_text(country_title(country))}, {some(map(markdown_text, names), 12)}: "
        f"{markdown_text(message)}"
        for (country, message), names in reasons.items()
    ]
    return ["\n".join(["Left out:", "", *lines])]


def _points(row: Row, name: str = "difference") -> str:
    """Return a difference of accuracies in points."""
    return _signed(100 * row[name], 100 * row[f"{name}_se"], 1)


def _signed(value: float, error: float, digits: int) -> str:
    """Return a difference with its standard error; a dash where there is none."""
    if pd.isna(value):
        return NONE
    rounded = round(value, digits) + 0.0  # not -0.0
    return f"{rounded:+.{digits}f} ± {NONE if pd.isna(error) else f'{error:.{digits}f}'}"


def _p(value: float) -> str:
    if pd.isna(value):
        return "unknown"
    return f"{'<' if value < 0.001 else '='} {max(value, 0.001):.3f}"
