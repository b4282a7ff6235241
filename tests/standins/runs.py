"""What commands leave in a store: runs, and what each of them holds."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mlflow import MlflowClient
from mlflow.entities import Run

TIMES = ("fit_seconds", "features_seconds")
"""Metrics that are another number each time."""


class Result(NamedTuple):
    """All that a finished candidate holds but for times."""

    params: dict[str, str]
    metrics: dict[str, float]
    artifacts: list[str]
    predictions: str


def runs(uri: str, experiment: str = "cropland") -> list[Run]:
    """Return all runs of a store's experiment, of any status, the newest first."""
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return []
    pages = [client.search_runs([found.experiment_id], max_results=1000)]
    while token := pages[-1].token:
        page = client.search_runs([found.experiment_id], max_results=1000, page_token=token)
        pages.append(page)
    return [run for page in pages for run in page]


def candidates(uri: str, experiment: str = "cropland", status: str | None = None) -> list[Run]:
    """Return the runs of candidates, of one status or of any."""
    return [
        run
        for run in runs(uri, experiment)
        if "mlflow.parentRunId" in run.data.tags and status in (None, run.info.status)
    ]


def artifacts(run: Run) -> Path:
    """Return the folder of a run's artifacts."""
    return Path(run.info.artifact_uri.removeprefix("file://"))


def results(uri: str, finished: list[Run] | None = None) -> dict[str, Result]:
    """Return what finished candidates hold, by their identity; check that each is there once."""
    client, held = MlflowClient(uri), dict[str, Result]()
    for run in candidates(uri, status="FINISHED") if finished is None else finished:
        identity = run.data.tags["identity"]
        assert identity not in held, f"{run.info.run_name} is there twice"
        metrics = {key: value for key, value in run.data.metrics.items() if key not in TIMES}
        names = sorted(item.path for item in client.list_artifacts(run.info.run_id))
        predictions = client.download_artifacts(run.info.run_id, "predictions.csv")
        held[identity] = Result(run.data.params, metrics, names, Path(predictions).read_text())
    return held
