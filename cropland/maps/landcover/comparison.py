"""A land-cover map on labelled points, beside the out-of-fold predictions of a country's champion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cropland.learning import statistics
from cropland.learning.statistics import Z_95
from cropland.maps.landcover.agreement import BOOTSTRAPS, HEAD, Agreement
from cropland.maps.landcover.raster import CROPLAND, NO_CLASS
from cropland.support.words import markdown_table
from cropland.untrusted.texts import markdown_text

if TYPE_CHECKING:
    from cropland.learning.statistics import Comparison, Estimate

_SIGNIFICANT = 0.05


@dataclass(frozen=True, eq=False)
class ChampionScores:
    """Out-of-fold scores of a country's champion at its labelled points.

    Attributes
    ----------
    version : str
        Which version of the registered model.
    right : Series of float
        In what share of the repeats each point was right out of fold; the index is its ID.
    validation : str
        How it was scored.
    in_blocks, same_data : bool
        Whether whole spatial blocks were left out, and whether observations and labels were those of now.
    """

    version: str
    right: pd.Series[float]
    validation: str
    in_blocks: bool
    same_data: bool


@dataclass(frozen=True, eq=False)
class MapComparison:
    """A map on the labelled points of a country.

    Attributes
    ----------
    country, name : str
        The country, and what the map is called.
    points : DataFrame
        A row a labelled point: ``ID, Lat, Lon, Target``; ``class`` of the map (missing without one),
        ``landcover`` as `raster.classified` gives it, whether it is ``inside`` the map; ``contradiction``,
        the classes of files that overlap and disagree, in words, empty where none do; ``unit``,
        the number of its pixel, or of the spatial block that it belongs to.
    champion : ChampionScores or str
        The champion, or why there is none to compare with.
    """

    country: str
    name: str
    points: pd.DataFrame
    champion: ChampionScores | str

    @cached_property
    def known(self) -> pd.DataFrame:
        """The points that the map classifies, with whether it is ``right``."""
        known = self.points[self.points["landcover"] != NO_CLASS]
        return known.assign(right=(known["landcover"] == known["Target"]).astype(np.float64))

    @cached_property
    def both(self) -> pd.DataFrame:
        """The points that map and champion classify, with the champion's share of ``repeats`` right."""
        right = pd.Series(dtype=float) if isinstance(self.champion, str) else self.champion.right
        return self.known.assign(repeats=self.known["ID"].map(right)).dropna(subset="repeats")

    @cached_property
    def comparison(self) -> Comparison | None:
        """The map against the champion, where there are points that both classify."""
        if self.both.empty:
            return None
        first, second = (self.both[name].to_numpy(np.float64) for name in ("right", "repeats"))
        return statistics.compare(first, second, self.both["unit"].to_numpy(np.int64))

    @cached_property
    def rows(self) -> list[tuple[str, Agreement]]:
        """Who was scored on what: the map on all its points; then both on the points that both classify."""
        rows = [(self.name, _agreement(self.known, "right"))]
        if isinstance(self.champion, ChampionScores) and not self.both.empty:
            if len(self.both) < len(self.known):
                rows.append((f"{self.name}, where both are", _agreement(self.both, "right")))
            champion = f"champion (version {self.champion.version}, out of fold)"
            rows.append((champion, _agreement(self.both, "repeats")))
        return rows

    @property
    def is_outdated(self) -> bool:
        """Whether the champion was scored on other data than those here."""
        return isinstance(self.champion, ChampionScores) and not self.champion.same_data

    @property
    def outside(self) -> pd.Series[str]:
        """The IDs of the points outside of the map."""
        return self.points.loc[~self.points["inside"], "ID"]

    @property
    def without_class(self) -> pd.Series[str]:
        """The IDs of the points inside of it where it has no data."""
        return self.points.loc[self.points["inside"] & (self.points["landcover"] == NO_CLASS), "ID"]

    @property
    def contradictions(self) -> str:
        """How many points have another class in another file of the map, with an example; else empty."""
        contradicted = self.points[self.points["contradiction"] != ""]
        if contradicted.empty:
            return ""
        first = contradicted.iloc[0]
        have = "point has" if len(contradicted) == 1 else "points have"
        return (
            f"{len(contradicted)} labelled {have} different classes in files of {self.name} that overlap, "
            f"such as {first['ID']}: {first['contradiction']}; the first file counts: give the files of one "
            f"map only"
        )

    def metrics(self) -> dict[str, float]:
        """Return the scores as metrics of a run, without those that have no points."""
        metrics = _metrics(self.rows[0][1], "") | {
            "n_points": float(len(self.known)),
            "n_without_class": float(len(self.without_class)),
            "n_outside": float(len(self.outside)),
            "n_contradicted": float((self.points["contradiction"] != "").sum()),
            "n_both": float(len(self.both)),
        }
        if self.comparison is not None:
            metrics |= _metrics(self.rows[-1][1], "champion_")
            metrics |= {
                "difference": self.comparison.difference,
                "difference_se": self.comparison.standard_error,
                "p_value": self.comparison.p_value,
            }
        return {name: value for name, value in metrics.items() if not np.isnan(value)}

    def conclusion(self) -> str:
        """Return in one sentence how the map compares with the champion."""
        if self.comparison is None:
            alone = self.rows[0][1]
            return (
                f"{self.name} is right on {_percent(alone.accuracy)} of {alone.n_points} labelled points of "
                f"{self.country}"
            )
        (_, of_map), (champion, of_champion) = self.rows[-2:]
        return (
            f"on {of_map.n_points} labelled points of {self.country}, {self.name} is right on "
            f"{_percent(of_map.accuracy)}, the {champion} on {_percent(of_champion.accuracy)}; difference "
            f"{100 * self.comparison.difference:+.1f} ± {100 * _margin(self.comparison):.1f} percentage "
            f"points (95 %), McNemar's p = {self.comparison.p_value:.2g}: {self._verdict(self.comparison)}"
        )

    def _verdict(self, comparison: Comparison) -> str:
        # McNemar's test counts single points; the margin knows of blocks too.
        if not (
            comparison.p_value < _SIGNIFICANT and abs(comparison.difference) > _margin(comparison)
        ):
            return "these points show no significant difference"
        return f"{self.name if comparison.difference > 0 else 'the champion'} agrees better with these labels"

    def table(self) -> pd.DataFrame:
        """Return the scores of every row with their intervals, for a file."""
        rows = [
            {"what": what, "n_points": agreement.n_points, **_metrics(agreement, "")}
            for what, agreement in self.rows
        ]
        return pd.DataFrame(rows)

    def classes(self) -> pd.DataFrame:
        """Count the labels at each class of the map."""
        counts = pd.crosstab([self.known["class"], self.known["landcover"]], self.known["Target"])
        return counts.reindex(columns=[1, 0], fill_value=0).reset_index()

    def as_markdown(self) -> str:
        """Write the report."""
        scores = [(markdown_text(what), *agreement.cells()) for what, agreement in self.rows]
        classes = [
            (str(value), "cropland" if meant == CROPLAND else "other", str(cropland), str(other))
            for value, meant, cropland, other in self.classes().itertuples(index=False)
        ]
        sentence = self.conclusion()
        head = ("class", "counts as", "labelled cropland", "labelled other")
        parts = [
            f"# {markdown_text(f'{self.name} on the labelled points of {self.country}')}",
            f"{markdown_text(sentence[0].upper() + sentence[1:])}.",
            markdown_table(("", *HEAD), scores),
            "## Classes at the points",
            markdown_table(head, classes),
            "## How to read it",
            "\n".join(f"- {markdown_text(note[0].upper() + note[1:])}." for note in self.notes()),
        ]
        return "\n\n".join(parts) + "\n"

    def notes(self) -> Iterator[str]:
        """Yield what must be known to read the scores."""
        yield (
            "labelled points are no random sample of the area: these scores are of the points, not of the "
            "area, and give no hectares; see docs/maps.md for that"
        )
        yield (
            f"of {len(self.points)} labelled points, {len(self.without_class)} are where the map has "
            f"no data and {len(self.outside)} outside it; they are left out"
        )
        if self.contradictions:
            yield self.contradictions
        yield (
            "cropland and other are the shares of each class's points that are right (recall); intervals "
            f"are Wilson's, of F1 the percentiles of {BOOTSTRAPS} bootstraps of the points, which count as "
            "independent"
        )
        if isinstance(self.champion, str):
            yield self.champion
            return
        yield (
            f"the champion's predictions are out of fold (validation={self.champion.validation}): none was "
            "made by a model that was trained on the point. It was selected as the best of several, so that "
            "its score is a little too high; the model card has the bias-corrected one"
        )
        if self.champion.in_blocks:
            yield (
                "the ± is over spatial blocks; McNemar's test counts single points, so that its p is too "
                "small"
            )
        if self.is_outdated:
            yield "the champion was scored on other observations or labels than those here"


def _agreement(points: pd.DataFrame, right: str) -> Agreement:
    return Agreement.of(points[right].to_numpy(np.float64), points["Target"].to_numpy() == 1)


def _margin(comparison: Comparison) -> float:
    return Z_95 * comparison.standard_error


def _metrics(agreement: Agreement, prefix: str) -> dict[str, float]:
    return {
        f"{prefix}{name}{end}": value
        for name, estimate in agreement.scores()
        for end, value in (("", estimate.value), ("_low", estimate.low), ("_high", estimate.high))
    }


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f} % ({100 * estimate.low:.1f}…{100 * estimate.high:.1f})"
