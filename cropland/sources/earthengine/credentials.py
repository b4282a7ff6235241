"""Whose credentials Earth Engine is asked with: a person's or a service account's."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import ee
import google.auth
from google.auth.transport.requests import Request
from google.oauth2.credentials import Credentials

from cropland.errors import DataError

_KEY_FILE = "GOOGLE_APPLICATION_CREDENTIALS"


def valid_credentials() -> Any:
    """Return credentials with which Google has just let us in.

    Those that ``earthengine authenticate`` stored come first, as in Earth Engine's own client, then
    Google's application default credentials: ``GOOGLE_APPLICATION_CREDENTIALS``, gcloud's, the machine's. The
    client asks for the latter without a scope, which Google refuses a service account.

    Raises
    ------
    DataError
        A file of credentials is no JSON object.
    google.auth.exceptions.GoogleAuthError
        There are none, or Google refuses them.
    """
    stored = _stored()
    credentials: Any = (
        Credentials(None, **stored) if stored.get("refresh_token") else _default_of_google()  # type: ignore[no-untyped-call]
    )
    credentials.refresh(Request())
    return credentials


def owner_of(credentials: Any) -> str:
    """Return in words whose credentials they are."""
    email = getattr(credentials, "service_account_email", None)
    return f"of the service account {email}, valid" if email else "stored and valid"


def _stored() -> dict[str, Any]:
    """Read what ``earthengine authenticate`` stored; empty where it stored nothing."""
    path = ee.oauth.get_credentials_path()
    if not Path(path).exists():
        return {}
    try:
        stored: dict[str, Any] = ee.oauth.get_credentials_arguments()
    except (ValueError, AttributeError, TypeError) as error:
        raise _unreadable(path, error, "run `earthengine authenticate --force`") from error
    return stored


def _default_of_google() -> Any:
    try:
        with warnings.catch_warnings():
            # It advises on projects, of which source.project names one.
            warnings.filterwarnings("ignore", ".*(No project ID|quota project).*")
            credentials, _ = google.auth.default(scopes=ee.oauth.SCOPES)
    except (ValueError, AttributeError, TypeError) as error:
        if isinstance(error, google.auth.exceptions.GoogleAuthError):
            raise
        path = os.environ.get(_KEY_FILE, "Google's application default credentials")
        raise _unreadable(path, error, f"give {_KEY_FILE} another file") from error
    return credentials


def _unreadable(path: str, error: Exception, remedy: str) -> DataError:
    what = str(error) if isinstance(error, json.JSONDecodeError) else "it is not a JSON object"
    return DataError(f"the credentials in {path} cannot be read ({what}); {remedy}")
