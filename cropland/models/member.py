"""A member of a model: one recipe of features and the classifier that was fitted on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.learning.probability import cropland_probability
from cropland.observations import bands

if TYPE_CHECKING:
    from cropland.features.recipe import Recipe, Samples
    from cropland.learning.classifiers import Classifier
    from cropland.models.applicability import Applicability


@dataclass(frozen=True, eq=False)
class Member:
    """A classifier of a model, with all that it needs of observations.

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
    applicability : Applicability, optional
        How unlike its training samples others are.
    """

    recipe: Recipe
    classifier: Classifier
    feature_names: tuple[str, ...]
    measured: tuple[str, ...]
    applicability: Applicability | None = None

    def needed(self, given: Iterable[str]) -> tuple[str, ...]:
        """Return what observations must have: of an index its bands, or itself where it is `given`."""
        measured = self.recipe.band_set.measured(given)
        return tuple(dict.fromkeys((*measured, *_scene_class(self.recipe))))

    def probability(self, samples: Samples, country: str) -> NDArray[np.float64]:
        """Return the probability of cropland of samples of its recipe, NaN where too little was observed.

        Parameters
        ----------
        samples : Samples
            Features of points or pixels.
        country : str
            The country of the model, for the error.

        Raises
        ------
        DataError
            The features are not those of the fit.
        """
        names = tuple(samples.matrix["feature"].to_numpy().tolist())
        if names != self.feature_names:
            raise DataError(
                f"the model of {country} was fitted on {len(self.feature_names)} features, the observations "
                f"give {len(names)} or others; use the code that made the model"
            )
        seen = self.recipe.is_observed(samples)
        probability = np.full(len(seen), np.nan)
        if seen.any():
            probability[seen] = cropland_probability(self.classifier, samples.matrix.to_numpy())
        return probability

    def dissimilarity(self, samples: Samples) -> NDArray[np.float32]:
        """Return how unlike its training samples others are, NaN as `probability` or where it is unknown."""
        seen = self.recipe.is_observed(samples)
        dissimilarity = np.full(len(seen), np.nan, np.float32)
        if self.applicability is not None:
            dissimilarity[seen] = self.applicability.dissimilarity(samples.matrix.to_numpy())
        return dissimilarity


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
