"""The figure of a sweep: accuracy against what varied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from cropland.support import figure_style
from cropland.support.terminal import SIMULATED
from cropland.training import report
from cropland.training.variation import is_number, labels, ordered, word

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cropland.training.outcome import Outcome

_MOST_LINES = 20
"""More of them would leave a figure of nothing but its legend."""
_LOG_FROM = 50
"""Numbers of an axis, the largest so many times the smallest, are drawn on a logarithmic one."""


def draw(outcomes: Sequence[Outcome], *, simulated: bool = False) -> bytes | None:
    """Draw accuracy against what was varied, a panel a country; a title says where the data are simulated.

    Returns
    -------
    bytes or None
        A PNG; None where nothing was varied. The first setting that was, of numbers where there is one,
        makes the axis, the next the lines, the best `_MOST_LINES` of them; over any others the best is drawn.
    """
    table = report.scored(outcomes)
    varying = sorted(report.varying_settings(table), key=lambda name: not _is_axis(table, name))
    if not varying:
        return None
    x, by, others = varying[0], (varying[1] if len(varying) > 1 else None), varying[2:]
    names = labels(varying) | report.LABELS
    table = report.with_value(table, x)
    count = 0
    if by:
        count = table[by].nunique()
        table = table[table[by].isin(table[by].unique()[:_MOST_LINES])]  # best first
    lines = {value: number for number, value in enumerate(ordered(table[by]) if by else [""])}
    countries = sorted(table["country"].unique())
    drawing = figure_style.new(3.6 * len(countries) + 0.8, 3.6)
    panels = drawing.subplots(1, len(countries), sharey=True, squeeze=False)[0]
    for panel, name in zip(panels, countries, strict=True):
        _draw(panel, table[table["country"] == name], x, by, lines)
        panel.set_title(name.capitalize(), loc="left")
        panel.set_xlabel(names[x])
    panels[0].set_ylabel("accuracy, cross-validated")
    if simulated:
        drawing.suptitle(SIMULATED, x=0.012, ha="left", fontsize=12)
    if by:
        title = "; best over ".join(names[name] for name in (by, *others))
        if count > _MOST_LINES:
            title = f"{title}; the {_MOST_LINES} best of {count}"
        _legend(drawing, panels, lines, title)
    return figure_style.png(drawing)


def _is_axis(table: pd.DataFrame, name: str) -> bool:
    """Return whether all values of a setting are dates or numbers."""
    return name == "window_end" or all(map(is_number, table[name]))


def _draw(
    panel: Axes, table: pd.DataFrame, x: str, by: str | None, lines: Mapping[object, int]
) -> None:
    """Draw one country: a line for each value of `by`, with a bar of one standard error."""
    places = _places(panel, table, x)
    for value, number in lines.items():
        line = table[table[by] == value] if by else table
        line = line.drop_duplicates(x)  # best first, so the best of each x stays
        if line.empty:
            continue
        line = line.assign(at=line[x].map(places)).sort_values("at")
        panel.errorbar(
            line["at"],
            line["accuracy"],
            yerr=line["accuracy_se"],
            label=word(value),
            color=figure_style.PALETTE[number % len(figure_style.PALETTE)],
            marker=figure_style.MARKERS[number % len(figure_style.MARKERS)],
            markersize=4,
            linewidth=1.4,
            elinewidth=0.8,
            capsize=2,
        )
    figure_style.plain(panel)


def _legend(drawing: Figure, panels: Iterable[Axes], lines: Iterable[object], title: str) -> None:
    """Draw what the lines are; a country may lack some."""
    handles: dict[str, Artist] = {}
    for panel in panels:
        artists, names = panel.get_legend_handles_labels()
        handles |= dict(zip(names, artists, strict=True))
    names = list(map(word, lines))
    drawing.legend(
        [handles[name] for name in names],
        names,
        title=title,
        loc="outside lower center",
        ncols=5,
        frameon=False,
    )


def _places(panel: Axes, table: pd.DataFrame, x: str) -> dict[object, Any]:
    """Set the axis of a setting; return where each of its values stands: dates and numbers to scale."""
    values = ordered(table[x])
    if x == "window_end":
        panel.tick_params(axis="x", labelrotation=35)
        return {value: pd.Timestamp(value) for value in values}
    if not _is_axis(table, x):
        panel.tick_params(axis="x", labelrotation=35)
        panel.set_xticks(range(len(values)), values)
        return {value: place for place, value in enumerate(values)}
    if values[0] > 0 and values[-1] >= _LOG_FROM * values[0]:
        panel.set_xscale("log")
        panel.minorticks_off()
    panel.set_xticks(values, list(map(word, values)))
    return {value: value for value in values}
