"""Countries: the schema of ``conf/country/`` and of windows as they are asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import StrictInt

from cropland.config.schema import Closed, filled, require
from cropland.errors import ConfigError

EVERY_COUNTRY = "all"
FIRST_YEAR, LAST_YEAR = 1970, 2100
"""No satellite saw anything before."""
LONGEST_SEASON_DAYS = 3_660
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,49}")
_DEVICES = re.compile(r"con|prn|aux|nul|(com|lpt)\d", re.IGNORECASE)
"""What Windows takes for a device, whatever the ending."""
_TITLE = re.compile(r"[^\W_][^]\[/\\<>{}|*`$\"]{0,79}")


def iso_date(text: str, name: str) -> date:
    """Read a date written as ``YYYY-MM-DD``; `name` says in the error where it stood."""
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):  # a request can bring anything
        raise ConfigError(f"{name} must be a date like 2020-06-30, got {text!r}") from None


@dataclass(frozen=True)
class Box(Closed):
    """A rectangle of longitude and latitude, degrees, edges included.

    Examples
    --------
    >>> print(cropland.Box(south=10.0, north=10.4, west=20.0, east=20.4))
    lat 10.0…10.4, lon 20.0…20.4
    """

    south: float
    north: float
    west: float
    east: float

    def __post_init__(self) -> None:
        require(
            -90 <= self.south < self.north <= 90 and -180 <= self.west < self.east <= 180,
            "a country's box needs -90 <= south < north <= 90 and -180 <= west < east <= 180, got "
            f"south {self.south}, north {self.north}, west {self.west}, east {self.east}",
        )

    def __str__(self) -> str:
        return f"lat {self.south}…{self.north}, lon {self.west}…{self.east}"


@dataclass(frozen=True)
class Reference(Closed):
    """The season that a country's labels describe: ISO dates, both included.

    Examples
    --------
    >>> cropland.Reference(start="2020-01-01", end="2020-12-31").last
    datetime.date(2020, 12, 31)
    """

    start: str
    end: str

    def __post_init__(self) -> None:
        require(
            self.first <= self.last,
            f"the season of a country must not end ({self.end}) before it starts ({self.start})",
        )
        require(
            self.first.year >= FIRST_YEAR and self.last.year <= LAST_YEAR,
            f"a country's reference must lie between {FIRST_YEAR} and {LAST_YEAR}, got {self.start} … "
            f"{self.end}",
        )
        require(
            (self.last - self.first).days <= LONGEST_SEASON_DAYS,
            f"a country's reference must be a season of at most {LONGEST_SEASON_DAYS} days, got {self.start} "
            f"… {self.end}",
        )

    @property
    def first(self) -> date:
        """First day."""
        return iso_date(self.start, "reference.start")

    @property
    def last(self) -> date:
        """Last day."""
        return iso_date(self.end, "reference.end")


@dataclass(frozen=True)
class Choice(Closed):
    """A window as it is asked for: span in weeks, period in months or as the date of its end."""

    span: StrictInt
    period: StrictInt | str

    def __post_init__(self) -> None:
        require(self.span >= 1, f"span must be a whole number of weeks, 1 or more, got {self.span}")
        if isinstance(self.period, str):
            iso_date(self.period, "period, where it is not a whole number of months,")


@dataclass(frozen=True)
class Country(Closed):
    """An area with its own box, reference season and model.

    Attributes
    ----------
    name : str
        Letters, digits and underscores; its model is ``cropland-<name>``.
    title : str
        The name in the files of exports.
    box : Box
        Points outside are left out.
    reference : Reference
        The season of its labels.
    chosen : Choice, optional
        A window known to be good.

    Examples
    --------
    >>> box = cropland.Box(south=10.0, north=10.4, west=20.0, east=20.4)
    >>> year = cropland.Reference(start="2020-01-01", end="2020-12-31")
    >>> toyland = cropland.Country("toyland", "Toyland", box, year)
    """

    name: str
    title: str
    box: Box
    reference: Reference
    chosen: Choice | None = None

    def __post_init__(self) -> None:
        # Names become file, experiment and model names, on every system and in every markup.
        require(
            _NAME.fullmatch(self.name) is not None
            and _DEVICES.fullmatch(self.name) is None
            and self.name.lower() != EVERY_COUNTRY,
            "a country's name must be letters, digits and underscores (a to z, a letter first, at most 50) "
            f"but not {EVERY_COUNTRY!r} or a device name such as 'con', got {self.name!r}",
        )
        require(
            _TITLE.fullmatch(self.title) is not None and self.title.isprintable(),
            "a country's title must be one line of at most 80 characters, a letter or digit first, and "
            "none of "
            f'[]/\\<>{{}}|*`$" in it, got {self.title!r}',
        )

    @property
    def land(self) -> Country:
        """The country without what has been found out about it: what data and scores depend on."""
        return replace(self, chosen=None)


def choices(values: Mapping[str, Any]) -> dict[str, Choice]:
    """Fill and check windows of single countries, by the country's name."""
    return {name: filled(Choice, value, f"windows.{name}.") for name, value in values.items()}


def country(values: Mapping[str, Any]) -> Country:
    """Fill and check the schema of one file of ``conf/country/``."""
    return filled(Country, values, "country.")


def read_country(path: Path | str) -> Country:
    """Read a country by its name, or from a file such as ``conf/country/iran.yaml``.

    A name is looked up in ``conf/country/`` of the working folder, then among the countries of Cropland.

    Raises
    ------
    ConfigError
        No such file, no YAML, a key that is missing or unknown, or a value that cannot be.

    Examples
    --------
    >>> cropland.read_country("toyland.yaml") == toyland
    True
    """
    from cropland.config.plain_values import read_file  # a registered model does without omegaconf

    return country(read_file(_file_of(path)))


def _file_of(path: Path | str) -> Path:
    """Return the file of a country that is given by its file or its name."""
    file, name = Path(path), str(path)
    if file.is_file():
        return file
    from cropland.config.conf_folders import SHIPPED
    from cropland.errors import nearest

    folders = [folder / "country" for folder in (Path("conf"), SHIPPED)]
    files = {found.stem: found for folder in reversed(folders) for found in folder.glob("*.yaml")}
    files.pop(EVERY_COUNTRY, None)
    is_name = _NAME.fullmatch(name) is not None
    require(
        is_name,
        f"no file {name}; give the file of a country, or a name: {', '.join(sorted(files))}",
    )
    require(name in files, f"unknown country {name!r}; {nearest(name, files)}")
    return files[name]
