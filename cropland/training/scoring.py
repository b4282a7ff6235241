"""The story of a candidate: archive → window → series → features → scores → what its run will hold."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal

from cropland.errors import CroplandError
from cropland.learning import nested
from cropland.observations import points
from cropland.support import signals
from cropland.tracking.records import ARCHIVE, COMPARISON, IDENTITY, Done, Record
from cropland.training import out_of_fold
from cropland.training.candidate import comparison
from cropland.training.candidate_data import Material
from cropland.training.out_of_fold import confusion

if TYPE_CHECKING:
    from cropland.learning.cross_validation import Scores
    from cropland.observations.archive import Archive
    from cropland.tracking.records import TrackedRun
    from cropland.tracking.store import Store
    from cropland.training.candidate import Candidate, Outcome

_NOT_METRICS = ("accuracy_fold", "out_of_fold")
_OF_OUTCOME = ("accuracy", "accuracy_se", "fit_seconds", "features_mb")
_NAMED = 5
_DIGITS = 6


@dataclass(frozen=True)
class Scored:
    """A candidate that has been run and not yet been tracked: plain values, which a worker can hand over.

    Attributes
    ----------
    outcome : Outcome
        What became of it, but for the id of its run.
    done : Done
        What its run will hold.
    """

    outcome: Outcome
    done: Done

    def kept(self, store: Store, parent: str | None) -> Outcome:
        """Track it below a parent run; give its outcome with the id of its run.

        Raises
        ------
        TrackingError
            The store cannot be written to.
        """
        return replace(self.outcome, run_id=store.keep(self.done, parent))


def run(candidate: Candidate) -> Scored:
    """Score a candidate.

    What goes wrong with it becomes its outcome, so that a sweep goes on.
    """
    tags: dict[str, str] = {}
    record, began = Record(), _now()
    try:
        material = Material.of(candidate)
        candidate = material.candidate
        tags |= _tags(material)
        outcome = _scored(material, record)
    except Exception as error:
        signals.check()  # an interruption may come as another error
        known = isinstance(error, CroplandError)
        outcome = candidate.outcome(
            "failed", message=str(error) if known else f"{type(error).__name__}: {error}"
        )
        record.files["traceback.txt"] = traceback.format_exc()
    status: Literal["FINISHED", "FAILED"] = "FAILED" if outcome.status == "failed" else "FINISHED"
    return Scored(outcome, Done(candidate.name, tags, record, status, began, _now()))


def failed(candidate: Candidate, reason: str) -> Scored:
    """Say of a candidate that it was lost with what ran it."""
    now = _now()
    record = Record(
        params=candidate.params(), files={"config.yaml": candidate.as_yaml()}, note=reason
    )
    return Scored(
        candidate.outcome("failed", message=reason),
        Done(candidate.name, {}, record, "FAILED", now, now),
    )


def already_there(
    candidates: Mapping[str, Candidate], archives: Mapping[str, Archive], store: Store
) -> dict[str, Outcome]:
    """Find the candidates that have a finished run and are not to be run again; keys are kept."""
    keys: dict[str, dict[str, str]] = {}
    for key, each in candidates.items():
        if not each.configuration.force:
            archive = archives[each.country.name]
            teachers = [archives[country.name] for country in each.teachers]
            chosen = each.configuration
            mark = comparison(archive, each.country, chosen.validation, chosen.seed)
            keys.setdefault(mark, {})[each.identity(archive, teachers)] = key
    found = {
        wanted[identity]: run
        for mark, wanted in keys.items()
        for identity, run in store.finished_of(mark).items()
        if identity in wanted
    }
    return {key: before(candidates[key], run) for key, run in found.items()}


def before(candidate: Candidate, run: TrackedRun) -> Outcome:
    """Give the outcome of a candidate that has been run before."""
    return candidate.outcome(
        "already there",
        run_id=run.run_id,
        n_features=int(run.params["n_features"]),
        **{name: run.metrics[name] for name in _OF_OUTCOME},
        message=f"is already there as run {run.name!r}; force=true runs it again",
    )


def _tags(material: Material) -> dict[str, str]:
    candidate, archive = material.candidate, material.archive
    chosen = candidate.configuration
    return {
        IDENTITY: candidate.identity(archive, material.teachers),
        COMPARISON: comparison(archive, candidate.country, chosen.validation, chosen.seed),
        ARCHIVE: archive.fingerprint,
        "uses_future": str(candidate.window.uses_future).lower(),
    }


def _scored(material: Material, record: Record) -> Outcome:
    """Score a candidate and fill its record."""
    candidate = material.candidate
    record.params |= candidate.params()
    record.files["config.yaml"] = candidate.as_yaml()
    made = _nested if candidate.alternatives else _plain
    scores, message = made(material, record)
    _record_scores(record, scores, candidate.window.end_day)
    return candidate.outcome(
        "finished",
        n_features=int(str(record.params["n_features"])),
        **{name: record.metrics[name] for name in _OF_OUTCOME},
        message=message,
    )


def _plain(material: Material, record: Record) -> tuple[Scores, str]:
    """Cross-validate a candidate; the message names the points without an observation."""
    began = time.perf_counter()
    unobserved = material.samples.unobserved
    record.metrics["features_seconds"] = round(time.perf_counter() - began, _DIGITS)
    _check_and_count([material], record)
    if unobserved:
        record.files["points_without_observation.txt"] = "\n".join([*unobserved, ""])
    return material.scores(), _left_out(unobserved)


def _nested(material: Material, record: Record) -> tuple[Scores, str]:
    """Choose among the alternatives inside each fold; the message says what was chosen."""
    candidate = material.candidate
    chosen = candidate.configuration
    options = [replace(material, candidate=choice) for choice in candidate.choices]
    _check_and_count(options, record)
    outer = chosen.validation
    found = nested.nested(
        [_alternative(option) for option in options],
        outer,
        inner=candidate.alternatives[0].validation,
        rule=outer.rule,
        seed=chosen.seed,
        n_jobs=material.cores,
    )
    rows = [f"{fold},{name}" for fold, name in enumerate(found.chosen)]
    record.files["chosen.csv"] = "\n".join(["fold,chosen", *rows, ""])
    common = Counter(found.chosen).most_common(3)
    picked = ", ".join(f"{name} in {count} of {len(found.chosen)} folds" for name, count in common)
    return found.scores, f"chosen: {picked}. {_left_out(found.left_out)}".rstrip()


def _alternative(material: Material) -> nested.Alternative:
    """Make one of the alternatives of a nested validation."""
    candidate = material.candidate
    plain = replace(
        candidate.configuration,
        validation=replace(candidate.configuration.validation, name="kfold"),
    )
    return nested.Alternative(
        name=replace(candidate, configuration=plain).name,
        classifier=material.classifier(),
        features=material.labelled,
        span=candidate.configuration.span,
    )


def _check_and_count(options: Sequence[Material], record: Record) -> None:
    """Check the labels of what is to be scored, and record the largest matrix of features."""
    for option in options:
        candidate, targets = option.candidate, option.labelled["Target"].to_numpy()
        points.check_labels(targets, candidate.country, candidate.configuration.validation.folds)
    record.params["n_features"] = max(option.labelled.sizes["feature"] for option in options)
    record.params["n_samples"] = max(option.labelled.sizes["sample"] for option in options)
    megabytes = max(option.samples.matrix.nbytes for option in options) / 1e6
    record.metrics["features_mb"] = round(megabytes, _DIGITS)


def _record_scores(record: Record, scores: Scores, end_day: int) -> None:
    """Put scores and out-of-fold predictions into a record."""
    record.metrics |= {
        field.name: round(getattr(scores, field.name), _DIGITS)
        for field in fields(scores)
        if field.name not in _NOT_METRICS
    }
    # With the window's end as its step, the UI's chart of accuracy grouped by span draws the study.
    record.steps = {"accuracy": end_day}
    record.series = {"accuracy_fold": scores.accuracy_fold}
    record.files[out_of_fold.FILE] = out_of_fold.as_csv(scores.out_of_fold)
    record.files["confusion_matrix.csv"] = confusion(scores.out_of_fold).to_csv()


def _now() -> int:
    return int(time.time() * 1000)


def _left_out(ids: Sequence[str]) -> str:
    if not ids:
        return ""
    names = ", ".join(ids[:_NAMED]) + (", …" if len(ids) > _NAMED else "")
    return f"{len(ids)} points have no observation in the window and are left out: {names}"
