"""A map of one country's points: truth, prediction and where these differ, as a page for a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cropland.support.figure_style import CROPLAND, OTHER
from cropland.support.map_page import PointLayer, point_page

if TYPE_CHECKING:
    import pandas as pd

    from cropland.config.countries import Box

CLASSES = {1: "cropland", 0: "other"}
UNKNOWN = "–"
_COLOURS = {"cropland": CROPLAND, "other": OTHER, UNKNOWN: "#999999"}
_LABEL_RING = "#0072B2"
_LOOKS: dict[str, tuple[str, float, str, float]] = {
    "unlabelled": ("unlabelled", 6, "#666666", 0.8),
    "other": ("other", 9, "white", 0.8),
    "cropland": ("cropland", 9, "white", 0.8),
    "misclassified": ("misclassified, in the colour of the truth", 13, "black", 2.5),
    "to look at": ("label to look at, misclassified by all finalists", 14, _LABEL_RING, 3),
}
"""Name in the legend, diameter in pixels, colour and width of the edge; the last is drawn on top."""


def points_map(table: pd.DataFrame, *, title: str, box: Box, note: str = "") -> bytes:
    """Draw points on a map.

    Parameters
    ----------
    table : pandas.DataFrame
        ``ID``, ``Lat``, ``Lon`` (degrees), ``Target`` (1 cropland, 0 not, NaN unlabelled), ``label`` and
        ``probability`` of cropland as predicted, NaN where not predicted; ``to_look_at``, true where all
        finalists contradict the label.
    title : str
        One line.
    box : Box
        The country's, drawn as a frame.
    note : str
        A line under the title; empty for none.

    Returns
    -------
    bytes
        An HTML page that needs no network. A misclassified point stands in a layer of its own, ringed, in the
        colour of its truth; so does one whose label is to be looked at.
    """
    target, label = table["Target"], table["label"]
    wrong = target.isin(list(CLASSES)) & label.notna() & (label != target)
    kinds = np.select(
        [table["to_look_at"], wrong, target == 1, target == 0],
        ["to look at", "misclassified", "cropland", "other"],
        "unlabelled",
    )
    layers = [_layer(table[kinds == kind], *_LOOKS[kind]) for kind in _LOOKS if kind in kinds]
    facts = {"points": f"{len(table):,}", "labelled": f"{int(target.notna().sum()):,}"}
    bounds = box.west, box.south, box.east, box.north
    page = point_page(layers, bounds, title=title, note=note, facts=facts)
    return page.encode()


def _layer(points: pd.DataFrame, name: str, size: float, outline: str, width: float) -> PointLayer:
    truth = [CLASSES.get(target, UNKNOWN) for target in points["Target"]]
    return PointLayer(
        name=f"{name} ({len(points):,})",
        lon=points["Lon"].to_numpy(float),
        lat=points["Lat"].to_numpy(float),
        fields={
            "ID": points["ID"].astype(str).tolist(),
            "truth": truth,
            "prediction": [CLASSES.get(label, UNKNOWN) for label in points["label"]],
            "probability": [
                UNKNOWN if np.isnan(share) else f"{share:.2f}" for share in points["probability"]
            ],
        },
        colours=[_COLOURS[name] for name in truth],
        size=size,
        outline=outline,
        width=width,
    )
