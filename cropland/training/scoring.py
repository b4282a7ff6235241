"""Scoring a candidate: archive → window → series → features → scores → what its run will hold."""

from __future__ import annotations

import logging
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import TYPE_CHECKING, Literal

import numpy as np

from cropland.errors import CroplandError, one_line
from cropland.learning import nested
from cropland.observations.point_counts import given_counts
from cropland.secret_text import without_secrets
from cropland.support import signals
from cropland.support.words import count, some
from cropland.tracking.records import (
    ARCHIVE,
    COMPARISON,
    COUNTRY,
    IDENTITY,
    KIND,
    LIBRARIES,
    Done,
    Record,
)
from cropland.training import candidate_note, out_of_fold
from cropland.training.candidate_data import CandidateData
from cropland.training.identity import comparison, libraries
from cropland.training.nested_candidate import NestedCandidate
from cropland.training.outcome import EVIDENCE, SCORES, objective

if TYPE_CHECKING:
    from cropland.learning.cross_validation import Scores
    from cropland.tracking.store import Store
    from cropland.training.candidate import Candidate
    from cropland.training.outcome import Outcome

log = logging.getLogger(__name__)
_NOT_METRICS = ("accuracy_fold", "out_of_fold")
_DIGITS = 6


@dataclass(frozen=True)
class Scored:
    """A candidate that has been scored and not yet been tracked: plain values, which a worker can return.

    Attributes
    ----------
    outcome : Outcome
        What became of it, but for the id of its run.
    done : Done
        What its run will hold.
    """

    outcome: Outcome
    done: Done

    def track(self, store: Store, parent: str | None) -> Outcome:
        """Write its run below a parent run; return its outcome with the id of the run.

        Raises
        ------
        TrackingError
            The store cannot be written to.
        """
        return replace(self.outcome, run_id=store.keep(self.done, parent))


@dataclass(frozen=True)
class JobResult:
    """What a worker returns of a job, for the process that launched it to track.

    Attributes
    ----------
    scored : tuple of Scored
        Candidates that it has scored.
    known : tuple of float
        Accuracies of its other candidates, which were known before.
    """

    scored: tuple[Scored, ...]
    known: tuple[float, ...] = ()

    @property
    def objective(self) -> float:
        """Mean accuracy of its candidates, see `cropland.training.outcome.objective`."""
        return objective([*self.known, *(one.outcome.accuracy for one in self.scored)])


def score(candidate: Candidate) -> Scored:
    """Score a candidate.

    What goes wrong with it becomes its outcome, so that a sweep goes on.
    """
    tags, record, began = _tags_of(candidate), Record(), _now()
    try:
        data = CandidateData.of(candidate)
        candidate = data.candidate
        tags |= _tags(data)
        outcome = _scored(data, record)
    except Exception as error:
        signals.check()  # an interruption may come as another error
        known = isinstance(error, CroplandError)
        outcome = candidate.outcome(
            "failed", message=one_line(str(error) if known else f"{type(error).__name__}: {error}")
        )
        record.files["traceback.txt"] = without_secrets(traceback.format_exc())
        record.note = candidate_note.of_failed(candidate, outcome.message)
    status: Literal["FINISHED", "FAILED"] = "FAILED" if outcome.status == "failed" else "FINISHED"
    done = Done(candidate.name, tags, record, status, began, _now())
    _log(outcome, done)
    return Scored(outcome, done)


def _log(outcome: Outcome, done: Done) -> None:
    """Log the score of a candidate, or why it has none."""
    seconds = (done.ended - done.began) / 1000
    if done.status == "FAILED":
        log.error("%s failed after %.2f s: %s", done.name, seconds, outcome.message)
    else:
        log.info("%s: accuracy %.4f in %.2f s", done.name, outcome.accuracy, seconds)
    log.debug("%s: %s", done.name, done.record.metrics)


def failed(candidate: Candidate, reason: str) -> Scored:
    """Return a candidate that was lost with the process that scored it."""
    now = _now()
    record = Record(
        params=candidate.params(),
        files={**candidate.config_files},
        note=candidate_note.of_failed(candidate, reason),
    )
    return Scored(
        candidate.outcome("failed", message=reason),
        Done(candidate.name, _tags_of(candidate), record, "FAILED", now, now),
    )


def lost(candidates: Sequence[Candidate], known: Sequence[float], error: Exception) -> JobResult:
    """Return the result of a job that was lost with the process that ran it."""
    reason = one_line(f"{type(error).__name__}: {error}")
    return JobResult(tuple(failed(candidate, reason) for candidate in candidates), tuple(known))


def _tags_of(candidate: Candidate) -> dict[str, str]:
    """Return the tags that are known before a candidate's data are."""
    return {KIND: "candidate", COUNTRY: candidate.country.name, **candidate.window_tags()}


def _tags(data: CandidateData) -> dict[str, str]:
    candidate, archive = data.candidate, data.archive
    validation, seed = candidate.configuration.validation, candidate.configuration.seed
    return {
        IDENTITY: candidate.identity(archive, data.other_archives),
        COMPARISON: comparison(archive, candidate.country, validation, seed),
        ARCHIVE: archive.fingerprint,
        LIBRARIES: libraries(),
        "uses_future": str(candidate.window.uses_future).lower(),
    }


def _scored(data: CandidateData, record: Record) -> Outcome:
    """Score a candidate and fill its record."""
    candidate = data.candidate
    record.params |= candidate.params()
    record.files |= candidate.config_files
    record.metrics |= data.archive.counts
    if isinstance(candidate, NestedCandidate):
        options = [replace(data, candidate=choice) for choice in candidate.choices]
        n_features = _check_and_count(options, record)
        scores, message = _nested(data, options, record)
    else:
        options = [data]
        unobserved = _unobserved(data, record)
        n_features = _check_and_count(options, record)
        record.metrics |= {
            name: round(float(getattr(data.evidence, name)), _DIGITS) for name in EVIDENCE
        }
        scores, message = data.scores(), _left_out(unobserved)
    _record_scores(record, scores, candidate)
    record.note = candidate_note.of_scored(data, scores)
    record.metrics |= _counted(data, options, scores)
    return candidate.outcome(
        "finished",
        n_features=n_features,
        n_points=int(record.metrics["n_points"]),
        **{name: record.metrics[name] for name in SCORES},
        **{name: record.metrics[name] for name in EVIDENCE if name in record.metrics},
        message=message,
    )


def _unobserved(data: CandidateData, record: Record) -> list[str]:
    """Make the features of a candidate; return the IDs of the points without an observation."""
    began = time.perf_counter()
    unobserved = data.samples.unobserved
    record.metrics["features_seconds"] = round(time.perf_counter() - began, _DIGITS)
    if unobserved:
        record.files["points_without_observation.txt"] = "\n".join([*unobserved, ""])
    return unobserved


def _nested(
    data: CandidateData, options: Sequence[CandidateData], record: Record
) -> tuple[Scores, str]:
    """Choose among the alternatives inside each fold; the message names the most frequent choices."""
    configuration = data.candidate.configuration
    result = nested.cross_validate_choice(
        [_alternative(option) for option in options],
        configuration.validation,
        inner=options[0].candidate.configuration.validation,
        rule=configuration.validation.rule,
        seed=configuration.seed,
        n_jobs=data.cores,
    )
    rows = [f"{fold},{name}" for fold, names in enumerate(result.chosen) for name in names]
    record.files["chosen.csv"] = "\n".join(["fold,chosen", *rows, ""])
    frequent = ", ".join(
        f"{name} in {count} of {len(result.chosen)} folds"
        for name, count in Counter(chain.from_iterable(result.chosen)).most_common(3)
    )
    return result.scores, f"chosen: {frequent}. {_left_out(result.left_out)}".rstrip()


def _alternative(data: CandidateData) -> nested.Alternative:
    """Return one of the alternatives of a nested validation."""
    candidate = data.candidate
    validation = replace(candidate.configuration.validation, name="kfold")
    plain = replace(candidate.configuration, validation=validation)
    return nested.Alternative(
        name=replace(candidate, configuration=plain).name,
        classifier=data.classifier(),
        features=data.labelled,
        span=candidate.configuration.span,
    )


def _check_and_count(options: Sequence[CandidateData], record: Record) -> int:
    """Check the labels of what is scored, and record its largest matrix; return the number of features."""
    for option in options:
        clear = "clear " if option.candidate.configuration.series.clear else ""
        counts, lacking = given_counts(option.archive), f"no {clear}observation in the window"
        option.candidate.check_labels(option.labelled, counts, lacking)
    n_features = max(option.labelled.sizes["feature"] for option in options)
    record.metrics["n_features"] = n_features
    record.metrics["n_samples"] = max(option.labelled.sizes["sample"] for option in options)
    megabytes = max(option.samples.matrix.nbytes for option in options) / 1e6
    record.metrics["features_mb"] = round(megabytes, _DIGITS)
    return n_features


def _record_scores(record: Record, scores: Scores, candidate: Candidate) -> None:
    """Write scores and out-of-fold predictions into a record."""
    values = {
        field.name: round(getattr(scores, field.name), _DIGITS)
        for field in fields(scores)
        if field.name not in _NOT_METRICS
    }
    # MLflow's charts and comparisons open on what is first, and draw accuracy over the end of the window.
    record.metrics = values | candidate.window_metrics() | record.metrics
    record.steps = {"accuracy": candidate.months}
    record.series = {"accuracy_fold": scores.accuracy_fold}
    record.files[out_of_fold.FILE] = out_of_fold.as_csv(scores.out_of_fold)
    record.files["confusion_matrix.csv"] = out_of_fold.confusion(scores.out_of_fold).to_csv()


def _counted(
    data: CandidateData, options: Sequence[CandidateData], scores: Scores
) -> dict[str, float]:
    """Count the labelled points that are scored, and what became of the others."""
    samples = options[0].labelled
    scored = np.isin(samples["ID"].to_numpy(), scores.out_of_fold["ID"].to_numpy())
    samples = samples.isel(sample=np.flatnonzero(scored))
    return given_counts(data.archive).of_samples(samples).metrics()


def _now() -> int:
    return int(time.time() * 1000)


def _left_out(ids: Sequence[str]) -> str:
    if not ids:
        return ""
    have, are = ("has", "is") if len(ids) == 1 else ("have", "are")
    points = count(len(ids), "point")
    return f"{points} {have} no observation in the window and {are} left out: {some(ids, 5)}"
