"""What it means that Earth Engine did not answer: ask again, ask for less, or tell the user what to do.

Earth Engine's errors differ by their words alone: its client keeps no status, and the service says the same
status for a request that is too large as for one that is wrong.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import requests
import urllib3
from ee import EEException
from google.auth.exceptions import (
    DefaultCredentialsError,
    GoogleAuthError,
    InvalidOperation,
    TransportError,
)
from googleapiclient.errors import Error as ClientError
from googleapiclient.errors import HttpError, InvalidJsonError, UnknownApiNameOrVersion

from cropland.errors import ConfigError, DataError
from cropland.sources.retries import Transient
from cropland.sources.service import TooLarge

_BUSY = re.compile(
    r"too many requests|quota exceeded|exceeded.{0,40}quota|rate or concurrency limit|rate limit|"
    r"too many concurrent|capacity exceeded",
    re.IGNORECASE,
)
_TOO_LARGE = re.compile(
    r"computation timed out|user memory limit exceeded|request payload size exceeds|aggregations|"
    r"5000 elements|output of image computation is too large|total request size|object too large|"
    r"computed value is too large|response size exceeds|too many pixels|out of memory",
    re.IGNORECASE,
)
_STALE_PAGE = re.compile(r"page ?token", re.IGNORECASE)
_NETWORK = (
    ConnectionError,
    TimeoutError,
    socket.gaierror,
    socket.herror,
    ssl.SSLError,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
)
"""Errors of the network, which may pass; the other errors of the system, as of a file, are the user's."""
_UNPARSED = (ValueError, RecursionError, MemoryError, EOFError, zipfile.BadZipFile)
"""Errors of the client's parsers where an answer is not what Earth Engine answers."""
_UNREADABLE = (*_UNPARSED, LookupError, TypeError, AttributeError, OverflowError)
_CLIENT = (EEException, ClientError, GoogleAuthError, OSError, *_UNPARSED)
_TRANSIENT_STATUS = (408, 500, 502, 503, 504)
_LONGEST_TEXT = 300
_SIGN_IN = "run `earthengine authenticate`"
_KEPT = "what was fetched is kept, then run the same command again"
EXPIRED = f"the credentials for Earth Engine have expired or were withdrawn; {_SIGN_IN}, {_KEPT}"
_NONE_STORED = (
    f"no valid credentials for Earth Engine are stored; {_SIGN_IN}, or give a service account's key as "
    f"GOOGLE_APPLICATION_CREDENTIALS=FILE, then run the same command again (source=stac needs no account)"
)
NO_PROJECT = (
    "Earth Engine needs a Google Cloud project that is registered for it; give one, as in "
    "source.project=NAME (https://code.earthengine.google.com/register makes one)"
)

NOT_EARTH_ENGINE = "what answers at source.endpoint is not Earth Engine; leave it out for Google's"


class StalePage(Exception):
    """The service no longer knows how an answer in pages goes on."""


_ADVICE: tuple[tuple[str, type[ConfigError | DataError], str], ...] = (
    (r"please authorize", DataError, _NONE_STORED),
    (r"no project found", ConfigError, NO_PROJECT),
    (
        r"not registered to use Earth Engine|not signed up for Earth Engine",
        DataError,
        "the project {project} is not registered for Earth Engine; register it at "
        "https://code.earthengine.google.com/register, or give another, as in source.project=NAME",
    ),
    (
        r"has not been used in project|API.{0,40} disabled",
        DataError,
        "the Earth Engine API is not enabled in the project {project}; enable it at "
        "https://console.cloud.google.com/apis/library/earthengine.googleapis.com?project={project}, "
        "wait a few minutes and try again",
    ),
    (
        r"caller does not have required permission|project '[^']*' not found|permission '[^']*' denied",
        DataError,
        "your account may not use the project {project}, or there is none of that name; correct "
        "source.project=NAME, or ask its owner for the roles Service Usage Consumer and Earth Engine "
        "Resource Viewer",
    ),
    (
        r"ImageCollection asset '([^']*)' not found",
        ConfigError,
        "Earth Engine has no collection {0} that you may read; correct source.collection, as in "
        "source.collection=COPERNICUS/S2_SR_HARMONIZED",
    ),
    (
        r"band pattern '([^']*)' did not match",
        ConfigError,
        "the collection has no band {0}; correct source.bands",
    ),
)
"""A pattern in Earth Engine's text, the error, and its message, which the groups and the project fill."""


@contextmanager
def translated_errors(project: str) -> Iterator[None]:
    """Raise, in place of what the client raises, what it means.

    Parameters
    ----------
    project : str
        The Cloud project, for the words.

    Raises
    ------
    Transient
        Another attempt may help.
    TooLarge
        A smaller request would be answered.
    StalePage
        The first page has to be asked for again.
    ConfigError, DataError
        The user has to do something.
    """
    try:
        yield
    except (*_CLIENT, *_NETWORK) as error:
        raise meaning_of(error, project) from error


@contextmanager
def readable_answers() -> Iterator[None]:
    """Raise, in place of what goes wrong with an answer of another form, one line.

    Raises
    ------
    ConfigError
        What answers is not Earth Engine.
    """
    try:
        yield
    except _UNREADABLE as error:
        raise _not_earth_engine(error) from error


def meaning_of(error: Exception, project: str) -> Exception:
    """Return what an error of the client means, as `translated_errors` raises it."""
    if isinstance(error, GoogleAuthError):
        return _not_signed_in(error)
    # Before the network: a broken answer, as `requests` has it, is of both kinds.
    if isinstance(error, json.JSONDecodeError):
        return Transient("an answer that is no JSON")
    if isinstance(error, _NETWORK):
        return Transient(str(error) or type(error).__name__)
    if isinstance(error, _UNPARSED):
        return _not_earth_engine(error)
    if isinstance(error, OSError):
        return DataError(
            f"Earth Engine could not be reached from this machine ({_shortened(str(error))}); fix "
            f"it, then run the same command again"
        )
    if isinstance(error, InvalidJsonError | UnknownApiNameOrVersion):
        return ConfigError(NOT_EARTH_ENGINE)
    http = _http_error(error)
    text = _shortened(http.reason if http else str(error))
    status = int(http.resp.status) if http else 0
    return _passing(text, status, http) or _lasting(text, status, project)


def _not_earth_engine(error: Exception) -> ConfigError:
    return ConfigError(f"{NOT_EARTH_ENGINE} ({type(error).__name__}: {_shortened(str(error))})")


def _not_signed_in(error: GoogleAuthError) -> Exception:
    """Return what it means that Google does not let us in, with Google's own reason."""
    reason = _shortened(str(error.args[0] if error.args else error)).rstrip(".")
    if isinstance(error, TransportError) or error.retryable:
        return Transient(f"signing in failed: {reason}")
    if isinstance(error, DefaultCredentialsError) and not isinstance(error, InvalidOperation):
        if "default credentials were not found" in reason:
            return DataError(_NONE_STORED)
        return DataError(
            f"the credentials for Earth Engine cannot be used: {reason}; give "
            f"GOOGLE_APPLICATION_CREDENTIALS a service account's key, or unset it and {_SIGN_IN}"
        )
    return DataError(
        f"Google refuses the credentials for Earth Engine ({reason}): they may have expired or been "
        f"withdrawn; {_SIGN_IN}, or make a new key of the service account, {_KEPT}"
    )


def _passing(text: str, status: int, http: HttpError | None) -> Exception | None:
    """Return what may be answered when it is asked again, or otherwise."""
    if status == 429 or _BUSY.search(text):
        return Transient(text, busy=True, wait_seconds=_asked_to_wait(http))
    if status == 413 or _TOO_LARGE.search(text):
        return TooLarge(text)
    if status in _TRANSIENT_STATUS:
        return Transient(f"{text} ({status})", wait_seconds=_asked_to_wait(http))
    return StalePage(text) if _STALE_PAGE.search(text) else None


def _lasting(text: str, status: int, project: str) -> Exception:
    """Return what only the user can fix."""
    for pattern, error, message in _ADVICE:
        if match := re.search(pattern, text, re.IGNORECASE):
            return error(message.format(*match.groups(), project=project))
    if status == 401:
        return DataError(EXPIRED)
    return DataError(f"Earth Engine refuses{f' ({status})' if status else ''}: {text}")


def _http_error(error: Exception) -> HttpError | None:
    """Find the answer behind an error: the client raises its own while it handles that."""
    answer = error if isinstance(error, HttpError) else error.__context__
    return answer if isinstance(answer, HttpError) else None


def _asked_to_wait(http: HttpError | None) -> float:
    asked = str(http.resp.get("retry-after", "")) if http else ""
    return float(asked) if asked.isdecimal() else 0.0


def _shortened(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST_TEXT else f"{words[:_LONGEST_TEXT]}…"
