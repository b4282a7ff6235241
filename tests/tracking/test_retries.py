from __future__ import annotations

import os
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    INTERNAL_ERROR,
    PERMISSION_DENIED,
    RESOURCE_DOES_NOT_EXIST,
    TEMPORARILY_UNAVAILABLE,
    UNAUTHENTICATED,
)
from sqlalchemy.exc import SQLAlchemyError

from cropland.errors import TrackingError
from cropland.tracking import retries

URI = "http://host:5000"


class Client:
    """Fails a given number of times, then answers."""

    tracking_uri = URI

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def get_run(self, run_id: str) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return run_id


def patient(*errors: Exception) -> Any:
    return retries.RetryingClient(Client(*errors))  # type: ignore[arg-type]


def test_a_locked_database_is_asked_again() -> None:
    locked = MlflowException("database is locked", TEMPORARILY_UNAVAILABLE)
    assert patient(locked, locked, locked).get_run("one") == "one"
    assert patient().tracking_uri == URI


def test_what_is_not_there_is_said_as_mlflow_does() -> None:
    with pytest.raises(MlflowException, match="no such run"):
        patient(MlflowException("no such run", RESOURCE_DOES_NOT_EXIST)).get_run("one")


def test_a_server_that_is_gone_is_said_in_one_line_with_what_to_do() -> None:
    long = (
        "API request to http://host:5000/api failed with exception HTTPConnectionPool(host='host'): Max "
        "retries exceeded (Caused by NewConnectionError('<x>: Failed: [Errno 111] Connection refused'))"
    )
    with pytest.raises(TrackingError) as said:
        patient(MlflowException(long, INTERNAL_ERROR)).get_run("one")
    assert str(said.value) == (
        "the tracking store http://host:5000 cannot be used ([Errno 111] Connection refused); fix it, or "
        "start it again, and run the same command again: finished runs are kept"
    )
    with pytest.raises(TrackingError, match="No space left"):
        patient(OSError(28, "No space left on device")).get_run("one")


def test_who_is_not_let_in_learns_which_variables_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    with pytest.raises(TrackingError, match="asks for a log-in; set MLFLOW_TRACKING_USERNAME and"):
        patient(MlflowException("no", UNAUTHENTICATED)).get_run("one")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "a-secret")
    with pytest.raises(TrackingError, match="does not accept MLFLOW_TRACKING_TOKEN") as said:
        patient(MlflowException("no", UNAUTHENTICATED)).get_run("one")
    assert "a-secret" not in str(said.value)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    with pytest.raises(TrackingError, match="does not allow ada to do this"):
        patient(MlflowException("no", PERMISSION_DENIED)).get_run("one")


def test_what_the_user_has_set_of_mlflow_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    retries.set_variables()
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "60"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("database is locked", "another process has kept its database locked for 120 s"),
        ("database disk image is malformed", "its database is damaged, as after a power cut"),
        ("malformed database schema (?)", "its database is damaged, as after a power cut"),
        ("file is not a database", "its database is damaged, as after a power cut"),
        ("database or disk is full", "its disk is full"),
        ("attempt to write a readonly database", "its database may not be written to"),
        ("no such table: x", "no such table: x"),
    ],
)
@pytest.mark.parametrize("code", [BAD_REQUEST, TEMPORARILY_UNAVAILABLE])
def test_an_error_of_the_database_is_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, reason: str, words: str, code: int
) -> None:
    monkeypatch.setattr(retries, "SECONDS_FOR_OTHERS", 0)
    text = (
        "(raised as a result of Query-invoked autoflush; consider using a session.no_autoflush block if "
        f"this flush is occurring prematurely)\n(sqlite3.OperationalError) {reason}\n[SQL: INSERT INTO x]"
    )
    for error in (MlflowException(text, code), SQLAlchemyError(text)):
        with pytest.raises(TrackingError) as said:
            patient(error).get_run("one")
        assert f"the tracking store {URI} cannot be used ({words}" in str(said.value)
        assert "autoflush" not in str(said.value)


def test_an_error_without_words_is_named_by_its_kind() -> None:
    with pytest.raises(TrackingError, match=rf"{URI} cannot be used \(TimeoutError\); fix it"):
        patient(TimeoutError()).get_run("a")
