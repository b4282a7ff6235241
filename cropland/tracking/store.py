"""Runs in an experiment of MLflow: written in few calls, found again, closed where their process is gone."""

from __future__ import annotations

import logging
import os
import socket
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from cropland.errors import DataError, TrackingError
from cropland.secret_text import without_secrets
from cropland.support import terminal
from cropland.tracking import artifacts, datasets, notes, sqlite_file
from cropland.tracking.experiments import is_simulated
from cropland.tracking.provenance import code_tags, is_alive, process_mark
from cropland.tracking.records import (
    CLOSED,
    COMPARISON,
    HOST,
    IDENTITY,
    NAME,
    NOTE,
    PARENT,
    PROCESS,
    Done,
    Record,
    TrackedRun,
    numbers,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

log = logging.getLogger(__name__)
_PAGE = 1000
_LONGEST_TAG = 8000
"""What MLflow keeps of a tag."""
_INHERITED = (
    "mlflow.user",
    "mlflow.source.name",
    "mlflow.source.type",
    "mlflow.source.git.commit",
    "git_dirty",
)


@dataclass(frozen=True)
class Store:
    """An experiment of an MLflow store, open for one process; its client asks again where a store is away.

    Attributes
    ----------
    client : MlflowClient
        Of the store.
    experiment_id, experiment : str
        Its id and its name.
    tags : mapping of str to str
        Tags that the user gives every run.
    """

    client: MlflowClient
    experiment_id: str
    experiment: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_simulated(self) -> bool:
        """Whether its runs are on simulated data."""
        return is_simulated(self.experiment)

    def finished_of(self, comparison: str, identity: str | None = None) -> dict[str, TrackedRun]:
        """Return the newest finished run of each candidate with a mark of comparison, by identity.

        With an `identity`, that of this candidate only, however many there are.
        """
        newest: dict[str, TrackedRun] = {}
        condition = f"tags.{COMPARISON} = '{comparison}' and attributes.status = 'FINISHED'"
        if identity is not None:
            condition += f" and tags.{IDENTITY} = '{identity}'"
        for run in self.search(condition):
            newest.setdefault(run.tags.get(IDENTITY, run.run_id), run)
        return newest

    def search(self, condition: str, order: Sequence[str] = ()) -> Iterator[TrackedRun]:
        """Find every run that meets a condition in MLflow's words, the newest first or in an `order`."""
        token: str | None = None
        while True:
            page = self.client.search_runs(
                [self.experiment_id],
                condition,
                max_results=_PAGE,
                page_token=token,
                order_by=[*order],
            )
            yield from map(TrackedRun.of, page)
            token = page.token
            if not token:
                return

    def newest_finished(self, condition: str, most: int = 50) -> list[TrackedRun]:
        """Return the newest finished runs that meet a condition."""
        runs = self.client.search_runs(
            [self.experiment_id],
            f"{condition} and attributes.status = 'FINISHED'",
            max_results=most,
        )
        return list(map(TrackedRun.of, runs))

    def seconds_of(self, condition: str) -> list[float]:
        """Return how long the newest finished runs that meet a condition took."""
        return [run.seconds for run in self.newest_finished(condition) if run.seconds]

    def run(self, run_id: str) -> TrackedRun:
        """Return a run.

        Raises
        ------
        DataError
            There is none with this id.
        """
        from mlflow.exceptions import MlflowException

        try:
            return TrackedRun.of(self.client.get_run(run_id))
        except MlflowException as error:  # RetryingClient answers what is wrong with the store
            raise DataError(
                f"run {run_id} is not in {self.client.tracking_uri}: it was deleted"
            ) from error

    def start(self, name: str, tags: Mapping[str, str], began: int | None = None) -> str:
        """Create a run that is RUNNING, with a mark of this process; return its id.

        `began` is in milliseconds since 1970-01-01 UTC, now where it is left out.
        """
        return str(self._create(name, tags, began).info.run_id)

    def _create(self, name: str, tags: Mapping[str, str], began: int | None) -> Run:
        process = {HOST: socket.gethostname(), PROCESS: process_mark(os.getpid())}
        return self.client.create_run(
            self.experiment_id,
            start_time=began,
            run_name=name,
            tags={NAME: name, **process, **self.tags, **tags},
        )

    def keep(self, done: Done, parent: str | None) -> str:
        """Write finished work into a run of its own, below a parent run; return the run's id.

        A run that could not be ended stays RUNNING, and is closed as KILLED at the end of the sweep or the
        next start.

        Raises
        ------
        TrackingError
            The store cannot be written to.
        """
        record = done.record
        tags = _tags_below(self.client, parent) | done.tags | self._tags_of(record)
        created = self._create(done.name, tags, done.began).info
        record.run_id = str(created.run_id)
        self.client.log_batch(record.run_id, *numbers(record))
        artifacts.write(self.client, record.run_id, record.files, str(created.artifact_uri))
        self.client.set_terminated(record.run_id, status=done.status, end_time=done.ended)
        log.info("run %s of %s is %s", record.run_id, done.name, done.status)
        return record.run_id

    @contextmanager
    def running(self, name: str, tags: Mapping[str, str], parent: str | None) -> Iterator[Record]:
        """Open a run for as long as work takes: FINISHED at its end, FAILED with a traceback, or KILLED.

        It is FAILED too where what it holds cannot be written.
        """
        record = Record(self.start(name, {**_tags_below(self.client, parent), **tags}))
        status = "FINISHED"
        try:
            yield record
        except Exception:
            status = "FAILED"
            record.files["traceback.txt"] = without_secrets(traceback.format_exc())
            raise
        except BaseException:
            status = "KILLED"
            raise
        finally:
            try:
                self._write(record)
            except Exception:
                status = "FAILED"
                raise
            finally:
                self.client.set_terminated(record.run_id, status=status)
                log.info("run %s of %s is %s", record.run_id, name, status)

    def add_files(self, run_id: str, files: Mapping[str, str]) -> None:
        """Add artifacts to a run that is RUNNING, with their checksums as tags."""
        from mlflow.entities import RunTag

        tags = [RunTag(key, value) for key, value in artifacts.checksums(files).items()]
        self.client.log_batch(run_id, tags=tags)
        artifacts.write(self.client, run_id, files)

    def end(self, record: Record, *, status: str) -> None:
        """Write what a run that is RUNNING holds in the end, and end it."""
        self._write(record)
        self.client.set_terminated(record.run_id, status=status)

    def read(self, run: TrackedRun, name: str) -> str:
        """Read a text artifact of a run.

        Raises
        ------
        DataError
            It is not there any more, is not as it was written, or lies outside the experiment's files.
        """
        root = _root(self.client, self.experiment_id)
        return artifacts.read_text(run, name, root, str(self.client.tracking_uri))

    def tidy(self) -> None:
        """Update the statistics of a database file, for the UI."""
        sqlite_file.analyze(str(self.client.tracking_uri))

    def close_orphans(self) -> int:
        """Close, as KILLED, the runs of this host whose process is gone; return how many there were."""
        host = socket.gethostname()
        orphans = [
            run.run_id
            for run in self.search(f"attributes.status = 'RUNNING' and tags.{HOST} = '{host}'")
            if not is_alive(run.tags.get(PROCESS, ""))
        ]
        for run_id in orphans:
            self.close(run_id, "its process was gone at the next start")
        return len(orphans)

    def close_children(self, parent: str, reason: str) -> None:
        """Close, as KILLED, the runs below a parent run that are RUNNING."""
        running = f"tags.`{PARENT}` = '{parent}' and attributes.status = 'RUNNING'"
        for run in list(self.search(running)):
            self.close(run.run_id, reason)

    def close(self, run_id: str, reason: str) -> None:
        """Close a run as KILLED, with the reason as a tag."""
        self.client.set_tag(run_id, CLOSED, reason)
        self.client.set_terminated(run_id, status="KILLED")
        log.info("run %s is KILLED: %s", run_id, reason)

    def abandon(self, parent: str, reason: str) -> None:
        """Close, as KILLED, a parent run and the runs below it that are RUNNING.

        Raises
        ------
        TrackingError
            The store cannot be written to, or the run is gone.
        """
        from mlflow.exceptions import MlflowException

        try:
            self.close_children(parent, reason)
            self.close(parent, reason)
        except MlflowException as error:
            raise TrackingError(str(error).splitlines()[0]) from error

    def _write(self, record: Record) -> None:
        """Write a record: one batch, and one copy of its files."""
        from mlflow.entities import RunTag

        if record.datasets:
            datasets.log(self.client, record.run_id, record.datasets)
        tags = [RunTag(key, value) for key, value in self._tags_of(record).items()]
        self.client.log_batch(record.run_id, *numbers(record), tags)
        artifacts.write(self.client, record.run_id, record.files)

    def _tags_of(self, record: Record) -> dict[str, str]:
        """Return the tags that say what a record holds: its description, the checksums of its files."""
        note = self._described(record.note)
        spaced = notes.spaced(note)
        note = (spaced if len(spaced) <= _LONGEST_TAG else note)[:_LONGEST_TAG]
        return ({NOTE: note} if note else {}) | artifacts.checksums(record.files)

    def _described(self, note: str) -> str:
        """Return the description of a run, which says after its first words where its data are simulated."""
        note = without_secrets(note)
        if not self.is_simulated or terminal.SIMULATED in note:
            return note
        first, _, rest = note.partition("\n\n")
        return "\n\n".join(filter(None, [first, f"**{terminal.SIMULATED}.**", rest]))


@cache
def _root(client: MlflowClient, experiment_id: str) -> str:
    """Return where an experiment keeps its files."""
    return str(client.get_experiment(experiment_id).artifact_location)


@cache
def _tags_below(client: MlflowClient, parent: str | None) -> dict[str, str]:
    """Return the tags that a run has by its parent: a worker's own would name the worker."""
    tags = client.get_run(parent).data.tags if parent else code_tags()
    inherited = {key: tags[key] for key in _INHERITED if key in tags}
    return inherited | ({PARENT: parent} if parent else {})
