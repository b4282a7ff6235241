"""Drawings of studies: accuracy over time windows, variants side by side, the past against all.

Accuracies are shares of points; bars and bands are one standard error to each side.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from cropland.support.figure_style import MARKERS, PALETTE, new, plain, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACCURACY = "accuracy, cross-validated"
REFERENCE = "end of the reference season; to the right lies the future"
CHOSEN = "chosen: the simplest within one standard error of the best"
ALL, PAST = "all windows", "the past only"
_BEST, _ALIKE, _BELOW, _QUIET = PALETTE[1], PALETTE[0], "0.6", "0.35"
_ALIKE_BAND, FUTURE = "#E8F1F8", "#F4F4F4"
_LOOKS: dict[str, dict[str, Any]] = {
    "best": {"color": _BEST, "marker": "D", "markersize": 8, "zorder": 4},
    "alike": {"color": _ALIKE, "marker": "o", "markersize": 6, "zorder": 3},
    "below": {"color": _BELOW, "marker": "o", "markersize": 6, "mfc": "white", "zorder": 2},
}
_STANDINGS = {"best": "the best", "alike": "within one standard error of it", "below": "below that"}
_PER_ROW = 4
_PER_INCH = 11
"""Characters of a heading."""


def time_range(
    table: pd.DataFrame,
    chosen: pd.DataFrame,
    references: Mapping[str, date],
    *,
    title: str,
    remark: str = "",
) -> bytes:
    """Draw accuracy against the window's end: a panel a country, a line a span, the choice ringed.

    Parameters
    ----------
    table : DataFrame
        Columns ``country``, ``span`` (weeks), ``window_end`` (ISO), ``accuracy``, ``accuracy_se``; of
        several rows with the same window the most accurate is drawn.
    chosen : DataFrame
        The same columns, one row a country, in the order of the panels.
    references : mapping of str to date
        Last day of each country's reference season.
    title, remark : str
        What stands above; the remark on a line of its own.

    Returns
    -------
    bytes
        A PNG.
    """
    at = table.assign(window_end=pd.to_datetime(table["window_end"]))
    spans = sorted(at["span"].unique())
    figure, panels = _panels(len(chosen), width=3.8, height=3.7)
    for panel, (_, choice) in zip(panels, chosen.iterrows(), strict=True):
        own = at[at["country"] == choice["country"]]
        _future(panel, own["window_end"], references[choice["country"]])
        for number, span in enumerate(spans):
            _line(panel, own[own["span"] == span], number, heavy=span == choice["span"])
        _ring(panel, choice)
        plain(panel)
        panel.set_title(titled(choice["country"]), loc="left", fontweight="bold")
        panel.set_xlabel("end of the window")
    error = at["accuracy_se"].fillna(0)
    low, high = float((at["accuracy"] - error).min()), float((at["accuracy"] + error).max())
    # Room above the lines for what is written there.
    _limit(panels[0], "y", low - 0.03 * (high - low), high + 0.23 * (high - low))
    figure.supylabel(ACCURACY, fontsize="medium")
    _time_legends(figure, spans)
    _heading(figure, title, remark)
    return png(figure)


def comparison(
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
        As in `time_range`.
    """
    names = list(cells["panel"].unique())
    figure, panels = _panels(
        len(names),
        width=2.6,
        height=0.27 * len(variants) + 0.9,
        margin=0.085 * max(map(len, variants)),
    )
    for panel, name in zip(panels, names, strict=True):
        _dots(panel, cells[cells["panel"] == name], variants, baseline)
        plain(panel, grid="both")
        panel.tick_params(axis="y", length=0)
        panel.set_title(name, loc="left", fontweight="bold")
        panel.set_xlabel("accuracy")
    marked = [f"{name} (baseline)" if name == baseline else name for name in variants]
    panels[0].set_yticks(range(len(variants)), marked)
    panels[0].set_ylim(len(variants) - 0.4, -0.6)
    for standing, said in _STANDINGS.items():
        panels[0].plot([], [], linestyle="", label=said, **_LOOKS[standing])
    if baseline in variants:
        panels[0].plot([], [], color=_QUIET, linestyle=":", label="baseline")
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    _heading(figure, title, remark)
    return png(figure)


def past_only(
    cells: pd.DataFrame, said: Mapping[str, str], *, title: str, remark: str = ""
) -> bytes:
    """Draw, for each country, the best of all windows against the best of those of the past.

    Parameters
    ----------
    cells : DataFrame
        Columns ``panel`` (the country's title), ``variant`` (`ALL` or `PAST`), ``span``, ``window_end``,
        ``accuracy``, ``accuracy_se``; a country may lack the past.
    said : mapping of str to str
        What is written beside each country; they stand in this order, from the top.
    title, remark : str
        As in `time_range`.
    """
    figure = new(9.2, 1.15 * len(said) + 1.7)
    panel = figure.subplots()
    for row, (name, words) in enumerate(said.items()):
        own = cells[cells["panel"] == name].sort_values("variant")
        at = [row - 0.13 if variant == ALL else row + 0.13 for variant in own["variant"]]
        panel.plot(own["accuracy"], at, color="0.75", linewidth=3, zorder=1)
        for y, (_, cell) in zip(at, own.iterrows(), strict=True):
            _end(panel, cell, y)
        beside: dict[str, Any] = {
            "xycoords": ("axes fraction", "data"),
            "va": "center",
            "fontsize": 9,
        }
        panel.annotate(words, (1.02, row), **beside)
    plain(panel, grid="x")
    panel.set_yticks(range(len(said)), list(said), weight="bold")
    panel.set_ylim(len(said) - 0.45, -0.55)
    panel.tick_params(axis="y", length=0)
    panel.margins(x=0.25)
    _limit(panel, "x", *panel.get_xlim())
    panel.set_xlabel(ACCURACY)
    for name, marker, colour in ((ALL, "o", _BEST), (PAST, "s", _ALIKE)):
        panel.plot([], [], color=colour, marker=marker, linestyle="", label=name)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    _heading(figure, title, remark)
    return png(figure)


def titled(country: str) -> str:
    """Give the title of a country.

    >>> titled("south_sudan")
    'South sudan'
    """
    return country.replace("_", " ").capitalize()


def _panels(
    count: int, *, width: float, height: float, margin: float = 0.6
) -> tuple[Figure, list[Axes]]:
    """Start a figure of so many panels of the same scale of y, at most `_PER_ROW` beside each other."""
    columns = min(count, _PER_ROW)
    rows = -(-count // columns)
    # One panel alone still needs room for the heading and the legends.
    figure = new(max(8.2, columns * width + margin), rows * height + 1.1)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for unused in panels[count:]:
        unused.remove()
    return figure, list(panels[:count])


def _heading(figure: Figure, title: str, remark: str) -> None:
    lines = textwrap.wrap(title, int(_PER_INCH * figure.get_figwidth()))
    text = "\n".join([*lines, *([remark] if remark else [])])
    figure.suptitle(text, x=0.012, ha="left", fontsize=12)


def _limit(panel: Axes, axis: Literal["x", "y"], low: float, high: float, ticks: int = 7) -> None:
    """Set the limits of an axis of accuracies, which may have room, but no tick, beyond 1."""
    panel.locator_params(axis=axis, nbins=ticks)
    panel.set(**{f"{axis}lim": (low, high)})
    at = getattr(panel, f"get_{axis}ticks")()
    panel.set(**{f"{axis}ticks": [tick for tick in at if low <= tick <= min(high, 1.0001)]})


def _future(panel: Axes, ends: pd.Series, reference: date) -> None:
    """Draw the end of the reference season and shade what is after it; set the axis of dates."""
    from matplotlib import dates

    at = pd.Timestamp(reference)
    room = max((ends.max() - ends.min()) * 0.04, pd.Timedelta(days=20))
    first, last = _day(min(ends.min(), at) - room), _day(max(ends.max(), at) + room)
    panel.axvspan(_day(at), last, color=FUTURE, linewidth=0, zorder=0)
    panel.axvline(_day(at), ymax=0.91, color=_QUIET, linestyle="--", linewidth=1.2, zorder=1)
    panel.set_xlim(first, last)
    locator: Any = dates.AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _line(panel: Axes, table: pd.DataFrame, number: int, *, heavy: bool) -> None:
    """Draw the line of one span with its band; the chosen span's is heavier."""
    line = table.sort_values("accuracy", ascending=False).drop_duplicates("window_end")
    line = line.sort_values("window_end")
    at, accuracy, error = (line[name] for name in ("window_end", "accuracy", "accuracy_se"))
    look = _span_look(number) | ({"markersize": 5, "linewidth": 2.2, "zorder": 3} if heavy else {})
    panel.plot(at, accuracy, **look)
    band = {"color": look["color"], "alpha": 0.2 if heavy else 0.09, "linewidth": 0}
    panel.fill_between(at, accuracy - error, accuracy + error, **band)


def _span_look(number: int) -> dict[str, Any]:
    marker, colour = MARKERS[number % len(MARKERS)], PALETTE[number % len(PALETTE)]
    return {"color": colour, "marker": marker, "markersize": 3.5, "linewidth": 1.2, "zorder": 2}


def _ring(panel: Axes, choice: pd.Series) -> None:
    """Ring the chosen point and say above the lines what it is."""
    at = (_day(pd.Timestamp(choice["window_end"])), choice["accuracy"])
    panel.plot(*at, "o", markersize=13, mfc="none", mec="black", mew=1.8, zorder=5)
    where = float(np.interp(at[0], panel.get_xlim(), (0, 1)))
    side = 0.0 if where < 0.35 else 1.0 if where > 0.65 else 0.5  # the text stays inside the panel
    line = {"arrowstyle": "-", "relpos": (side, 0), "shrinkB": 7, "zorder": 4}
    panel.annotate(
        f"{choice['span']} weeks to {choice['window_end']}, {choice['accuracy']:.3f}",
        at,
        (where, 0.975),
        textcoords="axes fraction",
        ha={0.0: "left", 0.5: "center", 1.0: "right"}[side],
        va="top",
        fontsize=9.5,
        fontweight="bold",
        arrowprops=line,
    )


def _day(moment: pd.Timestamp) -> float:
    """Give a date as matplotlib counts: days from 1970-01-01."""
    return float(moment.timestamp() / 86400)


def _time_legends(figure: Figure, spans: Sequence[int]) -> None:
    """Say below what the lines are, and beside it what the marks are."""
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], **_span_look(number)) for number in range(len(spans))]
    marks = [
        Line2D([], [], color=_QUIET, linestyle="--"),
        Line2D([], [], color="black", marker="o", mfc="none", mew=1.8, markersize=10, linestyle=""),
    ]
    names = [f"{span} weeks" for span in spans]
    figure.legend(lines, names, loc="outside lower left", ncols=3, frameon=False, fontsize=9)
    figure.legend(marks, [REFERENCE, CHOSEN], loc="outside lower right", frameon=False, fontsize=9)


def _dots(panel: Axes, own: pd.DataFrame, variants: Sequence[str], baseline: str | None) -> None:
    """Draw a panel's variants: the best with its accuracy, those within its standard error, the rest."""
    for _, cell in own.iterrows():
        row, accuracy = variants.index(cell["variant"]), cell["accuracy"]
        error = float(np.nan_to_num(cell["accuracy_se"]))
        panel.errorbar(accuracy, row, xerr=error, elinewidth=1.3, **_LOOKS[cell["standing"]])
        if cell["variant"] == baseline:
            line: dict[str, Any] = {
                "color": _QUIET,
                "linestyle": ":",
                "zorder": 1,
            }
            panel.axvline(accuracy, **line)
        if cell["standing"] == "best":
            panel.axvspan(accuracy - error, accuracy, color=_ALIKE_BAND, linewidth=0, zorder=0)
            beside: dict[str, Any] = {
                "textcoords": "offset points",
                "va": "center",
                "fontweight": "bold",
            }
            text = f"{accuracy:.3f}"
            panel.annotate(text, (accuracy + error, row), (4, 0), color=_BEST, fontsize=9, **beside)
    low, high = panel.get_xlim()
    _limit(panel, "x", low - 0.04 * (high - low), high + 0.2 * (high - low), ticks=5)


def _end(panel: Axes, cell: pd.Series, y: float) -> None:
    """Draw one end of a dumbbell with its bar, and its window above or below."""
    above = cell["variant"] == ALL
    panel.errorbar(
        cell["accuracy"],
        y,
        xerr=np.nan_to_num(cell["accuracy_se"]),
        color=_BEST if above else _ALIKE,
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
        color=_BEST if above else _ALIKE,
        fontsize=9,
    )
