"""A sweep: everything is checked, archives are made, and a run of its own says what is under way."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.config.commands import says_where
from cropland.config.model import short_key
from cropland.config.search_space import RESULTS
from cropland.errors import CroplandError
from cropland.learning import fast_forest
from cropland.secret_text import without_secrets
from cropland.support import logs, terminal
from cropland.support.words import count, option
from cropland.tracking import datasets, provenance
from cropland.tracking.datasets import Dataset
from cropland.tracking.opening import open_existing, open_for_reading, open_store
from cropland.tracking.records import COUNTRY, KIND
from cropland.training import chosen_windows, job_settings, preflight, rerun, resume
from cropland.training.candidates import candidates_of
from cropland.training.job_settings import JobSettings
from cropland.training.ledger import Ledger, Watch
from cropland.training.variation import shortened, varied

if TYPE_CHECKING:
    from rich.console import Console

    from cropland.config.countries import Choice, Country
    from cropland.config.groups import Configuration
    from cropland.config.jobs import Job
    from cropland.observations.archive import Archive
    from cropland.tracking.store import Store
    from cropland.training.candidate import Candidate
    from cropland.training.outcome import Outcome

log = logging.getLogger(__name__)
_NAME_LENGTH = 80
_WINDOW = ("span", "period", "windows")
"""Keys by which the user gives a window."""


@dataclass(frozen=True)
class Prepared:
    """A sweep that can start.

    Attributes
    ----------
    store : Store
        Where it is tracked.
    archives : mapping of str to Archive
        Archive of each country.
    windows : mapping of str to Choice
        Windows that an earlier study has chosen, where this one asks for them.
    candidates : sequence of Candidate
        All that is to be scored.
    fast : bool
        Whether classes of scikit-learn-intelex can be used.
    """

    store: Store
    archives: Mapping[str, Archive]
    windows: Mapping[str, Choice]
    candidates: Sequence[Candidate]
    fast: bool

    @property
    def configuration(self) -> Configuration:
        """What all candidates have in common: source, tracking, study, promotion."""
        return self.candidates[0].configuration


@dataclass(frozen=True)
class Session(Prepared):
    """A sweep under way, as the process that the user started knows it.

    Attributes
    ----------
    settings : JobSettings
        What its jobs have in common.
    name : str
        Name of its run.
    words : list of str
        The overrides that the user gave.
    ledger : Ledger
        What has become of its candidates.
    console : Console
        For notes while it runs.
    watching : ExitStack
        What shows its progress, to be closed.
    """

    settings: JobSettings
    name: str
    words: list[str]
    ledger: Ledger
    console: Console
    watching: ExitStack

    @property
    def is_simulated(self) -> bool:
        """Whether its data are simulated."""
        return self.store.is_simulated

    @property
    def parent_run(self) -> str:
        """Id of its run."""
        return self.settings.parent_run

    def read_settings(self) -> JobSettings:
        """Return what its jobs have in common now: a search comes to know more of its candidates."""
        return job_settings.read(self.ledger.path.parent)

    def outcomes(self) -> list[Outcome]:
        """Return what became of its candidates, in the order in which these were asked for.

        Those of a search are in the order in which they came; what is there twice was asked for twice.
        """
        if self.settings.is_search:
            first: dict[object, Outcome] = {}
            for outcome in self.ledger.read():
                first.setdefault(outcome.key, outcome)
            return [*first.values()]
        order = {candidate.key: number for number, candidate in enumerate(self.candidates)}
        return sorted(self.ledger.read(), key=lambda outcome: order.get(outcome.key, len(order)))


def prepare(
    jobs: Sequence[Job], words: Iterable[str], console: Console, scratch: Path | None = None
) -> Prepared:
    """Open the store, make the archives that are not there, and check each candidate on its own.

    Parameters
    ----------
    jobs : sequence of Job
        All of the sweep.
    words : iterable of str
        The overrides that the user gave.
    console : Console
        For notes on what takes time.
    scratch : Path, optional
        A temporary folder for all that would be made: nothing else is written.

    Raises
    ------
    CroplandError
        Whatever can be known to be wrong before any work.
    """
    preflight.check_alike([job.configuration for job in jobs])
    fast = preflight.check_fast(jobs, console)
    if not fast:
        jobs = [fast_forest.plain_job(job) for job in jobs]
    preflight.check_models(jobs)
    common = jobs[0].configuration
    candidates = [candidate for job in jobs for candidate in candidates_of(job)]
    if common.study:
        preflight.check_study(common.study, candidates)
    tracking, source = common.tracking, common.source.name
    open_first = partial(open_for_reading, scratch=scratch) if scratch else open_existing
    open_first(tracking, source)  # fails before archives are made
    countries = {
        country.name: country for job in jobs for country in (*job.countries, *job.every_country)
    }
    archives = preflight.open_archives(common, countries.values(), console, scratch)
    store = open_for_reading(tracking, source, scratch) if scratch else open_store(tracking, source)
    windows = _windows(common, archives, countries, store, words, console)
    if windows:
        jobs = [replace(job, windows=windows) for job in jobs]
        candidates = [candidate for job in jobs for candidate in candidates_of(job)]
    with logs.timed(log, f"checked {count(len(candidates), 'candidate')}"):
        preflight.check(candidates, archives)
    preflight.show_notes(archives, console)  # not before: a refusal is one line
    return Prepared(store, archives, windows, candidates, fast)


def start(
    prepared: Prepared,
    folder: Path,
    words: Sequence[str],
    console: Console,
    *,
    files: Mapping[str, str],
    is_search: bool = False,
    n_trials: int | None = None,
    returns_results: bool = False,
) -> Session:
    """Start the run of a sweep and its ledger, and write what its jobs must know beside that.

    Parameters
    ----------
    prepared : Prepared
        What is to be scored, and where.
    folder : Path
        Where the ledger goes.
    words : sequence of str
        The overrides that the user gave.
    console : Console
        For notes and progress.
    files : mapping of str to str
        Of its configuration, which its run keeps.
    is_search : bool
        Whether its sweeper finds out its jobs as it goes: candidates are then only examples.
    n_trials : int, optional
        How many trials a search has, where that is known.
    returns_results : bool
        See `JobSettings`.
    """
    store, archives, candidates = prepared.store, prepared.archives, prepared.candidates
    if closed := store.close_orphans():
        console.print(f"closed {closed} runs that a killed process had left RUNNING")
    for line in () if is_search else rerun.differences(words, candidates, archives, store):
        terminal.print_note(console, line)
    name = _name(words)
    # Before the store is asked: what another sweep finishes from here on is looked for at the end.
    parent_run = _start_run(prepared, name, {**files, **provenance.changes()})
    with logs.timed(log, "looked for candidates that are scored already"):
        known = {} if is_search else resume.known_outcomes(candidates, archives, store)
    settings = JobSettings(
        parent_run,
        returns_results,
        prepared.fast,
        prepared.windows,
        known={fingerprint: outcome.accuracy for fingerprint, outcome in known.items()},
        is_search=is_search,
        varied=tuple(varied(candidate.settings() for candidate in candidates)),
    )
    settings.write(folder)
    _log_start(prepared, name, settings)
    # Of an earlier search, in a folder that the user named.
    (folder / RESULTS).unlink(missing_ok=True)
    ledger = Ledger(folder.absolute())
    ledger.begin(known.values())
    total = n_trials if is_search else len(candidates)
    per_trial = len({one.country.name for one in candidates}) if is_search else 0
    watching = ExitStack()
    watching.enter_context(Watch(ledger, total, console, settings.varied, per_trial))
    return Session(
        **vars(prepared),
        settings=settings,
        name=name,
        words=list(words),
        ledger=ledger,
        console=console,
        watching=watching,
    )


def _log_start(prepared: Prepared, name: str, settings: JobSettings) -> None:
    """Log what is to be scored, and on what."""
    experiment = prepared.store.experiment
    log.info("sweep %r begins as run %s of experiment %s", name, settings.parent_run, experiment)
    n_all, n_known = len(prepared.candidates), len(settings.known)
    log.info("candidates known beforehand: %d, of which %d need not be scored", n_all, n_known)
    for archive in prepared.archives.values():
        points = archive.points.sizes["point"]
        log.info("archive of %s: %d points, %s", archive.country, points, archive.fingerprint)


def _windows(
    common: Configuration,
    archives: Mapping[str, Archive],
    countries: Mapping[str, Country],
    store: Store,
    words: Iterable[str],
    console: Console,
) -> dict[str, Choice]:
    """Return the windows that an earlier study has chosen, where this one asks for them."""
    keys = {word.lstrip("+").partition("=")[0].partition(".")[0] for word in words}
    if not (common.study and common.study.window) or keys.intersection(_WINDOW):
        return {}
    return chosen_windows.windows(archives, countries, store, common, console.print)


def _start_run(prepared: Prepared, name: str, files: Mapping[str, str]) -> str:
    """Start the run of a sweep, with its files and the points that it learns from; return its id."""
    countries, common = {c.country.name for c in prepared.candidates}, prepared.configuration
    tags = {KIND: "sweep", "command": f"{sys.argv[0]} {shlex.join(sys.argv[1:])}".rstrip()}
    tags |= {COUNTRY: countries.pop()} if len(countries) == 1 else {}
    tags |= {chosen_windows.STUDY: common.study.name} if common.study else {}
    folder = common.paths.archive
    inputs = [Dataset.of(archive, folder) for archive in prepared.archives.values()]
    run_id = prepared.store.start(name, provenance.code_tags() | tags)
    datasets.log(prepared.store.client, run_id, inputs)
    texts = {file: without_secrets(text) for file, text in files.items()}
    try:
        prepared.store.add_files(run_id, texts)
    except CroplandError:
        prepared.store.close(run_id, "its files could not be written")
        raise
    return run_id


def _name(words: Iterable[str]) -> str:
    """Return the name of a sweep's run: what its user chose."""
    chosen = [short_key(word) for word in words if not says_where(word) and word != "country=all"]
    file = (option("--config-name", "-cn") or "").removesuffix(".yaml")
    return shortened(" ".join([file, *chosen]).strip() or "defaults", _NAME_LENGTH)
