"""Sweeps: the Hydra callback that surrounds jobs with a parent run, checks, progress and a report.

In the process that the user started, `SweepCallback` checks every job before the first one starts, makes
the archives and the parent run, watches the ledger, and closes with a table. In whatever process a job
runs, `run_job` runs its candidates and writes their outcomes to the ledger.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus

from cropland.commands import train_jobs
from cropland.config import composition, run_log, saved
from cropland.config.hydra_internals import Callback, error_of
from cropland.config.job_templates import hydra_config
from cropland.errors import ConfigError, CroplandError, exit_on_error
from cropland.support import signals, terminal
from cropland.support.garbage import collect_garbage
from cropland.support.streams import without_controls
from cropland.support.warning_filter import without_noise

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from cropland.config.jobs import Job
    from cropland.training.scoring import JobResult
    from cropland.training.sweep import Session


@without_noise()
@without_controls()
def run_job(job: Job, folder: Path) -> JobResult | float | None:
    """Run the candidates of a job, one country after the other.

    Parameters
    ----------
    job : Job
        The job.
    folder : Path
        The folder of the run or sweep.

    Returns
    -------
    float, JobResult or None
        The mean accuracy of its candidates, by which sweepers search: also of those that were there before,
        and NaN where one has failed or lies outside its archive. In a worker whose results are tracked by
        the process that launched it: these results. None of the study that has no accuracy.
    """
    if job.is_reproduction:
        from cropland.reproduction import study as reproduction

        with exit_on_error():
            reproduction.predict_all(job, terminal.notes(), terminal.screen())
        return None

    from cropland.training import job_settings, scoring
    from cropland.training.ledger import Ledger
    from cropland.training.outcome import objective

    with exit_on_error():
        settings = job_settings.read(folder)
    candidates, accuracies = settings.divide(job)
    if settings.returns_results and not _sessions:
        return scoring.JobResult(tuple(map(scoring.score, candidates)), tuple(accuracies))
    if not _sessions:
        signals.end_with_parent()
    from cropland.tracking.opening import open_store

    store = open_store(job.configuration.tracking, job.configuration.source.name)
    known: Mapping[str, float] = {}
    if settings.is_search and not settings.returns_results:
        from cropland.training import search

        with exit_on_error():
            known = search.recognise(candidates, store, Ledger(folder), terminal.notes())
        accuracies += known.values()
    for candidate in candidates:
        signals.check()
        if candidate.fingerprint in known:
            continue
        with exit_on_error():
            outcome = scoring.score(candidate).track(store, settings.parent_run)
            Ledger(folder).append(outcome)
        accuracies.append(outcome.accuracy)
    return objective(accuracies)


class SweepCallback(Callback):
    """Hydra's hooks. It has no state of its own: launchers send callbacks to their workers."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Begin a run of one job."""
        with exit_on_error():
            mode = composition.mode(config)
            terminal.set_amount(**mode.amount)
            job = composition.single_job(config)
            if mode.dry_run:
                _plan([job], config)
            if job.is_reproduction:
                return
            train_jobs.check_bands([job])
            folder = composition.run_folder(config.hydra)
            run_log.log_into(config, folder)
            run_log.log_words(config.hydra)
            words = composition.given_words(config.hydra)
            begin([job], folder, words, files=saved.files_of(config))

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Begin a sweep."""
        # Sweepers and launchers read folders of it, which may refer to ${hydra:…}, before a job runs.
        HydraConfig.instance().cfg = config  # type: ignore[assignment]
        with exit_on_error():
            mode = composition.mode(config)
            terminal.set_amount(**mode.amount)
            words = composition.given_words(config.hydra)
            composition.prepare_sweep(config)
            is_search = not composition.is_enumerated(config)
            jobs = (composition.search_jobs if is_search else composition.jobs)(config)
            stored = composition.stored_jobs(config) if is_search else []
            if any(job.is_reproduction for job in jobs):
                raise ConfigError("study=submission is one run, not a sweep; leave out -m")
            if mode.dry_run:
                _plan(jobs, config, is_search=is_search)
            train_jobs.check_bands(jobs)  # before a cluster is started
            launcher = Plugins.instance().class_name_to_class.get(config.hydra.launcher._target_)
            prepare = getattr(launcher, "prepare", None)
            sweeper = config.hydra.sweeper
            if prepare is not None:
                together = sweeper.get("n_jobs", 1) if is_search else len(jobs)
                prepare(config.hydra.launcher, together, train_jobs.modules_of(jobs))
            run_log.log_into(config, composition.run_folder(config.hydra))
            run_log.log_words(config.hydra)
            begin(
                jobs,
                composition.run_folder(config.hydra),
                words,
                files=saved.files_of(config),
                is_search=is_search,
                n_trials=sweeper.get("n_trials"),
                returns_results=getattr(launcher, "returns_here", False),
                stored=stored,
            )

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        """Find out which candidates of a trial are there already, for workers that do not read the store."""
        session = _sessions[-1] if _sessions else None
        if session is None or not (session.settings.is_search and session.settings.returns_results):
            return
        from cropland.training import search

        with exit_on_error(), composition.started_folder(config.hydra):
            try:
                job = composition.job(config, config.hydra)
            except CroplandError:  # the job itself raises it, and the search goes on
                return
            search.note_known(session, [job])

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """Track what a worker returns; a job that was lost is a failure of its candidates."""
        if not _sessions or not _sessions[-1].settings.returns_results:
            return
        with exit_on_error(), composition.started_folder(config.hydra):
            session = _sessions[-1]
            error = error_of(job_return)
            if error is not None:
                if session.settings.is_search and isinstance(error, CroplandError):
                    return  # words that make no job
                lost = _lost(config, session, error)
                job_return.status, job_return.return_value = JobStatus.COMPLETED, lost
            result = job_return.return_value
            if isinstance(result, float):  # of a job that ran in this process, which has tracked it
                return
            for scored in result.scored:
                session.ledger.append(scored.track(session.store, session.parent_run))
            job_return.return_value = result.objective
            import matplotlib.figure  # noqa: F401  # for the closing figure: workers compute meanwhile

    def on_run_end(self, config: DictConfig, **_: Any) -> None:  # noqa: ARG002
        """End a run, or a sweep."""
        with exit_on_error():
            end()

    on_multirun_end = on_run_end


_sessions: list[Session] = []


def begin(
    jobs: Sequence[Job],
    folder: Path,
    words: Sequence[str],
    *,
    files: Mapping[str, str],
    is_search: bool = False,
    n_trials: int | None = None,
    returns_results: bool = False,
    stored: Sequence[Job] = (),
) -> None:
    """Check, prepare and start a sweep, see `cropland.training.sweep`.

    Its run keeps `files`, of its configuration, and the outcomes of `stored` jobs, which a search has done.

    Raises
    ------
    CroplandError
        Whatever can be known to be wrong before any work.
    """
    from cropland.training import search, sweep  # heavy imports

    collect_garbage()
    console = terminal.notes()
    if is_search:
        search.check(jobs)
    prepared = sweep.prepare(jobs, words, console)
    terminal.note_not_simulated(sorted({name for job in jobs for name in job.left_out}))
    session = sweep.start(
        prepared,
        folder,
        words,
        console,
        files=files,
        is_search=is_search,
        n_trials=n_trials,
        returns_results=returns_results,
    )
    _sessions.append(session)
    search.note_known(session, stored)


def _plan(jobs: Sequence[Job], config: DictConfig, *, is_search: bool = False) -> NoReturn:
    """Print what jobs would do, after all checks, and leave before any is started."""
    from cropland.commands import dry_run_sweep

    train_jobs.check_bands(jobs)
    words = composition.given_words(config.hydra)
    n_trials = config.hydra.sweeper.get("n_trials") if is_search else None
    dry_run_sweep.show(jobs, words, is_search=is_search, n_trials=n_trials)
    raise SystemExit(0)


def end() -> None:
    """Close the parent run with its report and promote; leave with exit code 1 where something failed."""
    from cropland.training import search, sweep_end

    if not _sessions:
        return
    session = _sessions[-1]
    all_well = sweep_end.close(session, terminal.tables())
    _sessions.pop()
    if session.settings.is_search and not search.has_accuracy(session):
        raise SystemExit("cropland: no trial of this search has an accuracy, see above")
    promoted = not session.configuration.promote or _promote(session)
    if not all_well:
        raise SystemExit(
            "cropland: some candidates failed, see above; their runs hold the tracebacks"
        )
    if not promoted:
        raise SystemExit("cropland: not every country has been promoted, see above")


def abandon(reason: str) -> bool:
    """Close what is open when a sweep ends before its end, and say so; return whether a run was."""
    was_open = bool(_sessions)
    while _sessions:
        from cropland.training import sweep_end

        sweep_end.abandon(_sessions.pop(), reason)
    if cluster := sys.modules.get("cropland.support.dask_cluster"):
        cluster.leave()
    return was_open


def _promote(session: Session) -> bool:
    """Promote the best candidate of each country of a sweep; return whether all were promoted."""
    from cropland.commands import promote
    from cropland.config.commands.promote import Promote
    from cropland.training import sweep_end

    countries = {one.country.name: one.country for one in session.candidates}
    try:
        promote.run(
            Promote.of([one.configuration for one in session.candidates]),
            list(countries.values()),
            sweep_end.where(session),
            {outcome.run_id for outcome in session.outcomes()},
        )
    except CroplandError as error:
        terminal.print_failure(session.console, "not promoted", str(error))
        return False
    return True


def _lost(config: DictConfig, session: Session, error: Exception) -> JobResult:
    """Return the result of a job that was lost with the process that ran it."""
    from cropland.training import scoring

    with hydra_config(config):
        job = composition.job(config, config.hydra)
    return scoring.lost(*session.read_settings().divide(job), error)
