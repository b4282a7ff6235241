"""Searches: jobs that a sweeper chooses as it goes, by the accuracies of those before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cropland.config.model import short_key
from cropland.config.schema import require
from cropland.config.search_space import RESULTS
from cropland.errors import ConfigError
from cropland.training import preflight, resume
from cropland.training.variation import word
from cropland.untrusted import documents

if TYPE_CHECKING:
    from rich.console import Console

    from cropland.config.jobs import Job
    from cropland.tracking.store import Store
    from cropland.training.candidate import Candidate
    from cropland.training.ledger import Ledger
    from cropland.training.sweep import Session

_COMPARED: dict[str, Callable[[Job], Any]] = {
    "country": lambda job: [country.name for country in job.countries],
    "validation": lambda job: job.configuration.validation,
    "seed": lambda job: job.configuration.seed,
}


class Best(NamedTuple):
    """What a search found best: the words that chose it, and the mean accuracy of its candidates."""

    words: list[str]
    value: float


def check(jobs: Sequence[Job]) -> None:
    """Check that accuracies of a search can be compared.

    Raises
    ------
    ConfigError
        It is over countries, folds or seeds: whose points are easiest is no question of a model.
    """
    for key, value_of in _COMPARED.items():
        require(
            all(value_of(job) == value_of(jobs[0]) for job in jobs),
            f"{key} cannot be searched: accuracies are compared within one {key} only; run one command "
            f"for each{', or country=[iran,sudan] for their mean' if key == 'country' else ''}",
        )


def recognise(
    candidates: Sequence[Candidate], store: Store, ledger: Ledger, console: Console
) -> dict[str, float]:
    """Write to the ledger which candidates of a trial need not be scored; return their accuracies.

    Returns
    -------
    dict of str to float
        By fingerprint; NaN where a window is outside its archive.
    """
    if not candidates:
        return {}
    countries = [country for one in candidates for country in (one.country, *one.other_countries)]
    archives = preflight.open_archives(candidates[0].configuration, countries, console)
    outcomes = resume.known_outcomes(candidates, archives, store)
    for outcome in outcomes.values():
        ledger.append(outcome)
    return {fingerprint: outcome.accuracy for fingerprint, outcome in outcomes.items()}


def note_known(session: Session, jobs: Sequence[Job]) -> None:
    """Note, where workers read it, which candidates of some trials need not be scored."""
    settings, ledger = session.read_settings(), session.ledger
    candidates = [candidate for job in jobs for candidate in settings.divide(job)[0]]
    known = recognise(candidates, session.store, ledger, session.console)
    replace(settings, known={**settings.known, **known}).write(ledger.path.parent)


def has_accuracy(session: Session) -> bool:
    """Return whether any candidate of a search was scored, now or before."""
    scored = any(outcome.accuracy >= 0 for outcome in session.ledger.read())
    return scored or best(session.ledger.path.parent) is not None


def files(folder: Path) -> dict[str, bytes]:
    """Return what a sweeper has written of its search, by file name, for the run of the sweep."""
    path = folder / RESULTS
    return {RESULTS: path.read_bytes()} if path.exists() else {}


def best(folder: Path) -> Best | None:
    """Return what a search found best, as its sweeper has written it; None where it has not."""
    path = folder / RESULTS
    if not path.exists():
        return None
    try:
        values = documents.plain_yaml(path.read_text(encoding="utf-8"))
        params = values["best_params"]
        words = [f"{short_key(key)}={word(value)}" for key, value in params.items()]
        return Best(words, float(values["best_value"]))
    except (AttributeError, KeyError, TypeError, ValueError, ConfigError):
        return None  # of another sweeper, which writes other things
