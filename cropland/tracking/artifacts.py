"""Artifacts of runs, written in one go; texts are read back from the files of their experiment only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.errors import DataError
from cropland.support.fingerprint import fingerprint
from cropland.support.writing import temporary_folder
from cropland.tracking.experiments import is_inside, local_path
from cropland.tracking.records import CHECKSUM
from cropland.tracking.retries import patiently
from cropland.untrusted.documents import read_bytes

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from cropland.tracking.records import TrackedRun

_MOST_BYTES = 2**28
"""Of a text artifact: predictions of some million points."""
_NAME_OF_TAG = re.compile(r"[A-Za-z0-9_.-]{1,200}")


def write(
    client: MlflowClient, run_id: str, files: Mapping[str, str | bytes], location: str = ""
) -> None:
    """Write artifacts of a run, all in one go.

    Where its `location` is given and lies on this machine, the store need not be asked for it.
    """
    if not files:
        return
    here = local_path(location) if location else None
    if here is not None:
        patiently(client.tracking_uri, _write_into, here, files)
    else:
        with temporary_folder() as folder:
            _write_into(folder, files)
            client.log_artifacts(run_id, str(folder))


def _write_into(folder: Path, files: Mapping[str, str | bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def checksums(files: Mapping[str, str | bytes]) -> dict[str, str]:
    """Return the tags that hold the checksums of text artifacts.

    A file that a user named is not read back, and its name may be no key for MLflow.
    """
    return {
        CHECKSUM + name: fingerprint(content.encode())
        for name, content in files.items()
        if isinstance(content, str) and _NAME_OF_TAG.fullmatch(name)
    }


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
    is_local = local_path(location) is not None  # read where it is, without a copy
    try:
        with nullcontext() if is_local else temporary_folder() as folder:
            path = download_artifacts(
                artifact_uri=location,
                dst_path=None if folder is None else str(folder),
                tracking_uri=store,
            )
            content = read_bytes(Path(path), _MOST_BYTES)
    except (OSError, MlflowException) as error:
        raise DataError(f"run {run.name!r} has lost its {name}") from error
    except ValueError as error:
        raise DataError(f"{name} of run {run.name!r} cannot be read: {error}") from error
    if run.tags.get(CHECKSUM + name) not in (None, fingerprint(content)):
        raise DataError(f"{name} of run {run.name!r} is damaged: it is not as it was written")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{name} of run {run.name!r} is damaged: it is not text") from error
