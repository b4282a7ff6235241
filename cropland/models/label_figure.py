"""Figure of the labels to look at: the profile of each against those of both classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cropland.models.diagnostic_figures import COLOURS, LINES, band_label, date_axis, titled
from cropland.support.figure_style import new, plain
from cropland.training.out_of_fold import CLASSES

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes

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
    date_axis(grid[0, 0], profiles["time"], ticks=5)
    values = series["values"].sel(band=band).transpose("point", "time").to_numpy()
    rows_of = {point: row for row, point in enumerate(series["ID"].to_numpy().tolist())}
    for number, panel in enumerate(grid.flat):
        if number >= len(drawn):
            panel.set_visible(False)
            continue
        row = drawn.iloc[number]
        _draw_classes(panel, profiles)
        at, line = series["time"].to_numpy(), values[rows_of[row["ID"]]]
        panel.plot(at, line, color="black", lw=1.1, label="the point")
        label = CLASSES[int(row["Target"])]
        panel.set_title(
            f"{row['ID']}\nlabel {label}, P(cropland) {row['probability']:.2f}", fontsize=8.5
        )
        panel.tick_params(labelsize=8, labelbottom=number + n_columns >= len(drawn))
        plain(panel)
        if number + n_columns >= len(drawn):
            panel.set_xlabel("date", fontsize=8.5)
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
