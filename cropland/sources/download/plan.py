"""What a download has to fetch of a country, and what there is of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.sources.download import chunks
from cropland.sources.download import source as fetched
from cropland.sources.service import Gaps, best_reason, join_gaps

if TYPE_CHECKING:
    import pandas as pd

    from cropland.config.countries import Country
    from cropland.sources.download.chunks import Chunk, Days
    from cropland.sources.download.part_file import Part
    from cropland.sources.download.parts import Parts


@dataclass(frozen=True, eq=False)
class DownloadPlan:
    """What is to be fetched of a country.

    Attributes
    ----------
    country : Country
        Which one.
    table : DataFrame
        Its points.
    days : tuple of date
        First and last day that are wanted.
    parts : Parts
        What is there.
    chunks : list of Chunk
        What is missing.
    damaged : list of Path
        Parts that do not count.
    """

    country: Country
    table: pd.DataFrame
    days: Days
    parts: Parts
    chunks: list[Chunk]
    damaged: list[Path]

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """The place of each point, shape ``(point,)``."""
        return chunks.places_of(self.table)

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many observations of each point there are in the wanted days now, shape ``(point,)``."""
        unique, inverse = np.unique(self.places, return_inverse=True)
        counts = np.zeros(len(unique), np.int64)
        for part in self._within():
            places, sizes = self.parts.counted(part, self.days)
            at = np.minimum(np.searchsorted(unique, places), len(unique) - 1)
            known = unique[at] == places
            np.add.at(counts, at[known], sizes[known])
        return counts[inverse]

    def without_any(self) -> dict[str, list[str]]:
        """Return the IDs of the points without observations, by the reason."""
        why: dict[int, str] = {}
        for part in self._within():
            for at, reason in part.unseen.items():
                place = int(part.places[at])
                why[place] = best_reason(reason, why.get(place, reason))
        by_reason: dict[str, list[str]] = {}
        for point in np.flatnonzero(self.counts == 0).tolist():
            reason = why.get(int(self.places[point]), "not fetched yet")
            by_reason.setdefault(reason, []).append(str(self.table["ID"].iloc[point]))
        return by_reason

    @property
    def gaps(self) -> Gaps:
        """What images of the wanted days lack."""
        return join_gaps(part.gaps for part in self._within())

    def unseen_edges(self) -> list[str]:
        """Return, in words, the days before and after which no image shows any point, by chunks."""
        seen = [part.days for part in self._within() if part.counts.any()]
        if not seen:
            return []
        first, last = min(days[0] for days in seen), max(days[1] for days in seen)
        edges = []
        if first > self.days[0]:
            edges.append(f"no image of any point before {first}")
        if last < self.days[1] and not self.chunks:
            edges.append(f"no image of any point after {last}")
        return edges

    def _within(self) -> Iterator[Part]:
        """Return the parts that have to do with the places and days that are wanted."""
        return (part for part in self.parts if part.has(self.places, self.days))


def plan_of(
    source: fetched.Source,
    country: Country,
    table: pd.DataFrame,
    parts: Parts,
    damaged: list[Path],
) -> DownloadPlan:
    """Find what of a country's points is missing, and cut it into chunks.

    Parameters
    ----------
    table : DataFrame
        The points, as `cropland.observations.points` gives them.
    parts : Parts
        What was fetched before.
    damaged : list of Path
        Those of them that do not count.

    Raises
    ------
    DataError
        All days that are wanted are still to come.
    """
    days = fetched.published_days(source, country)
    kept = ((part.places, part.days) for part in parts if part.path not in damaged)
    lacking = [
        chunk
        for some, gap in chunks.missing(chunks.places_of(table), days, kept)
        for chunk in chunks.cut(some, gap, *fetched.chunk_limits(source))
    ]
    return DownloadPlan(country, table, days, parts, lacking, damaged)
