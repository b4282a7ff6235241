"""Runs a sweep on a server and kills what works for it, at random by a seed, until everything is there."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from standins.servers import Tracker

WORKER, SERVER, MAIN = "worker", "server", "main process"
_POLL_SECONDS = 0.05
_WATCH_SECONDS = 0.5
_SECONDS_TO_LEAVE = 10


@dataclass
class Soak:
    """A sweep that is disturbed.

    Attributes
    ----------
    words : sequence of str
        Its command; the same one again goes on with it.
    folder : Path
        Where it is given.
    environment : mapping of str to str
        Its environment.
    tracker : Tracker
        The server that it is tracked on, started.
    jobs : int
        How many candidates it has.
    kills : mapping of str to int
        How often each kind is killed.
    seed : int
        Decides when, and in which order.
    """

    words: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    tracker: Tracker
    jobs: int
    kills: Mapping[str, int]
    seed: int
    starts: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    said: str = ""
    _seen: dict[tuple[int, float], psutil.Process] = field(default_factory=dict)

    def run(self) -> None:
        """Run the command until it ends well with nothing left to kill."""
        chance = random.Random(self.seed)
        waiting = self._plan(chance)
        most = self.kills[MAIN] + self.kills[WORKER] + 3
        while self.starts < most:
            code = self._once(waiting, chance)
            if code == 0 and not waiting:
                return
        raise AssertionError(f"not done after {self.starts} starts: {self.said[-2000:]}")

    def left(self) -> list[psutil.Process]:
        """Give the processes of the sweep that have not left after some seconds."""
        until = time.monotonic() + _SECONDS_TO_LEAVE
        while (there := [each for each in self._seen.values() if _lives(each)]) and (
            time.monotonic() < until
        ):
            time.sleep(0.1)
        return there

    def _plan(self, chance: random.Random) -> list[tuple[int, str]]:
        """Choose after how many finished candidates what is killed; the last in the list comes first."""
        kinds = [kind for kind, count in self.kills.items() for _ in range(count)]
        chance.shuffle(kinds)
        moments = sorted(chance.sample(range(1, self.jobs - 4), len(kinds)), reverse=True)
        return list(zip(moments, kinds, strict=True))

    def _once(self, waiting: list[tuple[int, str]], chance: random.Random) -> int:
        """Start the command, and kill what the plan says while it runs; give its exit code."""
        self.starts += 1
        log = self.folder / f"start-{self.starts}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                self.words,
                cwd=self.folder,
                env=dict(self.environment),
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        seen = 0.0
        try:
            while process.poll() is None:
                if time.monotonic() > seen + _WATCH_SECONDS:
                    self._watch(process.pid)
                    seen = time.monotonic()
                if waiting and self._finished() >= waiting[-1][0]:
                    kind = waiting[-1][1]
                    if self._kill(kind, process, chance):
                        self.killed[kind] += 1
                        waiting.pop()
                time.sleep(_POLL_SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.said = log.read_text()
        return process.returncode

    def _kill(self, kind: str, process: subprocess.Popen[bytes], chance: random.Random) -> bool:
        self._watch(process.pid)
        if kind == MAIN:
            process.kill()
            process.wait()
        elif kind == SERVER:
            self.tracker.kill()
            time.sleep(chance.uniform(0, 1))
            self.tracker.launch()
        else:
            workers = sorted(_workers(process.pid), key=lambda each: each.pid)
            if not workers:
                return False
            chance.choice(workers).kill()
        return True

    def _watch(self, pid: int) -> None:
        """Remember every process that comes from the command."""
        for each in _below(pid):
            self._seen.setdefault((each.pid, each.create_time()), each)

    def _finished(self) -> int:
        """Count the finished candidates in the ledgers of all starts."""
        return sum(
            path.read_bytes().count(b'"status": "finished"')
            for path in self.folder.glob("mlruns/runs/*/outcomes.jsonl")
        )


def _below(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _workers(pid: int) -> Iterator[psutil.Process]:
    """Give the workers below a sweep's main process: what its fork server has forked."""
    for each in _below(pid)[1:]:
        try:
            if each.ppid() != pid and "forkserver" in " ".join(each.cmdline()):
                yield each
        except psutil.NoSuchProcess:
            continue


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
