"""How every figure looks: colours that colour-blind readers tell apart, plain axes, PNG bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from cropland.untrusted.texts import terminal_text

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
"""Okabe & Ito 2008: distinct also for colour-blind readers."""
CROPLAND, OTHER = "#009E73", "#E69F00"
"""Colours of the two classes, in every figure and map."""
MARKERS = "osD^vP*X"
DPI = 120
ERRORS = "bars: ± 1 s.e."
"""What error bars are, in every figure that has some."""


def new(width: float, height: float) -> Figure:
    """Start a figure of so many inches whose parts make room for each other."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def plain(panel: Axes, *, grid: str = "y") -> None:
    """Remove the frame's upper and right line; draw a light grid behind the data."""
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis=grid, color="0.9", linewidth=0.8)  # type: ignore[arg-type]
    panel.set_axisbelow(True)


def png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG; its texts are drawn as they are, without formulas."""
    show_literally(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def show_literally(artist: Artist) -> None:
    """Draw the texts of a figure, or of a part of it, as they are.

    Matplotlib takes what stands between dollars for a formula, and fails on one that it cannot read.
    """
    from matplotlib.text import Text

    for text in artist.findobj(Text):
        text.set_parse_math(False)
        text.set_text(terminal_text(text.get_text()))
