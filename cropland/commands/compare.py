"""Compare land-cover maps with the champion of each country.

Rasters → the class of each at the labelled points → cropland or not → agreement with the labels, beside the
champion's out-of-fold predictions of the same points. All that can be wrong with a raster is reported before
a run begins.

Or two finished maps of one area → hectares where they differ, and a page with both.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cropland.errors import CroplandError, DataError
from cropland.features import matrix
from cropland.learning.folds import independent_units
from cropland.maps.difference import BOTH_HAVE_ERRORS, difference
from cropland.maps.finished_map import FinishedMap
from cropland.maps.landcover import raster as landcover
from cropland.maps.landcover.agreement import HEAD
from cropland.maps.landcover.comparison import ChampionScores, MapComparison
from cropland.maps.landcover.raster import Raster
from cropland.models import registry
from cropland.models.champion import promote_command, source_words
from cropland.observations import points
from cropland.observations.pixels import pixels
from cropland.sources import opening
from cropland.support import logs, terminal
from cropland.support.progress import working
from cropland.support.table import Table
from cropland.support.words import command_line, count, some
from cropland.tracking.opening import open_existing, open_store
from cropland.tracking.provenance import code_tags
from cropland.tracking.records import ARCHIVE, COUNTRY, KIND
from cropland.training import candidates, out_of_fold

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

    from cropland.config.commands.compare import Compare
    from cropland.config.countries import Country
    from cropland.config.groups import Validation
    from cropland.observations.archive import Archive
    from cropland.tracking.store import Store

log = logging.getLogger(__name__)
_NAMED = 5


def run(command: Compare, countries: Sequence[Country]) -> None:
    """Score each raster in each country, track it, and show how it stands.

    Raises
    ------
    CroplandError
        A raster that cannot be read, or has classes of which nothing is known, or no labelled point in it.
    """
    if command.map is not None and command.against is not None:
        _compare_maps(Path(command.map), Path(command.against))
        return
    with logs.timed(log, f"opened {', '.join(command.raster)}"):
        rasters = [Raster.of(path, command.band) for path in command.raster]
    open_existing(command.tracking, command.source.name)  # fails before archives are made
    console = terminal.notes()
    tables = []
    for country in countries:
        archive = _archive(command, country, console)
        with working(console, f"reading the classes at the points of {country.name}"):
            tables += [
                (country, archive, raster, _points(command, country, raster, archive))
                for raster in rasters
            ]
    store = open_store(command.tracking, command.source.name)
    comparisons = []
    with working(console, "comparing"):
        for country, archive, raster, table in tables:
            champion, units = _champion(command, country, archive, store)
            table["unit"] = units
            comparison = MapComparison(country.name, _name(command, raster), table, champion)
            _track(command, comparison, raster, archive, store)
            comparisons.append(comparison)
    _note(command, comparisons, console)
    _show(command, comparisons, terminal.tables())


def _compare_maps(*folders: Path) -> None:
    """Compare two finished maps: write a page of both, and print the hectares where they differ."""
    left, right = (FinishedMap.open(folder) for folder in folders)
    result = difference(left, right)
    page = result.write_page(left, right)
    screen = terminal.screen()
    screen.print(terminal.literal(result.title))
    for name, words in result.lines():
        screen.print(f"  {terminal.literal(name)}: {words}")
    screen.print(BOTH_HAVE_ERRORS)
    screen.print(f"look: {terminal.literal(page)}")
    if result.is_simulated:
        screen.print(terminal.SIMULATED)


def _archive(command: Compare, country: Country, console: Console) -> Archive:
    """Open a country's archive, and check that there are points to compare at."""
    archive = opening.archive_of(
        command.source,
        command.paths,
        country,
        before_filling=lambda: console.print(f"making the archive of {country.name} …"),
    )
    opening.print_notes(archive, console)
    targets = matrix.labelled(archive.points)["Target"].to_numpy()
    points.check_labels(targets, country, folds=1)
    return archive


def _points(command: Compare, country: Country, raster: Raster, archive: Archive) -> pd.DataFrame:
    """Tabulate the labelled points with the class that a map has there, a row a point."""
    labelled = matrix.labelled(archive.points)
    table = pd.DataFrame({name: labelled[name].to_numpy() for name in points.COLUMNS})
    sampled = raster.at(table["Lon"].to_numpy(), table["Lat"].to_numpy(), command.landcover.missing)
    meaning = landcover.classify(sampled, command.landcover)
    if not sampled.inside.any():
        raise DataError(
            f"none of the {len(table)} labelled points of {country.name} ({country.box}) is inside of "
            f"{raster.given}; give a raster that covers them, or name the country that it covers"
        )
    if (meaning == landcover.NO_CLASS).all():
        raise DataError(
            f"{raster.given} has no data at any of the {int(sampled.inside.sum())} labelled points of "
            f"{country.name} that are inside of it; give one that has, or see landcover.missing"
        )
    classes = pd.Series(sampled.classes, dtype="Int64").where(meaning != landcover.NO_CLASS)
    table["class"] = classes
    words = [sampled.contradictions.get(point, "") for point in range(len(table))]
    return table.assign(landcover=meaning, inside=sampled.inside, contradiction=words)


def _champion(
    command: Compare, country: Country, archive: Archive, store: Store
) -> tuple[ChampionScores | str, np.ndarray]:
    """Return the out-of-fold scores of a country's champion, or why there is none to compare with.

    With the unit of each labelled point: its spatial block, or its pixel where no blocks were left out.
    """
    labelled = matrix.labelled(archive.points)
    alone = pixels(labelled["Lat"], labelled["Lon"])
    name = registry.model_name(command.source.name, country.name)
    version = registry.version_of(store.client, name, command.alias)
    if version is None:
        return _none(command, country, name), alone
    try:
        run = store.run(str(version.run_id))
        right = out_of_fold.right(store.read(run, out_of_fold.FILE))
        scored: Validation = candidates.from_run(store, run).configuration.validation
    except CroplandError as error:
        return f"version {version.version} of {name}: {error}", alone
    if not right.index.isin(labelled["ID"].to_numpy()).any():
        return f"version {version.version} of {name} was scored on none of these points", alone
    champion = ChampionScores(
        version=str(version.version),
        right=right,
        validation=scored.name,
        in_blocks=scored.block_km is not None,
        same_data=version.tags.get(ARCHIVE) == archive.fingerprint,
    )
    return champion, independent_units(labelled, scored)


def _none(command: Compare, country: Country, name: str) -> str:
    """Return that there is no such version, and what makes one."""
    train = command_line("train", *source_words(command), f"country={country.name}")
    remedy = f"after {train}, this makes one: {promote_command(command, country.name)}"
    if command.alias != registry.CHAMPION:
        remedy = f"alias={registry.CHAMPION} is the one in use"
    return (
        f"no champion to compare with: no version of the model {name} has the alias "
        f"{command.alias!r}; {remedy}"
    )


def _name(command: Compare, raster: Raster) -> str:
    """Return the name of a map: its product; of several, with the path too."""
    product = command.landcover.name
    return product if len(command.raster) == 1 else f"{product} ({raster.given})"


def _track(
    command: Compare, comparison: MapComparison, raster: Raster, archive: Archive, store: Store
) -> None:
    """Track a comparison as a run."""
    title = f"compare {comparison.country} {comparison.name}"
    tags = {KIND: "comparison", COUNTRY: comparison.country, **code_tags()}
    with store.running(title, tags, None) as record:
        record.params |= {
            "country": comparison.country,
            "source": command.source.name,
            "landcover": command.landcover.name,
            "cropland": command.landcover.cropland,
            "raster": raster.given,
            "band": raster.band,
            "archive": archive.fingerprint,
            "model": "none",
        }
        if isinstance(comparison.champion, ChampionScores):
            model = registry.model_name(command.source.name, comparison.country)
            record.params["model"] = f"{model}/{comparison.champion.version}"
        record.metrics |= comparison.metrics()
        record.note = comparison.as_markdown()
        record.files |= {
            "comparison.md": record.note,
            "comparison.csv": comparison.table().to_csv(index=False),
            "points.csv": comparison.points.drop(columns="unit").to_csv(index=False),
        }


def _note(command: Compare, comparisons: Sequence[MapComparison], console: Console) -> None:
    """Print why a map stands alone, and the points where it has no class."""
    alone = {each.country: each.champion for each in comparisons if isinstance(each.champion, str)}
    for country, reason in alone.items():
        terminal.print_note(console, f"{country}: {reason}")
    for country in dict.fromkeys(each.country for each in comparisons if each.is_outdated):
        terminal.print_note(
            console,
            f"{country}: the champion was scored on other observations or labels than those here; promote "
            f"again for a fair comparison",
        )
    for each in comparisons:
        cropland = each.known["landcover"] == landcover.CROPLAND
        if cropland.all() or not cropland.any():
            extent = "every" if cropland.any() else "no"
            terminal.print_warning(
                console,
                f"{each.country}: {each.name} has {extent} labelled point as cropland; is "
                f"landcover={command.landcover.name} what this raster is?",
            )
        if each.contradictions:
            terminal.print_note(console, f"{each.country}: {each.contradictions}")
        for ids, where in ((each.without_class, "without data in"), (each.outside, "outside of")):
            if len(ids):
                terminal.print_note(
                    console,
                    f"{each.country}: {count(len(ids), 'labelled point')} {where} {each.name}, left out: "
                    f"{some(ids, show=_NAMED)}",
                )


def _show(command: Compare, comparisons: Sequence[MapComparison], screen: Console) -> None:
    """Print the scores and conclusions."""
    simulated = command.source.name == "simulated"
    title = terminal.titled("Agreement with the labelled points", simulated=simulated)
    rows = [
        (each.country, what, *agreement.cells())
        for each in comparisons
        for what, agreement in each.rows
    ]
    screen.print(Table(("country", "map", *HEAD), rows, title=title, settings=("points",)))
    for each in comparisons:
        screen.print(terminal.literal(each.conclusion()), soft_wrap=True)
    screen.print(
        "labelled points are no random sample: these scores are not of the whole area, see docs/maps.md",
        soft_wrap=True,
    )
    if simulated:
        screen.print(terminal.SIMULATED)
