"""Map an area by the champion of a country.

Area → grid → tiles → images of a tile → the registered model → finished tiles on disk → layers, a picture, a
page and what they add up to, tracked with the version of the model that made them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from cropland.commands import map_folder
from cropland.config.sources import Files
from cropland.errors import ConfigError, DataError
from cropland.maps import assemble, compute, gis_files
from cropland.maps.facts import FACTS, MapFacts
from cropland.maps.plan import PAGE, PICTURE, plan_map
from cropland.maps.size import size_in_words
from cropland.models import training_points
from cropland.support import dask_cluster, logs, signals, terminal
from cropland.support.progress import Meter, working
from cropland.support.words import command_line, count, ha, some
from cropland.support.writing import write_whole
from cropland.tracking.opening import open_store
from cropland.tracking.provenance import code_tags
from cropland.tracking.records import COUNTRY, KIND
from cropland.training import out_of_fold
from cropland.untrusted.texts import markdown_code, markdown_text

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client
    from rich.console import Console

    from cropland.config.commands.map import Map
    from cropland.config.countries import Country
    from cropland.maps.plan import MapPlan
    from cropland.tracking.records import Record
    from cropland.tracking.store import Store

log = logging.getLogger(__name__)
_MODULES = ("cropland.maps.compute", "sklearn.ensemble", "odc.geo.xr")
_NAMED = 5
_OTHERS = {
    PICTURE: ("image/png", "overview"),
    PAGE: ("text/html", "page"),
    FACTS: ("application/json", "metadata"),
}
"""Files of a map beside its layers: their media type and role, for a catalogue."""


def run(command: Map, countries: Sequence[Country]) -> None:
    """Map an area, track the run, and show the result.

    Raises
    ------
    CroplandError
        Whatever can be known to be wrong before any work; tiles that could not be mapped.
    """
    console = terminal.notes()
    store = open_store(command.tracking, command.source.name)
    with logs.timed(log, "checked the area and its images"):
        plan = plan_map(command, countries, store)
    for note in plan.notes:
        terminal.print_note(console, note)
    facts = plan.finished(partial(terminal.print_warning, console))
    if facts is not None:
        _show(plan, facts, again=True)
        return
    for warning in plan.champion.warnings:
        terminal.print_warning(console, warning)
    _prepare_cluster(command)
    store.close_orphans()
    with map_folder.locked(plan):
        tags = {KIND: "map", COUNTRY: plan.country.name, **code_tags()}
        with store.running(f"map {plan.country.name}", tags, None) as record:
            record.params |= _params(plan)
            record.note = _description(plan)
            _map_tiles(plan, console)
            facts = _finish(plan, store, record, console)
        # Its file shows that all is there, layers and run; tiles are kept until then.
        write_whole(plan.folder / FACTS, facts.as_json())
        map_folder.delete_tiles(plan.folder)
    _show(plan, facts, again=False)


def _prepare_cluster(command: Map) -> None:
    """Join a running cluster, before any work; or start what workers are forked from."""
    try:
        dask_cluster.prepare(command.dask.scheduler, _MODULES)
    except ConnectionError as error:
        raise ConfigError(f"dask.scheduler: {error}") from error


def _map_tiles(plan: MapPlan, console: Console) -> None:
    """Map the tiles that are missing.

    Raises
    ------
    DataError
        Some could not be mapped; those that could are kept.
    """
    missing = plan.store.missing(plan.tiles)
    kept = done = len(plan.tiles) - len(missing)
    before = f", {kept} of them from before" if kept else ""
    size = size_in_words(plan.work.extent, len(plan.tiles), plan.command)
    console.print(f"mapping {plan.country.title}, {plan.window}: a grid of {size}{before}")
    if not missing:
        return
    failures, shares = list[str](), compute.TileShares(missing)
    with (
        _workers(plan, len(missing), console) as client,
        Meter(console, "tiles", len(plan.tiles)) as meter,
    ):

        def report(name: str, share: float) -> None:
            shares.note(name, share)
            meter.show(done, done - kept, share=shares.total)

        work, tries = plan.work, plan.command.tries
        try:
            for tile, result in compute.map_tiles(client, work, missing, tries, report):
                signals.check()
                shares.note(tile.name, 1)
                if isinstance(result, str):
                    failures.append(f"{tile.name}: {result}")
                    continue
                plan.store.write(tile, result)
                done += 1
                log.debug("tile %s is there", tile.name)
                meter.show(done, done - kept, share=shares.total)
        except (KeyboardInterrupt, SystemExit):
            console.print(
                f"stopped: {done} of {count(len(plan.tiles), 'tile')} are kept; run the same command "
                "again to continue"
            )
            raise
    if failures:
        raise DataError(_name_failures(failures, plan, console))


@contextmanager
def _workers(plan: MapPlan, n_tiles: int, console: Console) -> Iterator[Client]:
    """Open the cluster that maps tiles, and show that it starts."""
    dask = plan.command.dask
    workers = min(dask.workers or os.cpu_count() or 1, n_tiles)
    what = f"joining {dask.scheduler}" if dask.scheduler else f"starting {count(workers, 'worker')}"
    with ExitStack() as stack:
        with working(console, what):
            client = stack.enter_context(dask_cluster.opened(dask.scheduler, workers))
        yield client


def _name_failures(reasons: Sequence[str], plan: MapPlan, console: Console) -> str:
    """Print the tiles that failed, and return the error that names the first of them."""
    for reason in reasons:
        terminal.print_failure(console, "failed", f"tile {reason}")
    return (
        f"{len(reasons)} of {len(plan.tiles)} tiles could not be mapped in {plan.command.tries} attempts "
        f"({some(reasons, show=_NAMED)}); mapped tiles are kept: fix this, and run the same command "
        "again to continue"
    )


def _finish(plan: MapPlan, store: Store, record: Record, console: Console) -> MapFacts:
    """Write the layers of a map, its picture and page; fill its record; return its facts."""
    map_folder.delete_other_map(plan)
    with logs.timed(log, "wrote the layers"), Meter(console, "layers", len(plan.layers)) as meter:
        counts = assemble.write(
            plan.folder,
            plan.layers,
            plan.work.extent,
            plan.tiles,
            plan.store,
            threshold=plan.threshold,
            tags=plan.tags,
            show=lambda done: meter.show(done, done),
        )
    facts = MapFacts.of(counts, plan.tags, _recalls(plan, store, console), plan.threshold)
    say = partial(terminal.print_note, console)
    points = training_points.of_champion(plan.champion, store, say)
    with working(console, f"drawing {PICTURE} and {PAGE}"):
        picture, page = _draw(plan, facts, points)
    write_whole(plan.folder / PICTURE, picture)
    write_whole(plan.folder / PAGE, page)
    gis_files.write(plan.folder, plan.layers, plan.work.extent.grid, counts, plan.tags, _OTHERS)
    facts = facts.with_files(plan.folder, plan.files)
    record.files |= {PICTURE: picture, PAGE: page, FACTS: facts.as_json()}
    record.metrics |= facts.metrics()
    record.note = _description(plan, facts)
    return facts


def _description(plan: MapPlan, facts: MapFacts | None = None) -> str:
    """Return the description of a map's run: what it is, what was counted, what to do next."""
    title = f"**Map: {markdown_text(_title(plan))}**"
    if facts is None:
        return "\n\n".join([title, *map(markdown_text, plan.notes)])
    assess = markdown_code(f"cropland assess map={plan.folder}")
    counted = (
        f"{ha(facts.hectares['cropland'])} ha cropland, {ha(facts.hectares['other'])} ha other, by "
        f"counting pixels, which is biased. {assess} estimates hectares with confidence "
        f"intervals. The map is `{PAGE}` under Artifacts."
    )
    return "\n\n".join([f"{title}: {counted}", *map(markdown_text, [*facts.warnings, *plan.notes])])


def _title(plan: MapPlan) -> str:
    return plan.champion.title(plan.country, plan.command.reference_end)


def _recalls(plan: MapPlan, store: Store, console: Console) -> dict[str, float]:
    """Return the recall of each class in cross-validation; none where the run of the model was deleted."""
    try:
        run = store.run(str(plan.champion.version.run_id))
        return out_of_fold.recalls(store.read(run, out_of_fold.FILE))
    except DataError as error:
        terminal.print_note(console, f"without cross-validated recall: {error}")
        return {}


def _draw(plan: MapPlan, facts: MapFacts, points: pd.DataFrame) -> tuple[bytes, str]:
    """Draw the layers of a map: a picture, and a page for a browser with the training points."""
    from cropland.maps import page, quicklook

    paths = {layer.name: plan.folder / f"{layer.name}.tif" for layer in plan.layers}
    note = plan.tags.get("NOTE", "")
    titles = [
        terminal.titled(f"Cropland: {of}", simulated=bool(note))
        for of in (plan.country.title, _title(plan))
    ]
    lines = dict(facts.lines())
    subtitle = [f"{_title(plan)}: {lines['model']}", f"cropland {lines['cropland']}"]
    subtitle += [warning.partition(":")[0] for warning in facts.warnings]
    return (
        quicklook.quicklook(paths, title=titles[0], subtitle=subtitle, note=note),
        page.page(
            paths,
            title=titles[1],
            facts=lines,
            note=". ".join(filter(None, [note, *facts.warnings])),
            points=page.training_points(points, plan.work.extent.grid),
        ),
    )


def _params(plan: MapPlan) -> dict[str, object]:
    """Return what decides the map, as parameters of its run."""
    command, grid = plan.command, plan.work.extent.grid
    source, read = command.source, dict[str, object]()
    if isinstance(source, Files):
        read = {"source.scale": source.scale, "source.remove_offset": source.remove_offset}
    return {
        "country": plan.country.name,
        "source": command.source.name,
        "model": f"{plan.champion.version.name}/{plan.champion.version.version}",
        "window_start": plan.window.first,
        "window_end": plan.window.last,
        "box": command.box or "",
        "geometry": command.geometry or "",
        "cube": command.cube or "",
        **read,
        "crs": str(grid.crs),
        "resolution": grid.resolution.x,
        "n_tiles": len(plan.tiles),
        "key": plan.key,
    }


def _show(plan: MapPlan, facts: MapFacts, *, again: bool) -> None:
    """Print what a map has, and what to do next."""
    screen = terminal.screen()
    there = " already exists; force=true maps it again" if again else ""
    screen.print(f"{terminal.literal(plan.folder)}{there}")
    for name, words in facts.lines():
        screen.print(f"  {name}: {terminal.literal(words)}")
    screen.print(
        f"look: {terminal.literal(plan.folder / PAGE)}, {terminal.literal(plan.folder / PICTURE)}"
    )
    screen.print(
        f"next, an area estimate with its confidence interval: "
        f"{terminal.literal(command_line('assess', f'map={plan.folder}'))}"
    )
    if plan.command.source.name == "simulated":
        screen.print(terminal.SIMULATED)
    for warning in facts.warnings:
        terminal.print_warning(screen, warning)
