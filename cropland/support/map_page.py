"""Pages for a browser that show images or points on a map: one file each, which needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.support.map_plot import map_plot, mercator, show_values, text_block, write_page

if TYPE_CHECKING:
    from bokeh.models import GlyphRenderer
    from bokeh.plotting import figure as Figure


@dataclass(frozen=True, eq=False)
class ImageLayer:
    """An image in Web Mercator whose pixels are codes.

    Attributes
    ----------
    name, label : str
        In the list of layers, and above its legend.
    codes : ndarray of uint8, shape (row, column)
        From north to south.
    colours : ndarray of uint8, shape (256, 4)
        Red, green, blue and opacity of each code.
    words : sequence of str
        The value of each code as text, 256 of them; ``no data`` of a code without one.
    classes : mapping of int to str
        Codes with a name of their own; empty for a scale.
    ends : tuple of str
        The values at the ends of a scale.
    top : int
        The code at the upper end of a scale.
    """

    name: str
    label: str
    codes: NDArray[np.uint8]
    colours: NDArray[np.uint8]
    words: Sequence[str]
    classes: Mapping[int, str] = field(default_factory=dict)
    ends: tuple[str, str] = ("", "")
    top: int = 1


@dataclass(frozen=True, eq=False)
class PointLayer:
    """Points that are drawn alike.

    Attributes
    ----------
    name : str
        In the legend.
    lon, lat : ndarray of float, shape (point,)
        Degrees.
    fields : mapping of str to sequence of str
        What is shown under the pointer, by name; the same names in all layers of a page.
    colours : sequence of str
        The fill of each point.
    size, outline, width
        Diameter in pixels, colour and width of the edge.
    """

    name: str
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    fields: Mapping[str, Sequence[str]]
    colours: Sequence[str]
    size: float = 9
    outline: str = "white"
    width: float = 0.8


def image_page(
    layers: Sequence[ImageLayer],
    bounds: tuple[float, float, float, float],
    *,
    title: str,
    note: str = "",
    facts: Mapping[str, str],
) -> str:
    """Write a page that shows one of several images at a time.

    Parameters
    ----------
    layers : sequence of ImageLayer
        All of one shape; the first is shown first.
    bounds : tuple of float
        Left, bottom, right and top of the images, metres of Web Mercator.
    title : str
        One line.
    note : str
        A line under the title; empty for none.
    facts : mapping of str to str
        Shown beside the map.

    Returns
    -------
    str
        An HTML page.
    """
    from bokeh.models import ColumnDataSource, CustomJS, CustomJSHover, RadioGroup, Slider

    left, bottom, right, top = bounds
    plot = map_plot(bounds)
    plot.quad(
        left, right, bottom, top, fill_color="#f4f4f4", line_color="#888", hatch_pattern="/",
        hatch_color="#dddddd", hatch_scale=8, level="underlay",
    )  # fmt: skip
    place = {"x": [left], "y": [bottom], "dw": [right - left], "dh": [top - bottom]}
    # Bokeh's rows go from south to north.
    source = ColumnDataSource(place | {layer.name: [layer.codes[::-1]] for layer in layers})
    images = [_image(plot, source, layer, visible=not n) for n, layer in enumerate(layers)]
    words = {layer.name: list(layer.words) for layer in layers}
    formatter = CustomJSHover(args={"words": words}, code="return words[format][value]")
    tooltips = [(layer.name, f"@{{{layer.name}}}{{{layer.name}}}") for layer in layers]
    show_values(plot, images, tooltips, {f"@{{{layer.name}}}": formatter for layer in layers})
    legends = [text_block(_legend(layer), visible=not n) for n, layer in enumerate(layers)]
    choice = RadioGroup(labels=[layer.name for layer in layers], active=0)
    show = "parts.forEach((part, n) => { part.visible = n % count === cb_obj.active })"
    shown = CustomJS(args={"parts": [*images, *legends], "count": len(layers)}, code=show)
    choice.js_on_change("active", shown)
    opacity = Slider(title="Opacity, %", start=0, end=100, value=100, step=5)
    fade = "images.forEach((image) => { image.glyph.global_alpha = cb_obj.value / 100 })"
    opacity.js_on_change("value", CustomJS(args={"images": images}, code=fade))
    return write_page(plot, [choice, *legends, opacity], title, note, facts)


def point_page(
    layers: Sequence[PointLayer],
    bounds: tuple[float, float, float, float],
    *,
    title: str,
    note: str = "",
    facts: Mapping[str, str],
) -> str:
    """Write a page that shows points; a click on the legend hides a layer.

    Parameters
    ----------
    layers : sequence of PointLayer
        The last is drawn on top.
    bounds : tuple of float
        West, south, east and north of a frame, degrees.
    title, note, facts
        As of `image_page`.

    Returns
    -------
    str
        An HTML page.
    """
    from bokeh.models import ColumnDataSource

    west, south, east, north = bounds
    (left, right), (bottom, top) = mercator(np.array([west, east]), np.array([south, north]))
    plot = map_plot((left, bottom, right, top))
    plot.quad(left, right, bottom, top, fill_color=None, line_color="#555")
    drawn = []
    for layer in layers:
        x, y = mercator(layer.lon, layer.lat)
        source = ColumnDataSource({**layer.fields, "x": x, "y": y, "colour": layer.colours})
        points = plot.scatter(
            "x", "y", source=source, size=layer.size, fill_color="colour", fill_alpha=0.9,
            line_color=layer.outline, line_width=layer.width, legend_label=layer.name,
        )  # fmt: skip
        drawn.append(points)
    if layers:
        show_values(plot, drawn, [(name, f"@{{{name}}}") for name in layers[0].fields], {})
        plot.add_layout(plot.legend[0], "above")
        plot.legend.update(click_policy="hide", orientation="horizontal", border_line_color=None)
    return write_page(plot, [], title, note, facts)


def _image(plot: Figure, source: Any, layer: ImageLayer, *, visible: bool) -> GlyphRenderer[Any]:
    from bokeh.models import LinearColorMapper

    palette = ["#" + bytes(colour).hex() for colour in layer.colours]
    mapper = LinearColorMapper(palette=palette, low=-0.5, high=255.5)
    image: GlyphRenderer[Any] = plot.image(
        layer.name, "x", "y", "dw", "dh", source=source, color_mapper=mapper, visible=visible
    )
    return image


def _legend(layer: ImageLayer) -> str:
    """Write the legend of an image: its classes, or its scale."""
    colours = ["#" + bytes(colour).hex() for colour in layer.colours]
    nothing = _swatch("repeating-linear-gradient(135deg, #f4f4f4 0 3px, #ccc 3px 4px)", "no data")
    if layer.classes:
        pairs = ((colours[code], name) for code, name in layer.classes.items())
        return "".join(_swatch(colour, name) for colour, name in pairs) + nothing
    stops = ", ".join(colours[code] for code in np.linspace(0, layer.top, 17).astype(int))
    ends = "".join(f"<span>{escape(end)}</span>" for end in layer.ends)
    return (
        f'<p>{escape(layer.label)}</p><div class="ramp" style="background: linear-gradient(to right, '
        f'{stops})"></div><div class="ends">{ends}</div>{nothing}'
    )


def _swatch(fill: str, name: str) -> str:
    return (
        f'<span class="class"><span class="swatch" style="background: {fill}"></span>'
        f"{escape(name)}</span>"
    )
