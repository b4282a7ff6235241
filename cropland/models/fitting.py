"""Fitting: the selected candidate learns from every labelled point."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.learning.cross_validation import with_other_samples
from cropland.models.applicability import Applicability
from cropland.models.fitted import Fitted, measured_columns
from cropland.models.importance import impurity
from cropland.observations.long_table import of_points

if TYPE_CHECKING:
    import pandas as pd

    from cropland.learning.classifiers import Classifier
    from cropland.learning.cross_validation import Scores
    from cropland.training.candidate_data import CandidateData

_EXAMPLE_POINTS, _EXAMPLE_ROWS = 2, 60


def fit(material: CandidateData, facts: dict[str, object], scores: Scores) -> Fitted:
    """Fit a candidate on every labelled point.

    Parameters
    ----------
    material : CandidateData
        The candidate and its archives.
    facts : dict of str to plain values
        Facts for the users of the model, beside those of its data.
    scores : Scores
        Scores of the candidate, with the folds of its points.
    """
    x, y = _training_samples(material)
    evidence = material.evidence
    recipe = replace(
        material.recipe,
        min_observations=evidence.min_observations,
        max_gap_days=evidence.max_gap_days,
    )
    classifier = material.classifier().fit(x, y)
    return Fitted(
        recipe=recipe,
        classifier=classifier,
        feature_names=tuple(material.labelled["feature"].to_numpy().tolist()),
        measured=measured_columns(recipe, material.archive.stored),
        country=material.candidate.country.name,
        facts={
            "cropland": version("cropland"),
            "window": str(recipe.window()),
            "archive": material.archive.fingerprint,
            **facts,
        },
        applicability=_applicability(classifier, x, scores),
    )


def label_counts(material: CandidateData) -> tuple[int, int]:
    """Return how many cropland and other points a candidate learns from."""
    _, y = _training_samples(material)
    return int((y == 1).sum()), int((y == 0).sum())


def example(material: CandidateData, fitted: Fitted) -> pd.DataFrame:
    """Return the raw observations of a point or two over the window: few rows that give a label."""
    samples, window = material.samples, fitted.recipe.window()
    at = np.flatnonzero(fitted.recipe.is_observed(samples))
    fewest = at[np.argsort(samples.n_observations[at], kind="stable")[:_EXAMPLE_POINTS]]
    table = of_points(material.archive, fewest, fitted.columns)
    day = table["Timestamp"].str[:10]
    table = table[(day >= window.first.isoformat()) & (day <= window.last.isoformat())]
    if len(table) > _EXAMPLE_ROWS:
        table = table[table["ID"] == table["ID"].iloc[0]]
    every_other = table[::2]
    is_enough = len(every_other) and fitted.predict(every_other)["label"].notna().all()
    return every_other if is_enough else table


def _training_samples(material: CandidateData) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    matrix = material.labelled
    return with_other_samples(
        matrix.to_numpy(), matrix["Target"].to_numpy(), material.other_samples
    )


def _applicability(classifier: Classifier, x: NDArray[np.float32], scores: Scores) -> Applicability:
    """Return the area of applicability; samples of other countries are in no fold, and never left out."""
    fold = scores.out_of_fold["fold"].to_numpy()[:, 0].astype(np.int64)
    elsewhere = np.full(len(x) - len(fold), -1, np.int64)
    weight = impurity(classifier, x.shape[1])
    return Applicability.of(
        x, np.ones(x.shape[1]) if weight is None else weight, np.concatenate([fold, elsewhere])
    )
