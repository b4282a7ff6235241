"""The material of a candidate: the archives that it needs, open, and what is made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import xarray as xr
from joblib import effective_n_jobs

from cropland import estimator, features, sources
from cropland.errors import WindowError
from cropland.validation import cross_validate

if TYPE_CHECKING:
    from cropland.archive import Archive
    from cropland.candidate import Candidate
    from cropland.config import Validation
    from cropland.estimator import Classifier
    from cropland.recipe import Samples
    from cropland.validation import Scores


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
            sources.archive_of(chosen.source, chosen.paths, country)
            for country in (candidate.country, *candidate.teachers)
        )
        inside = []
        for choice in candidate.choices:
            try:
                choice.window.check_inside(archive)
                inside.append(choice.configuration)
            except WindowError as error:
                outside = error
        if not inside:
            raise outside
        if candidate.alternatives:
            candidate = replace(candidate, alternatives=tuple(inside))
        for other, country in zip(teachers, candidate.teachers, strict=True):
            recipe = candidate.recipe(archive)
            recipe.window(country.reference.last).check_inside(other)
        return cls(candidate, archive, tuple(teachers))

    @property
    def cores(self) -> int:
        """How many cores its configuration gives it."""
        return int(effective_n_jobs(self.candidate.configuration.n_jobs))

    def samples(self) -> Samples:
        """Make the features of the country's points."""
        return self.candidate.recipe(self.archive).samples(self.archive)

    def taught(self) -> xr.DataArray | None:
        """Make the labelled samples of the countries that it learns from beside its own."""
        recipe = self.candidate.recipe(self.archive)
        matrices = [
            features.labelled(recipe.samples(archive, country.reference.last).matrix)
            for archive, country in zip(self.teachers, self.candidate.teachers, strict=True)
        ]
        return xr.concat(matrices, "sample") if matrices else None

    def classifier(self) -> Classifier:
        """Make its unfitted classifier."""
        chosen = self.candidate.configuration
        return estimator.build(chosen.model, chosen.seed)

    def scores(self, labelled: xr.DataArray, validation: Validation | None = None) -> Scores:
        """Cross-validate it on its labelled samples, by its own validation or another one."""
        chosen = self.candidate.configuration
        return cross_validate(
            self.classifier(),
            labelled,
            validation or chosen.validation,
            seed=chosen.seed,
            n_jobs=self.cores,
            taught=self.taught(),
            alone=chosen.training == "others",
        )
