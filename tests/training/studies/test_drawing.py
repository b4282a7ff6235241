from __future__ import annotations

import io
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import colors, image
from numpy.typing import NDArray
from standins.figures import kept_figures

from cropland.support.figure_style import PALETTE
from cropland.support.words import country_title
from cropland.training.studies import comparison as comparisons
from cropland.training.studies import past_only
from cropland.training.studies import time_range as time_ranges

BLUE, VERMILION = PALETTE[:2]
ENDS = ("2019-12-31", "2020-02-29", "2020-04-30")


def seen(png: bytes, colour: str) -> NDArray[np.bool_]:
    """Tell which pixels of a picture have a colour."""
    picture = image.imread(io.BytesIO(png))[..., :3]
    return np.asarray(np.abs(picture - colors.to_rgb(colour)).max(axis=-1) < 0.02)


def middle(png: bytes, colour: str) -> tuple[float, float]:
    """Give the mean (row, column) of a colour, as shares of the picture."""
    mask = seen(png, colour)
    y, x = (float(np.mean(at)) for at in np.nonzero(mask))
    return y / mask.shape[0], x / mask.shape[1]


def windows(*countries: str, span: int = 12) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"country": c, "span": s, "window_end": e, "accuracy": a, "accuracy_se": 0.02}
            for c in countries
            for s in (4, 12)
            for e, a in zip(ENDS, (0.8 + s / 100, 0.7, 0.75), strict=True)
        ]
    )


def time_range(*countries: str, reference: date = date(2020, 3, 1), **changes: Any) -> bytes:
    table = windows(*countries)
    chosen = table[(table["span"] == 12) & (table["window_end"] == ENDS[0])]
    values = {"title": "How long?", **changes}
    return time_ranges.draw(table, chosen, dict.fromkeys(countries, reference), **values)


def test_a_panel_a_country_and_rows_of_four() -> None:
    sizes = [image.imread(io.BytesIO(time_range(*"abcde"[:n]))).shape for n in (1, 3, 5)]
    assert sizes[1][1] > sizes[0][1]
    assert sizes[2][0] > 1.6 * sizes[1][0]


def test_the_future_is_shaded() -> None:
    early, late = (
        seen(time_range("a", reference=day), time_ranges._FUTURE).sum()
        for day in (date(2020, 1, 5), date(2020, 4, 25))
    )
    assert early > 3 * late


def test_the_remark_stands_in_the_picture() -> None:
    assert time_range("a") != time_range("a", remark="simulated")


def variants(best: str) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "panel": panel,
                "variant": name,
                "accuracy": 0.9 if name == best else 0.8,
                "accuracy_se": 0.01,
                "standing": "best" if name == best else "below",
            }
            for panel in ("Iran", "mean")
            for name in "abcdefghijkl"
            if (panel, name) != ("Iran", "f")
        ]
    )


def comparison(best: str) -> bytes:
    cells = variants(best)
    return comparisons.draw(cells, list("abcdefghijkl"), baseline="c", title="Which?")


def test_the_best_variant_stands_out_in_its_row() -> None:
    first, last = (middle(comparison(best), VERMILION)[0] for best in "al")
    assert first < 0.45 < 0.6 < last


def test_variants_need_room_below_each_other() -> None:
    few = comparisons.draw(variants("a"), list("abcdefghijkl"), baseline=None, title="?")
    cells = variants("a")
    two = comparisons.draw(cells[cells["variant"] < "c"], ["a", "b"], baseline=None, title="?")
    assert seen(few, VERMILION).shape[0] > 1.5 * seen(two, VERMILION).shape[0]


def test_the_past_lies_left_of_a_better_all() -> None:
    ends = pd.DataFrame(
        {
            "panel": "Iran",
            "variant": [past_only.ALL, past_only.PAST],
            "span": [48, 24],
            "window_end": ["2020-08-31", "2020-06-30"],
            "accuracy": [0.95, 0.85],
            "accuracy_se": [0.01, float("nan")],
        }
    )
    both = past_only.draw(ends, {"Iran": "+0.100"}, title="What do later observations add?")
    assert middle(both, BLUE)[1] < middle(both, VERMILION)[1]
    alone = past_only.draw(ends[:1], {"Iran": "none"}, title="What do later observations add?")
    assert seen(alone, BLUE).sum() < 0.6 * seen(both, BLUE).sum()


@pytest.mark.parametrize(("name", "title"), [("iran", "Iran"), ("south_sudan", "South Sudan")])
def test_the_title_of_a_country(name: str, title: str) -> None:
    assert country_title(name) == title


def test_the_legend_names_each_look_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(comparisons, "png", lambda figure: drawn.append(figure) or b"")
    comparisons.draw(variants("a"), list("abcdefghijkl"), baseline="c", title="Which?")
    said = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert said.count("baseline") == 1
    assert len(said) == len(set(said))


def test_panels_of_variants_have_equal_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = kept_figures(monkeypatch, comparisons)
    cells = variants("a")
    cells.loc[cells["panel"] == "mean", "accuracy"] -= 0.1
    comparisons.draw(cells, list("abcdefghijkl"), baseline="c", title="Which?")
    [figure] = drawn
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    ticks = figure.axes[0].get_xticks()
    assert len(ticks) >= 3 and ticks.max() <= 1
