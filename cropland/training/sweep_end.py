"""The end of a sweep: report and study into its run, the best on screen, and the next command."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.config.commands import ONCE, places, repeated
from cropland.config.schema import given_keys
from cropland.errors import CroplandError
from cropland.support import terminal
from cropland.support.progress import working
from cropland.support.table import MarkdownText
from cropland.support.words import command_line, count, option
from cropland.tracking import opening, twins
from cropland.tracking.views import browse_hint
from cropland.training import chosen_windows, parent_run, report, search, sweep_figure
from cropland.training.candidates import fold_words
from cropland.training.studies.conclude import conclude
from cropland.training.study_samples import StudySamples

if TYPE_CHECKING:
    from rich.console import Console

    from cropland.config.groups import Configuration
    from cropland.training.outcome import Outcome
    from cropland.training.search import Best
    from cropland.training.studies.tables import Conclusion
    from cropland.training.sweep import Session

log = logging.getLogger(__name__)


def close(session: Session, screen: Console) -> bool:
    """Close the run of a sweep with its report, and print the result.

    Returns
    -------
    bool
        Whether no candidate failed.
    """
    session.watching.close()
    # A worker of a killed sweep may have outlived the start of this one for a moment.
    session.store.close_orphans()
    # A server that was killed may have made a run and not said so: it was asked again, and made another.
    session.store.close_children(session.parent_run, "its sweep ended without it")
    closed = {} if session.configuration.force else twins.close(session.store, session.parent_run)
    outcomes = [_at_once(outcome, closed) for outcome in session.outcomes()]
    failed = any(outcome.status == "failed" for outcome in outcomes)
    folder = session.ledger.path.parent
    with working(session.console, "drawing the result"):
        conclusion = _conclusion(session, outcomes)
        if conclusion:
            note, files = conclusion.note, dict(conclusion.files)
            _keep_windows(session, conclusion)
        else:
            picture = sweep_figure.draw(outcomes, simulated=session.is_simulated)
            note, files = report.note(outcomes), {"accuracy.png": picture} if picture else {}
    files["outcomes.csv"] = report.scored(outcomes).to_csv(index=False).encode()
    for file, content in files.items():
        (folder / file).write_bytes(content)
    began = session.store.client.get_run(session.parent_run).info.start_time / 1000
    record = parent_run.record(session, outcomes, time.time() - began)
    record.note = parent_run.described(note, parent_run.filter_of(session, outcomes))
    record.files |= files | search.files(folder)
    best_trial = search.best(folder)
    if best_trial:
        record.metrics["best_trial"] = best_trial.value
    session.store.end(record, status="FAILED" if failed else "FINISHED")
    session.store.tidy()
    log.info("sweep %r ends: %s", session.name, report.counted(outcomes))
    _print_result(session, outcomes, conclusion, best_trial, screen)
    return not failed


def _at_once(outcome: Outcome, closed: Mapping[str, str]) -> Outcome:
    """Return the outcome of a candidate, of another sweep's run where that has scored it at the same time."""
    if outcome.run_id not in closed:
        return outcome
    message = "was scored at the same time by another sweep, whose run is kept"
    return replace(outcome, status="already there", run_id=closed[outcome.run_id], message=message)


def abandon(session: Session, reason: str) -> None:
    """Close a sweep that ends before its end: the parent run and what runs below it."""
    session.watching.close()
    log.warning("sweep %r: %s", session.name, reason)
    finished = sum(outcome.status == "finished" for outcome in session.ledger.read())
    try:
        opening.check_answers(session.store.client.tracking_uri)
        session.store.abandon(session.parent_run, reason)
    except CroplandError as error:
        first = str(error).splitlines()[0]
        session.console.print(f"its run stays open until the next start: {first}", markup=False)
    session.console.print(
        f"{reason}; {count(finished, 'candidate')} finished in this run {'is' if finished == 1 else 'are'} "
        f"kept. Run the same command again to continue."
    )


def _conclusion(session: Session, outcomes: Sequence[Outcome]) -> Conclusion | None:
    """Return the conclusion of a study, where the sweep is one and has a score."""
    study = session.configuration.study
    countries = [candidate.country for candidate in session.candidates]
    if study is None:
        return None
    table = report.tabulated(outcomes, study.by)
    if table.empty or table["accuracy"].isna().all():
        return None
    return conclude(
        study,
        table,
        references={country.name: country.reference.last for country in countries},
        simulated=session.is_simulated,
        samples=StudySamples(session),
    )


def _keep_windows(session: Session, conclusion: Conclusion) -> None:
    """Keep the windows that a study has chosen, for later studies."""
    for key, value in chosen_windows.tags(conclusion.windows, session.archives).items():
        session.store.client.set_tag(session.parent_run, key, value)


def _print_result(
    session: Session,
    outcomes: Sequence[Outcome],
    conclusion: Conclusion | None,
    best_trial: Best | None,
    screen: Console,
) -> None:
    """Print the best of each country, where to find the results, and the next command."""
    best = report.best(outcomes)
    if conclusion:
        screen.print(MarkdownText(conclusion.note))
    elif len(best):
        simulated = session.is_simulated
        screen.print(report.closing_table(outcomes, simulated=simulated))
    for line in report.evidence_lines(outcomes) + report.leakage_lines(outcomes):
        screen.print(line, soft_wrap=True)
    screen.print(f"candidates: {report.counted(outcomes)}")
    if best_trial:
        words, names = terminal.literal(" ".join(best_trial.words)), _country_names(session)
        score = "accuracy" if len(names) == 1 else f"mean accuracy of {', '.join(names)}"
        screen.print(f"best trial: {score} {best_trial.value:.3f}, {words}", soft_wrap=True)
    if session.is_simulated and not conclusion:  # whose note ends with it
        screen.print(terminal.SIMULATED)
    address = browse_hint(
        session.configuration.tracking, session.store.experiment_id, where(session)
    )
    folder, here = session.ledger.path.parent, Path.cwd()
    shown = folder.relative_to(here) if folder.is_relative_to(here) else folder
    screen.print(f"files: {shown}", soft_wrap=True)
    screen.print(
        f"in MLflow: experiment {session.store.experiment}, run {session.name!r}; look: {address}",
        soft_wrap=True,
    )
    nested = session.configuration.validation.candidates is not None
    if len(best) and not session.configuration.promote and not nested:
        _print_next(session, screen)


def _print_next(session: Session, screen: Console) -> None:
    """Print the next command: spatial blocks after one configuration in random folds, else promotion."""
    several = len(session.candidates) > len(_country_names(session))
    in_blocks = session.configuration.validation.name == "blocks"
    if several or in_blocks or session.settings.is_search:
        words = where(session) + _countries(session)
        words += _folds(session.configuration)
        reason, script = "register the best of each country:", "promote"
    else:
        words = [word for word in session.words if not word.startswith(("validation", ONCE))]
        words.append("validation=blocks")
        reason, script = "to check the accuracy away from the labelled points:", "train"
    screen.print(f"next, {reason} {command_line(script, *words)}", soft_wrap=True)


def _is_of_file(session: Session) -> bool:
    """Return whether a file that other commands do not read has chosen groups and values of a sweep."""
    by_word = any(word.startswith(("run=", "experiment=", "debug=")) for word in session.words)
    return by_word or option("--config-name", "-cn") is not None


def where(session: Session) -> list[str]:
    """Return the words that say where another command works as this sweep did."""
    words = repeated(session.words)
    if not _is_of_file(session):
        return words
    given = given_keys(words)
    return words + [
        word for word in places(session.configuration) if given_keys([word])[0] not in given
    ]


def _country_names(session: Session) -> list[str]:
    return list(dict.fromkeys(candidate.country.name for candidate in session.candidates))


def _countries(session: Session) -> list[str]:
    """Return the word for a sweep's countries; none where it took those that promotion takes."""
    given = [word for word in session.words if word.startswith("country=")]
    names = _country_names(session)
    if given[-1:] == ["country=all"] or not (given or _is_of_file(session)):
        return given
    return [f"country={names[0] if len(names) == 1 else '[' + ','.join(names) + ']'}"]


def _folds(configuration: Configuration) -> list[str]:
    """Return the words by which promotion finds this sweep's candidates; none where it does by itself."""
    validation = configuration.validation
    params: dict[str, object] = {"validation": validation.name, "seed": configuration.seed}
    params |= {f"validation.{key}": value for key, value in asdict(validation).items()}
    words = fold_words(params)
    return [] if words == ["validation=kfold", "validation.folds=5", "seed=2023"] else words
