"""Jobs: a configuration and the countries that it is run for, with the rules between them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from os.path import relpath
from pathlib import Path
from typing import Any

from cropland.config import filling
from cropland.config.alternatives import alternatives
from cropland.config.countries import EVERY_COUNTRY, Choice, Country, choices, country
from cropland.config.groups import DATA, Configuration, Paths
from cropland.config.model import short_key
from cropland.config.plain_values import mapping, read_file
from cropland.config.schema import given_keys, require
from cropland.config.sources import Simulated, Source
from cropland.errors import ConfigError, nearest

JOINT = "+"
"""Between the names of several countries."""
EVERY = {"name": EVERY_COUNTRY}
"""The file ``conf/country/all.yaml``."""


@dataclass(frozen=True)
class Job:
    """One configuration and the countries that it is run for.

    Attributes
    ----------
    configuration : Configuration
        The configuration.
    countries : tuple of Country
        Those that candidates are scored on.
    every_country : tuple of Country
        All that there are, for candidates that learn from others.
    windows : mapping of str to Choice
        Windows of single countries, in place of the configuration's own.
    alternatives : tuple of Configuration
        What a nested validation chooses from.
    left_out : tuple of str
        Countries of ``country=all`` that the simulation has no profile of.
    given : tuple of str
        Keys that the command line sets, by their short names; not those of a band set, which are its name.
    """

    configuration: Configuration
    countries: tuple[Country, ...]
    every_country: tuple[Country, ...] = ()
    windows: Mapping[str, Choice] = field(default_factory=dict)
    alternatives: tuple[Configuration, ...] = ()
    left_out: tuple[str, ...] = ()
    given: tuple[str, ...] = ()

    @property
    def is_reproduction(self) -> bool:
        """Whether it is the one study that is no sweep: the original solution."""
        study = self.configuration.study
        return study is not None and study.figure == "submission"

    def configuration_of(self, name: str) -> Configuration:
        """Return the configuration for a country, with the country's own window where it has one."""
        window = self.windows.get(name)
        if window is None:
            return self.configuration
        return replace(self.configuration, span=window.span, period=window.period)

    def alternatives_of(self, name: str) -> tuple[Configuration, ...]:
        """Return what a country's nested validation chooses from: at its own window, unless it varies."""
        window, varied = self.windows.get(name), self.configuration.validation.candidates or {}
        if window is None:
            return self.alternatives
        fixed = {key: getattr(window, key) for key in ("span", "period") if key not in varied}
        return tuple(replace(alternative, **fixed) for alternative in self.alternatives)

    def other_countries(self, name: str) -> tuple[Country, ...]:
        """Return the other countries that a country's candidate is trained on."""
        if self.configuration.training == "own":
            return ()
        return tuple(other for other in self.every_country if other.name != name)


def make_job(values: dict[str, Any], overrides: Iterable[str], folders: Sequence[Path]) -> Job:
    """Make and check a job.

    Parameters
    ----------
    values : dict
        Plain containers: the groups and values of ``conf/train.yaml``.
    overrides : iterable of str
        Those of the command line.
    folders : sequence of Path
        Configuration folders, in the order in which a file is looked for.

    Raises
    ------
    ConfigError
        See `cropland.config.filling.command`; a country or a window that is none, a training without other
        countries.
    """
    named = values.pop("country")
    windows = _windows(values.pop("windows", None) or {}, folders)
    if any(word.lstrip("+").startswith("bands.names=") for word in overrides):
        # An ad hoc band set must not bear the name of the file that it replaces.
        name = "+".join(map(str, values["bands"]["names"])) or values["bands"]["name"]
        values["bands"] = {**values["bands"], "name": name}
    filled = filling.command(Configuration, values)
    check_data(filled.source, filled.paths, overrides)
    countries, left_out = countries_with_data(named, filled.source, folders)
    nested = tuple(alternatives(filled, values, folders))
    every_country: tuple[Country, ...] = ()
    if filled.training != "own":
        every_country, left_out = countries_with_data(EVERY, filled.source, folders)
    names = {country.name for country in (*countries, *every_country)}
    _check_training(filled, nested, names)
    given = tuple(short_key(key) for key in given_keys(overrides) if key != "bands.names")
    return Job(filled, countries, every_country, windows, nested, left_out, given)


def check_data(source: Source, paths: Paths, overrides: Iterable[str]) -> None:
    """Raise an error where a folder of data is given to the simulation, which reads none."""
    given = paths.data != DATA or "paths.data" in given_keys(overrides)
    require(
        not given or not isinstance(source, Simulated),
        f"paths.data={paths.data} is for data, and source=simulated reads none: give source=files for "
        f"exports in that folder, source=earthengine or source=stac for what was downloaded for its points; "
        f"or leave paths.data out to try the simulation",
    )


def countries_with_data(
    values: Mapping[str, Any], source: Source, folders: Sequence[Path]
) -> tuple[tuple[Country, ...], tuple[str, ...]]:
    """Return the countries of a configuration, and the names of those that are not simulated.

    Raises
    ------
    ConfigError
        A country that is named, or every one, has no profile of the simulation.
    """
    countries = countries_of(values, folders)
    if not isinstance(source, Simulated):
        return countries, ()
    simulated = tuple(country for country in countries if country.name in source.profiles)
    left_out = tuple(country.name for country in countries if country.name not in source.profiles)
    require(
        bool(simulated) and (values == EVERY or not left_out),
        f"source=simulated, the default, has no profile of {', '.join(left_out)}: add source=stac or "
        f"source=earthengine to this command, after the download of its observations, or source=files "
        f"paths.data=FOLDER for exports that you have",
    )
    return simulated, left_out


def countries_of(values: Mapping[str, Any], folders: Sequence[Path]) -> tuple[Country, ...]:
    """Return the countries of a configuration: one, some by their names, or all that any folder has.

    Raises
    ------
    ConfigError
        A country that cannot be, or one that another file of ``conf/country`` is taken for.
    """
    if values == EVERY:
        return all_countries(tuple(folders))
    if set(values) == {"name"} and JOINT in str(values["name"]):
        names = dict.fromkeys(str(values["name"]).split(JOINT))
        several = tuple(country(country_values(name, folders)) for name in names)
        for one in several:
            _check_alone(one, tuple(folders))
        return several
    named = country(mapping(values))
    _check_alone(named, tuple(folders))
    return (named,)


@cache
def all_countries(folders: tuple[Path, ...]) -> tuple[Country, ...]:
    """Read every country file in some configuration folders; that of the first folder counts.

    Raises
    ------
    ConfigError
        There is none, one that is no country or has another's name, or two with one name or title.
    """
    countries = tuple(country(values) for values in _country_files(folders).values())
    if not countries:
        raise ConfigError(f"country=all found no country file in {', '.join(map(str, folders))}")
    for each in countries:
        _check_alone(each, folders)
    return countries


def country_values(name: str, folders: Sequence[Path]) -> dict[str, Any]:
    """Return what a country's file says.

    Raises
    ------
    ConfigError
        No folder has it.
    """
    files = {path.stem: values for path, values in _country_files(tuple(folders)).items()}
    require(name in files, f"unknown country {name!r}; {nearest(str(name), files)}")
    return files[name]


@cache
def _country_files(folders: tuple[Path, ...]) -> dict[Path, dict[str, Any]]:
    """Read the files of countries as Hydra finds them, in the order of their names."""
    by_stem: dict[str, Path] = {}
    for path in (path for folder in folders for path in folder.glob("country/*.yaml")):
        if path.stem != EVERY_COUNTRY:
            by_stem.setdefault(path.stem, path)
    return {path: read_file(path) for _, path in sorted(by_stem.items())}


def _check_alone(one: Country, folders: tuple[Path, ...]) -> None:
    """Raise an error for a country whose name or title another file has too, as an unchanged copy."""
    files = {relpath(path): values for path, values in _country_files(folders).items()}
    for key, value in (("name", one.name), ("title", one.title)):
        alike = [f for f, values in files.items() if str(values.get(key)).lower() == value.lower()]
        for file in alike if key == "name" else ():
            name = re.sub(r"\W", "_", Path(file).stem, flags=re.ASCII)  # as names are written
            require(name.lower() == value.lower(), f"{file} has name: {value}; write name: {name}")
        require(
            len(alike) <= 1,
            f"{' and '.join(alike)} have the same {key}, {value}; give each its own",
        )


def _windows(values: Mapping[str, Any], folders: Sequence[Path]) -> dict[str, Choice]:
    """Return windows of single countries; a name that no country bears is a typing error."""
    windows = choices(mapping(values))
    known = {country.name for country in all_countries(tuple(folders))} if windows else set()
    for name in windows:
        require(name in known, f"windows: unknown country {name!r}; {nearest(name, known)}")
    return windows


def _check_training(
    chosen: Configuration, nested: Iterable[Configuration], names: Collection[str]
) -> None:
    """Check that a training on other countries has some, and is not chosen inside folds."""
    require(
        chosen.training == "own" or len(names) > 1,
        f"training={chosen.training} learns from other countries, and there is only "
        f"{', '.join(names)}; add a file to conf/country, or use training=own",
    )
    for alternative in nested:
        require(
            alternative.training == "own",
            f"validation={chosen.validation.name} chooses among candidates with training=own, got "
            f"training={alternative.training}; use another validation for it",
        )
