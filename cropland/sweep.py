"""Sweeps: the Hydra callback that surrounds jobs with a parent run, checks, progress and a report.

In the process that the user started, `SweepCallback` checks every job before the first one starts, makes
the archives and the parent run, watches the ledger, and closes with a table. In whatever process a job
runs, `run_job` runs its candidates and writes their outcomes to the ledger.
"""

from __future__ import annotations

import gc
import os
import shlex
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict

from cropland import composition, signals
from cropland.bands import BandSet
from cropland.commands import WHERE
from cropland.errors import ConfigError, answering
from cropland.quiet import quieten
from cropland.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cropland.composition import Job
    from cropland.countries import Choice
    from cropland.tracking import Store

_NAME_LENGTH = 80
_WINDOW = ("span", "period", "windows")
_PARENT_SECONDS = 0.3


def run_job(job: Job, run_folder: str) -> None:
    """Run the candidates of a job, one country after the other."""
    if _is_reproduction(job):
        from cropland import reproduction

        with answering():
            reproduction.run(job)
        return

    from cropland import candidate, experiment
    from cropland.progress import Ledger

    if not _sessions:
        _leave_with_parent()
    quieten()
    ledger = Ledger(Path(run_folder))
    store = _store(job)
    for each in candidate.of_job(job):
        signals.heed()
        ledger.append(experiment.run(each, store))


class SweepCallback(Callback):
    """Hydra's hooks. It has no state of its own: launchers send callbacks to their workers."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Begin a run of one job."""
        with answering():
            job = composition.job(config, config.hydra)
            if _is_reproduction(job):
                return
            begun = begin([job], Path(config.hydra.run.dir), list(config.hydra.overrides.task))
            with open_dict(config):
                config.update(begun)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Begin a sweep."""
        with answering():
            composition.prefer_given(config)
            jobs = composition.jobs(config)
            if any(map(_is_reproduction, jobs)):
                raise ConfigError("study=submission is one run, not a sweep; leave out -m")
            words = config.hydra.overrides.task
            begun = begin(jobs, Path(config.hydra.sweep.dir), list(words))
            words.extend(composition.as_words(begun))

    def on_run_end(self, config: DictConfig, **_: Any) -> None:  # noqa: ARG002
        """End a run."""
        with answering():
            end()

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:  # noqa: ARG002
        """End a sweep."""
        with answering():
            end()


_sessions: list[Session] = []


def begin(jobs: Sequence[Job], folder: Path, words: Sequence[str]) -> dict[str, Any]:
    """Check all jobs, make what they need, and open the parent run.

    Parameters
    ----------
    jobs : sequence of Job
        All of the sweep.
    folder : Path
        Where the ledger goes.
    words : sequence of str
        The overrides that the user gave.

    Returns
    -------
    dict
        What each job must be told: id of the parent run, and windows that a study has chosen.

    Raises
    ------
    CroplandError
        Whatever can be known to be wrong before any work.
    """
    for job in jobs:
        for each in (job.configuration, *job.alternatives):
            BandSet.of(each.bands.names)
    with _quick_imports():
        from rich.console import Console

        from cropland import candidate, chosen, closing, preflight, provenance
        from cropland.progress import Ledger, Watch

        common = jobs[0].configuration
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        preflight.check_alike([job.configuration for job in jobs])
        if common.tracking.uri.startswith("http"):
            _store(jobs[0])  # a server that is down is said before archives are made
        countries = {
            country.name: country
            for job in jobs
            for country in (*job.countries, *job.every_country)
        }
        archives = preflight.open_archives(common, countries.values(), console)
        store = _store(jobs[0])
        windows: dict[str, Choice] = {}
        if common.study and common.study.window and not _gives_window(words):
            windows = chosen.windows(archives, countries, store, common, console.print)
            jobs = [replace(job, windows=windows) for job in jobs]
        candidates = [each for job in jobs for each in candidate.of_job(job)]
        if common.promote:
            closing.promotion_of(candidates)
        preflight.check(candidates, archives)
    closed = store.close_orphans()
    if closed:
        console.print(f"closed {closed} runs that a killed process had left RUNNING")
    name = _name([word for word in words if not word.startswith(WHERE)])
    tags = {"command": shlex.join(sys.argv)} | (
        {chosen.STUDY: common.study.name} if common.study else {}
    )
    parent = str(store.start(name, provenance.code_tags() | tags).info.run_id)
    ledger = Ledger(folder)
    watching = ExitStack()
    watching.enter_context(Watch(ledger, len(candidates), console))
    _sessions.append(
        Session(
            store=store,
            parent_run=parent,
            name=name,
            words=list(words),
            candidates=candidates,
            archives=archives,
            ledger=ledger,
            console=console,
            watching=watching,
        )
    )
    told = {"windows": {name: asdict(each) for name, each in windows.items()}} if windows else {}
    return {"parent_run": parent, **told}


def end() -> None:
    """Close the parent run with its report and promote; leave with exit code 1 where something failed."""
    from cropland import closing

    if not _sessions:
        return
    session = _sessions[-1]
    session.watching.close()
    # A worker of a killed sweep may have outlived the start of this one for a moment.
    session.store.close_orphans()
    all_well = closing.close(session)
    _sessions.pop()
    promoted = not session.configuration.promote or closing.promote(session)
    if not all_well:
        raise SystemExit(
            "cropland: some candidates failed, see above; their runs hold the tracebacks"
        )
    if not promoted:
        raise SystemExit("cropland: not every country has been promoted, see above")


def abandon(reason: str) -> None:
    """Close what is open when a sweep ends before its end: the parent and what runs below it."""
    while _sessions:
        session = _sessions.pop()
        session.watching.close()
        finished = sum(outcome.status == "finished" for outcome in session.ledger.read())
        session.store.close_children(session.parent_run, reason)
        session.store.close(session.parent_run, reason)
        session.console.print(
            f"{reason}; {finished} candidates finished in this run are kept. Give the same command again "
            f"to go on."
        )


def _is_reproduction(job: Job) -> bool:
    """Tell the one study that is no sweep."""
    study = job.configuration.study
    return study is not None and study.figure == "submission"


def _gives_window(words: Sequence[str]) -> bool:
    """Tell whether the user has said which window to look at."""
    return any(word.lstrip("+").partition("=")[0].partition(".")[0] in _WINDOW for word in words)


@cache
def _leave_with_parent() -> None:
    """Let a worker end when the process that started it has been killed.

    It would go on otherwise, and the same sweep started again would run its candidate twice.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _store(job: Job) -> Store:
    from cropland import tracking

    chosen = job.configuration
    return tracking.open_store(chosen.tracking, tracking.experiment_of(chosen.source.name))


def _name(words: Sequence[str]) -> str:
    """Name a parent run by what its user chose."""
    name = " ".join(word for word in words if word != "country=all") or "defaults"
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…"


@contextmanager
def _quick_imports() -> Iterator[None]:
    """Keep the garbage collector out of heavy imports, and what they made out of its way."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
