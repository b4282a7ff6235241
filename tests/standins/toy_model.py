"""A model of the toy country, fitted in memory, and the observations that a user would send it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from cropland.config.groups import Features, Series
from cropland.features.recipe import Recipe, classes_of
from cropland.models.fitted import Fitted, measured_columns
from cropland.observations import archive, ragged_array

FLAT = Features("flat", True, ())


def toy_archive(points: pd.DataFrame, rows: pd.DataFrame) -> archive.Archive:
    """The toy archive, in memory."""
    attributes = {"source": "files", "country": "toyland", "fingerprint": "f00"}
    return archive.Archive(ragged_array.from_table(points, rows).assign_attrs(attributes))


def toy_request(points: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The same observations as a user sends them."""
    table = rows.merge(points[["ID", "Lat", "Lon"]], on="ID")
    return table.rename(columns={"time": "Timestamp"}).astype({"Timestamp": str})


def learnt(
    opened: archive.Archive,
    names: tuple[str, ...] = ("B4", "B8", "NDVI"),
    *,
    features: Features = FLAT,
    clear: bool = False,
    classifier: Any = None,
) -> Fitted:
    """A model of the season 2020, fitted on the labelled points."""
    series = Series("clear" if clear else "raw", clear, 5)
    recipe = Recipe("2020-12-31", 40, -14, names, series, features)
    recipe = replace(recipe, classes=classes_of(opened, recipe.band_set))
    matrix = recipe.samples(opened).matrix
    known = matrix["Target"].to_numpy() >= 0
    if classifier is None:
        classifier = RandomForestClassifier(20, max_depth=5, random_state=1)
    return Fitted(
        recipe=recipe,
        classifier=classifier.fit(matrix.to_numpy()[known], matrix["Target"].to_numpy()[known]),
        feature_names=tuple(matrix["feature"].to_numpy().tolist()),
        measured=measured_columns(recipe, opened.stored),
        country="toyland",
        facts={"version": "0.1.0", "accuracy": 0.9, "window": ["2020-03-12", "2020-12-17"]},
    )
