"""What a download finds and leaves, told: its plan, the table of observations, the next command."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.markup import escape
from rich.table import Table

from cropland.config.sources import EarthEngine, Fetched
from cropland.observations.bands import SCENE_CLASS
from cropland.support import terminal
from cropland.support.words import count, in_words

if TYPE_CHECKING:
    from cropland.config.commands.download import Download
    from cropland.sources.download import source as fetched
    from cropland.sources.download.chunks import Chunk
    from cropland.sources.download.plan import Plan

_DAYS_PER_GRANULE = 2.5
_BLOCK_MEGABYTES, _COG_MEGABYTES = 1.5, 120.0
_BLOCK_DEGREES = 0.05
"""About the side of a block of 512 pixels of 10 m: places in one are read at once."""
_MEGABYTES_PER_SECOND = 10.0
_MANY_GIGABYTES = 50
_NAMED = 5
_DECIDE = (
    "paths.",
    *(f"source.{key}=" for key in ("bands", "margin_days", "catalog", "collection")),
    "source.catalogs.",
    *(f"source.{key}=" for key in ("labelled", "unlabelled")),
)
"""Overrides that the next command must be given too."""
_SECONDS_PER_REQUEST = 5.0
"""What an answer of Earth Engine is expected to take: an estimate, nothing here was measured there."""


_DEFAULT_BANDS = ("B2", "B3", "B4", "B8")
"""What conf/train.yaml looks at."""


def planned(source: fetched.Source, plan: Plan) -> str:
    """Say what a plan comes to."""
    first, last = plan.days
    head = f"{plan.country.name}: {len(plan.table)} points, {first} … {last}: "
    if not plan.chunks:
        return head + "all there, nothing to fetch"
    number = len(plan.chunks)
    if isinstance(source, EarthEngine):
        seconds = -(-number // source.workers) * _SECONDS_PER_REQUEST
        return head + (
            f"{count(number, 'request')}, {min(source.workers, number)} at a time, about "
            f"{in_words(seconds)} if one takes {_SECONDS_PER_REQUEST:.0f} s (an estimate)"
        )

    return head + cost(plan.chunks, len(source.bands))


def show(plans: Sequence[Plan]) -> None:
    """Print what there is of each country now."""
    screen = terminal.tables()
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
    for plan in plans:
        for reason, ids in plan.without_any().items():
            screen.print(
                f"[yellow]note[/] {plan.country.name}: {count(len(ids), 'point')} without any observation "
                f"({escape(reason)}): {escape(listed(ids))}",
                soft_wrap=True,
            )
        for edge in plan.unseen_edges():
            screen.print(f"[yellow]note[/] {plan.country.name}: {edge}", soft_wrap=True)


def listed(ids: Sequence[str]) -> str:
    """Name the first of some points."""
    return ", ".join(ids[:_NAMED]) + (", …" if len(ids) > _NAMED else "")


def say_next(command: Download, plans: Sequence[Plan], words: Sequence[str]) -> None:
    """Say which command comes next: to train, or to predict the points of a file."""
    source, names = command.source, [plan.country.name for plan in plans]
    where = [f"source={source.name}", *(word for word in words if word.startswith(_DECIDE))]
    if command.points is not None:
        country = names[0] if len(names) == 1 else "all"
        following = shlex.join(
            ["scripts/predict.py", f"country={country}", f"points={command.points}", *where]
        )
    else:
        several = ["-m"] if len(names) > 1 else []
        chosen = ["scripts/train.py", *several, f"country={','.join(names)}", *where]
        if isinstance(source, Fetched) and not set(_DEFAULT_BANDS) <= set(source.bands):
            measured = [band for band in source.bands if band != SCENE_CLASS]
            chosen.append(f"bands.names=[{','.join(measured)}]")
        following = shlex.join(chosen)
    terminal.screen().print(f"next: python {following}", markup=False)


def cost(chunks: Sequence[Chunk], bands: int) -> str:
    """Say what it takes to observe chunks of places, before anything is fetched: an estimate.

    Parameters
    ----------
    chunks : sequence of Chunk
        Places × days.
    bands : int
        How many bands are read.
    """
    opens = gigabytes = 0.0
    for chunk in chunks:
        cogs = bands * max(1.0, ((chunk.last - chunk.first).days + 1) / _DAYS_PER_GRANULE)
        opens += cogs
        blocks = len(np.unique(np.floor(chunk.lonlat / _BLOCK_DEGREES), axis=0))
        gigabytes += cogs * min(blocks * _BLOCK_MEGABYTES, _COG_MEGABYTES) / 1000
    seconds = 1000 * gigabytes / _MEGABYTES_PER_SECOND
    said = (
        f"{len(chunks)} chunks, about {opens:,.0f} COGs to open and {gigabytes:,.1f} GB to read, "
        f"{in_words(seconds)} at {_MEGABYTES_PER_SECOND:.0f} MB/s (an estimate: an image each "
        f"{_DAYS_PER_GRANULE} days, {_BLOCK_MEGABYTES} MB a band and block of 5 km)"
    )
    if gigabytes > _MANY_GIGABYTES:
        said += "; for so many scattered points source=earthengine is faster"
    return said
