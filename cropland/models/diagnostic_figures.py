"""Diagnostic figures of one candidate: class profiles, confusion, importance, learning curve.

Each takes a title, whose second line says so where the data are simulated, and returns a PNG.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cropland.observations.bands import SCENE_CLASS, SCENE_CLASSES, STANDARD_NAMES
from cropland.support.figure_style import CROPLAND, OTHER, PALETTE, new, plain, png

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"cropland": CROPLAND, "other": OTHER}
LINES = {"cropland": "-", "other": "--"}
COLOUR_SCALE = "cividis"
"""Nuñez et al. 2018, doi:10.1371/journal.pone.0199239: even, and the same to colour-blind readers."""
LEAST_SCALE = 0.01
"""Where no group matters more, the colours end here, so that noise is not made to look like signal."""
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


def importance_figure(importance: xr.Dataset, *, title: str, simulated: bool) -> bytes:
    """Draw permutation importance: of each band at each time, and beside it of whole bands and times.

    Parameters
    ----------
    importance : xarray.Dataset
        As `cropland.models.importance.measure` returns it.
    title, simulated
        As of `profile_figure`.
    """
    bands, whens = (importance[name].to_numpy().astype(str) for name in ("band", "when"))
    months = [when[:4].isdigit() for when in whens]
    column = 0.42 if any(months) else 0.85
    width, height = max(2.4, column * len(whens)), max(1.0, 0.32 * len(bands))
    figure = new(width + 4.2, height + 3.4)
    grid = figure.add_gridspec(2, 2, width_ratios=[width, 1.8], height_ratios=[1.2, height])
    panel = figure.add_subplot(grid[1, 0])
    above = figure.add_subplot(grid[0, 0], sharex=panel)
    right = figure.add_subplot(grid[1, 1], sharey=panel)
    _draw_cells(figure, panel, importance)
    _draw_bars(above, "y", importance["importance_when"], importance["importance_se_when"])
    _draw_bars(right, "x", importance["importance_band"], importance["importance_se_band"])
    ticks = panel.set_xticks(range(len(whens)), _when_labels(whens))
    for tick, month in zip(ticks, months, strict=True):
        tick.label1.set_rotation(90 if any(months) and not month else 0)
    panel.set_yticks(range(len(bands)), bands)
    above.tick_params(labelbottom=False, bottom=False)
    right.tick_params(labelleft=False, left=False)
    above.set_ylabel("drop in accuracy,\nall bands")
    right.set_xlabel("drop in accuracy,\nwhole band")
    _draw_legend(above, importance)
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
    panel.set_ylabel("accuracy, cross-validated")
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


def _draw_bars(
    panel: Axes, along: Literal["x", "y"], sizes: xr.DataArray, errors: xr.DataArray
) -> None:
    """Draw a bar for each group with its standard error."""
    plain(panel, grid=along)
    at, size, error = np.arange(len(sizes)), sizes.to_numpy(), errors.to_numpy()
    if along == "y":
        panel.bar(at, size, 0.7, color=PALETTE[0])
        panel.errorbar(at, size, yerr=error, fmt="none", ecolor="black", elinewidth=0.8)
        panel.axhline(0, color="black", lw=0.8)
    else:
        panel.barh(at, size, 0.7, color=PALETTE[0])
        panel.errorbar(size, at, xerr=error, fmt="none", ecolor="black", elinewidth=0.8)
        panel.axvline(0, color="black", lw=0.8)
    panel.locator_params(axis=along, nbins=4)


def _draw_legend(panel: Axes, importance: xr.Dataset) -> None:
    """Write beside a panel how the numbers were computed."""
    facts = importance.attrs
    lines = [
        f"accuracy {facts['accuracy']:.3f}",
        "with nothing permuted",
        f"{facts['n_samples']:,} points,",
        f"{facts['repeats']} permutations",
        "bars: ± 1 s.e.",
    ]
    text = panel.annotate(
        "\n".join(lines), (1, 1), (12, 0), "axes fraction", "offset points", va="top", fontsize=9
    )
    text.set_in_layout(False)  # it stands in the empty corner


def _draw_cells(figure: Figure, panel: Axes, importance: xr.Dataset) -> None:
    """Draw the groups (band, when) with their colour bar; cells without a feature stay grey."""
    from matplotlib.ticker import MaxNLocator

    cells = importance["importance"].transpose("band", "when").to_numpy()
    top = max(LEAST_SCALE, float(np.nanmax(cells)))
    image = panel.imshow(cells, vmin=0, vmax=top, cmap=COLOUR_SCALE, aspect="auto")
    panel.set_facecolor("0.9")
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    if np.isnan(cells).any():
        panel.set_xlabel("grey: no such feature")
    figure.colorbar(
        image,
        ax=panel,
        location="bottom",
        label="drop in accuracy",
        extend="min" if np.nanmin(cells) < 0 else "neither",
        aspect=40,
        ticks=MaxNLocator(5),
    )


def _when_labels(whens: np.ndarray) -> list[str]:
    """Return labels: months as ``Nov``, with the year under its first one; statistics as they are."""
    import calendar

    labels, year_before = [], ""
    for when in whens:
        year, dash, month = when.partition("-")
        if not dash:
            labels.append(when)
            continue
        name = calendar.month_abbr[int(month)]
        labels.append(name if year == year_before else f"{name}\n{year}")
        year_before = year
    return labels


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
    first = "\n".join(textwrap.wrap(first, int(_PER_INCH * figure.get_figwidth())))
    second = " · ".join(part for part in (second, "simulated data" if simulated else "") if part)
    text = f"{first}\n{second}" if second else first
    figure.suptitle(text, x=0.01, ha="left", fontsize=12)
    return png(figure)
