"""A fitted model: raw observations of points in, probability of cropland and label out.

Contract. In comes a long table, one row an observation: ``ID``, ``Timestamp`` (ISO date, with or without a
time, UTC), the columns that the model needs (Sentinel-2 bands as digital numbers, ``SCL``; nothing = no
data), ``Lat`` and ``Lon``; other columns are ignored. Bands may have any name that `bands.band_of`
knows. A spectral index is computed from its bands; where it is given, it is checked against them and used, as
in an archive. Out comes a table, one row a point, in order of first appearance: ``ID``, ``probability`` of
cropland, ``label``, ``n_observations``, ``inside_applicability`` and ``reason``; a point with too few
observations in the window, or none for too long, has neither probability nor label, and a reason; a label of
numbers that may be of another unit has one too. Window, alignment and features are those of training: the
same recipe on an archive in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.learning.probability import cropland_probability
from cropland.models.request import PLACES, check_scene_classes, checked, doubts_of, renamed
from cropland.observations import archive as archives
from cropland.observations import bands, ragged_array
from cropland.observations.points import UNLABELLED
from cropland.support.fingerprint import fingerprint_of

if TYPE_CHECKING:
    from cropland.features.pixel_series import Images
    from cropland.features.recipe import Recipe, Samples
    from cropland.learning.classifiers import Classifier
    from cropland.models.applicability import Applicability
    from cropland.observations.archive import Archive

PIXELS_AT_ONCE = 4_000
_CODE = (
    *("observations", "features", "learning/probability.py", "support/columns.py"),
    *("models/request.py", "models/fitted.py"),
)


@dataclass(frozen=True, eq=False)
class PixelValues:
    """The prediction of a model for pixels.

    Attributes
    ----------
    probability : ndarray of float64, shape (pixel,)
        Of cropland; NaN where a pixel has too few observations in the window.
    n_observations : ndarray of int32, shape (pixel,)
        Days of the window on which a pixel was observed, by the band with the fewest values.
    dissimilarity : ndarray of float32, shape (pixel,)
        To the training samples, see `models.applicability`; NaN as the probability, or where the model
        does not know it.
    """

    probability: NDArray[np.float64]
    n_observations: NDArray[np.int32]
    dissimilarity: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted model of a country: from raw observations to labels.

    Attributes
    ----------
    recipe : Recipe
        How features are made of observations.
    classifier : Classifier
        Fitted on features of that recipe.
    feature_names : tuple of str
        The features that it was fitted on, in their order.
    measured : tuple of str
        Columns that observations must have beside ``ID`` and ``Timestamp``, see `measured_columns`.
    country : str
        The country of its training samples.
    facts : mapping of str to plain values
        Facts for its users, such as its scores.
    applicability : Applicability, optional
        How unlike its training samples others are.
    """

    recipe: Recipe
    classifier: Classifier
    feature_names: tuple[str, ...]
    measured: tuple[str, ...]
    country: str
    facts: Mapping[str, Any]
    applicability: Applicability | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that a table of observations must have."""
        return ("ID", "Timestamp", *self.measured, *self.recipe.band_set.static)

    def needed(self, given: Iterable[str]) -> tuple[str, ...]:
        """Return what observations must have: of an index its bands, or itself where it is `given`."""
        return tuple(
            dict.fromkeys((*self.recipe.band_set.measured(given), *_scene_class(self.recipe)))
        )

    @property
    def accepted(self) -> tuple[str, ...]:
        """All columns that the model can use: bands, ``SCL``, and the indices of its recipe."""
        return tuple(dict.fromkeys((*self.needed(()), *self.recipe.band_set.dynamic)))

    def predict(
        self, observations: pd.DataFrame, *, reference_end: date | None = None
    ) -> pd.DataFrame:
        """Return the probability of cropland and the label of each point.

        Parameters
        ----------
        observations : DataFrame
            The contract above. Rows in any order; of rows at the same time the first counts.
        reference_end : date, optional
            End of the season to predict; the recipe's, where it is left out.

        Returns
        -------
        DataFrame, one row a point
            ``ID`` str; ``probability`` float64, NaN where the point has too few observations in the window
            (`Recipe.min_observations`); ``label`` Int64, 1 where the probability is above 0.5, else 0, NA
            where there is none; ``n_observations`` int64, the days of the window on which it was observed,
            by the band with the fewest values; ``inside_applicability`` boolean, whether it is inside the
            area of applicability, NA without a label and where the model does not know; ``reason`` str, why
            there is no label, or makes it doubtful: numbers that may be of another unit; else empty.

        Raises
        ------
        DataError
            A missing column, no row, no ID, an unreadable date, a value that is no number or not in digital
            numbers, an ID at two places; or features that are not those of the fit.
        """
        table = renamed(observations, self.accepted)
        needed = self.needed(table.columns)
        used = [name for name in self.accepted if name in table or name in needed]
        rows = checked(table, used, self.recipe.band_set.static, self.country)
        if self.recipe.series.clear:
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
        """Return the probability of cropland and the label of each point of an archive, see `predict`."""
        try:
            samples = self.recipe.samples(archive, reference_end)
        except OverflowError as error:
            raise DataError(f"reference_end {reference_end} leaves the calendar") from error
        probability, seen = self._probability(samples)
        inside = np.zeros(len(seen), np.bool_)
        if self.applicability is not None:
            inside[seen] = self.applicability.is_inside(samples.matrix.to_numpy())
        unknown = ~seen if self.applicability is not None else np.ones(len(seen), np.bool_)
        return pd.DataFrame(
            {
                "ID": archive.points["ID"].to_numpy(),
                "probability": probability,
                "label": pd.arrays.IntegerArray((probability > 0.5).astype(np.int64), ~seen),
                "n_observations": samples.n_observations.astype(np.int64),
                "inside_applicability": pd.arrays.BooleanArray(inside, unknown),
                "reason": [
                    "" if known else self.recipe.reason(samples, point)
                    for point, known in enumerate(seen)
                ],
            }
        )

    def predict_images(self, images: Images, *, reference_end: date | None = None) -> PixelValues:
        """Return the probability of cropland of each pixel of images, as of a point in its centre.

        Pixels are computed some thousand at a time, so that their features stay in the processor's cache.
        """
        n_pixels = len(images.lat)
        values = PixelValues(
            probability=np.empty(n_pixels),
            n_observations=np.empty(n_pixels, np.int32),
            dissimilarity=np.full(n_pixels, np.nan, np.float32),
        )
        for start in range(0, n_pixels, PIXELS_AT_ONCE):
            block = slice(start, min(start + PIXELS_AT_ONCE, n_pixels))
            samples = self.recipe.samples_of_pixels(images.part(block), reference_end)
            values.probability[block], seen = self._probability(samples)
            values.n_observations[block] = samples.n_observations
            if self.applicability is not None:
                unlike = self.applicability.dissimilarity(samples.matrix.to_numpy())
                values.dissimilarity[block][seen] = unlike
        return values

    def _probability(self, samples: Samples) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the probability of each point, NaN where it is not observed enough, and which are."""
        names = tuple(samples.matrix["feature"].to_numpy().tolist())
        if names != self.feature_names:
            raise DataError(
                f"the model of {self.country} was fitted on {len(self.feature_names)} features, the "
                f"observations give {len(names)} or others; use the code that made the model"
            )
        seen = self.recipe.is_observed(samples)
        probability = np.full(len(seen), np.nan)
        if seen.any():
            probability[seen] = cropland_probability(self.classifier, samples.matrix.to_numpy())
        return probability, seen


def measured_columns(recipe: Recipe, stored: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that observations must have, where the archive of the fit has `stored` these.

    Bands and ``SCL``; a spectral index only where that archive lacks a band that it is computed from.
    """
    archived = set(stored)
    columns: dict[str, None] = {}
    for name in recipe.band_set.dynamic:
        parts = bands.parts_of(name)
        is_computed = archived.issuperset(parts) or name not in archived
        columns |= dict.fromkeys(parts if is_computed else [name])
    return tuple(dict.fromkeys((*columns, *_scene_class(recipe))))


def _scene_class(recipe: Recipe) -> tuple[str, ...]:
    """Return ``SCL`` where observations are chosen by it."""
    return (bands.SCENE_CLASS,) if recipe.series.clear else ()


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
