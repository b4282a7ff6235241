"""A plot of a map for a browser, by Bokeh's own script: degrees, values under the pointer, backgrounds.

The page needs no network. A background of streets or satellite images is fetched only when the reader asks
for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bokeh.models import Div, GlyphRenderer, UIElement
    from bokeh.plotting import figure as Figure

BACKGROUNDS = {"streets": "OpenStreetMap Mapnik", "satellite images": "Esri World Imagery"}
EARTH_METRES = 6_378_137.0
"""The radius of the sphere of Web Mercator."""
_PANEL_PIXELS = 320
_HEAD = """{% block preamble %}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline';
  script-src 'unsafe-inline' 'unsafe-eval'; font-src data:; img-src data: blob: https://tile.openstreetmap.org
  https://server.arcgisonline.com">
{% endblock %}"""
"""The browser is told that the page loads nothing but backgrounds."""
_STYLE = """
:host { font: 14px/1.4 system-ui, sans-serif; color: #222 }
h1 { margin: 0; font-size: 18px; overflow-wrap: anywhere } p { margin: 4px 0 }
.note { color: #b3400f; font-weight: 600 }
.swatch { display: inline-block; width: 12px; height: 12px; margin: 0 5px -1px 0; border-radius: 2px }
.class { margin-right: 14px; white-space: nowrap }
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


def map_plot(bounds: tuple[float, float, float, float]) -> Figure:
    """Start a plot of a place, with a margin, whose axes are degrees."""
    from bokeh.models import Range1d
    from bokeh.plotting import figure

    left, bottom, right, top = bounds
    margin = 0.04 * max(right - left, top - bottom)
    plot = figure(
        x_axis_type="mercator", y_axis_type="mercator", match_aspect=True,
        x_range=Range1d(left - margin, right + margin),
        y_range=Range1d(bottom - margin, top + margin),
        tools="pan,wheel_zoom,box_zoom,reset,save", active_scroll="wheel_zoom",
        sizing_mode="stretch_both", background_fill_color="#ececea",
    )  # fmt: skip
    plot.grid.visible = False
    plot.xaxis.axis_label, plot.yaxis.axis_label = "longitude (degrees)", "latitude (degrees)"
    plot.toolbar.logo = None
    return plot


def show_values(
    plot: Figure,
    renderers: Sequence[GlyphRenderer[Any]],
    tooltips: Sequence[tuple[str, str]],
    formatters: Mapping[str, Any],
) -> None:
    """Show values under the pointer, with the place in degrees."""
    from bokeh.models import CustomJSHover, HoverTool

    degrees = CustomJSHover(
        args={"radius": EARTH_METRES},
        code="""
        const x = special_vars.x / radius * 180 / Math.PI, lon = (x + 540) % 360 - 180
        const lat = Math.atan(Math.sinh(special_vars.y / radius)) * 180 / Math.PI
        return Math.abs(lat).toFixed(5) + "° " + (lat < 0 ? "S" : "N") + ", " +
          Math.abs(lon).toFixed(5) + "° " + (lon < 0 ? "W" : "E")
        """,
    )
    hover = HoverTool(
        renderers=list(renderers),
        tooltips=[*tooltips, ("place", "$x{place}")],
        formatters={**formatters, "$x": degrees},
    )
    plot.add_tools(hover)


def _background(plot: Figure) -> UIElement:
    """Add backgrounds, none of which is fetched before it is chosen."""
    from bokeh.models import CustomJS, Select

    tiles = [plot.add_tile(name, visible=False, level="image") for name in BACKGROUNDS.values()]
    plot.renderers = [*tiles, *(each for each in plot.renderers if each not in tiles)]
    choice = Select(title="Background", value="none", options=["none", *BACKGROUNDS])
    show = "tiles.forEach((tile, n) => { tile.visible = cb_obj.value === names[n] })"
    choice.js_on_change(
        "value", CustomJS(args={"tiles": tiles, "names": list(BACKGROUNDS)}, code=show)
    )
    return choice


def text_block(text: str, **options: Any) -> Div:
    """Return a block of HTML in the page's style."""
    from bokeh.models import Div

    return Div(text=text, stylesheets=[_STYLE], sizing_mode="stretch_width", **options)


def write_page(
    plot: Figure,
    controls: Sequence[UIElement],
    title: str,
    note: str,
    facts: Mapping[str, str],
) -> str:
    """Write the page of a plot, with its title, controls and facts beside it."""
    from bokeh.embed import file_html
    from bokeh.layouts import column, row
    from bokeh.resources import INLINE

    head = f"<h1>{escape(title)}</h1>" + (f'<p class="note">{escape(note)}</p>' if note else "")
    listed = (f"<dt>{escape(key)}</dt><dd>{escape(fact)}</dd>" for key, fact in facts.items())
    panel = column(
        [text_block(head), *controls, _background(plot), text_block(f"<dl>{''.join(listed)}</dl>")],
        width=_PANEL_PIXELS, sizing_mode="stretch_height", margin=(8, 12, 8, 4), spacing=8,
    )  # fmt: skip
    page: str = file_html(
        row([plot, panel], sizing_mode="stretch_both"), INLINE, title, template=_HEAD
    )
    return page
