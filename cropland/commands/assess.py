"""Assessment of a map: the command and its story.

A finished map → a stratified random sample of its pixels → labels by people who look at images → hectares and
accuracies with intervals, written up and tracked with the map and the model behind it. The same map also says
what to label next, to teach the model.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.markup import escape

from cropland.config.countries import iso_date
from cropland.config.sources import Simulated
from cropland.errors import ConfigError, DataError
from cropland.maps.assessment import labels as maplabels
from cropland.maps.assessment import report, sample, sampling
from cropland.maps.assessment.report import PICTURE, REPORT
from cropland.maps.assessment.result import Assessed
from cropland.maps.assessment.sample import DESIGN, SQUARES, TABLE
from cropland.maps.finished_map import CLASSES, NO_DATA, MapFolder
from cropland.support import terminal
from cropland.support.words import count, ha, some
from cropland.support.writing import write_whole
from cropland.tracking.opening import open_store
from cropland.tracking.provenance import code_tags

if TYPE_CHECKING:
    from rich.console import Console

    from cropland.config.commands.assess import Assess
    from cropland.config.countries import Country
    from cropland.maps.assessment.sample import Design, StratumCounts

ASSESSMENT = "assessment"
LANDSCAPE = "landscape"
"""The labels of a simulated map's sample that its landscape gives."""


def run(command: Assess, countries: Sequence[Country]) -> None:
    """Draw a sample, estimate from its labels, or choose what to label next.

    Raises
    ------
    CroplandError
        No map, a map or labels that are not what they should be, or files that would be overwritten.
    """
    made = MapFolder.opened(Path(command.map))
    country = _country(command, made, countries)
    if not os.access(made.path, os.W_OK):
        raise DataError(f"cannot write to {made.path}; copy the map to a folder of yours")
    screen = terminal.screen()
    if command.task == "draw":
        _draw(command, made, screen)
    elif command.task == "choose":
        _choose(command, made, screen)
    else:
        _estimate(command, made, country, screen)
    if made.facts.tags["SOURCE"] == "simulated":
        screen.print(terminal.SIMULATED)


def _country(command: Assess, made: MapFolder, countries: Sequence[Country]) -> Country | None:
    """Find the country of a map, if there is a file of it, and refuse words that say otherwise.

    Raises
    ------
    ConfigError
        Another country or source than the map's was named.
    """
    title, source = made.facts.tags["COUNTRY"], made.facts.tags["SOURCE"]
    own = next((each for each in countries if each.title == title), None)
    if own is None and len(countries) == 1:
        raise ConfigError(
            f"{made.path} is a map of {title}, not of {countries[0].name}; leave country out"
        )
    if command.source.name not in (source, "simulated"):
        raise ConfigError(
            f"{made.path} was made of source={source}, not of source={command.source.name}; leave source out"
        )
    return own


def _check_free(made: MapFolder, names: Iterable[str], *, force: bool) -> None:
    """Refuse to overwrite what somebody may have filled in."""
    there = [name for name in names if os.path.lexists(made.path / name)]
    if there and not force:
        raise DataError(
            f"{made.path} has {some(there)} already, which may hold labels; move it away, or overwrite it by "
            f"force=true"
        )


def _draw(command: Assess, made: MapFolder, screen: Console) -> None:
    """Draw a sample, and write it."""
    _check_free(made, (TABLE, SQUARES, DESIGN), force=command.force)
    _check_strata(made)
    strata = sample.counted(made, [(value,) for value in CLASSES.values()])
    _check_counts(made, strata)
    hectares = np.array([made.facts.hectares[name] for name in CLASSES])
    size = command.sample_size or sampling.sample_size(
        hectares / hectares.sum(),
        [getattr(command.users_accuracy, name) for name in CLASSES],
        command.standard_error,
    )
    sizes = sampling.allocate(strata.totals, size, command.allocation, minimum=command.minimum)
    design = sample.design(made, strata, sizes, seed=command.seed, allocation=command.allocation)
    for name, text in sample.texts(made, design).items():
        write_whole(made.path / name, text)
    folder = escape(str(made.path))
    screen.print(f"{folder}/{TABLE}: {count(size, 'unit')} in random order")
    for name, each in design.strata.items():
        screen.print(
            f"  {each.units} where the map says {name}: {each.pixels:,} pixels, "
            f"{ha(each.hectares)} ha"
        )
    screen.print(
        f"fill in Target: 1 cropland, 0 other, empty where it cannot be told; look at images, not at the "
        f"map. {SQUARES} draws the square of each pixel. Whoever labels must not see {DESIGN}"
    )
    labels = LANDSCAPE if made.facts.truth is not None else f"{folder}/{TABLE}"
    screen.print(f"next, hectares: python scripts/assess.py map={folder} labels={labels}")


def _check_strata(made: MapFolder) -> None:
    """Refuse a map of which no sample can be drawn, before its pixels are counted again."""
    pixels = {name: made.facts.pixels[name] for name in CLASSES}
    if not sum(pixels.values()):
        raise DataError(f"{made.path} has no pixel with a class; map a window with observations")
    for name, number in pixels.items():
        if number == 1:
            raise DataError(
                f"expected no pixel of {name} or at least 2 in {made.path}, got 1, of which no interval "
                f"follows; map more land (a larger box), or assess it by the sample of another map of the "
                f"same land: labels=…/{TABLE}"
            )


def _check_counts(made: MapFolder, strata: StratumCounts) -> None:
    """Refuse a layer of classes that is no more the one whose hectares were counted."""
    for (name, value), number in zip(CLASSES.items(), strata.totals.tolist(), strict=True):
        if number != made.facts.pixels[name]:
            raise DataError(
                f"expected {made.facts.pixels[name]:,} pixels of {name} (class {value}) in {made.path}, as "
                f"when it was made, got {number:,}: its files were changed; map it again"
            )


def _choose(command: Assess, made: MapFolder, screen: Console) -> None:
    """Choose what to label next, and write it."""
    from cropland.maps.assessment import next_units

    assert command.next is not None  # what makes it this task
    _check_free(made, (next_units.POINTS,), force=command.force)
    text = next_units.chosen(
        made,
        command.next,
        candidates=command.candidates,
        min_distance=command.min_distance,
        seed=command.seed,
    )
    write_whole(made.path / next_units.POINTS, text)
    screen.print(
        f"{escape(str(made.path / next_units.POINTS))}: {count(command.next, 'point')}, the most worthwhile "
        f"first; add Target (1 cropland, 0 other) and put them to the labelled points. They teach, they do "
        f"not assess: no area can be estimated from them"
    )


def _estimate(command: Assess, made: MapFolder, country: Country | None, screen: Console) -> None:
    """Estimate from labels, track it, write it, and show it."""
    _check_landscape(command, made)
    path = _design_path(command, made)
    design = sample.read(path)
    labels = _labels(command, made, country, design)
    rows, columns, inside = made.pixels(design.lon, design.lat)
    mapped = made.values("class", rows, columns).astype(np.int64)
    assessed = Assessed(made.facts, design, labels, np.where(inside, mapped, NO_DATA))
    _ = assessed.found  # what cannot be estimated is said before it is tracked
    if command.labels == LANDSCAPE:
        assessed.check_truth()
    store = open_store(command.tracking, made.facts.tags["SOURCE"])
    name = country.name if country else made.facts.tags["COUNTRY"]
    with store.running(f"assess {name}", {"kind": ASSESSMENT, **code_tags()}, None) as record:
        record.params |= {"country": name, "labels": command.labels, **assessed.params()}
        record.metrics |= assessed.metrics()
        texts, picture = report.texts(assessed), report.picture(assessed)
        record.note = texts[REPORT]
        record.files |= {**texts, PICTURE: picture}
        record.files |= {DESIGN: path.read_bytes(), "labels.csv": maplabels.text(labels)}
        write_whole(made.path / PICTURE, picture)
        for file, text in texts.items():
            write_whole(made.path / file, text)
    _show(assessed, made, screen)
    screen.print(f"in MLflow: experiment {store.experiment}, run 'assess {escape(name)}'")


def _show(assessed: Assessed, made: MapFolder, screen: Console) -> None:
    """Say what the sample says."""
    screen.print(f"{escape(str(made.path))}: {report.headline(assessed)}")
    for what, estimate in assessed.accuracies():
        ends = report.interval(estimate, report.share)
        screen.print(f"  {what}: {report.share(estimate.value)} (95 %: {ends})")
    for note in (*report.left_out(assessed), *report.too_narrow(assessed)):
        screen.print(f"[yellow]note[/] {escape(note)}")
    look = " and ".join(escape(str(made.path / name)) for name in (REPORT, PICTURE))
    screen.print(f"look: {look}")


def _check_landscape(command: Assess, made: MapFolder) -> None:
    """Refuse to ask the land itself for its labels."""
    source = made.facts.tags["SOURCE"]
    if command.labels == LANDSCAPE and source != "simulated":
        raise ConfigError(
            f"labels={LANDSCAPE} is for simulated maps, {made.path} is of source={source}, which has "
            f"no landscape: draw and label a sample, and give its file, as in labels={made.path / TABLE}"
        )


def _design_path(command: Assess, made: MapFolder) -> Path:
    """Say where the design of the sample is: as given, beside its labels, or in the map's folder."""
    if command.design is not None:
        return Path(command.design)
    beside = Path(str(command.labels)).parent / DESIGN
    return beside if command.labels != LANDSCAPE and beside.is_file() else made.path / DESIGN


def _labels(
    command: Assess, made: MapFolder, country: Country | None, design: Design
) -> dict[str, int | None]:
    """Read the labels, or ask the simulated landscape for them."""
    if command.labels != LANDSCAPE:
        return maplabels.read(Path(str(command.labels)), design)
    from cropland.sources.simulation import source as simulated

    if country is None or not isinstance(command.source, Simulated):
        raise ConfigError(
            f"labels={LANDSCAPE} needs source=simulated and the file of {made.facts.tags['COUNTRY']} in "
            f"conf/country, which says where its landscape lies; put it there"
        )
    season = iso_date(made.facts.tags["SEASON_END"], "SEASON_END")
    truth = simulated.truth(command.source, country, design.lon, design.lat, season)
    return dict(zip(design.units, truth.astype(int).tolist(), strict=True))
