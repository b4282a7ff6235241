"""Predictions of points by the champion of each country: the command and its story.

Points → their observations (from the archive, or made for the points of a file) → the registered model →
a CSV of ``ID,Target`` in the order of the points, tracked with the versions and data that made it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from cropland import points, registry, signals, sources, tracking
from cropland.countries import iso_date
from cropland.errors import DataError
from cropland.observations import of_points
from cropland.provenance import code_tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlflow.entities.model_registry import ModelVersion
    from numpy.typing import NDArray

    from cropland.archive import Archive
    from cropland.commands import Predict
    from cropland.countries import Country
    from cropland.model import Fitted
    from cropland.tracking import Store

PREDICTION = "prediction"
AT_ONCE = 500
"""Points whose observations are handed to a model at once: some 10⁵ rows."""
_NAMED = 5


@dataclass(frozen=True, eq=False)
class Champion:
    """The model of a country, loaded from the registry.

    Attributes
    ----------
    version : ModelVersion
        Which one it is.
    model : mlflow.pyfunc.PyFuncModel
        From raw observations to ``ID, probability, label, n_observations``.
    """

    version: ModelVersion
    model: Any

    @classmethod
    def of(cls, command: Predict, country: Country, store: Store) -> Champion:
        """Load a country's model.

        Raises
        ------
        DataError
            There is none.
        """
        name = registry.model_name(command.source.name, country.name)
        version = registry.version_of(store.client, name, command.alias)
        if version is None:
            raise DataError(
                f"no version of the model {name} has the alias {command.alias!r} in {command.tracking.uri}; "
                f"make one: python scripts/promote.py source={command.source.name} country={country.name}"
            )
        import mlflow

        mlflow.set_tracking_uri(command.tracking.uri)
        return cls(version, mlflow.pyfunc.load_model(f"models:/{name}/{version.version}"))

    @property
    def fitted(self) -> Fitted:
        """The house's own model behind MLflow's face."""
        fitted: Fitted = self.model.unwrap_python_model().fitted
        return fitted

    def predict(
        self, archive: Archive, at: NDArray[np.int64], reference_end: str | None
    ) -> pd.DataFrame:
        """Predict points of an archive.

        Parameters
        ----------
        archive : Archive
            Where their observations are.
        at : ndarray of int
            Positions of the points.
        reference_end : str, optional
            End of another season to predict, ISO date.

        Returns
        -------
        DataFrame
            ``ID, probability, label, n_observations`` in the order of `at`; a point without observations in
            the window has neither probability nor label.

        Raises
        ------
        CroplandError
            The archive lacks a column that the model needs, or does not cover its window.
        """
        fitted = self.fitted
        archive.require(name for name in fitted.measured if name not in archive.stored)
        season = iso_date(reference_end, "reference_end") if reference_end else None
        fitted.recipe.window(season).check_inside(archive)
        params = {"reference_end": reference_end} if reference_end else {}
        parts = [pd.DataFrame({"ID": [], "probability": [], "label": [], "n_observations": []})]
        for start in range(0, len(at), AT_ONCE):
            signals.heed()
            rows = of_points(archive, at[start : start + AT_ONCE], fitted.columns)
            if len(rows):
                parts.append(self.model.predict(rows, params=params))
        ids = archive.points["ID"].to_numpy()[at]
        found = pd.concat(parts[1:] or parts).set_index("ID").reindex(ids)
        return found.fillna({"n_observations": 0}).rename_axis("ID").reset_index()


@dataclass(frozen=True, eq=False)
class Predicted:
    """The predictions of one country: a row a point, and the fingerprint of the data behind them."""

    table: pd.DataFrame
    fingerprint: str


def run(command: Predict, countries: Sequence[Country]) -> None:
    """Predict, write the file, and track both.

    Raises
    ------
    CroplandError
        No champion, no observations, or points that cannot be read.
    """
    store = tracking.open_store(command.tracking, tracking.experiment_of(command.source.name))
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    champions = {country.name: Champion.of(command, country, store) for country in countries}
    asked = _asked(command)
    names = "all" if len(countries) > 1 else countries[0].name
    with store.candidate(f"predict {names}", {"kind": PREDICTION, **code_tags()}, None) as record:
        found = {
            country.name: _predicted(command, country, champions[country.name], asked)
            for country in track(countries, "predicting", console=console, transient=True)
        }
        table = _together(found, asked, countries, every=command.points is not None)
        text = _csv(table, command)
        _write(Path(command.output), text)
        record.files[Path(command.output).name] = text
        record.params |= _params(command, champions, found)
        record.metrics["n_points"] = float(len(table))
        record.metrics["n_missing"] = float(table["probability"].isna().sum())
        record.metrics["n_cropland"] = float((table["Target"] == 1).sum())
    _show(command, table, champions, console)


def _asked(command: Predict) -> pd.DataFrame | None:
    """Read the points to predict, where a file names them."""
    if command.points is not None:
        return points.read(Path(command.points), labelled=False)
    return sources.unlabelled(command.source, command.paths)


def _predicted(
    command: Predict, country: Country, champion: Champion, asked: pd.DataFrame | None
) -> Predicted:
    """Predict the points of one country."""
    if command.points is not None and asked is not None:
        own = points.inside(asked, country.box)
        archive = sources.archive_of_points(command.source, command.paths, country, own)
    else:
        archive = sources.archive_of(command.source, command.paths, country)
    unlabelled = np.flatnonzero(archive.points["Target"].to_numpy() < 0)
    table = champion.predict(archive, unlabelled, command.reference_end)
    table["Target"] = table["label"].astype("Int64")
    if command.missing == "majority":
        table["Target"] = table["Target"].fillna(int(champion.fitted.facts["majority"]))
    return Predicted(table, archive.fingerprint)


def _together(
    found: Mapping[str, Predicted],
    asked: pd.DataFrame | None,
    countries: Sequence[Country],
    *,
    every: bool,
) -> pd.DataFrame:
    """Put the predictions of countries in the order that was asked for.

    Points outside every box stay, without a prediction, where `every` point was named by the user or all
    countries were asked.
    """
    table = pd.concat([each.table for each in found.values()]).drop_duplicates("ID").set_index("ID")
    if asked is not None:
        ids = asked["ID"]
        if not every and len(countries) == 1:
            ids = ids[ids.isin(table.index)]
        table = table.reindex(ids)
    return table.rename_axis("ID").reset_index()


def _csv(table: pd.DataFrame, command: Predict) -> str:
    columns = ["ID", "Target", *(["probability"] if command.probabilities else [])]
    return table[columns].to_csv(index=False, float_format="%.6f")


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataError(
            f"cannot write {path}: {error}; set output to a file that can be written"
        ) from error


def _params(
    command: Predict, champions: Mapping[str, Champion], found: Mapping[str, Predicted]
) -> dict[str, object]:
    """Give what made the predictions: settings, versions, data."""
    params: dict[str, object] = {
        "source": command.source.name,
        "points": command.points or "unlabelled",
        "missing": command.missing,
        "reference_end": command.reference_end or "of the labels",
    }
    for name, champion in champions.items():
        params[f"model.{name}"] = f"{champion.version.name}/{champion.version.version}"
        params[f"archive.{name}"] = found[name].fingerprint
    return params


def _show(
    command: Predict, table: pd.DataFrame, champions: Mapping[str, Champion], console: Console
) -> None:
    """Say what was written, by which models, and which points have no observations."""
    missing = table.loc[table["probability"].isna(), "ID"]
    if len(missing):
        names = ", ".join(missing[:_NAMED]) + (", …" if len(missing) > _NAMED else "")
        became = "an empty Target" if command.missing == "empty" else "the commoner class"
        console.print(
            f"[yellow]note[/] {len(missing)} points without observations in the window, or outside every "
            f"country's box, got {became}: {escape(names)}"
        )
    screen = Console(highlight=False, soft_wrap=True)
    cropland, known = int((table["Target"] == 1).sum()), int(table["Target"].notna().sum())
    models = ", ".join(f"{c.version.name} version {c.version.version}" for c in champions.values())
    screen.print(
        f"{command.output}: {len(table)} points, {cropland} of {known} cropland, by {models}"
    )
    if command.source.name == "simulated":
        screen.print(
            "source=simulated: a made-up landscape, these predictions speak of no real country"
        )
