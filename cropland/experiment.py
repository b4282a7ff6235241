"""The story of a candidate: archive → window → series → features → scores → a tracked run."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pandas as pd
from joblib import effective_n_jobs

from cropland import estimator, features, points, series, sources, validation
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
        matrix, unobserved = samples(candidate, archive)
        labelled = features.labelled(matrix)
        record.params |= {
            "n_features": labelled.sizes["feature"],
            "n_samples": labelled.sizes["sample"],
        }
        points.check_labels(
            labelled["Target"].to_numpy(), candidate.country, chosen.validation.folds
        )
        scores = validation.cross_validate(
            estimator.build(chosen.model, chosen.seed),
            labelled,
            chosen.validation,
            seed=chosen.seed,
            n_jobs=effective_n_jobs(chosen.n_jobs),
        )
        _record_scores(record, scores, candidate.window.end_day)
        message = _without_observation(unobserved)
        if unobserved:
            record.files["points_without_observation.txt"] = "\n".join([*unobserved, ""])
    return candidate.outcome(
        "finished",
        run_id=record.run_id,
        accuracy=scores.accuracy,
        accuracy_se=scores.accuracy_se,
        n_features=labelled.sizes["feature"],
        message=message,
    )


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
    table = scores.out_of_fold.to_dataframe().reset_index().drop(columns="sample")
    columns = ["ID", "Target", "repeat", "fold", "probability", "label"]
    record.files["predictions.csv"] = table[columns].to_csv(index=False, float_format="%.6g")
    confusion = pd.crosstab(table["Target"], table["label"]).reindex(
        index=[1, 0], columns=[1, 0], fill_value=0
    )
    confusion.index = pd.Index(["cropland", "other"], name="truth")
    confusion.columns = pd.Index(["predicted cropland", "predicted other"])
    record.files["confusion_matrix.csv"] = confusion.to_csv()


def _without_observation(unobserved: list[str]) -> str:
    if not unobserved:
        return ""
    names = ", ".join(unobserved[:_NAMED]) + (", …" if len(unobserved) > _NAMED else "")
    return f"{len(unobserved)} points have no observation in the window and are left out: {names}"
