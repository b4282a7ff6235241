"""What a download has to fetch of a country, and what there is of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cropland import chunks
from cropland.sources import fetched

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from cropland.chunks import Chunk, Days
    from cropland.countries import Country
    from cropland.parts import Parts


@dataclass(frozen=True, eq=False)
class Plan:
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
    """

    country: Country
    table: pd.DataFrame
    days: Days
    parts: Parts
    chunks: list[Chunk]

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """The place of each point, shape ``(point,)``."""
        return chunks.places_of(self.table)

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many observations of each point there are now, shape ``(point,)``."""
        unique, inverse = np.unique(self.places, return_inverse=True)
        counts = np.zeros(len(unique), np.int64)
        for part in self.parts:
            at = np.minimum(np.searchsorted(unique, part.places), len(unique) - 1)
            known = unique[at] == part.places
            np.add.at(counts, at[known], part.counts[known])
        return counts[inverse]

    def without_any(self) -> dict[str, list[str]]:
        """Give the IDs of the points without observations, by the reason."""
        why = {
            int(part.places[each]): reason
            for part in self.parts
            for each, reason in part.unseen.items()
        }
        by_reason: dict[str, list[str]] = {}
        for at in np.flatnonzero(self.counts == 0):
            reason = why.get(int(self.places[at]), "not fetched yet")
            by_reason.setdefault(reason, []).append(str(self.table["ID"].iloc[at]))
        return by_reason


def plan_of(source: fetched.Source, country: Country, table: pd.DataFrame, parts: Parts) -> Plan:
    """Find what of a country's points is missing, and cut it into chunks.

    Parameters
    ----------
    table : DataFrame
        The points, as `cropland.points` gives them.
    parts : Parts
        What was fetched before.
    """
    days, shape = fetched.days_of(source, country), fetched.shape_of(source)
    there = ((part.places, part.days) for part in parts)
    lacking = [
        chunk
        for some, gap in chunks.missing(chunks.places_of(table), days, there)
        for chunk in chunks.cut(some, gap, shape)
    ]
    return Plan(country, table, days, parts, lacking)
