"""Out-of-fold predictions as a run keeps them: written as CSV, read back for comparisons."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import xarray as xr

FILE = "predictions.csv"


def as_csv(out_of_fold: xr.Dataset) -> str:
    """Write out-of-fold predictions as CSV, a line for each sample and repeat."""
    n_samples, repeats = out_of_fold.sizes["sample"], out_of_fold.sizes["repeat"]
    table = {name: np.repeat(out_of_fold[name].to_numpy(), repeats) for name in ("ID", "Target")}
    table["repeat"] = np.tile(np.arange(repeats), n_samples)
    table |= {
        name: out_of_fold[name].to_numpy().ravel() for name in ("fold", "probability", "label")
    }
    return pd.DataFrame(table).to_csv(index=False, float_format="%.6g")


def right(text: str) -> pd.Series[float]:
    """Read from such a CSV in what share of the repeats each point was right; the index is its ID."""
    table = pd.read_csv(
        io.StringIO(text),
        usecols=["ID", "Target", "label"],
        dtype={"ID": str},
        keep_default_na=False,
    )
    return (table["label"] == table["Target"]).groupby(table["ID"]).mean().astype(float)


def right_of(out_of_fold: xr.Dataset) -> pd.Series[float]:
    """Say in what share of the repeats each sample was right; the index is its ID."""
    share = (out_of_fold["label"] == out_of_fold["Target"]).mean("repeat")
    return pd.Series(share.to_numpy(), index=out_of_fold["ID"].to_numpy(), dtype=float)
