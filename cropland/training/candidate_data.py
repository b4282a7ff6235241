"""The data of a candidate: the archives that it needs, open, and the features that are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from joblib import effective_n_jobs

from cropland.features.evidence import Evidence
from cropland.features.matrix import labelled
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
class CandidateData:
    """A candidate with the archives that it needs, open."""

    candidate: Candidate
    archive: Archive
    other_archives: tuple[Archive, ...]

    @classmethod
    def of(cls, candidate: Candidate) -> CandidateData:
        """Open the archives of a candidate; alternatives whose window is outside are left out.

        Raises
        ------
        WindowError
            Its window, or that of every alternative, is outside an archive.
        """
        configuration = candidate.configuration
        archive, *others = (
            opening.archive_of(configuration.source, configuration.paths, country)
            for country in (candidate.country, *candidate.other_countries)
        )
        data = cls(candidate.within(archive), archive, tuple(others))
        for other, country in zip(others, candidate.other_countries, strict=True):
            data.recipe.window(country.reference.last).check_inside(other)
        return data

    @property
    def cores(self) -> int:
        """Number of cores that its configuration gives it."""
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
        return labelled(self.samples.matrix)

    @cached_property
    def evidence(self) -> Evidence:
        """How much of their series was observed, of the country's labelled points that were observed."""
        counts, gaps = self.samples.n_observations, self.samples.longest_gap
        at = (self.archive.points["Target"].to_numpy() >= 0) & (counts > 0)
        return Evidence.of(counts[at], self.recipe.interpolated_share(self.archive)[at], gaps[at])

    @cached_property
    def other_samples(self) -> xr.DataArray | None:
        """Features of the labelled points of the other countries that it is trained on."""
        countries = self.candidate.other_countries
        matrices = [
            self._elsewhere(self.recipe.samples(archive, country.reference.last).matrix)
            for archive, country in zip(self.other_archives, countries, strict=True)
        ]
        return xr.concat(matrices, "sample") if matrices else None

    def _elsewhere(self, matrix: xr.DataArray) -> xr.DataArray:
        """Return the labelled points outside the country's box: where boxes overlap, nothing may leak."""
        box = self.candidate.country.box
        known = labelled(matrix)
        lat, lon = known["Lat"].to_numpy(), known["Lon"].to_numpy()
        within = (box.south <= lat) & (lat <= box.north) & (box.west <= lon) & (lon <= box.east)
        return known.isel(sample=np.flatnonzero(~within))

    def classifier(self) -> Classifier:
        """Make its unfitted classifier."""
        configuration = self.candidate.configuration
        return classifiers.build(configuration.model, configuration.seed)

    def scores(self, validation: Validation | None = None) -> Scores:
        """Compute its scores by cross-validation on its labelled points: its own validation, or another."""
        configuration = self.candidate.configuration
        return cross_validate(
            self.classifier(),
            self.labelled,
            validation or configuration.validation,
            seed=configuration.seed,
            n_jobs=self.cores,
            other_samples=self.other_samples,
            only_others=configuration.training == "others",
        )
