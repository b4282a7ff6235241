"""Diagnostic figures of one candidate: class profiles, confusion, learning curve.

Each takes a title, which says so where the data are simulated, and returns a PNG.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from cropland.observations.bands import SCENE_CLASS, SCENE_CLASSES, STANDARD_NAMES
from cropland.support import terminal
from cropland.support.figure_style import CROPLAND, OTHER, PALETTE, new, plain, png

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"cropland": CROPLAND, "other": OTHER}
LINES = {"cropland": "-", "other": "--"}
COLOUR_SCALE = "cividis"
"""Nuñez et al. 2018, doi:10.1371/journal.pone.0199239: even, and the same to colour-blind readers."""
_PER_INCH = 11
"""Characters of a title."""
_HALF_DAY = np.timedelta64(12, "h")


def profile_figure(profiles: pd.DataFrame, band: str, *, title: str, simulated: bool) -> bytes:
    """Draw the year of both classes: median, half and nine tenths of the points.

    Parameters
    ----------
    profiles : pandas.DataFrame
        As `cropland.models.profiles.profiles` returns it.
    band : str
        The band, which names the axis and its unit.
    title : str
        One or two lines.
    simulated : bool
        Whether the data are.
    """
    figure = new(7.5, 4.4)
    panel = figure.subplots()
    for name, table in profiles.groupby("class"):
        _draw_profile(panel, table, str(name))
    date_axis(panel, profiles["time"])
    panel.margins(x=0.01)
    first, last = profiles["time"].min(), profiles["time"].max()
    panel.set_xlabel(f"date ({first:%Y-%m-%d} … {last:%Y-%m-%d})")
    panel.set_ylabel(band_label(band))
    plain(panel)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return titled(figure, title, simulated)


def confusion_figure(
    counts: pd.DataFrame, repeats: int = 1, *, title: str, simulated: bool
) -> bytes:
    """Draw truth against prediction, with each row's shares.

    Parameters
    ----------
    counts : pandas.DataFrame
        As `cropland.training.out_of_fold.confusion` returns it.
    repeats : int
        How often each point is counted.
    title, simulated
        As of `profile_figure`.
    """
    figure = new(5.2, 4.2)
    panel = figure.subplots()
    table = counts.to_numpy()
    rows = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, rows, where=rows > 0, out=np.zeros(table.shape))
    image = panel.imshow(shares, vmin=0, vmax=1, cmap=COLOUR_SCALE, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        panel.text(
            column,
            row,
            f"{table[row, column]:,}\n{share:.1%}",
            ha="center",
            va="center",
            fontsize=13,
            color="black" if share > 0.5 else "white",
        )
    panel.set_xticks(range(2), [name.removeprefix("predicted ") for name in counts.columns])
    times = f"\n× {repeats} repeats" if repeats > 1 else ""
    points = rows[:, 0] // repeats
    names = [f"{name}\n(n = {n:,}{times})" for name, n in zip(counts.index, points, strict=True)]
    panel.set_yticks(range(2), names)
    panel.set_xlabel("predicted")
    panel.set_ylabel("truth")
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=panel, label="share of the row", format="{x:.0%}")
    bar.outline.set_visible(False)
    return titled(figure, title, simulated)


def learning_curve_figure(curve: pd.DataFrame, *, title: str, simulated: bool) -> bytes:
    """Draw accuracy against the number of labels.

    Parameters
    ----------
    curve : pandas.DataFrame
        As `cropland.learning.learning_curve.learning_curve` returns it.
    title, simulated
        As of `profile_figure`.
    """
    from matplotlib.ticker import NullLocator

    figure = new(6, 4)
    panel = figure.subplots()
    labels, accuracy, error = (curve[name] for name in ("n_labels", "accuracy", "accuracy_se"))
    panel.fill_between(
        labels,
        accuracy - error,
        accuracy + error,
        color=PALETTE[0],
        alpha=0.25,
        lw=0,
        label="± 1 s.e.",
    )
    panel.plot(labels, accuracy, "o-", color=PALETTE[0], label="accuracy")
    panel.set_xscale("log", base=2)
    panel.set_xticks(labels, [f"{number:,}" for number in labels])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xlabel("number of labels")
    panel.set_ylabel("accuracy in the folds of the sweep")
    panel.legend(loc="lower right", frameon=False)
    plain(panel)
    return titled(figure, title, simulated)


def date_axis(panel: Axes, times: pd.Series[Any], ticks: int = 12) -> None:
    """Write dates below a panel, at most so many; a single one as it is."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=min(4, ticks), maxticks=ticks)  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_locator(locator)
    concise = ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_formatter(concise)
    if times.nunique() == 1:
        panel.set_xticks(times.unique(), [f"{times.iloc[0]:%Y-%m-%d}"])


def _draw_profile(panel: Axes, table: pd.DataFrame, name: str) -> None:
    """Draw one class; a single date is drawn a day wide."""
    values = table.sort_values("time").set_index("time")
    if len(values) == 1:
        values = values.iloc[[0, 0]].set_axis(
            [values.index[0] - _HALF_DAY, values.index[0] + _HALF_DAY]
        )
    colour, at = COLOURS[name], values.index.to_numpy()
    median = f"{name}, median of {values['n'].iloc[0]:,} points"
    half = f"{name}, 25–75 % and 5–95 % (thin)"
    panel.plot(at, values["median"], LINES[name], color=colour, lw=2.2, label=median)
    panel.fill_between(at, values["q25"], values["q75"], color=colour, alpha=0.3, lw=0, label=half)
    for edge in ("q05", "q95"):
        panel.plot(at, values[edge], LINES[name], color=colour, lw=0.8)


def band_label(band: str) -> str:
    """Return the name of a band with its unit."""
    if band in STANDARD_NAMES:
        return f"{band}, reflectance × 10,000"
    name, _, number = band.partition("_")
    if name == SCENE_CLASS and number.isdigit():
        return f"share of {band} ({SCENE_CLASSES.get(int(number), 'unknown')})"
    return band


def titled(figure: Figure, title: str, simulated: bool) -> bytes:
    """Draw a title on a figure, wrapped to its width, with a second line; return its PNG."""
    first, _, second = title.partition("\n")
    first = terminal.titled(first, simulated=simulated)
    parts = (first, second, terminal.SIMULATED if simulated else "")
    width = int(_PER_INCH * figure.get_figwidth())
    figure.suptitle(
        "\n".join(line for part in parts for line in textwrap.wrap(part, width)),
        x=0.01,
        ha="left",
        fontsize=12,
    )
    return png(figure)
