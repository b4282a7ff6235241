"""What a run holds: a record is filled while it runs, and written in one batch when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mlflow.entities import Run

IDENTITY = "identity"
COMPARISON = "comparison"
"""Tag of candidates whose scores may be compared: same data, same folds, same code."""
ARCHIVE = "archive"
CHECKSUM = "checksum."
"""Prefix of the tags that hold the checksum of a text artifact, by which damage is noticed."""
HOST = "host"
PROCESS = "process"
CLOSED = "closed"
PARENT = "mlflow.parentRunId"
NAME = "mlflow.runName"
NOTE = "mlflow.note.content"


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
        Its scores.
    steps : dict of str to int
        Step of a metric, where it is not 0.
    series : dict of str to sequence of float
        Metrics with a value at each step from 0, such as one for each fold.
    files : dict of str to str or bytes
        Artifacts by file name.
    note : str
        Description in Markdown, if any.
    """

    run_id: str = ""
    params: dict[str, object] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    series: dict[str, tuple[float, ...]] = field(default_factory=dict)
    files: dict[str, str | bytes] = field(default_factory=dict)
    note: str = ""


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
    """

    run_id: str
    name: str
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float]
    artifact_uri: str

    @classmethod
    def of(cls, run: Run) -> TrackedRun:
        """Return a run of MLflow."""
        info, data = run.info, run.data
        texts = str(info.run_id), str(info.run_name)
        return cls(*texts, data.params, data.tags, data.metrics, str(info.artifact_uri))

    def count(self, name: str) -> int | None:
        """Return a param that is a whole number of at most nine digits, None where it is none."""
        text = self.params.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
