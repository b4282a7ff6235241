"""What is known of the jobs of a sweep before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cropland.observations.bands import BandSet

if TYPE_CHECKING:
    from cropland.config.jobs import Job


def check_bands(jobs: Sequence[Job]) -> None:
    """Raise an error where a job has a band that there is not, before heavy imports.

    Raises
    ------
    ConfigError
        It has.
    """
    for job in jobs:
        for configuration in (job.configuration, *job.alternatives):
            BandSet.of(configuration.bands.names)


def modules_of(jobs: Sequence[Job]) -> list[str]:
    """Return names of modules that take seconds to import and that every job needs; one may be missing."""
    modules = ["cropland.commands.train", "cropland.training.scoring"]
    modules += ["cropland.observations.archive_store", "dask.array", "pyproj"]
    modules += ["sklearn.ensemble", "sklearn.model_selection"]
    fast = any(job.configuration.model.fast for job in jobs)
    return [*modules, "sklearnex.ensemble"] if fast else modules
