"""Which window? The simplest within one standard error of each country's best, and its figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cropland.config.countries import Choice
from cropland.support.figure_style import MARKERS, PALETTE, plain, png
from cropland.support.words import country_title, markdown_table
from cropland.training.studies.drawing import (
    ACCURACY,
    QUIET,
    heading,
    limit_accuracy,
    name_panel,
    panels,
)
from cropland.training.studies.tables import (
    Conclusion,
    files,
    markdown,
    note,
    records,
    score,
    select_each,
    window_words,
)
from cropland.untrusted.texts import markdown_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cropland.config.groups import Study

REFERENCE = "end of the reference season; later observations lie to the right"
CHOSEN = "chosen: the simplest within one standard error of the best"
_FUTURE = "#F4F4F4"


def conclude(
    study: Study, table: pd.DataFrame, references: Mapping[str, date], remark: str
) -> Conclusion:
    """Choose a window for each country.

    Parameters
    ----------
    study : Study
        The question.
    table : DataFrame
        Candidates, see `tables`.
    references : mapping of str to date
        Last day of each country's reference season.
    remark : str
        A line below the title; may be empty.
    """
    chosen, best = select_each(table, ["country"]), select_each(table, ["country"], "best")
    tried = table.groupby("country").size()
    rows = [
        [
            *(markdown_text(country_title(one["country"])), window_words(one), score(one)),
            str(one["n_points"]),
            f"{'after' if one['uses_future'] else 'within'} the season",
            *(window_words(top), score(top), str(tried[one["country"]])),
        ]
        for one, top in zip(records(chosen), records(best), strict=True)
    ]
    head = ["country", "chosen window", "accuracy ± s.e.", "points", "ends"]
    spans = select_each(table, ["span", "country"], "best")
    spans = spans.assign(
        panel=spans["country"].map(country_title), variant=spans["span"].map("{} weeks".format)
    ).sort_values(["country", "span"])
    parts = [
        _windows_answer(chosen, table),
        markdown_table([*head, "most accurate window", "best accuracy ± s.e.", "tried"], rows),
        "The most accurate window of each span:",
        markdown(
            "span", spans, [f"{span} weeks" for span in sorted(table["span"].unique())], score
        ),
    ]
    picture = draw(table, chosen, references, title=study.title, remark=remark)
    marked = table.assign(chosen=table.index.isin(chosen.index))
    windows = {one["country"]: Choice(int(one["span"]), one["period"]) for one in records(chosen)}
    return Conclusion(note(study, parts, remark), files(marked, picture), windows)


def _windows_answer(chosen: pd.DataFrame, table: pd.DataFrame) -> str:
    """Return which windows were chosen, and what longer spans would add."""
    words, gains = [], []
    for one in records(chosen):
        words.append(
            f"**{markdown_text(country_title(one['country']))} {window_words(one)}**, {score(one)}"
        )
        longer = table[(table["country"] == one["country"]) & (table["span"] > one["span"])]
        gains += list(longer["accuracy"] - one["accuracy"])
    more = (
        f"A longer span adds {max(gains):+.3f} at most." if gains else "No longer span was tried."
    )
    return (
        f"The simplest window within one standard error of each country's best: "
        f"{'; '.join(words)}. {more}"
    )


def draw(
    table: pd.DataFrame,
    chosen: pd.DataFrame,
    references: Mapping[str, date],
    *,
    title: str,
    remark: str = "",
) -> bytes:
    """Draw accuracy against the window's end: a panel a country, a line a span, the choice ringed.

    Parameters
    ----------
    table : DataFrame
        Columns ``country``, ``span`` (weeks), ``window_end`` (ISO), ``accuracy``, ``accuracy_se``; of
        several rows with the same window the most accurate is drawn.
    chosen : DataFrame
        The same columns, one row a country, in the order of the panels.
    references : mapping of str to date
        Last day of each country's reference season.
    title, remark : str
        What stands above; the remark on a line of its own.

    Returns
    -------
    bytes
        A PNG.
    """
    at = table.assign(window_end=pd.to_datetime(table["window_end"]))
    spans = sorted(at["span"].unique())
    figure, axes = panels(len(chosen), width=3.8, height=3.7)
    for panel, (_, choice) in zip(axes, chosen.iterrows(), strict=True):
        rows = at[at["country"] == choice["country"]]
        _future(panel, rows["window_end"], references[choice["country"]])
        for number, span in enumerate(spans):
            _line(panel, rows[rows["span"] == span], number, heavy=span == choice["span"])
        _ring(panel, choice)
        plain(panel)
        name_panel(panel, country_title(choice["country"]), 3.8)
        panel.set_xlabel("end of the window")
    error = at["accuracy_se"].fillna(0)
    low, high = float((at["accuracy"] - error).min()), float((at["accuracy"] + error).max())
    # Room above the lines for what is written there.
    limit_accuracy(axes[0], "y", low - 0.03 * (high - low), high + 0.23 * (high - low))
    figure.supylabel(ACCURACY, fontsize="medium")
    _legends(figure, spans)
    heading(figure, title, remark)
    return png(figure)


def _future(panel: Axes, ends: pd.Series, reference: date) -> None:
    """Draw the end of the reference season and shade what is after it; set the axis of dates."""
    from matplotlib import dates

    at = pd.Timestamp(reference)
    room = max((ends.max() - ends.min()) * 0.04, pd.Timedelta(days=20))
    first, last = _day(min(ends.min(), at) - room), _day(max(ends.max(), at) + room)
    panel.axvspan(_day(at), last, color=_FUTURE, linewidth=0, zorder=0)
    panel.axvline(_day(at), ymax=0.91, color=QUIET, linestyle="--", linewidth=1.2, zorder=1)
    panel.set_xlim(first, last)
    locator: Any = dates.AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _line(panel: Axes, table: pd.DataFrame, number: int, *, heavy: bool) -> None:
    """Draw the line of one span with its band; the chosen span's is heavier."""
    line = table.sort_values("accuracy", ascending=False).drop_duplicates("window_end")
    line = line.sort_values("window_end")
    at, accuracy, error = (line[name] for name in ("window_end", "accuracy", "accuracy_se"))
    look = _span_look(number) | ({"markersize": 5, "linewidth": 2.2, "zorder": 3} if heavy else {})
    panel.plot(at, accuracy, **look)
    band = {"color": look["color"], "alpha": 0.2 if heavy else 0.09, "linewidth": 0}
    panel.fill_between(at, accuracy - error, accuracy + error, **band)


def _span_look(number: int) -> dict[str, Any]:
    marker, colour = MARKERS[number % len(MARKERS)], PALETTE[number % len(PALETTE)]
    return {"color": colour, "marker": marker, "markersize": 3.5, "linewidth": 1.2, "zorder": 2}


def _ring(panel: Axes, choice: pd.Series) -> None:
    """Draw a ring around the chosen point, and its window above the lines."""
    at = (_day(pd.Timestamp(choice["window_end"])), choice["accuracy"])
    panel.plot(*at, "o", markersize=13, mfc="none", mec="black", mew=1.8, zorder=5)
    where = float(np.interp(at[0], panel.get_xlim(), (0, 1)))
    side = 0.0 if where < 0.35 else 1.0 if where > 0.65 else 0.5  # the text stays inside the panel
    line = {"arrowstyle": "-", "relpos": (side, 0), "shrinkB": 7, "zorder": 4}
    panel.annotate(
        f"{choice['span']} weeks to {choice['window_end']}, {choice['accuracy']:.3f}",
        at,
        (where, 0.975),
        textcoords="axes fraction",
        ha={0.0: "left", 0.5: "center", 1.0: "right"}[side],
        va="top",
        fontsize=9.5,
        fontweight="bold",
        arrowprops=line,
    )


def _day(moment: pd.Timestamp) -> float:
    """Return a date as matplotlib counts: days from 1970-01-01."""
    return float(moment.timestamp() / 86400)


def _legends(figure: Figure, spans: Sequence[int]) -> None:
    """Draw below what the lines are, and beside it what the marks are."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    lines = [Line2D([], [], **_span_look(number)) for number in range(len(spans))]
    marks = [
        Patch(color=QUIET, alpha=0.2, linewidth=0),
        Line2D([], [], color=QUIET, linestyle="--"),
        Line2D([], [], color="black", marker="o", mfc="none", mew=1.8, markersize=10, linestyle=""),
    ]
    names = [f"{span} weeks" for span in spans]
    figure.legend(lines, names, loc="outside lower left", ncols=3, frameon=False, fontsize=9)
    figure.legend(
        marks,
        ["around a line: ± 1 s.e.", REFERENCE, CHOSEN],
        loc="outside lower right",
        frameon=False,
        fontsize=9,
    )
