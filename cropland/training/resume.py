"""Resume: which candidates of a sweep have a finished run, or no window inside their archive."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cropland.errors import WindowError
from cropland.training.identity import comparison
from cropland.training.outcome import EVIDENCE, SCORES

if TYPE_CHECKING:
    from cropland.observations.archive import Archive
    from cropland.tracking.records import TrackedRun
    from cropland.tracking.store import Store
    from cropland.training.candidate import Candidate
    from cropland.training.outcome import Outcome

_FEW = 3
"""Candidates that are looked for one by one: a store may have thousands of others."""
_MOST = 1e15
"""A number of a run that is no infinity: SQLite keeps that as the largest number."""


def known_outcomes(
    candidates: Sequence[Candidate], archives: Mapping[str, Archive], store: Store | None
) -> dict[str, Outcome]:
    """Return the outcomes of the candidates that need not be scored, by their fingerprints.

    Without a store these are the candidates whose window is outside their archive.
    """
    outcomes: dict[str, Outcome] = {}
    inside: dict[str, Candidate] = {}
    for candidate in candidates:
        try:
            inside[candidate.fingerprint] = candidate.within(archives[candidate.country.name])
        except WindowError as error:
            outcomes[candidate.fingerprint] = candidate.outcome("outside", message=str(error))
    return outcomes if store is None else outcomes | _finished(inside, archives, store)


def _finished(
    candidates: Mapping[str, Candidate], archives: Mapping[str, Archive], store: Store
) -> dict[str, Outcome]:
    """Return the outcomes of those that have a finished run and are not to be run again; keys are kept."""
    keys: dict[str, dict[str, str]] = {}
    for key, candidate in candidates.items():
        configuration, country = candidate.configuration, candidate.country
        if not configuration.force:
            archive = archives[country.name]
            others = [archives[other.name] for other in candidate.other_countries]
            alike = comparison(archive, country, configuration.validation, configuration.seed)
            keys.setdefault(alike, {})[candidate.identity(archive, others)] = key
    runs = {
        wanted[identity]: run
        for alike, wanted in keys.items()
        for asked in ([*wanted] if len(wanted) <= _FEW else [None])
        for identity, run in store.finished_of(alike, asked).items()
        if identity in wanted and _is_possible(run)
    }
    return {key: _outcome_of(candidates[key], run) for key, run in runs.items()}


def _is_possible(run: TrackedRun) -> bool:
    """Return whether a run has the numbers of a candidate; one that has others is scored again."""
    numbers = [run.metrics.get(name, math.nan) for name in ("n_points", *SCORES)]
    numbers += [run.metrics[name] for name in EVIDENCE if name in run.metrics]
    return (
        all(0 <= number < _MOST for number in numbers)  # NaN is not
        and run.metrics["accuracy"] <= 1
        and run.count("n_features") is not None
    )


def _outcome_of(candidate: Candidate, run: TrackedRun) -> Outcome:
    """Return the outcome of a candidate that has been run before."""
    return candidate.outcome(
        "already there",
        run_id=run.run_id,
        n_features=int(run.metrics["n_features"]),
        n_points=int(run.metrics["n_points"]),
        **{name: run.metrics[name] for name in SCORES},
        **{name: run.metrics[name] for name in EVIDENCE if name in run.metrics},
        message=f"is already there as run {run.name!r}; force=true runs it again",
    )
