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
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, get_context

import dask
from distributed import Client, LocalCluster
from distributed.comm.addressing import get_address_host, parse_address
from distributed.comm.core import connect
from distributed.security import Security

from cropland.support import terminal

SECONDS_TO_ANSWER = 10
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_SETTINGS: dict[str, object] = {
    "distributed.scheduler.allowed-failures": 0,  # who sends work decides what is sent again
    "distributed.worker.multiprocessing-method": "forkserver"
    if sys.platform == "linux"
    else "spawn",
    "distributed.worker.daemon": False,  # joblib's threads are for none that is
    "distributed.worker.profile.enabled": False,
    # Pages of state, logs and call stacks, which ask for no certificate.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}
logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)  # what matters is said by callers
# Said of a listener that is closed while a worker connects to it, as by Ctrl-C.
logging.getLogger("tornado.application").addFilter(
    lambda record: "operation on non-started TCPListener" not in record.getMessage()
)
_ENCRYPTED = ("tls", "wss")
_joined: dict[str, Client] = {}


def prepare(scheduler: str | None, modules: Sequence[str] = ()) -> None:
    """Join a running cluster; or start the process that workers are forked from, which imports modules.

    Raises
    ------
    ConnectionError
        The scheduler does not answer; the message says what to do.
    """
    if scheduler is not None:
        _joined[scheduler] = _join(scheduler)
    elif sys.platform == "linux":
        get_context("forkserver").set_forkserver_preload(["distributed", *modules])
        with _environment(_ONE_THREAD):
            forkserver.ensure_running()


@contextmanager
def opened(scheduler: str | None, workers: int) -> Iterator[Client]:
    """Open a client of the cluster that was named, or of a local one that ends with it.

    Raises
    ------
    ConnectionError
        The scheduler does not answer.
    """
    if scheduler is not None:
        with _joined.pop(scheduler, None) or _join(scheduler) as client:
            yield client
        return
    prepare(None)
    with (
        # Dask's own folder in /tmp has one name for all users: it empties files there, and unpickles others.
        tempfile.TemporaryDirectory(
            prefix="cropland-",
            dir=dask.config.get("temporary-directory"),
            ignore_cleanup_errors=True,
        ) as folder,
        # The scheduler is told of the folder in no other way.
        dask.config.set(_SETTINGS | {"temporary-directory": folder}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            security=Security.temporary(),
            local_directory=folder,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},  # which costs a second, and nobody is told of it
            silence_logs=logging.CRITICAL + 1,
            # Jobs that ask for all cores get the one of their worker.
            env={"LOKY_MAX_CPU_COUNT": "1"},
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        try:
            yield client
        except BaseException:
            _kill(cluster)  # nobody waits for what they are at
            raise


def _kill(cluster: LocalCluster) -> None:
    """End the workers of a cluster at once, so that closing it need not wait for what they are doing."""
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        if nanny.pid:
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
