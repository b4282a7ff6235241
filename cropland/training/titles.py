"""Titles of candidates, averages and registered models, as people say them.

Such as *Sudan, 72 weeks to 30 June 2020, B2 B3 B4 B8 NDVI, random forest*: in figures, on pages and model
cards, in MLflow's descriptions. The name of a run is shorter, see `Candidate.name`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from cropland.support.words import count
from cropland.training.nested_candidate import NestedCandidate
from cropland.training.variation import assignments

if TYPE_CHECKING:
    from cropland.config.groups import Features, Series, Validation
    from cropland.features.recipe import Recipe
    from cropland.learning.classifiers import Classifier
    from cropland.training.candidate import Candidate

_MODELS = {
    "RandomForestClassifier": "random forest",
    "ExtraTreesClassifier": "extremely randomised trees",
    "HistGradientBoostingClassifier": "gradient boosting",
    "GradientBoostingClassifier": "gradient boosting",
    "SVC": "support vector machine",
    "KNeighborsClassifier": "k nearest neighbours",
    "LogisticRegression": "logistic regression",
}
"""Models in words, by the names of their classes."""
_TRAINING = {"pooled": "trained on all countries", "others": "trained on the other countries"}
_MOST_BANDS = 8
"""Of a band set whose bands are named one by one."""
_MOST_VALUES = 2
"""Of what differs among the members of an average."""


@dataclass(frozen=True)
class _Description:
    """What a title says of one candidate, or of one member of a model."""

    span: int
    last: date
    bands: str
    model: str
    others: str = ""


def candidate_title(*candidates: Candidate) -> str:
    """Return the title of a candidate, or of the average of several candidates of a country."""
    first = candidates[0]
    if isinstance(first, NestedCandidate):
        chosen = count(len(first.alternatives), "candidate")
        return f"{first.country.title}, selection among {chosen} in nested cross-validation"
    return _title(first.country.title, [_of_candidate(each) for each in candidates])


def model_title(
    country: str,
    members: Iterable[tuple[Recipe, Classifier]],
    reference_end: date | None = None,
) -> str:
    """Return the title of a fitted model.

    Parameters
    ----------
    country : str
        The title of its country.
    members : iterable of (Recipe, Classifier)
        Its members.
    reference_end : date, optional
        The end of the season that it is applied to; its own where it is left out.
    """
    described = [
        _Description(
            span=recipe.span,
            last=recipe.window(reference_end).last,
            bands=_bands(recipe.bands, count(len(recipe.bands), "band")),
            model=model_in_words(_classes(classifier)),
            others=", ".join(_options(recipe.series, recipe.features)),
        )
        for recipe, classifier in members
    ]
    return _title(country, described)


def model_in_words(classes: Sequence[str]) -> str:
    """Return a classifier in words: the first of its classes that has a name, else its own class.

    >>> model_in_words(["sklearn.calibration.CalibratedClassifierCV", "sklearn.svm.SVC"])
    'support vector machine'
    """
    names = [name.rpartition(".")[2] for name in classes]
    return next((_MODELS[name] for name in names if name in _MODELS), names[0])


def _title(country: str, members: Sequence[_Description]) -> str:
    """Return a title; what the members of an average have in common stands once."""
    number = [f"mean of {count(len(members), 'candidate')}"] if len(members) > 1 else []
    bands = _joined([member.bands for member in members], "band sets")
    models = _joined([member.model for member in members], "models")
    others = {member.others for member in members}
    options = [*others] if len(others) == 1 and "" not in others else []
    return ", ".join([country, *number, _window(members), bands, models, *options])


def _window(members: Sequence[_Description]) -> str:
    """Return the windows of members: their length, and their last day or days."""
    spans = sorted({member.span for member in members})
    ends = [day_in_words(last) for last in sorted({member.last for member in members})]
    weeks = count(spans[-1], "week")
    if len(spans) > 1:
        weeks = f"{spans[0]} to {weeks}"
    return f"{weeks} to {ends[0] if len(ends) == 1 else f'{ends[0]} … {ends[-1]}'}"


def _joined(values: Iterable[str], what: str) -> str:
    """Return the different values, or how many there are where they would fill a line."""
    different = list(dict.fromkeys(values))
    return " / ".join(different) if len(different) <= _MOST_VALUES else f"{len(different)} {what}"


def day_in_words(day: date) -> str:
    """Return a date in words.

    >>> day_in_words(date(2020, 6, 30))
    '30 June 2020'
    """
    return f"{day.day} {day:%B %Y}"


def _of_candidate(candidate: Candidate) -> _Description:
    configuration = candidate.configuration
    shown = [key for key in candidate.shown if key.partition(".")[0] == "model" and "." in key]
    options = [
        *_options(configuration.series, configuration.features),
        *([_TRAINING[configuration.training]] if configuration.training != "own" else []),
        *_folds(configuration.validation),
        *assignments(candidate.settings(), shown),
    ]
    return _Description(
        span=configuration.span,
        last=candidate.window.last,
        bands=_bands(configuration.bands.names, configuration.bands.name),
        model=model_in_words(configuration.model.targets),
        others=", ".join(options),
    )


def _bands(names: Sequence[str], of_set: str) -> str:
    """Return the names of some bands, or of many the name of their set."""
    return " ".join(names) if len(names) <= _MOST_BANDS else of_set


def _options(series: Series, features: Features) -> list[str]:
    """Return in words what is not the default of a series and its features."""
    made = {
        "each day": features.flat,
        "statistics over time": bool(features.statistics),
        "harmonics": features.harmonics > 0,
    }
    words = [name for name, is_made in made.items() if is_made]
    unusual = [] if words == ["each day"] else [" and ".join(words)]
    return [*unusual, *(["clear observations only"] if series.clear else [])]


def _folds(validation: Validation) -> list[str]:
    """Return in words how a candidate is scored, where that is not the default."""
    if validation.block_km is not None:
        return [f"spatial blocks of {validation.block_km:g} km"]
    if validation.repeats > 1:
        return [f"{validation.repeats} × {validation.folds} folds"]
    return []


def _classes(classifier: Classifier) -> list[str]:
    """Return the names of the classes of a classifier, from the outermost to the innermost."""
    steps = getattr(classifier, "steps", None)
    if steps:
        return _classes(steps[-1][1])
    inner = getattr(classifier, "estimator", None)
    if type(classifier).__name__ in _MODELS or inner is None:
        return [type(classifier).__name__]
    return [type(classifier).__name__, *_classes(inner)]
