"""A map of one country's points: truth, prediction and where these differ, as a page for a browser.

Leaflet, which makes the page a map, is fetched from folium's CDN by the reader's browser, and background
tiles only when the reader asks for them. Without a network the page shows a plain drawing of the same points
instead, with the same layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cropland.support.figure_style import CROPLAND, OTHER

if TYPE_CHECKING:
    import folium
    import pandas as pd

    from cropland.config.countries import Box

CLASSES = {1: "cropland", 0: "other"}
UNKNOWN = "–"
FIELDS = ("ID", "truth", "prediction", "probability")
_COLOURS = {"cropland": CROPLAND, "other": OTHER, UNKNOWN: "#999999"}
_TRANSPARENT = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
_TILES = {"OpenStreetMap": "streets", "Esri.WorldImagery": "satellite image"}
_WIDTH = 900
_PAGE = """
<style>
  .folium-map {{ background: #f2f2f2 }}
  .swatch {{ display: inline-block; width: 9px; height: 9px; border-radius: 50% }}
  #title {{ position: fixed; left: 54px; top: 10px; z-index: 1000; padding: 4px 10px;
    background: rgba(255, 255, 255, 0.85); font: bold 15px sans-serif }}
  #plain {{ position: absolute; inset: 0; z-index: 900; overflow: auto; padding: 50px 20px 20px;
    background: white; font: 13px sans-serif }}
  #plain svg {{ display: block; max-width: 100%; margin-top: 8px; background: #f2f2f2 }}
  {rules}
</style>
<div id="title">{title}</div>
<div id="plain">
  <p>Leaflet could not be loaded, it comes from the network: this is a plain drawing of the same points.
    Rest the pointer on one for its values.</p>
  {drawing}
</div>
<script>document.getElementById("plain").hidden = typeof L !== "undefined";</script>
<style>#plain[hidden] {{ display: none }}</style>
"""


class _Layer(NamedTuple):
    """Points drawn alike: ``key``, what the legend says, the points, and their outline."""

    key: str
    legend: str
    rows: list[dict[str, Any]]
    radius: float
    outline: str
    weight: float


def points_map(table: pd.DataFrame, *, title: str, box: Box | None = None) -> bytes:
    """Draw points on a map.

    Parameters
    ----------
    table : pandas.DataFrame
        ``ID``, ``Lat``, ``Lon`` (degrees), ``Target`` (1 cropland, 0 not, NaN unlabelled), ``label`` and
        ``probability`` of cropland as predicted, NaN where not predicted.
    title : str
        One line.
    box : Box, optional
        The country's, drawn as a frame.

    Returns
    -------
    bytes
        An HTML page. A misclassified point stands in a layer of its own, ringed, in the colour of its truth.
    """
    import folium

    layers = _layers(table)
    south, west, north, east = bounds = _bounds(table, box)
    chart = folium.Map(tiles=None, control_scale=True, prefer_canvas=True)
    # Markers and panels that need the other libraries folium links are not used.
    chart.default_js = [each for each in chart.default_js if each[0] == "leaflet"]
    chart.default_css = [each for each in chart.default_css if each[0] == "leaflet_css"]
    folium.TileLayer(_TRANSPARENT, attr=" ", name="no background").add_to(chart)
    for tiles, name in _TILES.items():
        folium.TileLayer(tiles, name=name, show=False).add_to(chart)
    if box is not None:
        frame = [(south, west), (north, east)]
        folium.Rectangle(frame, color="black", weight=1, fill=False).add_to(chart)
    for layer in layers:
        _leaflet(layer).add_to(chart)
    folium.LayerControl(collapsed=False).add_to(chart)
    chart.fit_bounds([(south, west), (north, east)])
    return _page(chart, title, layers, bounds)


def _layers(table: pd.DataFrame) -> list[_Layer]:
    """Part points into layers; the misclassified ones are drawn last, on top."""
    target, label = table["Target"], table["label"]
    wrong = target.isin(list(CLASSES)) & label.notna() & (label != target)
    keys = np.select(
        [wrong, target == 1, target == 0], ["misclassified", "cropland", "other"], "unlabelled"
    )
    looks = {
        "unlabelled": ("unlabelled", 3.0, "#666666", 0.8),
        "other": ("other", 4.5, "white", 0.8),
        "cropland": ("cropland", 4.5, "white", 0.8),
        "misclassified": ("misclassified, in the colour of the truth", 6.5, "black", 2.5),
    }
    layers = []
    for key, (legend, radius, outline, weight) in looks.items():
        rows = [_told(row) for row in table[keys == key].to_dict("records")]
        if rows:
            layers.append(_Layer(key, f"{legend} ({len(rows):,})", rows, radius, outline, weight))
    return layers


def _told(row: dict[Any, Any]) -> dict[str, Any]:
    """Say what is known of a point, safe to stand in HTML."""
    probability = row["probability"]
    truth = CLASSES.get(row["Target"], UNKNOWN)
    return {
        "ID": escape(str(row["ID"])),
        "truth": truth,
        "prediction": CLASSES.get(row["label"], UNKNOWN),
        "probability": UNKNOWN if np.isnan(probability) else f"{probability:.2f}",
        "place": (float(row["Lon"]), float(row["Lat"])),
        "style": {"fillColor": _COLOURS[truth]},
    }


def _leaflet(layer: _Layer) -> folium.GeoJson:
    """Make a layer of the map."""
    import folium

    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": row["place"]},
            "properties": {name: row[name] for name in (*FIELDS, "style")},
        }
        for row in layer.rows
    ]
    return folium.GeoJson(
        {"type": "FeatureCollection", "features": features},
        name=f"{_swatch(layer)} {layer.legend}",
        marker=folium.CircleMarker(
            radius=layer.radius, color=layer.outline, weight=layer.weight, fill_opacity=0.9
        ),
        popup=folium.GeoJsonPopup(fields=list(FIELDS)),
    )


def _page(
    chart: folium.Map,
    title: str,
    layers: Sequence[_Layer],
    bounds: tuple[float, float, float, float],
) -> bytes:
    """Give the page, with its title and what is shown where there is no network."""
    from branca.element import Element

    root: Any = chart.get_root()
    # As a variable: an Element's own text is a template, in which a title might be taken for code.
    element: Any = Element("{{ this.page }}")
    element.page = _PAGE.format(
        title=escape(title), rules=_rules(layers), drawing=_drawing(layers, bounds)
    )
    root.html.add_child(element)
    root.title = escape(title)
    return str(root.render()).encode()


def _drawing(layers: Sequence[_Layer], bounds: tuple[float, float, float, float]) -> str:
    """Draw the points as SVG, behind a switch for each layer."""
    south, west, north, east = bounds
    scale = _WIDTH / max((east - west) * np.cos(np.radians((south + north) / 2)), 1e-9)
    height = max(1.0, (north - south) * scale)
    switches, groups = [], []
    for layer in layers:
        switches.append(
            f'<input type="checkbox" id="show-{layer.key}" checked><label for="show-{layer.key}">'
            f"{_swatch(layer)} {layer.legend}</label>"
        )
        circles = []
        for row in layer.rows:
            lon, lat = row["place"]
            x, y = (lon - west) / max(east - west, 1e-9) * _WIDTH, (north - lat) * scale
            said = "\n".join(f"{name}: {row[name]}" for name in FIELDS)
            circles.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{layer.radius}" '
                f'fill="{row["style"]["fillColor"]}"><title>{said}</title></circle>'
            )
        groups.append(
            f'<g class="{layer.key}" stroke="{layer.outline}" stroke-width="{layer.weight}">'
            f"{''.join(circles)}</g>"
        )
    edges = f"lat {south:.3f}…{north:.3f}, lon {west:.3f}…{east:.3f} (degrees), north is up"
    view = f'viewBox="-10 -10 {_WIDTH + 20} {height + 20:.1f}" width="{_WIDTH}"'
    return f"{''.join(switches)}<svg {view}>{''.join(groups)}</svg><p>{edges}</p>"


def _rules(layers: Sequence[_Layer]) -> str:
    """Write the style rules by which a switch of the plain drawing hides its layer."""
    return "\n  ".join(
        f"#show-{each.key}:not(:checked) ~ svg .{each.key} {{ display: none }}" for each in layers
    )


def _swatch(layer: _Layer) -> str:
    """Draw a layer's sign for its legend."""
    fill = {"misclassified": "white", "unlabelled": _COLOURS[UNKNOWN]}.get(layer.key)
    outline = f"border: {max(1, round(layer.weight))}px solid {layer.outline}"
    return (
        f'<span class="swatch" style="background: {fill or _COLOURS[layer.key]}; {outline}"></span>'
    )


def _bounds(table: pd.DataFrame, box: Box | None) -> tuple[float, float, float, float]:
    """Give south, west, north and east: of the box, else of the points."""
    if box is not None:
        return box.south, box.west, box.north, box.east
    lat, lon = table["Lat"], table["Lon"]
    return float(lat.min()), float(lon.min()), float(lat.max()), float(lon.max())
