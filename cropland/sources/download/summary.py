"""What a download finds and leaves, in words and tables: its plan, the observations, the next command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cropland.config.sources import EarthEngine, Fetched
from cropland.observations.bands import SCENE_CLASS
from cropland.support.table import Table
from cropland.support.words import command_line, count, in_words, some

if TYPE_CHECKING:
    from cropland.config.commands.download import Download
    from cropland.sources.download import source as fetched
    from cropland.sources.download.chunks import Chunk
    from cropland.sources.download.plan import DownloadPlan

_DAYS_PER_GRANULE = 2.5
_BLOCK_MEGABYTES, _COG_MEGABYTES = 1.5, 120.0
_BLOCK_DEGREES = 0.05
"""About the side of a block of 512 pixels of 10 m: places in one are read at once."""
_MEGABYTES_PER_SECOND = 10.0
_MANY_GIGABYTES = 50
NAMED = 5
"""Points that a note names."""
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
"""The bands of conf/train.yaml."""


def plan_table(source: fetched.Source, plans: Sequence[DownloadPlan]) -> Table:
    """Return the table of what is to be fetched of each country, and what it takes: estimates."""
    is_earthengine = isinstance(source, EarthEngine)
    counted = ("requests", "at a time") if is_earthengine else ("chunks", "COGs", "GB")
    heads = ("country", "points", "days", *counted, "time")
    rows = []
    for plan in plans:
        first, last = plan.days
        row = [plan.country.name, str(len(plan.table)), f"{first} … {last}", str(len(plan.chunks))]
        if not plan.chunks:
            row += ["–"] * len(counted)
        elif is_earthengine:
            together = min(source.workers, len(plan.chunks))
            seconds = -(-len(plan.chunks) // source.workers) * _SECONDS_PER_REQUEST
            row += [str(together), in_words(seconds)]
        else:
            opens, gigabytes = cost(plan.chunks, len(source.bands))
            seconds = 1000 * gigabytes / _MEGABYTES_PER_SECOND
            row += [f"{opens:,.0f}", f"{gigabytes:,.1f}", in_words(seconds)]
        rows.append(row)
    return Table(heads, rows, title="To be fetched (estimates)")


def plan_notes(source: fetched.Source, plans: Sequence[DownloadPlan]) -> Iterator[str]:
    """Yield what a plan rests on, or that there is nothing to fetch."""
    if not any(plan.chunks for plan in plans):
        yield "all there, nothing to fetch"
    elif isinstance(source, EarthEngine):
        yield f"estimated with {_SECONDS_PER_REQUEST:.0f} s a request"
    else:
        yield (
            f"estimated: COGs to open and GB to read at {_MEGABYTES_PER_SECOND:.0f} MB/s, with an image each "
            f"{_DAYS_PER_GRANULE} days and {_BLOCK_MEGABYTES} MB a band and block of 5 km"
        )
        if any(cost(plan.chunks, len(source.bands))[1] > _MANY_GIGABYTES for plan in plans):
            yield "for so many scattered points source=earthengine is faster"


def observations_table(plans: Sequence[DownloadPlan]) -> Table:
    """Return the table of the observations that there are of each country now."""
    rows = [
        (
            plan.country.name,
            str(len(plan.counts)),
            str(plan.counts.sum()),
            str(plan.counts.min()),
            f"{np.median(plan.counts):g}",
            str(plan.counts.max()),
            str((plan.counts == 0).sum()),
        )
        for plan in plans
    ]
    return Table(
        (
            *("country", "points", "observations", "least per point", "median per point"),
            *("most per point", "points without any"),
        ),
        rows,
        title="Observations of each country",
    )


def notes_of(plans: Sequence[DownloadPlan]) -> Iterator[str]:
    """Return what a user should know: points without observations, what images lack, days without any."""
    for plan in plans:
        for reason, ids in plan.without_any().items():
            yield (
                f"{plan.country.name}: {count(len(ids), 'point')} without any observation ({reason}): "
                f"{some(ids, NAMED)}"
            )
        for sentence in (*plan.gaps.sentences(), *plan.unseen_edges()):
            yield f"{plan.country.name}: {sentence}"


def next_command(command: Download, plans: Sequence[DownloadPlan], overrides: Sequence[str]) -> str:
    """Return the command that comes next: to train, or to predict the points of a file."""
    source, names = command.source, [plan.country.name for plan in plans]
    where = [f"source={source.name}", *(word for word in overrides if word.startswith(_DECIDE))]
    if command.points is not None:
        country = names[0] if len(names) == 1 else "all"
        name, words = "predict", [f"country={country}", f"points={command.points}", *where]
    else:
        several = ["-m"] if len(names) > 1 else []
        name, words = "train", [*several, f"country={','.join(names)}", *where]
        if isinstance(source, Fetched) and not set(_DEFAULT_BANDS) <= set(source.bands):
            measured = [band for band in source.bands if band != SCENE_CLASS]
            words.append(f"bands.names=[{','.join(measured)}]")
    return command_line(name, *words)


def cost(chunks: Sequence[Chunk], bands: int) -> tuple[float, float]:
    """Return how many COGs are opened to observe chunks of places, and the gigabytes read: an estimate.

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
    return opens, gigabytes
