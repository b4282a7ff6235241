"""Which variant? Each with one candidate a country, beside the others, and their figure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cropland.errors import nearest
from cropland.learning import choice
from cropland.support.figure_style import ERRORS, plain, png
from cropland.support.words import country_title
from cropland.training.outcome import KEY
from cropland.training.studies.drawing import (
    ACCURACY,
    ALIKE,
    BEST,
    QUIET,
    heading,
    limit_accuracy,
    name_panel,
    panels,
)
from cropland.training.studies.paired import add_differences, block_warning
from cropland.training.studies.tables import (
    COSTS,
    NONE,
    Conclusion,
    difference,
    files,
    markdown,
    note,
    records,
    score,
    select,
    select_each,
    with_means,
)
from cropland.training.variation import labels, word
from cropland.untrusted.texts import markdown_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cropland.config.groups import Study
    from cropland.training.studies.paired import Correct

BETWEEN = " · "
"""Stands between the words of a variant."""
_NAMED = 6
_WIDTH = 2.6
"""Of a panel, inches."""
_ALIKE_BAND = "#E8F1F8"
_LOOKS: dict[str, dict[str, Any]] = {
    "best": {"color": BEST, "marker": "D", "markersize": 8, "zorder": 4},
    "alike": {"color": ALIKE, "marker": "o", "markersize": 6, "zorder": 3},
    "below": {"color": "0.6", "marker": "o", "markersize": 6, "mfc": "white", "zorder": 2},
}
_STANDINGS = {"best": "the best", "alike": "within one standard error of it", "below": "below that"}


def conclude(study: Study, table: pd.DataFrame, correct: Correct, remark: str) -> Conclusion:
    """Compare variants, each with one candidate a country.

    Parameters
    ----------
    study : Study
        The question, with the columns whose words make a variant, and a baseline.
    table : DataFrame
        Candidates, see `tables`.
    correct : callable
        See `paired.Correct`.
    remark : str
        A line below the title; may be empty.

    """
    table = add_variants(table, study.by)
    variants = list(table["variant"].unique())
    cells = select_each(table, ["country", "variant"])
    cells = cells.assign(panel=cells["country"].map(country_title))
    cells = add_differences(cells, study.baseline, cache(correct))
    values = ["accuracy", "brier", "difference", *COSTS]
    cells = _add_standings(with_means(cells, ["variant"], values, ["accuracy_se", "difference_se"]))
    parts = [
        _variants_answer(cells, study.baseline),
        markdown("variant", cells, variants, score, costs=True),
    ]
    if study.baseline in variants:
        others = [variant for variant in variants if variant != study.baseline]
        parts += [
            f"Accuracy minus that of the baseline **{markdown_text(str(study.baseline))}**, point by point, "
            f"with the p-value of McNemar's exact test, each taken alone:",
            markdown("variant", cells, others, difference),
        ]
    elif study.baseline:
        near = nearest(study.baseline, variants)
        parts.append(
            markdown_text(f"The baseline {study.baseline!r} has no scored candidate; {near}")
        )
    if study.baseline:
        parts += block_warning(table)
    picture = draw(cells, variants, baseline=study.baseline, title=study.title, remark=remark)
    return Conclusion(note(study, parts, remark), files(cells, picture))


def add_variants(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return candidates with the words of their variant."""
    return table.assign(variant=[_variant(row, by) for row in table.to_dict("records")])


def _variant(row: Mapping[Hashable, Any], by: Sequence[str]) -> str:
    """Return the words of a variant: fields of a candidate as they are, other settings as ``max_depth=4``."""
    label = labels(by)
    words = {key: word(row[key]) or NONE for key in by}
    return BETWEEN.join(
        text if key in (*KEY, "window_end") else f"{label[key]}={text}"
        for key, text in words.items()
    )


def _add_standings(cells: pd.DataFrame) -> pd.DataFrame:
    """Return cells with the standing of each in its panel, see `tables`."""
    standing = pd.Series("below", index=cells.index)
    for _, own in cells.groupby("panel"):
        best = select(own.assign(span=0), "best")
        border = choice.border(own["accuracy"][best], own["accuracy_se"][best])
        standing[own.index[own["accuracy"] >= border]] = "alike"
        standing[best] = "best"
    return cells.assign(standing=standing)


def _variants_answer(cells: pd.DataFrame, baseline: str | None) -> str:
    """Return which variant is best on the mean, what is as good, and how it compares with the baseline."""
    cells = cells.assign(
        panel=cells["panel"].map(markdown_text), variant=cells["variant"].map(markdown_text)
    )
    tops = records(cells[cells["standing"] == "best"])
    countries = [top for top in tops if pd.notna(top["country"])]
    sentences = []
    if len(countries) > 1:
        by_country = "; ".join(f"{top['panel']} {top['variant']}" for top in countries)
        sentences.append(f"Best by country: {by_country}.")
        if len(tops) == len(countries):
            return f"{sentences[0]} No variant was scored in every country."
    where = f"On the {tops[-1]['panel']}" if len(countries) > 1 else f"In {tops[-1]['panel']}"
    sentences.append(f"{where} **{tops[-1]['variant']}** is best, {score(tops[-1])}.")
    own = cells[cells["panel"] == tops[-1]["panel"]].sort_values("accuracy", ascending=False)
    alike = list(own.loc[own["standing"] == "alike", "variant"])
    if alike:
        simplest = own.loc[select(own.assign(span=0))]
        more = f" and {len(alike) - _NAMED} more" if len(alike) > _NAMED else ""
        differ = own.loc[own["standing"] != "below", "n_features"].nunique() > 1
        least = (
            f"; the simplest of all these is **{simplest['variant']}** "
            f"({simplest['n_features']:.0f} features)"
        )
        sentences.append(
            f"Within one standard error of it: {', '.join(alike[:_NAMED])}{more}{least if differ else ''}."
        )
    else:
        sentences.append("No other lies within one standard error of it.")
    others = records(own.dropna(subset="difference"))
    if others:
        first = f"**{others[0]['variant']}** minus the baseline **{markdown_text(str(baseline))}**"
        sentences.append(f"{first}: {difference(others[0])}.")
    return " ".join(sentences)


def draw(
    cells: pd.DataFrame,
    variants: Sequence[str],
    *,
    baseline: str | None,
    title: str,
    remark: str = "",
) -> bytes:
    """Draw the accuracy of variants as dots, a panel for each country and one for their mean.

    Parameters
    ----------
    cells : DataFrame
        Columns ``panel`` (its title), ``variant``, ``accuracy``, ``accuracy_se`` and ``standing`` in its
        panel: ``best``, ``alike`` or ``below``; a variant that a panel lacks stays empty there. Panels
        stand in the order of their first row.
    variants : sequence of str
        The rows, from the top.
    baseline : str, optional
        The variant whose accuracy is a dotted line.
    title, remark : str
        What stands above; the remark on a line of its own.
    """
    names = list(cells["panel"].unique())
    figure, axes = panels(
        len(names),
        width=_WIDTH,
        height=0.27 * len(variants) + 0.9,
        margin=0.085 * max(map(len, variants)),
    )
    for panel, name in zip(axes, names, strict=True):
        _dots(panel, cells[cells["panel"] == name], variants, baseline)
        plain(panel, grid="both")
        panel.tick_params(axis="y", length=0)
        name_panel(panel, name, _WIDTH)
        panel.set_xlabel(ACCURACY)
    _equal_axes(axes)
    marked = [f"{name} (baseline)" if name == baseline else name for name in variants]
    axes[0].set_yticks(range(len(variants)), marked)
    axes[0].set_ylim(len(variants) - 0.4, -0.6)
    for standing, words in _STANDINGS.items():
        axes[0].plot([], [], linestyle="", label=words, **_LOOKS[standing])
    if baseline in variants:
        axes[0].plot([], [], color=QUIET, linestyle=":", label="baseline")
    axes[0].plot([], [], color=QUIET, linewidth=1.3, label=ERRORS)
    handles = axes[0].get_legend_handles_labels()
    figure.legend(
        *handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9, columnspacing=1.2
    )
    heading(figure, title, remark)
    return png(figure)


def _equal_axes(axes: Sequence[Axes]) -> None:
    """Set one axis of accuracies for all panels, with room for the number beside the best."""
    lows, highs = zip(*(panel.get_xlim() for panel in axes), strict=True)
    low, high = min(lows), max(highs)
    for panel in axes:
        limit_accuracy(panel, "x", low - 0.04 * (high - low), high + 0.2 * (high - low), ticks=5)


def _dots(panel: Axes, cells: pd.DataFrame, variants: Sequence[str], baseline: str | None) -> None:
    """Draw a panel's variants: the best with its accuracy, those within its standard error, the rest."""
    for _, cell in cells.iterrows():
        row, accuracy = variants.index(cell["variant"]), cell["accuracy"]
        error = float(np.nan_to_num(cell["accuracy_se"]))
        panel.errorbar(accuracy, row, xerr=error, elinewidth=1.3, **_LOOKS[cell["standing"]])
        if cell["variant"] == baseline:
            panel.axvline(accuracy, color=QUIET, linestyle=":", zorder=1)
        if cell["standing"] == "best":
            panel.axvspan(accuracy - error, accuracy, color=_ALIKE_BAND, linewidth=0, zorder=0)
            panel.annotate(
                f"{accuracy:.3f}",
                (accuracy + error, row),
                (4, 0),
                textcoords="offset points",
                va="center",
                color=BEST,
                fontsize=9,
                fontweight="bold",
            )
