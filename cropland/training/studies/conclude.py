"""The answer of a study: which question it asks decides which file answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from cropland.errors import ConfigError, DataError
from cropland.support.terminal import SIMULATED, titled
from cropland.training.studies import comparison, families, past_only, time_range
from cropland.training.variation import labels

if TYPE_CHECKING:
    import pandas as pd

    from cropland.config.groups import Study
    from cropland.training.studies.families import Samples
    from cropland.training.studies.tables import Conclusion


def conclude(
    study: Study,
    table: pd.DataFrame,
    *,
    references: Mapping[str, date],
    simulated: bool,
    samples: Samples,
) -> Conclusion:
    """Return the answer to a study's question from its candidates.

    Parameters
    ----------
    study : Study
        The question and how it is answered.
    table : DataFrame
        One row a candidate, see `tables`; those without a score too.
    references : mapping of str to date
        Last day of each country's reference season.
    simulated : bool
        Whether the note and the figure must say that nothing here is real.
    samples : Samples
        See `families.Samples`.

    Raises
    ------
    DataError
        No candidate has a score.
    ConfigError
        A figure that is not drawn of candidates.
    """
    scored = table.dropna(subset="accuracy").reset_index(drop=True) if len(table) else table
    if scored.empty:
        raise DataError(
            f"study {study.name} expected scored candidates, got none among {len(table)}; outcomes.csv in "
            f"the run folder says why each was left out"
        )
    title = study.title or f"Which {', '.join(labels(study.by).values())}?"
    study = replace(study, title=titled(title, simulated=simulated))
    remark = SIMULATED if simulated else ""
    if study.figure == "time_range":
        return time_range.conclude(study, scored, references, remark)
    if study.figure == "comparison":
        return comparison.conclude(study, scored, samples.right, remark)
    if study.figure == "families":
        return families.conclude(study, table, samples, remark)
    if study.figure == "past_only":
        return past_only.conclude(study, scored, samples.right, remark)
    raise ConfigError(
        f"study {study.name} has the figure {study.figure!r}, not drawn of candidates"
    )
