"""The schema of ``conf/new_country.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import StrictBool

from cropland.config.commands import Command
from cropland.config.countries import Box, Country, Reference, iso_date
from cropland.config.schema import FilePath, Text, require
from cropland.support.words import country_title

_USAGE = "cropland new-country NAME points=FILE season=2023-07-01/2024-06-30"
_OF_HYDRA = ("true", "false", "null", "inf", "nan")
"""Words that are no names on a command line."""
_WORLD = Box(south=-90, north=90, west=-180, east=180)


@dataclass(frozen=True)
class NewCountry(Command):
    """All of ``conf/new_country.yaml``."""

    HAS_COUNTRY: ClassVar[bool] = False

    name: str | None
    points: FilePath | None
    season: Text | None
    title: str | None
    folder: FilePath
    force: StrictBool

    def __post_init__(self) -> None:
        for key in ("name", "points", "season"):
            require(bool(getattr(self, key)), f"new-country needs {key}: {_USAGE}")
        require(
            str(self.name).lower() not in _OF_HYDRA,
            f"a country cannot be named {self.name}: the command line reads that word as a value",
        )
        self.country()

    def country(self, box: Box = _WORLD) -> Country:
        """Return the country with a box.

        Raises
        ------
        ConfigError
            The name, title or season is none.
        """
        name = str(self.name)
        title = self.title or country_title(name)
        start, slash, end = str(self.season).partition("/")
        require(
            bool(slash), f"season must be two dates, as 2023-07-01/2024-06-30, got {self.season!r}"
        )
        iso_date(start.strip(), "the season's start")
        iso_date(end.strip(), "the season's end")
        return Country(name, title, box, Reference(start.strip(), end.strip()))
