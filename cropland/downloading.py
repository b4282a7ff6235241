"""The command that downloads: plan, fetch, tell.

Points → their places → what of them is missing → chunks → parts on disk. Nothing is asked of a service before
the plan is on screen, and nothing at all where nothing is missing.
"""

from __future__ import annotations

import gc
import shlex
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cropland import fetching, points
from cropland.bands import SCENE_CLASS, STANDARD_NAMES
from cropland.config import EarthEngine, Fetched
from cropland.errors import ConfigError, DataError, nearest
from cropland.meter import Meter, in_words
from cropland.plan import plan_of
from cropland.sources import fetched
from cropland.sources.attempts import Attempts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cropland.commands import Download
    from cropland.countries import Country
    from cropland.fetching import Tally
    from cropland.parts import Parts
    from cropland.plan import Plan
    from cropland.service import Service

_NAMED = 5
_MONTH_DAYS = 30
_DECIDE = (
    "paths.",
    *(f"source.{key}=" for key in ("bands", "margin_days", "catalog", "collection")),
    "source.catalogs.",
    *(f"source.{key}=" for key in ("labelled", "unlabelled")),
)
"""Overrides that the next command must be given too."""
_SECONDS_PER_REQUEST = 5.0
"""What an answer of Earth Engine is expected to take: an estimate, nothing here was measured there."""


def run(command: Download, countries: Sequence[Country], words: Sequence[str]) -> None:
    """Download what is missing of some countries and show what there is then.

    `words` are the overrides that say where the command works; the next command is told them too.

    Raises
    ------
    CroplandError
        No points, a service that refuses, or chunks that could not be fetched.
    """
    source = _fetched(command)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if command.doctor:
        _examine(source, command, countries, console)
        return
    tables = _tables(source, command, countries, console)
    with ExitStack() as stack:
        plans = []
        for country, table in tables:
            parts = fetched.parts_of(source, command.paths, country)
            if not command.dry_run:
                stack.enter_context(parts.locked())
            damaged = parts.damaged()
            _say_damaged(damaged, parts, console)
            plans.append(plan_of(source, country, table, parts, damaged))
            if not command.dry_run:
                parts.discard(damaged)
        for plan in plans:
            console.print(_in_words(source, plan))
        if command.dry_run:
            return
        _fetch_all(source, plans, console)
    _say_next(command, plans, words)


def _fetched(command: Download) -> fetched.Source:
    """Check that the source is one that is fetched."""
    source = command.source
    if not isinstance(source, Fetched):
        raise ConfigError(
            f"source={source.name} has nothing to download; take source=earthengine or source=stac"
        )
    known = (*STANDARD_NAMES, SCENE_CLASS)
    for band in source.bands:
        if band not in known:
            raise ConfigError(
                f"source.bands has {band!r}, which is no band of Sentinel-2; {nearest(band, known)}"
            )
    return source


def _tables(
    source: fetched.Source, command: Download, countries: Sequence[Country], console: Console
) -> list[tuple[Country, pd.DataFrame]]:
    """Read the points of each country that has any."""
    if command.points is None:
        everywhere = points.of_folder(Path(command.paths.data), source.labelled, source.unlabelled)
        where = command.paths.data
    else:
        everywhere = points.read(Path(command.points), labelled=False)
        where = command.points
    tables = [(country, points.inside(everywhere, country.box)) for country in countries]
    inside = {identifier for _, table in tables for identifier in table["ID"]}
    outside = [identifier for identifier in everywhere["ID"] if identifier not in inside]
    asked = command.points is not None  # of points files that serve many countries most are outside
    without = [country.name for country, table in tables if table.empty]
    if len(without) == len(tables):
        boxes = "; ".join(f"{country.name}: {country.box}" for country in countries)
        raise DataError(
            f"no point of {where} lies in the box of a country ({boxes}); check the points, or the box in "
            f"conf/country"
        )
    if without:
        console.print(f"[yellow]note[/] no points of {', '.join(without)} in {escape(where)}")
    if asked and outside:
        names = ", ".join(country.name for country, _ in tables)
        console.print(
            f"[yellow]note[/] {len(outside)} of {len(everywhere)} points lie outside the box of {names}: "
            f"{escape(_listed(outside))}"
        )
    return [(country, table) for country, table in tables if not table.empty]


def _say_damaged(damaged: Sequence[Path], parts: Parts, console: Console) -> None:
    if damaged:
        console.print(
            f"[yellow]note[/] {len(damaged)} parts in {escape(str(parts.folder))} are damaged: to be "
            f"fetched anew"
        )


def _in_words(source: fetched.Source, plan: Plan) -> str:
    """Say what a plan comes to."""
    first, last = plan.days
    head = f"{plan.country.name}: {len(plan.table)} points, {first} … {last}: "
    if not plan.chunks:
        return head + "all there, nothing to fetch"
    count = len(plan.chunks)
    if isinstance(source, EarthEngine):
        seconds = -(-count // source.workers) * _SECONDS_PER_REQUEST
        return head + (
            f"{count} requests, {min(source.workers, count)} at a time, about {in_words(seconds)} if one "
            f"takes {_SECONDS_PER_REQUEST:.0f} s (an estimate)"
        )
    from cropland.sources.stac.service import cost

    return head + cost(plan.chunks, len(source.bands))


def _fetch_all(source: fetched.Source, plans: Sequence[Plan], console: Console) -> None:
    """Fetch what the plans lack, country by country, and tell."""
    attempts = Attempts(source.workers, source.tries, source.wait_seconds)
    gc.enable()  # the start of a command has it off, and answers leave cycles behind
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own keeps 150 MB for so many threads
    service = fetched.connect(source, attempts) if any(plan.chunks for plan in plans) else None
    began = time.monotonic()
    failures: list[str] = []
    try:
        for plan in plans:
            if service is not None and plan.chunks:
                failures += _fetch(source, service, plan, attempts, console)
    finally:
        _show(plans, attempts, time.monotonic() - began)
    if failures:
        raise DataError(
            f"{len(failures)} of {sum(len(plan.chunks) for plan in plans)} chunks could not be fetched, the "
            f"first: {failures[0]}"
        )


def _fetch(
    source: fetched.Source, service: Service, plan: Plan, attempts: Attempts, console: Console
) -> list[str]:
    """Fetch what one country lacks; give what went wrong with some chunks."""
    said: set[str] = set()
    with Meter(console, f"chunks of {plan.country.name}", len(plan.chunks)) as meter:

        def show(tally: Tally) -> None:
            done = tally.chunks + len(tally.failures)
            meter.show(done, done, f"{tally.observations} observations, {attempts.retries} retries")
            for note in tally.notes:
                if note not in said:
                    said.add(note)
                    console.print(f"[yellow]note[/] {escape(note)}")

        tally = fetching.fetch(plan.chunks, service, plan.parts, source.bands, attempts, show)
    return tally.failures


def _show(plans: Sequence[Plan], attempts: Attempts, seconds: float) -> None:
    """Print what there is of each country now."""
    screen = Console(highlight=False, width=None if sys.stdout.isatty() else 132)
    table = Table(title="Observations of each country", title_justify="left")
    table.add_column("country")
    for name in ("points", "observations", "per point: min", "median", "max", "without any"):
        table.add_column(name, justify="right")
    for plan in plans:
        counts = plan.counts
        table.add_row(
            plan.country.name,
            str(len(counts)),
            str(counts.sum()),
            str(counts.min()),
            f"{np.median(counts):g}",
            str(counts.max()),
            str((counts == 0).sum()),
        )
    screen.print(table)
    screen.print(
        f"{attempts.answers} requests answered, {attempts.retries} retries, {in_words(seconds)}"
    )
    for plan in plans:
        for reason, ids in plan.without_any().items():
            screen.print(
                f"[yellow]note[/] {plan.country.name}: {len(ids)} points without any observation "
                f"({escape(reason)}): {escape(_listed(ids))}",
                soft_wrap=True,
            )


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_NAMED]) + (", …" if len(ids) > _NAMED else "")


def _say_next(command: Download, plans: Sequence[Plan], words: Sequence[str]) -> None:
    """Say which command comes next: to train, or to predict the points of a file."""
    script = "train" if command.points is None else "predict"
    kept = [] if command.points is None else [f"points={command.points}"]
    names = [plan.country.name for plan in plans]
    chosen = f"country={names[0]}" if len(names) == 1 else "country=all"
    kept += [word for word in words if word.startswith(_DECIDE)]
    following = shlex.join([f"source={command.source.name}", *kept, chosen])
    Console(highlight=False, soft_wrap=True).print(
        f"next: python scripts/{script}.py {following}", markup=False
    )


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
    screen = Console(highlight=False, soft_wrap=True)
    for finding in fetched.examine(source, attempts, lon, lat, month):
        mark = "[green]well[/]" if finding.well else "[red]ill [/]"
        screen.print(f"{mark} {finding.step}: {escape(finding.said)}")
        if not finding.well:
            raise DataError(
                f"source={source.name} cannot be used yet: {finding.step}, {finding.said}"
            )
