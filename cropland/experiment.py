"""The story of a candidate: archive → window → series → features → scores → a tracked run."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from joblib import effective_n_jobs

from cropland import estimator, features, points, series, signals, sources, validation
from cropland.errors import CroplandError, WindowError
from cropland.tracking import IDENTITY

if TYPE_CHECKING:
    import xarray as xr

    from cropland.archive import Archive
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
        archive = sources.archive_of(chosen.source, chosen.paths, candidate.country)
        candidate.window.check_inside(archive)
        identity = candidate.identity(archive)
        done = None if chosen.force else store.finished(identity)
        if done is None:
            return _tracked(candidate, archive, store, identity)
    except WindowError as error:
        return candidate.outcome("outside", message=str(error))
    except Exception as error:
        signals.heed()  # an interruption may come as another error
        known = isinstance(error, CroplandError)
        return candidate.outcome(
            "failed", message=str(error) if known else f"{type(error).__name__}: {error}"
        )
    return candidate.outcome(
        "already there",
        run_id=done.info.run_id,
        accuracy=done.data.metrics["accuracy"],
        accuracy_se=done.data.metrics["accuracy_se"],
        n_features=int(done.data.params["n_features"]),
        message=f"is already there as run {done.info.run_name!r}; force=true runs it again",
    )


def samples(candidate: Candidate, archive: Archive) -> tuple[xr.DataArray, list[str]]:
    """Make the features of a candidate's points; name those without an observation."""
    chosen = candidate.configuration.series
    aligned = series.aligned(
        archive,
        candidate.window,
        candidate.band_set,
        step_days=chosen.step_days,
        clear=chosen.clear,
    )
    reference_end = candidate.country.reference.last
    matrix = features.flat(aligned, candidate.band_set, reference_end=reference_end)
    return matrix, features.unobserved(aligned)


def _tracked(candidate: Candidate, archive: Archive, store: Store, identity: str) -> Outcome:
    """Run a candidate inside its MLflow run."""
    chosen = candidate.configuration
    tags = {IDENTITY: identity, "uses_future": str(candidate.window.uses_future).lower()}
    with store.candidate(candidate.name, tags, chosen.parent_run) as record:
        record.params |= candidate.params()
        record.files["config.yaml"] = candidate.as_yaml()
        labelled, message = _labelled(candidate, archive, record)
        scores = validation.cross_validate(
            estimator.build(chosen.model, chosen.seed),
            labelled,
            chosen.validation,
            seed=chosen.seed,
            n_jobs=effective_n_jobs(chosen.n_jobs),
        )
        _record_scores(record, scores, candidate.window.end_day)
    return candidate.outcome(
        "finished",
        run_id=record.run_id,
        accuracy=scores.accuracy,
        accuracy_se=scores.accuracy_se,
        n_features=labelled.sizes["feature"],
        message=message,
    )


def _labelled(candidate: Candidate, archive: Archive, record: Record) -> tuple[xr.DataArray, str]:
    """Make the labelled samples, with a message that names the points without an observation."""
    matrix, unobserved = samples(candidate, archive)
    labelled = features.labelled(matrix)
    record.params |= {f"n_{name}s": labelled.sizes[name] for name in ("feature", "sample")}
    folds = candidate.configuration.validation.folds
    points.check_labels(labelled["Target"].to_numpy(), candidate.country, folds)
    if unobserved:
        record.files["points_without_observation.txt"] = "\n".join([*unobserved, ""])
    return labelled, _without_observation(unobserved)


def _record_scores(record: Record, scores: Scores, end_day: int) -> None:
    """Put scores and out-of-fold predictions into a record."""
    record.metrics = {
        field.name: round(getattr(scores, field.name), _DIGITS)
        for field in fields(scores)
        if field.name not in _NOT_METRICS
    }
    # With the window's end as its step, the UI's chart of accuracy grouped by span draws the study.
    record.steps = {"accuracy": end_day}
    record.series = {"accuracy_fold": scores.accuracy_fold}
    record.files["predictions.csv"] = _predictions(scores.out_of_fold)
    record.files["confusion_matrix.csv"] = _confusion(scores.out_of_fold)


def _predictions(out_of_fold: xr.Dataset) -> str:
    """Write out-of-fold predictions as CSV, a line for each sample and repeat."""
    n_samples, repeats = out_of_fold.sizes["sample"], out_of_fold.sizes["repeat"]
    table = {name: np.repeat(out_of_fold[name].to_numpy(), repeats) for name in ("ID", "Target")}
    table["repeat"] = np.tile(np.arange(repeats), n_samples)
    table |= {
        name: out_of_fold[name].to_numpy().ravel() for name in ("fold", "probability", "label")
    }
    return pd.DataFrame(table).to_csv(index=False, float_format="%.6g")


def _confusion(out_of_fold: xr.Dataset) -> str:
    """Write the confusion matrix as CSV, counted over samples and repeats."""
    truth, label = out_of_fold["Target"].to_numpy()[:, None], out_of_fold["label"].to_numpy()
    rows = [
        [name, *(str(int(((truth == true) & (label == said)).sum())) for said in (1, 0))]
        for name, true in (("cropland", 1), ("other", 0))
    ]
    header = ["truth", "predicted cropland", "predicted other"]
    return "".join(f"{','.join(row)}\n" for row in [header, *rows])


def _without_observation(unobserved: list[str]) -> str:
    if not unobserved:
        return ""
    names = ", ".join(unobserved[:_NAMED]) + (", …" if len(unobserved) > _NAMED else "")
    return f"{len(unobserved)} points have no observation in the window and are left out: {names}"
