"""Scores of a promotion in words, for the screen and the model card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cropland.models.verdicts import PERFECT, is_perfect
from cropland.support.words import count, markdown_table
from cropland.untrusted.texts import markdown_code, markdown_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cropland.config.commands.promote import Promote
    from cropland.learning.calibration import Coverage
    from cropland.learning.cross_validation import Scores
    from cropland.learning.statistics import Estimate
    from cropland.models.competition import Result
    from cropland.models.other_rules import Alternative
    from cropland.models.selection import InBlocks, Selected


def accuracy(scores: Scores | Alternative) -> str:
    """Return an accuracy with its standard error."""
    return f"{scores.accuracy:.3f} ± {scores.accuracy_se:.3f}"


def corrected(estimate: Estimate) -> str:
    """Return an estimate with its interval."""
    return f"{estimate.value:.3f} ({estimate.low:.3f}…{estimate.high:.3f})"


def score_lines(result: Result, in_blocks: InBlocks | str, command: Promote) -> Iterator[str]:
    """Yield the paragraphs of a card's scores, in Markdown."""
    yield _table(result, in_blocks, command)
    if is_perfect(result):
        yield f"**{PERFECT[0].upper()}{PERFECT[1:]}.**"
    scores = result.selected.scores
    yield (
        f"Recall (producer's accuracy): cropland {scores.accuracy_cropland:.3f}, other "
        f"{scores.accuracy_other:.3f}; F1 {scores.f1:.3f}, ROC AUC {scores.roc_auc:.3f}, Brier score "
        f"{scores.brier:.3f}."
    )
    yield _calibration(result.selected)
    yield _sets(result.selected, in_blocks)


def _table(result: Result, in_blocks: InBlocks | str, command: Promote) -> str:
    selected, estimate = result.selected, result.estimate
    validation, km = selected.validation, command.promotion.block_km
    times = f", {validation.repeats} times" if validation.repeats > 1 else ""
    folds = f"{markdown_text(validation.name)}, {validation.folds} folds{times}"
    blocks = (
        ("–", markdown_text(in_blocks))
        if isinstance(in_blocks, str)
        else (accuracy(in_blocks.scores), f"blocks of {km:g} km")
    )
    interval = f"95 %: {estimate.low:.3f} … {estimate.high:.3f}"
    rows = (
        ("cross-validated", accuracy(selected.scores), folds),
        (
            "bias-corrected (BBC-CV)",
            f"**{estimate.value:.3f}**",
            f"{interval}, {count(result.n_tried, 'candidate')} tried",
        ),
        ("spatial block CV", *blocks),
    )
    return markdown_table(("accuracy", "value", ""), rows)


def _calibration(selected: Selected) -> str:
    """Return how probabilities are calibrated and what that changes out of fold."""
    calibration, platt = selected.calibration, selected.calibration.platt
    if platt is None:
        return f"Calibration: none ({calibration.reason})."
    before, after = calibration.brier
    return (
        f"Calibration: sigmoid (Platt, slope {platt.slope:.3f}, no intercept: the more probable class "
        f"stays). Out of fold, cross-fitted, the Brier score is {before:.4f} before and {after:.4f} after it."
    )


def _sets(selected: Selected, in_blocks: InBlocks | str) -> str:
    """Return how often prediction sets hold the truth, and how often both classes are possible."""
    rows = [("random folds", *_cells(selected.coverage))]
    if not isinstance(in_blocks, str):
        rows.append(("spatial blocks", *_cells(in_blocks.coverage)))
    table = markdown_table(("true class in the set", "cropland", "other", "cannot tell"), rows)
    return (
        f"Prediction sets at {selected.sets.confidence:.0%} confidence (`cannot_tell`: both classes are "
        f"possible):\n\n{table}"
    )


def _cells(coverage: Coverage) -> tuple[str, str, str]:
    return f"{coverage.cropland:.1%}", f"{coverage.other:.1%}", f"{coverage.cannot_tell:.1%}"


def others_table(result: Result) -> str:
    """Return what the other rules would have selected, as a table in Markdown."""
    rows = [
        (f"`{rule}`", _names(other), accuracy(other), corrected(other.estimate))
        for rule, other in result.others.items()
    ]
    return markdown_table(("other rule", "would select", "accuracy", "bias-corrected (95 %)"), rows)


def _names(other: Alternative) -> str:
    return ", ".join(map(markdown_code, other.names))
