"""The model registry: versions of a country's model, and which of them is the champion.

A version is made whole by one call, with its card and tags, and only then named by an alias: whatever is
killed in between, ``champion`` names a version that is complete. A repeated promotion finds the version that
was made and goes on from there.
"""

from __future__ import annotations

import json
import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cropland.errors import DataError
from cropland.models import version_files
from cropland.support.words import country_title
from cropland.tracking import notes
from cropland.tracking.experiments import local_path
from cropland.tracking.mlflow_session import mlflow_at
from cropland.tracking.notes import Champion
from cropland.tracking.records import IDENTITY
from cropland.untrusted.texts import markdown_text

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION, PREVIOUS = "champion", "previous"
_VERSIONS = "mlflow.modelVersions"
"""Tag of a logged model."""
_MOST = 1000
"""Models that are listed at most."""
_LONGEST_SUMMARY = 180
LONGEST = 5000
"""Characters that MLflow's registry keeps of a description."""
_REST = "…\n\nThe whole model card is `card.md` among the artifacts of the run."


def model_name(source: str, country: str) -> str:
    """Return the name of a country's model: real and simulated never mix."""
    return f"{version_files.SIMULATED if source == 'simulated' else version_files.REAL}{country}"


def version_of(client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    """Return the version that an alias names, if there is one."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None  # no such model, or no such alias
        raise


def made_before(client: MlflowClient, name: str, identity: str) -> ModelVersion | None:
    """Return the newest version that was made of a candidate and still has its files, if there is one."""
    versions = client.search_model_versions(f"name = '{name}' and tags.{IDENTITY} = '{identity}'")
    newest = sorted(versions, key=lambda version: -int(version.version))
    return next((version for version in newest if _has_files(client, version)), None)


def _has_files(client: MlflowClient, version: ModelVersion) -> bool:
    """Return whether the files of a version are there, and as they were written where it has a checksum."""
    path = local_path(client.get_model_version_download_uri(version.name, version.version))
    if path is not None and not path.is_dir():
        return False
    try:
        version_files.check(version, client)
    except DataError:
        return False
    return True


def register(
    client: MlflowClient,
    name: str,
    model_uri: str,
    run_id: str,
    description: str,
    tags: dict[str, str],
) -> ModelVersion:
    """Register a version of a logged model, with its description and tags."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description=_description(name))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    description = notes.spaced(description)
    if len(description) > LONGEST:
        description = f"{description[: LONGEST - len(_REST)]}{_REST}"
    model_id = model_uri.rpartition("/")[2]
    with mlflow_at(client.tracking_uri):
        return client.create_model_version(
            name, model_uri, run_id, tags=tags, description=description, model_id=model_id
        )


def show_version(client: MlflowClient, version: ModelVersion, model_id: str) -> None:
    """Write of which version a logged model is, for its page; a server has done so, a database has not."""
    versions = [{"name": version.name, "version": str(version.version)}]
    client.set_logged_model_tags(model_id, {_VERSIONS: json.dumps(versions)})


def crown(client: MlflowClient, version: ModelVersion) -> None:
    """Make a version the champion, and the champion until now the previous one."""
    before = version_of(client, version.name, CHAMPION)
    if before is not None and before.version == version.version:
        return
    if before is not None:
        client.set_registered_model_alias(version.name, PREVIOUS, before.version)
    client.set_registered_model_alias(version.name, CHAMPION, version.version)


def champions(client: MlflowClient, *, simulated: bool) -> list[Champion]:
    """Return the champions of all countries, real or simulated ones, by country."""
    prefix = version_files.SIMULATED if simulated else version_files.REAL
    found = []
    for model in client.search_registered_models(f"name LIKE '{prefix}%'", max_results=_MOST):
        if version_files.is_simulated(model.name) != simulated or CHAMPION not in model.aliases:
            continue
        version = client.get_model_version(model.name, model.aliases[CHAMPION])
        found.append(_champion(version, model.name.removeprefix(prefix)))
    return sorted(found, key=lambda champion: champion.country)


def _champion(version: ModelVersion, country: str) -> Champion:
    """Return what the description of an experiment says of a version."""
    try:
        accuracy = float(version.tags["accuracy_corrected"])
    except (KeyError, ValueError):  # of a version that was registered by hand
        accuracy = None
    registered = datetime.fromtimestamp(version.creation_timestamp / 1000, tz=UTC).date()
    first = (version.description or "").partition("\n")[0]
    summary = textwrap.shorten(first, _LONGEST_SUMMARY, placeholder=" …")
    if summary.count("**") % 2:  # cut within its title
        summary += "**"
    return Champion(country, version.name, str(version.version), accuracy, registered, summary)


def _description(name: str) -> str:
    """Return what a registered model is, and how it is used, loaded and served."""
    simulated = version_files.is_simulated(name)
    warning = "**Simulated data: not valid for any real country.** " if simulated else ""
    country = name.removeprefix(version_files.SIMULATED if simulated else version_files.REAL)
    title = markdown_text(country_title(country))
    words = f"country={country} source={'simulated' if simulated else 'SOURCE'}"
    return (
        f"{warning}Predicts whether points and pixels of {title} are cropland, from their Sentinel-2 "
        f"observations. The alias `{CHAMPION}` is the version in use, `{PREVIOUS}` the one before it; open "
        f"a version for its accuracy and model card. To use the champion:\n\n"
        f"```\ncropland predict {words} output=FILE\ncropland map {words} 'box=[WEST,SOUTH,EAST,NORTH]'\n"
        f"mlflow.pyfunc.load_model('models:/{name}@{CHAMPION}').predict(observations)\n"
        f"mlflow models serve --model-uri models:/{name}@{CHAMPION} --env-manager local\n```"
    )
