"""What a study reads of the samples of its candidates: their predictions, and those with fewer labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from cropland.errors import DataError
from cropland.learning.folds import independent_units, splits
from cropland.learning.learning_curve import FEWEST_LABELS, right_by_size
from cropland.support import terminal
from cropland.training import candidates, out_of_fold
from cropland.training.candidate_data import CandidateData

if TYPE_CHECKING:
    from cropland.training.candidate import Candidate
    from cropland.training.sweep import Session


@dataclass(frozen=True)
class StudySamples:
    """The samples of the candidates of a sweep, by the ids of their runs."""

    session: Session

    def right(self, run_id: str) -> pd.Series[float]:
        """Return in what share of the repeats each point was classified correctly, by its ID.

        Nothing of a run that has lost its predictions, which the console says.
        """
        try:
            return out_of_fold.right(self._predictions(run_id))
        except DataError as error:  # one that was scored before, and has lost its predictions since
            return self._without(error, ["right"])["right"]

    def scores(self, run_id: str) -> pd.DataFrame:
        """Return how each point was predicted, by its ID.

        Returns
        -------
        pandas.DataFrame
            ``right``, the share of the repeats in which it was classified correctly, ``brier``, the squared
            error of its probability, the mean over repeats, and ``unit``, the number of its pixel or spatial
            block. Nothing of a run that has lost its predictions, which the console says.
        """
        columns = ["right", "brier", "unit"]
        try:
            text = self._predictions(run_id)
            candidate = self._candidate(run_id)
            archive = self.session.archives[candidate.country.name]
            predicted = out_of_fold.read(text, out_of_fold.labels_of(archive))
        except DataError as error:
            return self._without(error, columns)
        ids = predicted["ID"].to_numpy()
        values = (
            (predicted["label"] == predicted["Target"]).mean("repeat").to_numpy(),
            ((predicted["probability"] - predicted["Target"]) ** 2).mean("repeat").to_numpy(),
            out_of_fold.units_of(archive, candidate.configuration.validation)[ids].to_numpy(),
        )
        return pd.DataFrame(dict(zip(columns, values, strict=True)), ids)

    def right_with_fewer(self, run_id: str, shares: Sequence[float]) -> pd.DataFrame:
        """Compute in what share of the repeats each point is right, with a share of each fold's labels.

        Returns
        -------
        pandas.DataFrame
            Indexed by ID, a column for each share. Nothing where the smallest share is fewer labels than a
            learning curve starts with, of a candidate that does not learn from the points that it is scored
            on, and of one that chooses anew in each fold.
        """
        candidate = self._candidate(run_id)
        chosen = candidate.configuration
        if chosen.training == "others" or chosen.validation.candidates is not None:
            return pd.DataFrame()
        data = CandidateData.of(candidate)
        features, validation = data.labelled, chosen.validation
        units = independent_units(features, validation)
        folds = splits(features["Target"].to_numpy(), units, validation, chosen.seed)
        most = max(len(train) for train, _ in folds)
        sizes = [round(most * share) for share in shares]
        if min(sizes) < FEWEST_LABELS:
            return pd.DataFrame()
        right = right_by_size(
            data.classifier(),
            features,
            validation,
            sizes,
            seed=chosen.seed,
            n_jobs=data.cores,
            other_samples=data.other_samples,
        )
        columns = dict(zip(shares, right.values(), strict=True))
        return pd.DataFrame(columns, index=features["ID"].to_numpy().astype(str))

    def _predictions(self, run_id: str) -> str:
        store = self.session.store
        return store.read(store.run(run_id), out_of_fold.FILE)

    def _without(self, error: DataError, columns: list[str]) -> pd.DataFrame:
        """Return an empty table, and print why."""
        terminal.print_note(self.session.console, f"no paired difference: {error}")
        return pd.DataFrame(columns=columns, dtype=float)

    def _candidate(self, run_id: str) -> Candidate:
        store, here = self.session.store, self.session.configuration
        text = candidates.text_of(store, store.run(run_id))
        place = {name: getattr(here, name) for name in ("paths", "tracking", "n_jobs", "source")}
        return candidates.from_yaml(text, **place)
