"""What figures of studies have in common: panels of one scale, a heading, axes of accuracy.

Accuracies are shares of points; bars and bands are one standard error to each side.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Literal

from cropland.support.figure_style import PALETTE, new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACCURACY = "accuracy, cross-validated"
BEST, ALIKE, QUIET = PALETTE[1], PALETTE[0], "0.35"
PER_ROW = 4
_PER_INCH = 11
"""Characters of a heading."""


def panels(
    count: int, *, width: float, height: float, margin: float = 0.6
) -> tuple[Figure, list[Axes]]:
    """Make a figure of so many panels of the same scale of y, at most `PER_ROW` beside each other."""
    columns = min(count, PER_ROW)
    rows = -(-count // columns)
    # One panel alone still needs room for the heading and the legends.
    figure = new(max(8.2, columns * width + margin), rows * height + 1.1)
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for unused in axes[count:]:
        unused.remove()
    return figure, list(axes[:count])


def heading(figure: Figure, title: str, remark: str) -> None:
    """Write a title above a figure, and a remark on a line of its own."""
    lines = textwrap.wrap(title, int(_PER_INCH * figure.get_figwidth()))
    text = "\n".join([*lines, *([remark] if remark else [])])
    figure.suptitle(text, x=0.012, ha="left", fontsize=12)


def name_panel(panel: Axes, name: str, width: float) -> None:
    """Write the name of a panel of so many inches above it, on two lines where it is long."""
    text = textwrap.fill(name, max(8, int(8.5 * width)))
    panel.set_title(text, loc="left", fontweight="bold")


def limit_accuracy(
    panel: Axes, axis: Literal["x", "y"], low: float, high: float, ticks: int = 7
) -> None:
    """Set the limits of an axis of accuracies, which may have room, but no tick, beyond 1."""
    from matplotlib.ticker import MaxNLocator

    panel.set(**{f"{axis}lim": (low, high)})
    locator = MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3)
    at = locator.tick_values(low, min(high, 1.0))
    panel.set(**{f"{axis}ticks": [tick for tick in at if low <= tick <= min(high, 1.0001)]})
