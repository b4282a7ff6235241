"""Maps of points as a page for a browser: truth and prediction of a country, or predictions of any points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cropland.support.figure_style import CROPLAND, OTHER
from cropland.support.map_layers import PointLayer
from cropland.support.map_page import point_page

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from cropland.config.countries import Box

CLASSES = {1: "cropland", 0: "other"}
UNKNOWN = "–"
MOST_DRAWN = 5000
"""Points of a layer: a browser takes a second to move a page of 20,000, four of 100,000."""
COLOURS = {"cropland": CROPLAND, "other": OTHER, UNKNOWN: "#999999"}
_LEGEND = {"no label" if name == UNKNOWN else name: colour for name, colour in COLOURS.items()}
_Look = tuple[str, float, str, float]
"""Name in the legend, diameter in pixels, colour and width of the edge."""
_TO_LOOK_AT: _Look = ("labels to look at, blue ring", 14, "#0072B2", 3)
_LOOKS: dict[str, _Look] = {
    "unlabelled": ("unlabelled", 6, "#666666", 0.8),
    "other": ("other", 9, "white", 0.8),
    "cropland": ("cropland", 9, "white", 0.8),
    "misclassified": ("misclassified, black ring", 13, "black", 2.5),
    "to look at": _TO_LOOK_AT,
}
"""The last is drawn on top."""
_LOOKS_OF_PREDICTIONS: dict[str, _Look] = {
    "no label": ("no label", 6, "#666666", 0.8),
    "other": ("predicted other", 9, "white", 0.8),
    "cropland": ("predicted cropland", 9, "white", 0.8),
    "cannot tell": ("cannot tell, purple ring", 11, "#CC79A7", 2),
    "outside": ("outside the area of applicability, black ring", 11, "black", 1.5),
}


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
        colour of its label; so does one whose label is worth a look.
    """
    facts = {
        "points": f"{len(table):,}",
        "labelled": f"{int(table['Target'].notna().sum()):,}",
        "misclassified": f"{int(_is_wrong(table).sum()):,}, labels to look at among them",
        "colour": "the label; grey for a point without one",
    }
    return point_page(
        training_layers(table),
        [_frame(box)],
        title=title,
        note=note,
        facts=facts,
        colours=_LEGEND,
    ).encode()


def training_layers(table: pd.DataFrame) -> list[PointLayer]:
    """Return the layers of a model's points: right and wrong ones, labels to look at, unlabelled ones.

    Parameters
    ----------
    table : pandas.DataFrame
        As of `points_map`.
    """
    target = table["Target"]
    kinds = np.select(
        [table["to_look_at"], _is_wrong(table), target == 1, target == 0],
        ["to look at", "misclassified", "cropland", "other"],
        "unlabelled",
    )
    return _layers(table, kinds, _LOOKS, "Target")


def _is_wrong(table: pd.DataFrame) -> pd.Series[bool]:
    """Return which labelled points are predicted otherwise."""
    target, label = table["Target"], table["label"]
    return target.isin(list(CLASSES)) & label.notna() & (label != target)


def predictions_map(
    table: pd.DataFrame,
    to_look_at: pd.DataFrame,
    *,
    title: str,
    boxes: Sequence[Box],
    note: str = "",
) -> bytes:
    """Draw predicted points on a map, beside the labels to look at.

    Parameters
    ----------
    table : pandas.DataFrame
        ``ID``, ``Lat``, ``Lon`` (degrees, NaN outside every box: not drawn), ``label`` and ``probability`` of
        cropland as predicted, NaN where not predicted, ``inside_applicability`` and ``cannot_tell``, NA where
        they are not known.
    to_look_at : pandas.DataFrame
        ``ID``, ``Lat``, ``Lon``, ``Target`` and ``probability`` of the labels to look at of all models.
    title : str
        One line.
    boxes : sequence of Box
        Those of the countries, drawn as frames.
    note : str
        A line under the title; empty for none.

    Returns
    -------
    bytes
        An HTML page that needs no network.
    """
    drawn = table[table["Lat"].notna()].assign(Target=np.nan)
    label = drawn["label"].astype(float)
    outside = (drawn["inside_applicability"] == 0).fillna(value=False).astype(bool)
    unsure = (drawn["cannot_tell"] == 1).fillna(value=False).astype(bool)
    kinds = np.select(
        [label.isna(), outside, unsure, label == 1],
        ["no label", "outside", "cannot tell", "cropland"],
        "other",
    )
    layers = _layers(drawn.assign(label=label), kinds, _LOOKS_OF_PREDICTIONS, "label")
    if len(to_look_at):
        wrong = to_look_at.assign(label=1.0 - to_look_at["Target"])
        layers.append(_layer(wrong, "Target", *_TO_LOOK_AT))
    facts = {
        "points": f"{len(table):,}",
        "predicted": f"{int(label.notna().sum()):,}",
        "cropland, points with a ring included": f"{int((label == 1).sum()):,}",
        "cannot tell, points outside the area of applicability included": f"{int(unsure.sum()):,}",
        "colour": "the predicted class; for labels to look at, the label given",
    }
    frames = [_frame(box) for box in boxes]
    page = point_page(layers, frames, title=title, note=note, facts=facts, colours=_LEGEND)
    return page.encode()


def _frame(box: Box) -> tuple[float, float, float, float]:
    return box.west, box.south, box.east, box.north


def _layers(
    table: pd.DataFrame, kinds: NDArray[np.str_], looks: Mapping[str, _Look], colour: str
) -> list[PointLayer]:
    """Return a layer for each kind of points that is there."""
    return [_layer(table[kinds == kind], colour, *looks[kind]) for kind in looks if kind in kinds]


def _layer(
    points: pd.DataFrame, colour: str, name: str, size: float, outline: str, width: float
) -> PointLayer:
    """Return points in the colours of their class in the column `colour`, a sample where there are many."""
    count = f"{len(points):,}"
    if len(points) > MOST_DRAWN:
        count = f"{MOST_DRAWN:,} of {len(points):,}, drawn at random"
        points = points.sample(MOST_DRAWN, random_state=0)
    truth, prediction = (
        [CLASSES.get(value, UNKNOWN) for value in points[column]] for column in ("Target", "label")
    )
    return PointLayer(
        name=f"{name} ({count})",
        lon=points["Lon"].to_numpy(float),
        lat=points["Lat"].to_numpy(float),
        fields={
            "ID": points["ID"].astype(str).tolist(),
            "label": truth,
            "prediction": prediction,
            "probability of cropland": [
                UNKNOWN if np.isnan(share) else f"{share:.2f}" for share in points["probability"]
            ],
        },
        colours=[COLOURS[name] for name in (truth if colour == "Target" else prediction)],
        size=size,
        outline=outline,
        width=width,
    )
