"""Dask clusters: a local one whose workers are processes of one thread, or one that is running."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, get_context

import dask
from distributed import Client, LocalCluster

SECONDS_TO_ANSWER = 10
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,  # who sends work decides what is sent again
    "distributed.worker.multiprocessing-method": "forkserver"
    if sys.platform == "linux"
    else "spawn",
    "distributed.worker.daemon": False,  # joblib's threads are for none that is
    "distributed.worker.profile.enabled": False,
}
logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)  # what matters is said by callers
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
        dask.config.set(_SETTINGS),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
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
        return Client(scheduler, timeout=SECONDS_TO_ANSWER, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"no Dask scheduler answers at {scheduler} ({error}); start one by `dask scheduler`, or leave "
            f"the word out for a cluster on this machine"
        ) from error


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
