"""Opening a tracking store: whether it answers, lets us in and can be written to, in one line where not."""

from __future__ import annotations

import logging
import os
import re
import shlex
import sqlite3
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cropland.errors import TrackingError
from cropland.secret_text import without_secrets
from cropland.support import terminal
from cropland.support.words import count, some
from cropland.tracking import experiments, retries, sqlite_file, views
from cropland.tracking.artifact_folder import check_artifacts
from cropland.tracking.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

    from cropland.config.groups import Tracking

log = logging.getLogger(__name__)
SECONDS_TO_ANSWER = 5
_OTHER_SCHEMA = re.compile(r"found version (\w+), but expected")
"""What MLflow says of a database that another version of it has made."""


@cache
def open_store(tracking: Tracking, source: str) -> Store:
    """Open the experiment of a source in the tracking store, making both where they are not there.

    Raises
    ------
    TrackingError
        The server does not answer or does not let us in, or the store cannot be opened.
    """
    began, experiment = time.monotonic(), experiments.experiment_of(tracking, source)
    path = _check_store(tracking)
    if path is not None:
        _check_folder(path.parent, tracking.uri)
    from mlflow import MlflowClient

    with _in_words_of(tracking.uri):
        with sqlite_file.locked(tracking.uri):
            _check_emptied(tracking, experiment)
            sqlite_file.write_ahead(tracking.uri)  # first: each table waits for the disk
            raw = MlflowClient(tracking.uri, registry_uri=tracking.uri)
            found = raw.get_experiment_by_name(experiment)
            client = cast("MlflowClient", retries.RetryingClient(raw))
            number = (
                found.experiment_id if found else experiments.create(client, tracking, experiment)
            )
        if found is not None:
            _check_not_deleted(found, tracking.uri)
            check_artifacts(found.artifact_location, tracking, experiment)
            views.add(client, found, experiments.note_of(experiment))
        _note_lost_runs(tracking, experiment)
    seconds = time.monotonic() - began
    log.debug(
        "opened %s, experiment %s: %.2f s", without_secrets(tracking.uri), experiment, seconds
    )
    return Store(client, number, experiment, tracking.tags or {})


def open_for_reading(tracking: Tracking, source: str, scratch: Path) -> Store:
    """Open the experiment of a source and write nothing to its store.

    Where the store or the experiment is not there yet, an empty one is opened in the folder `scratch`.

    Raises
    ------
    TrackingError
        See `open_store`.
    """
    experiment = experiments.experiment_of(tracking, source)
    path = _check_store(tracking)
    if path is not None:
        _check_writable(path.parent, tracking.uri)
    found = None
    if path is None or path.is_file():
        from mlflow import MlflowClient

        with _in_words_of(tracking.uri):
            _check_emptied(tracking, experiment)
            raw = MlflowClient(tracking.uri, registry_uri=tracking.uri)
            found = raw.get_experiment_by_name(experiment)
        if found is not None:
            _check_not_deleted(found, tracking.uri)
    if found is None:
        empty = replace(
            tracking, name="local", uri=f"sqlite:///{scratch}/mlflow.db", artifacts=str(scratch)
        )
        return open_store(replace(empty, moved=False), source)
    if not tracking.moved:  # by which the files here are its own
        check_artifacts(found.artifact_location, tracking, experiment, writes=False)
    _note_lost_runs(tracking, experiment)
    client = cast("MlflowClient", retries.RetryingClient(raw))
    return Store(client, found.experiment_id, experiment, tracking.tags or {})


def _check_store(tracking: Tracking) -> Path | None:
    """Check a store before it is opened; return its database, None where it is not a file of SQLite."""
    _note_registry(tracking)
    retries.set_variables()
    check_answers(tracking.uri)
    path = sqlite_file.path_of(tracking.uri)
    if path is not None:
        sqlite_file.check(tracking.uri)
    return path


@contextmanager
def _in_words_of(uri: str) -> Iterator[None]:
    """Raise the errors of a store that cannot be opened in one line."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        if retries.is_refusal(error):
            raise TrackingError(retries.in_words(error, uri)) from error
        raise TrackingError(_in_words(error, uri)) from error


def _check_writable(folder: Path, uri: str) -> None:
    """Check that the folder of a database can be written to, or made."""
    parent = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise TrackingError(
            f"the tracking store {uri} cannot be opened ({parent} is no folder of yours); check "
            f"tracking.uri"
        )


def _note_registry(tracking: Tracking) -> None:
    """Print that models are registered where runs are kept, whatever MLflow's variable names."""
    value = os.environ.get("MLFLOW_REGISTRY_URI", tracking.uri)
    if value.rstrip("/") != tracking.uri.rstrip("/"):
        terminal.print_note(
            terminal.notes(),
            f"MLFLOW_REGISTRY_URI={without_secrets(value)} is not used: models are registered where runs are "
            f"kept, in tracking.uri={tracking.uri}",
        )


def _in_words(error: Exception, uri: str) -> str:
    """Return in words why a store cannot be opened, and what to do."""
    version = _OTHER_SCHEMA.search(str(error))
    if version is None:
        reason = retries.reason_of(error)
        return f"the tracking store {uri} cannot be opened ({reason}); check tracking.uri"
    from mlflow.store import db_migrations

    known = Path(db_migrations.__file__).parent.glob(f"versions/{version[1]}_*.py")
    installed = metadata.version("mlflow")
    if not any(known):
        return (
            f"{uri} was made by a newer MLflow than {installed}, which is installed (it does not know the "
            f"database's version {version[1]}); install that one, or give another tracking.uri"
        )
    return (
        f"{uri} was made by an older MLflow than {installed}, which is installed; keep a copy, and "
        f"upgrade it: {shlex.quote(sys.executable)} -m mlflow db upgrade {shlex.quote(uri)}"
    )


def _check_not_deleted(experiment: Experiment, uri: str) -> None:
    """Raise an error for an experiment that was deleted in the UI, with what to do."""
    if experiment.lifecycle_stage != "deleted":
        return
    name, number = experiment.name, experiment.experiment_id
    mlflow, where = f"{shlex.quote(sys.executable)} -m mlflow", shlex.quote(uri)
    restore = f"MLFLOW_TRACKING_URI={where} {mlflow} experiments restore -x {number}"
    delete = (
        f"{mlflow} gc --backend-store-uri {where} --tracking-uri {where} --experiment-ids {number}"
    )
    for_good = "" if uri.startswith("http") else f"; or delete it for good: {delete}"
    raise TrackingError(f"experiment {name!r} is deleted in {uri}; restore it: {restore}{for_good}")


def open_existing(tracking: Tracking, source: str) -> None:
    """Open a store that is there, before any work that it may stop; a database that is not there is not made.

    Raises
    ------
    TrackingError
        See `open_store`.
    """
    database = sqlite_file.path_of(tracking.uri)
    if database is None or database.exists():
        open_store(tracking, source)


def _check_folder(folder: Path, uri: str) -> None:
    """Make the folder of a database; one without write access would be waited for, as if it were locked."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise TrackingError(
            f"the tracking store {uri} cannot be opened ({error}); check tracking.uri"
        ) from error


def _check_emptied(tracking: Tracking, experiment: str) -> None:
    """Raise an error for a database that has lost its content: MLflow would make a new one in its place."""
    database = sqlite_file.path_of(tracking.uri)
    if database is None or not database.is_file() or database.stat().st_size:
        return
    runs = experiments.runs_in(experiments.folder_of(tracking, experiment))
    if runs:
        raise TrackingError(
            f"{database} is empty, but there are files of {count(len(runs), 'run')} of it: it has lost its "
            f"content, as in a power cut; restore it from a backup, or delete it to start again"
        )


def _note_lost_runs(tracking: Tracking, experiment: str) -> None:
    """Print how many runs have files, but are not in the database: of another store, or lost."""
    database = sqlite_file.path_of(tracking.uri)
    folder = experiments.folder_of(tracking, experiment)
    runs = experiments.runs_in(folder)
    if database is None or not runs:
        return
    lost = runs - sqlite_file.runs(database)
    if lost:
        terminal.print_note(
            terminal.notes(),
            f"{tracking.uri} lacks {count(len(lost), 'run')} whose files are in {folder} "
            f"({some(sorted(lost), show=3)}): if they are of another tracking store, give each store a "
            f"tracking.artifacts of its own; if not, this one was cut, as by a power cut, or is an older "
            f"copy: restore it from a backup",
        )


def check_answers(uri: str) -> None:
    """Check that a server or a database answers; MLflow itself would try for minutes.

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
        return  # it answers, if only to ask for a log-in
    except (OSError, ValueError) as error:
        raise TrackingError(
            f"the tracking server {uri} does not answer ({error}); start it, correct tracking.uri, or use "
            f"tracking=local"
        ) from error


def _connect(uri: str) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import OperationalError

    try:
        create_engine(uri, connect_args={"connect_timeout": SECONDS_TO_ANSWER}).connect().close()
    except ModuleNotFoundError as error:
        raise TrackingError(
            f"{error.name}, which PostgreSQL needs, is not installed; pip install '.[server]'"
        ) from error
    except OperationalError as error:
        raise ConnectionError(str(error.orig).splitlines()[0]) from error
