"""What a sweep ends with: the closing table on screen, the note and the figure of its parent run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from cropland.support import figure_style
from cropland.support.terminal import SIMULATED, titled
from cropland.support.words import markdown_table
from cropland.untrusted.texts import markdown_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import JustifyMethod

    from cropland.training.outcome import Outcome

VARIED = ("window_end", "span", "bands", "series", "features", "model", "training", "validation")
LABELS = {"window_end": "end of the window", "span": "span (weeks)", "bands": "band set"}
_MOST_LINES = 20
"""More of them would leave a figure of nothing but its legend."""
_COLUMNS: tuple[tuple[str, JustifyMethod], ...] = (
    ("country", "left"),
    ("accuracy\n± s.e.", "right"),
    ("points", "right"),
    ("span", "right"),
    ("window end", "left"),
    ("bands", "left"),
    ("model", "left"),
    ("features", "right"),
    ("of", "right"),
)


def tabulated(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Tabulate the outcomes that have a score, in their order."""
    table = pd.DataFrame([vars(outcome) for outcome in outcomes])
    if table.empty:
        return table
    return table[table["status"].isin(("finished", "already there"))].reset_index(drop=True)


def scored(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Tabulate the outcomes that have a score, best first; of ties the one with fewest features."""
    table = tabulated(outcomes)
    if table.empty:
        return table
    return table.sort_values(["accuracy", "n_features", "span"], ascending=[False, True, True])


def best(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return the best candidate of each country, with ``tried``, how many it was chosen from."""
    table = scored(outcomes)
    if table.empty:
        return table
    tried = table.groupby("country")["accuracy"].size().rename("tried")
    return table.drop_duplicates("country").join(tried, on="country").sort_values("country")


def closing_table(outcomes: Sequence[Outcome], *, simulated: bool = False) -> Table:
    """Draw the best candidate of each country for the screen."""
    # As narrow as can be: on a terminal of 80 columns values are folded, not cut off.
    table = Table(
        title=titled("Best candidate of each country", simulated=simulated),
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=0,
        show_edge=False,
    )
    for name, justify in _COLUMNS:
        folds = name in ("window end", "bands")
        table.add_column(name, justify=justify, overflow="fold", no_wrap=not folds)
    for row in best(outcomes).to_dict("records"):
        table.add_row(
            row["country"],
            f"{row['accuracy']:.3f} ± {row['accuracy_se']:.3f}",
            str(row["n_points"]),
            f"{row['span']} w" if row["span"] else "–",
            f"{row['window_end']}{_months(row['period'])}" or "–",
            row["bands"],
            row["model"],
            str(row["n_features"]),
            str(row["tried"]),
        )
    return table


def evidence_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """Return for each country how much of the series of its best candidate was observed, in words."""
    return [
        f"{row['country']}: {row['observations_per_point']:g} observations a point (least "
        f"{row['observations_least']:g}), {row['interpolated_share']:.0%} of the series' days interpolated"
        for row in best(outcomes).to_dict("records")
        if row["observations_per_point"] > 0  # a nested choice has several windows
    ]


def note(outcomes: Sequence[Outcome]) -> str:
    """Write the description of a parent run, in Markdown."""
    head = "country", "accuracy ± s.e.", "points", "span", "window end", "bands", "model", "tried"
    rows = [
        [
            markdown_text(str(value))
            for value in (
                *(row.country, f"{row.accuracy:.3f} ± {row.accuracy_se:.3f}", row.n_points),
                *(f"{row.span} weeks", row.window_end, row.bands, row.model, row.tried),
            )
        ]
        for row in best(outcomes).itertuples()
    ]
    remark = f"Candidates: {counted(outcomes)}. The best of many is optimistic about itself."
    observed = [f"- {markdown_text(line)}" for line in evidence_lines(outcomes)]
    return "\n".join([markdown_table(head, rows), "", *observed, "", remark])


def counted(outcomes: Sequence[Outcome]) -> str:
    """Return how many candidates have each status, the most frequent first."""
    counts = Counter(outcome.status for outcome in outcomes)
    return ", ".join(f"{count} {status}" for status, count in counts.most_common())


def figure(outcomes: Sequence[Outcome], *, simulated: bool = False) -> bytes | None:
    """Draw accuracy against what was varied, a panel a country; a title says where the data are simulated.

    Returns
    -------
    bytes or None
        A PNG; None where nothing was varied. The first two of `VARIED` that were make the axis and the
        lines, the best `_MOST_LINES` of them; over any others the best is drawn.
    """
    table = scored(outcomes)
    varied = [name for name in VARIED if not table.empty and _varies(table, name)]
    if not varied:
        return None
    x, by, others = varied[0], (varied[1] if len(varied) > 1 else None), varied[2:]
    lines: list[object] = list(table[by].unique()) if by else []  # best first
    if by:
        table = table[table[by].isin(lines[:_MOST_LINES])]
    countries = sorted(table["country"].unique())
    drawing = figure_style.new(3.6 * len(countries) + 0.8, 3.6)
    panels = drawing.subplots(1, len(countries), sharey=True, squeeze=False)[0]
    for panel, name in zip(panels, countries, strict=True):
        _draw(panel, table[table["country"] == name], x, by)
        panel.set_title(name.capitalize(), loc="left")
        panel.set_xlabel(LABELS.get(x, x))
    panels[0].set_ylabel("accuracy, cross-validated")
    if simulated:
        drawing.suptitle(SIMULATED, x=0.012, ha="left", fontsize=12)
    if by:
        title = "; best over ".join(LABELS.get(name, name) for name in (by, *others))
        if len(lines) > _MOST_LINES:
            title = f"{title}; the {_MOST_LINES} best of {len(lines)}"
        drawing.legend(
            *panels[0].get_legend_handles_labels(),
            title=title,
            loc="outside lower center",
            ncols=5,
            frameon=False,
        )
    return figure_style.png(drawing)


def _varies(table: pd.DataFrame, name: str) -> bool:
    """Return whether some country has more than one value of a column."""
    return bool((table.groupby("country")[name].nunique() > 1).any())


def _draw(panel: Axes, table: pd.DataFrame, x: str, by: str | None) -> None:
    """Draw one country: a line for each value of `by`, with a bar of one standard error."""
    groups = table.groupby(by) if by else [("", table)]
    for number, (value, lines) in enumerate(groups):
        line = lines.drop_duplicates(x).sort_values(x)  # best first, so the best of each x stays
        at = pd.to_datetime(line[x]) if x == "window_end" else line[x]
        panel.errorbar(
            at,
            line["accuracy"],
            yerr=line["accuracy_se"],
            label=str(value),
            color=figure_style.PALETTE[number % len(figure_style.PALETTE)],
            marker=figure_style.MARKERS[number % len(figure_style.MARKERS)],
            markersize=4,
            linewidth=1.4,
            elinewidth=0.8,
            capsize=2,
        )
    figure_style.plain(panel)
    if x in ("bands", "model", "window_end"):
        panel.tick_params(axis="x", labelrotation=35)
    if x == "span":
        panel.set_xticks(sorted(table["span"].unique()))


def _months(period: int | str) -> str:
    """Return a period in months; nothing for a date, which stands there already."""
    return "" if isinstance(period, str) else f" ({period:+d} months)"
