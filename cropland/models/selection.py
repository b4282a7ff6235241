"""The selected of a country's candidates: one, or several whose mean probability is the model's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cropland.config.groups import Promotion
from cropland.learning import calibration
from cropland.learning.cross_validation import summarise
from cropland.support.fingerprint import fingerprint
from cropland.tracking.records import IDENTITY
from cropland.training import out_of_fold
from cropland.training.titles import candidate_title

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from cropland.config.groups import CalibrationKind, Validation
    from cropland.learning.calibration import Calibration, Coverage, PredictionSets
    from cropland.learning.cross_validation import Scores
    from cropland.models.finalists import Finalist
    from cropland.observations.archive import Archive
    from cropland.training.candidate_data import CandidateData


@dataclass(frozen=True, eq=False)
class InBlocks:
    """What whole spatial blocks that are left out say of a model.

    Attributes
    ----------
    scores : Scores
        Its scores; probabilities are calibrated as the model's are.
    coverage : Coverage
        How often its prediction sets hold the truth.
    """

    scores: Scores
    coverage: Coverage


@dataclass(frozen=True, eq=False)
class Selected:
    """What a promotion selected, and will register.

    Attributes
    ----------
    members : tuple of Finalist
        One, or several whose mean probability counts.
    validation : Validation
        The folds of its scores.
    scores : Scores
        Of the mean probability, with its calibration cross-fitted: what the model would give out of fold.
    calibration : Calibration
        The calibration of the mean probability, and what it does out of fold.
    sets : PredictionSets
        Which classes a probability leaves possible.
    coverage : Coverage
        How often such sets hold the truth out of fold, cross-fitted.
    """

    members: tuple[Finalist, ...]
    validation: Validation
    scores: Scores
    calibration: Calibration
    sets: PredictionSets
    coverage: Coverage

    @classmethod
    def of(
        cls, members: Sequence[Finalist], validation: Validation, promotion: Promotion
    ) -> Selected:
        """Compute scores, calibration and sets of members; `validation` is that of their scores."""
        predicted, fitted = combine(
            [member.scores.out_of_fold for member in members], promotion.calibration
        )
        scores = scores_of(predicted, members[0].material.archive, validation)
        labels, fold = predicted["Target"].to_numpy(), predicted["fold"].to_numpy()
        return cls(
            members=tuple(members),
            validation=validation,
            scores=scores,
            calibration=fitted,
            sets=calibration.prediction_sets(fitted.probability, labels, promotion.confidence),
            coverage=calibration.cross_fitted_coverage(
                fitted.probability, labels, fold, promotion.confidence
            ),
        )

    @property
    def materials(self) -> tuple[CandidateData, ...]:
        """The data of its members."""
        return tuple(member.material for member in self.members)

    @property
    def material(self) -> CandidateData:
        """The data of its first member, for what all have in common: country, archive, seed."""
        return self.members[0].material

    @property
    def kind(self) -> str:
        """How it is calibrated: ``sigmoid`` or ``none``."""
        return "sigmoid" if self.calibration.platt else "none"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its members' runs."""
        return tuple(member.run.name for member in self.members)

    @property
    def title(self) -> str:
        """Its title, see `cropland.training.titles`."""
        return candidate_title(*(material.candidate for material in self.materials))

    @property
    def uncalibrated(self) -> NDArray[np.float64]:
        """Mean out-of-fold probability of its members before calibration, shape (sample, repeat)."""
        mean = mean_of([member.scores.out_of_fold for member in self.members])
        return mean["probability"].to_numpy()

    @property
    def identity(self) -> str:
        """Hash of all that decides it: the candidate's of one, not calibrated, of usual confidence."""
        identities = [member.run.tags[IDENTITY] for member in self.members]
        confidence = self.sets.confidence
        if len(identities) == 1 and self.kind == "none" and confidence == Promotion.confidence:
            return identities[0]
        return fingerprint(sorted(identities), self.kind, confidence)

    @cached_property
    def samples(self) -> xr.DataArray:
        """Features of the labelled points that all members have, as the first member makes them."""
        matrix = self.material.labelled
        common = np.isin(matrix["ID"].to_numpy(), self.scores.out_of_fold["ID"].to_numpy())
        return matrix.isel(sample=np.flatnonzero(common))

    def in_blocks(self, blocks: Validation) -> InBlocks:
        """Score it with whole spatial blocks left out, by the model's own calibration and sets.

        Raises
        ------
        DataError, ValueError
            The points fall into too few blocks.
        """
        predicted = mean_of([material.scores(blocks).out_of_fold for material in self.materials])
        probability = predicted["probability"].to_numpy()
        if self.calibration.platt:
            probability = self.calibration.platt.apply(probability)
        predicted = with_probability(predicted, probability)
        labels = predicted["Target"].to_numpy()
        return InBlocks(
            scores_of(predicted, self.material.archive, blocks),
            calibration.coverage(self.sets, probability, labels),
        )


def combine(
    predicted: Sequence[xr.Dataset], kind: CalibrationKind
) -> tuple[xr.Dataset, Calibration]:
    """Return the mean of out-of-fold predictions with its calibration cross-fitted, and that calibration."""
    mean = mean_of(predicted)
    probability, labels, fold = (
        mean[name].to_numpy() for name in ("probability", "Target", "fold")
    )
    fitted = calibration.calibrate(probability, labels, fold, kind)
    return with_probability(mean, fitted.probability), fitted


def mean_of(predicted: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the mean of out-of-fold predictions on the points that all have, in the folds of the first.

    Folds of members differ where these have other points; a calibration is cross-fitted by any.
    """
    first, *others = predicted
    if not others:
        return first
    ids = [pd.Index(each["ID"].to_numpy()) for each in predicted]
    common = ids[0][np.all([ids[0].isin(other) for other in ids], axis=0)]
    aligned = [
        each.isel(sample=own.get_indexer(common)) for each, own in zip(predicted, ids, strict=True)
    ]
    mean = np.mean([each["probability"].to_numpy() for each in aligned], axis=0)
    return with_probability(aligned[0], mean)


def with_probability(predicted: xr.Dataset, probability: Any) -> xr.Dataset:
    """Return out-of-fold predictions of other probabilities: more than one half is cropland."""
    dims = predicted["probability"].dims
    label = (np.asarray(probability) > 0.5).astype(np.int8)
    return predicted.assign(probability=(dims, probability), label=(dims, label))


def scores_of(predicted: xr.Dataset, archive: Archive, validation: Validation) -> Scores:
    """Compute the scores of out-of-fold predictions; times of fits are not known."""
    units = out_of_fold.units_of(archive, validation)[predicted["ID"].to_numpy()].to_numpy()
    return summarise(predicted, units, fit_seconds=float("nan"))


def repeated(validation: Validation, repeats: int) -> Validation:
    """Return a validation in at least so many repeats; the first are those of the validation itself."""
    return replace(validation, repeats=max(validation.repeats, repeats))
