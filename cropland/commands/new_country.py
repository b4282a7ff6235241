"""The command that writes a country's file: its box from labelled points, its season as given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml
from numpy.typing import NDArray

from cropland.config.countries import Box
from cropland.config.groups import DATA
from cropland.config.jobs import all_countries
from cropland.config.search_path import SHIPPED
from cropland.errors import ConfigError, DataError
from cropland.observations import points
from cropland.support import terminal
from cropland.support.coordinates import metres
from cropland.support.reading import is_file
from cropland.support.words import command_line
from cropland.support.writing import check_new, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cropland.config.commands.new_country import NewCountry
    from cropland.config.countries import Country

FAR_KM = 300.0
"""Points with a larger gap between them are of two places, where it is a third of all their extent too."""
FEW = 50
"""Points of a class that are few to learn from."""
_EMPTY_LABEL = "a label other than 0 or 1: ''"
_MARGIN = 0.05
_LONG_SEASON_DAYS = 400
_LABELLED = "Train.csv"
_CONF = "conf"


def run(command: NewCountry, _: Sequence[Country] = ()) -> None:
    """Write the file of a country, and print what is in it and what to do next.

    Raises
    ------
    CroplandError
        Points that cannot be read, are none, or lie in places far apart; a country of this name or title
        that is there; a folder that cannot be written to.
    """
    source, folder = Path(str(command.points)), Path(command.folder)
    given = command.country()
    path = folder / "country" / f"{given.name}.yaml"
    _check_name(given, path, force=command.force)
    check_new(path, [source], "folder", _CONF, force=True)
    if not is_file(source):
        raise DataError(f"expected labelled points in {source}, there is no such file; set points")
    table = _labelled(source)
    if table.empty:
        raise DataError(f"{source} has no points; add a line of ID,Lat,Lon,Target for each")
    lat, lon = table["Lat"].to_numpy(), table["Lon"].to_numpy()
    _check_one_place(lat, lon, source)
    country = command.country(box_around(lat, lon))
    write_whole(path, text_of(country, source.name))
    _show(country, path, table)
    _show_next(country, source, folder)


def _labelled(source: Path) -> pd.DataFrame:
    """Read the labelled points; where some have an empty label, the error says where these belong."""
    try:
        return points.read(source, labelled=True)
    except DataError as error:
        if _EMPTY_LABEL not in str(error):
            raise
        raise DataError(
            f"{error}; points without a label do not belong here: leave them out, and predict them later by "
            f"cropland predict points=FILE"
        ) from error


def box_around(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> Box:
    """Return the box of points with a margin of 5 % of its longer side, rounded to 0.1° or 0.01°.

    >>> print(box_around(np.array([32.013, 32.482]), np.array([48.123, 48.577])))
    lat 31.98…32.51, lon 48.09…48.61
    """
    side = max(np.ptp(lat), np.ptp(lon))
    per_degree = 10 if side >= 1 else 100
    margin = max(_MARGIN * side, 0.5 / per_degree)

    def low(values: NDArray[np.float64], limit: int) -> float:
        steps = np.floor(round((values.min() - margin) * per_degree, 6))
        return float(max(-limit, steps / per_degree))

    return Box(south=low(lat, 90), north=-low(-lat, 90), west=low(lon, 180), east=-low(-lon, 180))


def places_of(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Return the points of each place, places being apart in latitude or longitude."""
    return list(_split(lat, lon, np.arange(len(lat))))


def _split(
    lat: NDArray[np.float64], lon: NDArray[np.float64], rows: NDArray[np.int64]
) -> Iterator[NDArray[np.int64]]:
    km_of_lon = float(metres(lat[rows].mean(), 0, lat[rows].mean(), 1)) / 1000
    for values, km in ((lon, km_of_lon), (lat, float(metres(0, 0, 1, 0)) / 1000)):
        order = rows[np.argsort(values[rows], kind="stable")]
        gaps = np.diff(values[order]) * km
        if len(gaps) and gaps.max() > max(FAR_KM, gaps.sum() / 3):
            at = int(gaps.argmax()) + 1
            yield from _split(lat, lon, np.sort(order[:at]))
            yield from _split(lat, lon, np.sort(order[at:]))
            return
    yield rows


def _check_one_place(lat: NDArray[np.float64], lon: NDArray[np.float64], source: Path) -> None:
    """Raise an error for points in several countries, or a misplaced one."""
    places = places_of(lat, lon)
    if len(places) > 1:
        where = ", ".join(
            f"{len(rows):,} near lat {np.median(lat[rows]):.1f}, lon {np.median(lon[rows]):.1f}"
            for rows in places
        )
        raise DataError(
            f"{source} has points in {len(places)} places far apart: {where}; correct them, or give a file "
            f"with the points of one country"
        )


def _check_name(country: Country, path: Path, *, force: bool) -> None:
    """Raise an error for a name or title that another country has."""
    others = {other.name: other for other in all_countries((path.parents[1].absolute(), SHIPPED))}
    if not force and (path.exists() or country.name in others):
        where = f"in {path}" if path.exists() else "one of Cropland's own"
        raise ConfigError(
            f"country {country.name} already exists, {where}; choose another name, or add force=true to "
            f"replace it"
        )
    others.pop(country.name, None)
    for other in others.values():
        for key in ("name", "title"):
            if getattr(other, key).lower() == getattr(country, key).lower():
                raise ConfigError(
                    f"country {other.name} has the {key} {getattr(other, key)}; give another {key}"
                )


def text_of(country: Country, source: str) -> str:
    """Return the text of a country's file."""
    box, season = country.box, country.reference
    return (
        f"# {country.title}; the box holds the points of {source} with a margin.\n"
        f"name: {yaml_scalar(country.name)}\n"
        f"title: {yaml_scalar(country.title)}  # as in the names of export files\n"
        f"box: {{south: {box.south}, north: {box.north}, west: {box.west}, east: {box.east}}}  # degrees; "
        f"points outside are left out\n"
        f"reference: {{start: {season.start}, end: {season.end}}}  # the season that the labels describe\n"
    )


def yaml_scalar(text: str) -> str:
    """Write a text as YAML on one line, in quotes where it would be read as something else.

    >>> yaml_scalar("kenya"), yaml_scalar("no"), yaml_scalar("Côte d'Ivoire")
    ('kenya', "'no'", "Côte d'Ivoire")
    """
    return yaml.safe_dump(text, allow_unicode=True, width=1_000).splitlines()[0]


def _show(country: Country, path: Path, table: pd.DataFrame) -> None:
    """Print what the file of a country says, and what may go wrong with its points."""
    screen, box, season = terminal.screen(), country.box, country.reference
    cropland, total = int((table["Target"] == 1).sum()), len(table)
    middle = (box.south + box.north) / 2
    height = float(metres(box.south, 0, box.north, 0)) / 1000
    width = float(metres(middle, 0, middle, 1)) / 1000 * (box.east - box.west)
    days = (season.last - season.first).days + 1
    screen.print(f"{terminal.literal(path)}: {terminal.literal(country.title)}")
    screen.print(f"  points: {total:,} labelled, {cropland / total:.0%} cropland")
    screen.print(f"  box: {box} ({width:,.0f} x {height:,.0f} km)")
    screen.print(f"  season: {season.start} to {season.end} ({days} days)")
    for name, number in (("cropland", cropland), ("other", total - cropland)):
        if number < FEW:
            terminal.print_warning(
                screen,
                f"{number or 'no'} {name} points: a few hundred of each class are a good start",
            )
    if days > _LONG_SEASON_DAYS:
        terminal.print_warning(
            screen, f"the season has {days} days: expected about a year, that of the labels"
        )


def _show_next(country: Country, source: Path, folder: Path) -> None:
    """Print the commands that get observations of the points."""
    words = [f"paths.data={source.parent}"] if source.parent != Path(DATA) else []
    words += [f"source.labelled={source.name}"] if source.name != _LABELLED else []
    words.append(f"country={country.name}")
    if folder != Path(_CONF):
        words = ["--config-dir", str(folder), *words]
    export = f"COPERNICUS_S2_SR_HARMONIZED_{country.title}_<start>_<end>.csv"
    screen = terminal.screen()
    screen.print("next, the observations of the points, in one of three ways:")
    for way, command in (
        (
            "Earth Engine",
            command_line("download", "source=earthengine", "source.project=PROJECT", *words),
        ),
        ("STAC, no account", command_line("download", "source=stac", *words)),
        (
            f"exports that you have, as {source.parent / export}",
            command_line("train", "source=files", *words),
        ),
    ):
        screen.print(f"  {terminal.literal(way)}:\n    {terminal.literal(command)}", soft_wrap=True)
