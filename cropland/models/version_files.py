"""The plain files of a registered version, found and fetched; its code, beside them, is not touched.

A version names a place. It must lie among the files of its experiment, and only the files of a model, by
their names, are taken from there, of which none runs code when it is read. A tag holds the checksum of its
recipe.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cropland.errors import DataError
from cropland.models import model_files
from cropland.models.model_files import ESTIMATOR, RECIPE
from cropland.support.writing import temporary_folder
from cropland.tracking import experiments
from cropland.tracking.experiments import is_inside, local_path
from cropland.tracking.records import CHECKSUM
from cropland.untrusted.arrays import LARGEST_BYTES

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment
    from mlflow.entities.model_registry import ModelVersion

CHECKSUM_OF_RECIPE = CHECKSUM + RECIPE
"""Tag of a version."""
REAL, SIMULATED = "cropland-", "cropland-simulated-"
"""How the names of registered models begin, before that of their country."""


def is_simulated(name: str) -> bool:
    """Return whether the registered model of a name is fitted on simulated data."""
    return name.startswith(SIMULATED)


def check(version: ModelVersion, client: MlflowClient) -> None:
    """Check that the files of a version are those it was registered with; older ones have no checksum.

    Raises
    ------
    DataError
        They are not, or cannot be read.
    """
    from mlflow.exceptions import MlflowException

    checksum = version.tags.get(CHECKSUM_OF_RECIPE)
    if checksum is None:
        return
    try:
        with files_of(version, client) as files:
            model_files.check(files, checksum)
    except (MlflowException, OSError) as error:
        raise DataError(str(error).partition("\n")[0]) from error


@contextmanager
def files_of(version: ModelVersion, client: MlflowClient) -> Iterator[dict[str, str]]:
    """Yield the path of each file of a version by its name, for as long as a fetched copy is kept.

    Raises
    ------
    DataError
        The version names a place outside the files of its experiment, or a file that is too large.
    OSError, MlflowException
        They cannot be fetched.
    """
    location = f"{_location(version, client).rstrip('/')}/artifacts"
    folder = local_path(location)
    if folder is not None:
        yield paths_in(folder)
        return
    with temporary_folder() as copies:
        yield copies_of(location, str(client.tracking_uri), copies)


def _location(version: ModelVersion, client: MlflowClient) -> str:
    """Return the place of a version, where it lies among the files of its run's experiment."""
    location = str(client.get_model_version_download_uri(version.name, version.version))
    root = _root(version, client)
    if not is_inside(location, root, str(client.tracking_uri)):
        raise DataError(
            f"version {version.version} of {version.name} names its files in {location}, which is not among "
            f"those of its experiment ({root or 'there is none'}); promote again, or use another version"
        )
    return location


def _root(version: ModelVersion, client: MlflowClient) -> str:
    """Return where the experiment of a version's run keeps its files; nothing where it is no such experiment.

    Models of real and of simulated data are of experiments of their own.
    """
    from mlflow.exceptions import MlflowException

    simulated = is_simulated(version.name)
    entry: Experiment | None
    try:
        run = client.get_run(str(version.run_id))
        entry = client.get_experiment(run.info.experiment_id)
    except MlflowException:  # the run was deleted for good
        entry = client.get_experiment_by_name(experiments.usual(simulated=simulated))
    if entry is None or experiments.is_simulated(str(entry.name)) != simulated:
        return ""
    return str(entry.artifact_location)


def paths_in(folder: Path) -> dict[str, str]:
    """Return the files of a folder on this machine; none is a link to a place elsewhere."""
    paths = {name: folder / name for name in model_files.names()}
    for path in paths.values():
        if path.exists() and not path.resolve().is_relative_to(folder.resolve()):
            raise DataError(f"{path} is a link to a file elsewhere; put the file in its place")
    must = (RECIPE, ESTIMATOR)
    return {name: str(path) for name, path in paths.items() if path.exists() or name in must}


def copies_of(location: str, store: str, copies: Path) -> dict[str, str]:
    """Copy the files of a place that is not on this machine."""
    from mlflow.artifacts import download_artifacts, list_artifacts

    sizes: dict[str, Any] = {
        entry.path.rpartition("/")[2]: entry.file_size
        for entry in list_artifacts(artifact_uri=location, tracking_uri=store)
        if not entry.is_dir
    }
    missing = [name for name in (RECIPE, ESTIMATOR) if name not in sizes]
    if missing:
        raise DataError(f"{location} has no {' and no '.join(missing)}")
    names = [name for name in model_files.names() if name in sizes]
    for name in names:
        if (sizes[name] or 0) > LARGEST_BYTES:
            raise DataError(
                f"{location}/{name} has {sizes[name]:,} bytes, expected at most {LARGEST_BYTES:,}"
            )
    return {
        name: download_artifacts(
            artifact_uri=f"{location}/{name}", dst_path=str(copies), tracking_uri=store
        )
        for name in names
    }
