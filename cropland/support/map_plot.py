"""A plot of a map for a browser, by Bokeh: degrees, values under the pointer, backgrounds.

The page needs no network. A background of streets or satellite images is fetched only when the reader asks
for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.support.web_page import EARTH_METRES, html_page
from cropland.untrusted.texts import html_text

if TYPE_CHECKING:
    from bokeh.models import Div, GlyphRenderer, UIElement
    from bokeh.plotting import figure as Figure

BACKGROUNDS = {"streets": "OpenStreetMap Mapnik", "satellite images": "Esri World Imagery"}
_PANEL_PIXELS = 320


@dataclass(frozen=True)
class PageHead:
    """What stands beside the plots of a page.

    Attributes
    ----------
    title : str
        One line.
    note : str
        A line under the title; empty for none.
    facts : mapping of str to str
        Names and values.
    """

    title: str
    note: str
    facts: Mapping[str, str]


_STYLE = """
:host { font: 14px/1.4 system-ui, sans-serif; color: #222 }
h1 { margin: 0; font-size: 18px; overflow-wrap: anywhere } p { margin: 4px 0 }
.note { color: #b3400f; font-weight: 600 }
.swatch { display: inline-block; width: 12px; height: 12px; margin: 0 5px -1px 0; border-radius: 2px }
.class { margin-right: 14px; white-space: nowrap } .dot { border-radius: 6px }
.ramp { height: 12px; border-radius: 2px } .ends { display: flex; justify-content: space-between }
dl { margin: 0 } dt { color: #666; font-size: 12px } dd { margin: 0 0 6px; overflow-wrap: anywhere }
"""


def mercator(
    lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Project degrees to Web Mercator, metres; longitudes beyond 180 go on to the east."""
    x = EARTH_METRES * np.radians(lon)
    return x, EARTH_METRES * np.log(np.tan(np.pi / 4 + np.radians(lat) / 2))


def from_mercator(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return longitude and latitude, in degrees, of metres of Web Mercator."""
    return np.degrees(x / EARTH_METRES), np.degrees(np.arctan(np.sinh(y / EARTH_METRES)))


def map_plot(
    bounds: tuple[float, float, float, float], *, beside: Figure | None = None, title: str = ""
) -> Figure:
    """Start a plot of a place, with a margin, whose axes are degrees; one beside another moves with it."""
    from bokeh.models import BoxZoomTool, Range1d
    from bokeh.plotting import figure

    left, bottom, right, top = bounds
    margin = 0.04 * max(right - left, top - bottom)
    x_range = Range1d(left - margin, right + margin)
    y_range = Range1d(bottom - margin, top + margin)
    plot = figure(
        x_axis_type="mercator", y_axis_type="mercator", name=None if beside else "plot",
        x_range=beside.x_range if beside else x_range,
        y_range=beside.y_range if beside else y_range,
        tools="pan,wheel_zoom,box_zoom,reset,save", active_scroll="wheel_zoom",
        sizing_mode="stretch_both", background_fill_color="#ececea", title=title or None,
    )  # fmt: skip
    plot.grid.visible = False
    plot.xaxis.axis_label, plot.yaxis.axis_label = "longitude (degrees)", "latitude (degrees)"
    plot.toolbar.logo = None
    plot.select_one(BoxZoomTool).match_aspect = True
    if title:
        plot.title.text_font_size = "12px"
    return plot


def show_values(
    plot: Figure, renderers: Sequence[GlyphRenderer[Any]], number: int = 0, side: str = "horizontal"
) -> None:
    """Show the page's fields under the pointer, with the place in degrees: the so-many-th such tool."""
    from bokeh.models import HoverTool

    plot.add_tools(
        HoverTool(name=f"hover {number}", renderers=list(renderers), tooltips=None, attachment=side)
    )


def _background(plots: Sequence[Figure]) -> list[UIElement]:
    """Add backgrounds, none of which is fetched before it is chosen, and return their controls."""
    from bokeh.models import Select

    for plot, before in zip(plots, ("", "second "), strict=False):
        tiles = [
            plot.add_tile(provider, visible=False, level="image", name=f"{before}background {n}")
            for n, provider in enumerate(BACKGROUNDS.values())
        ]
        plot.renderers = [*tiles, *(each for each in plot.renderers if each not in tiles)]
    choice = Select(
        name="background", title="Background (needs the network)", value="none",
        options=["none", *BACKGROUNDS],
    )  # fmt: skip
    note = '<p class="note">No background: the network or its server does not answer.</p>'
    return [choice, text_block(note, name="background note", visible=False)]


def text_block(text: str, **options: Any) -> Div:
    """Return a block of HTML in the page's style."""
    from bokeh.models import Div

    # Bokeh would typeset what stands between dollars.
    style: dict[str, Any] = {"stylesheets": [_STYLE], "sizing_mode": "stretch_width"}
    return Div(text=text, disable_math=True, **style, **options)


def write_page(
    plots: Sequence[Figure],
    controls: Sequence[UIElement],
    head: PageHead,
    fields: Mapping[str, Sequence[str]],
    texts: Sequence[str] = (),
) -> str:
    """Write the page of plots, with what stands beside them; fields and texts as of `html_page`."""
    from bokeh.layouts import column, row

    text = f"<h1>{html_text(head.title)}</h1>"
    if head.note:
        text += f'<p class="note">{html_text(head.note)}</p>'
    facts = head.facts.items()
    listed = (f"<dt>{html_text(key)}</dt><dd>{html_text(fact)}</dd>" for key, fact in facts)
    panel = column(
        [text_block(text), *controls, *_background(plots),
         text_block(f"<dl>{''.join(listed)}</dl>")],
        width=_PANEL_PIXELS, sizing_mode="stretch_height", margin=(8, 12, 8, 4), spacing=8,
        styles={"max-height": "calc(100vh - 16px)", "overflow": "hidden auto", "padding-right": "8px"},
    )  # fmt: skip
    layout = row([*plots, panel], sizing_mode="stretch_both")
    return html_page(layout, head.title, fields, texts)
