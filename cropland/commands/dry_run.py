"""What ``promote``, ``predict`` and ``map`` would do, with ``dry_run=true``.

All checks are made that the command makes before any work, and nothing is written. What would be made first,
such as an archive, goes to a temporary folder, which is deleted.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.commands import predict_input
from cropland.commands.dry_run_sweep import print_lines
from cropland.commands.estimates import size, time_of
from cropland.errors import CroplandError
from cropland.models import registry
from cropland.models.champion import champions_of
from cropland.support import terminal
from cropland.support.words import count, in_words
from cropland.support.writing import temporary_folder
from cropland.tracking.opening import open_for_reading
from cropland.tracking.records import COUNTRY, KIND

if TYPE_CHECKING:
    from cropland.config.commands.map import Map
    from cropland.config.commands.predict import Predict
    from cropland.config.commands.promote import Promote
    from cropland.config.countries import Country
    from cropland.maps.plan import MapPlan
    from cropland.models.champion import Champion
    from cropland.tracking.store import Store

_BYTES_PER_POINT = 100
"""Of a file of predictions."""


def promote(command: Promote, countries: Sequence[Country], _: Sequence[str] = ()) -> None:
    """Print what would be compared, and which model may be replaced.

    Raises
    ------
    CroplandError
        Of a country nothing can be promoted; the plan of the others is printed first.
    """
    from cropland.commands.promote import check

    check(command)
    failed: list[CroplandError] = []
    lines: list[str] = []
    with temporary_folder() as scratch:
        store = open_for_reading(command.tracking, command.source.name, scratch)
        for country in countries:
            try:
                lines.append(_promotion(command, country, store, scratch))
            except CroplandError as error:
                failed.append(error)
        if lines:
            lines.append(time_of(store, "promotion", len(lines)))
    if lines:
        lines.append("not known before: which is selected, and whether it replaces the champion")
        print_lines(lines, simulated=store.is_simulated)
    for other in failed[:-1]:
        terminal.print_failure(terminal.notes(), "not promoted", str(other))
    if failed:
        raise failed[-1]


def _promotion(command: Promote, country: Country, store: Store, scratch: Path) -> str:
    """Return what would be compared of one country."""
    from cropland.models import champion_comparison, competition
    from cropland.models.finalists import finalist_ids
    from cropland.sources import opening

    archive = opening.archive_of(command.source, command.paths, country, scratch=scratch)
    field, runs = competition.field_of(command, country, archive, store, terminal.notes().print)
    finalists = finalist_ids(field, command, country)
    name = registry.model_name(command.source.name, country.name)
    champion = registry.version_of(store.client, name, registry.CHAMPION)
    if champion and not command.force:
        champion_comparison.check_files(champion, store)
    best = runs[finalists[0]]
    rule = command.promotion.rule
    how = (
        f"the mean of {len(finalists)}"
        if rule == "average"
        else f"{count(len(finalists), 'finalist')}, scored again in {command.promotion.repeats} repeats"
    )
    present = f"champion is version {champion.version}" if champion else "no champion yet"
    return (
        f"{country.name}: {count(len(field.eligible), 'candidate')}, the best {best.name} "
        f"({best.metrics['accuracy']:.3f}); rule {rule}: {how}; {name}: {present}"
    )


def predict(command: Predict, countries: Sequence[Country]) -> None:
    """Print which points would be predicted by which models, and the files that would be written.

    Raises
    ------
    CroplandError
        As the command itself, before it predicts.
    """
    predict_input.check_output(command)
    lines, total = list[str](), 0
    with temporary_folder() as scratch:
        store = open_for_reading(command.tracking, command.source.name, scratch)
        asked = predict_input.asked_points(command, countries)
        champions = champions_of(command, countries, store)
        _warn(champions.values())
        for country in countries:
            champion, number = champions[country.name], 0
            archive = predict_input.archive_of(command, country, asked, terminal.notes(), scratch)
            if archive is not None:
                champion.check_archive(archive, command.reference_end)
                number = int((archive.points["Target"].to_numpy() < 0).sum())
            total += number
            lines.append(f"{country.name}: {count(number, 'point')} by {_version(champion)}")
        if command.points is None and len(countries) == 1:
            for note in predict_input.left_out(asked, total, countries[0].name):
                terminal.print_note(terminal.notes(), note)
        lines.append(time_of(store, "prediction"))
    files = [f"{command.output} (about {size(total * _BYTES_PER_POINT)})"]
    files += [command.page] if command.page else []
    lines.append(f"files: {', '.join(files)}; and one run in MLflow")
    print_lines(lines, simulated=command.source.name == "simulated")


def map(command: Map, countries: Sequence[Country]) -> None:  # the command's name
    """Print which tiles would be mapped, how long it takes, and the files that would be written.

    Raises
    ------
    CroplandError
        Whatever can be known to be wrong before any work.
    """
    from cropland.commands.map_folder import check_free
    from cropland.maps.plan import plan_map

    notes = terminal.notes()
    with temporary_folder() as scratch:
        store = open_for_reading(command.tracking, command.source.name, scratch)
        plan = plan_map(command, countries, store)
        for note in plan.notes:
            terminal.print_note(notes, note)
        facts = plan.finished(lambda why: terminal.print_warning(notes, why))
        if facts is None:
            _warn([plan.champion])
            check_free(plan)
        lines = [f"{plan.country.name}: by {_version(plan.champion)}, images of {plan.window}"]
        if facts is None:
            lines += _tiles(plan, store)
        else:
            lines.append(f"{plan.folder} already exists, nothing to do; force=true maps it again")
    print_lines(lines, simulated=command.source.name == "simulated")


def _tiles(plan: MapPlan, store: Store) -> list[str]:
    """Return which tiles would be mapped, how long that takes, and the files that come of it."""
    from cropland.maps import gis_files
    from cropland.maps.facts import FACTS
    from cropland.maps.size import size_in_words

    command, missing = plan.command, plan.store.missing(plan.tiles)
    kept = len(plan.tiles) - len(missing)
    before = f"; {count(kept, 'tile')} from before" if kept else ""
    lines = [f"grid: {size_in_words(plan.work.extent, len(plan.tiles), command)}{before}"]
    n_pixels = sum(tile.grid.shape[0] * tile.grid.shape[1] for tile in missing)
    rates = seconds_per_pixel(store, plan.country.name, command.source.name)
    if rates:
        seconds = in_words(statistics.median(rates) * n_pixels)
        lines.append(
            f"time: about {seconds} (median of {count(len(rates), 'finished map')}, whole)"
        )
    else:
        lines.append("time: no more is known, no map of this country has finished yet")
    if command.source.name not in ("simulated", "files"):
        lines.append("requests: those of the images of each tile; how many is not known before")
    names = [*plan.files, FACTS, *gis_files.names_of(layer.name for layer in plan.layers)]
    lines.append(
        f"files: {count(len(names), 'file')} in {plan.folder}, as {', '.join(names[:3])}; and one run"
    )
    return lines


def seconds_per_pixel(store: Store, country: str, source: str) -> list[float]:
    """Return how long finished maps of a country took, a pixel."""
    condition = (
        f"tags.{KIND} = 'map' and tags.{COUNTRY} = '{country}' and params.source = '{source}'"
    )
    return [
        run.seconds / run.metrics["n_pixels"]
        for run in store.newest_finished(condition)
        if run.seconds and run.metrics.get("n_pixels", 0) > 0
    ]


def _warn(champions: Iterable[Champion]) -> None:
    """Print what models warn of."""
    for champion in champions:
        for warning in champion.warnings:
            terminal.print_warning(terminal.notes(), warning)


def _version(champion: Champion) -> str:
    """Return the name and the version of a model."""
    return f"{champion.version.name} version {champion.version.version}"
