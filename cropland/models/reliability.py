"""Reliability: whether points with a probability of .8 are cropland in eight of ten cases, and its figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cropland.learning.statistics import wilson
from cropland.models.diagnostic_figures import titled
from cropland.support.figure_style import MARKERS, PALETTE, new, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

BINS = 10
FEWEST_IN_BIN = 20
_BARS = 20
"""Of the histogram."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """Forecast probabilities against what was observed.

    Attributes
    ----------
    bins : DataFrame
        A row for each bin of about as many points: ``n``, mean ``probability``, ``share`` of cropland and
        its 95 % interval by Wilson's score, ``low`` and ``high``.
    brier : float
        Mean squared difference between probability and label.
    calibration_error : float
        Expected calibration error: the mean over points of how far a bin's share is from its mean
        probability (Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602).
    """

    bins: pd.DataFrame
    brier: float
    calibration_error: float


def reliability(probability: ArrayLike, labels: ArrayLike) -> Reliability:
    """Compute how reliable probabilities are.

    Parameters
    ----------
    probability : array_like of float, shape (sample,)
        Of cropland, out of fold.
    labels : array_like of int, shape (sample,)
        1 cropland, 0 other.

    Returns
    -------
    Reliability
        At most ten bins, of twenty points at least; equal probabilities share a bin.
    """
    table = pd.DataFrame({"probability": probability, "share": labels}, dtype=float)
    number = max(1, min(BINS, len(table) // FEWEST_IN_BIN))
    edges = np.unique(np.quantile(table["probability"], np.arange(1, number) / number))
    by_bin = table.groupby(np.searchsorted(edges, table["probability"], side="right"))
    bins = by_bin.mean().assign(n=by_bin.size()).reset_index(drop=True)
    counts = zip(bins["share"].to_numpy(), bins["n"].to_numpy(), strict=True)
    intervals = [wilson(float(share * n), int(n)) for share, n in counts]
    bins["low"], bins["high"] = (
        [getattr(one, end) for one in intervals] for end in ("low", "high")
    )
    away = (bins["share"] - bins["probability"]).abs()
    return Reliability(
        bins,
        brier=float(((table["probability"] - table["share"]) ** 2).mean()),
        calibration_error=float(np.average(away, weights=bins["n"])),
    )


def reliability_figure(
    forecasts: Mapping[str, ArrayLike], labels: ArrayLike, *, title: str, simulated: bool
) -> bytes:
    """Draw the observed share of cropland against its probability, and how often each probability is.

    Parameters
    ----------
    forecasts : mapping of str to array_like of float, shape (sample,)
        Out-of-fold probabilities by their name in the legend.
    labels : array_like of int, shape (sample,)
        1 cropland, 0 other.
    title, simulated
        As of `cropland.models.diagnostic_figures.profile_figure`.
    """
    figure = new(5.4, 6.8)
    panel, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    panel.plot([0, 1], [0, 1], color="0.6", lw=1, label="perfectly calibrated")
    for number, (name, probability) in enumerate(forecasts.items()):
        found = reliability(probability, labels)
        _draw_bins(panel, found, name, number)
        below.hist(
            np.asarray(probability),
            np.linspace(0, 1, _BARS + 1),
            color=PALETTE[number],
            histtype="step",
            lw=1.5,
        )
    panel.set_ylabel("observed share of cropland")
    panel.set_xlim(-0.02, 1.02)
    panel.set_ylim(-0.02, 1.02)
    figure.legend(loc="outside lower center", frameon=False, fontsize=9)
    below.set_xlabel("probability of cropland, out of fold")
    below.set_ylabel("points")
    plain(panel, grid="both")
    plain(below)
    return titled(figure, title, simulated)


def _draw_bins(panel: Axes, found: Reliability, name: str, number: int) -> None:
    """Draw the bins of one forecast with their intervals."""
    bins = found.bins
    share = bins["share"].to_numpy()
    error = f"expected calibration error {found.calibration_error:.3f}"
    panel.errorbar(
        bins["probability"],
        share,
        yerr=[share - bins["low"], bins["high"] - share],
        fmt=f"{MARKERS[number]}-",
        color=PALETTE[number],
        lw=1.2,
        elinewidth=0.9,
        capsize=2,
        label=f"{name}\nBrier score {found.brier:.4f}, {error}",
    )
