"""The candidates of jobs, and those that runs have kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cropland.config import countries
from cropland.config.groups import Configuration
from cropland.config.schema import filled
from cropland.errors import ConfigError
from cropland.training.candidate import Candidate
from cropland.training.nested_candidate import NestedCandidate
from cropland.untrusted import documents

if TYPE_CHECKING:
    from cropland.config.countries import Country
    from cropland.config.jobs import Job


def from_yaml(text: str, **here: Any) -> Candidate:
    """Make again the candidate that wrote its configuration with `Candidate.as_yaml`.

    Parameters
    ----------
    text : str
        The artifact ``config.yaml`` of its run.
    **here
        Fields of the configuration that belong to this place and time: paths, tracking, cores.

    Raises
    ------
    ConfigError
        It is none that a candidate has written.
    """
    try:
        values = documents.plain_yaml(text)
        country = countries.country(values.pop("country"))
        others = tuple(countries.country(other) for other in values.pop("other_countries"))
        alternatives = tuple(filled(Configuration, other) for other in values.pop("alternatives"))
        configuration = replace(filled(Configuration, values), **here)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"expected the configuration of a candidate, got another: {error}"
        ) from error
    return _candidate(configuration, country, others, alternatives)


def candidates_of(job: Job) -> list[Candidate]:
    """Return the candidates of a job, one a country."""
    return [
        _candidate(
            job.configuration_of(country.name),
            country,
            job.other_countries(country.name),
            job.alternatives_of(country.name),
        )
        for country in job.countries
    ]


def _candidate(
    configuration: Configuration,
    country: Country,
    others: tuple[Country, ...],
    alternatives: tuple[Configuration, ...],
) -> Candidate:
    if alternatives:
        return NestedCandidate(configuration, country, others, alternatives)
    return Candidate(configuration, country, others)


def fold_words(params: Mapping[str, object]) -> list[str]:
    """Return what decides a candidate's folds as words for the command line; `params` as a run has them."""
    keys = ("validation", "validation.folds", "validation.repeats", "validation.block_km", "seed")
    return [
        f"{key}={params[key]}"
        for key in keys
        if params.get(key) is not None and (key, str(params[key])) != ("validation.repeats", "1")
    ]
