"""Fitting: the selected candidates learn from every labelled point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.learning.cross_validation import with_other_samples
from cropland.models.applicability import Applicability
from cropland.models.fitted import Fitted
from cropland.models.importance import impurity
from cropland.models.member import Member, measured_columns
from cropland.observations.long_table import of_points

if TYPE_CHECKING:
    import pandas as pd

    from cropland.learning.calibration import Platt, PredictionSets
    from cropland.learning.classifiers import Classifier
    from cropland.learning.cross_validation import Scores
    from cropland.training.candidate_data import CandidateData

_EXAMPLE_POINTS, _EXAMPLE_ROWS = 2, 60


def fit(
    materials: Sequence[CandidateData],
    facts: Mapping[str, object],
    scores: Sequence[Scores],
    calibration: Platt | None = None,
    sets: PredictionSets | None = None,
) -> Fitted:
    """Fit candidates, each on every labelled point: the members of a model.

    Parameters
    ----------
    materials : sequence of CandidateData
        The candidates and their archives, of one country.
    facts : mapping of str to plain values
        Facts for the users of the model, beside those of its data.
    scores : sequence of Scores
        Scores of each candidate, with the folds of its points.
    calibration : Platt, optional
        Of the mean of their probabilities out of fold.
    sets : PredictionSets, optional
        Of the same, calibrated.
    """
    members = tuple(_member(*pair) for pair in zip(materials, scores, strict=True))
    return Fitted(
        members=members,
        country=materials[0].candidate.country.name,
        facts={
            "cropland": version("cropland"),
            "window": " | ".join(dict.fromkeys(str(m.recipe.window()) for m in members)),
            "archive": materials[0].archive.fingerprint,
            **facts,
        },
        calibration=calibration,
        sets=sets,
    )


def _member(material: CandidateData, scores: Scores) -> Member:
    """Fit a candidate on every labelled point."""
    x, y = _training_samples(material)
    evidence = material.evidence
    recipe = replace(
        material.recipe,
        min_observations=evidence.min_observations,
        max_gap_days=evidence.max_gap_days,
    )
    classifier = material.classifier().fit(x, y)
    return Member(
        recipe=recipe,
        classifier=classifier,
        feature_names=tuple(material.labelled["feature"].to_numpy().tolist()),
        measured=measured_columns(recipe, material.archive.stored),
        applicability=_applicability(classifier, x, scores),
    )


def label_counts(material: CandidateData) -> tuple[int, int]:
    """Return how many cropland and other points a candidate learns from."""
    _, y = _training_samples(material)
    return int((y == 1).sum()), int((y == 0).sum())


def example(materials: Sequence[CandidateData], fitted: Fitted) -> pd.DataFrame:
    """Return the raw observations of a point or two over the windows: few rows that give a label."""
    members = tuple(zip(materials, fitted.members, strict=True))
    seen = [member.recipe.is_observed(material.samples) for material, member in members]
    at = np.flatnonzero(np.all(seen, axis=0))
    counts = np.min([material.samples.n_observations for material in materials], axis=0)
    fewest = at[np.argsort(counts[at], kind="stable")[:_EXAMPLE_POINTS]]
    table, window = of_points(materials[0].archive, fewest, fitted.columns), fitted.window()
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
