"""The file of a store in SQLite, ``sqlite:///PATH``; of other stores there is none, and nothing is done."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cropland.errors import TrackingError
from cropland.tracking.retries import SECONDS_FOR_OTHERS

LOCAL = "sqlite:///mlruns/mlflow.db"
"""Where commands keep their runs, by default: relative to the working folder."""
_PREFIX = "sqlite:///"
_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Columns of MLflow's tables that hold where files are."""
_MARKS = {"candidate": "identity", "sweep": "command"}
"""Tags by which runs of older versions are known, which have no tag of their kind."""
_HAS = "run_uuid IN (SELECT run_uuid FROM tags WHERE key = '{}')"


def path_of(uri: str) -> Path | None:
    """Return the path of a store's file; what follows a question mark is for SQLAlchemy."""
    if not uri.startswith(_PREFIX):
        return None
    return Path(uri.removeprefix(_PREFIX).partition("?")[0])


def check(uri: str) -> None:
    """Check that a store's file is one, where it is there: SQLite would wait for a pipe.

    Raises
    ------
    TrackingError
        It is a pipe, a folder or a device.
    """
    path = path_of(uri)
    try:
        mode = path.stat().st_mode if path else stat.S_IFREG
    except (OSError, ValueError):  # not there, or no name that can be: said where it is made
        return
    if stat.S_ISREG(mode):
        return
    kind = "pipe" if stat.S_ISFIFO(mode) else "folder" if stat.S_ISDIR(mode) else "device"
    raise TrackingError(
        f"{path} is not a file but a {kind}; remove it, or name a database in tracking.uri: "
        f"sqlite:///PATH"
    )


@contextmanager
def locked(uri: str) -> Iterator[None]:
    """Lock the file for one process: two that create its tables at once break each other's work."""
    from filelock import FileLock

    path = path_of(uri)
    if path is None:
        yield
        return
    with FileLock(f"{path}.lock", timeout=SECONDS_FOR_OTHERS):
        yield


def write_ahead(uri: str) -> None:
    """Switch to a write-ahead log: a run costs half, and readers do not wait for writers."""
    _execute(uri, "PRAGMA journal_mode=WAL")


def analyze(uri: str) -> None:
    """Count what the tables hold; without it, the UI's sorted page takes quadratic time."""
    _execute(uri, "ANALYZE")


def replace_locations(uri: str, old: str, new: str) -> None:
    """Replace the beginning of every artifact location in the database, in one transaction.

    Parameters
    ----------
    uri : str
        Address of the store.
    old, new : str
        Locations of a folder, as MLflow stores them: ``file:///…``.
    """
    path = path_of(uri)
    if path is None:
        return
    with closing(sqlite3.connect(path, timeout=SECONDS_FOR_OTHERS)) as connection, connection:
        for table, column in _LOCATIONS:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
            )


def tag_kinds(uri: str, experiment_id: str) -> bool:
    """Tag the candidates and sweeps of older versions, in one transaction; return whether there is a file."""
    path = path_of(uri)
    if path is None:
        return False
    with closing(sqlite3.connect(path, timeout=SECONDS_FOR_OTHERS)) as connection, connection:
        connection.execute(
            "UPDATE tags SET value = 'comparison' WHERE key = 'kind' AND value = 'compare'"
        )
        for kind, mark in _MARKS.items():
            connection.execute(
                f"INSERT OR IGNORE INTO tags (key, value, run_uuid) SELECT 'kind', ?, run_uuid FROM runs "
                f"WHERE experiment_id = ? AND {_HAS.format(mark)} AND NOT {_HAS.format('kind')}",
                (kind, experiment_id),
            )
        connection.execute(
            "INSERT OR IGNORE INTO tags (key, value, run_uuid) SELECT 'country', value, run_uuid FROM params "
            "JOIN runs USING (run_uuid) WHERE key = 'country' AND value NOT LIKE '%,%' AND experiment_id = ?",
            (experiment_id,),
        )
    return True


def runs(path: Path) -> set[str]:
    """Return the ids of all runs, also of those that were deleted in the UI."""
    with closing(sqlite3.connect(path, timeout=SECONDS_FOR_OTHERS)) as connection:
        return {run for (run,) in connection.execute("SELECT run_uuid FROM runs")}


def _execute(uri: str, statement: str) -> None:
    path = path_of(uri)
    if path is None:
        return
    with closing(sqlite3.connect(path, timeout=SECONDS_FOR_OTHERS)) as connection, connection:
        connection.execute(statement)
