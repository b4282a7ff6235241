"""The material of a candidate: the archives that it needs, open, and what is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from joblib import effective_n_jobs

from cropland.features import matrix as features
from cropland.learning import classifiers
from cropland.learning.cross_validation import cross_validate
from cropland.sources import opening

if TYPE_CHECKING:
    from cropland.config.groups import Validation
    from cropland.features.recipe import Recipe, Samples
    from cropland.learning.classifiers import Classifier
    from cropland.learning.cross_validation import Scores
    from cropland.observations.archive import Archive
    from cropland.training.candidate import Candidate


@dataclass(frozen=True, eq=False)
class Material:
    """A candidate with the archives that it needs, open."""

    candidate: Candidate
    archive: Archive
    teachers: tuple[Archive, ...]

    @classmethod
    def of(cls, candidate: Candidate) -> Material:
        """Open the archives of a candidate, and leave out alternatives whose window is outside.

        Raises
        ------
        WindowError
            Its window, or that of every alternative, is outside an archive.
        """
        chosen = candidate.configuration
        archive, *teachers = (
            opening.archive_of(chosen.source, chosen.paths, country)
            for country in (candidate.country, *candidate.teachers)
        )
        made = cls(candidate.within(archive), archive, tuple(teachers))
        for other, country in zip(teachers, candidate.teachers, strict=True):
            made.recipe.window(country.reference.last).check_inside(other)
        return made

    @property
    def cores(self) -> int:
        """How many cores its configuration gives it."""
        return int(effective_n_jobs(self.candidate.configuration.n_jobs))

    @cached_property
    def recipe(self) -> Recipe:
        """All that makes its features of observations."""
        return self.candidate.recipe(self.archive)

    @cached_property
    def samples(self) -> Samples:
        """Features of the country's points."""
        return self.recipe.samples(self.archive)

    @cached_property
    def labelled(self) -> xr.DataArray:
        """Features of the country's labelled points."""
        return features.labelled(self.samples.matrix)

    @cached_property
    def taught(self) -> xr.DataArray | None:
        """Features of the labelled points of the countries that it learns from beside its own."""
        matrices = [
            self._elsewhere(self.recipe.samples(archive, country.reference.last).matrix)
            for archive, country in zip(self.teachers, self.candidate.teachers, strict=True)
        ]
        return xr.concat(matrices, "sample") if matrices else None

    def _elsewhere(self, matrix: xr.DataArray) -> xr.DataArray:
        """Choose labelled points outside the country's box: where boxes overlap, folds must leak nothing."""
        box = self.candidate.country.box
        known = features.labelled(matrix)
        lat, lon = known["Lat"].to_numpy(), known["Lon"].to_numpy()
        within = (box.south <= lat) & (lat <= box.north) & (box.west <= lon) & (lon <= box.east)
        return known.isel(sample=np.flatnonzero(~within))

    def classifier(self) -> Classifier:
        """Make its unfitted classifier."""
        chosen = self.candidate.configuration
        return classifiers.build(chosen.model, chosen.seed)

    def scores(self, validation: Validation | None = None) -> Scores:
        """Cross-validate it on its labelled points, by its own validation or another one."""
        chosen = self.candidate.configuration
        return cross_validate(
            self.classifier(),
            self.labelled,
            validation or chosen.validation,
            seed=chosen.seed,
            n_jobs=self.cores,
            taught=self.taught,
            alone=chosen.training == "others",
        )
