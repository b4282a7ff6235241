"""Figure of permutation importance: of each band at each time, of whole bands and of whole times."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Literal

import numpy as np

from cropland.models.diagnostic_figures import COLOUR_SCALE, titled
from cropland.support.figure_style import ERRORS, PALETTE, new, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

MOST_BANDS = 12
"""More rows than these would be small and mostly noise."""
STANDARD_ERRORS = 2
"""A cell is coloured where its drop is larger than so many of its standard errors."""
_LEAST = f"{STANDARD_ERRORS} s.e."
_MANY_COLUMNS = 14
_NOISE, _NO_FEATURE = "0.93", "white"


def importance_figure(importance: xr.Dataset, *, title: str, simulated: bool) -> bytes:
    """Draw permutation importance: of each band at each time, and beside it of whole bands and times.

    Parameters
    ----------
    importance : xarray.Dataset
        As `cropland.models.importance.measure` returns it; of more than `MOST_BANDS` bands those of the
        largest drops are drawn.
    title, simulated
        As of `cropland.models.diagnostic_figures.profile_figure`.
    """
    n_bands = importance.sizes["band"]
    shown = _most_important(importance)
    bands, whens = (shown[name].to_numpy().astype(str) for name in ("band", "when"))
    months = [when[:4].isdigit() for when in whens]
    column = (0.42 if len(whens) <= _MANY_COLUMNS else 0.34) if any(months) else 0.85
    width, height = max(2.4, column * len(whens)), max(1.0, 0.32 * len(bands))
    clear = _are_clear(shown)
    if clear.any():
        figure, above, right = _with_cells(shown, clear, width, height)
    else:
        figure = new(width + 4.4, height + 2.2)
        above, right = figure.subplots(1, 2, width_ratios=[width, 2.4])
        right.invert_yaxis()
    below = figure.axes[0]
    _draw_bars(above, "y", shown["importance_when"], shown["importance_se_when"])
    _draw_bars(right, "x", shown["importance_band"], shown["importance_se_band"])
    ends = np.array([above.get_ylim(), right.get_xlim()])
    above.set_ylim(ends.min(), ends.max())
    right.set_xlim(ends.min(), ends.max())
    ticks = below.set_xticks(range(len(whens)), _when_labels(whens))
    for tick, month in zip(ticks, months, strict=True):
        tick.label1.set_rotation(90 if any(months) and not month else 0)
    (below if clear.any() else right).set_yticks(range(len(bands)), bands)
    above.set_ylabel("all bands\nof a time")
    right.set_xlabel("a band at all times")
    facts = _facts(shown)
    if clear.any():
        _write_beside(above, facts)
    lines = ["Drop in accuracy where features are permuted (percentage points)"]
    if len(bands) < n_bands:
        lines.append(f"the {len(bands)} bands of {n_bands} with the largest drops")
    if not clear.any():
        lines.append(f"no single band at a single time: none drops by more than {_LEAST}")
        lines.append(", ".join(facts))
    return titled(figure, f"{title}\n{'; '.join(lines)}", simulated)


def _with_cells(
    importance: xr.Dataset, clear: NDArray[np.bool_], width: float, height: float
) -> tuple[Figure, Axes, Axes]:
    """Start a figure with the cells (band, when); return it, and the panels above and right of them."""
    figure = new(width + 4.4, height + 3.6)
    grid = figure.add_gridspec(2, 2, width_ratios=[width, 2.0], height_ratios=[1.3, height])
    panel = figure.add_subplot(grid[1, 0])
    above = figure.add_subplot(grid[0, 0], sharex=panel)
    right = figure.add_subplot(grid[1, 1], sharey=panel)
    _draw_cells(figure, panel, importance, clear)
    above.tick_params(labelbottom=False, bottom=False)
    right.tick_params(labelleft=False, left=False)
    return figure, above, right


def _are_clear(importance: xr.Dataset) -> NDArray[np.bool_]:
    """Return which cells (band, when) drop by more than noise; those without a feature do not."""
    cells, errors = (
        importance[name].transpose("band", "when").to_numpy()
        for name in ("importance", "importance_se")
    )
    return np.asarray(cells > STANDARD_ERRORS * errors)


def _most_important(importance: xr.Dataset) -> xr.Dataset:
    """Return the bands with the largest drops, in the order in which they stand."""
    order = np.argsort(-importance["importance_band"].to_numpy(), kind="stable")
    return importance.isel(band=np.sort(order[:MOST_BANDS]))


def _draw_bars(
    panel: Axes, along: Literal["x", "y"], sizes: xr.DataArray, errors: xr.DataArray
) -> None:
    """Draw a bar for each group with its standard error, in percentage points."""
    plain(panel, grid=along)
    at, size, error = np.arange(len(sizes)), 100 * sizes.to_numpy(), 100 * errors.to_numpy()
    if along == "y":
        panel.bar(at, size, 0.7, color=PALETTE[0])
        panel.errorbar(at, size, yerr=error, fmt="none", ecolor="black", elinewidth=0.8)
        panel.axhline(0, color="black", lw=0.8)
    else:
        panel.barh(at, size, 0.7, color=PALETTE[0])
        panel.errorbar(size, at, xerr=error, fmt="none", ecolor="black", elinewidth=0.8)
        panel.axvline(0, color="black", lw=0.8)
    panel.locator_params(axis=along, nbins=4)


def _facts(importance: xr.Dataset) -> list[str]:
    """Return how the numbers were computed."""
    facts = importance.attrs
    return [
        f"accuracy {facts['accuracy']:.3f} in the folds of the sweep, nothing permuted",
        f"{facts['n_samples']:,} points",
        f"{facts['repeats']} permutations",
        ERRORS,
    ]


def _write_beside(panel: Axes, lines: Sequence[str]) -> None:
    """Write lines into the empty corner beside a panel."""
    text = panel.annotate(
        "\n".join(textwrap.fill(line, 24) for line in lines),
        (1, 1),
        (12, 0),
        "axes fraction",
        "offset points",
        va="top",
        fontsize=9,
    )
    text.set_in_layout(False)


def _draw_cells(
    figure: Figure, panel: Axes, importance: xr.Dataset, clear: NDArray[np.bool_]
) -> None:
    """Draw the groups (band, when): those that are clear coloured, others grey."""
    from matplotlib.colors import ListedColormap
    from matplotlib.ticker import MaxNLocator

    cells = 100 * importance["importance"].transpose("band", "when").to_numpy()
    missing = np.isnan(cells)
    panel.imshow(
        np.where(missing, np.nan, 0), cmap=ListedColormap([_NOISE]), aspect="auto", zorder=1
    )
    panel.set_facecolor(_NO_FEATURE)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    words = [f"grey: no drop by more than {_LEAST}"]
    if missing.any():
        words.append("white: no such feature")
    panel.set_xlabel("; ".join(words), fontsize=9)
    top = float(cells[clear].max())
    image = panel.imshow(
        np.where(clear, cells, np.nan), vmin=0, vmax=top, cmap=COLOUR_SCALE, aspect="auto", zorder=2
    )
    _write_numbers(panel, cells, clear, top)
    figure.colorbar(
        image,
        ax=panel,
        location="bottom",
        label="one band at one time",
        aspect=40,
        ticks=MaxNLocator(5),
    )


def _write_numbers(
    panel: Axes, cells: NDArray[np.float64], clear: NDArray[np.bool_], top: float
) -> None:
    """Write the drop into each coloured cell."""
    for row, column in np.argwhere(clear):
        size = cells[row, column]
        panel.text(
            column, row, f"{size:.1f}", ha="center", va="center", fontsize=8.5, zorder=3,
            color="black" if size > top / 2 else "white",
        )  # fmt: skip


def _when_labels(whens: NDArray[np.str_]) -> list[str]:
    """Return labels: months as ``Nov``, with the year under its first one; statistics as they are."""
    import calendar

    labels, year_before = [], ""
    for when in whens.tolist():
        year, dash, month = when.partition("-")
        if not dash:
            labels.append(when)
            continue
        name = calendar.month_abbr[int(month)]
        labels.append(name if year == year_before else f"{name}\n{year}")
        year_before = year
    return labels
