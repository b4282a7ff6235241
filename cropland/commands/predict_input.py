"""What ``predict`` reads, checked: its output files, the points that are asked for, their observations."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.observations import point_counts, points
from cropland.sources import opening
from cropland.support.writing import check_new

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from rich.console import Console

    from cropland.config.commands.predict import Predict
    from cropland.config.countries import Country
    from cropland.observations.archive import Archive

log = logging.getLogger(__name__)


def check_output(command: Predict) -> None:
    """Check that the files to write are none that are read, and none that is there.

    Raises
    ------
    CroplandError
        One is.
    """
    inputs = opening.points_files(command.source, command.paths)
    inputs += () if command.points is None else (Path(command.points),)
    check_new(Path(command.output), inputs, "output", "points.csv", force=command.force)
    if command.page is not None:
        check_new(Path(command.page), inputs, "page", "points.html", force=command.force)


def asked_points(command: Predict, countries: Sequence[Country]) -> pd.DataFrame | None:
    """Read the points to predict, where a file names them.

    Raises
    ------
    DataError
        They cannot be read, or have Lat and Lon exchanged.
    """
    if command.points is None:
        return opening.unlabelled(command.source, command.paths)
    log.debug("reading the points of %s", command.points)
    asked = points.read_given(Path(command.points))
    point_counts.check_not_swapped(asked, countries, command.points)
    return asked


def left_out(asked: pd.DataFrame | None, predicted: int, country: str) -> list[str]:
    """Return a note on the points outside the box of the only country, which are left out, if any."""
    if asked is None or len(asked) <= predicted:
        return []
    return [
        f"{len(asked) - predicted} of {len(asked)} points lie outside the box of {country} "
        f"(conf/country/{country}.yaml) and are left out: "
        "widen the box, or predict several countries by country=all"
    ]


def archive_of(
    command: Predict,
    country: Country,
    asked: pd.DataFrame | None,
    console: Console,
    scratch: Path | None = None,
) -> Archive | None:
    """Return the observations of the points of one country; None where no point lies in it.

    Parameters
    ----------
    command : Predict
        Where they are.
    country : Country
        The country.
    asked : DataFrame, optional
        The points of ``points=FILE``, or the unlabelled points of the source.
    console : Console
        For a note on what takes time.
    scratch : Path, optional
        A temporary folder for an archive that would be made.

    Raises
    ------
    DataError
        There is nothing to observe them in, or what there is cannot be read.
    """
    if command.points is None or asked is None:
        return opening.archive_of(
            command.source,
            command.paths,
            country,
            before_filling=lambda: console.print(f"making the archive of {country.name} …"),
            scratch=scratch,
        )
    inside = points.inside(asked, country.box)
    if inside.empty:
        return None
    return opening.archive_of_points(command.source, command.paths, country, inside)
