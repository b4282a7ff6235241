"""The study ``submission``: the original solution run on exports, its predictions written and tracked."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cropland.config.sources import Files
from cropland.errors import ConfigError
from cropland.features.window import Window
from cropland.observations import long_table, points
from cropland.reproduction import recipe
from cropland.reproduction.export_tables import COLUMNS, read_exports
from cropland.reproduction.figure import predicted_points
from cropland.reproduction.recipe import Season
from cropland.sources import opening
from cropland.sources.exports import source as exports
from cropland.support.terminal import SIMULATED
from cropland.support.words import markdown_table
from cropland.support.writing import check_output, write_whole
from cropland.tracking.opening import open_store
from cropland.tracking.provenance import code_tags
from cropland.tracking.records import KIND
from cropland.training.chosen_windows import STUDY
from cropland.untrusted.texts import markdown_text

if TYPE_CHECKING:
    from rich.console import Console

    from cropland.config.countries import Country
    from cropland.config.groups import Configuration
    from cropland.config.jobs import Job
    from cropland.tracking.records import Record


@dataclass(frozen=True, eq=False)
class Observations:
    """What the original program reads.

    Attributes
    ----------
    exports : mapping of str to DataFrame
        Rows of each country's export, in file order, by the country's name.
    labelled, unlabelled : DataFrame
        Points files; the second in the order of the predictions.
    """

    exports: Mapping[str, pd.DataFrame]
    labelled: pd.DataFrame
    unlabelled: pd.DataFrame


def predict_all(job: Job, console: Console, screen: Console) -> None:
    """Predict every unlabelled point as the original solution does; write, track and print the result.

    Parameters
    ----------
    job : Job
        The study as it is configured.
    console, screen : Console
        For notes, and for the result.

    Raises
    ------
    CroplandError
        Settings that are not the original's, exports or points that are not what they should be, an output
        that cannot be written.
    """
    chosen = job.configuration
    trees = _check(job)
    countries = _countries(job)
    seasons = [_season(country, job) for country in countries]
    store = open_store(chosen.tracking, chosen.source.name)
    tags = {KIND: "prediction", STUDY: "submission", **code_tags()}
    with store.running("submission", tags, None) as record:
        began = time.perf_counter()
        console.print("reading the observations")
        observations = _observations(chosen, countries)
        predicted = recipe.predictions(
            observations.exports,
            seasons,
            observations.labelled,
            observations.unlabelled,
            columns=_columns(chosen),
            seed=chosen.seed,
            trees=trees,
            n_jobs=chosen.n_jobs,
            progress=lambda country: console.print(f"{country}: predicted"),
        )
        record.metrics["seconds"] = time.perf_counter() - began
        record.metrics["n_points"] = float(len(predicted))
        places = observations.unlabelled[["ID", "Lat", "Lon"]]
        placed = predicted.merge(places, on="ID", how="left")
        summary = _summary(observations.labelled, placed, countries, seasons)
        _record(record, job, summary, placed, countries)
        text = predicted.to_csv(index=False)
        record.files[Path(str(chosen.output)).name] = text
        write_whole(Path(str(chosen.output)), text)
    screen.print(summary.to_string(index=False))
    screen.print(
        f"{chosen.output}: {len(predicted)} points in {record.metrics['seconds']:.1f} s; in MLflow: "
        f"experiment {store.experiment}, run 'submission'"
    )


def plan(job: Job) -> list[str]:
    """Return what the study would do, in lines, after all checks that it makes before any work.

    Raises
    ------
    ConfigError
        Settings that are not the original's, or an output that cannot be written.
    """
    trees = _check(job)
    seasons = [_season(country, job) for country in _countries(job)]
    return [
        *(
            f"{s.country}: the original solution, {s.start} to {s.end}, {trees} trees"
            for s in seasons
        ),
        f"file: {job.configuration.output}",
        "time: unknown; rows of exports are read and checked when it runs",
    ]


def _countries(job: Job) -> list[Country]:
    """Return the countries of the study, in the order of its windows."""
    return [country for name in job.windows for country in job.countries if country.name == name]


def _check(job: Job) -> int:
    """Check that settings are the original's; return the number of trees."""
    chosen = job.configuration
    parameters = chosen.model.parameters
    alike = (
        chosen.model.target.endswith(".RandomForestClassifier")
        and set(parameters) == {"n_estimators", "max_depth"}
        and parameters["max_depth"] == recipe.DEPTH
        and (chosen.series.name, chosen.features.name) == ("raw", "flat")
        and chosen.training == "own"
        and not (chosen.promote or chosen.validation.candidates)
    )
    if not alike:
        raise ConfigError(
            "study=submission reproduces the original exactly: leave model, series, features, "
            "training, promote and a nested validation out"
        )
    source = chosen.source
    if isinstance(source, Files) and (source.scale != 1 or source.remove_offset):
        raise ConfigError(
            "study=submission reads the numbers of exports as they are: leave source.scale and "
            "source.remove_offset out"
        )
    if not _columns(chosen):
        raise ConfigError(f"study=submission looks at {', '.join(COLUMNS)}; bands has none of them")
    if chosen.output is None:
        raise ConfigError("study=submission needs a file for its predictions; give output=FILE")
    inputs = opening.points_files(chosen.source, chosen.paths)
    check_output(Path(chosen.output), inputs, ["ID", "Target"])
    if not any(country.name in job.windows for country in job.countries):
        raise ConfigError(
            f"study=submission has windows of {', '.join(job.windows)} only; choose among these, or add "
            f"+windows.COUNTRY={{span:96,period:DATE}}"
        )
    return int(parameters["n_estimators"])


def _columns(chosen: Configuration) -> list[str]:
    """Return the original's columns, in its order, as far as the band set has them."""
    return [name for name in COLUMNS if name in chosen.bands.names]


def _record(
    record: Record,
    job: Job,
    summary: pd.DataFrame,
    placed: pd.DataFrame,
    countries: Sequence[Country],
) -> None:
    """Write table, figure and note into the record of the run."""
    chosen = job.configuration
    title = chosen.study.title if chosen.study else ""
    remark = SIMULATED if chosen.source.name == "simulated" else ""
    cells = [[markdown_text(str(cell)) for cell in row] for row in summary.to_numpy()]
    table = markdown_table(list(summary.columns), cells)
    lead = f"**{markdown_text(title)}** The submitted solution of the original study, reproduced exactly."
    record.note = "\n\n".join(filter(None, (lead, table, remark)))
    record.params |= {"source": chosen.source.name, "seed": chosen.seed, "output": chosen.output}
    record.params |= dict(zip("window." + summary["country"], summary["window"], strict=True))
    record.files["study.csv"] = summary.to_csv(index=False)
    record.files["study.png"] = predicted_points(placed, countries, title, remark)


def _season(country: Country, job: Job) -> Season:
    own = job.configuration_of(country.name)
    window = Window.of(country.reference, own.span, own.period)
    return Season(country.name, window.first.isoformat(), window.last.isoformat())


def _observations(chosen: Configuration, countries: Sequence[Country]) -> Observations:
    """Read exports, or write the archives of another source as exports are written."""
    names = _columns(chosen)
    if isinstance(chosen.source, Files):
        folder = Path(chosen.paths.data)
        found = {
            country.name: [each.path for each in exports.exports(chosen.source, folder, country)]
            for country in countries
        }
        return Observations(
            read_exports(found, columns=names),
            points.read(folder / chosen.source.labelled, labelled=True),
            points.read(folder / chosen.source.unlabelled, labelled=False),
        )
    archives = [opening.archive_of(chosen.source, chosen.paths, country) for country in countries]
    table = pd.concat([archive.points.to_dataframe() for archive in archives], ignore_index=True)
    every = [long_table.as_export(archive, names) for archive in archives]
    return Observations(
        {country.name: rows for country, rows in zip(countries, every, strict=True)},
        table[table["Target"] >= 0],
        table[table["Target"] < 0],
    )


def _summary(
    labelled: pd.DataFrame,
    placed: pd.DataFrame,
    countries: Sequence[Country],
    seasons: Sequence[Season],
) -> pd.DataFrame:
    """Return for each country its window and its numbers of points."""
    rows = []
    for country, season in zip(countries, seasons, strict=True):
        own = points.inside(placed, country.box)
        rows.append(
            {
                "country": country.name,
                "window": f"{season.start} … {season.end}",
                "labelled": len(points.inside(labelled, country.box)),
                "predicted": int(own["Target"].notna().sum()),
                "cropland": int((own["Target"] == 1).sum()),
                "without rows": int(own["Target"].isna().sum()),
            }
        )
    return pd.DataFrame(rows)
