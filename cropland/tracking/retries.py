"""Calls to a tracking store: repeated while it is locked, with one line of words where it cannot be used."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from cropland.errors import TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")
SECONDS_FOR_OTHERS = 120
_VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two requests a run
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # one for each file, where tqdm is installed
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",  # a server names other hosts for it
    "GIT_PYTHON_REFRESH": "quiet",
    # A server that is away is called after 0, 2, 6, 14, 30, 62 and 126 seconds, plus some jitter.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "7",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
}
_UNUSABLE = frozenset(
    ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "UNAUTHENTICATED", "PERMISSION_DENIED")
)
"""Error codes of MLflow that are about the store, not about the request."""
_REASON = re.compile(r"\[Errno -?\d+\] [\w ]+|too many \d+ error responses|[Rr]ead timed out")
_OF_DATABASE = re.compile(r"\((?:sqlite3|psycopg2?)\.[\w.]+\) ([^\n]+)")
"""An error of the database itself, which MLflow words as one of the request."""
_DAMAGED = "its database is damaged, as after a power cut: restore it from a backup"
_PLAIN = {
    "database is locked": f"another process has kept its database locked for {SECONDS_FOR_OTHERS} s",
    "database disk image is malformed": _DAMAGED,
    "malformed database schema": _DAMAGED,
    "file is not a database": _DAMAGED,
    "database or disk is full": "its disk is full",
    "attempt to write a readonly database": "its database may not be written to",
}
"""Reasons of SQLite in plain words."""


def set_variables() -> None:
    """Set MLflow's environment variables, where the user has not set them."""
    for name, value in _VARIABLES.items():
        os.environ.setdefault(name, value)
    levels, level = logging.getLevelNamesMapping(), os.environ["MLFLOW_LOGGING_LEVEL"].upper()
    for name in ("mlflow", "alembic"):  # where they have been imported before
        logging.getLogger(name).setLevel(levels.get(level, logging.ERROR))
    # It shows a traceback of every lock that is waited for.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def is_refusal(error: Exception) -> bool:
    """Return whether an error says that a server does not let us in."""
    return getattr(error, "error_code", "") in ("UNAUTHENTICATED", "PERMISSION_DENIED")


class RetryingClient:
    """An MLflow client, each of whose calls is made by `patiently`."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        return partial(patiently, self._client.tracking_uri, value) if callable(value) else value


def patiently(uri: str, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call a store, and again while its database is locked by another process.

    A server that is away for a minute is called again by MLflow itself.

    Raises
    ------
    TrackingError
        The store cannot be used.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

    retrying = Retrying(
        retry=retry_if_exception(lambda error: "locked" in str(error)),
        wait=wait_random_exponential(multiplier=0.05, max=5),
        stop=stop_after_delay(SECONDS_FOR_OTHERS),
        reraise=True,
    )
    try:
        return retrying(call, *args, **kwargs)
    except MlflowException as error:
        if error.error_code not in _UNUSABLE and not _OF_DATABASE.search(str(error)):
            raise
        raise TrackingError(in_words(error, uri)) from error
    except (OSError, SQLAlchemyError) as error:
        raise TrackingError(in_words(error, uri)) from error


def in_words(error: Exception, uri: str) -> str:
    """Return in words why a store cannot be used, and what to do."""
    code = getattr(error, "error_code", "")
    if code == "UNAUTHENTICATED":
        return _log_in(uri)
    if code == "PERMISSION_DENIED":
        name = os.environ.get("MLFLOW_TRACKING_USERNAME", "you")
        return f"the tracking server {uri} does not allow {name} to do this; ask for the permission there"
    return (
        f"the tracking store {uri} cannot be used ({reason_of(error)}); fix it, or start it again, and run "
        f"the same command again: finished runs are kept"
    )


def reason_of(error: Exception) -> str:
    """Return the reason in the text of an error, without what libraries put around it."""
    text = str(error) or type(error).__name__
    match = _REASON.search(text)
    of_database = _OF_DATABASE.search(text)
    reason = of_database[1] if of_database else match[0] if match else text.splitlines()[0]
    return next((words for start, words in _PLAIN.items() if reason.startswith(start)), reason)


def _log_in(uri: str) -> str:
    """Return in words what a server needs that asks for a log-in."""
    given = [
        name
        for name in (
            "MLFLOW_TRACKING_USERNAME",
            "MLFLOW_TRACKING_PASSWORD",
            "MLFLOW_TRACKING_TOKEN",
        )
        if os.environ.get(name)
    ]
    if not given:
        return (
            f"the tracking server {uri} asks for a log-in; set MLFLOW_TRACKING_USERNAME and "
            f"MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    return f"the tracking server {uri} does not accept {' with '.join(given)}; check their values"
