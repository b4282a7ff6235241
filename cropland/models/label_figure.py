"""Figure of the labels to look at: the profile of each against those of both classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cropland.models.diagnostic_figures import COLOURS, LINES, band_label, date_axis, titled
from cropland.support.figure_style import new, plain
from cropland.training.out_of_fold import CLASSES

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.axis import XAxis
    from numpy.typing import NDArray

MOST_DRAWN = 12
_COLUMNS = 4


def label_figure(
    table: pd.DataFrame,
    series: xr.Dataset,
    profiles: pd.DataFrame,
    band: str,
    *,
    title: str,
    simulated: bool,
) -> bytes:
    """Draw the profiles of the first labels to look at, a panel each, before both classes.

    Parameters
    ----------
    table : pandas.DataFrame
        As of `LabelCheck`, with one row at least; the first twelve are drawn.
    series : xarray.Dataset
        The aligned series of the archive's points.
    profiles : pandas.DataFrame
        Median and quartiles of both classes, as `cropland.models.profiles.profiles` returns them.
    band : str
        A band of the series.
    title, simulated
        As of `cropland.models.diagnostic_figures.profile_figure`.
    """
    drawn = table[:MOST_DRAWN]
    n_rows = -(-len(drawn) // _COLUMNS)
    n_columns = min(_COLUMNS, len(drawn))
    figure = new(max(7.5, 2.75 * n_columns), 1.9 * n_rows + 1.5)
    grid = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
    values = series["values"].sel(band=band).transpose("point", "time").to_numpy()
    row_of = {point: row for row, point in enumerate(series["ID"].to_numpy().tolist())}
    for number, panel in enumerate(grid.flat):
        if number >= len(drawn):
            panel.set_visible(False)
            continue
        point, is_lowest = drawn.iloc[number], number + n_columns >= len(drawn)
        _draw_classes(panel, profiles)
        _draw_point(panel, point, series["time"].to_numpy(), values[row_of[point["ID"]]])
        panel.tick_params(labelsize=8, labelbottom=is_lowest)
        panel.set_xlabel("date" if is_lowest else "", fontsize=8.5)
    date_axis(grid[0, 0], profiles["time"], ticks=5)
    _fix_ticks(grid[0, 0].xaxis)
    figure.supylabel(band_label(band), fontsize=10)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    per_row = 5 if n_columns == _COLUMNS else 3
    figure.legend(
        handles, labels, loc="outside lower center", ncols=per_row, frameon=False, fontsize=9
    )
    which = f"{len(drawn)} of {len(table)} labels that all finalists have wrong, the most confident first"
    return titled(figure, f"{title}\n{which}", simulated)


def _draw_classes(panel: Axes, profiles: pd.DataFrame) -> None:
    """Draw median and quartiles of both classes."""
    for name, rows in profiles.groupby("class"):
        line = rows.sort_values("time")
        at, colour = line["time"].to_numpy(), COLOURS[str(name)]
        panel.plot(
            at, line["median"], LINES[str(name)], color=colour, lw=1.6, label=f"{name}, median"
        )
        panel.fill_between(
            at, line["q25"], line["q75"], color=colour, alpha=0.25, lw=0, label=f"{name}, 25–75 %"
        )


def _draw_point(
    panel: Axes, point: pd.Series[Any], times: NDArray[Any], values: NDArray[Any]
) -> None:
    """Draw the profile of one point, with its name, label and probability above."""
    panel.plot(times, values, color="black", lw=1.1, label="the point")
    label = CLASSES[int(point["Target"])]
    about = f"label {label}, P(cropland) {point['probability']:.2f}"
    panel.set_title(f"{point['ID']}\n{about}", fontsize=8.5)
    plain(panel)


def _fix_ticks(axis: XAxis) -> None:
    """Keep the ticks of an axis that all panels share: each would look for them a dozen times."""
    at = axis.get_ticklocs()
    axis.set_ticks(at, axis.get_major_formatter().format_ticks(at.tolist()))
