"""The folder of a map while it is written: one process at a time, and what is deleted of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from cropland.errors import DataError
from cropland.maps import gis_files, layers
from cropland.maps.assessment.page import PAGE as ASSESSMENT_PAGE
from cropland.maps.facts import FACTS
from cropland.maps.finished_map import DIFFERENCE

if TYPE_CHECKING:
    from cropland.maps.plan import MapPlan

_LOCK = ".lock"


def check_free(plan: MapPlan) -> None:
    """Check that no other command writes to the folder of a map.

    Raises
    ------
    DataError
        One does.
    """
    if (plan.folder / _LOCK).exists():
        with locked(plan):
            pass


@contextmanager
def locked(plan: MapPlan) -> Iterator[None]:
    """Lock a folder, so that one process at a time writes to it."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(plan.folder / _LOCK, timeout=0)
    try:
        with lock:
            yield
    except Timeout as error:
        raise DataError(
            f"{plan.folder} is being written to by another command; wait for it, or set output"
        ) from error


def delete_other_map(plan: MapPlan) -> None:
    """Delete the files of another map; a sample stays, which somebody may have labelled."""
    names = {layer.name for layer in plan.layers}
    old = [f"{name}.tif" for name in layers.LAYERS if name not in names]
    for name in (
        FACTS,
        *old,
        *gis_files.names_of(),
        ASSESSMENT_PAGE,
        *(f"assessment.{kind}" for kind in ("md", "html", "png", "json")),
    ):
        (plan.folder / name).unlink(missing_ok=True)
    for page in plan.folder.glob(f"{DIFFERENCE}*.html"):
        page.unlink()


def delete_tiles(folder: Path) -> None:
    """Delete tiles, also those of maps that were given up, and files that a kill has left half written."""
    for path in (*folder.glob("tiles-*"), *folder.glob(".*.tif.*")):
        shutil.rmtree(path, ignore_errors=True)
