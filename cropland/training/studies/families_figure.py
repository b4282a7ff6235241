"""The figure of a comparison of families: differences to the baseline, and a learning curve below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cropland.support.figure_style import ERRORS, MARKERS, new, plain, png
from cropland.training.studies.drawing import (
    ACCURACY,
    ALIKE,
    BEST,
    PER_ROW,
    QUIET,
    heading,
    name_panel,
)
from cropland.training.studies.families_words import LEVEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


_WIDTH = 2.4
"""Of a panel, inches."""


def draw(
    cells: pd.DataFrame,
    curve: pd.DataFrame,
    families: Sequence[str],
    names: tuple[str, str | None],
    *,
    title: str,
    remark: str = "",
) -> bytes:
    """Draw families as dots of their difference to the baseline, and what fewer labels change.

    Parameters
    ----------
    cells : DataFrame
        See `families`: a panel for each of its panels, a marker for each validation, the first filled.
    curve : DataFrame
        Of one panel, see `families`; empty where there is none.
    families : sequence of str
        The rows, from the top.
    names : pair of str
        The baseline, and the family of the learning curve.
    title, remark : str
        What stands above; the remark on a line of its own.
    """
    panels = list(dict.fromkeys(cells["panel"]))
    columns, rows = min(len(panels), PER_ROW), -(-len(panels) // PER_ROW)
    top = rows * (0.34 * len(families) + 1.1)
    bottom = 0.0 if curve.empty else 2.6
    width = max(8.2, _WIDTH * columns + 0.085 * max(map(len, families)))
    figure: Figure = new(width, top + bottom + 0.9)
    if curve.empty:
        parts: list[Figure | SubFigure] = [figure]
    else:
        grid = figure.add_gridspec(2, 1, height_ratios=[top + 0.4, bottom])
        parts = [figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])]
        _draw_curve(parts[1], curve, names)
    axes = parts[0].subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for unused in axes[len(panels) :]:
        unused.remove()
    for axis, panel in zip(axes, panels, strict=False):
        _dots(axis, cells[cells["panel"] == panel], families)
        name_panel(axis, panel, _WIDTH)
    axes[0].set_yticks(range(len(families)), families)
    axes[0].set_ylim(len(families) - 0.4, -0.6)
    _explain(parts[0], axes[0], list(dict.fromkeys(cells["validation"])), names[0])
    heading(figure, title, remark)
    return png(figure)


def _dots(axis: Axes, cells: pd.DataFrame, families: Sequence[str]) -> None:
    """Draw a panel: each family's difference in each validation, with its standard error."""
    validations = list(dict.fromkeys(cells["validation"]))
    for _, cell in cells.dropna(subset="difference").iterrows():
        number = validations.index(cell["validation"])
        real = cell["p_holm"] < LEVEL
        axis.errorbar(
            100 * cell["difference"],
            families.index(cell["variant"]) + 0.26 * (number - (len(validations) - 1) / 2),
            xerr=100 * np.nan_to_num(cell["difference_se"]),
            **_look(number, BEST if real else ALIKE if number == 0 else QUIET),
        )
    axis.axvline(0, color=QUIET, linestyle=":", zorder=1)
    plain(axis, grid="both")
    axis.tick_params(axis="x", labelbottom=True)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("difference in accuracy\n(percentage points)")


def _look(number: int, colour: str) -> dict[str, Any]:
    filled = {} if number == 0 else {"mfc": "white"}
    marker = {"marker": MARKERS[number % len(MARKERS)], "markersize": 5, "linestyle": ""}
    return {"color": colour, "elinewidth": 1.3, "zorder": 3, **marker, **filled}


def _explain(
    figure: Figure | SubFigure, axis: Axes, validations: Sequence[str], baseline: str
) -> None:
    """Write below the panels what markers and colours mean."""
    for number, validation in enumerate(validations):
        look = _look(number, ALIKE if number == 0 else QUIET)
        del look["elinewidth"]
        axis.plot([], [], label=validation, **look)
    look = {"color": BEST, "marker": "o", "markersize": 5, "linestyle": ""}
    axis.plot([], [], label=f"p < {LEVEL} (Holm)", **look)
    axis.plot([], [], color=QUIET, linestyle=":", label=f"baseline: {baseline}")
    axis.plot([], [], color=QUIET, linewidth=1.3, label=ERRORS)
    handles = axis.get_legend_handles_labels()
    figure.legend(
        *handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9, columnspacing=1.2
    )


def _draw_curve(
    figure: Figure | SubFigure, curve: pd.DataFrame, names: tuple[str, str | None]
) -> None:
    """Draw accuracies of both over the share of the labels, and their difference beside them."""
    left, right = figure.subplots(1, 2)
    shares = 100 * curve["share"]
    for column, name, colour, marker in (
        ("family", names[1], BEST, "o"),
        ("baseline", names[0], ALIKE, "s"),
    ):
        values, errors = curve[column], curve[f"{column}_se"]
        left.fill_between(shares, values - errors, values + errors, color=colour, alpha=0.15, lw=0)
        left.plot(shares, values, color=colour, marker=marker, label=name)
    left.set_ylabel(ACCURACY)
    left.fill_between([], [], color=QUIET, alpha=0.2, lw=0, label="around a line: ± 1 s.e.")
    left.legend(frameon=False, fontsize=9, loc="lower right")
    right.errorbar(shares, 100 * curve["lead"], yerr=100 * curve["lead_se"], color=BEST, marker="o")
    right.axhline(0, color=QUIET, linestyle=":")
    right.set_ylabel("difference in accuracy\n(percentage points)")
    for axis in (left, right):
        plain(axis)
        axis.set_xticks(shares, [f"{share:.0f} %" for share in shares])
        axis.set_xlabel("labels in the training folds")
    left.set_title(f"Learning curve, {curve['panel'].iloc[0]}", loc="left", fontweight="bold")
    right.set_title(ERRORS, loc="right", fontsize=9)
