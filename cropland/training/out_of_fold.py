"""Out-of-fold predictions as a run keeps them: written as CSV, read back for comparisons."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.features.matrix import labelled

if TYPE_CHECKING:
    import xarray as xr

    from cropland.config.groups import Validation
    from cropland.observations.archive import Archive

FILE = "predictions.csv"
CLASSES = {1: "cropland", 0: "other"}
_TYPES = {
    "Target": "int8",
    "label": "int8",
    "probability": "float64",
    "repeat": "int64",
    "fold": "int64",
}
_ROUNDING = 1e-6
"""Of probabilities, which are written with six digits."""


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
    """Read from such a CSV in what share of the repeats each point was right; the index is its ID.

    Raises
    ------
    DataError
        It is no such CSV.
    """
    table = _table(text, "label")
    ids, at = np.unique(table["ID"].to_numpy().astype(str), return_inverse=True)
    hits = table["label"].to_numpy() == table["Target"].to_numpy()
    return pd.Series(np.bincount(at, hits) / np.bincount(at), index=ids)


def probabilities(text: str, labels: pd.Series[Any]) -> pd.DataFrame:
    """Read from such a CSV the probability of cropland, shape (point, repeat); the index is the point's ID.

    Parameters
    ----------
    text : str
        The CSV.
    labels : Series of int
        The label of each point of the archive, by its ID: the CSV has points of it, with these labels.

    Raises
    ------
    DataError
        It is no such CSV, has other points or labels, lacks a point in a repeat, or has a label that is not
        the more probable class.
    """
    table = _table(text, "label", "probability", "repeat")
    _check_labels(table, labels)
    ids, cells = _cells(table)
    return pd.DataFrame(_consistent(table)[cells], ids)


def read(text: str, labels: pd.Series[Any]) -> xr.Dataset:
    """Read from such a CSV what it was written of, samples in the order of their IDs; see `probabilities`."""
    import xarray as xr

    table = _table(text, "label", "probability", "repeat", "fold")
    _check_labels(table, labels)
    ids, cells = _cells(table)
    values = {"probability": _consistent(table)} | {
        name: table[name].to_numpy() for name in ("label", "fold")
    }
    return xr.Dataset(
        {name: (("sample", "repeat"), column[cells]) for name, column in values.items()},
        coords={
            "ID": ("sample", ids),
            "Target": ("sample", table["Target"].to_numpy()[cells[:, 0]]),
        },
    )


def _check_labels(table: pd.DataFrame, labels: pd.Series[Any]) -> None:
    if not np.array_equal(labels.reindex(table["ID"]).to_numpy(), table["Target"].to_numpy()):
        raise DataError(f"{FILE} has other points or labels than the archive")


def _cells(table: pd.DataFrame) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Return the IDs of points in order, and the line of each point, shape (point, repeat)."""
    ids, at = np.unique(table["ID"].to_numpy().astype(str), return_inverse=True)
    repeat = table["repeat"].to_numpy()
    lines = np.lexsort((repeat, at))
    repeats = len(table) // len(ids)
    expected = np.tile(np.arange(repeats), len(ids))
    if len(expected) != len(table) or not np.array_equal(repeat[lines], expected):
        raise DataError(f"{FILE} has not every point once in each repeat")
    return ids, lines.reshape(len(ids), repeats)


def _consistent(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return probabilities as they were before rounding moved some of them across 0.5."""
    probability, label = table["probability"].to_numpy(), table["label"].to_numpy()
    other = (probability > 0.5) != (label == 1)
    if (
        not (np.abs(probability - 0.5) <= 0.5).all()
        or (np.abs(probability[other] - 0.5) > _ROUNDING).any()
    ):
        raise DataError(f"{FILE} has labels that are not the more probable class")
    return np.where(other, np.where(label == 1, np.nextafter(0.5, 1), 0.5), probability)


def _table(text: str, *columns: str) -> pd.DataFrame:
    """Read ID, Target and other columns of such a CSV.

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
                include_columns=["ID", "Target", *columns],
                column_types={"ID": "string", **_TYPES},
            ),
        ).to_pandas()
    except pa.ArrowException as error:
        header = text.partition("\n")[0].strip().split(",")
        missing = [name for name in ("ID", "Target", *columns) if name not in header]
        reason = f"it has no column {missing[0]}" if missing else str(error).splitlines()[0]
        raise DataError(f"{FILE} cannot be read: {reason}") from error
    if not len(table) or not table[["Target", "label"]].isin(list(CLASSES)).all(axis=None):
        raise DataError(f"{FILE} has no predictions, or others than 0 and 1")
    return table


def right_of(out_of_fold: xr.Dataset) -> pd.Series[float]:
    """Return in what share of the repeats each sample was right; the index is its ID."""
    share = (out_of_fold["label"] == out_of_fold["Target"]).mean("repeat")
    return pd.Series(share.to_numpy(), index=out_of_fold["ID"].to_numpy(), dtype=float)


def probability_of(out_of_fold: xr.Dataset) -> pd.Series[float]:
    """Return the probability of cropland of each sample, the mean over repeats; the index is its ID."""
    probability = out_of_fold["probability"].mean("repeat")
    return pd.Series(probability.to_numpy(), index=out_of_fold["ID"].to_numpy())


def units_of(archive: Archive, validation: Validation) -> pd.Series[Any]:
    """Return the number of each labelled point's pixel, or of its spatial block, by its ID."""
    from cropland.learning.folds import independent_units  # with scikit-learn

    points = labelled(archive.points)
    return pd.Series(independent_units(points, validation), index=points["ID"].to_numpy())


def labels_of(archive: Archive) -> pd.Series[Any]:
    """Return the label of each labelled point by its ID."""
    points = labelled(archive.points)
    return pd.Series(points["Target"].to_numpy(), index=points["ID"].to_numpy())


def recalls(text: str) -> dict[str, float]:
    """Read from such a CSV what share of each class was found, the mean over repeats."""
    table = _table(text, "label")
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
