"""Assess a map.

A finished map → a stratified random sample of its pixels → labels by people who look at images → hectares and
accuracies with intervals, as a report, tracked with the map and its model. From the same map the points to
label next are chosen, for training.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cropland.config.countries import iso_date
from cropland.config.sources import Simulated
from cropland.errors import ConfigError, DataError
from cropland.maps.assessment import labels as maplabels
from cropland.maps.assessment import next_points, report, sample, sampling
from cropland.maps.assessment import strata as sample_strata
from cropland.maps.assessment.page import PAGE, sample_page
from cropland.maps.assessment.report import PICTURE, REPORT, REPORT_PAGE
from cropland.maps.assessment.result import AssessmentResult
from cropland.maps.assessment.sample import DESIGN, SQUARES, TABLE
from cropland.maps.finished_map import FinishedMap
from cropland.maps.layers import CLASSES, NO_DATA
from cropland.sources import grid as grids
from cropland.support import logs, terminal
from cropland.support.progress import working
from cropland.support.words import command_line, count, ha, some
from cropland.support.writing import write_whole
from cropland.tracking.opening import open_store
from cropland.tracking.provenance import code_tags
from cropland.tracking.records import COUNTRY, KIND

if TYPE_CHECKING:
    from rich.console import Console

    from cropland.config.commands.assess import Assess
    from cropland.config.countries import Country
    from cropland.maps.assessment.sample import Design, StratumCounts

log = logging.getLogger(__name__)
LANDSCAPE = "landscape"
"""The word for labels of a simulated landscape."""


def run(command: Assess, countries: Sequence[Country]) -> None:
    """Draw a sample, estimate from its labels, or choose what to label next.

    Raises
    ------
    CroplandError
        No map, a map or labels that are not what they should be, or files that would be overwritten.
    """
    with logs.timed(log, f"opened the map {command.map}"):
        finished_map = FinishedMap.open(Path(command.map))
    country = _country(command, finished_map, countries)
    finished_map.check_writable()
    screen = terminal.screen()
    if command.task == "draw":
        _draw(command, finished_map, screen)
    elif command.task == "choose":
        _choose(command, finished_map, screen)
    else:
        _estimate(command, finished_map, country, screen)
    if finished_map.facts.tags["SOURCE"] == "simulated":
        screen.print(terminal.SIMULATED)


def _country(
    command: Assess, finished_map: FinishedMap, countries: Sequence[Country]
) -> Country | None:
    """Return the country of a map, if there is a file of it, and refuse words that name another.

    Raises
    ------
    ConfigError
        Another country or source than the map's was named.
    """
    title, source = (finished_map.facts.tags[name] for name in ("COUNTRY", "SOURCE"))
    country = next((each for each in countries if each.title == title), None)
    if country is None and len(countries) == 1:
        raise ConfigError(
            f"{finished_map.path} is a map of {title}, not of {countries[0].name}; leave country out"
        )
    if command.source.name not in (source, "simulated"):
        raise ConfigError(
            f"{finished_map.path} was made of source={source}, not of source={command.source.name}; "
            f"leave source out"
        )
    return country


def _check_free(finished_map: FinishedMap, names: Iterable[str], *, force: bool) -> None:
    """Raise an error rather than overwrite what somebody may have filled in."""
    existing = [name for name in names if os.path.lexists(finished_map.path / name)]
    if existing and not force:
        raise DataError(
            f"{finished_map.path} has {some(existing)} already, which may hold labels; move it away, or "
            f"overwrite it by force=true"
        )


def _draw(command: Assess, finished_map: FinishedMap, screen: Console) -> None:
    """Draw a sample, and write it."""
    _check_free(finished_map, (TABLE, SQUARES, DESIGN), force=command.force)
    _check_strata(finished_map)
    with working(terminal.notes(), "counting the pixels of each class"):
        strata = sample.count_strata(finished_map, [(value,) for value in CLASSES.values()])
    _check_counts(finished_map, strata)
    size = command.sample_size or _sample_size(command, finished_map)
    sizes = sampling.allocate(strata.totals, size, command.allocation, minimum=command.minimum)
    design = sample.draw(
        finished_map, strata, sizes, seed=command.seed, allocation=command.allocation
    )
    for name, text in sample.files_of(finished_map, design).items():
        write_whole(finished_map.path / name, text)
    folder = terminal.literal(finished_map.path)
    screen.print(f"{folder}/{TABLE}: {count(size, 'unit')} in random order")
    for name, each in design.strata.items():
        screen.print(
            f"  {each.units} where the map says {name}: {each.pixels:,} pixels, "
            f"{ha(each.hectares)} ha"
        )
    screen.print(
        "fill in Target: 1 cropland, 0 other, empty where it cannot be seen; look at images, not at "
        f"the map. {SQUARES} holds the outline of each pixel. The labeller must not see {DESIGN}"
    )
    labels = LANDSCAPE if finished_map.facts.truth is not None else f"{folder}/{TABLE}"
    screen.print(f"next, hectares: {command_line('assess', f'map={folder}', f'labels={labels}')}")


def _sample_size(command: Assess, finished_map: FinishedMap) -> int:
    """Compute how many units give the standard error that is asked for."""
    hectares = np.array([finished_map.facts.hectares[name] for name in CLASSES])
    accuracies = [getattr(command.users_accuracy, name) for name in CLASSES]
    return sampling.sample_size(hectares / hectares.sum(), accuracies, command.standard_error)


def _check_strata(finished_map: FinishedMap) -> None:
    """Raise an error for a map of which no sample can be drawn, before its pixels are counted again."""
    pixels = {name: finished_map.facts.pixels[name] for name in CLASSES}
    if not sum(pixels.values()):
        raise DataError(
            f"{finished_map.path} has no pixel with a class; map a window with observations"
        )
    for name, number in pixels.items():
        if number == 1:
            raise DataError(
                f"expected no pixel of {name} or at least 2 in {finished_map.path}, got 1, too few for "
                "an interval; map more land (a larger box), or assess it by the sample of another map "
                f"of the same land: labels=…/{TABLE}"
            )


def _check_counts(finished_map: FinishedMap, strata: StratumCounts) -> None:
    """Raise an error for a layer of classes that is no more the one whose hectares were counted."""
    for (name, value), number in zip(CLASSES.items(), strata.totals.tolist(), strict=True):
        if number != finished_map.facts.pixels[name]:
            raise DataError(
                f"expected {finished_map.facts.pixels[name]:,} pixels of {name} (class {value}) in "
                f"{finished_map.path}, as when it was made, got {number:,}: its files were changed; map it "
                f"again"
            )


def _choose(command: Assess, finished_map: FinishedMap, screen: Console) -> None:
    """Choose what to label next, and write it."""
    assert command.next is not None  # what makes it this task
    _check_free(finished_map, (next_points.POINTS,), force=command.force)
    with working(terminal.notes(), "choosing points"):
        text = next_points.choose(
            finished_map,
            command.next,
            candidates=command.candidates,
            min_distance=command.min_distance,
            seed=command.seed,
        )
    path = finished_map.path / next_points.POINTS
    write_whole(path, text)
    screen.print(
        f"{terminal.literal(path)}: {count(command.next, 'point')}, the most useful first; add Target "
        "(1 cropland, 0 other) and add them to the labelled points. Use them for training only, "
        f"not for accuracy or area"
    )


def _estimate(
    command: Assess, finished_map: FinishedMap, country: Country | None, screen: Console
) -> None:
    """Estimate from labels, track it, write it, and show it."""
    _check_landscape(command, finished_map)
    path = _design_path(command, finished_map)
    design = sample.read(path)
    sample_strata.check(design, path, finished_map.facts)
    labels = _labels(command, finished_map, country, design)
    rows, columns, inside = grids.pixels(finished_map.grid, design.lon, design.lat)
    mapped = finished_map.values("class", rows, columns).astype(np.int64)
    result = AssessmentResult(finished_map.facts, design, labels, np.where(inside, mapped, NO_DATA))
    _ = result.estimates  # what cannot be estimated is refused before it is tracked
    if command.labels == LANDSCAPE:
        result.check_truth()
    name = country.name if country else finished_map.facts.tags["COUNTRY"]
    store = open_store(command.tracking, finished_map.facts.tags["SOURCE"])
    tags = {KIND: "assessment", COUNTRY: name, **code_tags()}
    with store.running(f"assess {name}", tags, None) as record:
        record.params |= {"country": name, "labels": command.labels, **result.params()}
        record.metrics |= result.metrics()
        with working(terminal.notes(), "drawing the result"):
            files = report.files_of(result) | {PAGE: _page(finished_map, result)}
        record.note = str(files[REPORT])
        record.files |= files
        record.files |= {DESIGN: path.read_bytes(), "labels.csv": maplabels.text(labels)}
        for file, content in files.items():
            write_whole(finished_map.path / file, content)
    _show(result, finished_map, screen)
    screen.print(f"in MLflow: experiment {store.experiment}, run 'assess {terminal.literal(name)}'")


def _page(finished_map: FinishedMap, result: AssessmentResult) -> str:
    """Write the page of the sample over the map."""
    simulated = finished_map.facts.tags["SOURCE"] == "simulated"
    title = f"Cropland of {finished_map.facts.tags['COUNTRY']}: the sample of the assessment"
    return sample_page(
        finished_map,
        result,
        title=terminal.titled(title, simulated=simulated),
        note=terminal.SIMULATED if simulated else "",
    )


def _show(result: AssessmentResult, finished_map: FinishedMap, screen: Console) -> None:
    """Print the estimates and what limits them."""
    screen.print(f"{terminal.literal(finished_map.path)}: {report.headline(result)}")
    for what, estimate in result.accuracies():
        ends = report.interval(estimate, report.share)
        screen.print(f"  {what}: {report.share(estimate.value)} (95 %: {ends})")
    for note in (*report.left_out(result), *report.too_narrow(result)):
        terminal.print_note(screen, note)
    names = (REPORT_PAGE, PICTURE, PAGE)
    look = ", ".join(terminal.literal(finished_map.path / name) for name in names)
    screen.print(f"look: {look}")


def _check_landscape(command: Assess, finished_map: FinishedMap) -> None:
    """Raise an error for labels of a landscape for a map that has none."""
    source = finished_map.facts.tags["SOURCE"]
    if command.labels == LANDSCAPE and source != "simulated":
        raise ConfigError(
            f"labels={LANDSCAPE} is for simulated maps, {finished_map.path} is of source={source}, which has "
            f"no landscape: draw and label a sample, and give its file, as in "
            f"labels={finished_map.path / TABLE}"
        )


def _design_path(command: Assess, finished_map: FinishedMap) -> Path:
    """Return where the design of the sample is: as given, beside its labels, or in the map's folder."""
    if command.design is not None:
        return Path(command.design)
    beside = Path(str(command.labels)).parent / DESIGN
    if command.labels != LANDSCAPE and beside.is_file():
        return beside
    return finished_map.path / DESIGN


def _labels(
    command: Assess, finished_map: FinishedMap, country: Country | None, design: Design
) -> dict[str, int | None]:
    """Read the labels, or take those of the simulated landscape."""
    if command.labels != LANDSCAPE:
        return maplabels.read(Path(str(command.labels)), design)
    from cropland.sources.simulation import source as simulated

    if country is None or not isinstance(command.source, Simulated):
        raise ConfigError(
            f"labels={LANDSCAPE} needs source=simulated and the file of "
            f"{finished_map.facts.tags['COUNTRY']} in conf/country, which describes its landscape; put it "
            f"there"
        )
    season = iso_date(finished_map.facts.tags["SEASON_END"], "SEASON_END")
    truth = simulated.truth(command.source, country, design.lon, design.lat, season)
    return dict(zip(design.units, truth.astype(int).tolist(), strict=True))
