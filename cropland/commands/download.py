"""The command that downloads: plan, fetch, show.

Points → their places → what of them is missing → chunks → parts on disk. Nothing is asked of a service before
the plan is on screen, and nothing at all where nothing is missing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.config.sources import Fetched
from cropland.errors import ConfigError, DataError, nearest
from cropland.observations import point_counts, points
from cropland.observations.bands import SCENE_CLASS, STANDARD_NAMES
from cropland.sources.download import fetching, summary
from cropland.sources.download import source as fetched
from cropland.sources.download.plan import plan_of
from cropland.sources.retries import Attempts
from cropland.support import terminal
from cropland.support.progress import Meter, working
from cropland.support.words import count, in_words, some

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from cropland.config.commands.download import Download
    from cropland.config.countries import Country
    from cropland.sources.download.fetching import Tally
    from cropland.sources.download.plan import DownloadPlan
    from cropland.sources.service import Service

_MONTH_DAYS = 30


def run(command: Download, countries: Sequence[Country], words: Sequence[str]) -> None:
    """Download what is missing of some countries and show what there is then.

    `words` are the overrides that say where the command works; the next command gets them too.

    Raises
    ------
    CroplandError
        No points, a service that refuses, or chunks that could not be fetched.
    """
    source = _fetched(command)
    console = terminal.notes()
    if command.doctor:
        _examine(source, command, countries, console)
        return
    tables = _tables(source, command, countries, console)
    with working(console, "planning"):
        plans = _planned(source, command, tables, console)
    if any(plan.chunks for plan in plans):
        console.print(summary.plan_table(source, plans))
    for line in summary.plan_notes(source, plans):
        console.print(line)
    if command.dry_run:
        return
    if any(plan.chunks for plan in plans):
        with ExitStack() as stack:
            for plan in plans:
                stack.enter_context(plan.parts.locked())
                plan.parts.discard(plan.damaged)
            # What another download has fetched meanwhile is not asked for again.
            _fetch_all(source, _planned(source, command, tables), console)
    else:
        _show(plans)
    following = summary.next_command(command, plans, words)
    terminal.screen().print(f"next: {following}", markup=False)


def _planned(
    source: fetched.Source,
    command: Download,
    tables: Sequence[tuple[Country, pd.DataFrame]],
    console: Console | None = None,
) -> list[DownloadPlan]:
    """Return what is to be fetched of each country; with a console, damaged parts are named on it."""
    plans = []
    for country, table in tables:
        parts = fetched.parts_of(source, command.paths, country)
        # Reading all of it once is enough: without a console it has just been done.
        damaged = parts.damaged() if console is not None else []
        if damaged and console is not None:
            text = f"{count(len(damaged), 'damaged part')} in {parts.folder}, to be fetched again"
            terminal.print_note(console, text)
        plans.append(plan_of(source, country, table, parts, damaged))
    return plans


def _fetched(command: Download) -> fetched.Source:
    """Check that the source is one that is fetched."""
    source = command.source
    if not isinstance(source, Fetched):
        raise ConfigError(
            f"source={source.name} has nothing to download; use source=earthengine or source=stac"
        )
    known = (*STANDARD_NAMES, SCENE_CLASS)
    for band in source.bands:
        if band not in known:
            raise ConfigError(
                f"source.bands has {band!r}, which is not a band of Sentinel-2; {nearest(band, known)}"
            )
    return source


def _tables(
    source: fetched.Source, command: Download, countries: Sequence[Country], console: Console
) -> list[tuple[Country, pd.DataFrame]]:
    """Read the points of each country that has any."""
    if command.points is None:
        where = command.paths.data
        table = points.read_points(Path(where), source.labelled, source.unlabelled)
    else:
        table, where = points.read_given(Path(command.points)), command.points
    point_counts.check_not_swapped(table, countries, where)
    tables = [(country, points.inside(table, country.box)) for country in countries]
    without = [country.name for country, inside in tables if inside.empty]
    if len(without) == len(tables):
        boxes = "; ".join(f"{country.name}: {country.box}" for country in countries)
        raise DataError(
            f"no point of {where} lies in the box of a country ({boxes}); check the points, or the box in "
            f"conf/country"
        )
    if without:
        terminal.print_note(console, f"no points of {', '.join(without)} in {where}")
    if command.points is not None:  # points files serve many countries: most are outside
        _note_outside(table, tables, console)
    return [(country, inside) for country, inside in tables if not inside.empty]


def _note_outside(
    table: pd.DataFrame, tables: Sequence[tuple[Country, pd.DataFrame]], console: Console
) -> None:
    """Write a note on the points that lie in no country's box."""
    inside = {identifier for _, part in tables for identifier in part["ID"]}
    outside = [identifier for identifier in table["ID"] if identifier not in inside]
    if outside:
        names = ", ".join(country.name for country, _ in tables)
        terminal.print_note(
            console,
            f"{len(outside)} of {len(table)} points lie outside the box of {names}: "
            f"{some(outside, summary.NAMED)}",
        )


def _show(plans: Sequence[DownloadPlan]) -> None:
    """Print what there is of each country now."""
    screen = terminal.tables()
    screen.print(summary.observations_table(plans))
    for text in summary.notes_of(plans):
        terminal.print_note(screen, text)


def _fetch_all(source: fetched.Source, plans: Sequence[DownloadPlan], console: Console) -> None:
    """Fetch what the plans lack, country by country, and show it."""
    attempts = Attempts(source.workers, source.tries, source.wait_seconds)
    with working(console, f"connecting to {source.name}"):
        service = fetched.connect(source, attempts)
    began = time.monotonic()
    failures: list[str] = []
    try:
        for plan in plans:
            if plan.chunks:
                failures += _fetch(source, service, plan, attempts, console)
    except (KeyboardInterrupt, SystemExit):
        console.print("stopped; what was fetched is kept, the same command goes on from there")
        raise
    finally:
        if any(True for plan in plans for _ in plan.parts):
            _show(plans)
            seconds = in_words(time.monotonic() - began)
            terminal.screen().print(
                f"{count(attempts.answers, 'request')} answered, "
                f"{count(attempts.retries, 'retry', 'retries')}, {seconds}"
            )
    if failures:
        raise DataError(
            f"{len(failures)} of {sum(len(plan.chunks) for plan in plans)} chunks could not be fetched, the "
            f"first: {failures[0]}"
        )


def _fetch(
    source: fetched.Source,
    service: Service,
    plan: DownloadPlan,
    attempts: Attempts,
    console: Console,
) -> list[str]:
    """Fetch what one country lacks, and return what went wrong with some chunks."""
    shown: set[str] = set()
    with Meter(console, f"chunks of {plan.country.name}", len(plan.chunks)) as meter:

        def show(tally: Tally) -> None:
            done = tally.chunks + len(tally.failures)
            failed = f", {len(tally.failures)} failed" if tally.failures else ""
            retries = count(attempts.retries, "retry", "retries")
            meter.show(done, done, f"{tally.observations} observations, {retries}{failed}")
            for note in tally.notes:
                if note not in shown:
                    shown.add(note)
                    terminal.print_note(console, note)

        tally = fetching.fetch(plan.chunks, service, plan.parts, source.bands, attempts, show)
    return tally.failures


def _examine(
    source: fetched.Source, command: Download, countries: Sequence[Country], console: Console
) -> None:
    """Check step by step what stands between the user and data.

    Raises
    ------
    DataError
        Something does.
    """
    country, table = _tables(source, command, countries, console)[0]
    first = country.reference.first
    month = (first, first + timedelta(days=_MONTH_DAYS - 1))
    lon, lat = table[["Lon", "Lat"]].iloc[0]
    attempts = Attempts(source.workers, tries=2, first_seconds=source.wait_seconds)
    screen = terminal.screen()
    for finding in fetched.examine(source, attempts, lon, lat, month):
        if not finding.ok:
            screen.print(f"[red]FAILED[/] {finding.step}")
            raise DataError(
                f"source={source.name} cannot be used yet: {finding.step}, {finding.text}"
            )
        screen.print(f"[green]ok    [/] {finding.step}: {terminal.literal(finding.text)}")
