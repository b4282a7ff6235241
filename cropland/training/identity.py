"""Identities: hashes of what decides scores, by which a candidate that has been scored is recognised."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from cropland.learning import fast_forest
from cropland.support.fingerprint import fingerprint, fingerprint_of

if TYPE_CHECKING:
    from cropland.config.countries import Country
    from cropland.config.groups import Configuration, Validation
    from cropland.observations.archive import Archive

_SCORES = (
    *("choice", "classifiers", "cross_validation", "fast_forest", "folds", "nested", "probability"),
    "statistics",
)
"""Modules of ``learning`` by which candidates are scored; the others look at scores that are there."""
_CODE = (
    *("observations", "features", "training/candidate_data.py"),
    *(f"learning/{name}.py" for name in _SCORES),
)
_NUMERICS = ("numpy", "scikit-learn", "spyndex")
_DECIDE_NOTHING = frozenset(
    (
        *("tracking", "paths", "n_jobs", "force", "promotion", "promote", "study", "output"),
        "source",  # what it decides is in the archive's fingerprint
    )
)


def settings_fingerprint(
    configurations: Iterable[Configuration], countries: Iterable[Country]
) -> str:
    """Return a hash of the settings that decide scores, data and code aside."""
    settings = [_deciding(configuration) for configuration in configurations]
    return fingerprint(settings, [country.land for country in countries])


def identity(
    configurations: Iterable[Configuration],
    countries: Iterable[Country],
    archives: Iterable[Archive],
) -> str:
    """Return a hash of all that decides scores: settings, data, code and the versions of libraries.

    Parameters
    ----------
    configurations : iterable of Configuration
        The candidate's own, and what a nested validation chooses from.
    countries, archives : iterable of Country, of Archive
        The country that is scored, then the others that it is trained on.
    """
    configurations = list(configurations)
    is_fast = any(configuration.model.fast for configuration in configurations)
    return fingerprint(
        settings_fingerprint(configurations, countries),
        [archive.fingerprint for archive in archives],
        _code(),
        fast_forest.fast_version() if is_fast else "",
    )


def comparison(archive: Archive, country: Country, validation: Validation, seed: int) -> str:
    """Return a hash of what must be equal for scores to be compared: data, folds and code."""
    return fingerprint(
        archive.fingerprint, country.land, _deciding_folds(validation), seed, _code()
    )


def _deciding(configuration: Configuration) -> dict[str, Any]:
    """Return the settings that decide scores."""
    values = asdict(configuration)
    del values["model"]["allow"]  # what else might have been made decides nothing
    values["validation"] = asdict(_deciding_folds(configuration.validation))
    return {key: value for key, value in values.items() if key not in _DECIDE_NOTHING}


def _deciding_folds(validation: Validation) -> Validation:
    """Return how folds are made; where nothing is chosen inside of them, the rule decides nothing."""
    return validation if validation.inner else replace(validation, rule="one_standard_error")


@cache
def libraries() -> str:
    """Return the versions of the libraries that scores are computed with, as text."""
    return ", ".join(f"{name} {version(name)}" for name in _NUMERICS)


@cache
def _code() -> str:
    """Return a hash of the code that decides scores, and of the libraries that it computes with."""
    return fingerprint(fingerprint_of(*_CODE), [(name, version(name)) for name in _NUMERICS])
