"""A connection with Earth Engine: whose project, signed in or not, and each request through `Attempts`."""

from __future__ import annotations

import logging
import re
import socket
import threading
import warnings
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import ee
from google.auth.credentials import AnonymousCredentials

from cropland.errors import ConfigError
from cropland.sources.earthengine.credentials import owner_of, valid_credentials
from cropland.sources.earthengine.refusals import NO_PROJECT, translated_errors
from cropland.sources.earthengine.transport import CONNECT_SECONDS, HttpTransport
from cropland.sources.retries import Attempts
from cropland.untrusted.addresses import Links

if TYPE_CHECKING:
    from cropland.config.sources import EarthEngine

T = TypeVar("T")

CLIENT = f"earthengine-api {ee.__version__}"
RESTRICTED = (
    "the project {project} has used up its noncommercial quota of Earth Engine and is in restricted mode, "
    "served more slowly until it is renewed; see "
    "https://developers.google.com/earth-engine/guides/noncommercial_tiers"
)
_GOOGLE = re.compile(r"https://([a-z0-9-]+\.)+googleapis\.com/?")
_ADDRESS = re.compile(r"https?://[^/\s]+/?")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]*")
_UNREAD = "Unable to initialize deprecated assets"
_CONNECTING = threading.Lock()


class Connection:
    """Made without a request; `check_project`, `sign_in` and at last `initialize` open it, or `open`.

    The client's state is its process's: of several connections the one that was initialized last is asked.
    """

    def __init__(self, source: EarthEngine, attempts: Attempts) -> None:
        self._source = source
        self._attempts = attempts
        self._transport = HttpTransport(
            source.workers, source.timeout_seconds, Links(source.endpoint)
        )
        self._credentials: Any = AnonymousCredentials()  # type: ignore[no-untyped-call]
        self._notes: set[str] = set()
        self._notes_lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        # Dask sends it to other processes, each of which connects once.
        return _connection_here, (self._source, self._attempts.patience)

    def open(self) -> None:
        """Check the project, sign in and learn what the service can do; raises as these steps do."""
        self.check_project()
        self.sign_in()
        self.initialize()

    def check_project(self) -> str:
        """Check what the configuration says of the project, and say it.

        Raises
        ------
        ConfigError
            There is none, or none that could be one.
        """
        project = self._source.project
        if project is None:
            raise ConfigError(NO_PROJECT)
        if not _PROJECT.fullmatch(project):
            raise ConfigError(
                f"source.project must be the id of a Cloud project, like my-project-123, got {project!r}"
            )
        return project

    def sign_in(self) -> str:
        """Find credentials where the service is Google's, and say which.

        Raises
        ------
        ConfigError
            The endpoint is no address.
        DataError
            There are no credentials, or they cannot be read or are no longer valid.
        """
        endpoint = self._source.endpoint
        if not _ADDRESS.fullmatch(endpoint):
            raise ConfigError(
                f"source.endpoint must be an address like https://HOST, got {endpoint!r}"
            )
        if not _GOOGLE.fullmatch(endpoint):
            # A user's token is for Google alone.
            return f"none are sent to {endpoint}, which is not Google's"
        self._credentials = self.ask("signing in", valid_credentials)
        return owner_of(self._credentials)

    def initialize(self) -> str:
        """Ask what the service can do, in three requests.

        Raises
        ------
        DataError
            It refuses, or cannot be reached.
        """
        # It warns of a status that the error tells of.
        logging.getLogger("googleapiclient.http").setLevel(logging.ERROR)
        before = socket.getdefaulttimeout()
        # The client also reads a list of deprecated collections, and would wait for it for ever.
        socket.setdefaulttimeout(CONNECT_SECONDS)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", _UNREAD)
                self.ask(f"connecting to {self._source.endpoint}", self._initialize)
        finally:
            socket.setdefaulttimeout(before)
        return f"{CLIENT} connected to {self._source.endpoint}"

    def _initialize(self) -> None:
        # Credentials and address of an earlier connection must not linger.
        ee.Reset()
        # `Attempts` decides what is asked again, and when.
        ee.data.setMaxRetries(0)
        ee.data.setWorkloadTag("cropland")
        ee.Initialize(
            self._credentials,
            url=self._source.endpoint.rstrip("/"),
            project=self._source.project,
            http_transport=self._transport,
        )

    def ask(self, what: str, ask: Callable[[], T]) -> T:
        """Ask until there is an answer.

        Raises
        ------
        TooLarge
            The service wants less at once.
        StalePage
            It does not know the page that it is asked for.
        ConfigError, DataError
            It refuses, or goes on failing.
        """

        def once() -> T:
            with translated_errors(str(self._source.project)):
                return ask()

        return self._attempts.run(what, once)

    @property
    def restriction(self) -> str | None:
        """What a user should know where the project has used up its quota; known from answers."""
        text = RESTRICTED.format(project=self._source.project)
        return text if self._transport.restricted else None

    def news(self) -> tuple[str, ...]:
        """Return what a user should know of the project and the collection, each once."""
        notes = [self.restriction] if self.restriction else []
        deprecated = ee.deprecation.deprecated_assets.get(self._source.collection)
        if deprecated:
            instead = f"; its successor is {deprecated.replacement_id}"
            notes.append(
                f"Earth Engine will give up the collection {self._source.collection}"
                f"{instead if deprecated.replacement_id else ''}"
            )
        with self._notes_lock:
            new = tuple(note for note in notes if note not in self._notes)
            self._notes.update(new)
        return new


def _connection_here(source: EarthEngine, patience: tuple[Any, ...]) -> Connection:
    with _CONNECTING:
        return _connection(source, patience)


@cache
def _connection(source: EarthEngine, patience: tuple[Any, ...]) -> Connection:
    connection = Connection(source, Attempts(*patience))
    connection.open()
    return connection
