"""What a run holds: a record is filled while it runs, and written in one batch when it is over."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mlflow.entities import Metric, Param, Run

    from cropland.tracking.datasets import Dataset

KIND = "kind"
"""Tag of every run: ``sweep``, ``candidate``, ``promotion``, ``prediction``, ``map``, ``assessment`` or
``comparison``."""
COUNTRY = "country"
"""Tag of every run that is of one country."""
IDENTITY = "identity"
COMPARISON = "comparison"
"""Tag of candidates whose scores may be compared: same data, same folds, same code."""
ARCHIVE = "archive"
LIBRARIES = "libraries"
"""Tag of candidates: the versions that their numbers come from."""
CHECKSUM = "checksum."
"""Prefix of the tags that hold the checksum of a text artifact, by which damage is noticed."""
HOST = "host"
PROCESS = "process"
CLOSED = "closed"
PARENT = "mlflow.parentRunId"
SCORE = "accuracy"
"""Prefix of the metrics that are scored on the points of a dataset."""
NAME = "mlflow.runName"
NOTE = "mlflow.note.content"


_DERIVED_NUMBERS = ("n_features", "n_samples")
_DERIVED_TEXTS = ("window_start", "window_end")
"""What follows from the settings: metrics and tags, which earlier versions stored as params."""


@dataclass
class Record:
    """The params, metrics and files of a run.

    Attributes
    ----------
    run_id : str
        Its MLflow run; empty until there is one.
    params : dict of str to object
        Its settings.
    metrics : dict of str to float
        Its scores, in the order in which MLflow shows them.
    steps : dict of str to int
        Step of a metric, where it is not 0.
    series : dict of str to sequence of float
        Metrics with a value at each step from 0, such as one for each fold.
    files : dict of str to str or bytes
        Artifacts by file name.
    note : str
        Description in Markdown, if any.
    model_id : str
        Its logged model, whose metrics these are too; empty without one.
    datasets : list of Dataset
        What it learnt from; the scores of its logged model are those on the first.
    """

    run_id: str = ""
    params: dict[str, object] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    series: dict[str, tuple[float, ...]] = field(default_factory=dict)
    files: dict[str, str | bytes] = field(default_factory=dict)
    note: str = ""
    model_id: str = ""
    datasets: list[Dataset] = field(default_factory=list)


@dataclass(frozen=True)
class Done:
    """Finished work that is not tracked yet: plain values, so that a worker can return it.

    Attributes
    ----------
    name : str
        Name of its run.
    tags : dict of str to str
        Tags of its run.
    record : Record
        Params, metrics and files of its run.
    status : str
        ``FINISHED`` or ``FAILED``.
    began, ended : int
        When, in milliseconds since 1970-01-01 UTC.
    """

    name: str
    tags: dict[str, str]
    record: Record
    status: Literal["FINISHED", "FAILED"]
    began: int
    ended: int


@dataclass(frozen=True)
class TrackedRun:
    """A run as the store has it.

    Attributes
    ----------
    run_id, name : str
        Its id and its name.
    params, tags : dict of str to str
        Its settings and its tags.
    metrics : dict of str to float
        The last value of each.
    artifact_uri : str
        Where its files are.
    seconds : float, optional
        How long it took; None while it has not ended.
    """

    run_id: str
    name: str
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float]
    artifact_uri: str
    seconds: float | None = None

    @classmethod
    def of(cls, run: Run) -> TrackedRun:
        """Return a run of MLflow, in today's form: earlier versions stored what is derived as params."""
        info, data = run.info, run.data
        params, tags, metrics = dict(data.params), dict(data.tags), dict(data.metrics)
        for name in _DERIVED_NUMBERS:
            if name in params:
                number = _count(params.pop(name))
                metrics.setdefault(name, math.nan if number is None else number)
        for name in _DERIVED_TEXTS:
            if name in params:
                tags.setdefault(name, params.pop(name))
        has_ended = info.start_time and info.end_time
        return cls(
            str(info.run_id),
            str(info.run_name),
            params,
            tags,
            metrics,
            str(info.artifact_uri),
            (info.end_time - info.start_time) / 1000 if has_ended else None,
        )

    def count(self, name: str) -> int | None:
        """Return a param or a metric that is a whole number of at most nine digits, None where it is none."""
        if name in self.params:
            return _count(self.params[name])
        number = self.metrics.get(name, math.nan)
        return int(number) if 0 <= number < 10**9 and number == int(number) else None


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def numbers(record: Record) -> tuple[list[Metric], list[Param]]:
    """Return the metrics and the params of a record."""
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    metrics = [
        Metric(key, value, now, record.steps.get(key, 0), **_of_model(record, key))
        for key, value in record.metrics.items()
    ]
    for key, values in record.series.items():
        metrics += [Metric(key, value, now, step) for step, value in enumerate(values)]
    return metrics, [Param(key, str(value)) for key, value in record.params.items()]


def _of_model(record: Record, metric: str) -> dict[str, str]:
    """Return the logged model that a metric is of, and for a score the points that it is scored on.

    MLflow's table of models has columns of their own for each dataset: other metrics share theirs.
    """
    if not record.model_id:
        return {}
    points = record.datasets[0]
    dataset = {"dataset_name": points.name, "dataset_digest": points.digest}
    return {"model_id": record.model_id} | (dataset if metric.startswith(SCORE) else {})
