"""PostgreSQL and MLflow servers on loopback, which end with the test, whatever happens to it.

Each server is the child of a small shell, the head of a process group of its own, that waits for its standard
input to end: when the test's process is gone, however it went, the shell kills the group.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import psycopg

DEBIAN = Path("/usr/lib/postgresql")
USER, PASSWORD = "cropland", "pg-3f9c1d7e-sesame"
_SECONDS_TO_START = 60
_SECONDS_TO_STOP = 5
_LEASH = '"$@" </dev/null & read -r _; kill -s KILL -- "-$$"'
"""Runs what it is given, and kills it and itself when there is nobody left to hold its standard input."""


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(address: str, log: Path) -> None:
    """Wait until an address is answered; fail with the log of who should answer."""
    until = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


class Group:
    """A process group on a leash."""

    def __init__(
        self,
        words: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        user: str | None = None,
        cwd: Path | None = None,
    ) -> None:
        with log.open("ab") as stream:
            self._shell = subprocess.Popen(
                ["sh", "-c", _LEASH, "leash", *words],
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                env=dict(environment),
                user=user,
                group=user,
                extra_groups=[] if user else None,
                cwd=cwd,
                start_new_session=True,
            )
        self.number = self._shell.pid

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End all of it, at once unless another signal is asked for, which a shell may ignore."""
        if self._shell.poll() is None:
            os.killpg(self.number, how)
        try:
            self._shell.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            os.killpg(self.number, signal.SIGKILL)
            self._shell.wait()
        if self._shell.stdin is not None:
            self._shell.stdin.close()


class Postgres:
    """A PostgreSQL server of Debian's package, with a user who logs in by password, and an empty database.

    As root it runs as the package's own user, as it refuses root.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._log = folder / "postgres.log"
        self._user = "postgres" if os.geteuid() == 0 else None
        # Folders of tests are closed to other users.
        self._folder = Path(tempfile.mkdtemp(prefix="cropland-postgres-"))
        self._group: Group | None = None

    @staticmethod
    def binaries() -> Path | None:
        """Where its programs are, if it is installed."""
        found = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
        return found[-1].parent if found else None

    @property
    def uri(self) -> str:
        """Its address, without the password."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/cropland"

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that its clients need."""
        return {"PGPASSWORD": PASSWORD}

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Ask it something."""
        with psycopg.connect(self._where("cropland"), password=PASSWORD) as connection:
            return connection.execute(statement).fetchall()  # type: ignore[call-overload]

    def another(self, name: str) -> str:
        """Make another empty database; give its address."""
        with psycopg.connect(self._where("postgres"), password=PASSWORD, autocommit=True) as made:
            made.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        return f"{self.uri.rpartition('/')[0]}/{name}"

    def _where(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user={USER} dbname={database} connect_timeout=2"

    def __enter__(self) -> Postgres:
        binaries = self.binaries()
        assert binaries is not None, "PostgreSQL is not installed"
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        data = self._folder / "data"
        words = [str(binaries / "initdb"), f"--pgdata={data}", f"--username={USER}", "--no-sync"]
        words += ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C"]
        made = subprocess.run(
            words, user=self._user, cwd=self._folder, capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, made.stderr
        words = [str(binaries / "postgres"), "-D", str(data), "-p", str(self.port), "-F"]
        words += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        self._group = Group(words, self._log, {"PATH": os.defpath}, self._user, self._folder)
        self._wait()
        self.another("cropland")
        return self

    def _wait(self) -> None:
        until = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < until:
            try:
                psycopg.connect(self._where("postgres"), password=PASSWORD).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.1)
        raise AssertionError(self._log.read_text())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._group is not None:
            self._group.kill(signal.SIGQUIT)  # at once, but it gives its shared memory back
            until = time.monotonic() + _SECONDS_TO_STOP
            while (self._folder / "data" / "postmaster.pid").exists() and time.monotonic() < until:
                time.sleep(0.02)
        shutil.rmtree(self._folder, ignore_errors=True)


class Tracker:
    """An MLflow server that can be killed and started again at the same address.

    Parameters
    ----------
    folder : Path
        Where its database, artifacts and log are.
    database : str, optional
        Address of another database.
    workers : int
        Processes that answer.
    words : sequence of str
        Further words of its command.
    **variables
        Further variables of its environment.
    """

    def __init__(
        self,
        folder: Path,
        database: str | None = None,
        workers: int = 1,
        words: Sequence[str] = (),
        **variables: str,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.log = folder / "server.log"
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--workers", str(workers)]
        command += ["--backend-store-uri", database or f"sqlite:///{folder}/server.db"]
        command += ["--artifacts-destination", str(folder / "artifacts"), *words]
        self._words = command
        self._variables = variables
        self._group: Group | None = None

    @property
    def uri(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def number(self) -> int:
        """Number of its process group."""
        assert self._group is not None
        return self._group.number

    def start(self) -> None:
        """Start it, and return as soon as it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it without waiting."""
        unwanted = ("MLFLOW_TRACKING_URI", "PYTHONDONTWRITEBYTECODE")
        variables = {key: value for key, value in os.environ.items() if key not in unwanted}
        variables |= {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        self._group = Group(self._words, self.log, variables | self._variables, cwd=self.folder)

    def wait(self) -> None:
        """Wait until it answers."""
        wait_for(f"{self.uri}/health", self.log)

    def kill(self) -> None:
        """Kill it by SIGKILL, its workers too."""
        if self._group is not None:
            self._group.kill()
            self._group = None

    def __enter__(self) -> Tracker:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
