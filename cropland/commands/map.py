"""Maps: the command and its story.

Area → grid → tiles → images of a tile → the registered model → finished tiles on disk → layers, a picture, a
page and what they add up to, tracked with the version of the model that made them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from rich.markup import escape

from cropland.errors import ConfigError, DataError
from cropland.maps import assemble, compute, layers
from cropland.maps import facts as mapfacts
from cropland.maps.finished_map import FACTS
from cropland.maps.plan import PAGE, PICTURE, planned
from cropland.support import dask_cluster, signals, terminal
from cropland.support.progress import Meter
from cropland.support.words import count
from cropland.support.writing import write_whole
from cropland.tracking.opening import open_store
from cropland.tracking.provenance import code_tags
from cropland.training import out_of_fold

if TYPE_CHECKING:
    from rich.console import Console

    from cropland.config.commands.map import Map
    from cropland.config.countries import Country
    from cropland.maps.facts import Facts
    from cropland.maps.plan import Plan
    from cropland.tracking.records import Record
    from cropland.tracking.store import Store

MAP = "map"
_MODULES = ("cropland.maps.compute", "sklearn.ensemble", "odc.geo.xr")
_NAMED = 5


def run(command: Map, countries: Sequence[Country]) -> None:
    """Map an area, track what comes of it, and say where it is.

    Raises
    ------
    CroplandError
        Whatever can be known to be wrong before any work; tiles that could not be mapped.
    """
    console = terminal.notes()
    store = open_store(command.tracking, command.source.name)
    plan = planned(command, countries, store)
    before = plan.there()
    if before is not None:
        _say_done(plan, before, again=True)
        return
    for said in plan.champion.warnings:
        console.print(f"[yellow]warning[/] {escape(said)}")
    _prepare_cluster(command)
    tags = {"kind": MAP, **code_tags()}
    store.close_orphans()
    with _alone(plan):
        with store.running(f"map {plan.country.name}", tags, None) as record:
            record.params |= _params(plan)
            _map_tiles(plan, console)
            facts = _put_together(plan, store, record, console)
        # It says that all is there, layers and run; tiles are kept until then.
        write_whole(plan.folder / FACTS, record.files[FACTS])
        _tidy(plan.folder)
    _say_done(plan, facts, again=False)


@contextmanager
def _alone(plan: Plan) -> Iterator[None]:
    """Let one process at a time write to a folder."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(plan.folder / ".lock", timeout=0)
    try:
        with lock:
            yield
    except Timeout as error:
        raise DataError(
            f"{plan.folder} is being written to by another command; wait for it, or set output"
        ) from error


def _prepare_cluster(command: Map) -> None:
    """Join a running cluster, before any work; or start what workers are forked from."""
    try:
        dask_cluster.prepare(command.dask.scheduler, _MODULES)
    except ConnectionError as error:
        raise ConfigError(f"dask.scheduler: {error}") from error


def _map_tiles(plan: Plan, console: Console) -> None:
    """Map the tiles that are not there.

    Raises
    ------
    DataError
        Some could not be mapped; those that could are kept.
    """
    missing = plan.store.missing(plan.tiles)
    there = done = len(plan.tiles) - len(missing)
    kept = f", {there} of them from before" if there else ""
    console.print(
        f"mapping a grid of {plan.work.extent.n_pixels:,} pixels of "
        f"{plan.work.extent.grid.resolution.x:g} m in {count(len(plan.tiles), 'tile')}{kept}: "
        f"{plan.country.title}, {plan.window}"
    )
    if not missing:
        return
    chosen, failed = plan.command.dask, list[compute.Failure]()
    workers = min(chosen.workers or os.cpu_count() or 1, len(missing))
    with (
        dask_cluster.opened(chosen.scheduler, workers) as client,
        Meter(console, "tiles", len(plan.tiles)) as meter,
    ):
        try:
            for tile, found in compute.run(client, plan.work, missing, plan.command.tries):
                signals.heed()
                if isinstance(found, compute.Failure):
                    failed.append(found)
                    continue
                plan.store.write(tile, found)
                done += 1
                meter.show(done, done - there)
        except (KeyboardInterrupt, SystemExit):
            console.print(
                f"stopped: {done} of {count(len(plan.tiles), 'tile')} are kept; give the same command "
                f"again to go on"
            )
            raise
    if failed:
        raise DataError(_in_words(failed, plan, console))


def _in_words(failed: Sequence[compute.Failure], plan: Plan, console: Console) -> str:
    """Name the tiles that failed, all of them on screen and some in the error."""
    for each in failed:
        console.print(f"[red]failed[/] tile {each.tile.name}: {escape(each.reason)}")
    told = "; ".join(f"{each.tile.name}: {each.reason}" for each in failed[:_NAMED])
    more = f" and {len(failed) - _NAMED} more, see above" if len(failed) > _NAMED else ""
    return (
        f"{len(failed)} of {len(plan.tiles)} tiles could not be mapped in {plan.command.tries} attempts "
        f"({told}{more}); what is mapped is kept: mend this, and give the same command again to go on"
    )


def _put_together(plan: Plan, store: Store, record: Record, console: Console) -> Facts:
    """Write the layers of a map, its picture and page; fill its record; give its facts."""
    from cropland.maps import page as pages
    from cropland.maps import quicklook

    _take_away(plan)
    with Meter(console, "layers", len(plan.layers)) as meter:
        counted = assemble.write(
            plan.folder,
            plan.layers,
            plan.work.extent,
            plan.tiles,
            plan.store,
            threshold=plan.threshold,
            tags=plan.tags,
            say=lambda done: meter.show(done, done),
        )
    run_of_model = store.run(str(plan.champion.version.run_id))
    recalls = out_of_fold.recalls(store.read(run_of_model, out_of_fold.FILE))
    facts = mapfacts.facts_of(counted, plan.tags, recalls, plan.threshold)
    paths = {layer.name: plan.folder / f"{layer.name}.tif" for layer in plan.layers}
    title, note = f"Cropland of {plan.country.title}", plan.tags.get("NOTE", "")
    told = dict(mapfacts.told(facts))
    lines = [f"{told['model']}; {told['window']}", f"cropland {told['cropland']}"]
    picture = quicklook.quicklook(paths, title=title, subtitle=lines, note=note)
    page = pages.page(paths, title=title, facts=told, note=note)
    write_whole(plan.folder / PICTURE, picture)
    write_whole(plan.folder / PAGE, page)
    text = json.dumps(facts, indent=2) + "\n"
    record.files |= {PICTURE: picture, PAGE: page, FACTS: text}
    record.metrics |= mapfacts.metrics(facts)
    return facts


def _take_away(plan: Plan) -> None:
    """Take away what a folder says of another map; a sample stays, which somebody may have labelled."""
    ours = {layer.name for layer in plan.layers}
    old = [f"{name}.tif" for name in layers.LAYERS if name not in ours]
    for name in (FACTS, *old, *(f"assessment.{kind}" for kind in ("md", "png", "json"))):
        (plan.folder / name).unlink(missing_ok=True)


def _tidy(folder: Path) -> None:
    """Take away tiles, also those of maps that were given up, and what a kill has left half written."""
    for path in (*folder.glob("tiles-*"), *folder.glob(".*.tif.*")):
        shutil.rmtree(path, ignore_errors=True)


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
    screen = terminal.screen()
    there = " is there already; force=true maps it again" if again else ""
    screen.print(f"{escape(str(plan.folder))}{there}")
    for name, said in mapfacts.told(facts):
        screen.print(f"  {name}: {escape(said)}")
    if not facts["pixels"]["cropland"] + facts["pixels"]["other"]:
        screen.print(
            "[yellow]warning[/] no pixel was observed in the window, so that none has a class: look at the "
            "images, or choose another reference_end"
        )
    screen.print(f"look: {escape(str(plan.folder / PAGE))}, {escape(str(plan.folder / PICTURE))}")
    screen.print(
        f"next, an area that can be defended: python scripts/assess.py map={escape(str(plan.folder))}"
    )
    if plan.command.source.name == "simulated":
        screen.print(terminal.SIMULATED)
