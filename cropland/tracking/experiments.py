"""The experiments of a store: real and simulated apart, each with a note and views."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from cropland.config.groups import SIMULATED_SUFFIX
from cropland.errors import TrackingError
from cropland.tracking import notes, views

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

    from cropland.config.groups import Tracking
    from cropland.tracking.notes import Champion

REAL = "cropland"
"""The experiment of runs on real data, unless another is named."""
_RUN = re.compile("[0-9a-f]{32}")
"""The name of a run's folder: its id."""
_REMOTE = ("abfss", "gs", "mlflow-artifacts", "s3", "wasbs")
"""Schemes of stores of files that MLflow reads with the user's own log-in, or from its server."""


def experiment_of(tracking: Tracking, source: str) -> str:
    """Return the name of the experiment of a source's runs: real and simulated never mix."""
    return usual(simulated=source == "simulated", name=tracking.experiment or REAL)


def usual(*, simulated: bool, name: str = REAL) -> str:
    """Return the name of an experiment by the kind of its data."""
    return f"{name}{SIMULATED_SUFFIX}" if simulated else name


def is_simulated(experiment: str) -> bool:
    """Return whether the runs of an experiment are on simulated data."""
    return experiment.endswith(SIMULATED_SUFFIX)


def note_of(experiment: str, champions: Sequence[Champion] = ()) -> str:
    """Return the description of an experiment."""
    return notes.of_experiment(champions, simulated=is_simulated(experiment))


def describe(client: MlflowClient, experiment: str, champions: Sequence[Champion]) -> None:
    """Write an experiment's description anew, unless a user has written another."""
    entry = client.get_experiment_by_name(experiment)
    if entry is None or not notes.is_own(entry.tags):
        return
    for key, value in notes.tags(note_of(experiment, champions)).items():
        client.set_experiment_tag(str(entry.experiment_id), key, value)


def present(client: MlflowClient, tracking: Tracking) -> list[Experiment]:
    """Return the experiments of a store that are there, that of real data before that of simulated."""
    names = [
        usual(simulated=simulated, name=tracking.experiment or REAL) for simulated in (False, True)
    ]
    entries = map(client.get_experiment_by_name, names)
    return [entry for entry in entries if entry and entry.lifecycle_stage == "active"]


def create(client: MlflowClient, tracking: Tracking, experiment: str) -> str:
    """Create an experiment with its note and its views; return its id.

    Raises
    ------
    TrackingError
        A folder of artifacts that MLflow would not find again.
    """
    folder = folder_of(tracking, experiment)
    if folder is not None and re.search(r"%[0-9A-Fa-f]{2}", str(folder)):
        raise TrackingError(
            f"MLflow cannot read artifacts in {folder}: it takes a % with two digits for one sign; set "
            f"tracking.artifacts to a folder without"
        )
    location = None if folder is None else folder.as_uri()
    tags = views.tags(note_of(experiment)) | {
        "mlflow.experimentKind": "custom_model_development",
    }
    return client.create_experiment(experiment, artifact_location=location, tags=tags)


def folder_of(tracking: Tracking, experiment: str) -> Path | None:
    """Return the folder of an experiment's files, absolute; None where a server decides on it."""
    if tracking.folder is None:
        return None
    return (Path(tracking.folder) / experiment.replace("/", "-")).resolve()


def runs_in(folder: Path | None) -> set[str]:
    """Return the ids of the runs that have files in the folder of an experiment."""
    try:
        names = [] if folder is None else [path.name for path in folder.iterdir()]
    except OSError:  # there is none yet
        return set()
    return {name for name in names if _RUN.fullmatch(name)}


def local_path(location: str) -> Path | None:
    """Return the path of a location on this machine; None of any other."""
    parts = urlsplit(location)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return Path(location) if len(parts.scheme) < 2 else None  # a drive is no scheme


def is_inside(location: str, root: str, store: str) -> bool:
    """Return whether a location of a tracking store lies below another, on the same host.

    Parameters
    ----------
    location : str
        A path, or an address with the scheme of a store of files.
    root : str
        The location that an experiment keeps its files in.
    store : str
        The address of the tracking store: a server keeps files on its own host.
    """
    here, above = local_path(location), local_path(root)
    if here is not None and above is not None:
        return bool(root) and here.resolve().is_relative_to(above.resolve())
    parts = urlsplit(root)
    if parts.scheme not in _REMOTE or set(location) & set("?#\\"):
        return False
    if parts.scheme == "mlflow-artifacts" and parts.netloc not in ("", urlsplit(store).netloc):
        return False
    return location.startswith(f"{root.rstrip('/')}/") and ".." not in unquote(location).split("/")
