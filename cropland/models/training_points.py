"""The training points of a model, as its promotion's run keeps them: written as CSV, read for maps."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import pandas as pd

from cropland.errors import DataError
from cropland.training.out_of_fold import probability_of

if TYPE_CHECKING:
    import xarray as xr

    from cropland.models.champion import Champion
    from cropland.tracking.store import Store

FILE = "training_points.csv"
_LIMITS = {"Lat": 90.0, "Lon": 360.0, "Target": 1.0, "probability": 1.0}


def as_csv(out_of_fold: xr.Dataset, points: xr.Dataset, to_look_at: Collection[object]) -> str:
    """Write the labelled points with the mean of their out-of-fold probabilities.

    Parameters
    ----------
    out_of_fold : xarray.Dataset
        Predictions of a model's samples, as `Scores.out_of_fold` holds them.
    points : xarray.Dataset
        The points of the archive: ``ID``, ``Lat``, ``Lon``, ``Target`` by point.
    to_look_at : collection of str
        IDs of labels that all finalists contradict.
    """
    table = points.to_dataframe().reset_index(drop=True)[["ID", "Lat", "Lon", "Target"]]
    table = table[table["Target"] >= 0]
    table = table.assign(
        probability=table["ID"].map(probability_of(out_of_fold)),
        to_look_at=table["ID"].isin(to_look_at).astype(int),
    )
    return table.to_csv(index=False, float_format="%.7g")


def read(text: str) -> pd.DataFrame:
    """Read such a CSV; ``label`` is the predicted class, NaN of points without a prediction.

    Raises
    ------
    DataError
        It is no such CSV.
    """
    names = ["ID", *_LIMITS, "to_look_at"]
    try:
        kinds: dict[str, Any] = {"ID": str, "to_look_at": "int8", **dict.fromkeys(_LIMITS, float)}
        table = pd.read_csv(
            io.StringIO(text), usecols=names, dtype=kinds, na_values={"probability": [""]},
            keep_default_na=False,
        )  # fmt: skip
    except (TypeError, ValueError) as error:
        raise DataError(f"{FILE} cannot be read: {str(error).splitlines()[0]}") from error
    for name, most in _LIMITS.items():
        if not table[name].dropna().abs().le(most).all():
            raise DataError(f"{FILE} has numbers of {name} that are out of range")
    known = table["probability"].notna()
    return table.assign(
        label=(table["probability"] > 0.5).astype(float).where(known),
        to_look_at=table["to_look_at"] == 1,
    )


def of_champion(champion: Champion, store: Store, say: Callable[[str], None]) -> pd.DataFrame:
    """Read the training points of a champion; none, after a line by `say`, where its run has none."""
    try:
        run = store.run(str(champion.version.run_id))
        return read(store.read(run, FILE))
    except DataError as error:
        say(f"without training points on its page: {error}")
        return pd.DataFrame(columns=["ID", *_LIMITS, "to_look_at", "label"])
