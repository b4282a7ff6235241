"""The predictions of the original solution, on a plain map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cropland.support import figure_style

if TYPE_CHECKING:
    import pandas as pd

    from cropland.config.countries import Country


def predicted_points(
    table: pd.DataFrame, countries: Sequence[Country], title: str, remark: str
) -> bytes:
    """Draw predicted points, a panel a country.

    Parameters
    ----------
    table : DataFrame
        ``Lat, Lon`` (degrees) and ``Target`` (1 cropland, 0 not, <NA> not predicted) of each point.
    countries : sequence of Country
        Which boxes to draw.
    title, remark : str
        The first and the second line above; the second may be empty.
    """
    figure = figure_style.new(4.0 * len(countries) + 0.4, 4.6)
    panels = figure.subplots(1, len(countries), squeeze=False)[0]
    classes = (("cropland", 1, figure_style.CROPLAND, "o"), ("other", 0, figure_style.OTHER, "s"))
    for panel, country in zip(panels, countries, strict=True):
        box = country.box
        own = table[
            table["Lat"].between(box.south, box.north) & table["Lon"].between(box.west, box.east)
        ]
        for name, label, colour, marker in classes:
            some = own[(own["Target"] == label).fillna(False)]
            panel.scatter(
                some["Lon"],
                some["Lat"],
                s=9,
                color=colour,
                marker=marker,
                linewidths=0,
                label=f"{name} ({len(some)})",
            )
        panel.set(xlim=(box.west, box.east), ylim=(box.south, box.north))
        # A degree of longitude is shorter than one of latitude; draw the ground as it is.
        panel.set_aspect(1 / math.cos(math.radians((box.south + box.north) / 2)))
        panel.set_title(country.title, loc="left")
        panel.set_xlabel("longitude (°E)")
        figure_style.plain(panel, grid="both")
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False)
    panels[0].set_ylabel("latitude (°N)")
    figure.suptitle("\n".join(line for line in (title, remark) if line), x=0.01, ha="left")
    return figure_style.png(figure)
