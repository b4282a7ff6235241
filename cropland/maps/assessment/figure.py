"""The drawing of an assessment: hectares of each class beside what was counted, and accuracies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cropland.support.figure_style import CROPLAND, OTHER, PALETTE, new, plain, png
from cropland.support.words import ha

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Interval = tuple[float, float, float]
"""A value and the ends of its interval."""
ESTIMATE, COUNTED, TRUE = "estimate, 95 % interval", "counted pixels", "true"
_LOOKS: dict[str, dict[str, Any]] = {
    COUNTED: {"color": PALETTE[3], "marker": "X", "markersize": 9, "mew": 0},
    TRUE: {"color": "black", "marker": "D", "markersize": 7},
}
_RIGHT = "accuracies"
_COLOURS = {"cropland": CROPLAND, "other": OTHER}
_ACCURACY = PALETTE[0]
_BAR: dict[str, Any] = {"capsize": 5, "elinewidth": 2, "capthick": 2, "zorder": 3}


def assessment(
    areas: Sequence[tuple[str, Interval, float | None, float | None]],
    accuracies: Mapping[str, Interval],
    *,
    title: str,
    remark: str,
) -> bytes:
    """Draw the areas of classes and the accuracies of a map, each with its 95 % interval.

    Parameters
    ----------
    areas : sequence of (str, Interval, float or None, float or None)
        Class, estimated hectares, those counted on the same land, and the true ones where they are known.
    accuracies : mapping of str to Interval
        Shares by name; NaN where there is none.
    title, remark : str
        The first and the second line above.
    """
    figure = new(10.5, 1.8 + 1.5 * len(areas))
    names = [name for name, *_ in areas]
    panels = figure.subplot_mosaic([[name, _RIGHT] for name in names], width_ratios=(1, 1))
    for name, estimate, counted, true in areas:
        _draw_area(panels[name], name, estimate, {COUNTED: counted, TRUE: true})
    _equal_scales([panels[name] for name in names])
    panels[names[-1]].set_xlabel("area (ha)")
    _draw_accuracies(panels[_RIGHT], accuracies)
    figure.suptitle(f"{title}\n{remark}", x=0.012, ha="left", fontsize=12)
    return png(figure)


def _equal_scales(panels: Sequence[Axes]) -> None:
    """Set the axes of all panels to one length in hectares, each around its own values."""
    ends = [panel.get_xlim() for panel in panels]
    half = max(high - low for low, high in ends) / 2
    for panel, (low, high) in zip(panels, ends, strict=True):
        panel.set_xlim((low + high) / 2 - half, (low + high) / 2 + half)


def _draw_area(
    panel: Axes, name: str, estimate: Interval, others: Mapping[str, float | None]
) -> None:
    """Draw the estimate of a class, and below it what was counted and what is true."""
    value, low, high = estimate
    known = {label: at for label, at in others.items() if at is not None}
    colour = _COLOURS[name]
    panel.axvspan(low, high, color=colour, alpha=0.13, linewidth=0)
    ends = [[value - low], [high - value]]
    panel.errorbar(value, 0, xerr=ends, fmt="o", color=colour, markersize=9, **_BAR)
    for row, (label, at) in enumerate(known.items(), start=1):
        panel.plot(at, row, linestyle="", zorder=3, **_LOOKS[label])
    words = [
        f"{ha(value)} ha ({ha(low)} to {ha(high)})",
        *(f"{ha(at)} ha" for at in known.values()),
    ]
    for row, text in enumerate(words):
        beside: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center"}
        panel.annotate(text, (1.02, row), fontsize=9.5, **beside)
    panel.set_yticks(range(len(known) + 1), [ESTIMATE, *known])
    panel.set_ylim(len(known) + 0.5, -0.6)
    panel.margins(x=0.15)
    panel.locator_params(axis="x", nbins=5)
    panel.xaxis.set_major_formatter("{x:,.10g}")
    panel.set_title(name.capitalize(), loc="left", fontsize=10.5, fontweight="bold")
    plain(panel, grid="x")
    panel.tick_params(axis="y", length=0)


def _draw_accuracies(panel: Axes, accuracies: Mapping[str, Interval]) -> None:
    """Draw a row an accuracy; one that the sample says nothing of is named."""
    known = [each for each in accuracies.values() if not np.isnan(each[0])]
    for row, (value, low, high) in enumerate(accuracies.values()):
        if np.isnan(value):
            panel.annotate("no unit", (0.02, row), xycoords=("axes fraction", "data"), va="center")
            continue
        ends = [[value - low], [high - value]]
        panel.errorbar(value, row, xerr=ends, fmt="o", color=_ACCURACY, markersize=7, **_BAR)
        panel.annotate(
            f"{100 * value:.1f} %",
            (1.02, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9.5,
        )
    lowest = min((low for _, low, _ in known), default=0.0)
    panel.set_xlim(max(0.0, np.floor(10 * lowest - 0.5) / 10), 1.005)
    panel.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    panel.set_yticks(range(len(accuracies)), list(accuracies))
    panel.set_ylim(len(accuracies) - 0.5, -0.5)
    panel.set_xlabel("share, 95 % interval")
    plain(panel, grid="x")
    panel.tick_params(axis="y", length=0)
