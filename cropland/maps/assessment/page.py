"""The page of an assessment: the sample's units over the map, where labels and map differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cropland.maps import page
from cropland.maps.layers import CLASS, CLASSES, PROBABILITY
from cropland.support.figure_style import CROPLAND, OTHER
from cropland.support.map_layers import PointLayer

if TYPE_CHECKING:
    from cropland.maps.assessment.result import AssessmentResult
    from cropland.maps.finished_map import FinishedMap

PAGE = "assessment_map.html"
_COLOURS = {"cropland": CROPLAND, "other": OTHER, "none": "#999999"}
_LOOKS = (
    ("no label", "#666666", 7.0, 0.8),
    ("other", "#222222", 8.0, 1.2),
    ("cropland", "#222222", 8.0, 1.2),
    ("map and label differ, black ring", "black", 13.0, 2.5),
)
"""Name, colour of the edge, diameter and width of the edge, in pixels; the last is drawn on top."""


def sample_page(
    finished_map: FinishedMap, result: AssessmentResult, *, title: str, note: str
) -> str:
    """Write the page of a map with the units of its sample over it, in the colour of their label.

    Parameters
    ----------
    finished_map : FinishedMap
        The map.
    result : AssessmentResult
        Design, labels and mapped classes of the sample.
    title, note : str
        As of `cropland.maps.page.page`.

    Raises
    ------
    DataError
        A layer is damaged or cannot be read.
    """
    layers = sample_layers(result)
    n_labels = sum(label is not None for label in result.labels.values())
    facts = {
        **dict(finished_map.facts.lines()),
        "sample units": f"{len(result.labels):,}, {n_labels:,} with a label",
        "colour of a unit": "its label",
    }
    drawn = finished_map.layers(CLASS.name, PROBABILITY.name)
    return page.page(drawn, title=title, facts=facts, note=note, points=layers)


def sample_layers(result: AssessmentResult) -> list[PointLayer]:
    """Return the layers of a sample's units: those of each label, and those where the map differs."""
    names: dict[int | None, str] = {value: name for name, value in CLASSES.items()}
    labels = np.array([names.get(each, "none") for each in result.labels.values()])
    mapped = np.array([names.get(each, "none") for each in result.mapped.tolist()])
    differs = (labels != "none") & (mapped != "none") & (labels != mapped)
    kinds = np.select(
        [differs, labels == "other", labels == "cropland"],
        [_LOOKS[3][0], "other", "cropland"],
        "no label",
    )
    ids = np.array(list(result.labels))
    places = np.array([result.design.units[each][:2] for each in ids.tolist()])
    layers = []
    for name, outline, size, width in _LOOKS:
        chosen = kinds == name
        if not chosen.any():
            continue
        layers.append(
            PointLayer(
                name=f"sample: {name} ({int(chosen.sum()):,})",
                lon=places[chosen, 0],
                lat=places[chosen, 1],
                fields={
                    "unit": ids[chosen].tolist(),
                    "label": labels[chosen].tolist(),
                    "on the map": mapped[chosen].tolist(),
                },
                colours=[_COLOURS[label] for label in labels[chosen]],
                size=size,
                outline=outline,
                width=width,
            )
        )
    return layers
