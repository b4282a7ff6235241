"""The comparison of a selected candidate with the champion, on the same points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cropland.errors import CroplandError, DataError
from cropland.learning.statistics import Comparison, compare
from cropland.models import competition, stored_runs, version_files
from cropland.training import candidates, out_of_fold

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from cropland.config.commands.promote import Promote
    from cropland.models.competition import Finalist
    from cropland.tracking.store import Store


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
    champion: ModelVersion, selected: Finalist, command: Promote, store: Store
) -> Comparison | str:
    """Compare the selected candidate with the champion on the data that are here; or return why not.

    Raises
    ------
    DataError
        The champion's files cannot be read, and it is not to be replaced by force.
    """
    try:
        text = candidates.text_of(store, store.run(str(champion.run_id)))
    except DataError as error:
        if command.force:
            return str(error)
        raise _unreadable(champion, error) from error
    try:
        material = stored_runs.rebuilt(text, command, selected.material.candidate.country)
        right_before = out_of_fold.right_of(material.scores().out_of_fold)
    except CroplandError as error:
        return str(error)
    right = out_of_fold.right_of(selected.scores.out_of_fold)
    common = right.index.intersection(right_before.index)
    if not len(common):
        return "it has no labelled point in common with the selected one"
    units = competition.units_of(selected.material.archive, command.validation)
    first, second = (
        np.asarray(column[common], dtype=np.float64) for column in (right, right_before)
    )
    return compare(first, second, units[common].to_numpy())


def _unreadable(champion: ModelVersion, error: DataError) -> DataError:
    """Return an error that says that the champion cannot be read, and what to do."""
    return DataError(
        f"version {champion.version} of {champion.name}, the champion, cannot be read and stays: "
        f"{error}; bring its files back, or replace it without a comparison by force=true"
    )
