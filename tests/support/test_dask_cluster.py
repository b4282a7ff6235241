"""A local cluster: it starts while others are at work, sleeps without work, and is interrupted quietly."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
import time
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from distributed import get_worker
from distributed.utils import LoopRunner, sync

from cropland.support import dask_cluster


def workers() -> set[int]:
    """The workers of this process: children of the one that they are forked from."""
    below = psutil.Process().children(recursive=True)
    return {each.pid for each in below if each.ppid() != os.getpid()}


def started(count: int) -> set[int]:
    """Wait until workers have started; return them."""
    for _ in range(1200):
        if len(workers()) >= count:
            return workers()
        time.sleep(0.1)
    raise AssertionError("no workers")


@pytest.mark.processes
def test_the_workers_of_a_cluster_that_is_opened_later_start_at_once() -> None:
    before = workers()
    dask_cluster.prepare(None, workers=1)
    there = started(len(before) + 1) - before
    with dask_cluster.opened(None, 1) as client:
        assert {client.submit(os.getpid).result()} == there


@pytest.mark.processes
def test_a_cluster_that_is_not_needed_leaves_nobody_behind() -> None:
    before = workers()
    dask_cluster.prepare(None, workers=1)
    started(len(before) + 1)
    dask_cluster.leave()
    assert workers() == before


@pytest.mark.processes
def test_workers_that_do_not_start_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "SECONDS_TO_START", 0.2)
    monkeypatch.setattr("distributed.LocalCluster.scale", lambda *_: None)
    with (
        pytest.raises(ConnectionError, match=r"1 worker did not start within 0\.2 s"),
        dask_cluster.opened(None, 1),
    ):
        pass


@pytest.mark.processes
def test_a_cluster_without_work_looks_at_itself_once_a_second_at_most() -> None:
    def waits_of(server: Any) -> list[float]:
        return [server.periodic_callbacks[name].callback_time for name in ("tick", "monitor")]

    with dask_cluster.opened(None, 1) as client:
        (nanny,) = client.cluster._created
        waits = waits_of(client.cluster.scheduler) + waits_of(nanny)
        waits += client.submit(lambda: waits_of(get_worker())).result()
    assert len(waits) == 6
    assert min(waits) >= 1000  # milliseconds


class Interrupted(threading.Event):
    """What Ctrl-C ends the wait for."""

    def wait(self, timeout: float | None = None) -> bool:
        raise KeyboardInterrupt


def test_a_call_that_is_interrupted_before_it_has_begun_prints_no_traceback(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, held, over = LoopRunner(), threading.Event(), threading.Event()
    runner.start()
    try:
        runner.loop.add_callback(held.wait)  # until the interruption has come
        with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
            mocked = SimpleNamespace(Event=Interrupted, get_ident=threading.get_ident)
            context.setattr("distributed.utils.threading", mocked)
            sync(runner.loop, asyncio.sleep, 0)
        runner.loop.add_callback(lambda: {}["another error"])
        runner.loop.add_callback(over.set)
        held.set()
        assert over.wait(60)
    finally:
        runner.stop()
    said = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert said == ["'another error'"]


@pytest.mark.processes
def test_a_worker_that_has_ended_by_itself_keeps_no_other_from_being_ended() -> None:
    ended, other = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
    ended.kill()
    ended.wait()
    nannies = [SimpleNamespace(pid=process.pid, auto_restart=True) for process in (ended, other)]
    dask_cluster._kill(SimpleNamespace(workers={}, _created=nannies))  # type: ignore[arg-type]
    assert other.wait(10) == -signal.SIGKILL
