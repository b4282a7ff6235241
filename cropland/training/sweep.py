"""How a sweep opens: everything is checked, archives are made, and a parent run says what is under way."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cropland.config.commands import WHERE
from cropland.config.commands.promote import Promote
from cropland.support import terminal
from cropland.tracking import provenance
from cropland.tracking.opening import open_store
from cropland.training import candidate, chosen_windows, preflight, resume
from cropland.training.ledger import Ledger, Watch
from cropland.training.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from cropland.config.countries import Choice, Country
    from cropland.config.groups import Configuration
    from cropland.config.jobs import Job
    from cropland.observations.archive import Archive
    from cropland.tracking.store import Store

_NAME_LENGTH = 80
_WINDOW = ("span", "period", "windows")


def opened(
    jobs: Sequence[Job], folder: Path, words: Sequence[str]
) -> tuple[Session, dict[str, Any]]:
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
    Session
        The sweep under way.
    dict
        What each job must be told: id of the parent run, windows that a study has chosen, whether fast
        classes can be used.

    Raises
    ------
    CroplandError
        Whatever can be known to be wrong before any work.
    """
    common = jobs[0].configuration
    console = terminal.notes()
    preflight.check_alike([job.configuration for job in jobs])
    jobs, told = preflight.runnable(jobs, console)
    if not common.tracking.uri.startswith("sqlite"):
        store_of(common)  # a server that is down is said before archives are made
    countries = {
        country.name: country for job in jobs for country in (*job.countries, *job.every_country)
    }
    archives = preflight.open_archives(common, countries.values(), console)
    store = store_of(common)
    windows = _windows(common, archives, countries, store, words, console)
    if windows:
        jobs = [replace(job, windows=windows) for job in jobs]
        told["windows"] = {name: asdict(each) for name, each in windows.items()}
    candidates = [each for job in jobs for each in candidate.of_job(job)]
    if common.promote:
        Promote.of([job.configuration for job in jobs])
    preflight.check(candidates, archives)
    closed = store.close_orphans()
    if closed:
        console.print(f"closed {closed} runs that a killed process had left RUNNING")
    session = Session(
        store=store,
        parent_run=_started(store, common, words),
        name=_name(words),
        words=list(words),
        candidates=candidates,
        archives=archives,
        ledger=_ledger(folder, candidates, archives, store),
        console=console,
        watching=ExitStack(),
    )
    session.watching.enter_context(Watch(session.ledger, len(candidates), console))
    return session, {"parent_run": session.parent_run, **told}


def store_of(common: Configuration) -> Store:
    """Open the tracking store of a configuration."""
    return open_store(common.tracking, common.source.name)


def _windows(
    common: Configuration,
    archives: Mapping[str, Archive],
    countries: Mapping[str, Country],
    store: Store,
    words: Sequence[str],
    console: Console,
) -> dict[str, Choice]:
    """Give the windows that an earlier study has chosen, where this one asks for them."""
    if not (common.study and common.study.window) or _gives_window(words):
        return {}
    return chosen_windows.windows(archives, countries, store, common, console.print)


def _gives_window(words: Sequence[str]) -> bool:
    """Tell whether the user has said which window to look at."""
    return any(word.lstrip("+").partition("=")[0].partition(".")[0] in _WINDOW for word in words)


def _started(store: Store, common: Configuration, words: Sequence[str]) -> str:
    """Start the parent run; give its id."""
    tags = {"command": shlex.join(sys.argv)} | (
        {chosen_windows.STUDY: common.study.name} if common.study else {}
    )
    return store.start(_name(words), provenance.code_tags() | tags)


def _ledger(
    folder: Path,
    candidates: Sequence[candidate.Candidate],
    archives: Mapping[str, Archive],
    store: Store,
) -> Ledger:
    """Begin the ledger with the outcomes that are known, and tell the jobs of them."""
    ledger = Ledger(folder)
    known = resume.settled(candidates, archives, store)
    resume.write(folder, known)
    for outcome in known.values():
        ledger.append(outcome)
    return ledger


def _name(words: Sequence[str]) -> str:
    """Name a parent run by what its user chose."""
    own = [word for word in words if not word.startswith(WHERE) and word != "country=all"]
    name = " ".join(own) or "defaults"
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…"
