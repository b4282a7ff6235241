"""One HTML file that shows a document of Bokeh: its data are text, and only its own scripts run.

The page is put together of constants and two texts of `cropland.untrusted.texts`: its title, and the document
as JSON in a script element that browsers do not run. No template is filled. The content security policy
names the page's scripts by their hashes, which do not depend on data: what found a way into the page would
not run. Styles are inline, as Bokeh writes them.

Bokeh compiles callbacks (``CustomJS``) from texts in the browser, for which a policy needs ``unsafe-eval``. A
page has none: what it does when a control is used stands in its own script, which finds the models of the
document by their names:

- ``plot`` (``Plot``): a metre is as long to the east as to the north, in a window of any size; another plot
  with its ranges and its size follows;
- ``hover 0`` … (``HoverTool``): their tooltips show, of an image, the ``fields`` of the page, which are names
  of columns with the words of each code; of a point its ``texts``, which are names of columns of texts;
- ``background`` (``Select``): shows one of the models ``background 0`` …, its options after the first, and of
  ``second background 0`` …; ``background note`` (``Div``) is shown where none can be loaded;
- ``layer`` (``RadioGroup``): shows one of the models ``layer 0`` …, ``second layer 0`` …, ``legend 0`` …;
- ``points`` (``CheckboxGroup``): shows some of the models ``points 0`` …;
- ``opacity`` (``Slider``): percent, of the models ``layer 0`` … and ``second layer 0`` ….

Models of a second plot beside the first have the names that begin with ``second``.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from cropland.untrusted.texts import html_text, script_json

if TYPE_CHECKING:
    from bokeh.models import UIElement

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline';
  script-src {hashes}; font-src data:; img-src data: blob: https://tile.openstreetmap.org
  https://server.arcgisonline.com; base-uri 'none'; form-action 'none'">
"""
"""The browser lets the page run its own scripts only, and load nothing but backgrounds."""
_STYLE = "<style>html, body { height: 100%; margin: 0 } #plot { display: contents }</style>"
EARTH_METRES = 6_378_137.0
"""The radius of the sphere of Web Mercator."""
_SCRIPT = r"""
const page = JSON.parse(document.getElementById("page").textContent)

function row(label, text) {
  const line = document.createElement("div"), name = document.createElement("span")
  name.style.color = "#26aae1"
  name.textContent = label + ": "
  line.append(name, text)
  return line
}

function place({x, y}) {
  const lon = (x / RADIUS * 180 / Math.PI + 540) % 360 - 180
  const lat = Math.atan(Math.sinh(y / RADIUS)) * 180 / Math.PI
  return Math.abs(lat).toFixed(5) + "° " + (lat < 0 ? "S" : "N") + ", " +
    Math.abs(lon).toFixed(5) + "° " + (lon < 0 ? "W" : "E")
}

function tooltip(source, under) {
  const lines = document.createElement("div"), pixel = under.image_index
  if (pixel) {
    for (const [name, words] of page.fields)
      lines.append(row(name, words[source.get_column(name)[pixel.index][pixel.flat_index]]))
  } else {
    for (const name of page.texts) lines.append(row(name, source.get_column(name)[under.index]))
  }
  lines.append(row("place", place(under)))
  return lines
}

Bokeh.embed.embed_item(page.item, "plot").then(() => {
  const model = (name) => Bokeh.documents[0].get_model_by_name(name)
  const numbered = (name, found = []) => {
    const next = model(name + " " + found.length)
    return next ? numbered(name, [...found, next]) : found
  }
  const changed = (name, attribute, act) => {
    const control = model(name)
    if (control) control.properties[attribute].change.connect(() => act(control[attribute], control))
  }
  const show = (models, chosen) => models.forEach((one, n) => { one.visible = n === chosen })
  const both = (name) => [numbered(name), numbered("second " + name)]
  const plot = model("plot"), sides = [plot.x_range, plot.y_range]
  const bounds = sides.map(({start, end}) => [start, end])
  let before = 0
  const fit = () => {
    const pixels = [plot.inner_width, plot.inner_height]
    if (!pixels.every((number) => number > 0)) return
    const whole = Math.max(...bounds.map(([start, end], n) => (end - start) / pixels[n]))
    const scale = before ? (sides[0].end - sides[0].start) / before : whole
    before = pixels[0]
    sides.forEach((side, n) => {
      const ends = (from, to, metres) => [-1, 1].map((sign) => (from + to + sign * metres * pixels[n]) / 2)
      const [start, end] = ends(side.start, side.end, scale)
      const [reset_start, reset_end] = ends(...bounds[n], whole)
      side.setv({start, end, reset_start, reset_end})
    })
  }
  for (const size of ["inner_width", "inner_height"]) plot.properties[size].change.connect(fit)
  fit()
  numbered("hover").forEach((tool) => { tool.tooltips = tooltip })
  changed("background", "value", (value, control) => {
    const chosen = control.options.indexOf(value) - 1
    both("background").forEach((tiles) => show(tiles, chosen))
    const note = model("background note"), tiles = numbered("background")[chosen]
    note.visible = false
    if (!tiles) return
    const image = new Image()
    image.onerror = () => { note.visible = true }
    image.src = tiles.tile_source.url.replace(/\{[XYZxyz]\}/g, "0")
  })
  changed("layer", "active", (active) =>
    [...both("layer"), numbered("legend")].forEach((models) => show(models, active)))
  changed("points", "active", (active) =>
    numbered("points").forEach((points, n) => { points.visible = active.includes(n) }))
  changed("opacity", "value", (value) =>
    both("layer").flat().forEach((layer) => { layer.glyph.global_alpha = value / 100 }))
})
""".replace("RADIUS", str(EARTH_METRES))


def html_page(
    layout: UIElement, title: str, fields: Mapping[str, Sequence[str]], texts: Sequence[str] = ()
) -> str:
    """Write the page of a document.

    Parameters
    ----------
    layout : UIElement
        All that it shows, by Bokeh.
    title : str
        What the browser's tab says.
    fields : mapping of str to sequence of str
        What is shown under the pointer of an image: columns with the words of each code.
    texts : sequence of str
        What is shown of a point: columns of texts.

    Returns
    -------
    str
        A page that needs no network.
    """
    from bokeh.embed import json_item

    data = {"item": json_item(layout), "fields": list(fields.items()), "texts": list(texts)}
    libraries, hashes = _libraries()
    return "".join(
        (
            _HEAD.format(hashes=hashes),
            f"<title>{html_text(title)}</title>\n{_STYLE}\n{libraries}</head>\n<body>\n",
            '<div id="plot"></div>\n',
            f'<script type="application/json" id="page">{script_json(data)}</script>\n',
            f"<script>{_SCRIPT}</script>\n</body>\n</html>\n",
        )
    )


@cache
def _libraries() -> tuple[str, str]:
    """Return Bokeh's scripts as elements, and the sources that a policy allows: hashes of all scripts."""
    from bokeh.resources import Resources

    scripts = Resources(mode="inline", components=["bokeh", "bokeh-widgets"]).js_raw
    elements = "".join(f"<script>{script}</script>\n" for script in scripts)
    return elements, " ".join(f"'sha256-{_digest(script)}'" for script in (*scripts, _SCRIPT))


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
