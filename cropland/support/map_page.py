"""Pages for a browser that show images or points on a map: one file each, which needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.errors import visible
from cropland.support.map_plot import map_plot, mercator, show_values, text_block, write_page
from cropland.untrusted.texts import html_text

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
    from bokeh.models import ColumnDataSource, RadioGroup, Slider

    left, bottom, right, top = bounds
    plot = map_plot(bounds)
    plot.quad(
        left, right, bottom, top, fill_color="#f4f4f4", line_color="#888", hatch_pattern="/",
        hatch_color="#dddddd", hatch_scale=8, level="underlay",
    )  # fmt: skip
    place = {"x": [left], "y": [bottom], "dw": [right - left], "dh": [top - bottom]}
    # Bokeh's rows go from south to north.
    source = ColumnDataSource(place | {layer.name: [layer.codes[::-1]] for layer in layers})
    images = [_image(plot, source, layer, n) for n, layer in enumerate(layers)]
    show_values(plot, images)
    legends = [
        text_block(_legend(layer), name=f"legend {n}", visible=not n)
        for n, layer in enumerate(layers)
    ]
    choice = RadioGroup(name="layer", labels=[layer.name for layer in layers], active=0)
    opacity = Slider(name="opacity", title="Opacity, %", start=0, end=100, value=100, step=5)
    words = {layer.name: list(layer.words) for layer in layers}
    return write_page(plot, [choice, *legends, opacity], title, note, facts, words)


def point_page(
    layers: Sequence[PointLayer],
    frames: Sequence[tuple[float, float, float, float]],
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
    frames : sequence of tuple of float
        West, south, east and north of each frame, degrees; all are in view.
    title, note, facts
        As of `image_page`.

    Returns
    -------
    str
        An HTML page.
    """
    from bokeh.models import ColumnDataSource

    west, south, east, north = np.array(frames).T
    left, bottom = mercator(west, south)
    right, top = mercator(east, north)
    plot = map_plot((left.min(), bottom.min(), right.max(), top.max()))
    for sides in np.stack([left, right, bottom, top], axis=1).tolist():
        plot.quad(*sides, fill_color=None, line_color="#555")
    drawn = []
    for layer in layers:
        x, y = mercator(layer.lon, layer.lat)
        texts = {name: [visible(text) for text in column] for name, column in layer.fields.items()}
        source = ColumnDataSource({**texts, "x": x, "y": y, "colour": layer.colours})
        points = plot.scatter(
            "x", "y", source=source, size=layer.size, fill_color="colour", fill_alpha=0.9,
            line_color=layer.outline, line_width=layer.width, legend_label=layer.name,
        )  # fmt: skip
        drawn.append(points)
    if layers:
        show_values(plot, drawn)
        plot.add_layout(plot.legend[0], "above")
        plot.legend.update(click_policy="hide", orientation="horizontal", border_line_color=None)
    fields = dict.fromkeys(layers[0].fields) if layers else {}
    return write_page(plot, [], title, note, facts, fields)


def _image(plot: Figure, source: Any, layer: ImageLayer, number: int) -> GlyphRenderer[Any]:
    from bokeh.models import LinearColorMapper

    palette = ["#" + bytes(colour).hex() for colour in layer.colours]
    mapper = LinearColorMapper(palette=palette, low=-0.5, high=255.5)
    image: GlyphRenderer[Any] = plot.image(
        layer.name, "x", "y", "dw", "dh", source=source, color_mapper=mapper, visible=not number,
        name=f"layer {number}",
    )  # fmt: skip
    return image


def _legend(layer: ImageLayer) -> str:
    """Write the legend of an image: its classes, or its scale."""
    colours = ["#" + bytes(colour).hex() for colour in layer.colours]
    nothing = _swatch("repeating-linear-gradient(135deg, #f4f4f4 0 3px, #ccc 3px 4px)", "no data")
    if layer.classes:
        pairs = ((colours[code], name) for code, name in layer.classes.items())
        return "".join(_swatch(colour, name) for colour, name in pairs) + nothing
    stops = ", ".join(colours[code] for code in np.linspace(0, layer.top, 17).astype(int))
    ends = "".join(f"<span>{html_text(end)}</span>" for end in layer.ends)
    return (
        f'<p>{html_text(layer.label)}</p><div class="ramp" style="background: linear-gradient(to right, '
        f'{stops})"></div><div class="ends">{ends}</div>{nothing}'
    )


def _swatch(fill: str, name: str) -> str:
    return (
        f'<span class="class"><span class="swatch" style="background: {fill}"></span>'
        f"{html_text(name)}</span>"
    )
