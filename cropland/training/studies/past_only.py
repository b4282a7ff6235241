"""What do observations after the reference season add? Each country's best with and without them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cropland.support.figure_style import ERRORS, new, plain, png
from cropland.support.words import country_title
from cropland.training.studies.drawing import (
    ACCURACY,
    ALIKE,
    BEST,
    QUIET,
    heading,
    limit_accuracy,
)
from cropland.training.studies.paired import add_differences, block_warning
from cropland.training.studies.tables import (
    Conclusion,
    difference,
    files,
    markdown,
    note,
    records,
    select_each,
    window_score,
)
from cropland.untrusted.texts import markdown_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cropland.config.groups import Study
    from cropland.training.studies.paired import Correct

ALL, PAST, WORTH = "all windows", "the past only", "difference"
"""Variants, and the row of what the first adds."""


def conclude(study: Study, table: pd.DataFrame, correct: Correct, remark: str) -> Conclusion:
    """Compare each country's best of all windows with its best of those in the past.

    Parameters
    ----------
    study : Study
        The question.
    table : DataFrame
        Candidates, see `tables`.
    correct : callable
        See `paired.Correct`.
    remark : str
        A line below the title; may be empty.
    """
    ends = [
        select_each(windows, ["country"], "best").assign(variant=name)
        for name, windows in ((ALL, table), (PAST, table[~table["uses_future"].astype(bool)]))
    ]
    cells = pd.concat(ends, ignore_index=True)
    cells = cells.assign(panel=cells["country"].map(country_title))
    cells = add_differences(cells, PAST, cache(correct))
    every = cells[cells["variant"] == ALL].assign(variant=WORTH)
    gains = _gains(every, cells[cells["variant"] == PAST])
    answer = "; ".join(f"**{markdown_text(country)}** {gain}" for country, gain in gains.items())
    parts = [
        f"What observations after the reference season add, in accuracy (the best of all minus "
        f"the best of the past, point by point, with the p-value of McNemar's exact test): {answer}.",
        markdown(
            "windows",
            pd.concat([cells, every]),
            [ALL, PAST, WORTH],
            lambda cell: gains[cell["panel"]] if cell["variant"] == WORTH else window_score(cell),
        ),
        *block_warning(table),
    ]
    picture = draw(cells, gains, title=study.title, remark=remark)
    return Conclusion(note(study, parts, remark), files(cells, picture))


def _gains(every: pd.DataFrame, past: pd.DataFrame) -> dict[str, str]:
    """Return for each country what the best of all windows has over the best of the past."""
    bases = past.set_index("panel")["run_id"].to_dict()
    gains = {one["panel"]: difference(one) for one in records(every)}
    gains |= {country: "no window of the past" for country in gains if country not in bases}
    same = every[every["panel"].map(bases) == every["run_id"]]
    return gains | dict.fromkeys(same["panel"], "the same window")


def draw(cells: pd.DataFrame, gains: Mapping[str, str], *, title: str, remark: str = "") -> bytes:
    """Draw, for each country, the best of all windows against the best of those of the past.

    Parameters
    ----------
    cells : DataFrame
        Columns ``panel`` (the country's title), ``variant`` (`ALL` or `PAST`), ``span``, ``window_end``,
        ``accuracy``, ``accuracy_se``; a country may lack the past.
    gains : mapping of str to str
        What is written beside each country; they stand in this order, from the top.
    title, remark : str
        What stands above; the remark on a line of its own.
    """
    figure = new(9.2, 1.15 * len(gains) + 1.7)
    panel = figure.subplots()
    for row, (name, words) in enumerate(gains.items()):
        ends = cells[cells["panel"] == name].sort_values("variant")
        at = [row - 0.13 if variant == ALL else row + 0.13 for variant in ends["variant"]]
        panel.plot(ends["accuracy"], at, color="0.75", linewidth=3, zorder=1)
        for y, (_, cell) in zip(at, ends.iterrows(), strict=True):
            _end(panel, cell, y)
        panel.annotate(
            words, (1.02, row), xycoords=("axes fraction", "data"), va="center", fontsize=9
        )
    panel.annotate(
        "difference ± s.e.", (1.02, 1), xycoords="axes fraction", va="bottom", fontsize=9
    )
    plain(panel, grid="x")
    panel.set_yticks(range(len(gains)), list(gains), weight="bold")
    panel.set_ylim(len(gains) - 0.45, -0.55)
    panel.tick_params(axis="y", length=0)
    panel.margins(x=0.25)
    limit_accuracy(panel, "x", *panel.get_xlim())
    panel.set_xlabel(ACCURACY)
    for name, marker, colour in ((ALL, "o", BEST), (PAST, "s", ALIKE)):
        panel.plot([], [], color=colour, marker=marker, linestyle="", label=name)
    panel.plot([], [], color=QUIET, linewidth=1.6, label=ERRORS)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    heading(figure, title, remark)
    return png(figure)


def _end(panel: Axes, cell: pd.Series, y: float) -> None:
    """Draw one end of a dumbbell with its bar, and its window above or below."""
    above = cell["variant"] == ALL
    panel.errorbar(
        cell["accuracy"],
        y,
        xerr=np.nan_to_num(cell["accuracy_se"]),
        color=BEST if above else ALIKE,
        marker="o" if above else "s",
        markersize=9,
        elinewidth=1.6,
        zorder=3,
    )
    panel.annotate(
        f"{cell['span']} weeks to {cell['window_end']}",
        (cell["accuracy"], y),
        (0, 9 if above else -9),
        textcoords="offset points",
        ha="center",
        va="bottom" if above else "top",
        color=BEST if above else ALIKE,
        fontsize=9,
    )
