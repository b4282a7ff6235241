"""The files of a fitted model: its recipe (YAML), its classifier (skops) and its applicability (NumPy).

None of them runs code when it is read: a model may come from a registry that others write to. They belong
together: the recipe holds the checksums of the others, and the registry that of the recipe.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cropland.config.schema import Closed, filled
from cropland.errors import CroplandError, DataError
from cropland.features.recipe import Recipe  # noqa: TC001  pydantic reads the annotations
from cropland.models import stored_recipe
from cropland.models.applicability import Applicability
from cropland.models.fitted import Fitted, code_hash
from cropland.support import yaml_text
from cropland.support.fingerprint import fingerprint
from cropland.untrusted import documents, estimators
from cropland.untrusted.arrays import LARGEST_BYTES

if TYPE_CHECKING:
    from cropland.learning.classifiers import Classifier

RECIPE, ESTIMATOR, APPLICABILITY = "recipe.yaml", "estimator.skops", "applicability.npz"


@dataclass(frozen=True)
class _Contents(Closed):
    """The layout of `RECIPE`; older ones have no checksums, or do not say if there is an `APPLICABILITY`."""

    recipe: Recipe
    feature_names: tuple[str, ...]
    measured: tuple[str, ...]
    country: str
    facts: dict[str, Any]
    code: str
    has_applicability: bool | None = None
    checksums: dict[str, str] | None = None


def write(folder: Path, fitted: Fitted) -> dict[str, str]:
    """Write a model into a folder; return the path of each file by its name."""
    import skops.io

    skops.io.dump(fitted.classifier, folder / ESTIMATOR)
    paths = [folder / ESTIMATOR]
    if fitted.applicability is not None:
        fitted.applicability.write(folder / APPLICABILITY)
        paths.append(folder / APPLICABILITY)
    contents = _Contents(
        fitted.recipe,
        fitted.feature_names,
        fitted.measured,
        fitted.country,
        dict(fitted.facts),
        code_hash(),
        fitted.applicability is not None,
        {path.name: _checksum(path) for path in paths},
    )
    text = yaml_text.dump(asdict(contents))
    (folder / RECIPE).write_text(text, encoding="utf-8")
    return {path.name: str(path) for path in (folder / RECIPE, *paths)}


def check(files: Mapping[str, str], checksum: str | None = None) -> _Contents:
    """Check that the files of a model belong together, as far as they have checksums.

    Parameters
    ----------
    files : mapping of str to str
        The path of each file by its name, as `write` returns it.
    checksum : str, optional
        That of the recipe, where the registry has it.

    Returns
    -------
    _Contents
        What the recipe holds.

    Raises
    ------
    DataError
        One is missing, cannot be read, or is not as it was written.
    """
    contents = _contents(files[RECIPE], checksum)
    if contents.has_applicability and APPLICABILITY not in files:
        raise DataError(f"{files[RECIPE]} lacks the {APPLICABILITY} beside it; log the model again")
    if contents.checksums is None:
        return contents
    for name in files.keys() - {RECIPE}:
        try:
            checksum = _checksum(Path(files[name]))
        except (OSError, ValueError) as error:
            raise DataError(
                f"{files[name]} cannot be read: {error}; log the model again"
            ) from error
        if checksum != contents.checksums.get(name):
            raise DataError(
                f"{files[name]} is not the one that the {RECIPE} beside it was written with: it was changed, "
                f"or is of another version; log the model again"
            )
    return contents


def read(files: Mapping[str, str], checksum: str | None = None) -> Fitted:
    """Read a model; warn where its features were made by other code than this.

    Parameters
    ----------
    files, checksum
        As of `check`.

    Raises
    ------
    DataError
        A file that is missing, cannot be read or is not as it was written, a recipe with a value that no
        configuration could have given it, or a classifier that holds a type of which no model is made.
    """
    contents = check(files, checksum)
    if contents.code != code_hash():
        warnings.warn(
            f"the model of {contents.country} was made by other code than the cropland in "
            f"{Path(__file__).parents[1]}; its features may differ: load it where cropland is not imported",
            stacklevel=2,
        )
    return Fitted(
        recipe=contents.recipe,
        classifier=_classifier(files[ESTIMATOR], len(contents.feature_names)),
        feature_names=contents.feature_names,
        measured=contents.measured,
        country=contents.country,
        facts=contents.facts,
        applicability=(
            Applicability.read(Path(files[APPLICABILITY]), len(contents.feature_names))
            if APPLICABILITY in files
            else None
        ),
    )


def _checksum(path: Path) -> str:
    """Return the checksum of a file of at most `LARGEST_BYTES`."""
    return fingerprint(documents.read_bytes(path, LARGEST_BYTES))


def _contents(path: str, checksum: str | None) -> _Contents:
    """Read a recipe and what stands beside it, checked."""
    try:
        content = documents.read_bytes(Path(path), documents.MOST_YAML_BYTES)
        if checksum not in (None, fingerprint(content)):
            raise ValueError("it was changed, or is of another version than the registry says")
        contents = filled(_Contents, documents.plain_yaml(content))
        stored_recipe.check_recipe(contents.recipe)
        stored_recipe.check_names(contents.recipe, contents.feature_names, contents.measured)
        stored_recipe.check_facts(contents.country, contents.facts)
    except (CroplandError, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}; log the model again") from error
    return contents


def _classifier(path: str, n_features: int) -> Classifier:
    """Read a classifier; warn once where it was made by another version of scikit-learn."""
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier: Classifier = estimators.read(Path(path), n_features)
    versions = {
        (item.message.original_sklearn_version, item.message.current_sklearn_version)
        for item in caught
        if isinstance(item.message, InconsistentVersionWarning)
    }
    for before, here in sorted(versions):
        warnings.warn(
            f"the model was made with scikit-learn {before}, here is {here}; its probabilities may differ: "
            f"promote with force=true",
            stacklevel=3,
        )
    return classifier
