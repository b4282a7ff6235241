"""Whether the files of an experiment are where its database says, or the working folder was moved."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.errors import TrackingError
from cropland.support import terminal
from cropland.tracking import experiments, sqlite_file

if TYPE_CHECKING:
    from cropland.config.groups import Tracking


def check_artifacts(
    location: str, tracking: Tracking, experiment: str, *, writes: bool = True
) -> None:
    """Check that the files of an experiment can be read without the server that made it, and are its own.

    MLflow stores absolute locations. In a copy of a working folder they would still name the original, so
    that the copy would write there. Those of a folder that was moved are replaced in the database, unless
    nothing may be written.
    """
    uri = tracking.uri
    if location.startswith("mlflow-artifacts:") and not uri.startswith("http"):
        raise TrackingError(
            f"a server keeps the artifacts of what is in {uri}; give its address, as in tracking=server "
            f"tracking.uri=http://HOST:5000"
        )
    database = sqlite_file.path_of(uri)
    stored, here = experiments.local_path(location), experiments.folder_of(tracking, experiment)
    if uri.startswith("http") and stored is not None and not stored.parent.is_dir():
        raise TrackingError(
            f"the files of experiment {experiment!r} in {uri} are in {stored}, a folder that is not on this "
            f"machine; run the command in its working folder with tracking=local"
        )
    if database is None or stored is None or here is None or stored.resolve() == here:
        return
    if stored.name != here.name:  # of an experiment that others have made, where they want it
        return
    is_moved = here.is_dir() and (not stored.is_dir() or _is_nearer(database, here, stored))
    if is_moved and tracking.moved:
        terminal.print_note(
            terminal.notes(),
            f"the runs of experiment {experiment} now have their files in {here}, no longer in {stored}",
        )
    elif stored.is_dir() or here.is_dir():  # with neither there is no file to lose
        files = f"the files of experiment {experiment!r} in {uri}"
        if is_moved:
            raise TrackingError(
                f"{files} are expected in {here}, but its runs name {stored}: this folder was moved or "
                f"copied; run the same command once with tracking.moved=true, and they will name the files "
                f"here"
            )
        raise TrackingError(
            f"{files} are in {stored}, not in {here}, which is not theirs; give "
            f"tracking.artifacts={shlex.quote(str(stored.parent))} to go on there, or copy them here first"
        )
    if writes:
        sqlite_file.replace_locations(uri, location, here.as_uri())


def _is_nearer(database: Path, here: Path, stored: Path) -> bool:
    """Return whether a folder shares more of its path with a database than another folder does."""
    above = database.resolve().parents

    def shared(path: Path) -> int:
        return len({*above} & {*path.resolve().parents})

    return shared(here) > shared(stored)
