"""Datasets: the archives that a run learns from, as MLflow lists and finds them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.observations.bands import STANDARD_NAMES

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from cropland.observations.archive import Archive

CONTEXT = "training"
_TYPES = {"i": "long", "u": "long", "f": "double"}
"""MLflow's names of types, by what NumPy calls their kind."""


@dataclass(frozen=True)
class Dataset:
    """An archive as MLflow keeps it: its values are in the archive only.

    Attributes
    ----------
    name : str
        ``iran points``.
    digest : str
        Fingerprint of the archive.
    source : str
        Where the archive is, as a JSON text; the folder is named as the configuration names it.
    schema : str
        Columns of its observations and points, as a JSON text.
    profile : str
        Rows, points, labels, days and bands, as a JSON text.
    """

    name: str
    digest: str
    source: str
    schema: str
    profile: str

    @classmethod
    def of(cls, archive: Archive, folder: str) -> Dataset:
        """Return the dataset of an archive in a folder (``paths.archive``)."""
        mark, source = archive.fingerprint, archive.source
        path = Path(folder) / source / f"{archive.country}-{mark[:12]}.zarr"
        return cls(
            name=f"{archive.country} points",
            digest=mark,
            source=json.dumps({"uri": path.as_posix()}),
            schema=json.dumps({"mlflow_colspec": _columns(archive)}),
            profile=json.dumps(_profile(archive)),
        )


def log(client: MlflowClient, run_id: str, datasets: list[Dataset]) -> None:
    """Write datasets as what a run learns from; the same dataset is stored once an experiment."""
    from mlflow.entities import Dataset as Entry
    from mlflow.entities import DatasetInput, InputTag

    tags = [InputTag("mlflow.data.context", CONTEXT)]
    inputs = [
        DatasetInput(
            Entry(one.name, one.digest, "local", one.source, one.schema, one.profile), tags
        )
        for one in datasets
    ]
    client.log_inputs(run_id, inputs)


def _columns(archive: Archive) -> list[dict[str, object]]:
    """Return name and type of each column of a table of observations, as MLflow writes schemas."""
    plain = {"ID": "string", "Timestamp": "datetime", "Lat": "double", "Lon": "double"}
    stored = {
        name: _TYPES.get(archive.dataset[name].dtype.kind, "string") for name in archive.stored
    }
    columns = plain | {"Target": "long"} | stored
    return [{"name": name, "type": kind, "required": True} for name, kind in columns.items()]


def _profile(archive: Archive) -> dict[str, object]:
    sizes, target = archive.dataset.sizes, archive.points["Target"].to_numpy()
    return {
        "num_rows": sizes["observation"],
        "num_points": sizes["point"],
        "num_cropland": int((target == 1).sum()),
        "num_other": int((target == 0).sum()),
        "num_unlabelled": int((target < 0).sum()),
        "first_day": archive.first.isoformat(),
        "last_day": archive.last.isoformat(),
        "source": archive.source,
        "bands": [name for name in STANDARD_NAMES if name in archive.stored],
    }
