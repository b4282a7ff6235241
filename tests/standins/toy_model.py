"""A model of the toy country, fitted in memory, and the observations that a user would send it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cropland.config.groups import Features, Series
from cropland.features.recipe import Recipe, classes_of
from cropland.learning.calibration import Platt, PredictionSets
from cropland.models.applicability import Applicability
from cropland.models.fitted import Fitted
from cropland.models.member import Member, measured_columns
from cropland.observations import archive, ragged_array

FLAT = Features("flat", True, ())
STATISTICS = Features("statistics", False, ("min", "median", "std"))


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
    span: int = 40,
    classifier: Any = None,
) -> Fitted:
    """A model of the season 2020, fitted on the labelled points."""
    series = Series("clear" if clear else "raw", clear, 5)
    recipe = Recipe("2020-12-31", span, -14, names, series, features)
    recipe = replace(recipe, classes=classes_of(opened, recipe.band_set))
    matrix = recipe.samples(opened).matrix
    known = matrix["Target"].to_numpy() >= 0
    if classifier is None:
        classifier = RandomForestClassifier(20, max_depth=5, random_state=1)
    member = Member(
        recipe=recipe,
        classifier=classifier.fit(matrix.to_numpy()[known], matrix["Target"].to_numpy()[known]),
        feature_names=tuple(matrix["feature"].to_numpy().tolist()),
        measured=measured_columns(recipe, opened.stored),
    )
    facts = {"version": "0.1.0", "accuracy": 0.9, "window": ["2020-03-12", "2020-12-17"]}
    return Fitted((member,), "toyland", facts)


def average(opened: archive.Archive) -> Fitted:
    """A calibrated mean of four: they differ in window, bands, series, features and classifier.

    The first and the last have one recipe. Each has an area of applicability.
    """
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    trees = ExtraTreesClassifier(20, random_state=2)
    learners = (
        learnt(opened),
        learnt(opened, ("B2", "SCL", "Lon"), features=STATISTICS, clear=True, span=30),
        learnt(opened, ("NDVI", "EVI"), span=20, classifier=linear),
        learnt(opened, classifier=trees),
    )
    members = []
    for (member,) in (each.members for each in learners):
        samples = member.recipe.samples(opened).matrix
        x = samples.to_numpy()[samples["Target"].to_numpy() >= 0]
        area = Applicability.of(x, np.ones(x.shape[1]), np.arange(len(x)) % 5)
        members.append(replace(member, applicability=area))
    sets = PredictionSets(0.95, cropland=0.3, other=0.2)
    return replace(learners[0], members=tuple(members), calibration=Platt(1.5), sets=sets)


def with_member(fitted: Fitted, **changes: Any) -> Fitted:
    """The model of one member, changed: fields of its recipe are named as they are there."""
    (member,) = fitted.members
    of_recipe = {name: changes.pop(name) for name in set(changes) & set(vars(member.recipe))}
    changed = replace(member, recipe=replace(member.recipe, **of_recipe), **changes)
    return replace(fitted, members=(changed,))
