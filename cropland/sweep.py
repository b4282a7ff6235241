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
import traceback
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict

from cropland import composition, signals
from cropland.bands import BandSet
from cropland.errors import CroplandError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from cropland.candidate import Outcome
    from cropland.composition import Job
    from cropland.progress import Ledger
    from cropland.tracking import Store

_WHERE = ("source", "paths.", "tracking")
_NAME_LENGTH = 80
_PARENT_SECONDS = 0.3


def run_job(job: Job, run_folder: str) -> None:
    """Run the candidates of a job, one country after the other."""
    from cropland import experiment
    from cropland.candidate import Candidate
    from cropland.progress import Ledger

    if not _sessions:
        _leave_with_parent()
    ledger = Ledger(Path(run_folder))
    store = _store(job)
    for country in job.countries:
        signals.heed()
        ledger.append(experiment.run(Candidate(job.configuration, country), store))


class SweepCallback(Callback):
    """Hydra's hooks. It has no state of its own: launchers send callbacks to their workers."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Begin a run of one job."""
        with _answering():
            job = composition.job(config, config.hydra)
            parent = begin([job], Path(config.hydra.run.dir), list(config.hydra.overrides.task))
            with open_dict(config):
                config.parent_run = parent

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Begin a sweep."""
        with _answering():
            jobs = composition.jobs(config)
            parent = begin(jobs, Path(config.hydra.sweep.dir), list(config.hydra.overrides.task))
            config.hydra.overrides.task.append(f"++parent_run={parent}")

    def on_run_end(self, config: DictConfig, **_: Any) -> None:  # noqa: ARG002
        """End a run."""
        with _answering():
            end()

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:  # noqa: ARG002
        """End a sweep."""
        with _answering():
            end()


@dataclass(frozen=True)
class Session:
    """A sweep under way, in the process that the user started."""

    store: Store
    parent_run: str
    name: str
    where: list[str]
    link: str
    ledger: Ledger
    console: Console
    watching: ExitStack


_sessions: list[Session] = []


def begin(jobs: Sequence[Job], folder: Path, words: Sequence[str]) -> str:
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
    str
        Id of the parent run.

    Raises
    ------
    CroplandError
        Whatever can be known to be wrong before any work.
    """
    for job in jobs:
        BandSet.of(job.configuration.bands.names)
    with _quick_imports():
        from rich.console import Console

        from cropland import preflight, provenance, tracking
        from cropland.candidate import Candidate
        from cropland.progress import Ledger, Watch

        candidates = [Candidate(job.configuration, land) for job in jobs for land in job.countries]
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        preflight.check(candidates, console)
        store = _store(jobs[0])
    closed = store.close_orphans()
    if closed:
        console.print(f"closed {closed} runs that a killed process had left RUNNING")
    where = [word for word in words if word.startswith(_WHERE)]
    name = _name([word for word in words if word not in where])
    parent = store.start(name, provenance.code_tags() | {"command": shlex.join(sys.argv)})
    ledger = Ledger(folder)
    watching = ExitStack()
    watching.enter_context(Watch(ledger, len(candidates), console))
    link = tracking.link(jobs[0].configuration.tracking, store.experiment_id)
    session = Session(store, parent.info.run_id, name, where, link, ledger, console, watching)
    _sessions.append(session)
    return str(parent.info.run_id)


def end() -> None:
    """Close the parent run with its report, and leave with exit code 1 where a candidate failed."""
    from cropland import report

    session = _sessions.pop()
    session.watching.close()
    outcomes = session.ledger.read()
    files = {"outcomes.csv": report.scored(outcomes).to_csv(index=False).encode()}
    picture = report.figure(outcomes)
    if picture:
        files["accuracy.png"] = picture
    for file, content in files.items():
        (session.ledger.path.parent / file).write_bytes(content)
    failed = any(outcome.status == "failed" for outcome in outcomes)
    session.store.report(
        session.parent_run, report.note(outcomes), files, status="FAILED" if failed else "FINISHED"
    )
    _close_on_screen(session, outcomes)
    if failed:
        raise SystemExit(
            "cropland: some candidates failed, see above; their runs hold the tracebacks"
        )


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


def _close_on_screen(session: Session, outcomes: Sequence[Outcome]) -> None:
    """Print the best of each country, where to look, and what to do next."""
    from rich.console import Console

    from cropland import report
    from cropland.tracking import SIMULATED

    # Piped output has no width of its own; a table of nine columns needs about this much.
    screen = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    best = report.best(outcomes)
    if len(best):
        screen.print(report.closing_table(outcomes))
    screen.print(f"candidates: {report.counted(outcomes)}")
    if session.store.experiment == SIMULATED:
        screen.print(
            "source=simulated: a made-up landscape, these numbers speak of no real country"
        )
    screen.print(
        f"in MLflow: experiment {session.store.experiment}, run {session.name!r}; look: make ui, then "
        f"{session.link}",
        soft_wrap=True,
    )
    if len(best):
        row = best.iloc[0]
        words = [
            *session.where,
            f"country={row.country}",
            f"span={row.span}",
            f"period={row.period}",
        ]
        words += [f"bands={row.bands}", f"model={row.model}", "validation=blocks"]
        screen.print(
            f"next, does it hold in places it has not seen? python scripts/train.py {shlex.join(words)}",
            soft_wrap=True,
        )


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
def _answering() -> Iterator[None]:
    """Stop on an error: Hydra would turn it into a warning and go on."""
    try:
        yield
    except CroplandError as error:
        raise SystemExit(f"cropland: {error}") from error
    except Exception as error:
        traceback.print_exc()
        raise SystemExit(1) from error


@contextmanager
def _quick_imports() -> Iterator[None]:
    """Keep the garbage collector out of heavy imports, and what they made out of its way."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
