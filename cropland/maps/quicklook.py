"""The quicklook of a map: its class, and beside it the other layers, as one figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.maps.pictures import Picture, metres, north, pictures, round_length
from cropland.sources.grid import lonlat
from cropland.support import figure_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BESIDE = ("probability", "uncertainty", "observations", "applicability")
"""The layers beside the class, those that are there."""
_LONGEST = 2048
_DOTS = 200
_GREY, _LINE = "0.35", "0.6"
_NO_DATA = {"facecolor": "0.96", "edgecolor": "0.86", "hatch": "////", "linewidth": 0}
# All in inches.
_MARGIN, _GAP = 0.2, 0.32
_LEFT, _BELOW, _ABOVE = 0.72, 0.58, 0.3
"""Around the class: latitudes; longitudes and legend; its name, scale and north."""
_BAR = 0.56
"""Under a small map: its colours."""
_HEIGHT, _WIDTH, _WIDE = 7.0, 6.6, 10.2
"""The most that the class may take: beside the others, or above them."""
_NARROWEST = 2.3
"""What legends and the words under colours take."""


@dataclass(frozen=True)
class _Place:
    """A rectangle on a sheet, from its upper left corner."""

    left: float
    top: float
    width: float
    height: float

    def on(self, figure: Figure) -> Axes:
        """Add axes there."""
        width, height = figure.get_size_inches()
        bottom = height - self.top - self.height
        return figure.add_axes(
            (self.left / width, bottom / height, self.width / width, self.height / height)
        )


def quicklook(
    layers: Mapping[str, Path], *, title: str, subtitle: Sequence[str] = (), note: str = ""
) -> bytes:
    """Draw the layers of a map.

    Parameters
    ----------
    layers : mapping of str to Path
        Files by layer (`cropland.maps.layers.LAYERS`), with ``class``; others than `BESIDE` are not drawn.
    title : str
        One line.
    subtitle : sequence of str
        Lines under it, such as model, window and area.
    note : str
        A line at the foot; empty for none.

    Returns
    -------
    bytes
        A PNG; the class beside the others where the area is tall, above them where it is wide.

    Raises
    ------
    DataError
        A file cannot be read.
    """
    drawn = {name: layers[name] for name in ("class", *BESIDE) if name in layers}
    main, *others = pictures(drawn, _LONGEST)
    across, down = metres(main.grid)
    height, width = main.grid.shape
    head = 0.5 + 0.21 * len(subtitle)
    places = _places(width * across / (height * down), len(others), head + _MARGIN)
    figure = _sheet(places, title, subtitle, note)
    panel = places[0].on(figure)
    _draw(panel, main, down / across)
    _degrees(panel, main)
    _legend(figure, places[0], main, 0.34)
    _scale(figure, places[0], main)
    for picture, place in zip(others, places[1:], strict=True):
        _draw(place.on(figure), picture, down / across)
        _colours(figure, place, picture)
    return figure_style.png(figure)


def _places(aspect: float, beside: int, top: float) -> list[_Place]:
    """Return the places of the class and of so many others, for an area so many times as wide as high."""
    left, top = _MARGIN + _LEFT, top + _ABOVE
    if aspect > 1.5:
        main = _Place(left, top, _WIDE, _WIDE / aspect)
        width = (_WIDE + _GAP) / max(beside, 3) - _GAP
        below = main.top + main.height + _BELOW + _ABOVE + 0.1
        return [main] + [
            _Place(left + n * (width + _GAP), below, width, width / aspect) for n in range(beside)
        ]
    height = min(_HEIGHT, _WIDTH / aspect)
    main = _Place(left, top, height * aspect, height)
    small = (height + _BELOW - _ABOVE - 2 * _BAR) / 2
    cell = max(small * aspect, _NARROWEST)
    start = left + max(main.width, _NARROWEST) + 1.2 * _GAP
    places = [main]
    for n in range(beside):
        column, row = n % 2, n // 2
        x = start + column * (cell + _GAP)
        y = top + row * (small + _BAR + _ABOVE)
        places.append(_Place(x, y, small * aspect, small))
    return places


def _sheet(places: Sequence[_Place], title: str, subtitle: Sequence[str], note: str) -> Figure:
    """Start a figure with room for all places, and write what stands around them."""
    right = max(place.left + max(place.width, _NARROWEST) for place in places)
    bottom = max(
        place.top + place.height + (_BAR if n else _BELOW) for n, place in enumerate(places)
    )
    width, height = max(right + _MARGIN + 0.1, 6.0), bottom + _MARGIN + (0.2 if note else 0)
    figure = figure_style.new(width, height)
    figure.set_dpi(_DOTS)
    figure.set_layout_engine("none")
    figure.set_facecolor("white")
    x = _MARGIN / width
    texts = [figure.text(x, 1 - 0.18 / height, title, fontsize=14, fontweight="bold", va="top")]
    for line, words in enumerate(subtitle):
        y = 1 - (0.5 + 0.21 * line) / height
        texts.append(figure.text(x, y, words, fontsize=9.5, color=_GREY, va="top"))
    texts.append(figure.text(x, 0.14 / height, note, fontsize=8, color=_GREY, va="bottom"))
    figure_style.show_literally(figure)
    for text in texts:  # a line that is too long is written smaller
        room = (width - 2 * _MARGIN) * _DOTS / max(text.get_window_extent().width, 1)
        text.set_fontsize(float(text.get_fontsize()) * min(1, room))
    return figure


def _draw(panel: Axes, picture: Picture, aspect: float) -> None:
    """Draw a layer over the pattern that shows through where there is no data."""
    from matplotlib.patches import Rectangle

    panel.add_patch(Rectangle((0, 0), 1, 1, transform=panel.transAxes, **_NO_DATA))  # type: ignore[arg-type]
    height, width = picture.codes.shape
    panel.imshow(
        picture.colours[picture.codes], extent=(0, width, height, 0), aspect=aspect, zorder=2
    )
    panel.set_title(picture.layer.name.capitalize(), loc="left", fontsize=10, pad=4)
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_color(_LINE)
    panel.spines[:].set_zorder(3)


def _degrees(panel: Axes, picture: Picture) -> None:
    """Mark where round longitudes meet the lower edge and round latitudes the left one."""
    from matplotlib.ticker import MaxNLocator

    height, width = picture.grid.shape
    columns, rows = np.linspace(0, width, 65), np.linspace(0, height, 65)
    longitudes = np.unwrap(lonlat(picture.grid, np.full(65, height), columns)[0], period=360)
    latitudes = lonlat(picture.grid, rows, np.zeros(65))[1][::-1]
    size = panel.get_window_extent()
    for axis, degrees, along, letters, dots in (
        (panel.xaxis, longitudes, columns, "EW", size.width),
        (panel.yaxis, latitudes, rows[::-1], "NS", size.height),
    ):
        most = max(1, int(dots / _DOTS / 0.9))
        ticks = MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(degrees[0], degrees[-1])
        ticks = ticks[(ticks >= degrees[0]) & (ticks <= degrees[-1])]
        labels = [_named(tick, ticks, letters) for tick in ticks]
        axis.set_ticks(np.interp(ticks, degrees, along), labels)
    panel.tick_params(labelsize=8, color=_LINE, labelcolor=_GREY, length=3)


def _named(tick: float, ticks: NDArray[np.float64], letters: str) -> str:
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 0.001
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    tick = (tick + 180) % 360 - 180  # beyond the antimeridian
    return f"{abs(tick):.{digits}f}°{letters[int(tick < 0)]}"


def _legend(figure: Figure, place: _Place, picture: Picture, below: float) -> None:
    """Name the colours of classes, so far below a layer."""
    from matplotlib.patches import Patch

    swatches = [Patch(color=colour, label=name) for name, colour in picture.classes.values()]
    swatches.append(Patch(**_NO_DATA, label="no data"))  # type: ignore[arg-type]
    width, height = figure.get_size_inches()
    figure.legend(
        handles=swatches,
        loc="upper left",
        bbox_to_anchor=(place.left / width, 1 - (place.top + place.height + below) / height),
        ncols=len(swatches),
        frameon=False,
        fontsize=8.5,
        handlelength=1.1,
        handleheight=1.1,
        handletextpad=0.5,
        columnspacing=1.2,
        borderpad=0,
        borderaxespad=0,
    )


def _scale(figure: Figure, place: _Place, picture: Picture) -> None:
    """Draw scale bar and north arrow above the right end of a layer."""
    ground = metres(picture.grid)[0] * picture.grid.shape[1]
    length = round_length(ground / 4)
    inches = length / ground * place.width
    strip = _Place(place.left, place.top - _ABOVE, place.width, _ABOVE)
    panel = strip.on(figure)
    panel.set(xlim=(0, strip.width), ylim=(0, strip.height))
    panel.axis("off")
    right = place.width - 0.36
    bar = [right - inches, right - inches, right, right]
    panel.plot(bar, [0.1, 0.05, 0.05, 0.1], color="0.2", lw=1.1, clip_on=False)
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    panel.text(right - inches / 2, 0.09, text, ha="center", va="bottom", fontsize=8)
    x, y = (0.11 * part for part in north(picture.grid))
    centre = (place.width - 0.1, 0.13)
    panel.annotate(
        "",
        (centre[0] + x, centre[1] + y),
        (centre[0] - x, centre[1] - y),
        arrowprops={"arrowstyle": "-|>", "color": "0.2", "shrinkA": 0, "shrinkB": 0, "lw": 1.1},
        annotation_clip=False,
    )
    panel.text(centre[0] + 1.9 * x, centre[1] + 1.9 * y, "N", ha="center", va="center", fontsize=8)


def _colours(figure: Figure, place: _Place, picture: Picture) -> None:
    """Draw the colours of a layer and their values under it."""
    if picture.layer.classes:
        _legend(figure, place, picture, 0.1)
        return
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    colours = ListedColormap(picture.colours[: picture.top + 1] / 255)
    mappable = ScalarMappable(Normalize(picture.low, picture.high), colours)
    width = max(place.width, _NARROWEST * 0.6)
    bar = _Place(place.left, place.top + place.height + 0.1, width, 0.1).on(figure)
    figure.colorbar(
        mappable,
        cax=bar,
        orientation="horizontal",
        extend="max" if picture.open_ended else "neither",
    )
    bar.locator_params(nbins=4)
    bar.tick_params(labelsize=7.5, length=2, pad=1.5, color=_LINE, labelcolor=_GREY)
    bar.set_xlabel(picture.label, fontsize=8, labelpad=1, loc="left")
    bar.spines[:].set_visible(False)
