"""Paired differences: candidates on the points that both have been scored on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cropland.learning.statistics import compare
from cropland.training.studies.tables import records

if TYPE_CHECKING:
    Correct = Callable[[str], pd.Series]
    """Gives for a run in what share of the repeats each point was classified correctly, by its ID."""

_BLOCKS = (
    "Differences are over single points: where whole blocks were left out, their standard errors and "
    "p-values are too small."
)


def add_differences(cells: pd.DataFrame, baseline: str | None, correct: Correct) -> pd.DataFrame:
    """Return cells with the paired difference of each to its country's baseline, NaN where there is none."""
    bases = cells[cells["variant"] == baseline].set_index("country")["run_id"]
    pairs = [
        _paired(cell["run_id"], bases[cell["country"]], correct)
        if cell["country"] in bases and cell["variant"] != baseline
        else (np.nan,) * 3
        for cell in records(cells)
    ]
    names = ["difference", "difference_se", "p_value"]
    return cells.join(pd.DataFrame(pairs, columns=names, index=cells.index))


def _paired(first: str, second: str, correct: Correct) -> tuple[float, float, float]:
    """Compute the difference of two runs on the points that both have, its standard error and p-value."""
    both = pd.concat([correct(first), correct(second)], axis=1, join="inner").to_numpy(np.float64)
    if not len(both):
        return (np.nan,) * 3
    pair = compare(both[:, 0], both[:, 1])
    return pair.difference, pair.standard_error, pair.p_value


def block_warning(table: pd.DataFrame) -> list[str]:
    """Return a warning of paired differences where points near each other were left out together."""
    return [_BLOCKS] if any(map(leaves_out_blocks, table["validation"].unique())) else []


def leaves_out_blocks(validation: str) -> bool:
    """Return whether a validation, by its name, leaves out whole blocks of points."""
    return "block" in str(validation)
