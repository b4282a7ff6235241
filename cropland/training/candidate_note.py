"""Descriptions of the runs of candidates, in Markdown for MLflow's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cropland.support.words import count
from cropland.training.nested_candidate import NestedCandidate
from cropland.training.titles import candidate_title
from cropland.untrusted.texts import markdown_text

if TYPE_CHECKING:
    from cropland.learning.cross_validation import Scores
    from cropland.training.candidate import Candidate
    from cropland.training.candidate_data import CandidateData


def of_scored(data: CandidateData, scores: Scores) -> str:
    """Return the description of a candidate's run: title, result, what to do next, notes on its data."""
    candidate, validation = data.candidate, data.candidate.configuration.validation
    how = "spatial block CV" if validation.block_km is not None else "cross-validation"
    points = count(scores.out_of_fold.sizes["sample"], "labelled point")
    text = (
        f"**{markdown_text(candidate_title(candidate))}**: accuracy {scores.accuracy:.3f} ± "
        f"{scores.accuracy_se:.3f} (standard error) in {validation.folds}-fold {how} of {points}."
    )
    if not isinstance(candidate, NestedCandidate):
        country = candidate.country.name
        text += (
            f" This is one candidate; `cropland promote country={country}` selects the best of all and "
            f"registers it."
        )
    return "\n\n".join([text, *map(markdown_text, data.archive.notes)])


def of_failed(candidate: Candidate, reason: str) -> str:
    """Return the description of the run of a candidate that has failed."""
    return f"**{markdown_text(candidate_title(candidate))}**: failed. {markdown_text(reason)}"
