"""The candidates of jobs, and those that runs have kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cropland.config import countries, filling
from cropland.config.groups import MOST_MEMBERS, Configuration
from cropland.config.schema import filled, require
from cropland.errors import ConfigError, DataError
from cropland.tracking.records import CHECKSUM
from cropland.training.candidate import CONFIG, CONFIG_EXTRA, Candidate
from cropland.training.nested_candidate import NestedCandidate
from cropland.untrusted import documents

if TYPE_CHECKING:
    from cropland.config.countries import Country
    from cropland.config.jobs import Job
    from cropland.tracking.records import TrackedRun
    from cropland.tracking.store import Store

MEMBERS = "members"
"""Param of a promotion's run: how many candidates were selected."""


def from_yaml(text: str, **here: Any) -> Candidate:
    """Return the candidate that wrote its configuration, see `Candidate.config_files`.

    Parameters
    ----------
    text : str
        The artifacts of its run, as `text_of` joins them. Those of earlier versions, whose model has a
        ``target`` and
        which hold everything in one file, are read too.
    **here
        Fields of the configuration that belong to this place and time: paths, tracking, cores.

    Raises
    ------
    ConfigError
        It is none that a candidate has written.
    """
    try:
        values = documents.plain_yaml(text)
        fill = filled if "target" in values["model"] else filling.command
        country = countries.country(values.pop("country"))
        others = tuple(map(countries.country, values.pop("other_countries", ())))
        alternatives = tuple(fill(Configuration, other) for other in values.pop("alternatives", ()))
        configuration = fill(Configuration, values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"expected the configuration of a candidate, got: {error}") from error
    is_alone = configuration.training == "own" and configuration.validation.candidates is None
    require(
        is_alone or bool(others or alternatives),
        f"expected {CONFIG_EXTRA} beside the configuration of a training={configuration.training} with "
        f"validation={configuration.validation.name}, found none",
    )
    return _candidate(replace(configuration, **here), country, others, alternatives)


def text_of(store: Store, run: TrackedRun) -> str:
    """Return the stored configuration of a candidate's run, of one or two files, as one text.

    Raises
    ------
    DataError
        It is lost or damaged.
    """
    return _text(store, run, CONFIG, CONFIG_EXTRA)


def texts_of(store: Store, run: TrackedRun) -> list[str]:
    """Return the stored configurations of a promotion's run, one for each member; see `member_files`.

    Raises
    ------
    DataError
        One is lost or damaged.
    """
    number = run.count(MEMBERS) if MEMBERS in run.params else 1
    if number == 1:
        return [text_of(store, run)]
    if number is None or not 1 <= number <= MOST_MEMBERS:
        raise DataError(f"run {run.name!r} says {MEMBERS}={run.params[MEMBERS]!r:.20}")
    names = (
        [_of_member(name, position) for name in (CONFIG, CONFIG_EXTRA)]
        for position in range(1, number + 1)
    )
    return [_text(store, run, *both) for both in names]


def member_files(members: Sequence[Candidate]) -> dict[str, str]:
    """Return the configurations of what a promotion has selected, by file name: one, or numbered ones."""
    if len(members) == 1:
        return members[0].config_files
    return {
        _of_member(name, number): text
        for number, member in enumerate(members, start=1)
        for name, text in member.config_files.items()
    }


def _of_member(name: str, number: int) -> str:
    """Return the name of a member's file, such as ``config_2.yaml``."""
    stem, _, suffix = name.rpartition(".")
    return f"{stem}_{number}.{suffix}"


def _text(store: Store, run: TrackedRun, config: str, extra: str) -> str:
    names = [config, *([extra] if f"{CHECKSUM}{extra}" in run.tags else [])]
    return "".join(store.read(run, name) for name in names)


def from_run(store: Store, run: TrackedRun) -> Candidate:
    """Return the candidate of a run.

    Raises
    ------
    ConfigError, DataError
        See `from_yaml` and `text_of`.
    """
    return from_yaml(text_of(store, run))


def candidates_of(job: Job) -> list[Candidate]:
    """Return the candidates of a job, one a country."""
    return [
        _candidate(
            job.configuration_of(country.name),
            country,
            job.other_countries(country.name),
            job.alternatives_of(country.name),
            job.given,
        )
        for country in job.countries
    ]


def _candidate(
    configuration: Configuration,
    country: Country,
    others: tuple[Country, ...],
    alternatives: tuple[Configuration, ...],
    shown: tuple[str, ...] = (),
) -> Candidate:
    if alternatives:
        return NestedCandidate(configuration, country, others, shown, alternatives)
    return Candidate(configuration, country, others, shown)


def fold_words(params: Mapping[str, object]) -> list[str]:
    """Return what decides a candidate's folds as words for the command line; `params` as a run has them."""
    keys = ("validation", "validation.folds", "validation.repeats", "validation.block_km", "seed")
    return [
        f"{key}={params[key]}"
        for key in keys
        if params.get(key) is not None and (key, str(params[key])) != ("validation.repeats", "1")
    ]
