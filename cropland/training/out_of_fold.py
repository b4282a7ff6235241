"""Out-of-fold predictions as a run keeps them: written as CSV, read back for comparisons."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cropland.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

FILE = "predictions.csv"
CLASSES = {1: "cropland", 0: "other"}


def as_csv(out_of_fold: xr.Dataset) -> str:
    """Write out-of-fold predictions as CSV, a line for each sample and repeat."""
    n_samples, repeats = out_of_fold.sizes["sample"], out_of_fold.sizes["repeat"]
    table = {name: np.repeat(out_of_fold[name].to_numpy(), repeats) for name in ("ID", "Target")}
    table["repeat"] = np.tile(np.arange(repeats), n_samples)
    table |= {
        name: out_of_fold[name].to_numpy().ravel() for name in ("fold", "probability", "label")
    }
    return pd.DataFrame(table).to_csv(index=False, float_format="%.6g")


def right(text: str, labels: pd.Series[Any] | None = None) -> pd.Series[float]:
    """Read from such a CSV in what share of the repeats each point was right; the index is its ID.

    Parameters
    ----------
    text : str
        The CSV.
    labels : Series of int, optional
        The label of each point of the archive, by its ID: the CSV has points of it, with these labels.

    Raises
    ------
    DataError
        It is no such CSV, or has other points or labels.
    """
    table = _table(text)
    if labels is not None and not np.array_equal(
        labels.reindex(table["ID"]).to_numpy(), table["Target"].to_numpy()
    ):
        raise DataError(f"{FILE} has other points or labels than the archive")
    ids, at = np.unique(table["ID"].to_numpy().astype(str), return_inverse=True)
    hits = table["label"].to_numpy() == table["Target"].to_numpy()
    return pd.Series(np.bincount(at, hits) / np.bincount(at), index=ids)


def _table(text: str) -> pd.DataFrame:
    """Read the columns ID, Target and label of such a CSV.

    Arrow reads it and not pandas: thousands of small files take a fifth of the time, in threads.
    """
    import pyarrow as pa
    from pyarrow import csv

    try:
        table: pd.DataFrame = csv.read_csv(
            io.BytesIO(text.encode()),
            read_options=csv.ReadOptions(use_threads=False),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                include_columns=["ID", "Target", "label"],
                column_types={"ID": "string", "Target": "int8", "label": "int8"},
            ),
        ).to_pandas()
    except pa.ArrowException as error:
        raise DataError(f"{FILE} cannot be read: {str(error).splitlines()[0]}") from error
    if not len(table) or not table[["Target", "label"]].isin(list(CLASSES)).all(axis=None):
        raise DataError(f"{FILE} has no predictions, or others than 0 and 1")
    return table


def right_of(out_of_fold: xr.Dataset) -> pd.Series[float]:
    """Return in what share of the repeats each sample was right; the index is its ID."""
    share = (out_of_fold["label"] == out_of_fold["Target"]).mean("repeat")
    return pd.Series(share.to_numpy(), index=out_of_fold["ID"].to_numpy(), dtype=float)


def recalls(text: str) -> dict[str, float]:
    """Read from such a CSV what share of each class was found, the mean over repeats."""
    table = _table(text)
    found = (table["label"] == table["Target"]).groupby(table["Target"]).mean()
    return {name: float(found[label]) for label, name in CLASSES.items() if label in found.index}


def confusion(out_of_fold: xr.Dataset) -> pd.DataFrame:
    """Count truth against prediction, over samples and repeats.

    Returns
    -------
    pandas.DataFrame
        Rows ``cropland`` and ``other``, the truth; columns ``predicted cropland`` and ``predicted other``.
    """
    truth, label = out_of_fold["Target"].to_numpy()[:, None], out_of_fold["label"].to_numpy()
    counts = [
        [int(((truth == true) & (label == said)).sum()) for said in CLASSES] for true in CLASSES
    ]
    return pd.DataFrame(
        counts,
        index=pd.Index(CLASSES.values(), name="truth"),
        columns=[f"predicted {name}" for name in CLASSES.values()],
    )
