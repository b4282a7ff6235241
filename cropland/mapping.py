"""Maps: the command and its story.

Area → grid → tiles → images of a tile → the registered model → finished tiles on disk → layers, a picture, a
page and what they add up to, tracked with the version of the model that made them.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from cropland import (
    archive,
    clusters,
    cubes,
    mapfacts,
    maplayers,
    maprun,
    model,
    predictions,
    signals,
    tracking,
)
from cropland.champions import Champion, check_there, season_of
from cropland.cubes import Imagery
from cropland.errors import ConfigError, DataError, WindowError
from cropland.extents import Extent
from cropland.mapfolder import FACTS
from cropland.meter import Meter
from cropland.provenance import code_tags
from cropland.service import NoImage
from cropland.tiles import Tiles
from cropland.writing import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cropland.commands import Map
    from cropland.countries import Country
    from cropland.extents import Tile
    from cropland.mapfacts import Facts
    from cropland.rasters import Layer
    from cropland.tracking import Record, Store
    from cropland.window import Window

PICTURE, PAGE = "quicklook.png", "map.html"
MAP = "map"
_MODULES = ("cropland.maprun", "sklearn.ensemble", "odc.geo.xr")
_NAMED = 5


@dataclass(frozen=True, eq=False)
class Plan:
    """A map that can be made: all of it has been checked."""

    command: Map
    country: Country
    champion: Champion
    work: maprun.Work
    window: Window
    key: str
    tiles: Sequence[Tile]

    @property
    def folder(self) -> Path:
        """Where its layers go."""
        return Path(self.command.output) / self.country.name

    @property
    def store(self) -> Tiles:
        """Its finished tiles."""
        return Tiles(self.folder / f"tiles-{self.key[:12]}-{self.command.chunk}")

    @property
    def threshold(self) -> float | None:
        """The largest dissimilarity inside the area of applicability."""
        known = self.work.fitted.applicability
        return None if known is None else known.threshold

    @property
    def tags(self) -> dict[str, str]:
        """What its files say of themselves: nothing that differs from one run to the next."""
        version, window = self.champion.version, self.window
        grid = self.work.extent.grid
        told = {
            "MODEL": f"{version.name} version {version.version}",
            "COUNTRY": self.country.title,
            "WINDOW": f"{window.first} to {window.last}",
            "SOURCE": self.command.source.name,
            "RESOLUTION": f"{grid.resolution.x:g} m",
            "KEY": self.key,
        }
        if self.threshold is not None:
            told["APPLICABILITY_THRESHOLD"] = f"{self.threshold:.6g}"
        if self.command.source.name == "simulated":
            told["NOTE"] = "a made-up landscape, which speaks of no real country"
        return told


def run(command: Map, countries: Sequence[Country]) -> None:
    """Map an area, track what comes of it, and say where it is.

    Raises
    ------
    CroplandError
        Whatever can be known to be wrong before any work; tiles that could not be mapped.
    """
    if len(countries) > 1:
        raise ConfigError("a map is of one country; name it, as in country=iran")
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    extent = _extent(command, countries[0])
    store = tracking.open_store(command.tracking, tracking.experiment_of(command.source.name))
    plan = _planned(command, countries[0], extent, store)
    if _is_there(plan) and not command.force:
        _say_done(plan, json.loads((plan.folder / FACTS).read_text(encoding="utf-8")), again=True)
        return
    for said in plan.champion.warnings:
        console.print(f"[yellow]warning[/] {escape(said)}")
    _prepare_cluster(command)
    tags = {"kind": MAP, **code_tags()}
    with store.candidate(f"map {plan.country.name}", tags, None) as record:
        record.params |= _params(plan)
        _map_tiles(plan, console)
        facts = _put_together(plan, store, record, console)
    shutil.rmtree(plan.store.folder)
    _say_done(plan, facts, again=False)


def _extent(command: Map, country: Country) -> Extent:
    """Give what is to be mapped.

    Raises
    ------
    CroplandError
        No box or geometry where one is needed, or one that has nothing to map.
    """
    if command.box is not None:
        asked = Extent.of_box(command.box, command.resolution)
    elif command.geometry is not None:
        asked = Extent.of_file(Path(command.geometry), command.resolution)
    elif command.cube is None:
        raise ConfigError(
            f"what is to be mapped? give box=[west,south,east,north] or geometry=FILE.geojson; "
            f"{country.name} reaches over {country.box}"
        )
    if command.cube is not None:
        grid = cubes.opened(command.cube).grid
        if command.box is None and command.geometry is None:
            return Extent(grid)
        return asked.within(grid)
    if command.source.name == "simulated":
        _check_inside(asked, country)
    return asked


def _check_inside(asked: Extent, country: Country) -> None:
    """Refuse an area that is not simulated."""
    from cropland.sources.grid import box_of

    own, there = country.box, box_of(asked.grid)
    margin = 0.01  # degrees: a grid reaches a little beyond the area that it covers
    if not (
        own.west - margin <= there.west
        and there.east <= own.east + margin
        and own.south - margin <= there.south
        and there.north <= own.north + margin
    ):
        raise DataError(
            f"the simulated {country.name} reaches over {own}, the area over {there}; choose one inside"
        )


def _planned(command: Map, country: Country, extent: Extent, store: Store) -> Plan:
    """Check all that can be checked before any work."""
    _check_output(Path(command.output) / country.name)
    check_there(command, [country], store)
    champion = Champion.of(command, country, store)
    window = champion.window(command.reference_end)
    imagery = Imagery(
        source=command.source,
        paths=command.paths,
        country=country,
        file=None if command.cube is None else str(Path(command.cube).resolve()),
        first=window.first,
        last=window.last,
        bands=champion.fitted.measured,
    )
    try:
        imagery.check(extent.grid)
    except NoImage as error:
        raise WindowError(f"{error}: the model looks at {window}") from error
    tiles = extent.tiles(command.chunk)
    if not tiles:
        raise DataError(
            f"the geometry has no pixel of {command.resolution} m in it; take a smaller resolution"
        )
    work = maprun.Work(champion.fitted, imagery, extent, season_of(command.reference_end))
    outline = "" if extent.outline is None else extent.outline.wkt
    version = champion.version
    key = archive.fingerprint(
        *(version.name, version.version, version.run_id, model.code(), imagery.mark),
        *(str(extent.grid), outline, Path(maprun.__file__)),
    )
    return Plan(command, country, champion, work, window, key, tiles)


def _check_output(folder: Path) -> None:
    """Refuse, before any work, a folder that cannot be written to."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise DataError(f"cannot write to {folder}: {there} is no folder of yours; set output")


def _layers(plan: Plan) -> list[Layer]:
    return maplayers.layers_of(
        exact=plan.command.exact, applicability=plan.work.fitted.applicability is not None
    )


def _is_there(plan: Plan) -> bool:
    """Tell whether the same map has been made before."""
    facts = plan.folder / FACTS
    files = [plan.folder / f"{layer.name}.tif" for layer in _layers(plan)]
    if not all(path.is_file() for path in (facts, *files)):
        return False
    try:
        found = json.loads(facts.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("key") == plan.key


def _map_tiles(plan: Plan, console: Console) -> None:
    """Map the tiles that are not there.

    Raises
    ------
    DataError
        Some could not be mapped; those that could are kept.
    """
    missing = plan.store.missing(plan.tiles)
    there = len(plan.tiles) - len(missing)
    kept = f", {there} of them from before" if there else ""
    console.print(
        f"mapping {plan.work.extent.n_pixels:,} pixels of {plan.work.extent.grid.resolution.x:g} m in "
        f"{len(plan.tiles)} tiles{kept}: {plan.country.title}, {plan.window}"
    )
    if not missing:
        return
    failed: list[maprun.Failure] = []
    done = there
    with _cluster(plan, len(missing)) as client, Meter(console, "tiles", len(plan.tiles)) as meter:
        for tile, found in maprun.run(client, plan.work, missing, plan.command.tries):
            signals.heed()
            if isinstance(found, maprun.Failure):
                failed.append(found)
                continue
            plan.store.write(tile, found)
            done += 1
            meter.show(done, done - there)
    if failed:
        told = "; ".join(f"{each.tile.name}: {each.reason}" for each in failed[:_NAMED])
        more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        raise DataError(
            f"{len(failed)} of {len(plan.tiles)} tiles could not be mapped in {plan.command.tries} attempts "
            f"({told}{more}); the others are kept: give the same command again to go on"
        )


def _prepare_cluster(command: Map) -> None:
    """Join a running cluster, before any work; or start what workers are forked from."""
    try:
        clusters.prepare(command.dask.scheduler, _MODULES)
    except ConnectionError as error:
        raise ConfigError(f"dask.scheduler: {error}") from error


@contextmanager
def _cluster(plan: Plan, n_tiles: int) -> Iterator[Any]:
    """Open the cluster that was asked for."""
    chosen = plan.command.dask
    workers = chosen.workers or os.cpu_count() or 1
    with clusters.opened(chosen.scheduler, min(workers, n_tiles)) as client:
        yield client


def _put_together(plan: Plan, store: Store, record: Record, console: Console) -> Facts:
    """Write the layers of a map, its picture and page; fill its record; give its facts."""
    from cropland.figures import maps, pages

    layers = _layers(plan)
    with Meter(console, "layers", len(layers)) as meter:
        counted = maplayers.write(
            plan.folder,
            layers,
            plan.work.extent,
            plan.tiles,
            plan.store,
            threshold=plan.threshold,
            tags=plan.tags,
            say=lambda done: meter.show(done, done),
        )
    facts = mapfacts.facts_of(counted, plan.tags, _cross_validated(plan, store), plan.threshold)
    paths = {layer.name: plan.folder / f"{layer.name}.tif" for layer in layers}
    title = f"Cropland of {plan.country.title}"
    told = dict(mapfacts.told(facts))
    lines = [f"{told['model']}; {told['window']}", f"cropland {told['cropland']}"]
    picture = maps.quicklook(paths, title=title, subtitle=lines, note=plan.tags.get("NOTE", ""))
    page = pages.page(paths, title=title, facts=told, note=plan.tags.get("NOTE", ""))
    text = json.dumps(facts, indent=2) + "\n"
    (plan.folder / PICTURE).write_bytes(picture)
    write_whole(plan.folder / PAGE, page)
    write_whole(plan.folder / FACTS, text)  # the last: it says that all is there
    record.files |= {PICTURE: picture, PAGE: page, FACTS: text}
    record.metrics |= mapfacts.metrics(facts)
    return facts


def _cross_validated(plan: Plan, store: Store) -> dict[str, float]:
    """Give the share of each class's labelled points that the champion's cross-validation found."""
    run = store.client.get_run(str(plan.champion.version.run_id))
    return predictions.recalls(store.read(run, predictions.FILE))


def _params(plan: Plan) -> dict[str, object]:
    """Give what makes the map, as its run keeps it."""
    command, grid = plan.command, plan.work.extent.grid
    return {
        "country": plan.country.name,
        "source": command.source.name,
        "model": f"{plan.champion.version.name}/{plan.champion.version.version}",
        "window_start": plan.window.first,
        "window_end": plan.window.last,
        "box": command.box or "",
        "geometry": command.geometry or "",
        "cube": command.cube or "",
        "crs": str(grid.crs),
        "resolution": grid.resolution.x,
        "n_tiles": len(plan.tiles),
        "key": plan.key,
    }


def _say_done(plan: Plan, facts: Facts, *, again: bool) -> None:
    """Say what there is now, and what to do next."""
    screen = Console(highlight=False, soft_wrap=True)
    there = " is there already; force=true maps it again" if again else ""
    screen.print(f"{escape(str(plan.folder))}{there}")
    for name, said in mapfacts.told(facts):
        screen.print(f"  {name}: {escape(said)}")
    screen.print(f"look: {escape(str(plan.folder / PAGE))}, {escape(str(plan.folder / PICTURE))}")
    screen.print(
        f"next, an area that can be defended: python scripts/assess.py map={escape(str(plan.folder))}"
    )
    if plan.command.source.name == "simulated":
        screen.print("source=simulated: a made-up landscape, this map speaks of no real country")
