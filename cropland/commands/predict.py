"""The command that predicts points by the champion of each country.

Points → their observations (from the archive, or of the points of a file) → the registered model →
a file of labels and what speaks for each (CSV, GeoJSON, GeoPackage, GeoParquet), in the order of the points,
tracked with the versions and the data behind it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cropland.commands import predict_input
from cropland.models import label_check
from cropland.models.applicability import warnings_of
from cropland.models.champion import champions_of
from cropland.models.points_map import predictions_map
from cropland.support import logs, terminal
from cropland.support.point_output import content_of
from cropland.support.progress import Meter
from cropland.support.words import count, some
from cropland.support.writing import write_whole
from cropland.tracking.opening import open_store
from cropland.tracking.provenance import code_tags
from cropland.tracking.records import COUNTRY, KIND
from cropland.untrusted.texts import markdown_text

if TYPE_CHECKING:
    from rich.console import Console

    from cropland.config.commands.predict import Predict
    from cropland.config.countries import Country
    from cropland.models.champion import Champion
    from cropland.tracking.store import Store

log = logging.getLogger(__name__)
_NAMED = 5
_DECIMALS = 6
_LITTLE = "with too few observations in the window, or none for too long,"
_EVIDENCE = {
    "n_observations": "Int64",
    "inside_applicability": "boolean",
    "cannot_tell": "boolean",
    "reason": "str",
}
_PREDICTED = {"probability": "float64", "label": "Int64", **_EVIDENCE}
_ELSEWHERE = "outside the box of every country asked for"
_REMEDY = "the column reason says why"


@dataclass(frozen=True, eq=False)
class Predicted:
    """The predictions of one country: a row a point, and the fingerprint of the data and notes on them."""

    table: pd.DataFrame
    fingerprint: str
    notes: tuple[str, ...] = ()


def run(command: Predict, countries: Sequence[Country]) -> None:
    """Predict, write the file, and track both.

    Raises
    ------
    CroplandError
        No champion, no observations, points that cannot be read, or a file that cannot be written.
    """
    predict_input.check_output(command)
    store = open_store(command.tracking, command.source.name)
    console = terminal.notes()
    asked = predict_input.asked_points(command, countries)
    champions = champions_of(command, countries, store)
    for champion in champions.values():
        for warning in champion.warnings:
            terminal.print_warning(console, warning)
    titles = [champions[each.name].title(each, command.reference_end) for each in countries]
    names = "all" if len(countries) > 1 else countries[0].name
    tags = {KIND: "prediction", **({COUNTRY: names} if len(countries) == 1 else {})}
    with store.running(f"predict {names}", tags | code_tags(), None) as record:
        predicted: dict[str, Predicted] = {}
        with Meter(console, "countries", len(countries)) as meter:
            for country in countries:
                one = _predicted(command, country, champions[country.name], asked, console)
                predicted[country.name] = one
                meter.show(len(predicted), len(predicted))
        table = _together(predicted, asked, every=command.points is not None or len(countries) > 1)
        content = _content(table, command)
        # Tracked before it is written: a full disk does not lose it.
        record.files[Path(command.output).name] = content
        record.params |= _params(command, champions, predicted)
        record.metrics |= _metrics(table)
        warnings = _warnings(table)
        shared = _shared(predicted, table)
        notes = [*(note for one in predicted.values() for note in one.notes), *shared]
        record.note = _description(command, titles, table, [*warnings, *notes])
        if command.page is not None:
            page = _page(command, countries, table, champions, store)
            record.files[Path(command.page).name] = page
            write_whole(Path(command.page), page)
        write_whole(Path(command.output), content)
    for note in [*shared, *predict_input.left_out(asked, len(table), names)]:
        terminal.print_note(console, note)
    _show_missing(command, table, console)
    _show(command, table, champions)
    for warning in warnings:
        terminal.print_warning(console, warning)


def _description(
    command: Predict, titles: Sequence[str], table: pd.DataFrame, notes: Sequence[str]
) -> str:
    """Return the description of a prediction's run: what it is, its result, what to know of it."""
    result = f"{_counted(table)}. The table is {Path(command.output).name} under Artifacts."
    lead = f"**Predictions: {'; '.join(map(markdown_text, titles))}**: {markdown_text(result)}"
    return "\n\n".join([lead, *map(markdown_text, notes)])


def _predicted(
    command: Predict,
    country: Country,
    champion: Champion,
    asked: pd.DataFrame | None,
    console: Console,
) -> Predicted:
    """Predict the points of one country."""
    archive = predict_input.archive_of(command, country, asked, console)
    if archive is None:
        return Predicted(pd.DataFrame(columns=["ID", *_PREDICTED, "Target"]), "no point")
    notes = list(archive.notes)
    if unknown := archive.dataset.attrs.get("unknown_ids"):
        notes.append(f"points have no observation, and {unknown}")
    notes = [f"{country.name}: {note}" for note in notes]
    for note in notes:
        terminal.print_note(console, note)
    unlabelled = np.flatnonzero(archive.points["Target"].to_numpy() < 0)
    with logs.timed(log, f"predicted {count(len(unlabelled), 'point')} of {country.name}"):
        table = champion.predict(archive, unlabelled, command.reference_end)
    for name in ("Lat", "Lon"):
        table[name] = archive.points[name].to_numpy()[unlabelled]
    table["Target"] = table["label"]
    if command.missing == "majority":
        table["Target"] = table["Target"].fillna(int(champion.fitted.facts["majority"]))
    return Predicted(table, archive.fingerprint, tuple(notes))


def _together(
    predicted: Mapping[str, Predicted], asked: pd.DataFrame | None, *, every: bool
) -> pd.DataFrame:
    """Return the predictions of all countries in one table, in the order of the points that were given.

    With `every`, points outside every box stay, without a prediction. Where boxes overlap, a country with
    observations of the point comes before one without; ``country`` is the one that was taken.
    """
    tables = [one.table.assign(country=name) for name, one in predicted.items() if len(one.table)]
    empty = pd.DataFrame(columns=["ID", "Lat", "Lon", *_PREDICTED, "Target", "country"])
    table = pd.concat(tables or [empty], ignore_index=True)
    seen = table["probability"].notna().to_numpy()
    table = table.iloc[np.argsort(~seen, kind="stable")].drop_duplicates("ID").sort_index()
    if asked is not None:
        ids = asked["ID"] if every else asked.loc[asked["ID"].isin(table["ID"]), "ID"]
        table = table.set_index("ID").reindex(ids).rename_axis("ID").reset_index()
        for name in ("Lat", "Lon"):
            table[name] = asked.set_index("ID").loc[ids, name].to_numpy()
        table["reason"] = table["reason"].fillna(_ELSEWHERE)
    return table.astype(_PREDICTED | {"Target": "Int64", "Lat": "float64", "Lon": "float64"})


def _shared(predicted: Mapping[str, Predicted], table: pd.DataFrame) -> list[str]:
    """Return how many points lie in the boxes of several countries, and whose models predicted them."""
    boxes: dict[str, list[str]] = defaultdict(list)
    for name, one in predicted.items():
        for identifier in one.table["ID"]:
            boxes[identifier].append(name)
    shared = table[[len(boxes.get(identifier, ())) > 1 for identifier in table["ID"]]]
    notes = []
    for names, rows in shared.groupby(shared["ID"].map(boxes).str.join(" and ")):
        numbers = rows.loc[rows["label"].notna(), "country"].value_counts(sort=False)
        models = ", ".join(f"{number} by the model of {name}" for name, number in numbers.items())
        lie = "point lies" if len(rows) == 1 else "points lie"
        notes.append(f"{len(rows)} {lie} in the boxes of {names}: predicted {models or 'by none'}")
    return notes


def _page(
    command: Predict,
    countries: Sequence[Country],
    table: pd.DataFrame,
    champions: Mapping[str, Champion],
    store: Store,
) -> bytes:
    """Draw the predicted points on a map, beside the labels to look at."""
    say = partial(terminal.print_note, terminal.notes())
    simulated = command.source.name == "simulated"
    first, *others = countries
    title = ", ".join(country.title for country in countries)
    if not others:
        title = champions[first.name].title(first, command.reference_end)
    return predictions_map(
        table,
        label_check.of_champions(champions, store, say),
        title=terminal.titled(f"Predictions: {title}", simulated=simulated),
        boxes=[country.box for country in countries],
        note=terminal.SIMULATED if simulated else "",
    )


def _content(table: pd.DataFrame, command: Predict) -> bytes:
    """Return the content of the file of predictions, in the format of its ending."""
    names = ["ID", "Target"]
    if command.columns == "all":
        names += ["Lat", "Lon", "probability", *_EVIDENCE]
    written = table[names].round({"probability": _DECIMALS})
    return content_of(written, Path(command.output).suffix.lower())


def _metrics(table: pd.DataFrame) -> dict[str, float]:
    """Count points: all, without a label, of cropland, outside the area of applicability.

    And those of which the model cannot tell, where it knows.
    """
    counts = {
        "n_points": float(len(table)),
        "n_missing": float(table["label"].isna().sum()),
        "n_cropland": float((table["Target"] == 1).sum()),
        "n_outside_applicability": float((~table["inside_applicability"]).sum()),
    }
    unsure = table["cannot_tell"]
    return counts | ({"n_cannot_tell": float(unsure.sum())} if unsure.notna().any() else {})


def _warnings(table: pd.DataFrame) -> list[str]:
    """Return what a user of the predictions must be warned of."""
    n_outside = int((~table["inside_applicability"]).sum())
    n_labelled = int(table["label"].notna().sum())
    return warnings_of("points", len(table), n_labelled, n_outside, remedy=_REMEDY)


def _params(
    command: Predict, champions: Mapping[str, Champion], predicted: Mapping[str, Predicted]
) -> dict[str, object]:
    """Return the params of the run: settings, versions, data."""
    params: dict[str, object] = {
        "source": command.source.name,
        "points": command.points or "unlabelled",
        "missing": command.missing,
        "reference_end": command.reference_end or "of the labels",
    }
    for name, champion in champions.items():
        params[f"model.{name}"] = f"{champion.version.name}/{champion.version.version}"
        params[f"archive.{name}"] = predicted[name].fingerprint
    return params


def _show_missing(command: Predict, table: pd.DataFrame, console: Console) -> None:
    """Print the points without a prediction."""
    days = table["n_observations"]
    target = "an empty Target" if command.missing == "empty" else "the majority class"
    for which, where, got in (
        (days == 0, "without observations in the window", target),
        (table["label"].isna() & (days > 0), _LITTLE, target),
        (days.isna(), _ELSEWHERE, "an empty Target"),
    ):
        ids = table.loc[which.fillna(False), "ID"]
        if len(ids):
            text = f"{count(len(ids), 'point')} {where} got {got}: {some(ids, _NAMED)}"
            terminal.print_note(console, text)


def _counted(table: pd.DataFrame) -> str:
    """Return how many points were predicted, and how many of those with a label are cropland."""
    cropland, known = int((table["Target"] == 1).sum()), int(table["Target"].notna().sum())
    return f"{len(table)} points, {cropland} of {known} cropland"


def _show(command: Predict, table: pd.DataFrame, champions: Mapping[str, Champion]) -> None:
    """Print what was written, and by which models."""
    screen = terminal.screen()
    models = ", ".join(f"{c.version.name} version {c.version.version}" for c in champions.values())
    screen.print(f"{terminal.literal(command.output)}: {_counted(table)}, by {models}")
    if unsure := int(table["cannot_tell"].sum()):
        screen.print(f"  {unsure} of them may be of either class: see the column cannot_tell")
    if outside := int((~table["inside_applicability"]).sum()):
        screen.print(
            f"  outside the area of applicability: {count(outside, 'point')}, see inside_applicability"
        )
    if command.page is not None:
        screen.print(f"{terminal.literal(command.page)}: the points on a map")
    if command.source.name == "simulated":
        screen.print(terminal.SIMULATED)
