"""Pages for a browser that show images or points on a map: one file each, which needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.errors import visible
from cropland.support.map_plot import (
    PageHead,
    map_plot,
    mercator,
    show_values,
    text_block,
    write_page,
)
from cropland.untrusted.texts import html_text

if TYPE_CHECKING:
    from bokeh.models import GlyphRenderer, UIElement
    from bokeh.plotting import figure as Figure

    from cropland.support.map_layers import ImageLayer, PointLayer


Bounds = tuple[float, float, float, float]
"""West or left, south or bottom, east or right, north or top."""


def image_page(
    layers: Sequence[ImageLayer],
    bounds: Bounds,
    *,
    title: str,
    note: str = "",
    facts: Mapping[str, str],
    points: Sequence[PointLayer] = (),
    colours: Mapping[str, str] | None = None,
) -> str:
    """Write a page that shows one of several images at a time, and points on it.

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
    points : sequence of PointLayer
        Drawn over the image, the last on top; each can be hidden.
    colours : mapping of str to str, optional
        What the colours of the points mean: colour by name.

    Returns
    -------
    str
        An HTML page.
    """
    return _images(
        [[layer] for layer in layers],
        bounds,
        [""],
        PageHead(title, note, facts),
        points,
        colours or {},
    )


def comparison_page(
    pairs: Sequence[tuple[ImageLayer, ImageLayer]],
    bounds: Bounds,
    *,
    names: tuple[str, str],
    title: str,
    note: str = "",
    facts: Mapping[str, str],
) -> str:
    """Write a page with two maps beside each other, which move together.

    Parameters
    ----------
    pairs : sequence of (ImageLayer, ImageLayer)
        What is shown on the left and on the right at a time; the title of the right one is the
        pair's in the list. All layers that differ have different names.
    names : tuple of str
        What stands above the left and the right map.
    bounds, title, note, facts
        As of `image_page`.
    """
    return _images(pairs, bounds, names, PageHead(title, note, facts), (), {})


def _images(
    choices: Sequence[Sequence[ImageLayer]],
    bounds: Bounds,
    names: Sequence[str],
    head: PageHead,
    points: Sequence[PointLayer],
    colours: Mapping[str, str],
) -> str:
    """Write a page of one plot a name, which show one of the choices at a time, an image a plot."""
    from bokeh.models import ColumnDataSource, RadioGroup, Slider

    left, bottom, right, top = bounds
    every = {layer.name: layer for choice in choices for layer in choice}
    place = {"x": [left], "y": [bottom], "dw": [right - left], "dh": [top - bottom]}
    # Bokeh's rows go from south to north.
    codes = {name: [layer.codes[::-1]] for name, layer in every.items()}
    source = ColumnDataSource(place | codes)
    plots: list[Figure] = []
    for number, (name, before) in enumerate(zip(names, ("", "second "), strict=False)):
        plot = map_plot(bounds, beside=plots[0] if plots else None, title=name)
        plot.quad(
            left, right, bottom, top, fill_color="#f4f4f4", line_color="#888", hatch_pattern="/",
            hatch_color="#dddddd", hatch_scale=8, level="underlay",
        )  # fmt: skip
        images = [
            _image(plot, source, choice[number], n, before) for n, choice in enumerate(choices)
        ]
        show_values(plot, images, number)
        plots.append(plot)
    legends = [
        text_block(_legend(choice), name=f"legend {n}", visible=not n)
        for n, choice in enumerate(choices)
    ]
    labels = [choice[-1].title or choice[-1].name for choice in choices]
    layer = RadioGroup(name="layer", labels=labels, active=0)
    opacity = Slider(
        name="opacity", title="Opacity, %", start=0, end=100, value=100, step=5, width=280
    )
    controls = [layer, *legends, opacity]
    if points:
        controls += _draw_points(plots[0], points, colours, len(plots))
    words = {name: list(layer.words) for name, layer in every.items()}
    return write_page(plots, controls, head, words, list(points[0].fields) if points else ())


def point_page(
    layers: Sequence[PointLayer],
    frames: Sequence[Bounds],
    *,
    title: str,
    note: str = "",
    facts: Mapping[str, str],
    colours: Mapping[str, str] | None = None,
) -> str:
    """Write a page that shows points; each layer can be hidden.

    Parameters
    ----------
    layers : sequence of PointLayer
        The last is drawn on top.
    frames : sequence of tuple of float
        West, south, east and north of each frame, degrees; all are in view.
    title, note, facts, colours
        As of `image_page`.

    Returns
    -------
    str
        An HTML page.
    """
    west, south, east, north = np.array(frames).T
    left, bottom = mercator(west, south)
    right, top = mercator(east, north)
    plot = map_plot((left.min(), bottom.min(), right.max(), top.max()))
    for sides in np.stack([left, right, bottom, top], axis=1).tolist():
        plot.quad(*sides, fill_color=None, line_color="#555")
    controls = _draw_points(plot, layers, colours or {}, 0) if layers else []
    head = PageHead(title, note, facts)
    return write_page([plot], controls, head, {}, list(layers[0].fields) if layers else ())


def _draw_points(
    plot: Figure, layers: Sequence[PointLayer], colours: Mapping[str, str], number: int
) -> list[UIElement]:
    """Draw layers of points; return their legend, and the control that hides each."""
    from bokeh.models import CheckboxGroup, ColumnDataSource

    drawn = []
    for n, layer in enumerate(layers):
        x, y = mercator(layer.lon, layer.lat)
        texts = {name: [visible(text) for text in column] for name, column in layer.fields.items()}
        source = ColumnDataSource({**texts, "x": x, "y": y, "colour": layer.colours})
        points = plot.scatter(
            "x", "y", source=source, size=layer.size, fill_color="colour", fill_alpha=0.9,
            line_color=layer.outline, line_width=layer.width, name=f"points {n}",
        )  # fmt: skip
        drawn.append(points)
    show_values(plot, drawn, number, "vertical")
    shown = list(range(len(layers)))
    choice = CheckboxGroup(name="points", labels=[layer.name for layer in layers], active=shown)
    swatches = "".join(_swatch(colour, name, "dot") for name, colour in colours.items())
    return [choice, *([text_block(f"<p>Points: {swatches}</p>")] if swatches else [])]


def _image(
    plot: Figure, source: Any, layer: ImageLayer, number: int, before: str
) -> GlyphRenderer[Any]:
    from bokeh.models import LinearColorMapper

    palette = [_hexadecimal(colour) for colour in layer.colours]
    mapper = LinearColorMapper(palette=palette, low=-0.5, high=255.5)
    image: GlyphRenderer[Any] = plot.image(
        layer.name, "x", "y", "dw", "dh", source=source, color_mapper=mapper, visible=not number,
        name=f"{before}layer {number}",
    )  # fmt: skip
    return image


def _legend(layers: Sequence[ImageLayer]) -> str:
    """Write the legend of images that are shown together: their classes, or the scale of the last."""
    nothing = _swatch("repeating-linear-gradient(135deg, #f4f4f4 0 3px, #ccc 3px 4px)", "no data")
    if layers[-1].classes:
        swatches = (
            _swatch(_hexadecimal(layer.colours[code]), name)
            for layer in layers
            for code, name in layer.classes.items()
        )
        return "".join(dict.fromkeys(swatches)) + nothing
    last = layers[-1]
    stops = ", ".join(
        _hexadecimal(last.colours[code]) for code in np.linspace(0, last.top, 17).astype(int)
    )
    ends = "".join(f"<span>{html_text(end)}</span>" for end in last.ends)
    return (
        f'<p>{html_text(last.label)}</p><div class="ramp" style="background: linear-gradient(to right, '
        f'{stops})"></div><div class="ends">{ends}</div>{nothing}'
    )


def _hexadecimal(colour: NDArray[np.uint8]) -> str:
    return "#" + bytes(colour).hex()


def _swatch(fill: str, name: str, shape: str = "") -> str:
    return (
        f'<span class="class"><span class="swatch {shape}" style="background: {fill}"></span>'
        f"{html_text(name)}</span> "
    )
