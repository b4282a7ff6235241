"""Predictions: what the members of a model say of samples, together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cropland.features.recipe import Samples
    from cropland.learning.calibration import Platt, PredictionSets
    from cropland.models.member import Member


@dataclass(frozen=True, eq=False)
class Prediction:
    """The prediction of a model for points or pixels.

    Attributes
    ----------
    probability : ndarray of float64, shape (sample,)
        Of cropland; NaN where a sample has too few observations in the window.
    n_observations : ndarray of int32, shape (sample,)
        Days of the window on which it was observed, by the band with the fewest values; the least over
        members.
    dissimilarity : ndarray of float32, shape (sample,)
        To the training samples, see `threshold`; NaN as the probability, or where the model does not
        know it.
    cannot_tell : ndarray of bool, shape (sample,)
        Whether neither class can be excluded, see `learning.calibration`; false without a probability, and
        where the model does not know it.
    """

    probability: NDArray[np.float64]
    n_observations: NDArray[np.int32]
    dissimilarity: NDArray[np.float32]
    cannot_tell: NDArray[np.bool_]

    @classmethod
    def empty(cls, n_samples: int) -> Prediction:
        """Make one of so many samples, to be filled."""
        return cls(
            probability=np.empty(n_samples),
            n_observations=np.empty(n_samples, np.int32),
            dissimilarity=np.empty(n_samples, np.float32),
            cannot_tell=np.empty(n_samples, np.bool_),
        )

    def fill(self, block: slice, part: Prediction) -> None:
        """Put the prediction of some samples in its place."""
        for name in Prediction.__dataclass_fields__:
            getattr(self, name)[block] = getattr(part, name)


def predict(
    members: Sequence[tuple[Member, Samples]],
    calibration: Platt | None,
    sets: PredictionSets | None,
    country: str,
) -> Prediction:
    """Compute the mean probability of members, calibrated, and how unlike the training samples others are.

    Parameters
    ----------
    members : sequence of (Member, Samples)
        Each with the samples that its recipe makes of the same points or pixels.
    calibration, sets : optional
        As of `models.fitted.Fitted`.
    country : str
        The country of the model, for an error.

    Raises
    ------
    DataError
        The features of a member are not those of its fit.
    """
    probability = np.mean([member.probability(made, country) for member, made in members], axis=0)
    seen = ~np.isnan(probability)
    cannot_tell = np.zeros(len(seen), np.bool_)
    if calibration is not None:
        probability[seen] = calibration.apply(probability[seen])
    if sets is not None:
        cannot_tell[seen] = sets.cannot_tell(probability[seen])
    return Prediction(
        probability=probability,
        n_observations=np.min([made.n_observations for _, made in members], axis=0),
        dissimilarity=_dissimilarity(members, seen),
        cannot_tell=cannot_tell,
    )


def threshold(members: Sequence[Member]) -> float | None:
    """Return the largest dissimilarity inside the area of applicability, None where a member has no area.

    Of a single member the dissimilarity is its own. Of several it is the median of theirs, each over its own
    threshold: so the threshold is 1.
    """
    areas = [member.applicability for member in members]
    if None in areas:
        return None
    (first, *others) = areas
    return 1.0 if others or first is None else first.threshold


def _dissimilarity(
    members: Sequence[tuple[Member, Samples]], seen: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the dissimilarity of samples, see `threshold`; NaN where not `seen`, or where it is unknown."""
    if threshold([member for member, _ in members]) is None:
        return np.full(len(seen), np.nan, np.float32)
    of_each = [member.dissimilarity(made) for member, made in members]
    if len(members) == 1:
        return of_each[0]
    tiny = float(np.finfo(np.float32).tiny)
    limits = [threshold([member]) or tiny for member, _ in members]
    with np.errstate(over="ignore"):
        shares = [
            dissimilarity / np.float32(limit)
            for dissimilarity, limit in zip(of_each, limits, strict=True)
        ]
    return np.where(seen, np.median(shares, axis=0), np.nan).astype(np.float32)
