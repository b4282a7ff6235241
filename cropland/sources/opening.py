"""Sources fill archives.

Each module here is a source and has three functions:

- ``inputs``, all that decides an archive's content;
- ``fill``, which makes it: the ragged dataset of `observations.archive` with the days that it covers,
  whole or in blocks of points;
- ``observations_of``, which makes the same of points that are given.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.config.conf_folders import SHIPPED
from cropland.config.groups import Paths
from cropland.config.plain_values import read_file
from cropland.config.schema import filled, require
from cropland.config.sources import Files, Simulated
from cropland.errors import DamageError, DataError
from cropland.observations import archive, points
from cropland.observations.archive_writing import Blocks
from cropland.sources.download import source as fetched
from cropland.sources.exports import source as exports
from cropland.sources.simulation import source as simulated
from cropland.support import logs, terminal
from cropland.support.fingerprint import fingerprint, fingerprint_of
from cropland.support.progress import Meter, working

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from rich.console import Console

    from cropland.config.countries import Country
    from cropland.config.sources import Source
    from cropland.observations.archive import Archive

log = logging.getLogger(__name__)
_FILLERS = {"files": exports, "simulated": simulated, "earthengine": fetched, "stac": fetched}
_CODE = {
    fetched: ("observations", "sources/download", "sources/service.py"),
    exports: (
        *("observations", "sources/exports"),
        *("support/reading.py", "support/columns.py", "support/vector_files.py"),
        "support/coordinates.py",
    ),
    simulated: ("observations", "sources/simulation"),
}
"""What decides, beside its inputs, what a source makes of them."""
MOST_IN_MEMORY = simulated.POINTS_STORED // 2
"""Labelled points that `simulate` takes."""
_OPEN: dict[str, Archive] = {}
_SILENT_SECONDS = 2.0
"""How long an archive may take before it is shown how far it is."""


def archive_of(
    source: Source,
    paths: Paths,
    country: Country,
    *,
    before_filling: Callable[[], None] = lambda: None,
    scratch: Path | None = None,
) -> Archive:
    """Open the archive of a country, filling it first where it must be; a process opens each once.

    The name of an archive holds its fingerprint, a hash of all that decides its content (inputs,
    settings, the code that reads them): where one of these has changed, a new archive is made, and
    `before_filling` is called first. With `scratch`, a new one goes to this folder, which is deleted later.

    Raises
    ------
    DataError
        There is nothing to make it from, or what there is cannot be read.
    """
    key = repr((source, paths.data, paths.archive, paths.downloads, country.land, scratch))
    if key not in _OPEN:
        path, mark = _place(source, paths, country)
        current = _open(path, mark) if path.exists() else None
        if current is None:
            path = path if scratch is None else scratch / path.name
            before_filling()
            log.debug(
                "reading the observations of %s from %s", country.name, _origin(source, paths)
            )
            began = time.monotonic()
            with working(terminal.notes(), f"making the archive of {country.name}"):
                content = _FILLERS[source.name].fill(source, paths, country)
                archive.write(
                    _shown(content) if isinstance(content, Blocks) else content,
                    path,
                    {"source": source.name, "country": country.name, "fingerprint": mark},
                )
            current = archive.open_archive(path, mark)
            log.info("made %s in %.1f s", path, time.monotonic() - began)
        log.info("opened %s: %s points", path, current.points.sizes["point"])
        _OPEN[key] = current
    return _OPEN[key]


def _open(path: Path, mark: str) -> Archive | None:
    """Open an archive; None, after a line, where it is damaged and can be made again."""
    try:
        return archive.open_archive(path, mark)
    except DamageError as error:
        if not os.access(path.parent, os.W_OK):
            raise DataError(
                f"{error.damage}, and you may not write to {path.parent} to make it again; set "
                f"paths.archive to another folder"
            ) from error
        terminal.print_warning(terminal.notes(), f"{error.damage}; it is made again")
    return None


def print_notes(archive: Archive, console: Console) -> None:
    """Print what was found in the numbers of an archive when it was made."""
    for note in archive.notes:
        terminal.print_note(console, f"{archive.country}: {note}")


def archive_of_points(
    source: Source, paths: Paths, country: Country, table: pd.DataFrame
) -> Archive:
    """Observe points that no archive holds; what comes of it stays in memory.

    Parameters
    ----------
    table : DataFrame
        As `cropland.observations.points` gives it, all within the country's box.

    Raises
    ------
    DataError
        There is nothing to observe them in, or what there is cannot be read.
    """
    step = f"observed {len(table)} points of {country.name} in {_origin(source, paths)}"
    with logs.timed(log, step):
        dataset = _FILLERS[source.name].observations_of(source, paths, country, table)
    return archive.in_memory(dataset, source.name, country.name)


def points_files(source: Source, paths: Paths) -> tuple[Path, ...]:
    """Return where the points files of a source are; the simulation has none."""
    if isinstance(source, Simulated):
        return ()
    return tuple(Path(paths.data) / name for name in (source.labelled, source.unlabelled))


def unlabelled(source: Source, paths: Paths) -> pd.DataFrame | None:
    """Read the points to predict, of every country and in the order of their file, where there is one."""
    if isinstance(source, Simulated):  # they are in its archives
        return None
    path = Path(paths.data) / source.unlabelled
    log.debug("reading the points of %s", path)
    if not os.path.lexists(path):
        raise DataError(
            f"expected a points file at {path}, there is none; give the points to predict, as in "
            f"points=FILE, or set paths.data to its folder"
        )
    return points.read(path, labelled=False)


def _origin(source: Source, paths: Paths) -> str:
    """Return where the observations of a source are, as a log names it."""
    if isinstance(source, Simulated):
        return "the simulation"
    return f"{paths.data if isinstance(source, Files) else paths.downloads} (source={source.name})"


def _shown(blocks: Blocks) -> Blocks:
    """Show how many points have come, from the block on at which it has taken some time."""

    def counted() -> Iterator[xr.Dataset]:
        began, done, before = time.monotonic(), 0, 0
        meter: Meter | None = None
        with ExitStack() as showing:
            for block in blocks.datasets:
                yield block
                done += block.sizes["point"]
                if meter is not None:
                    meter.show(done, done - before)
                elif time.monotonic() - began > _SILENT_SECONDS:
                    console, before = terminal.notes(), done
                    meter = showing.enter_context(Meter(console, "points", blocks.n_points))

    return Blocks(blocks.n_points, counted())


def simulate(country: Country, *, points: int = 500, margin_days: int = 365) -> Archive:
    """Simulate a country into an archive in memory, as ``source=simulated`` does; nothing is written.

    Parameters
    ----------
    country : Country
        Its box and reference season; Afghanistan, Iran and Sudan have a climate and fields of their own.
    points : int
        Labelled points, and as many unlabelled ones: at most 5,000.
    margin_days : int
        Days that are observed before and after the reference season.

    Returns
    -------
    Archive
        Simulated data: not valid for any real country.

    Raises
    ------
    ConfigError
        A number that cannot be.

    Examples
    --------
    >>> iran = cropland.read_country("iran")
    >>> cropland.simulate(iran, points=30).points.sizes["point"]
    60
    """
    values = read_file(SHIPPED / "source" / "simulated.yaml")
    values |= {"points": points, "margin_days": margin_days}
    source = filled(Simulated, values, "simulate: ")
    require(
        points <= MOST_IN_MEMORY,
        f"simulate: expected at most {MOST_IN_MEMORY:,} points, got {points:,}",
    )
    (dataset,) = simulated.fill(source, Paths("", "", ""), country).datasets
    return archive.in_memory(dataset, source.name, country.name)


def _place(source: Source, paths: Paths, country: Country) -> tuple[Path, str]:
    filler = _FILLERS[source.name]
    mark = fingerprint(fingerprint_of(*_CODE[filler]), *filler.inputs(source, paths, country))
    return Path(paths.archive) / source.name / f"{country.name}-{mark[:12]}.zarr", mark
