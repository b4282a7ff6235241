"""The champion of a country: its registered model, read from its plain files. No code of it is imported."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from cropland.config.commands import ONCE
from cropland.config.countries import iso_date
from cropland.config.sources import Files
from cropland.errors import ConfigError, DataError, WindowError, nearest
from cropland.models import model_files, registry, version_files
from cropland.support import logs
from cropland.support.warning_filter import is_noise
from cropland.support.words import command_line
from cropland.tracking.runs import client_of
from cropland.tracking.sqlite_file import LOCAL
from cropland.training.titles import model_title

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from numpy.typing import NDArray

    from cropland.config.commands.compare import Compare
    from cropland.config.commands.map import Map
    from cropland.config.commands.predict import Predict
    from cropland.config.countries import Country
    from cropland.features.window import Window
    from cropland.models.fitted import Fitted
    from cropland.observations.archive import Archive
    from cropland.tracking.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Champion:
    """The model of a country, loaded from the registry.

    Attributes
    ----------
    version : ModelVersion
        Its version in the registry.
    fitted : Fitted
        The model.
    warnings : tuple of str
        Warnings of its loading, such as that it was made by other code.
    """

    version: ModelVersion
    fitted: Fitted
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, version: ModelVersion, client: MlflowClient) -> Champion:
        """Read a version.

        Raises
        ------
        DataError
            It cannot be read.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            with logs.timed(log, f"read {version.name} version {version.version}"):
                fitted = _read(version, client)
        messages = tuple(
            str(item.message)
            for item in caught
            if item.category is UserWarning and not is_noise(item.message, item.filename)
        )
        return cls(version, fitted, messages)

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
            The table of `Fitted.predict`, in the order of `at`.

        Raises
        ------
        CroplandError
            The archive lacks a column that the model needs, or does not cover its window.
        """
        self.check_archive(archive, reference_end)
        predicted = self.fitted.predict_archive(archive, reference_end=season_of(reference_end))
        return predicted.iloc[at].reset_index(drop=True)

    def check_archive(self, archive: Archive, reference_end: str | None) -> None:
        """Check that an archive has the columns and the days that the model needs.

        Raises
        ------
        CroplandError
            It has not.
        """
        archive.require(self.fitted.needed(archive.stored))
        window = self.window(reference_end)
        if not archive.first <= window.first <= window.last <= archive.last:
            raise WindowError(
                f"the model of {self.fitted.country} needs {window} where reference_end="
                f"{reference_end or 'null'}, its observations are of {archive.first} … {archive.last}; "
                f"choose another reference_end"
            )

    def title(self, country: Country, reference_end: str | None) -> str:
        """Return its title, in its own season or in another; see `cropland.training.titles`.

        Raises
        ------
        ConfigError
            The window leaves the calendar.
        """
        self.window(reference_end)
        members = [(member.recipe, member.classifier) for member in self.fitted.members]
        return model_title(country.title, members, season_of(reference_end))

    def window(self, reference_end: str | None) -> Window:
        """Return all days of the model's windows, in its own season or in one that ends on another day.

        Raises
        ------
        ConfigError
            The window leaves the calendar.
        """
        try:
            return self.fitted.window(season_of(reference_end))
        except OverflowError as error:
            raise ConfigError(
                f"reference_end={reference_end} leaves the calendar; choose another"
            ) from error


def _read(version: ModelVersion, client: MlflowClient) -> Fitted:
    """Read a version from its plain files."""
    from mlflow.exceptions import MlflowException

    name, number = version.name, version.version
    try:
        with version_files.files_of(version, client) as files:
            fitted = model_files.read(files, version.tags.get(version_files.CHECKSUM_OF_RECIPE))
    except (DataError, MlflowException, OSError) as error:
        raise DataError(
            f"version {number} of {name} cannot be loaded: {error}; restore its files from a backup, "
            f"or use the version before it (alias={registry.PREVIOUS}); where the folder was moved, "
            f"run a command in it once with {ONCE}=true"
        ) from error
    if name not in {
        registry.model_name(source, fitted.country) for source in ("files", "simulated")
    }:
        raise DataError(
            f"version {number} of {name} is a model of {fitted.country}; promote again, or use another "
            "version"
        )
    return fitted


def season_of(reference_end: str | None) -> date | None:
    """Return the end of a season as a date, where one is given."""
    return iso_date(reference_end, "reference_end") if reference_end else None


def champions_of(
    command: Predict | Map, countries: Sequence[Country], store: Store
) -> dict[str, Champion]:
    """Load the model of each country, by its name.

    Raises
    ------
    DataError
        A country has none, which the error says how to make; or one cannot be loaded.
    """
    names = {each.name: registry.model_name(command.source.name, each.name) for each in countries}
    versions: dict[str, ModelVersion] = {}
    for country, name in names.items():
        version = registry.version_of(store.client, name, command.alias)
        if version is not None:
            versions[country] = version
    missing = [country for country in names if country not in versions]
    if not missing:
        client = store.client
        return {country: Champion.of(version, client) for country, version in versions.items()}
    remedy = f"make one: {promote_command(command, missing[0] if len(missing) == 1 else None)}"
    if command.alias != registry.CHAMPION:
        remedy = f"alias={registry.CHAMPION} is the one in use"
    others = f"; or predict another country: country={next(iter(versions))}" if versions else ""
    raise DataError(
        f"no version of the model {', '.join(names[country] for country in missing)} has the alias "
        f"{command.alias!r} in {command.tracking.uri}; {remedy}{others}"
    )


def promote_command(command: Predict | Map | Compare, country: str | None) -> str:
    """Return the command that makes a champion, of every country where none is named."""
    country_words = [f"country={country}"] if country else []
    return command_line("promote", *source_words(command), *country_words)


def source_words(command: Predict | Map | Compare) -> list[str]:
    """Return the overrides that make another command read the observations that this one reads."""
    source = command.source
    words = [f"source={source.name}"]
    if source.name != "simulated":
        words.append(f"paths.data={command.paths.data}")
    if isinstance(source, Files) and source.scale != 1:
        words.append(f"source.scale={source.scale:.15g}")
    if isinstance(source, Files) and source.remove_offset:
        words.append("source.remove_offset=true")
    return words


def load_champion(
    country: str, uri: str = LOCAL, *, simulated: bool = False, alias: str = registry.CHAMPION
) -> Fitted:
    """Load the registered model of a country.

    Parameters
    ----------
    country : str
        Its name.
    uri : str
        MLflow's store: ``sqlite:///…`` or the address of a server.
    simulated : bool
        Whether its model learnt from simulated data.
    alias : str
        ``champion``, or ``previous``, the one before it.

    Returns
    -------
    Fitted
        The model: `Fitted.predict` takes raw observations, a table with the columns `Fitted.columns`; its
        scores are in `Fitted.facts`.

    Raises
    ------
    TrackingError
        No such store, or one that does not answer.
    DataError
        There is no such model, or it cannot be loaded.

    Examples
    --------
    >>> champion = cropland.load_champion("toyland", "sqlite:///mlruns/mlflow.db")
    >>> champion.columns
    ('ID', 'Timestamp', 'B4', 'B8')
    >>> champion.predict(observations)[["ID", "probability", "label", "n_observations"]].head(2)
         ID  probability  label  n_observations
    0  P000          0.0      0               8
    1  P001          1.0      1               9
    """
    name = registry.model_name("simulated" if simulated else "files", country)
    return _read(registered(name, uri, alias), client_of(uri))


def registered(name: str, uri: str, alias: str) -> ModelVersion:
    """Return the version of a registered model that an alias names.

    Raises
    ------
    TrackingError
        No such store, or one that does not answer.
    DataError
        There is no such model, or no version of it has the alias.
    """
    client = client_of(uri)
    version = registry.version_of(client, name, alias)
    if version is None:
        models = client.search_registered_models()
        names = [model.name for model in models if alias in model.aliases]
        others = nearest(name, names) if names else "no other model has it; promote one"
        raise DataError(f"no model {name} with the alias {alias!r} in {uri}; {others}")
    return version
