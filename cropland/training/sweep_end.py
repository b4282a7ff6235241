"""How a sweep closes: report and study into the parent run, the best on screen, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd
from rich.markup import escape

from cropland.config.commands import WHERE
from cropland.config.countries import Choice
from cropland.errors import CroplandError, DataError
from cropland.support import terminal
from cropland.tracking import opening
from cropland.tracking.experiments import SIMULATED, link
from cropland.training import chosen_windows as chosen
from cropland.training import out_of_fold, report, studies
from cropland.training.candidate import words_of

if TYPE_CHECKING:
    from rich.console import Console

    from cropland.config.groups import Configuration
    from cropland.training.candidate import Outcome
    from cropland.training.session import Session
    from cropland.training.studies import Conclusion


def close(session: Session) -> bool:
    """Close the parent run of a sweep with its report and say on screen what came out.

    Returns
    -------
    bool
        Whether no candidate failed.
    """
    session.watching.close()
    # A worker of a killed sweep may have outlived the start of this one for a moment.
    session.store.close_orphans()
    # A server that was killed may have made a run and not said so: it was asked again, and made another.
    session.store.close_children(session.parent_run, "nobody knew of it when its sweep ended")
    outcomes = session.outcomes()
    failed = any(outcome.status == "failed" for outcome in outcomes)
    note, files = report.note(outcomes), {}
    conclusion = _conclusion(session, outcomes)
    if conclusion:
        note, files = conclusion.note, dict(conclusion.files)
        _remember(session, conclusion)
    else:
        picture = report.figure(outcomes)
        files = {"accuracy.png": picture} if picture else {}
    files["outcomes.csv"] = report.scored(outcomes).to_csv(index=False).encode()
    for file, content in files.items():
        (session.ledger.path.parent / file).write_bytes(content)
    status = "FAILED" if failed else "FINISHED"
    session.store.report(session.parent_run, note, files, status=status)
    session.store.tidy()
    _on_screen(session, outcomes, conclusion)
    return not failed


def abandon(session: Session, reason: str) -> None:
    """Close a sweep that ends before its end: the parent run and what runs below it."""
    session.watching.close()
    finished = sum(outcome.status == "finished" for outcome in session.ledger.read())
    try:
        opening.check_answers(session.store.client.tracking_uri)
        session.store.abandon(session.parent_run, reason)
    except CroplandError as error:
        first = str(error).splitlines()[0]
        session.console.print(f"its run stays open until the next start: {first}", markup=False)
    session.console.print(
        f"{reason}; {finished} candidates finished in this run are kept. Give the same command again "
        f"to go on."
    )


def _conclusion(session: Session, outcomes: Sequence[Outcome]) -> Conclusion | None:
    """Let the study conclude, where the sweep is one and has a score."""
    study = session.configuration.study
    table = report.tabulated(outcomes)
    if study is None or table.empty:
        return None
    return studies.conclude(
        study,
        table,
        references={each.country.name: each.country.reference.last for each in session.candidates},
        simulated=session.store.experiment == SIMULATED,
        right=lambda run_id: _right(session, run_id),
    )


def _right(session: Session, run_id: str) -> pd.Series[float]:
    try:
        run = session.store.run(run_id)
        return out_of_fold.right(session.store.read(run, out_of_fold.FILE))
    except DataError as error:  # one that was scored before, and has lost its predictions since
        session.console.print(f"[yellow]note[/] no paired difference: {escape(str(error))}")
        return pd.Series(dtype=float)


def _remember(session: Session, conclusion: Conclusion) -> None:
    """Keep the windows that a study has chosen, for the studies to come."""
    windows = {
        name: Choice(span, int(period) if period.lstrip("+-").isdigit() else period)
        for name, (span, period) in conclusion.chosen.items()
    }
    for key, value in chosen.tags(windows, session.archives).items():
        session.store.client.set_tag(session.parent_run, key, value)


def _on_screen(
    session: Session, outcomes: Sequence[Outcome], conclusion: Conclusion | None
) -> None:
    """Print the best of each country, where to look, and what to do next."""
    from rich.markdown import Markdown

    screen = terminal.tables()
    best = report.best(outcomes)
    if conclusion:
        screen.print(Markdown(conclusion.note))
    elif len(best):
        screen.print(report.closing_table(outcomes))
    screen.print(f"candidates: {report.counted(outcomes)}")
    if session.store.experiment == SIMULATED:
        screen.print(terminal.SIMULATED)
    address = link(session.configuration.tracking, session.store.experiment_id)
    screen.print(f"files: {session.ledger.path.parent}", soft_wrap=True)
    screen.print(
        f"in MLflow: experiment {session.store.experiment}, run {session.name!r}; look: make ui, then "
        f"{address}",
        soft_wrap=True,
    )
    nested = session.configuration.validation.candidates is not None
    if len(best) and not session.configuration.promote and not nested:
        _say_what_next(session, screen)


def _say_what_next(session: Session, screen: Console) -> None:
    """Suggest the next command: promotion after a sweep, places not seen after one configuration."""
    if len(session.candidates) > len({each.country.name for each in session.candidates}):
        kept = [word for word in session.words if word.startswith((*WHERE, "country="))]
        words = [word for word in kept if not ("country=" in word and "," in word)]
        words += _folds(session.configuration)
        reason, script = "register the best of each country:", "promote"
    else:
        words = [word for word in session.words if not word.startswith("validation")]
        words.append("validation=blocks")
        reason, script = "does it hold in places it has not seen?", "train"
    screen.print(
        f"next, {reason} python scripts/{script}.py {shlex.join(words)}".rstrip(), soft_wrap=True
    )


def _folds(chosen: Configuration) -> list[str]:
    """Give the words that make promotion look for this sweep's candidates, where it would not by itself."""
    params: dict[str, object] = {"validation": chosen.validation.name, "seed": chosen.seed}
    params |= {f"validation.{key}": value for key, value in asdict(chosen.validation).items()}
    words = words_of(params)
    return [] if words == ["validation=kfold", "validation.folds=5", "seed=2023"] else words
