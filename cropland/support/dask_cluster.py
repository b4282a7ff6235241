"""Dask clusters: a local one whose workers are processes of one thread, or one that is running.

A cluster runs whatever it is sent. The local one listens on loopback only, takes nobody without its
certificate (TLS; key and certificate are made for it and stay in the memory of its processes), and answers no
HTTP request. Who joins a running one trusts everybody who can connect to it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import forkserver, get_context

import dask
from distributed import Client, LocalCluster
from distributed.comm.addressing import get_address_host, parse_address
from distributed.comm.core import connect
from distributed.security import Security
from distributed.system import MEMORY_LIMIT

from cropland.support import terminal
from cropland.support.words import count

SECONDS_TO_ANSWER = 10
SECONDS_TO_START = 300
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_SETTINGS: dict[str, object] = {
    "distributed.scheduler.allowed-failures": 0,  # who sends work decides what is sent again
    "distributed.worker.multiprocessing-method": "forkserver"
    if sys.platform == "linux"
    else "spawn",
    "distributed.worker.daemon": False,  # joblib's threads are for none that is
    "distributed.worker.profile.enabled": False,
    # What each process looks at by the clock, for pages that are not served: a tenth of a core in all.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.cycle": "10s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.scheduler.active-memory-manager.start": False,  # no result is kept twice
    "distributed.worker.memory.monitor-interval": "500ms",
    # Pages of state, logs and call stacks, which ask for no certificate.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}
logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)  # what matters is said by callers
_AFTER_INTERRUPTION = (
    "operation on non-started TCPListener",  # a listener that is closed while a worker connects to it
    "cannot access free variable 'future'",  # a call that is cancelled before it has begun
)
"""What Dask's own callbacks end with where a Ctrl-C comes while processes connect."""


def _is_heard(record: logging.LogRecord) -> bool:
    """Return whether a record of an event loop is about anything but an interruption."""
    error = record.exc_info[1] if record.exc_info else None
    text = f"{record.getMessage()} {error}"
    return not any(words in text for words in _AFTER_INTERRUPTION)


logging.getLogger("tornado.application").addFilter(_is_heard)
_ENCRYPTED = ("tls", "wss")
_ready: dict[str | None, tuple[ExitStack, Client]] = {}
"""Clusters that have been prepared and not been opened yet, by the address of their scheduler."""


def prepare(scheduler: str | None, modules: Sequence[str] = (), workers: int = 0) -> None:
    """Get ready what `opened` opens: join a running cluster, or start a local one in the background.

    Parameters
    ----------
    scheduler : str, optional
        Address of a running cluster.
    modules : sequence of str
        What workers of a local cluster start with: one process imports it, from which all are forked.
    workers : int
        How many of them to start already.

    Raises
    ------
    ConnectionError
        The scheduler does not answer; the message says what to do.
    """
    if scheduler is None and sys.platform == "linux":
        get_context("forkserver").set_forkserver_preload(["distributed", *modules])
        with _environment(_ONE_THREAD):
            forkserver.ensure_running()
    if scheduler not in _ready and (scheduler is not None or workers):
        stack = ExitStack()
        client = stack.enter_context(_local(workers) if scheduler is None else _join(scheduler))
        _ready[scheduler] = stack, client


@contextmanager
def opened(scheduler: str | None, workers: int) -> Iterator[Client]:
    """Open a client of the cluster that was named, or of a local one that ends with it.

    Raises
    ------
    ConnectionError
        The scheduler does not answer, or no worker starts.
    """
    prepare(scheduler, workers=workers)
    stack, client = _ready.pop(scheduler)
    with stack:
        if scheduler is None:
            _wait_for_workers(client, workers)
        yield client


def leave() -> None:
    """Close what has been prepared and is not needed."""
    while _ready:
        _ready.popitem()[1][0].close()


def _wait_for_workers(client: Client, workers: int) -> None:
    try:
        client.wait_for_workers(workers, timeout=SECONDS_TO_START)
    except TimeoutError as error:
        raise ConnectionError(
            f"{count(workers, 'worker')} did not start within {SECONDS_TO_START} s; is there memory for it, "
            f"and room in {tempfile.gettempdir()}?"
        ) from error


@contextmanager
def _local(workers: int) -> Iterator[Client]:
    """Open a local cluster, whose workers start in the background."""
    with (
        # Dask's own folder in /tmp has one name for all users: it empties files there, and unpickles others.
        tempfile.TemporaryDirectory(
            prefix="cropland-",
            dir=dask.config.get("temporary-directory"),
            ignore_cleanup_errors=True,
        ) as folder,
        # The scheduler learns of the folder in no other way.
        dask.config.set(_SETTINGS | {"temporary-directory": folder}),
        LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            memory_limit=MEMORY_LIMIT // workers,
            security=Security.temporary(),
            local_directory=folder,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},  # which costs a second, and nobody would see it
            silence_logs=logging.CRITICAL + 1,
            # Jobs that ask for all cores get the one of their worker.
            env={"LOKY_MAX_CPU_COUNT": "1"},
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        cluster.scale(workers)
        try:
            yield client
        except BaseException:
            _kill(cluster)  # nobody waits for what they are at
            raise


def _kill(cluster: LocalCluster) -> None:
    """End the workers of a cluster at once, so that closing it need not wait for what they are doing."""
    for nanny in list(cluster._created):  # `workers` lacks those that are starting
        nanny.auto_restart = False
        if nanny.pid:
            with suppress(ProcessLookupError):  # Ctrl-C in a terminal reaches workers too
                os.kill(nanny.pid, signal.SIGKILL)


def _join(scheduler: str) -> Client:
    try:
        asyncio.run(_check_answers(scheduler))
        client = Client(scheduler, timeout=SECONDS_TO_ANSWER, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error) or f"no answer within {SECONDS_TO_ANSWER} s"
        raise ConnectionError(
            f"no Dask scheduler answers at {scheduler} ({reason}); start one as docs/operations.md says, or "
            f"leave the word out for a cluster on this machine"
        ) from error
    if not _is_private(scheduler):
        terminal.print_note(
            terminal.notes(),
            f"connections to {scheduler} are not encrypted: everybody in its network can run code on that "
            f"cluster and on this machine; start it with tls:// as docs/operations.md says",
        )
    return client


async def _check_answers(scheduler: str) -> None:
    """Connect once: a client waits for ever where what answers is no scheduler, or one of another scheme."""
    security = Security()
    if (
        parse_address(scheduler)[0] in _ENCRYPTED
        and not security.get_tls_config_for_role("client")["cert"]
    ):
        raise ValueError(
            "this machine has no certificate for it: distributed.comm.tls in Dask's configuration is empty"
        )
    connection = connect(scheduler, **security.get_connection_args("client"))
    (await asyncio.wait_for(connection, SECONDS_TO_ANSWER)).abort()


def _is_private(scheduler: str) -> bool:
    """Return whether nobody else in the network can connect: by a certificate, or on loopback."""
    if parse_address(scheduler)[0] in _ENCRYPTED:
        return True
    host = get_address_host(scheduler)
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a process that is started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
