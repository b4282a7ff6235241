from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from maps.landscapes import HEIGHT, WIDTH, grid, landscape, written
from matplotlib import image
from matplotlib.figure import Figure
from standins.figures import kept_figures

from cropland.maps import quicklook as maps
from cropland.maps.page import page
from cropland.maps.quicklook import quicklook
from cropland.sources.grid import lonlat
from cropland.support import figure_style


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are drawn, in place of their pictures."""
    return kept_figures(monkeypatch, figure_style)


def words(figure: Figure) -> set[str]:
    from matplotlib.text import Text

    return {text.get_text() for text in figure.findobj(Text) if text.get_text()}


@pytest.mark.parametrize(
    "shape", [(40, 120), (120, 40), (12, 16), (200, 15)], ids=["wide", "tall", "tiny", "a strip"]
)
def test_a_map_of_any_shape_is_drawn_inside_of_its_sheet(
    tmp_path: Path, drawn: list[Figure], shape: tuple[int, int]
) -> None:
    quicklook(
        written(tmp_path, grid(*shape), landscape(*shape)),
        title="Cropland of Toyland, with a title that goes on for longer than a small sheet is wide "
        * 2,
        subtitle=("model 3", "July 2021 to June 2022"),
        note="simulated",
    )
    [figure] = drawn
    inner, sheet = figure.get_tightbbox(), figure.get_size_inches()
    assert inner.x0 >= 0 and inner.y0 >= 0
    assert inner.x1 <= sheet[0] and inner.y1 <= sheet[1]
    panels = {panel.get_title(loc="left"): panel.get_position() for panel in figure.axes}
    others = [panels[name.capitalize()] for name in maps.BESIDE]
    beside = all(place.x0 > panels["Class"].x1 for place in others)
    above = all(place.y1 < panels["Class"].y0 for place in others)
    assert (beside, above) == ((False, True) if shape == (40, 120) else (True, False))


def test_a_map_says_what_its_colours_mean_where_it_lies_and_how_large_it_is(
    layers: dict[str, Path], drawn: list[Figure]
) -> None:
    quicklook(layers, title="Toyland", subtitle=["model 3", "2022"], note="simulated")
    told = words(drawn[0])
    assert told >= {"Toyland", "model 3", "2022", "simulated"}
    assert told >= {"cropland", "other", "no data", "inside", "outside", "N", "200 m"}
    assert told >= {"probability of cropland (%)", "observations in the window (days)"}
    assert any(re.fullmatch(r"53\.\d+°E", word) for word in told)
    assert any(re.fullmatch(r"32\.\d+°N", word) for word in told)


def test_a_mark_stands_where_the_degree_is(layers: dict[str, Path], drawn: list[Figure]) -> None:
    quicklook(layers, title="Toyland")
    [panel] = [axes for axes in drawn[0].axes if axes.get_title(loc="left") == "Class"]
    for axis, letter in ((panel.xaxis, "E"), (panel.yaxis, "N")):
        marks = list(zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True))
        assert len(marks) >= 2
        for place, label in marks:
            row, column = (HEIGHT, place) if letter == "E" else (place, 0)
            degrees = dict(zip("EN", lonlat(grid(HEIGHT, WIDTH), row, column), strict=True))
            named = float(label.get_text().removesuffix(f"°{letter}"))
            assert named == pytest.approx(degrees[letter], abs=1e-6)


def test_colours_and_no_data_are_where_they_belong(layers: dict[str, Path]) -> None:
    pixels = image.imread(io.BytesIO(quicklook({"class": layers["class"]}, title="Toyland")))
    red, green, blue = (np.rint(255 * pixels[..., n]) for n in range(3))
    shares = {}
    for name, (r, g, b) in {"cropland": (0, 158, 115), "other": (230, 159, 0)}.items():
        shares[name] = int(((red == r) & (green == g) & (blue == b)).sum())
    classes = landscape(HEIGHT, WIDTH)["class"]
    expected = (classes == 1).sum() / (classes == 0).sum()
    assert shares["cropland"] / shares["other"] == pytest.approx(expected, rel=0.05)


def test_layers_that_are_not_there_are_not_drawn(
    layers: dict[str, Path], drawn: list[Figure]
) -> None:
    quicklook({name: layers[name] for name in ("probability", "class")}, title="Toyland")
    titles = [panel.get_title(loc="left") for panel in drawn[0].axes]
    assert [title for title in titles if title] == ["Class", "Probability"]


@pytest.mark.parametrize("values", [np.nan, 0.0], ids=["no data", "zero"])
def test_a_layer_without_a_single_difference_is_shown(tmp_path: Path, values: float) -> None:
    same = {"class": np.full((20, 20), 255, np.uint8)}
    same["dissimilarity"] = np.full((20, 20), values, np.float32)
    paths = written(tmp_path, grid(20, 20), same)
    assert "dissimilarity" in page(paths, title="", facts={})
    assert quicklook(paths, title="").startswith(b"\x89PNG")
