"""A fitted model: raw observations of points in, probability of cropland and label out.

Contract. In comes a long table, one row an observation: ``ID``, ``Timestamp`` (ISO date, with or without a
time, UTC), the columns that the model needs (Sentinel-2 bands as digital numbers, ``SCL``; nothing = no
data), ``Lat`` and ``Lon``; other columns are ignored. Bands may have any name that `bands.band_of`
knows. A spectral index is computed from its bands; where it is given, it is checked against them and used, as
in an archive. Out comes a table, one row a point, in order of first appearance: ``ID``, ``probability`` of
cropland, ``label``, ``n_observations``, ``inside_applicability``, ``cannot_tell`` and ``reason``; a point
with too few observations in the window, or none for too long, has neither probability nor label, and a
reason; a label of numbers that may be of another unit has one too. Window, alignment and features are those
of training: the same recipe on an archive in memory. A model has one member, or is the mean of several.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cropland.errors import DataError
from cropland.features import series
from cropland.features.window import Window
from cropland.models.prediction import Prediction, predict, threshold
from cropland.models.request import PLACES, check_scene_classes, checked, doubts_of, renamed
from cropland.observations import archive as archives
from cropland.observations import point_blocks, ragged_array
from cropland.observations.points import UNLABELLED
from cropland.support.fingerprint import fingerprint_of

if TYPE_CHECKING:
    from cropland.features.pixel_series import Images
    from cropland.features.recipe import Recipe, Samples
    from cropland.learning.calibration import Platt, PredictionSets
    from cropland.models.member import Member
    from cropland.observations.archive import Archive

PIXELS_AT_ONCE = 4_000
_CODE = (
    *("observations", "features", "learning/probability.py", "learning/calibration.py"),
    *("support/columns.py", "models/request.py"),
    *("models/member.py", "models/prediction.py", "models/fitted.py"),
)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted model of a country: from raw observations to labels.

    Attributes
    ----------
    members : tuple of Member
        One or more, of one season. The probability of the model is the mean of theirs.
    country : str
        The country of its training samples.
    facts : mapping of str to plain values
        Facts for its users, such as its scores.
    calibration : Platt, optional
        What becomes of the mean probability.
    sets : PredictionSets, optional
        Which classes of a calibrated probability cannot be excluded.
    """

    members: tuple[Member, ...]
    country: str
    facts: Mapping[str, Any]
    calibration: Platt | None = None
    sets: PredictionSets | None = None

    @cached_property
    def recipes(self) -> tuple[Recipe, ...]:
        """The recipes of its members, each once: features of each are made once."""
        return tuple(dict.fromkeys(member.recipe for member in self.members))

    @property
    def reference_end(self) -> str:
        """Last day of its season, ISO date."""
        return self.members[0].recipe.reference_end

    def windows(self, reference_end: date | None = None) -> tuple[Window, ...]:
        """Return the windows of its members, each once, in its season or in another."""
        return tuple(dict.fromkeys(recipe.window(reference_end) for recipe in self.recipes))

    def window(self, reference_end: date | None = None) -> Window:
        """Return all days from the first to the last of its members' windows."""
        windows = self.windows(reference_end)
        return Window(
            min(window.first for window in windows),
            max(window.last for window in windows),
            uses_future=any(window.uses_future for window in windows),
        )

    @property
    def threshold(self) -> float | None:
        """The largest dissimilarity inside the area of applicability, see `prediction.threshold`."""
        return threshold(self.members)

    @property
    def measured(self) -> tuple[str, ...]:
        """Columns that observations must have beside ``ID`` and ``Timestamp``, see `measured_columns`."""
        return tuple(dict.fromkeys(name for member in self.members for name in member.measured))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that a table of observations must have."""
        return ("ID", "Timestamp", *self.measured, *self._static)

    def needed(self, given: Iterable[str]) -> tuple[str, ...]:
        """Return what observations must have: of an index its bands, or itself where it is `given`."""
        have = tuple(given)
        return tuple(dict.fromkeys(name for member in self.members for name in member.needed(have)))

    @property
    def accepted(self) -> tuple[str, ...]:
        """All columns that the model can use: bands, ``SCL``, and the indices of its recipes."""
        dynamic = (name for recipe in self.recipes for name in recipe.band_set.dynamic)
        return tuple(dict.fromkeys((*self.needed(()), *dynamic)))

    def predict(
        self, observations: pd.DataFrame, *, reference_end: date | None = None
    ) -> pd.DataFrame:
        """Return the probability of cropland and the label of each point.

        Parameters
        ----------
        observations : DataFrame
            The contract above. Rows in any order; of rows at the same time the first counts.
        reference_end : date, optional
            End of the season to predict; the model's own, where it is left out.

        Returns
        -------
        DataFrame, one row a point
            ``ID`` str; ``probability`` float64, NaN where the point has too few observations in the window of
            a member (`Recipe.min_observations`); ``label`` Int64, 1 where the probability is above 0.5, else
            0, NA where there is none; ``n_observations`` int64, the days of the window on which it was
            observed, by the band, and the member, with the fewest; ``inside_applicability`` boolean, whether
            it is inside the area of applicability, and ``cannot_tell`` boolean, whether neither class can be
            excluded, both NA without a label and where the model does not know; ``reason`` str, why there is
            no label, or makes it doubtful: numbers that may be of another unit; else empty.

        Raises
        ------
        DataError
            A missing column, no row, no ID, an unreadable date, a value that is no number or not in digital
            numbers, an ID at two places; or features that are not those of the fit.
        """
        table = renamed(observations, self.accepted)
        needed = self.needed(table.columns)
        used = [name for name in self.accepted if name in table or name in needed]
        rows = checked(table, used, self._static, self.country)
        if any(recipe.series.clear for recipe in self.recipes):
            check_scene_classes(rows, self.country)
        archive = _archive(rows, self.country)
        table = self.predict_archive(archive, reference_end=reference_end)
        doubts = doubts_of(rows, used)[table["ID"]]
        table["reason"] = [
            "; ".join(filter(None, both)) for both in zip(table["reason"], doubts, strict=True)
        ]
        return table

    def predict_archive(
        self, archive: Archive, *, reference_end: date | None = None
    ) -> pd.DataFrame:
        """Return the probability of cropland and the label of each point of an archive, see `predict`.

        What is too large for memory is read once, by blocks of points.
        """
        try:
            self.window(reference_end)
        except OverflowError as error:
            raise DataError(f"reference_end {reference_end} leaves the calendar") from error
        names = set().union(
            *(series.needed(archive, r.band_set, clear=r.series.clear) for r in self.recipes)
        )
        n_features = sum(recipe.features_at_most for recipe in self.recipes)
        if point_blocks.fits_in_memory(archive, names, n_features):
            return self._table(archive, reference_end)
        parts = point_blocks.map_blocks(
            archive, names, lambda part: self._table(part, reference_end)
        )
        return pd.concat([table for _, table in parts], ignore_index=True)

    def predict_images(self, images: Images, *, reference_end: date | None = None) -> Prediction:
        """Return the probability of cropland of each pixel of images, as of a point in its centre.

        Pixels are computed some thousand at a time, so that their features stay in the processor's cache.
        """
        n_pixels = len(images.lat)
        prediction = Prediction.empty(n_pixels)
        for start in range(0, n_pixels, PIXELS_AT_ONCE):
            block = slice(start, min(start + PIXELS_AT_ONCE, n_pixels))
            part = images.part(block)
            samples = [recipe.samples_of_pixels(part, reference_end) for recipe in self.recipes]
            prediction.fill(block, self._prediction(samples))
        return prediction

    @property
    def _static(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for r in self.recipes for name in r.band_set.static))

    def _table(self, archive: Archive, reference_end: date | None) -> pd.DataFrame:
        """Return the prediction of points whose observations may be in memory."""
        samples = [recipe.samples(archive, reference_end) for recipe in self.recipes]
        made = self._prediction(samples)
        bare, every = np.isnan(made.probability), np.ones(len(made.probability), np.bool_)
        limit = self.threshold
        inside = made.dissimilarity <= (np.inf if limit is None else limit)
        return pd.DataFrame(
            {
                "ID": archive.points["ID"].to_numpy(),
                "probability": made.probability,
                "label": pd.arrays.IntegerArray((made.probability > 0.5).astype(np.int64), bare),
                "n_observations": made.n_observations.astype(np.int64),
                "inside_applicability": pd.arrays.BooleanArray(
                    inside, every if limit is None else bare
                ),
                "cannot_tell": pd.arrays.BooleanArray(
                    made.cannot_tell, every if self.sets is None else bare
                ),
                "reason": self._reasons(samples, reference_end),
            }
        )

    def _reasons(self, samples: Sequence[Samples], reference_end: date | None) -> list[str]:
        """Return why each point has no label, by the first recipe that lacks observations; else empty."""
        reasons = [""] * len(samples[0].n_observations)
        is_one = len(self.windows()) == 1
        for recipe, made in zip(self.recipes, samples, strict=True):
            window = "the window" if is_one else f"the window {recipe.window(reference_end)}"
            for point in np.flatnonzero(~recipe.is_observed(made)).tolist():
                reasons[point] = reasons[point] or recipe.reason(made, point, window)
        return reasons

    def _prediction(self, samples: Sequence[Samples]) -> Prediction:
        """Return the prediction of samples that were made by each of the recipes."""
        by_recipe = dict(zip(self.recipes, samples, strict=True))
        return predict(
            [(member, by_recipe[member.recipe]) for member in self.members],
            self.calibration,
            self.sets,
            self.country,
        )


def code_hash() -> str:
    """Return a hash of the source of everything between observations and labels."""
    return fingerprint_of(*_CODE)


def _archive(rows: pd.DataFrame, country: str) -> Archive:
    """Return an archive in memory of checked observations."""
    points = rows.drop_duplicates("ID")[["ID", *PLACES]].assign(Target=np.int8(UNLABELLED))
    dataset = ragged_array.from_table(points, rows.drop(columns=list(PLACES)))
    return archives.Archive(
        dataset.assign_attrs(
            country=country,
            source="request",
            fingerprint="request",
            time_coverage_start=rows["time"].min().date().isoformat(),
            time_coverage_end=rows["time"].max().date().isoformat(),
        )
    )
