"""The figure of a sweep: accuracy against what varied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from cropland.support import figure_style
from cropland.support.terminal import SIMULATED, titled
from cropland.support.words import country_title
from cropland.training import report
from cropland.training.studies.drawing import ACCURACY, PER_ROW, heading, name_panel, panels
from cropland.training.variation import is_number, labels, ordered, word

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

    from cropland.training.outcome import Outcome

_MOST_LINES = 20
"""More of them would leave a figure of nothing but its legend."""
_MOST_TICKS = 9
"""More numbers below a panel would run into each other."""
_MARGIN = 0.06
"""Of the length of an axis, on either side."""
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
    drawing, axes = panels(len(countries), width=3.6, height=3.3)
    for panel, name in zip(axes, countries, strict=True):
        own = table[table["country"] == name]
        _draw(panel, own, _places(panel, own if x == "window_end" else table, x), x, by, lines)
        name_panel(panel, country_title(name), 3.6)
        panel.set_xlabel(names[x])
    for panel in axes[::PER_ROW]:
        panel.set_ylabel(ACCURACY)
    what = " and ".join(names[name] for name in ((x, by) if by else (x,)))
    remarks = [figure_style.ERRORS, *(f"best over {names[name]}" for name in others)]
    if count > _MOST_LINES:
        remarks.append(f"the {_MOST_LINES} best of {count}")
    remark = "; ".join(remarks) + (f"\n{SIMULATED}" if simulated else "")
    heading(drawing, titled(f"Accuracy by {what}", simulated=simulated), remark)
    if by:
        _legend(drawing, axes, lines, names[by])
    return figure_style.png(drawing)


def _is_axis(table: pd.DataFrame, name: str) -> bool:
    """Return whether all values of a setting are dates or numbers."""
    return name == "window_end" or all(map(is_number, table[name]))


def _draw(
    panel: Axes,
    table: pd.DataFrame,
    places: Mapping[object, Any],
    x: str,
    by: str | None,
    lines: Mapping[object, int],
) -> None:
    """Draw one country: a line for each value of `by`, with a bar of one standard error."""
    for value, number in lines.items():
        line = table[table[by] == value] if by else table
        line = line.drop_duplicates(x)  # best first, so the best of each x stays
        if line.empty:
            continue
        line = line.assign(at=line[x].map(places)).sort_values("at")
        bars = panel.errorbar(
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
        shift = _shift(panel, number, len(lines))
        for artist in bars.get_children():
            artist.set_transform(artist.get_transform() + shift)
    figure_style.plain(panel)


def _shift(panel: Axes, number: int, count: int) -> Transform:
    """Return a small step to the side, another for each line: bars would cover each other."""
    from matplotlib.transforms import ScaledTranslation

    points = min(3.0, 12 / count) * (number - (count - 1) / 2)
    return ScaledTranslation(points / 72, 0, panel.figure.dpi_scale_trans)


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
        slanted: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
        panel.set_xticks(range(len(values)), list(map(word, values)), **slanted)
        return {value: place for place, value in enumerate(values)}
    if values[0] > 0 and values[-1] >= _LOG_FROM * values[0]:
        panel.set_xscale("log")
        panel.minorticks_off()
    _limit(panel, values[0], values[-1])
    shown = values[:: -(-len(values) // _MOST_TICKS)]
    panel.set_xticks(shown, list(map(word, shown)))
    return {value: value for value in values}


def _limit(panel: Axes, low: float, high: float) -> None:
    """Set the limits of an axis of numbers, with a margin: panels of several countries have the same."""
    if panel.get_xscale() == "log":
        margin = (high / low) ** _MARGIN
        panel.set_xlim(low / margin, high * margin)
    else:
        margin = (high - low) * _MARGIN
        panel.set_xlim(low - margin, high + margin)
