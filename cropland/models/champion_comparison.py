"""The comparison of what was selected with the champion, on the same points and folds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cropland.errors import CroplandError, DataError
from cropland.learning.statistics import Comparison, compare
from cropland.models import selection, stored_runs, version_files
from cropland.training import candidates, out_of_fold

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from cropland.config.commands.promote import Promote
    from cropland.config.groups import CalibrationKind
    from cropland.models.selection import Selected
    from cropland.tracking.records import TrackedRun
    from cropland.tracking.store import Store

CALIBRATION = "calibration"
"""Param of a promotion's run."""


def check_files(champion: ModelVersion, store: Store) -> None:
    """Check that the champion's files are those it was registered with, as far as it has checksums.

    Raises
    ------
    DataError
        They are not.
    """
    try:
        version_files.check(champion, store.client)
    except DataError as error:
        raise _unreadable(champion, error) from error


def compare_with(
    champion: ModelVersion, selected: Selected, command: Promote, store: Store
) -> Comparison | str:
    """Compare what was selected with the champion on the data that are here; or return why not.

    The members of the champion are scored again in the folds of the selected, and calibrated as they were.

    Raises
    ------
    DataError
        The champion's files cannot be read, and it is not to be replaced by force.
    """
    try:
        run = store.run(str(champion.run_id))
        texts = candidates.texts_of(store, run)
    except DataError as error:
        if command.force:
            return str(error)
        raise _unreadable(champion, error) from error
    country = selected.material.candidate.country
    try:
        materials = [stored_runs.rebuilt(text, command, country) for text in texts]
        scores = [material.scores(selected.validation) for material in materials]
    except CroplandError as error:
        return str(error)
    before, _ = selection.combine([each.out_of_fold for each in scores], _kind(run))
    right, right_before = map(out_of_fold.right_of, (selected.scores.out_of_fold, before))
    common = right.index.intersection(right_before.index)
    if not len(common):
        return "it has no labelled point in common with the selected one"
    units = out_of_fold.units_of(selected.material.archive, command.validation)
    first, second = (
        np.asarray(column[common], dtype=np.float64) for column in (right, right_before)
    )
    return compare(first, second, units[common].to_numpy())


def _kind(run: TrackedRun) -> CalibrationKind:
    """Return how the champion is calibrated; those of earlier versions are not."""
    return "sigmoid" if run.params.get(CALIBRATION) == "sigmoid" else "none"


def _unreadable(champion: ModelVersion, error: DataError) -> DataError:
    """Return an error that says that the champion cannot be read, and what to do."""
    return DataError(
        f"version {champion.version} of {champion.name}, the champion, cannot be read and stays: "
        f"{error}; restore its files, or replace it without a comparison by force=true"
    )
