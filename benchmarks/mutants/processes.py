"""Tests in forked processes: with a fault in a module, or to see which lines they touch."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from faults import Fault

PACKAGE = Path(__file__).parents[2] / "cropland"
Key = TypeVar("Key")
_OPTIONS = ("-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not processes")


@dataclass(frozen=True)
class Mutant:
    """A module with a fault, and the tests that should notice it.

    Attributes
    ----------
    module : str
        Path in the package.
    fault : Fault
        The fault.
    tests : tuple of tuple of str
        What runs: the nearest tests, then the others.
    seconds : float
        What these take without a fault.
    """

    module: str
    fault: Fault
    tests: tuple[tuple[str, ...], ...]
    seconds: float

    def __str__(self) -> str:
        fault = self.fault
        return f"{self.module}:{fault.line}\n  - {fault.old}\n  + {fault.new}"


def outcomes(
    mutants: Iterable[Mutant], workers: int, seconds: float
) -> Iterator[tuple[Mutant, bool]]:
    """Yield mutants and whether a test noticed them, as they end; start none after so many seconds.

    One that runs on and on, or dies, is noticed too.
    """
    end = time.monotonic() + seconds
    jobs = (
        (mutant, lambda folder, mutant=mutant: _noticed(mutant, folder), 20 + 4 * mutant.seconds)
        for mutant in takewhile(lambda _: time.monotonic() < end, mutants)
    )
    for mutant, code in forked(jobs, workers):
        yield mutant, code != 0


def _noticed(mutant: Mutant, folder: Path) -> int:
    _import(mutant)
    return any(run_tests(tests, folder, "-x") for tests in mutant.tests)


def _import(mutant: Mutant) -> None:
    """Import a module with its fault, before anything else imports it."""
    path = PACKAGE / mutant.module
    package, _, last = (
        "cropland." + mutant.module.removesuffix(".py").replace("/", ".")
    ).rpartition(".")
    spec = importlib.util.spec_from_file_location(f"{package}.{last}", path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    parent = importlib.import_module(package)
    sys.modules[module.__name__] = module
    exec(compile(mutant.fault.text, path, "exec"), module.__dict__)
    setattr(parent, last, module)


def run_tests(
    tests: Iterable[str], folder: Path, *options: str, plugins: Iterable[Any] = ()
) -> int:
    """Run tests in this process; return pytest's exit code."""
    words = [*_OPTIONS, *options, f"--basetemp={folder / 'tests'}", *tests]
    return int(pytest.main(words, plugins=list(plugins)))


def forked(
    jobs: Iterator[tuple[Key, Callable[[Path], int], float]], workers: int
) -> Iterator[tuple[Key, int]]:
    """Run jobs in processes of their own, each with an empty folder and a limit in seconds.

    Yields
    ------
    key, int
        Of each job as it ends, with its exit code; below 0 where a signal has ended it.
    """
    running: dict[int, tuple[Key, Path]] = {}
    while True:
        while len(running) < workers and (job := next(jobs, None)):
            key, action, limit = job
            folder = Path(tempfile.mkdtemp(prefix="mutants-"))
            child = os.fork()
            if child == 0:
                _be_child(action, folder, limit)
            running[child] = key, folder
        if not running:
            return
        child, status = os.wait()
        key, folder = running.pop(child)
        shutil.rmtree(folder, ignore_errors=True)
        yield key, os.waitstatus_to_exitcode(status)


def _be_child(action: Callable[[Path], int], folder: Path, limit: float) -> None:
    code = 1
    try:
        signal.setitimer(signal.ITIMER_REAL, limit)  # the signal ends the process
        silence = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(silence, number)
        code = int(action(folder))
    finally:
        os._exit(code)
