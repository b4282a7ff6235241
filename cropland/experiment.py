"""The story of a candidate: archive → window → series → features → scores → a tracked run."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from cropland import nesting, points, predictions, signals
from cropland.candidate import comparison
from cropland.diagnosis import confusion
from cropland.errors import CroplandError, WindowError
from cropland.material import Material
from cropland.tracking import ARCHIVE, COMPARISON, IDENTITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cropland.candidate import Candidate, Outcome
    from cropland.tracking import Record, Store
    from cropland.validation import Scores

_NOT_METRICS = ("accuracy_fold", "out_of_fold")
_NAMED = 5
_DIGITS = 6


def run(candidate: Candidate, store: Store) -> Outcome:
    """Score a candidate and track it, unless that has been done before.

    What goes wrong with the candidate becomes its outcome, so that a sweep goes on.
    """
    chosen = candidate.configuration
    try:
        material = Material.of(candidate)
        candidate = material.candidate
        identity = candidate.identity(material.archive, material.teachers)
        done = None if chosen.force else store.finished(identity)
        if done is None:
            return _tracked(material, store, identity)
    except WindowError as error:
        return candidate.outcome("outside", message=str(error))
    except Exception as error:
        signals.heed()  # an interruption may come as another error
        known = isinstance(error, CroplandError)
        return candidate.outcome(
            "failed", message=str(error) if known else f"{type(error).__name__}: {error}"
        )
    metrics = done.data.metrics
    return candidate.outcome(
        "already there",
        run_id=done.info.run_id,
        n_features=int(done.data.params["n_features"]),
        **{
            name: metrics[name]
            for name in ("accuracy", "accuracy_se", "fit_seconds", "features_mb")
        },
        message=f"is already there as run {done.info.run_name!r}; force=true runs it again",
    )


def _tracked(material: Material, store: Store, identity: str) -> Outcome:
    """Run a candidate inside its MLflow run."""
    candidate, archive = material.candidate, material.archive
    chosen = candidate.configuration
    tags = {
        IDENTITY: identity,
        COMPARISON: comparison(archive, candidate.country, chosen.validation, chosen.seed),
        ARCHIVE: archive.fingerprint,
        "uses_future": str(candidate.window.uses_future).lower(),
    }
    with store.candidate(candidate.name, tags, chosen.parent_run) as record:
        record.params |= candidate.params()
        record.files["config.yaml"] = candidate.as_yaml()
        made = _nested if candidate.alternatives else _plain
        scores, message = made(material, record)
        _record_scores(record, scores, candidate.window.end_day)
    return candidate.outcome(
        "finished",
        run_id=record.run_id,
        n_features=int(str(record.params["n_features"])),
        **{
            name: record.metrics[name]
            for name in ("accuracy", "accuracy_se", "fit_seconds", "features_mb")
        },
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
    found = nesting.nested(
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


def _alternative(material: Material) -> nesting.Alternative:
    """Make one of the alternatives of a nested validation."""
    candidate = material.candidate
    plain = replace(
        candidate.configuration,
        validation=replace(candidate.configuration.validation, name="kfold"),
    )
    return nesting.Alternative(
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
    record.files[predictions.FILE] = predictions.as_csv(scores.out_of_fold)
    record.files["confusion_matrix.csv"] = confusion(scores.out_of_fold).to_csv()


def _left_out(ids: Sequence[str]) -> str:
    if not ids:
        return ""
    names = ", ".join(ids[:_NAMED]) + (", …" if len(ids) > _NAMED else "")
    return f"{len(ids)} points have no observation in the window and are left out: {names}"
