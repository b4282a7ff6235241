"""Reliability: whether points with a probability of .8 are cropland in eight of ten cases, and its figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cropland.learning.calibration import brier_score, calibration_error, mean_of_repeats
from cropland.learning.statistics import wilson
from cropland.models.diagnostic_figures import titled
from cropland.support.figure_style import MARKERS, PALETTE, new, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

BINS = 10
FEWEST_IN_BIN = 20
_LOWER = 0.3
"""The height of the histogram, of that of the panel above it, which is a square."""
_BARS = 20
"""Of the histogram."""


def reliability_bins(probability: ArrayLike, labels: ArrayLike) -> pd.DataFrame:
    """Compute the observed share of cropland in bins of about as many points.

    Parameters
    ----------
    probability : array_like of float, shape (sample,) or (sample, repeat)
        Of cropland, out of fold; of several repeats the mean counts.
    labels : array_like of int, shape (sample,)
        1 cropland, 0 other.

    Returns
    -------
    pandas.DataFrame
        At most ten bins, of twenty points at least: ``n``, mean ``probability``, ``share`` of cropland and
        its 95 % interval by Wilson's score, ``low`` and ``high``. Equal probabilities share a bin.
    """
    target, mean = np.asarray(labels, float), mean_of_repeats(probability)
    number = max(1, min(BINS, len(mean) // FEWEST_IN_BIN))
    edges = np.unique(np.quantile(mean, np.arange(1, number) / number))
    table = pd.DataFrame({"probability": mean, "share": target})
    by_bin = table.groupby(np.searchsorted(edges, mean, side="right"))
    bins = by_bin.mean().assign(n=by_bin.size()).reset_index(drop=True)
    counts = zip(bins["share"].to_numpy(), bins["n"].to_numpy(), strict=True)
    intervals = [wilson(float(share * n), int(n)) for share, n in counts]
    low, high = ([getattr(one, end) for one in intervals] for end in ("low", "high"))
    return bins.assign(low=low, high=high)


def reliability_figure(
    forecasts: Mapping[str, ArrayLike], labels: ArrayLike, *, title: str, simulated: bool
) -> bytes:
    """Draw the observed share of cropland against its probability, and how often each probability is.

    Parameters
    ----------
    forecasts : mapping of str to array_like of float, shape (sample,) or (sample, repeat)
        Out-of-fold probabilities by their name in the legend.
    labels : array_like of int, shape (sample,)
        1 cropland, 0 other.
    title, simulated
        As of `cropland.models.diagnostic_figures.profile_figure`.
    """
    figure = new(5.4, 8.6)
    panel, below = figure.subplots(2, 1, sharex=True, height_ratios=[1, _LOWER])
    panel.plot([0, 1], [0, 1], color="0.6", lw=1, label="perfectly calibrated")
    for number, (name, probability) in enumerate(forecasts.items()):
        brier = f"Brier score {brier_score(probability, labels):.4f}"
        error = f"expected calibration error {calibration_error(probability, labels):.3f}"
        bins = reliability_bins(probability, labels)
        _draw_bins(panel, bins, f"{name}\n{brier}, {error}", number)
        below.hist(
            mean_of_repeats(probability),
            np.linspace(0, 1, _BARS + 1),
            color=PALETTE[number],
            histtype="step",
            lw=1.5,
        )
    panel.set_ylabel("observed share of cropland")
    panel.set_xlim(-0.02, 1.02)
    panel.set_ylim(-0.02, 1.02)
    panel.set_box_aspect(1)
    below.set_box_aspect(_LOWER)
    bar: dict[str, Any] = {"color": "0.35", "marker": "|", "markersize": 12, "linestyle": ""}
    panel.plot([], [], label="bars: 95 % interval (Wilson)", **bar)
    figure.legend(loc="outside lower center", frameon=False, fontsize=9)
    below.set_xlabel("probability of cropland, out of fold")
    below.set_ylabel("points")
    plain(panel, grid="both")
    plain(below)
    return titled(figure, title, simulated)


def _draw_bins(panel: Axes, bins: pd.DataFrame, label: str, number: int) -> None:
    """Draw the bins of one forecast with their intervals."""
    share = bins["share"].to_numpy()
    panel.errorbar(
        bins["probability"],
        share,
        yerr=[share - bins["low"], bins["high"] - share],
        fmt=f"{MARKERS[number]}-",
        color=PALETTE[number],
        lw=1.2,
        elinewidth=0.9,
        capsize=2,
        label=label,
    )
