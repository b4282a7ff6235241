"""The run of a sweep at its end: settings and scores to compare it by, and how its runs are found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from cropland.tracking.records import PARENT, Record
from cropland.training import report
from cropland.training.outcome import SCORED
from cropland.training.variation import ordered, shortened, varied, word

if TYPE_CHECKING:
    from cropland.training.outcome import Outcome
    from cropland.training.sweep import Session

_DIGITS = 6
_LONGEST_PARAM = 500
_LONGEST_NOTE = 7900
"""Of the 8000 characters that MLflow keeps, some say that data are simulated."""
_MOST_IDS = 100
"""Runs that a filter names one by one: more would be too long for a description."""
_BY_SETTINGS = "tags.kind = 'candidate'"
_FIXED = (
    *("country", "source", "training", "seed"),
    *("bands", "series", "features", "model", "validation"),
)
"""Settings by which runs are found that are too many to be named."""


def record(session: Session, outcomes: Sequence[Outcome], seconds: float) -> Record:
    """Return what the run of a sweep holds of its candidates."""
    names = [key for one in session.candidates for key in one.params()]
    return Record(
        session.parent_run,
        params=params(outcomes, names),
        metrics={
            **scores(outcomes),
            "n_candidates": len(outcomes),
            "n_finished": sum(one.status in SCORED for one in outcomes),
            "n_failed": sum(one.status == "failed" for one in outcomes),
            "seconds": round(seconds, 3),
        },
    )


def params(outcomes: Sequence[Outcome], names: Iterable[str]) -> dict[str, object]:
    """Return settings by name: what all candidates share, and all values of what was swept.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Of all candidates.
    names : iterable of str
        Settings to return beside those that were swept.
    """
    settings = [one.every_setting for one in outcomes]
    by_name: dict[str, object] = {}
    for key in dict.fromkeys([*names, *varied(settings)]):
        values = ordered(one[key] for one in settings if key in one)
        if values:
            by_name[key] = shortened(", ".join(map(word, values)), _LONGEST_PARAM)
    return by_name


def scores(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Return the best accuracy of each country, after their mean; nothing without a score."""
    best = report.best(outcomes)
    if best.empty:
        return {}
    accuracies = zip(best["country"], best["accuracy"], strict=True)
    countries = {f"accuracy_{country}": float(accuracy) for country, accuracy in accuracies}
    return {"accuracy": round(fmean(countries.values()), _DIGITS), **countries}


def described(note: str, condition: str) -> str:
    """Return the description of a sweep's run: a note, shortened so that the filter after it is whole."""
    whose = (
        "Runs of its settings, also of other sweeps" if _BY_SETTINGS in condition else "Its runs"
    )
    ending = f"\n\n{whose}, by the search box: `{condition}`"
    return shortened(note, _LONGEST_NOTE - len(ending)) + ending


def filter_of(session: Session, outcomes: Sequence[Outcome]) -> str:
    """Return the filter, in MLflow's words, that finds the runs of a sweep.

    Runs that were there before lie below earlier sweeps. They are named where they are few; where they are
    many, runs are found by the settings that all share, which other sweeps may share too (`described`).
    """
    ids = [one.run_id for one in outcomes if one.run_id]
    if all(one.status != "already there" for one in outcomes):
        return f"tags.{PARENT} = '{session.parent_run}'"
    if len(ids) <= _MOST_IDS:
        listed = ", ".join(f"'{id_}'" for id_ in ids)
        return f"attributes.run_id IN ({listed})"
    shared = [(key, {str(one.every_setting.get(key)) for one in outcomes}) for key in _FIXED]
    conditions = [f"params.{key} = '{values.pop()}'" for key, values in shared if len(values) == 1]
    return " and ".join([_BY_SETTINGS, *conditions])
