"""Runs in MLflow: opening the store, writing a candidate in few calls, finding what is already done."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import tempfile
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from cropland.errors import DataError, TrackingError
from cropland.tracking import patience
from cropland.tracking.provenance import code_tags, is_alive, process_mark

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from cropland.config.groups import Tracking

IDENTITY = "identity"
COMPARISON = "comparison"
"""Tag of candidates whose scores may be compared: same data, same folds, same code."""
ARCHIVE = "archive"
HOST = "host"
PROCESS = "process"
CLOSED = "closed"
PARENT = "mlflow.parentRunId"
NAME = "mlflow.runName"
NOTE = "mlflow.note.content"
SECONDS_TO_ANSWER = 5
_FILE = "sqlite:///"
REAL, SIMULATED = "cropland", "cropland-simulated"
VIEW = "best"
"""Key of the UI view that every experiment is given: candidates by accuracy, what was varied beside it."""
_NOTES = {
    REAL: "Cropland candidates on real observations.",
    SIMULATED: "Candidates on the **simulated** landscape: nothing here speaks of a real country.",
}
_INHERITED = (
    "mlflow.user",
    "mlflow.source.name",
    "mlflow.source.type",
    "mlflow.source.git.commit",
    "git_dirty",
)


@dataclass
class Record:
    """What a candidate leaves behind, filled while it runs and written in one batch.

    Attributes
    ----------
    run_id : str
        Its MLflow run; empty until there is one.
    params : dict of str to object
        What it was run with.
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
    """Work that is done and not yet tracked: plain values, so that a worker can hand it over.

    Attributes
    ----------
    name : str
        Name of its run.
    tags : dict of str to str
        Tags of its run.
    record : Record
        What it leaves behind.
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
class Store:
    """An experiment of an MLflow store, open for one process; its client is a `tracking.patience.Patient`."""

    client: MlflowClient
    experiment_id: str
    experiment: str

    def finished_of(self, comparison: str) -> dict[str, Run]:
        """Give the newest finished run of each candidate with a mark of comparison, by identity."""
        newest: dict[str, Run] = {}
        for run in self.search(
            f"tags.{COMPARISON} = '{comparison}' and attributes.status = 'FINISHED'"
        ):
            newest.setdefault(run.data.tags[IDENTITY], run)
        return newest

    def search(self, condition: str) -> Iterator[Run]:
        """Give every run that meets a condition in MLflow's words, the newest first."""
        token: str | None = None
        while True:
            page = self.client.search_runs(
                [self.experiment_id], condition, max_results=1000, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def start(self, name: str, tags: Mapping[str, str], began: int | None = None) -> Run:
        """Create a run that is RUNNING and says which process runs it; `began` is in ms since 1970."""
        owner = {HOST: socket.gethostname(), PROCESS: process_mark(os.getpid())}
        return self.client.create_run(
            self.experiment_id,
            start_time=began,
            run_name=name,
            tags={NAME: name, **owner, **tags},
        )

    def keep(self, done: Done, parent: str | None) -> str:
        """Write what has been done into a run of its own, below a parent run; give the run's id.

        A run that could not be ended stays RUNNING, and is closed as KILLED at the end of the sweep or the
        next start.

        Raises
        ------
        TrackingError
            The store cannot be written to.
        """
        inherited = inherited_tags(self.client, parent) | ({PARENT: parent} if parent else {})
        run = self.start(done.name, {**inherited, **done.tags}, began=done.began)
        done.record.run_id = run_id = str(run.info.run_id)
        self._write(done.record, run.info.artifact_uri)
        self.client.set_terminated(run_id, status=done.status, end_time=done.ended)
        return run_id

    @contextmanager
    def candidate(self, name: str, tags: Mapping[str, str], parent: str | None) -> Iterator[Record]:
        """Run a candidate: FINISHED at the end, FAILED with its traceback, KILLED by Ctrl-C."""
        inherited = inherited_tags(self.client, parent) | ({PARENT: parent} if parent else {})
        run = self.start(name, {**inherited, **tags})
        record = Record(run.info.run_id)
        status = "FINISHED"
        try:
            yield record
        except Exception:
            status = "FAILED"
            record.files["traceback.txt"] = traceback.format_exc()
            raise
        except BaseException:
            status = "KILLED"
            raise
        finally:
            self._write(record, run.info.artifact_uri)
            self.client.set_terminated(record.run_id, status=status)

    def _write(self, record: Record, artifact_uri: str) -> None:
        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1000)
        metrics = [
            Metric(key, value, now, record.steps.get(key, 0))
            for key, value in record.metrics.items()
        ]
        for key, values in record.series.items():
            metrics += [Metric(key, value, now, step) for step, value in enumerate(values)]
        params = [Param(key, str(value)) for key, value in record.params.items()]
        tags = [RunTag(NOTE, record.note)] if record.note else []
        self.client.log_batch(record.run_id, metrics=metrics, params=params, tags=tags)
        files = {
            name: content if isinstance(content, bytes) else content.encode()
            for name, content in record.files.items()
        }
        log_files(self.client, artifact_uri, files)

    def report(self, run_id: str, note: str, files: Mapping[str, bytes], *, status: str) -> None:
        """End a parent run with its description and artifacts."""
        self.client.set_tag(run_id, NOTE, note)
        log_files(self.client, self.client.get_run(run_id).info.artifact_uri, files)
        self.client.set_terminated(run_id, status=status)

    def read(self, run: Run, name: str) -> str:
        """Read a text artifact of a run.

        Raises
        ------
        DataError
            It is not there any more.
        """
        from mlflow.exceptions import MlflowException
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
        from mlflow.utils.file_utils import local_file_uri_to_path

        uri = str(run.info.artifact_uri)
        try:
            if uri.startswith("file:"):  # MLflow's own way copies each file first
                local = local_file_uri_to_path(uri)  # type: ignore[no-untyped-call]
                return Path(local, name).read_text(encoding="utf-8")
            repository = get_artifact_repository(uri, tracking_uri=self.client.tracking_uri)
            with tempfile.TemporaryDirectory() as folder:
                path = repository.download_artifacts(name, folder)  # type: ignore[no-untyped-call]
                return Path(path).read_text(encoding="utf-8")
        except (OSError, MlflowException) as error:
            raise DataError(f"run {run.info.run_name!r} has lost its {name}") from error

    def tidy(self) -> None:
        """Let a database file count what it holds; without it, the UI's sorted page takes quadratic time."""
        with _database(str(self.client.tracking_uri)) as connection:
            if connection is not None:
                connection.execute("ANALYZE")

    def close_orphans(self) -> int:
        """Close, as KILLED, the runs of this host whose process is gone; say how many there were."""
        host = socket.gethostname()
        closed = 0
        while page := [
            run
            for run in self.client.search_runs(
                [self.experiment_id],
                filter_string=f"attributes.status = 'RUNNING' and tags.{HOST} = '{host}'",
                max_results=1000,
            )
            if not is_alive(run.data.tags.get(PROCESS, ""))
        ]:
            for run in page:
                self.close(run.info.run_id, "its process was gone at the next start")
            closed += len(page)
        return closed

    def close_children(self, parent: str, reason: str) -> None:
        """Close, as KILLED, what still runs below a parent run."""
        running = f"tags.`{PARENT}` = '{parent}' and attributes.status = 'RUNNING'"
        for run in self.client.search_runs([self.experiment_id], filter_string=running):
            self.close(run.info.run_id, reason)

    def close(self, run_id: str, reason: str) -> None:
        """Close a run as KILLED and say why."""
        self.client.set_tag(run_id, CLOSED, reason)
        self.client.set_terminated(run_id, status="KILLED")


@cache
def open_store(tracking: Tracking, experiment: str) -> Store:
    """Open an experiment of the tracking store, making both where they are not there.

    Raises
    ------
    TrackingError
        The server does not answer or does not let us in, or the store cannot be opened.
    """
    patience.prefer()
    check_answers(tracking.uri)
    if tracking.uri.startswith(_FILE):
        _check_folder(_file_of(tracking.uri).parent, tracking.uri)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with _alone(tracking.uri):
            raw = MlflowClient(tracking.uri)
            _write_ahead(tracking.uri)
            found = raw.get_experiment_by_name(experiment)
            client = cast("MlflowClient", patience.Patient(raw))
            number = found.experiment_id if found else _create(client, tracking, experiment)
        if found is not None and found.lifecycle_stage == "deleted":
            raise TrackingError(
                f"experiment {experiment!r} is deleted in {tracking.uri}; restore it there, or delete it "
                f"for good with `mlflow gc`"
            )
        if found is not None:
            _check_artifacts(found.artifact_location, tracking.uri)
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        if patience.is_refusal(error):
            raise TrackingError(patience.in_words(error, tracking.uri)) from error
        reason = str(error).splitlines()[0]
        raise TrackingError(
            f"the tracking store {tracking.uri} cannot be opened ({reason}); check tracking.uri"
        ) from error
    return Store(client, number, experiment)


def _check_folder(folder: Path, uri: str) -> None:
    """Make the folder of a database; what nobody can write to would be waited for, as if it were locked."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise TrackingError(
            f"the tracking store {uri} cannot be opened ({error}); check tracking.uri"
        ) from error


def _check_artifacts(location: str, uri: str) -> None:
    if location.startswith("mlflow-artifacts:") and not uri.startswith("http"):
        raise TrackingError(
            f"a server keeps the artifacts of what is in {uri}; give its address, as in tracking=server "
            f"tracking.uri=http://HOST:5000"
        )


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Let one process at a time open a database file: two that make it at once break each other's work."""
    from filelock import FileLock

    if not uri.startswith(_FILE):
        yield
        return
    with FileLock(f"{_file_of(uri)}.lock", timeout=patience.SECONDS_FOR_OTHERS):
        yield


def _write_ahead(uri: str) -> None:
    """Let a database file log ahead of itself: a run costs half, and readers do not wait for writers."""
    with _database(uri) as connection:
        if connection is not None:
            connection.execute("PRAGMA journal_mode=WAL")


@contextmanager
def _database(uri: str) -> Iterator[sqlite3.Connection | None]:
    """Open the file of a store that is one."""
    if not uri.startswith(_FILE):
        yield None
        return
    connection = sqlite3.connect(_file_of(uri), timeout=patience.SECONDS_FOR_OTHERS)
    with closing(connection), connection:
        yield connection


def _file_of(uri: str) -> Path:
    """Give the file of a SQLite store; what stands behind a question mark is for SQLAlchemy."""
    return Path(uri.removeprefix(_FILE).partition("?")[0])


def experiment_of(source: str) -> str:
    """Name the experiment of a source: real and simulated never mix."""
    return SIMULATED if source == "simulated" else REAL


@cache
def inherited_tags(client: MlflowClient, parent: str | None) -> dict[str, str]:
    """Give the tags that a child takes from its parent: a worker's own would name the worker."""
    tags = client.get_run(parent).data.tags if parent else code_tags()
    return {key: tags[key] for key in _INHERITED if key in tags}


def log_files(client: MlflowClient, artifact_uri: str, files: Mapping[str, bytes]) -> None:
    """Store artifacts of a run, all in one go."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    if not files:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        repository = get_artifact_repository(artifact_uri, tracking_uri=client.tracking_uri)
        patience.patiently(client.tracking_uri, repository.log_artifacts, folder)


def link(tracking: Tracking, experiment_id: str) -> str:
    """Give the address of the candidates' view in the UI; for a local store, that of ``make ui``."""
    server = tracking.uri if tracking.uri.startswith("http") else "http://127.0.0.1:5000"
    query = f"workflowType=machine_learning&viewStateShareKey={VIEW}"
    return f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs?{query}"


def _create(client: MlflowClient, tracking: Tracking, experiment: str) -> str:
    location: str | None = None
    if tracking.artifacts is not None:
        location = (Path(tracking.artifacts) / experiment).resolve().as_uri()
    columns = [f"params.`{name}`" for name in ("country", "span", "period", "bands", "model")]
    columns += [f"metrics.`{name}`" for name in ("accuracy", "accuracy_se", "f1", "roc_auc")]
    view = {
        "orderByKey": "metrics.`accuracy`",
        "orderByAsc": False,
        "selectedColumns": columns,
        "columnOrder": columns,
        "runsHiddenMode": "SHOW_ALL",
    }
    tags = {
        NOTE: _NOTES[experiment],
        "mlflow.experimentKind": "custom_model_development",
        f"mlflow.sharedViewState.{VIEW}": json.dumps(view),
    }
    return client.create_experiment(experiment, artifact_location=location, tags=tags)


def check_answers(uri: str) -> None:
    """Ask a server or a database whether it is there; MLflow itself would ask for minutes.

    Raises
    ------
    TrackingError
        It does not answer.
    """
    try:
        if uri.startswith(("http://", "https://")):
            urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=SECONDS_TO_ANSWER).close()
        elif uri.startswith("postgresql"):
            _connect(uri)
    except urllib.error.HTTPError:
        return  # it answers, if only to ask who we are
    except (OSError, ValueError) as error:
        raise TrackingError(
            f"the tracking server {uri} does not answer ({error}); start it, mend tracking.uri, or use "
            f"tracking=local"
        ) from error


def _connect(uri: str) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import OperationalError

    try:
        create_engine(uri, connect_args={"connect_timeout": SECONDS_TO_ANSWER}).connect().close()
    except ModuleNotFoundError as error:
        raise TrackingError(
            f"{error.name} speaks with PostgreSQL and is not there; pip install 'cropland[server]'"
        ) from error
    except OperationalError as error:
        raise ConnectionError(str(error.orig).splitlines()[0]) from error
