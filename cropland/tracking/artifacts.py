"""Text artifacts of runs, read back: from the files of their experiment only, and as they were written."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.errors import DataError
from cropland.support.fingerprint import fingerprint
from cropland.support.writing import temporary_folder
from cropland.tracking.experiments import is_inside
from cropland.tracking.records import CHECKSUM
from cropland.untrusted import arrays

if TYPE_CHECKING:
    from cropland.tracking.records import TrackedRun

_MOST_BYTES = 2**28
"""Of a text artifact: predictions of some million points."""


def read_text(run: TrackedRun, name: str, root: str, store: str) -> str:
    """Read a text artifact of a run.

    Parameters
    ----------
    run : TrackedRun
        The run.
    name : str
        Name of the artifact.
    root : str
        Where the run's experiment keeps its files.
    store : str
        Address of the tracking store.

    Raises
    ------
    DataError
        It is not there any more, is not as it was written, or lies outside the experiment's files.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    location = f"{run.artifact_uri}/{name}"
    if not is_inside(location, root, store):
        raise DataError(
            f"run {run.name!r} names its {name} in {run.artifact_uri}, which is not among the files of its "
            f"experiment ({root}); delete the run"
        )
    is_local = run.artifact_uri.startswith("file:")  # read where it is, without a copy
    try:
        with nullcontext() if is_local else temporary_folder() as folder:
            path = download_artifacts(
                artifact_uri=location,
                dst_path=None if folder is None else str(folder),
                tracking_uri=store,
            )
            content = arrays.read_file(Path(path), _MOST_BYTES)
    except (OSError, MlflowException) as error:
        raise DataError(f"run {run.name!r} has lost its {name}") from error
    except ValueError as error:
        raise DataError(f"{name} of run {run.name!r} cannot be read: {error}") from error
    if run.tags.get(CHECKSUM + name, fingerprint(content)) != fingerprint(content):
        raise DataError(f"{name} of run {run.name!r} is damaged: it is not as it was written")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{name} of run {run.name!r} is damaged: it is no text") from error
